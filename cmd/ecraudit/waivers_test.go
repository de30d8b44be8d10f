package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

// The clock of these tests is that of the simulation, 2026-10-01.

// platformFlags audit one account of the demonstration whole.
const platformFlags = " --accounts " + awssim.DemoPlatform + " --role-name ecraudit-reader --regions eu-west-1,us-east-1 "

// waivers of the demonstration: one that holds, one that has ended, one that
// excuses nothing.
const demoWaivers = `# Reviewed each quarter.
waivers:
  - rule: repository-public
    match: {accounts: "222233334444", repositories: ["access/*"]}
    reason: base images, public on purpose
    owner: platform
    ticket: PLAT-7
    until: 2027-01-31
  - rule: external-push
    match: {repositories: "access/*"}
    reason: the pipeline of payments is on its way
    owner: payments
    until: 2026-09-30
  - rule: encryption
    match: {accounts: "222233334444", regions: eu-west-1, repositories: "gone/*"}
    reason: is copied to another repository
    owner: platform
    until: 2026-12-31
`

func (w *world) auditAt(flags string) document {
	w.t.Helper()
	r := w.runAt("audit --format json " + flags)
	if r.code == exitError {
		w.t.Fatalf("audit %s: %s", flags, r.err)
	}
	return w.decode(r)
}

// verdictsOf are the findings of rules, as "status rule repository".
func (d document) verdictsOf(rules ...string) (verdicts []string) {
	for _, f := range d.Findings {
		if slices.Contains(rules, f.Rule) {
			verdicts = append(verdicts, fmt.Sprintf("%s %s %s", f.Status, f.Rule, f.Repository))
		}
	}
	return verdicts
}

func (d document) messagesOf(rule string) (messages []string) {
	for _, f := range d.Findings {
		if f.Rule == rule {
			messages = append(messages, string(f.Status)+": "+f.Message)
		}
	}
	return messages
}

var rulesDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// onlyRules turns all other rules off, for tests that ask many times about few.
func (w *world) onlyRules(on ...string) {
	w.t.Helper()
	var rules []string
	for line := range strings.Lines(w.works("rules").out) {
		id, _, _ := strings.Cut(line, " ")
		switch {
		case slices.Contains(on, id):
			rules = append(rules, id+": on")
		case id != "ID":
			rules = append(rules, id+": off")
		}
	}
	w.write("ecraudit.yaml", "rules: {"+strings.Join(rules, ", ")+"}\n")
}

func TestWaivedReports(t *testing.T) {
	w := demoWorld(t)
	w.onlyRules("repository-public", "external-push", "encryption", finding.WaiverExpired)
	w.write("waivers.yaml", demoWaivers)
	r := w.with("audit -o waivers.txt -o waivers.json -o waivers.sarif -o waivers.xml -o waivers.md -o waivers.csv"+platformFlags, streams{})
	if r.code != 2 || !strings.Contains(r.err, "the waiver waivers.yaml:14 excuses nothing: there is no finding of encryption (accounts 222233334444; regions eu-west-1; repositories gone/*); remove it") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	for _, name := range []string{"waivers.txt", "waivers.json", "waivers.sarif", "waivers.xml", "waivers.md", "waivers.csv"} {
		golden(t, name, rulesDigest.ReplaceAllString(w.read(name), "sha256:RULES"))
	}
	const statement = "Waivers: 2 in force, 1 ended, 1 excuses nothing (waivers.yaml:14)."
	if annotations := w.runAt("audit --format github" + platformFlags).out; !strings.Contains(annotations, statement) {
		t.Error(annotations)
	}
	w.write("report.json", w.read("waivers.json"))
	listed := w.runAt("waivers --report report.json --config ecraudit.yaml")
	if listed.code != exitEnded || !strings.HasPrefix(listed.out, "ENDED 1 day ago, on 2026-09-30  external-push  waivers.yaml:9\n") || !strings.Contains(listed.out, "    Excuses 3 findings.\n") {
		t.Errorf("exit code %d: %s%s", listed.code, listed.out, listed.err)
	}
}

// Of a waiver that stands there twice, or is part of another, both places are named.
func TestNeedlessWaivers(t *testing.T) {
	w := demoWorld(t)
	w.snapshot("s.snapshot")
	w.write("ecraudit.yaml", "waiver_files: [teams/web.yaml]\n"+string(demoConfig))
	const waiver = "  - rule: repository-public\n    match: {repositories: \"access/*\"}\n    reason: on purpose\n    owner: web\n    until: "
	w.write("teams/web.yaml", "waivers:\n"+waiver+"2027-01-31\n"+waiver+"2027-01-31\n")
	w.write("waivers.yaml", "waivers:\n"+strings.Replace(waiver, "access/*", "access/public", 1)+"2026-12-31\n")
	const twice = "teams/web.yaml:7: the waiver excuses what teams/web.yaml:2 does, until the same day: remove one of the two"
	const part = "waivers.yaml:2: the waiver has no effect: teams/web.yaml:2 excuses all that it does, and more, until 2027-01-31"
	for line, code := range map[string]int{"audit --snapshot s.snapshot": 2, "waivers": 0, "config validate": 0} {
		if r := w.runAt(line); r.code != code || !strings.Contains(r.err+r.out, twice) || !strings.Contains(r.err+r.out, part) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
	r := w.runAt("config explain access/public --account 222233334444 --region eu-west-1")
	if !strings.Contains(r.out, "which holds longest counts: findings of repository-public by teams/web.yaml:2, until 2027-01-31") {
		t.Error(r.out)
	}
}

// Which waiver by place a waiver of one finding loses against, an audit sees.
func TestNeedlessWaiverOfOneFinding(t *testing.T) {
	w := demoWorld(t)
	w.onlyRules("external-push")
	w.snapshot("s.snapshot")
	d := w.auditAt("--snapshot s.snapshot")
	found := d.Findings[slices.IndexFunc(d.Findings, func(f finding.Finding) bool { return f.Rule == "external-push" })]
	const needless = "waivers.yaml:2: the waiver has no effect: waivers.yaml:3 excuses the finding, too, until 2027-01-31; remove it, or let that one be for less"
	for name, c := range map[string]struct {
		until, more, place string
		needless           bool
	}{
		"ends before":           {until: "2026-12-31", place: found.Repository, needless: true},
		"ends as the other":     {until: "2027-01-31", place: found.Repository},
		"ends later":            {until: "2027-02-01", place: found.Repository},
		"has ended":             {until: "2026-09-01", place: found.Repository},
		"alone has an approval": {until: "2026-12-31", more: ", approved_by: j, approved_on: 2026-09-01", place: found.Repository},
		"is alone":              {until: "2026-12-31", place: "elsewhere"},
	} {
		w.write("waivers.yaml", "waivers:\n  - {rule: external-push, fingerprint: "+found.Fingerprint+", reason: r, owner: o, until: "+c.until+c.more+
			"}\n  - {rule: external-push, match: {repositories: "+c.place+"}, reason: r, owner: o, until: 2027-01-31}\n")
		if r := w.runAt("audit --snapshot s.snapshot"); r.code == exitError || strings.Contains(r.err, needless) != c.needless || strings.Contains(r.err, "has no effect") != c.needless {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.err)
		}
	}
}

// plain is what there is of findings without waivers.
func plainFindings(d document) (all []finding.Finding) {
	for _, f := range d.Findings {
		if f.Rule == finding.WaiverExpired || f.Rule == finding.WaiverInvalid {
			continue
		}
		if f.Waiver != nil {
			f.Status, f.Waiver = f.Waiver.Verdict, nil
		}
		all = append(all, f)
	}
	return all
}

// Whatever is waived, the findings stay what they are: only their status says that
// they are excused.
func TestWaiversChangeNothingElse(t *testing.T) {
	w := demoWorld(t)
	w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
	before := w.auditAt("--snapshot s.snapshot")
	rules := []string{"repository-public", "external-push", "required-tags", "release-vulnerabilities", "untagged-piling-up", "lifecycle-missing", "image-oversized", "tag-latest"}
	places := []string{`accounts: "*"`, `repositories: "access/*"`, `regions: us-east-1`, `tags: {team: "*"}`, `digests: "sha256:*"`, `image_tags: ["1.*", latest]`, `account_names: "p*", encryption: AES256`}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		var text strings.Builder
		text.WriteString("waivers:\n")
		for range 1 + random.IntN(12) {
			fmt.Fprintf(&text, "  - {rule: %s, match: {%s}, reason: r, owner: o, until: %s}\n", rules[random.IntN(len(rules))], places[random.IntN(len(places))],
				time.Now().AddDate(0, 0, random.IntN(300)-150).Format(time.DateOnly))
		}
		text.WriteString("  - {rule: required-tags, fingerprint: " + before.Findings[random.IntN(len(before.Findings))].Fingerprint + ", reason: r, owner: o, until: 2027-01-01}\n")
		w.write("waivers.yaml", text.String())
		after := w.auditAt("--snapshot s.snapshot")
		if diff := cmp.Diff(before.Findings, plainFindings(after)); diff != "" {
			t.Fatalf("%s\n%s", text.String(), diff)
		}
		waived := 0
		for _, f := range after.Findings {
			if (f.Status == finding.Waived) != (f.Waiver != nil) {
				t.Fatalf("%+v", f)
			}
			if f.Waiver != nil {
				waived++
			}
		}
		if waived != sumWaived(after.Summary) || after.Summary.Failing > before.Summary.Failing {
			t.Errorf("%d are waived, %d counted; %d fail", waived, sumWaived(after.Summary), after.Summary.Failing)
		}
	}
	if err := os.Remove("waivers.yaml"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.auditAt("--snapshot s.snapshot")); diff != "" {
		t.Errorf("without waivers: %s", diff)
	}
}

func sumWaived(s report.Summary) (n int) {
	for _, counts := range s.BySeverity {
		n += counts.Waived
	}
	return n
}

// A waiver holds until the end of its last day, the one that holds longest counts,
// and image criteria are about images.
func TestWaiverThatHolds(t *testing.T) {
	w := demoWorld(t)
	w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
	w.onlyRules("repository-public", "external-push", "release-vulnerabilities", finding.WaiverExpired)
	snapshotDay := w.auditAt("--snapshot s.snapshot").Run.Clock
	day := func(n int) string { return snapshotDay.UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	waiver := func(rule, where, until, reason string) string {
		return fmt.Sprintf("  - {rule: %s, match: {%s}, reason: %s, owner: o, until: %s}\n", rule, where, reason, until)
	}
	for name, c := range map[string]struct{ waivers, rule, want string }{
		"on its last day":          {waiver("repository-public", "accounts: '*'", day(0), "a"), "repository-public", "waived a"},
		"the day after":            {waiver("repository-public", "accounts: '*'", day(-1), "a"), "repository-public", "fail"},
		"the longest":              {waiver("repository-public", "accounts: '*'", day(1), "a") + waiver("repository-public", "accounts: '*'", day(3), "b") + waiver("repository-public", "accounts: '*'", day(2), "c"), "repository-public", "waived b"},
		"the first of two":         {waiver("repository-public", "accounts: '*'", day(3), "a") + waiver("repository-public", "accounts: '*'", day(3), "b"), "repository-public", "waived a"},
		"another rule":             {waiver("external-push", "accounts: '*'", day(3), "a"), "repository-public", "fail"},
		"a digest of none":         {waiver("repository-public", "digests: 'sha256:*'", day(3), "a"), "repository-public", "fail"},
		"digests":                  {waiver("release-vulnerabilities", "digests: 'sha256:*'", day(3), "a"), "release-vulnerabilities", "waived a"},
		"other digests":            {waiver("release-vulnerabilities", "digests: 'sha256:????'", day(3), "a"), "release-vulnerabilities", ""},
		"tags of images":           {waiver("release-vulnerabilities", "image_tags: '*.*'", day(3), "a"), "release-vulnerabilities", "waived a"},
		"other tags of images":     {waiver("release-vulnerabilities", "image_tags: nightly", day(3), "a"), "release-vulnerabilities", "fail"},
		"one that lasts, one not":  {waiver("repository-public", "accounts: '*'", day(-1), "a") + waiver("repository-public", "accounts: '*'", day(0), "b"), "repository-public", "waived b"},
		"where it is not":          {waiver("repository-public", "regions: us-east-1", day(3), "a"), "repository-public", "fail"},
		"where account names hold": {waiver("repository-public", "account_names: plat*", day(3), "a"), "repository-public", "waived a"},
	} {
		t.Run(name, func(t *testing.T) {
			w.write("waivers.yaml", "waivers:\n"+c.waivers)
			r := w.runAt("audit --snapshot s.snapshot --format json")
			if c.want == "" {
				if r.code != exitError || !strings.Contains(r.err, "waivers.yaml:2:") {
					t.Errorf("exit code %d: %s", r.code, r.err)
				}
				return
			}
			d := w.decode(r)
			got := map[string]bool{}
			for _, f := range d.Findings {
				if f.Rule == c.rule && (f.Status != finding.Unknown) {
					text := string(f.Status)
					if f.Waiver != nil {
						text += " " + f.Waiver.Reason
					}
					got[text] = true
				}
			}
			if len(got) != 1 || !got[c.want] {
				t.Errorf("%v, want %s", got, c.want)
			}
			ended := len(d.verdictsOf(finding.WaiverExpired)) > 0
			if want := c.want == "fail" && strings.Contains(c.waivers, day(-1)); ended != want {
				t.Errorf("it has ended: %v", d.messagesOf(finding.WaiverExpired))
			}
		})
	}
}

// Where it is not known whether a waiver is for a finding, it is not excused.
func TestWaiverThatIsNotKnownToHold(t *testing.T) {
	w := demoWorld(t)
	w.write("waivers.yaml", "waivers:\n  - {rule: [repository-public, external-push], match: {tags: {team: platform}}, reason: r, owner: o, until: 2027-01-31}\n")
	if d := w.auditAt(platformFlags); !slices.Contains(d.verdictsOf("repository-public"), "waived repository-public access/public") {
		t.Fatalf("%v", d.verdictsOf("repository-public"))
	}
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:ListTagsForResource"})
	d := w.auditAt(platformFlags)
	if slices.ContainsFunc(d.verdictsOf("repository-public", "external-push"), func(v string) bool { return strings.HasPrefix(v, "waived") }) || d.Run.Complete {
		t.Errorf("complete: %v; %v", d.Run.Complete, d.verdictsOf("repository-public", "external-push"))
	}
	messages := d.messagesOf(finding.WaiverInvalid)
	const want = "unknown: cannot tell whether the waiver waivers.yaml:2 excuses a finding of repository-public: that depends on resource tags; cannot tell: tags could not be read (AccessDeniedException: "
	if !slices.ContainsFunc(messages, func(m string) bool {
		return strings.HasPrefix(m, want) && strings.HasSuffix(m, "the role needs ecr:ListTagsForResource")
	}) {
		t.Errorf("%q", messages)
	}
}

// From a severity on a waiver takes an approval: refused where the rule says so
// itself, a finding where a scope does.
func TestWaiverApproval(t *testing.T) {
	w := demoWorld(t)
	waiver := "waivers:\n  - rule: RULE\n    match: {repositories: 'access/*'}\n    reason: r\n    owner: o\n    until: 2027-01-31\n"
	approved := "    approved_by: Jane\n    approved_on: 2026-09-01\n"
	w.write("ecraudit.yaml", string(demoConfig)+"waiving: {approval: critical}\n")
	w.write("waivers.yaml", strings.Replace(waiver, "RULE", "repository-public", 1))
	r := w.runAt("audit" + platformFlags)
	if r.code != exitError || !strings.Contains(r.err, "waivers.yaml:2:11: waivers: findings of repository-public are critical, which nobody may excuse without approval (waiving.approval): add approved_by and approved_on") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	w.write("waivers.yaml", strings.Replace(waiver, "RULE", "repository-public", 1)+approved)
	if d := w.auditAt(platformFlags); !slices.Contains(d.verdictsOf("repository-public"), "waived repository-public access/public") {
		t.Errorf("%v", d.verdictsOf("repository-public"))
	}
	w.write("waivers.yaml", strings.Replace(waiver, "RULE", "repository-public", 1)+strings.Replace(approved, "2026-09-01", "2026-10-02", 1))
	if r := w.runAt("audit" + platformFlags); r.code != exitError || !strings.Contains(r.err, "approved_on 2026-10-02 is still to come") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}

	raised := "  - match: {repositories: 'access/public'}\n    rules: {required-tags: {severity: critical}, scan-on-push: {severity: critical}}\n"
	w.write("ecraudit.yaml", strings.Replace(string(demoConfig), "required_tags: [team]", "required_tags: [team, cost]", 1)+raised+"waiving: {approval: critical}\n")
	w.write("waivers.yaml", strings.Replace(waiver, "RULE", "required-tags", 1))
	d := w.auditAt(platformFlags)
	verdicts := d.verdictsOf("required-tags")
	if !slices.Contains(verdicts, "fail required-tags access/public") || !slices.Contains(verdicts, "waived required-tags access/partner") {
		t.Errorf("%v", verdicts)
	}
	const want = "fail: the waiver waivers.yaml:2 does not excuse a finding of required-tags: from critical on a waiver takes an approval (waiving.approval): approved_by and approved_on"
	if messages := d.messagesOf(finding.WaiverInvalid); len(messages) != 1 || messages[0] != want {
		t.Errorf("%q", messages)
	}

	// Where it is not known how severe a finding is, it takes an approval.
	w.write("ecraudit.yaml", "waiving: {approval: critical}\nscopes:\n  - {match: {tags: {team: x}}, rules: {scan-on-push: {severity: critical}}}\n")
	w.write("waivers.yaml", strings.Replace(waiver, "RULE", "scan-on-push", 1))
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:ListTagsForResource"})
	verdicts = w.auditAt(platformFlags).verdictsOf("scan-on-push", finding.WaiverInvalid)
	if !slices.Contains(verdicts, "unknown scan-on-push access/public") || !slices.Contains(verdicts, "fail waiver-invalid access/public") {
		t.Errorf("%v", verdicts)
	}
}

// Repositories excuse themselves by tags where that is on, and only as far as the
// tag can be read.
func TestTagWaivers(t *testing.T) {
	w := demoWorld(t)
	registry := w.org.Account(awssim.DemoPlatform).Registry("eu-west-1")
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	for name, value := range map[string]string{
		"good": "2027-01-31 a base image owner=platform ticket=PLAT-7", "ended": "2026-09-30 a base image", "far": "2031-01-31 a base image", "bad": "soon",
	} {
		registry.AddRepository(awssim.Repository{Name: "tagged/" + name, Policy: public, Tags: map[string]string{"team": "a", "ecraudit:waive/repository-public": value}})
	}
	registry.AddRepository(awssim.Repository{Name: "tagged/misspelt", Policy: public, Tags: map[string]string{"ecraudit:waive/repository-publik": "2027-01-31 x"}})
	registry.AddRepository(awssim.Repository{Name: "tagged/idle", Tags: map[string]string{"ecraudit:waive/repository-public": "2027-01-31 x"}})
	of := func(d document) (all []string) {
		for _, f := range d.Findings {
			if strings.HasPrefix(f.Repository, "tagged/") && (f.Rule == "repository-public" || strings.HasPrefix(f.Rule, "waiver-")) {
				text := fmt.Sprintf("%s %s %s", strings.TrimPrefix(f.Repository, "tagged/"), f.Rule, f.Status)
				if f.Waiver != nil {
					text += fmt.Sprintf(" %s %s %s %s %s", f.Waiver.Source, f.Waiver.Owner, f.Waiver.Ticket, f.Waiver.Until, f.Waiver.Reason)
				}
				if strings.HasPrefix(f.Rule, "waiver-") {
					text += " " + f.Message
				}
				all = append(all, text)
			}
		}
		return all
	}
	if off := of(w.auditAt(platformFlags)); len(off) != 5 || slices.ContainsFunc(off, func(s string) bool { return !strings.HasSuffix(s, " repository-public fail") }) {
		t.Errorf("tags are off: %q", off)
	}
	w.write("ecraudit.yaml", string(demoConfig)+"waiving: {tags: on}\n")
	d := w.auditAt(platformFlags)
	want := []string{
		"bad repository-public fail",
		`bad waiver-invalid fail the tag ecraudit:waive/repository-public excuses nothing: "soon" is not a day: begin with one such as 2027-01-31`,
		"ended repository-public fail",
		"ended waiver-expired fail the waiver in the tag ecraudit:waive/repository-public ended on 2026-09-30, and a finding of repository-public is still there",
		"far repository-public fail",
		"far waiver-invalid fail the tag ecraudit:waive/repository-public excuses nothing: 2031-01-31 is 1583 days away, and waiving.max_days allows 365: write 2027-10-01 or earlier",
		"good repository-public waived tag ecraudit:waive/repository-public platform PLAT-7 2027-01-31 a base image",
		"misspelt repository-public fail",
		`misspelt waiver-invalid fail the tag ecraudit:waive/repository-publik excuses nothing: there is no rule "repository-publik": did you mean "repository-public"?`,
	}
	if diff := cmp.Diff(want, of(d)); diff != "" {
		t.Error(diff)
	}
	if tags := d.Summary.Waivers.Tags; *tags != (report.TagWaivers{InForce: 2, Expired: 1, Unmatched: 1, Invalid: 3}) {
		t.Errorf("%+v", tags)
	}
	w.write("ecraudit.yaml", string(demoConfig)+"waiving: {tags: on, approval: critical}\n")
	approval := "good waiver-invalid fail the waiver in the tag ecraudit:waive/repository-public does not excuse a finding of repository-public: from critical on a waiver takes an approval (waiving.approval), which a tag cannot give; write it in waivers.yaml"
	if got := of(w.auditAt(platformFlags)); !slices.Contains(got, approval) || !slices.Contains(got, "good repository-public fail") {
		t.Errorf("%q", got)
	}
	byScopes := func(top, scopes string) []string {
		w.write("ecraudit.yaml", top+string(demoConfig)+scopes)
		return of(w.auditAt(platformFlags))
	}
	if diff := cmp.Diff(want, byScopes("", "  - match: {accounts: '222233334444'}\n    settings: {waiving: {tags: on}}\n")); diff != "" {
		t.Errorf("on in a scope: %s", diff)
	}
	const off = "good waiver-invalid fail the tag ecraudit:waive/repository-public excuses nothing: repositories cannot be excused by tags here (waiving.tags, ecraudit.yaml:48)"
	if got := byScopes("waiving: {tags: on}\n", "  - match: {accounts: '222233334444'}\n    settings: {waiving: {tags: off}}\n"); !slices.Contains(got, off) || !slices.Contains(got, "good repository-public fail") {
		t.Errorf("off in a scope: %q", got)
	}
	const elsewhere = "good waiver-invalid fail the tag ecraudit:waive/repository-public excuses nothing: repositories cannot be excused by tags here (waiving.tags, default)"
	if got := byScopes("", "  - match: {repositories: 'other/*'}\n    settings: {waiving: {tags: on}}\n"); !slices.Contains(got, elsewhere) {
		t.Errorf("on elsewhere: %q", got)
	}
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "organizations:ListTagsForResource"})
	got := byScopes("", "  - match: {account_tags: {stage: '*'}}\n    settings: {waiving: {tags: on}}\n")
	if !slices.Contains(got, "good repository-public fail") || !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "good waiver-invalid unknown cannot tell whether the waiver in the tag ecraudit:waive/repository-public excuses a finding of repository-public: that depends on account tags; cannot tell: ")
	}) {
		t.Errorf("in doubt: %q", got)
	}
	explained := w.runAt("config explain access/good --account 222233334444 --region eu-west-1 --assume account_tags.stage=prod --assume tags.ecraudit:waive/repository-public='2027-01-31'")
	if !regexp.MustCompile(`waiving\.tags +true +\(ecraudit\.yaml:47\)`).MatchString(explained.out) {
		t.Errorf("%s%s", explained.out, explained.err)
	}
	w.write("ecraudit.yaml", string(demoConfig)+"waiving: {tags: on}\n")
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:ListTagsForResource"})
	d = w.auditAt(platformFlags)
	if got := of(d); !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "good waiver-invalid unknown cannot tell whether a tag of the repository excuses ")
	}) {
		t.Errorf("%q", got)
	}
}

// What is for images excuses nothing of a rule that judges repositories.
func TestWaiverOfImagesOfARepositoryRule(t *testing.T) {
	w := demoWorld(t)
	for rule, warned := range map[string]bool{"repository-public": true, "scan-on-push": false, "release-vulnerabilities": false} {
		match := map[bool]string{true: "image_tags: latest", false: "repositories: x"}[rule != "scan-on-push"]
		w.write("waivers.yaml", "waivers:\n  - {rule: "+rule+", match: {"+match+"}, reason: r, owner: o, until: 2027-01-31}\n")
		r := w.runAt("config validate")
		if r.code != 0 || warned != strings.Contains(r.out, "warning: waivers.yaml:2: the waiver excuses no finding of repository-public: the rule judges a repository as a whole") || warned == strings.Contains(r.out, " 0 warnings") {
			t.Errorf("%s: exit code %d: %s%s", rule, r.code, r.out, r.err)
		}
	}
}

// A tag that names no owner has none: no report makes one up.
func TestTagWaiverWithoutOwner(t *testing.T) {
	w := demoWorld(t)
	w.onlyRules("repository-public")
	w.write("ecraudit.yaml", w.read("ecraudit.yaml")+"waiving: {tags: on}\n")
	public := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	w.org.Account(awssim.DemoPlatform).Registry("eu-west-1").AddRepository(awssim.Repository{Name: "tagged/a", Policy: public,
		Tags: map[string]string{"ecraudit:waive/repository-public": "2027-01-31 ticket=ABC-1 a base image"}})
	w.runAt("audit -o a.json -o a.csv -o a.txt -o a.md" + platformFlags + "--query repository=tagged/a")
	for name, want := range map[string]string{
		"a.txt": "waived until 2027-01-31 by a repository tag (ABC-1)",
		"a.csv": ",fail,a base image,,ABC-1,2027-01-31,tag ecraudit:waive/repository-public",
		"a.md":  "(by a repository tag, ticket `ABC-1`)",
	} {
		if text := w.read(name); !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%s: %s", name, text)
		}
	}
	if strings.Contains(w.read("a.json"), `"owner"`) {
		t.Error(w.read("a.json"))
	}
	w.runAt("snapshot -o s.snapshot" + platformFlags)
	explained := w.runAt("config explain tagged/a --snapshot s.snapshot")
	if !strings.Contains(explained.out, "tag ecraudit:waive/repository-public  repository-public until 2027-01-31, by a repository tag: a base image") {
		t.Errorf("exit code %d: %s%s", explained.code, explained.out, explained.err)
	}
}

// It is only said of a waiver that it excuses nothing where all was seen that it
// could be for.
func TestWaiversThatExcuseNothing(t *testing.T) {
	w := demoWorld(t)
	w.onlyRules("external-push")
	idle := func(where, flags string) bool {
		w.t.Helper()
		w.write("waivers.yaml", "waivers:\n  - {rule: external-push, match: {"+where+"}, reason: r, owner: o, until: 2027-01-31}\n")
		r := w.runAt("audit --format json " + flags)
		said := strings.Contains(r.err, "the waiver waivers.yaml:2 excuses nothing")
		if listed := len(w.decode(r).Summary.Waivers.Unmatched) == 1; listed != said {
			t.Errorf("%s: said %v, in the report %v", where, said, listed)
		}
		return said
	}
	const here = `accounts: "222233334444", repositories: "gone/*"`
	org := " --org --role-name ecraudit-reader --regions "
	for _, c := range []struct {
		where, flags string
		want         bool
	}{
		{here + ", regions: eu-west-1", platformFlags, true},
		{here + ", regions: [eu-west-1, us-east-1]", platformFlags, true},
		{here + ", regions: [eu-west-1, eu-north-1]", platformFlags, false},
		{here + ", regions: 'eu-*'", platformFlags, false},
		{here, platformFlags, false},
		{here, strings.Replace(platformFlags, "eu-west-1,us-east-1", "all", 1), true},
		{`accounts: "333344445555", regions: eu-west-1, repositories: "gone/*"`, platformFlags, false},
		{`repositories: "gone/*"`, org + "all", false}, // one account cannot be read
		{`repositories: "gone/*", account_names: plat*`, org + "all", true},
		{`repositories: "gone/*", account_names: plat*`, org + "eu-west-1,us-east-1", false},
		{`repositories: "gone/*", account_names: plat*, regions: us-east-1`, org + "eu-west-1,us-east-1", true},
		{`repositories: "gone/*", account_names: plat*`, org + "all --exclude-accounts 222233334444", false},
		{`repositories: "gone/*", account_names: legacy`, org + "all", false},
		{`repositories: "access/*", account_names: plat*`, org + "all", false}, // it excuses something
		{here, strings.Replace(platformFlags, "eu-west-1,us-east-1", "all", 1) + "--framework security-hub", false},
	} {
		if got := idle(c.where, c.flags); got != c.want {
			t.Errorf("%s with %s: %v", c.where, c.flags, got)
		}
	}
	w.works("snapshot -o all.snapshot" + strings.Replace(platformFlags, "eu-west-1,us-east-1", "all", 1))
	w.works("snapshot -o some.snapshot" + platformFlags)
	if !idle(here, "--snapshot all.snapshot") || idle(here, "--snapshot some.snapshot") {
		t.Error("a snapshot does not say which regions it is of")
	}
}

// What is waived is not mended, and the plan says so.
func TestWaivedIsNotMended(t *testing.T) {
	w := demoWorld(t)
	plan := func() (mended, left []string) {
		var p struct {
			Changes []struct{ Why []struct{ Rule string } }
			Left    []struct{ Rule, Reason string }
		}
		if err := json.Unmarshal([]byte(w.runAt("plan --format json"+platformFlags).out), &p); err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			for _, why := range c.Why {
				mended = append(mended, why.Rule)
			}
		}
		for _, l := range p.Left {
			left = append(left, l.Rule+": "+l.Reason)
		}
		return mended, left
	}
	if mended, _ := plan(); !slices.Contains(mended, "lifecycle-missing") {
		t.Fatalf("%v", mended)
	}
	w.write("waivers.yaml", "waivers:\n  - {rule: lifecycle-missing, match: {accounts: '*'}, reason: later, owner: o, until: 2027-01-31}\n")
	mended, left := plan()
	if slices.Contains(mended, "lifecycle-missing") || !slices.Contains(left, "lifecycle-missing: it is waived until 2027-01-31 (waivers.yaml:2): later") {
		t.Errorf("%v\n%v", mended, left)
	}
	if shown := strings.Join(strings.Fields(w.runAt("plan"+platformFlags).out), " "); !strings.Contains(shown, "it is waived until 2027-01-31 (waivers.yaml:2): later") {
		t.Error(shown)
	}
}

// The files of waivers: beside the configuration, named in it, of what it extends,
// or without any configuration.
func TestWaiverFiles(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	one := func(owner string) string {
		return "waivers:\n  - {rule: external-push, match: {accounts: '*'}, reason: r, owner: " + owner + ", until: 2027-01-31}\n"
	}
	owners := func(line string) (owners []string) {
		var listed []listedWaiver
		if err := json.Unmarshal([]byte(w.runAt("waivers --format json "+line).out), &listed); err != nil {
			t.Fatal(err)
		}
		for _, l := range listed {
			owners = append(owners, l.Owner)
		}
		return owners
	}
	w.write("waivers.yaml", one("alone"))
	if got := owners(""); !slices.Equal(got, []string{"alone"}) {
		t.Errorf("without a configuration: %v", got)
	}
	if got := owners("--config waivers.yaml"); !slices.Equal(got, []string{"alone"}) {
		t.Errorf("as a configuration: %v", got)
	}
	w.write("sub/waivers.yaml", one("sub"))
	if r := w.runAt("waivers --format json --config none.yaml"); r.code != exitError {
		t.Errorf("exit code %d", r.code)
	}
	w.write("c/ecraudit.yaml", "extends: ../base/base.yaml\nwaiver_files: [more.yaml, waivers.yaml]\n"+one("own"))
	w.write("c/more.yaml", one("more"))
	w.write("c/waivers.yaml", one("beside"))
	w.write("base/base.yaml", "immutable: all\n")
	w.write("base/waivers.yml", one("base"))
	if got := owners("--config c/ecraudit.yaml"); !slices.Equal(got, []string{"base", "own", "more", "beside"}) {
		t.Errorf("%v", got)
	}
	for name, c := range map[string]struct{ file, text, want string }{
		"missing":        {"c/ecraudit.yaml", "waiver_files: none.yaml\n", "c/ecraudit.yaml:1:15: waiver_files: there is no file of waivers \"c/none.yaml\": correct the path, which begins in the folder of this file, c, write the file, or take it out of the list"},
		"no such rule":   {"c/waivers.yaml", strings.Replace(one("a"), "external-push", "external-pusch", 1), `c/waivers.yaml:2:12: unknown rule "external-pusch": did you mean "external-push"?`},
		"too far":        {"c/waivers.yaml", strings.Replace(one("a"), "2027-01-31", "2029-01-31", 1), "c/waivers.yaml:2:79: waivers: until 2029-01-31 is 853 days away, and waiving.max_days allows 365: write 2027-10-01 or earlier"},
		"other keys":     {"c/waivers.yaml", "waiving: {tags: on}\n", `c/waivers.yaml:1:1: unknown key "waiving": it belongs in ecraudit.yaml; a file of waivers has nothing but waivers`},
		"no mapping":     {"c/waivers.yaml", "- a\n", `c/waivers.yaml:1:1: found a list: a file of waivers begins with "waivers:", and has a list below it`},
		"not valid YAML": {"c/waivers.yaml", "waivers: [\n", "c/waivers.yaml:"},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			defer w.write(c.file, string(before))
			w.write(c.file, c.text)
			for _, command := range []string{"waivers --config c/ecraudit.yaml", "config validate c/ecraudit.yaml", "config explain team/api --config c/ecraudit.yaml"} {
				if r := w.runAt(command); r.code != exitError || !strings.Contains(r.err, c.want) {
					t.Errorf("%s: exit code %d: %s", command, r.code, r.err)
				}
			}
		})
	}
}

func TestConfigKnowsWaivers(t *testing.T) {
	w := demoWorld(t)
	w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
	w.write("waivers.yaml", demoWaivers+`  - rule: tag-latest
    match: {tags: {team: x}}
    reason: r
    owner: o
    until: 2027-02-28
`)
	explained := w.runAt("config explain access/public --account 222233334444 --region eu-west-1")
	const want = `
WAIVERS
  holds    waivers.yaml:3  repository-public until 2027-01-31, platform: base images, public on purpose
           accounts 222233334444; repositories access/*
  expired  waivers.yaml:9  external-push until 2026-09-30, payments: the pipeline of payments is on its way
           repositories access/*
  depends  waivers.yaml:19  tag-latest until 2027-02-28, o: r
           tags team=x
           on resource tags; cannot tell: it is not known; --assume says it, or look with --live or --snapshot
`
	if !strings.HasSuffix(explained.out, want) {
		t.Error(explained.out[max(0, len(explained.out)-1000):])
	}
	w.write("ecraudit.yaml", strings.Replace(string(demoConfig), "tag-latest: on", "tag-latest: off", 1))
	w.write("waivers.yaml", w.read("waivers.yaml")+"  - {rule: encryption, match: {account_names: nobody}, reason: r, owner: o, until: 2027-02-28}\n")
	validated := w.runAt("config validate ecraudit.yaml --snapshot s.snapshot").out
	for _, warning := range []string{
		"warning: waivers.yaml:9: the waiver ended on 2026-09-30 and excuses nothing any more: remove it, or set until to a day to come\n",
		"warning: waivers.yaml:19: the waiver has nothing to excuse: tag-latest is off everywhere\n",
		`warning: waivers.yaml:24: match.account_names: no account of the organization has "nobody"` + "\n",
		"warning: waivers.yaml:14: the waiver is for nothing in the snapshot\n",
		"1 file, 4 scopes, 5 waivers, 6 warnings",
	} {
		if !strings.Contains(validated, warning) {
			t.Errorf("%q is not said:\n%s", warning, validated)
		}
	}
}

// waive adds one, and nothing else changes.
func TestWaive(t *testing.T) {
	w := demoWorld(t)
	w.runAt("audit -o report.json" + platformFlags)
	d := w.auditAt(platformFlags)
	at := slices.IndexFunc(d.Findings, func(f finding.Finding) bool { return f.Rule == "external-push" })
	found := d.Findings[at]
	prefix := found.Fingerprint[:8]
	line := "waive " + prefix + " --report report.json --until 2027-03-31 --owner team-a --ticket OPS-1 --reason "
	r := w.expect(line+"'moves: in March'", 0)
	const comment = "  # critical, 222233334444/eu-west-1/access/push-from-payments: arn:aws:iam::333344445555:role/ci can push (statement Extra of the repository policy)\n"
	want := comment + "  - rule: external-push\n    fingerprint: " + found.Fingerprint + "\n    reason: 'moves: in March'\n    owner: team-a\n    ticket: OPS-1\n    until: 2027-03-31\n"
	if text := w.read("waivers.yaml"); !strings.HasSuffix(text, "\nwaivers:\n"+want) || !strings.HasPrefix(text, "# ") {
		t.Error(text)
	}
	if !strings.Contains(r.out, "+  - rule: external-push\n") || !strings.Contains(r.err, "the waiver is waivers.yaml:6, and holds until 2027-03-31") {
		t.Errorf("%s%s", r.out, r.err)
	}
	if again := w.auditAt(platformFlags); again.Findings[at].Status != finding.Waived || again.Findings[at].Waiver.Source != "waivers.yaml:6" {
		t.Errorf("%+v", again.Findings[at])
	}
	if r := w.expect(line+"again", exitError); !strings.Contains(r.err, "waivers.yaml:6 has a waiver for this finding, until 2027-03-31: change it there") {
		t.Error(r.err)
	}
	if err := os.Remove("waivers.yaml"); err != nil {
		t.Fatal(err)
	}

	// What is unknown may turn out to fail, which the waiver excuses too.
	unknown := d.Findings[slices.IndexFunc(d.Findings, func(f finding.Finding) bool { return f.Status == finding.Unknown })]
	if r := w.expect("waive "+unknown.Fingerprint+" --report report.json --until 2027-03-31 --owner a --reason b", 0); !strings.Contains(r.err, "excuses the finding also once it can, and finds that it fails") {
		t.Error(r.err)
	}
	if err := os.Remove("waivers.yaml"); err != nil {
		t.Fatal(err)
	}

	// Where the waivers stand in the configuration it is added there.
	_, waivers, _ := strings.Cut(demoWaivers, "\n")
	config := string(demoConfig) + waivers + "\n# The end.\n"
	w.write("ecraudit.yaml", config)
	w.expect(line+"'moves: in March'", 0)
	if text := w.read("ecraudit.yaml"); text != strings.Replace(config, "\n\n# The end.", "\n"+want+"\n# The end.", 1) {
		t.Error(cmp.Diff(config, text))
	}
	if _, err := os.Stat("waivers.yaml"); err == nil {
		t.Error("waivers.yaml was made")
	}
	w.write("ecraudit.yaml", config)

	w.write("elsewhere.yaml", demoWaivers)
	w.write("folder/x", "")
	w.write("filtered.json", w.runAt("report report.json --query rule=encryption --format json").out)
	for arguments, want := range map[string]string{
		"waive " + prefix: "--until, --reason, --owner missing",
		"waive zz --report report.json --until 2027-03-31 --owner a --reason b":                                                      `"zz" is not a fingerprint`,
		"waive 00000000 --report report.json --until 2027-03-31 --owner a --reason b":                                                "no finding in report.json has a fingerprint that begins with 00000000",
		"waive " + prefix + " --report filtered.json --until 2027-03-31 --owner a --reason b":                                        "the report has only findings that match a query",
		"waive " + prefix + " --report ecraudit.yaml --until 2027-03-31 --owner a --reason b":                                        "this is no report",
		"waive " + prefix + " --until 2027-03-31 --owner a --reason b":                                                               "say where the finding is: --report",
		"waive " + prefix + " --report report.json --snapshot s --until 2027-03-31 --owner a --reason b":                             "give one of --report and --snapshot",
		"waive " + prefix + " --report report.json --until 2026-09-30 --owner a --reason b":                                          "--until 2026-09-30 is in the past: today is 2026-10-01 in UTC",
		"waive " + prefix + " --report report.json --until 2027-02-30 --owner a --reason b":                                          `--until: "2027-02-30" is not a day`,
		"waive " + prefix + " --report report.json --until 2030-01-31 --owner a --reason b":                                          "ecraudit: --until 2030-01-31 is 1218 days away, and waiving.max_days allows 365: write 2027-10-01 or earlier",
		"waive " + prefix + " --report report.json --until 2027-03-31 --owner a --reason ' '":                                        "--reason is empty",
		"waive " + prefix + " --report report.json --until 2027-03-31 --owner a --reason b --approved-on 2026-09-01":                 "--approved-on means nothing without --approved-by",
		"waive " + prefix + " --report report.json --until 2027-03-31 --owner a --reason b --approved-by c --approved-on 2027-01-01": "--approved-on 2027-01-01 is still to come",
		"waive " + prefix + " --report report.json --until 2027-03-31 --owner a --reason b --file elsewhere.yaml":                    "elsewhere.yaml is not read by ecraudit.yaml: name it there under waiver_files",
		"waive " + prefix + " --report report.json --until 2027-03-31 --owner a --reason b --file folder":                            "folder: is a directory",
		"waive": "takes one fingerprint",
	} {
		if r := w.answer(arguments, ""); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s\nwant %s", arguments, r.code, r.err, want)
		}
	}
	if w.read("ecraudit.yaml") != config || w.read("elsewhere.yaml") != demoWaivers {
		t.Error("a refused waiver was written")
	}
	w.write("ecraudit.yaml", string(demoConfig)+"waiving: {approval: high}\n")
	if r := w.answer(line+"b", ""); r.code != exitError || !strings.Contains(r.err, "the finding is critical, which nobody may excuse without approval (waiving.approval): give --approved-by") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	w.expect(line+"b --approved-by 'Jane Doe'", 0)
	if text := w.read("waivers.yaml"); !strings.HasSuffix(text, "    approved_by: Jane Doe\n    approved_on: 2026-10-01\n") {
		t.Error(text)
	}
	for _, name := range []string{"waivers.yaml", "ecraudit.yaml"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.answer(line+"b --file folder/waivers.yaml", ""); r.code != exitError || !strings.Contains(r.err, "folder/waivers.yaml is not read by ecraudit without an ecraudit.yaml: name it there under waiver_files, or leave --file out") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	w.expect(line+"b", 0)
	if listed := w.runAt("waivers").out; !strings.HasPrefix(listed, "181 days left, until 2027-03-31  external-push  waivers.yaml:6\n") {
		t.Error(listed)
	}
	files, err := filepath.Glob("*.tmp*")
	if err != nil || len(files) > 0 {
		t.Errorf("%v %v", files, err)
	}
}

// A report of before does not say what excuses a finding by now: the configuration does.
func TestWaiveOfAnOldReport(t *testing.T) {
	w := demoWorld(t)
	w.onlyRules("external-push", "release-vulnerabilities")
	rules := w.read("ecraudit.yaml")
	d := w.auditAt(platformFlags)
	w.runAt("audit -o report.json" + platformFlags)
	found := d.Findings[slices.IndexFunc(d.Findings, func(f finding.Finding) bool { return f.Rule == "external-push" })]
	line := "waive " + found.Fingerprint + " --report report.json --until 2027-03-31 --reason why --owner team-a"
	const refused, doubted = "the finding is waived until 2027-09-01 already, by waivers.yaml:2: change that waiver", "the finding may be waived until 2027-09-01 already, by waivers.yaml:2: that depends on "
	waiver := func(rule, match, until, more string) string {
		return "waivers:\n  - {rule: " + rule + ", match: {" + match + "}, reason: r, owner: o, until: " + until + more + "}\n"
	}
	for name, c := range map[string]struct{ waivers, config, want string }{
		"the repository":          {waivers: waiver("external-push", "repositories: "+found.Repository, "2027-09-01", ""), want: refused},
		"globs of all":            {waivers: waiver("external-push", `accounts: "2222*", regions: "eu-*", repositories: "access/*"`, "2027-09-01", ""), want: refused},
		"the name of the account": {waivers: waiver("external-push", "account_names: platform", "2027-09-01", ""), want: refused},
		"for less long":           {waivers: waiver("external-push", "repositories: "+found.Repository, "2026-11-01", ""), want: "waived until 2026-11-01 already"},
		"an approved one":         {waivers: waiver("external-push", "repositories: "+found.Repository, "2027-09-01", ", approved_by: j, approved_on: 2026-09-01"), config: "waiving: {approval: critical}\n", want: refused},
		"tags":                    {waivers: waiver("external-push", "tags: {team: x}", "2027-09-01", ""), want: doubted + "resource tags; cannot tell: a finding does not name them"},
		"units":                   {waivers: waiver("external-push", "ous: Workloads", "2027-09-01", ""), want: doubted + "organizational units"},
		"age":                     {waivers: waiver("external-push", "created_after: 2020-01-01", "2027-09-01", ""), want: doubted + "the creation date; cannot tell: a finding does not name it"},
		"another rule":            {waivers: waiver("repository-public", "repositories: "+found.Repository, "2027-09-01", "")},
		"another repository":      {waivers: waiver("external-push", "repositories: elsewhere", "2027-09-01", "")},
		"another region, by tags": {waivers: waiver("external-push", "tags: {team: x}, regions: us-east-1", "2027-09-01", "")},
		"images":                  {waivers: waiver("external-push", `image_tags: "*"`, "2027-09-01", "")},
		"one that has ended":      {waivers: waiver("external-push", "repositories: "+found.Repository, "2026-09-01", "")},
	} {
		w.write("waivers.yaml", c.waivers)
		w.write("ecraudit.yaml", rules+c.config)
		r := w.answer(line, "")
		refusing := strings.Contains(c.want, " is waived") || strings.HasPrefix(c.want, "waived")
		if !strings.Contains(r.err, c.want) || (r.code == exitError) != refusing || (w.read("waivers.yaml") == c.waivers) != refusing || c.want == "" && strings.Contains(r.err, "waived") {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.err)
		}
	}
	onImage := d.Findings[slices.IndexFunc(d.Findings, func(f finding.Finding) bool { return f.Rule == "release-vulnerabilities" && f.Digest != "" })]
	line = strings.Replace(line, found.Fingerprint, onImage.Fingerprint, 1)
	for match, want := range map[string]string{"digests: " + onImage.Digest: refused, `image_tags: "1.*"`: doubted + "the tags of the image"} {
		if onImage.Tag != "" && strings.HasPrefix(match, "image_tags") {
			match, want = "image_tags: "+onImage.Tag, refused
		}
		w.write("waivers.yaml", waiver("release-vulnerabilities", match, "2027-09-01", ""))
		if r := w.answer(line, ""); !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", match, r.code, r.err)
		}
	}
}

func TestWaiversListed(t *testing.T) {
	w := demoWorld(t)
	if r := w.runAt("waivers"); r.code != 0 || r.out != "There are no waivers.\n" {
		t.Errorf("exit code %d: %s", r.code, r.out)
	}
	w.write("waivers.yaml", demoWaivers)
	for flags, want := range map[string]struct {
		code int
		days []string
	}{
		"":                   {exitEnded, []string{"ENDED 1 day ago", "91 days left", "122 days left"}},
		"--expiring 0":       {exitEnded, []string{"ENDED 1 day ago"}},
		"--expiring 91":      {exitEnded, []string{"ENDED 1 day ago", "91 days left"}},
		"--format csv":       {exitEnded, []string{",1,2026-09-30", "91,,2026-12-31", "122,,2027-01-31"}},
		"--format json":      {exitEnded, []string{`"days_left": -1`, `"days_left": 91`, `"days_left": 122`}},
		"--format yaml":      {exitError, nil},
		"--expiring -1":      {exitError, nil},
		"--report none.json": {exitError, nil},
		"--config none.yaml": {exitError, nil},
	} {
		r := w.runAt("waivers " + flags)
		days := regexp.MustCompile(`(?m)ENDED .* ago|[0-9]+ days? left|^[0-9]*,[0-9]*,[0-9]{4}-..-..|"days_left": -?[0-9]+`).FindAllString(r.out, -1)
		if r.code != want.code || !slices.Equal(days, want.days) {
			t.Errorf("%s: exit code %d: %q\n%s%s", flags, r.code, days, r.out, r.err)
		}
	}
	w.write("waivers.yaml", strings.Replace(demoWaivers, "2026-09-30", "2026-10-01", 1))
	if r := w.runAt("waivers"); r.code != 0 || !strings.HasPrefix(r.out, "ends today, 2026-10-01") {
		t.Errorf("exit code %d: %s", r.code, r.out)
	}
	if r := w.runAt("waivers --expiring 0"); r.code != exitEnded {
		t.Errorf("exit code %d: %s", r.code, r.out)
	}
	w.runAt("audit -o report.json" + platformFlags)
	w.write("waivers.yaml", demoWaivers)
	if r := w.runAt("waivers --report report.json"); r.code != exitError || !strings.Contains(r.err, "was made with other waivers than those that hold now") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}
