package change

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func taken(t testing.TB, s *script, before *Known, shrink bool) *Taken {
	t.Helper()
	taken, err := Take("report.json", bytes.NewReader(s.saved(t, "json")), before, shrink)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

func baselineText(t testing.TB, k *Known) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteBaseline(&b, k); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func parsed(t testing.TB, text string) *Known {
	t.Helper()
	k, err := ReadBaseline(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// all is what is held of all findings, in order.
func all(k *Known) (findings []finding.Finding) {
	for _, number := range k.sorted() {
		findings = append(findings, k.Finding(number))
	}
	return findings
}

func TestGoldenBaseline(t *testing.T) {
	golden(t, "typical.baseline", baselineText(t, taken(t, typical(), nil, false).Known))
	golden(t, "hostile.baseline", baselineText(t, taken(t, hostile(), nil, false).Known))
}

// A baseline reads back as what was written, is plain ASCII, one line for each
// finding, and the same whatever the order of the report.
func TestBaselineRoundTrip(t *testing.T) {
	scripts := map[string]*script{"typical": typical(), "hostile": hostile(), "empty": newScript()}
	for seed := range uint64(50) {
		scripts[fmt.Sprint("seed ", seed)] = random(rand.New(rand.NewPCG(seed, 2)))
	}
	for name, s := range scripts {
		known := taken(t, s, nil, false).Known
		text := baselineText(t, known)
		for i := range len(text) {
			if c := text[i]; c != '\n' && (c < ' ' || c > '~') {
				t.Fatalf("%s holds the byte %#x", name, c)
			}
		}
		again := parsed(t, text)
		if diff := cmp.Diff(all(known), all(again)); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
		if diff := cmp.Diff(known.Targets(), again.Targets()); diff != "" {
			t.Errorf("%s: targets (-written +read):\n%s", name, diff)
		}
		if known.Organization != again.Organization {
			t.Errorf("%s: organization %q, not %q", name, again.Organization, known.Organization)
		}
		other := s.clone()
		slices.Reverse(other.findings)
		if diff := cmp.Diff(text, baselineText(t, taken(t, other, nil, false).Known)); diff != "" {
			t.Errorf("%s: the order of the report shows:\n%s", name, diff)
		}
	}
}

func TestBaselineLeavesWaivedOut(t *testing.T) {
	s := typical()
	s.findings[1].Status, s.findings[1].Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: "agreed"}
	of := taken(t, s, nil, false)
	if of.Waived != 1 || of.Known.Len() != len(s.findings)-1 {
		t.Errorf("%d waived, %d known of %d", of.Waived, of.Known.Len(), len(s.findings))
	}
}

// A run held against its own baseline has nothing new, and nothing is gone.
func TestRunIsKnownByItsBaseline(t *testing.T) {
	for seed := range uint64(50) {
		s := random(rand.New(rand.NewPCG(seed, 3)))
		known := parsed(t, baselineText(t, taken(t, s, nil, false).Known))
		c := known.Compare()
		c.Run(s.run)
		for i := range s.findings {
			kind, _, err := c.Finding(&s.findings[i])
			if err != nil {
				t.Fatal(err)
			}
			if want := s.findings[i].Status == finding.Waived; kind != Still && !want || kind != Waived && want {
				t.Errorf("seed %d: %s is %s", seed, s.findings[i].Fingerprint, kind)
			}
		}
		c.Gone(func(number int, _ string) { t.Errorf("seed %d: %s is gone", seed, known.Finding(number).Fingerprint) })
	}
}

func TestReviseBaseline(t *testing.T) {
	older, newer := changed()
	before := taken(t, older, nil, false).Known
	for _, shrink := range []bool{true, false} {
		of := taken(t, newer, before, shrink)
		// Of what was known: organization and ledger not seen, images 2 to 4 fixed.
		want := Revision{Lowered: 1, Waived: 1, Fixed: 3, NotSeen: 3}
		if shrink {
			want.Refused = 7
		} else {
			want.Added, want.Raised = 6, 1
		}
		if diff := cmp.Diff(want, of.Revision); diff != "" {
			t.Errorf("shrink %t (-want +got):\n%s", shrink, diff)
		}
		if shrink && of.Known.Len() > before.Len() {
			t.Errorf("it has grown from %d to %d", before.Len(), of.Known.Len())
		}
		for i := range of.Known.Len() {
			f := of.Known.Finding(i)
			fingerprint, _ := ParseFingerprint(f.Fingerprint)
			number, was := before.Find(fingerprint)
			if shrink && (!was || kindOf(new(before.Verdict(number)), of.Known.Verdict(i)) == Worsened) {
				t.Errorf("%s was added or raised", f.Fingerprint)
			}
		}
	}
}

// Shrinking by the report that the baseline was made of changes nothing, and
// twice is as once.
func TestShrinkIsIdempotent(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 4))
		a, b := random(r), random(r)
		first := taken(t, a, nil, false).Known
		if diff := cmp.Diff(baselineText(t, first), baselineText(t, taken(t, a, first, true).Known)); diff != "" {
			t.Errorf("seed %d: by its own report (-before +after):\n%s", seed, diff)
		}
		once := taken(t, b, first, true).Known
		if diff := cmp.Diff(baselineText(t, once), baselineText(t, taken(t, b, once, true).Known)); diff != "" {
			t.Errorf("seed %d: once and twice (-once +twice):\n%s", seed, diff)
		}
	}
}

func TestBaselineOfAnotherOrganization(t *testing.T) {
	s := typical()
	before := taken(t, s, nil, false).Known
	s.run.OrganizationID = "o-other"
	if _, err := Take("report.json", bytes.NewReader(s.saved(t, "json")), before, true); err == nil || !strings.Contains(err.Error(), "o-other") {
		t.Errorf("%v", err)
	}
}

// A merge that keeps the lines of both sides is understood.
func TestBaselineMergedByUnion(t *testing.T) {
	a, b := typical(), typical()
	a.findings, b.findings = a.findings[:6], b.findings[4:]
	b.findings[0].Severity = finding.Critical
	one, other := baselineText(t, taken(t, a, nil, false).Known), baselineText(t, taken(t, b, nil, false).Known)
	merged := parsed(t, one+other)
	if merged.Len() != len(typical().findings) {
		t.Errorf("%d findings of %d", merged.Len(), len(typical().findings))
	}
	fingerprint, _ := ParseFingerprint(b.findings[0].Fingerprint)
	number, _ := merged.Find(fingerprint)
	if got := merged.Verdict(number).Severity; got != finding.Critical {
		t.Errorf("of two severities %s counts", got)
	}
	reversed := parsed(t, other+one)
	if diff := cmp.Diff(baselineText(t, merged), baselineText(t, reversed)); diff != "" {
		t.Errorf("the order of the sides shows:\n%s", diff)
	}
}

func TestBaselineWithWindowsLines(t *testing.T) {
	text := baselineText(t, taken(t, typical(), nil, false).Known)
	if diff := cmp.Diff(text, baselineText(t, parsed(t, "\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")+"\r\n\r\n"))); diff != "" {
		t.Error(diff)
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	const head = "# ecraudit.baseline/v1\n"
	const fingerprint = "3215f1df04fcdb3f7cdfa080e1547910"
	for text, wants := range map[string][]string{
		"":                                 {"empty", "ecraudit baseline REPORT"},
		`{"schema": "ecraudit.report/v1"}`: {"looks like a report", "ecraudit baseline REPORT"},
		"rules: {}\n":                      {"line 1", "no baseline"},
		"# ecraudit.baseline/v2\n":         {"line 1", "v2", "newer"},
		"<<<<<<< HEAD\n" + head:            {"line 1", "conflict", "merge=union"},
		head + "<<<<<<< HEAD\n":            {"line 2", "conflict", "merge=union"},
		head + "\n=======\n":               {"line 3", "conflict"},
		head + ">>>>>>> other\n":           {"line 2", "conflict"},
		head + "||||||| base\n":            {"line 2", "conflict"},
		head + fingerprint + " critical fail repository-public\n":             {"line 2", "only 4 words"},
		head + "x critical fail repository-public a/b/c\n":                    {"line 2", `"x"`, "32 hexadecimal"},
		head + fingerprint + " severe fail repository-public a/b/c\n":         {"line 2", `"severe"`, "critical"},
		head + fingerprint + " critical waived repository-public a/b/c\n":     {"line 2", `"waived"`, "fail, unknown"},
		head + fingerprint + " critical fail repository-public a/b/c% \n":     {"line 2", "percent"},
		head + fingerprint + " critical fail repository-public a/b/c%zz\n":    {"line 2", "percent"},
		head + fingerprint + " critical fail repository-public a/b/c%+1\n":    {"line 2", "percent"},
		head + fingerprint + " critical fail repository-public a/b/c x\n":     {"line 2", `"x"`, "too many"},
		head + fingerprint + " critical fail repository-public a/b/c @d @e\n": {"line 2", `"@e"`, "too many"},
		head + fingerprint + " critical fail repository-public a/b/c :\n":     {"line 2", "nothing"},
		head + "read a/b/c\n":              {"line 2", "account and a region"},
		head + "read\n":                    {"line 2", "1 word"},
		head + strings.Repeat("x", 70_000): {"line 2", "longer"},
	} {
		_, err := ReadBaseline(strings.NewReader(text))
		if err == nil {
			t.Errorf("%.60q: no error", text)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.60q: no %q in %v", text, want, err)
			}
		}
	}
}

func TestTakeRefusesFilteredReports(t *testing.T) {
	s := typical()
	s.run.Query = "severity=critical"
	if _, err := Take("report.json", bytes.NewReader(s.saved(t, "json")), nil, false); err == nil || !strings.Contains(err.Error(), "severity=critical") {
		t.Errorf("%v", err)
	}
}

// Not seen stays known, however often it is not seen.
func TestNotSeenIsKept(t *testing.T) {
	s := typical()
	before := taken(t, s, nil, false).Known
	blind := newScript()
	for i := range blind.run.Targets {
		blind.run.Targets[i].Status = snapshot.StatusFailed
	}
	blind.run.Complete = false
	for range 3 {
		after := taken(t, blind, before, true).Known
		if diff := cmp.Diff(all(before), all(after)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		before = after
	}
}

// FuzzReadBaseline reads anything without a panic, and what it takes it writes
// so that it reads the same again.
func FuzzReadBaseline(f *testing.F) {
	f.Add(baselineText(f, taken(f, typical(), nil, false).Known))
	f.Add(baselineText(f, taken(f, hostile(), nil, false).Known))
	f.Add("# ecraudit.baseline/v1\n<<<<<<< HEAD\n")
	f.Add("# ecraudit.baseline/v1\n3215f1df04fcdb3f7cdfa080e1547910 low unknown r%20 %6Frganization//x%2Fy @a :b\nread organization/x\norganization %FF")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ReadBaseline(strings.NewReader(text))
		if err != nil {
			return
		}
		written := baselineText(t, k)
		again, err := ReadBaseline(strings.NewReader(written))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, written)
		}
		if a, b := all(k), all(again); !reflect.DeepEqual(a, b) {
			t.Errorf("(-read +again):\n%s", cmp.Diff(a, b))
		}
		if rewritten := baselineText(t, again); rewritten != written {
			t.Errorf("written twice differs:\n%s", cmp.Diff(written, rewritten))
		}
	})
}

func BenchmarkBaseline(b *testing.B) {
	s := long(100_000)
	saved := s.saved(b, "json")
	text := baselineText(b, taken(b, s, nil, false).Known)
	b.Run("take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Take("report.json", bytes.NewReader(saved), nil, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parsed(b, text)
		}
		b.ReportMetric(float64(len(text))/float64(len(s.findings)), "bytes/finding")
	})
	known := parsed(b, text)
	b.Run("compare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := known.Compare()
			c.Run(s.run)
			for i := range s.findings {
				if _, _, err := c.Finding(&s.findings[i]); err != nil {
					b.Fatal(err)
				}
			}
			c.Gone(func(int, string) {})
		}
	})
}
