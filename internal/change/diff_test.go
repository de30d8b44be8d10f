package change

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// changed is a pair of runs with a change of every kind.
func changed() (older, newer *script) {
	older, newer = typical(), newScript()
	newer.run.Clock = older.run.Clock.Add(24 * time.Hour)
	newer.run.RulesDigest = "sha256:" + strings.Repeat("6f", 32)
	newer.run.Targets[1].Status, newer.run.Targets[1].Reason = snapshot.StatusFailed, "the role could not be assumed"
	newer.run.Complete = false
	newer.run.Targets = append(newer.run.Targets, report.Target{Account: "555566667777", Region: region, Status: snapshot.StatusComplete})
	shop := platform + "/" + region + "/web/shop"
	newer.found("encryption", shop).Severity = finding.Medium
	f := newer.found("external-push", shop)
	f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: "agreed"}
	newer.found("release-vulnerabilities", shop)
	newer.image(0).Severity = finding.Medium
	newer.found("release-vulnerabilities", shop)
	newer.image(1)
	for i := 10; i < 15; i++ {
		newer.found("release-vulnerabilities", shop)
		newer.image(i)
	}
	newer.found("encryption", "555566667777/"+region+"/new")
	return older, newer
}

func TestGoldenDiff(t *testing.T) {
	older, newer := changed()
	for _, format := range Formats() {
		for name, o := range map[string]report.Options{"": {}, "-all": {All: true}, "-color": {Color: true}, "-50": {Width: 50}} {
			if name != "" && format != "table" {
				continue
			}
			var b bytes.Buffer
			if err := diffOf(t, older, newer, DiffOptions{All: o.All}).Write(&b, format, o); err != nil {
				t.Fatal(err)
			}
			golden(t, "diff"+name+"."+format, b.String())
		}
	}
}

func schemaOf(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Whatever the runs hold, every format is valid, whole and harmless.
func TestDiffIsHarmless(t *testing.T) {
	schema := schemaOf(t, DiffSchemaJSON())
	older, newer := changed()
	for name, pair := range map[string][2]*script{
		"changed": {older, newer}, "hostile new": {newScript(), hostile()}, "hostile gone": {hostile(), newScript()},
		"hostile still": {hostile(), hostile()}, "empty": {newScript(), newScript()},
	} {
		for _, format := range Formats() {
			for _, all := range []bool{false, true} {
				var b bytes.Buffer
				if err := diffOf(t, pair[0], pair[1], DiffOptions{All: all}).Write(&b, format, report.Options{All: all}); err != nil {
					t.Fatal(err)
				}
				out := b.String()
				if !utf8.ValidString(out) {
					t.Errorf("%s of %s is no UTF-8", format, name)
				}
				for _, r := range out {
					if r != '\n' && (!unicode.IsPrint(r) || unicode.Is(unicode.Cf, r)) {
						t.Fatalf("%s of %s contains %U", format, name, r)
					}
				}
				switch format {
				case "json":
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
					if err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(value); err != nil && !strings.HasPrefix(name, "hostile") {
						t.Errorf("%s: %v", name, err)
					}
				case "table":
					for line := range strings.Lines(out) {
						if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > 80 {
							t.Errorf("%s: a line takes %d columns: %q", name, w, line)
						}
					}
				case "markdown":
					if strings.Contains(out, "<script>|") {
						t.Errorf("%s has markup of others:\n%s", name, out)
					}
				}
			}
		}
	}
}

func TestKinds(t *testing.T) {
	verdict := func(s finding.Severity, status finding.Status) *Verdict { return &Verdict{s, status} }
	for _, c := range []struct {
		was  *Verdict
		is   *Verdict
		want Kind
	}{
		{nil, verdict(finding.Low, finding.Fail), New},
		{nil, verdict(finding.Low, finding.Unknown), New},
		{nil, verdict(finding.Low, finding.Waived), Waived},
		{verdict(finding.Low, finding.Fail), verdict(finding.Low, finding.Fail), Still},
		{verdict(finding.Low, finding.Fail), verdict(finding.High, finding.Fail), Worsened},
		{verdict(finding.High, finding.Fail), verdict(finding.Low, finding.Fail), Improved},
		{verdict(finding.High, finding.Unknown), verdict(finding.High, finding.Fail), Worsened},
		{verdict(finding.High, finding.Unknown), verdict(finding.Low, finding.Fail), Worsened},
		{verdict(finding.High, finding.Fail), verdict(finding.High, finding.Unknown), Still},
		{verdict(finding.High, finding.Fail), verdict(finding.Low, finding.Unknown), Still},
		{verdict(finding.Low, finding.Fail), verdict(finding.High, finding.Unknown), Worsened},
		{verdict(finding.High, finding.Fail), verdict(finding.High, finding.Waived), Waived},
		{verdict(finding.High, finding.Waived), verdict(finding.High, finding.Waived), Waived},
		{verdict(finding.High, finding.Waived), verdict(finding.High, finding.Fail), Worsened},
		{verdict(finding.High, finding.Waived), verdict(finding.Low, finding.Unknown), Worsened},
	} {
		if got := kindOf(c.was, *c.is); got != c.want {
			t.Errorf("%v to %v is %s, not %s", c.was, *c.is, got, c.want)
		}
	}
}

// What is gone is fixed only where its place was judged again.
func TestFixedNeverMeansNotRead(t *testing.T) {
	shop := platform + "/" + region + "/web/shop"
	older := newScript()
	older.found("external-push", shop)
	older.found("release-vulnerabilities", shop)
	older.image(1)
	older.found("replica-parity", "")
	for name, c := range map[string]struct {
		spoil func(*script)
		seen  []string // rules whose findings count as fixed
	}{
		"all judged":                   {func(*script) {}, []string{"external-push", "release-vulnerabilities", "replica-parity"}},
		"interrupted":                  {func(s *script) { s.run.Interrupted, s.run.Complete = true, false }, nil},
		"rule not active":              {func(s *script) { s.run.Rules = s.run.Rules[2:] }, []string{"release-vulnerabilities", "replica-parity"}},
		"target not there":             {func(s *script) { s.run.Targets = s.run.Targets[1:] }, nil},
		"target failed":                {func(s *script) { s.run.Targets[0].Status, s.run.Complete = snapshot.StatusFailed, false }, nil},
		"target skipped":               {func(s *script) { s.run.Targets[0].Status = snapshot.StatusSkipped }, nil},
		"target partial without a gap": {func(s *script) { s.run.Targets[0].Status, s.run.Complete = snapshot.StatusPartial, false }, nil},
		"account failed": {func(s *script) {
			s.run.Targets[0].Region, s.run.Targets[0].Status, s.run.Complete = "", snapshot.StatusFailed, false
		}, nil},
		"account twice": {func(s *script) {
			s.run.Targets = append(s.run.Targets, report.Target{Account: platform, Region: region, Status: snapshot.StatusFailed})
			s.run.Complete = false
		}, nil},
		"incomplete for no reason": {func(s *script) { s.run.Complete = false }, nil},
		"other account failed":     {func(s *script) { s.run.Targets[1].Status, s.run.Complete = snapshot.StatusFailed, false }, []string{"external-push", "release-vulnerabilities"}},
		"other account not there":  {func(s *script) { s.run.Targets = s.run.Targets[:1] }, []string{"external-push", "release-vulnerabilities"}},
		"gap that the rule needs":  {func(s *script) { s.gap(region, "web/shop", snapshot.NeedPolicy) }, []string{"release-vulnerabilities"}},
		"gap that the rule uses":   {func(s *script) { s.gap(region, "", snapshot.NeedRegistryPolicy) }, []string{"release-vulnerabilities"}},
		"gap that no rule needs":   {func(s *script) { s.gap(region, "web/shop", snapshot.NeedTags) }, []string{"external-push", "release-vulnerabilities"}},
		"gap that nobody knows":    {func(s *script) { s.gap(region, "web/shop", "mystery") }, nil},
		"gap of another place":     {func(s *script) { s.gap(region, "web/landing", snapshot.NeedPolicy) }, []string{"external-push", "release-vulnerabilities"}},
		"gap that is implied":      {func(s *script) { s.gap(region, "web/shop", snapshot.NeedImageGraph) }, []string{"external-push"}},
		"listing cut off":          {func(s *script) { s.gap(region, "", snapshot.NeedRepositories) }, nil},
		"gap of the account":       {func(s *script) { s.gap("", "", snapshot.NeedTags) }, nil},
		"rule could not tell": {func(s *script) {
			f := s.found("external-push", shop)
			f.Status, f.Fingerprint = finding.Unknown, fingerprint("the rule failed")
		}, []string{"release-vulnerabilities", "replica-parity"}},
		"rule could not tell, waived": {func(s *script) {
			f := s.found("external-push", shop)
			f.Status, f.Fingerprint, f.Waiver = finding.Waived, fingerprint("the rule failed"), &finding.Waiver{Verdict: finding.Unknown}
		}, []string{"release-vulnerabilities", "replica-parity"}},
		"rule could not tell of another image": {func(s *script) {
			s.found("release-vulnerabilities", shop).Status = finding.Unknown
			s.image(2)
		}, []string{"external-push", "release-vulnerabilities", "replica-parity"}},
		"rule could not tell of all images": {func(s *script) { s.found("release-vulnerabilities", shop).Status = finding.Unknown }, []string{"external-push", "replica-parity"}},
	} {
		newer := newScript()
		c.spoil(newer)
		d := diffOf(t, older, newer, DiffOptions{})
		var fixed []string
		for _, e := range d.of(Fixed) {
			fixed = append(fixed, e.Rule)
		}
		for _, e := range d.of(NotSeen) {
			if e.Why == "" {
				t.Errorf("%s: not said why %s was not seen", name, e.Rule)
			}
		}
		slices.Sort(fixed)
		if diff := cmp.Diff(c.seen, fixed); diff != "" {
			t.Errorf("%s: fixed (-want +got):\n%s", name, diff)
		}
		if d.Summary.Fixed+d.Summary.NotSeen != len(older.findings) {
			t.Errorf("%s: %d fixed and %d not seen of %d", name, d.Summary.Fixed, d.Summary.NotSeen, len(older.findings))
		}
		if wantCode := ExitClean; d.Summary.NotSeen == 0 && newer.run.Complete && len(newer.findings) == 0 && d.Summary.ExitCode != wantCode {
			t.Errorf("%s: exit code %d", name, d.Summary.ExitCode)
		}
		if d.Summary.NotSeen > 0 && d.Summary.Failing == 0 && d.Summary.ExitCode != ExitIncomplete {
			t.Errorf("%s: exit code %d though something was not seen", name, d.Summary.ExitCode)
		}
	}
}

func fingerprintsOf(entries []Entry) []string {
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Fingerprint)
	}
	slices.Sort(all)
	return all
}

// The laws of a comparison, on runs of chance.
func TestDiffLaws(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := random(r), random(r)

		same := diffOf(t, a, a, DiffOptions{All: true})
		if s := same.Summary; s.Still+s.Waived != len(a.findings) || len(same.Entries) != len(a.findings) {
			t.Errorf("seed %d: a run differs from itself: %+v", seed, s)
		}
		shuffled := a.clone()
		r.Shuffle(len(shuffled.findings), func(i, j int) {
			shuffled.findings[i], shuffled.findings[j] = shuffled.findings[j], shuffled.findings[i]
		})
		for i := range shuffled.findings {
			shuffled.findings[i].Message = fmt.Sprint("in other words ", i)
			shuffled.findings[i].Remediation = "do it otherwise"
		}
		shuffled.run.RulesDigest = "sha256:" + strings.Repeat("77", 32)
		if s := diffOf(t, a, shuffled, DiffOptions{}).Summary; s.Still+s.Waived != len(a.findings) {
			t.Errorf("seed %d: order, messages or rule versions change findings: %+v", seed, s)
		}

		forth, back := diffOf(t, a, b, DiffOptions{All: true}), diffOf(t, b, a, DiffOptions{All: true})
		arrived := slices.Concat(forth.of(New), slices.DeleteFunc(slices.Clone(forth.of(Waived)), func(e Entry) bool { return e.Was != nil }))
		gone := slices.Concat(back.of(Fixed), back.of(NotSeen))
		if diff := cmp.Diff(fingerprintsOf(arrived), fingerprintsOf(gone)); diff != "" {
			t.Errorf("seed %d: new one way is not gone the other way:\n%s", seed, diff)
		}
		if s := forth.Summary; s.New+s.Worsened+s.Improved+s.Waived+s.Still != len(b.findings) {
			t.Errorf("seed %d: the findings of the new run are not each of one kind: %+v of %d", seed, s, len(b.findings))
		}
		listed := diffOf(t, a, b, DiffOptions{})
		if listed.Summary != forth.Summary {
			t.Errorf("seed %d: what is listed changes the summary", seed)
		}
	}
}

func TestDiffExitCodes(t *testing.T) {
	older := newScript()
	low := newScript()
	low.found("encryption", platform+"/"+region+"/a")
	unknown := newScript()
	unknown.found("external-push", platform+"/"+region+"/a").Status = finding.Unknown
	failing := newScript()
	failing.found("external-push", platform+"/"+region+"/a")
	gappy := newScript()
	gappy.gap(region, "b", snapshot.NeedPolicy)
	stopped := newScript()
	stopped.run.Interrupted, stopped.run.Complete = true, false
	for name, c := range map[string]struct {
		old, new *script
		o        DiffOptions
		want     int
	}{
		"nothing":                    {older, older, DiffOptions{}, 0},
		"below":                      {older, low, DiffOptions{}, 0},
		"at":                         {older, low, DiffOptions{FailOn: "low"}, 2},
		"failing":                    {older, failing, DiffOptions{AllowIncomplete: true}, 2},
		"never":                      {older, failing, DiffOptions{FailOn: "none"}, 0},
		"still":                      {failing, failing, DiffOptions{}, 0},
		"certain now":                {unknown, failing, DiffOptions{}, 2},
		"unknown":                    {older, unknown, DiffOptions{}, 3},
		"unknown allowed":            {older, unknown, DiffOptions{AllowIncomplete: true}, 0},
		"incomplete":                 {older, gappy, DiffOptions{}, 3},
		"incomplete before":          {gappy, older, DiffOptions{}, 0},
		"interrupted is not allowed": {older, stopped, DiffOptions{AllowIncomplete: true}, 3},
		"not matching":               {older, failing, DiffOptions{Query: queryOf("rule=x")}, 2},
	} {
		if got := diffOf(t, c.old, c.new, c.o).Summary.ExitCode; got != c.want {
			t.Errorf("%s: exit code %d, not %d", name, got, c.want)
		}
	}
}

func queryOf(text string) *query.Query {
	q, err := query.Parse(text)
	if err != nil {
		panic(err)
	}
	return q
}

func TestDiffQuery(t *testing.T) {
	older, newer := changed()
	d := diffOf(t, older, newer, DiffOptions{Query: queryOf("rule=encryption"), All: true})
	for _, e := range d.Entries {
		if e.Rule != "encryption" {
			t.Errorf("%s is listed", e.Rule)
		}
	}
	if len(d.of(NotSeen)) != 1 || len(d.of(New)) != 1 {
		t.Errorf("%+v", d.Summary)
	}
}

func TestDiffRefuses(t *testing.T) {
	good := typical()
	filtered := typical()
	filtered.run.Query = "severity=critical"
	twice := typical()
	twice.findings = append(twice.findings, twice.findings[0])
	twiceNew := newScript()
	twiceNew.found("encryption", platform+"/"+region+"/new")
	twiceNew.findings = append(twiceNew.findings, twiceNew.findings[0])
	nameless := typical()
	nameless.findings[0].Fingerprint = "x"
	for name, c := range map[string]struct {
		old, new []byte
		want     []string
	}{
		"filtered old":   {filtered.saved(t, "json"), good.saved(t, "json"), []string{"before.json", `"severity=critical"`, "report of all findings"}},
		"filtered new":   {good.saved(t, "json"), filtered.saved(t, "json"), []string{"after.json", "severity=critical"}},
		"twice old":      {twice.saved(t, "json"), good.saved(t, "json"), []string{"before.json", "twice"}},
		"twice new":      {good.saved(t, "json"), twice.saved(t, "json"), []string{"after.json", "twice"}},
		"twice and new":  {good.saved(t, "json"), twiceNew.saved(t, "json"), []string{"after.json", "twice"}},
		"no fingerprint": {good.saved(t, "json"), nameless.saved(t, "json"), []string{"after.json", "fingerprint", "32"}},
		"cut off":        {good.saved(t, "json"), good.saved(t, "json")[:900], []string{"after.json", "truncated"}},
		"no report":      {[]byte("x"), good.saved(t, "json"), []string{"before.json", "no report"}},
		"empty":          {nil, good.saved(t, "json"), []string{"before.json", "empty"}},
	} {
		_, err := Reports(bytes.NewReader(c.old), bytes.NewReader(c.new), DiffOptions{OldName: "before.json", NewName: "after.json"})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in %v", name, want, err)
			}
		}
	}
}

func TestDifferencesOfRuns(t *testing.T) {
	older, newer := typical(), typical()
	newer.run.Clock = older.run.Clock.Add(-time.Hour)
	newer.run.OrganizationID, newer.run.Framework, newer.run.Version = "o-other", "security-hub", "0.2.0"
	newer.run.Rules = newer.run.Rules[1:]
	newer.run.Targets[0].Region = "us-east-1"
	older.run.Complete = false
	d := diffOf(t, older, newer, DiffOptions{})
	var b bytes.Buffer
	if err := d.Write(&b, "table", report.Options{Width: 200}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"OLD is newer than NEW", "different organizations: o-a1b2c3d4e5 and o-other", "OLD is not complete", "Only OLD read 222233334444/eu-west-1",
		"Only NEW read 222233334444/us-east-1", "Rules only in OLD: encryption", "frameworks: none and security-hub", "versions of ecraudit differ: 0.1.0 and 0.2.0",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, b.String())
		}
	}
}

// long is a run of n findings, most of them on images.
func long(n int) *script {
	s := newScript()
	for i := range n {
		s.found(s.run.Rules[i%3].ID, fmt.Sprintf("%s/%s/team-%02d/service-%05d", []string{platform, payments}[i%2], region, i%37, i/5))
		if i%3 == 2 {
			s.image(i)
		}
		f := &s.findings[i]
		f.Fingerprint = fingerprint("long", fmt.Sprint(i))
		f.Message = fmt.Sprintf("finding %d: statement \"partner\" lets arn:aws:iam::999988887777:root pull", i)
	}
	return s
}

func BenchmarkDiff(b *testing.B) {
	const findings = 100_000
	whole := long(findings)
	half := whole.clone()
	half.findings = half.findings[:findings/2]
	for name, pair := range map[string][2]*script{"still": {whole, whole}, "half-new": {half, whole}, "half-fixed": {whole, half}} {
		older, newer := pair[0].saved(b, "json"), pair[1].saved(b, "json")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d, err := Reports(bytes.NewReader(older), bytes.NewReader(newer), DiffOptions{FailOn: "high"})
				if err != nil {
					b.Fatal(err)
				}
				if err := d.Write(discard{}, "table", report.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func TestDiffDocument(t *testing.T) {
	older, newer := changed()
	var b bytes.Buffer
	d := diffOf(t, older, newer, DiffOptions{})
	if err := d.Write(&b, "json", report.Options{}); err != nil {
		t.Fatal(err)
	}
	var document struct {
		Schema  string
		Changes []Entry
		Summary Summary
	}
	if err := json.Unmarshal(b.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if document.Schema != Schema {
		t.Errorf("schema %q", document.Schema)
	}
	if diff := cmp.Diff(d.Entries, document.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(d.Summary, document.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}
