package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// script is a whole run, to be played into a handler.
type script struct {
	run      Run
	findings []finding.Finding
	hidden   []finding.Finding // that the run's query left out
	gaps     []snapshot.Gap
	details  []Detail
	changes  *Changes // nil where the run has no baseline
	waivers  *Waivers
	failOn   finding.Severity

	summarized *Summary // instead of what follows from the rest
}

// play drives h as an audit does.
func (s script) play(h Handler) error {
	if err := h.Begin(s.run); err != nil {
		return err
	}
	for _, f := range s.findings {
		if err := h.Finding(f); err != nil {
			return err
		}
	}
	for _, g := range s.gaps {
		if err := h.Gap(g); err != nil {
			return err
		}
	}
	for _, d := range s.details {
		if err := TellDetail(h, d); err != nil {
			return err
		}
	}
	return h.End(s.summary())
}

func (s script) summary() Summary {
	if s.summarized != nil {
		return *s.summarized
	}
	sum := Summary{
		Findings: len(s.findings), Gaps: len(s.gaps), FailOn: s.failOn.String(), Complete: s.run.Complete, Changes: s.changes, Waivers: s.waivers,
		BySeverity: make(map[string]Counts), ByRule: make(map[string]Counts),
	}
	for _, severity := range finding.SeverityNames() {
		sum.BySeverity[severity] = Counts{}
	}
	for _, r := range s.run.Rules {
		sum.ByRule[r.ID] = Counts{}
	}
	for _, t := range s.run.Targets {
		sum.Repositories += t.Repositories
		sum.Images += t.Images
		if t.Status != snapshot.StatusSkipped {
			sum.Targets++
		}
	}
	for i := range s.findings {
		f := &s.findings[i]
		severity, rule := sum.BySeverity[f.Severity.String()], sum.ByRule[f.Rule]
		severity.Add(f.Status, 1)
		rule.Add(f.Status, 1)
		sum.BySeverity[f.Severity.String()], sum.ByRule[f.Rule] = severity, rule
	}
	for _, findings := range [][]finding.Finding{s.findings, s.hidden} {
		for i := range findings {
			s.decide(&findings[i], &sum)
		}
	}
	switch {
	case sum.Failing > 0:
		sum.ExitCode = 2
	case !sum.Complete || sum.Undecided > 0:
		sum.ExitCode = 3
	}
	return sum
}

// decide counts a finding that decides how the run ends.
func (s script) decide(f *finding.Finding, sum *Summary) {
	if f.Severity < s.failOn || f.Change == finding.Known {
		return
	}
	switch f.Status {
	case finding.Fail:
		sum.Failing++
	case finding.Unknown:
		sum.Undecided++
	case finding.Waived:
	}
}

// scripts are the runs that every format has a golden file for.
func scripts() map[string]script {
	return map[string]script{
		"typical":  typical(),
		"empty":    clean(),
		"partial":  partial(),
		"hostile":  hostile(),
		"changes":  changes(),
		"filtered": filtered(),
		"waivers":  waivers(),
	}
}

func rules() []finding.Rule {
	rule := func(id string, severity finding.Severity, scope finding.Scope, title, description, remediation string, needs ...string) finding.Rule {
		return finding.Rule{
			ID: id, Title: title, Description: description, Remediation: remediation,
			Severity: severity, Scope: scope, Needs: needs,
		}
	}
	list := []finding.Rule{
		rule("access-outside-organization", finding.Critical, finding.ScopeRepository,
			"Only accounts of the organization can pull",
			"An account outside the organization that can pull images keeps that right when the contract with it ends.",
			"Remove the statement, or add a condition on aws:PrincipalOrgID; list partners under trusted_accounts.", "policy"),
		rule("encryption", finding.Low, finding.ScopeRepository,
			"Repositories are encrypted as the configuration demands",
			"Encryption is fixed when a repository is created.",
			"Create a new repository with the demanded key and copy the images; set a repository creation template."),
		rule("external-push", finding.Critical, finding.ScopeRepository,
			"Nobody outside the account can push or administer",
			"Whoever pushes an image decides what runs.",
			"Remove push actions from the statement and push from the account itself.", "policy"),
		rule("lifecycle-baseline", finding.Low, finding.ScopeRepository,
			"Development tags and untagged images expire",
			"What nobody pulls any more is paid for every month.",
			"Add the missing rules to the lifecycle policy; ecraudit shows what they would expire.", "lifecycle"),
		rule("lifecycle-missing", finding.Medium, finding.ScopeRepository,
			"Every repository has a lifecycle policy",
			"Without a lifecycle policy a repository only grows.",
			"Put a lifecycle policy on the repository.", "lifecycle"),
		rule("release-vulnerabilities", finding.High, finding.ScopeImage,
			"Release images have no critical vulnerabilities",
			"A release image is what runs in production.",
			"Rebuild the image on a current base and release it again.", "release-scan-findings"),
		rule("repository-public", finding.Critical, finding.ScopeRepository,
			"No repository is open to everyone",
			"A policy with an unconditional wildcard principal lets every AWS account pull.",
			"Remove the statement or pin its principal.", "policy"),
		rule("required-tags", finding.Info, finding.ScopeRepository,
			"Repositories carry the required tags",
			"Tags say who is asked when something is wrong.",
			"Add the missing tags.", "tags"),
		rule("scan-on-push", finding.High, finding.ScopeRepository,
			"Every image is scanned when it is pushed",
			"The registry's scanning configuration decides, not the repository's own flag.",
			"Add a scanning rule with a filter that matches the repository.", "scanning"),
		rule("tag-convention", finding.Low, finding.ScopeImage,
			"Tags follow the convention",
			"A tag that says nothing cannot be cleaned up by rule.",
			"Push with a tag that matches the convention, and remove the other.", "images"),
		rule("tag-immutability", finding.Medium, finding.ScopeRepository,
			"Release tags cannot be moved",
			"A tag that can be moved does not name an image.",
			"Set tag mutability to IMMUTABLE, with exclusions for the tags that must move."),
	}
	list[0].Frameworks = map[string][]string{"nist-800-53": {"AC-3", "AC-6"}, "security-hub": {"ECR.5"}}
	list[0].Links = []string{"https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html"}
	return list
}

// accounts of the organization that is audited in these tests.
var accountNames = map[string]string{
	"111122223333": "management",
	"222233334444": "prod-web",
	"333344445555": "sandbox",
	"444455556666": "payments",
	"555566667777": "legacy",
}

func newRun() Run {
	run := Run{
		Version: "0.1.0", RulesDigest: "sha256:" + strings.Repeat("5e", 32), OrganizationID: "o-a1b2c3d4e5",
		Clock: time.Date(2026, 9, 14, 8, 30, 0, 0, time.UTC), Complete: true, Rules: rules(),
	}
	sizes := []int{3, 40, 17, 61, 12, 204, 2, 9, 5, 88}
	for i, account := range []string{"111122223333", "222233334444", "333344445555", "444455556666", "555566667777"} {
		for j, region := range []string{"eu-west-1", "us-east-1"} {
			n := sizes[2*i+j]
			run.Targets = append(run.Targets, Target{
				Account: account, AccountName: accountNames[account], Region: region,
				Status: snapshot.StatusComplete, Repositories: n, Images: 97 * n,
			})
		}
	}
	return run
}

func digest(n int) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte{byte(n), byte(n >> 8)}))
}

// sourced is a run whose rules and settings come from several places, one of which
// has a rule that stands in the place of a default rule.
func (s *script) sourced() {
	pinned := "oci://registry.example/platform/settings:v1@" + digest(2)
	s.run.RuleSources = []finding.RuleSource{
		{Source: finding.Source{Reference: "my-rules", Kind: finding.FromFolder, Digest: digest(0), Signature: finding.Unsigned}, Rules: []string{"a", "b"}},
		{Source: finding.Source{Reference: "platform.tar.gz", Kind: finding.FromBundle, Digest: digest(1), Signature: finding.Verified, Key: "platform.pem (sha256:0123456789ab)"}, Rules: []string{"encryption"}},
	}
	s.run.ConfigSources = []finding.Source{
		{Reference: pinned + "//base.yaml", Kind: finding.FromArtifact, Digest: digest(2), Signature: finding.NotVerified},
		{Reference: "ecraudit.yaml", Kind: finding.FromFile, Digest: digest(3), Signature: finding.Unsigned},
	}
	for i := range s.run.Rules {
		if rule := &s.run.Rules[i]; rule.ID == "encryption" {
			rule.Source, rule.Replaces = "platform.tar.gz", true
		}
	}
}

// found appends a finding on a repository written as "account/region/name".
func (s *script) found(place, rule string, message string) *finding.Finding {
	parts := strings.SplitN(place, "/", 3)
	f := finding.Finding{
		Fingerprint: fmt.Sprintf("%032x", len(s.findings)), Rule: rule, Status: finding.Fail,
		Account: parts[0], Region: parts[1], Message: message,
	}
	if len(parts) == 3 {
		f.Repository = parts[2]
		f.RepositoryARN = fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", parts[1], parts[0], parts[2])
	}
	for _, r := range s.run.Rules {
		if r.ID == rule {
			f.Severity, f.Remediation = r.Severity, r.Remediation
		}
	}
	s.findings = append(s.findings, f)
	return &s.findings[len(s.findings)-1]
}

func typical() script {
	s := script{run: newRun(), failOn: finding.High}
	s.run.Targets = append(s.run.Targets, Target{
		Account: "666677778888", AccountName: "old-sandbox", Status: snapshot.StatusSkipped, Reason: "SUSPENDED",
	})
	const web, shop = "222233334444/eu-west-1/web/landing", "222233334444/us-east-1/web/shop"
	s.found("111122223333/eu-west-1", "scan-on-push", "the registry scans nothing: scan type BASIC, no rules")
	s.found("111122223333/eu-west-1/base/alpine", "required-tags", `missing tags: "owner", "cost-center"`)
	s.found(web, "lifecycle-missing", "no lifecycle policy").Fix = json.RawMessage(`{"action":"put_lifecycle_policy","policy":{"rules":[]}}`)
	s.found(web, "repository-public", `everyone can pull: statement "PublicRead" allows Principal "*" without a condition`).
		Fix = json.RawMessage(`{"action": "remove_policy_statement", "statement": "PublicRead"}`)
	s.found(web, "tag-immutability", "tags are MUTABLE: any of 1,204 release tags can be moved")
	for i := range 12 {
		f := s.found(shop, "release-vulnerabilities", fmt.Sprintf("%d critical and %d high vulnerabilities", 12-i, 40-i))
		f.Digest, f.Tag = digest(i), fmt.Sprintf("1.%d.0", 12-i)
	}
	for i := range 2 {
		f := s.found(shop, "release-vulnerabilities", "the scan has not finished: status PENDING")
		f.Status, f.Digest, f.Tag = finding.Unknown, digest(20+i), fmt.Sprintf("2.%d.0", i)
	}
	for i := range 57 {
		f := s.found(shop, "tag-convention", `tag "latest" does not match ^v?\d+\.\d+\.\d+$`)
		if i > 0 {
			f.Message = fmt.Sprintf(`tag "build-%d" does not match ^v?\d+\.\d+\.\d+$`, i)
		}
		f.Digest, f.Tag = digest(100+i), strings.Trim(strings.Fields(f.Message)[1], `"`)
	}
	s.found("333344445555/eu-west-1/tools/debug", "external-push", "arn:aws:iam::999988887777:role/ci can push: statement \"ci\"")
	s.found("333344445555/eu-west-1/tools/debug", "external-push", "999988887777 can administer: statement \"Allow all for now\" allows ecr:*")
	s.found("333344445555/eu-west-1/tools/debug", "lifecycle-missing", "no lifecycle policy")
	s.found("333344445555/us-east-1/very-long-team-name/very-long-service-name/very-long-component-name-with-details", "access-outside-organization",
		"arn:aws:iam::999988887777:root can pull: statement \"partner\"")
	s.found("333344445555/us-east-1/web/shop", "lifecycle-missing", "no lifecycle policy")
	for i := range 4 {
		f := s.found("444455556666/eu-west-1/payments/ledger", "release-vulnerabilities", "never scanned: status NOT_SCANNED")
		f.Status, f.Digest = finding.Unknown, digest(200+i)
	}
	s.found("444455556666/eu-west-1/payments/ledger", "scan-on-push", "scanned only on demand: no scanning rule of the registry matches the repository")
	f := s.found("444455556666/us-east-1/payments/ledger", "lifecycle-baseline",
		`untagged images never expire: the rule with priority 2 selects tags with each of "dev-", "pr-" and "test-", which no image has`)
	f.Remediation = "Split the rule into three, one for each prefix."
	f = s.found("444455556666/us-east-1/payments/ledger", "tag-immutability", "tags are MUTABLE_WITH_EXCLUSION, and no filter covers release tags")
	f.Severity = finding.High // as the configuration says for this account
	s.found("555566667777/us-east-1/archive", "encryption", "encrypted with AES256, not with a key of KMS")
	return s
}

func clean() script {
	return script{run: newRun(), failOn: finding.High}
}

// partial is a run that found nothing bad, but was stopped and could not read
// everything: it must not look like clean.
func partial() script {
	s := script{run: newRun(), failOn: finding.High}
	s.run.Complete, s.run.Interrupted = false, true
	for i := range s.run.Targets {
		switch t := &s.run.Targets[i]; t.Account {
		case "555566667777":
			t.Status, t.Reason = snapshot.StatusFailed, "role ecraudit-reader cannot be assumed: AccessDenied"
			t.Repositories, t.Images = 0, 0
		case "444455556666":
			t.Status = snapshot.StatusPartial
		}
	}
	for i := range 14 {
		s.run.Targets = append(s.run.Targets, Target{
			Account: fmt.Sprintf("7777888899%02d", i), AccountName: fmt.Sprintf("closed-%d", i), Status: snapshot.StatusSkipped, Reason: "CLOSED",
		})
	}
	s.run.Targets = append(s.run.Targets, Target{Account: "888899990000", Status: snapshot.StatusSkipped, Reason: "excluded by --exclude-accounts"})
	target := func(account, region string) snapshot.Target {
		return snapshot.Target{Partition: "aws", Account: account, Region: region}
	}
	for i := range 24 {
		region := []string{"eu-west-1", "us-east-1"}[i/16]
		name := fmt.Sprintf("payments/service-%04d", i)
		s.gaps = append(s.gaps, snapshot.Gap{
			Target: target("444455556666", region), Repository: name, Need: snapshot.NeedPolicy,
			Operation: "ecr:GetRepositoryPolicy", Code: "AccessDeniedException", Permission: "ecr:GetRepositoryPolicy",
			Message: "User: arn:aws:sts::444455556666:assumed-role/ecraudit-reader/ecraudit is not authorized",
		})
		if i != 5 {
			f := s.found("444455556666/eu-west-1/"+name, "external-push", "the policy could not be read: AccessDeniedException; the role needs ecr:GetRepositoryPolicy")
			f.Status = finding.Unknown
		}
	}
	s.gaps = append(s.gaps,
		snapshot.Gap{
			Target: target("444455556666", "us-east-1"), Repository: "payments/ledger", Digest: digest(1), Need: snapshot.NeedReleaseScanFindings,
			Operation: "ecr:DescribeImageScanFindings", Code: "ThrottlingException", Message: "Rate exceeded",
		},
		snapshot.Gap{
			Target: target("555566667777", ""), Need: snapshot.NeedRepositories,
			Operation: "sts:AssumeRole", Code: "AccessDenied", Permission: "sts:AssumeRole", Message: "not authorized to perform: sts:AssumeRole",
		},
		snapshot.Gap{Target: target("222233334444", "us-east-1"), Need: snapshot.NeedRepositories, Code: "Interrupted", Message: "the audit was stopped"},
	)
	s.sourced()
	return s
}

// changes is a run with a baseline, in which findings of all severities are
// new, worsened, known or waived.
func changes() script {
	s := script{run: newRun(), failOn: finding.High}
	s.run.Baseline = &Baseline{Name: "accepted.txt", Findings: 19}
	const shop, landing, debug = "222233334444/us-east-1/web/shop", "222233334444/eu-west-1/web/landing", "333344445555/eu-west-1/tools/debug"
	found := func(change finding.Change, place, rule, message string) *finding.Finding {
		f := s.found(place, rule, message)
		f.Change = change
		return f
	}
	partner := &finding.Waiver{Verdict: finding.Fail, Reason: "the partner moves to its own registry", Owner: "platform", Ticket: "SEC-112", Until: "2027-01-31", Source: "waivers.yaml:7"}
	f := found(finding.Known, "111122223333/eu-west-1", "scan-on-push", "the registry scans nothing: scan type BASIC, no rules")
	f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: "nothing is pushed here"}
	found(finding.Known, "111122223333/eu-west-1/base/alpine", "required-tags", `missing tags: "owner", "cost-center"`)
	found(finding.Known, landing, "lifecycle-missing", "no lifecycle policy")
	found(finding.New, landing, "repository-public", `everyone can pull: statement "PublicRead" allows Principal "*" without a condition`)
	found(finding.Worsened, landing, "tag-immutability", "tags are MUTABLE: any of 1,204 release tags can be moved").Severity = finding.High
	for i := range 9 {
		f := found(finding.Known, shop, "release-vulnerabilities", fmt.Sprintf("%d critical and %d high vulnerabilities", 12-i, 40-i))
		f.Digest, f.Tag = digest(i), fmt.Sprintf("1.%d.0", 12-i)
		switch {
		case i < 2:
			f.Change = finding.New
		case i > 6:
			f.Status = finding.Waived
			f.Waiver = &finding.Waiver{Verdict: finding.Fail, Reason: "the vendor mends it in 2.0", Owner: "web", Until: "2026-10-01"}
		}
	}
	f = found(finding.New, shop, "release-vulnerabilities", "the scan has not finished: status PENDING")
	f.Status, f.Digest, f.Tag = finding.Unknown, digest(20), "2.0.0"
	for i := range 3 {
		f := found(finding.New, shop, "tag-convention", fmt.Sprintf(`tag "build-%d" does not match ^v?\d+\.\d+\.\d+$`, i))
		f.Digest, f.Tag = digest(100+i), fmt.Sprintf("build-%d", i)
	}
	found(finding.New, debug, "access-outside-organization", `999988887777 can pull: statement "partner"`)
	s.findings[len(s.findings)-1].Status, s.findings[len(s.findings)-1].Waiver = finding.Waived, partner
	f = found(finding.Known, debug, "external-push", "the policy could not be read: ThrottlingException")
	f.Status = finding.Unknown
	f = found(finding.Worsened, debug, "lifecycle-baseline", "the rules cannot be told: the images were not read")
	f.Status = finding.Unknown
	f = found(finding.Known, "444455556666/us-east-1/payments/ledger", "lifecycle-baseline", "the rules cannot be told: the images were not read")
	f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Unknown, Reason: "moved away", Ticket: "OPS-7"}
	found(finding.New, "555566667777/us-east-1/archive", "encryption", "encrypted with AES256, not with a key of KMS")
	s.changes = &Changes{Fixed: 4, NotSeen: 2}
	for _, f := range s.findings {
		switch f.Change {
		case finding.New:
			s.changes.New++
		case finding.Worsened:
			s.changes.Worsened++
		case finding.Known:
			s.changes.Known++
		}
	}
	return s
}

// filtered is the run of which a query left only the harmless findings.
func filtered() script {
	s := changes()
	s.run.Query = `severity<=low and not rule="tag-*"`
	all := s.findings
	s.findings = nil
	for _, f := range all {
		if f.Severity <= finding.Low && !strings.HasPrefix(f.Rule, "tag-") {
			s.findings = append(s.findings, f)
		} else {
			s.hidden = append(s.hidden, f)
		}
	}
	return s
}

// waivers is a run in which some waivers excuse nothing.
func waivers() script {
	s := script{run: newRun(), failOn: finding.High}
	for i, until := range []string{"2027-03-31", "2026-12-31", "2027-01-31"} {
		f := s.found("111122223333/eu-west-1/team/"+string(rune('a'+i)), []string{"encryption", "encryption", "lifecycle-missing"}[i], "as it should not be")
		f.Status = finding.Waived
		f.Waiver = &finding.Waiver{Verdict: finding.Fail, Reason: "moves away", Owner: "team", Until: until, Source: "waivers.yaml:2"}
	}
	s.waivers = &Waivers{
		Files:   []WaiverFile{{Path: "waivers.yaml", SHA256: strings.Repeat("0d", 32), Waivers: 3}, {Path: "teams/web waivers.yaml", SHA256: strings.Repeat("1e", 32), Waivers: 1}},
		InForce: 3, Expired: 1,
		Unmatched: []UnmatchedWaiver{
			{Source: "waivers.yaml:14", Rules: []string{"encryption"}, Where: "accounts 111122223333; repositories gone/*"},
			{Source: "teams/web waivers.yaml:2", Rules: []string{"required-tags", "tag-immutability"}, Where: "fingerprint 0123456789abcdef0123456789abcdef", Expired: true},
		},
		Tags: &TagWaivers{InForce: 2, Expired: 1, Unmatched: 1, Invalid: 3},
	}
	return s
}

// hostile is a run whose every text tries to be more than text.
func hostile() script {
	const (
		erase  = "\x1b[2J\x1b[1;31mowned\x1b[0m"
		link   = "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07"
		bidi   = "safe\u202egnp.exe\u2066\u200b\u00ad"
		c1     = "\u009b31m\u0085next\u007f"
		broken = "bad \xff\xfe\xc3( utf-8 \xed\xa0\x80"
		lines  = "one\r\ntwo\u2028three\vfour\tfive\x00six"
		zalgo  = "Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308go"
		wide   = "支払い台帳サービス🚀🧑🏽‍🚀🇩🇪❤️漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"
		markup = "<script>alert(1)</script> | **bold** `code` =HYPERLINK(\"x\") ]]> &amp; \U000e0041\U0010ffff"
	)
	s := script{run: newRun(), failOn: finding.High}
	s.run.Version = "0.1.0\x1b[31m"
	s.run.OrganizationID = "o-" + erase
	s.run.Complete = false
	s.run.Query, s.run.Baseline, s.changes = markup+erase, &Baseline{Name: "=" + link + markup}, &Changes{New: 1}
	s.run.Targets[0].AccountName = erase + bidi
	s.run.Targets[2].AccountName = wide
	s.run.Targets = append(s.run.Targets, Target{Account: "666677778888", AccountName: lines, Status: snapshot.StatusSkipped, Reason: link + c1})
	s.run.Targets = append(s.run.Targets, Target{Account: "666677778889", AccountName: broken, Region: "eu-west-1", Status: snapshot.StatusFailed, Reason: wide + erase})
	s.run.RuleSources = []finding.RuleSource{
		{Source: finding.Source{Reference: erase + markup + ".tar.gz", Kind: finding.FromBundle, Digest: digest(1), Signature: finding.Verified, Key: link + bidi}, Rules: []string{lines}},
		{Source: finding.Source{Reference: "oci://" + bidi + broken + "`*_~<b>", Kind: finding.FromArtifact, Digest: digest(2), Signature: finding.NotVerified}, Rules: []string{}},
	}
	s.run.ConfigSources = []finding.Source{{Reference: lines + c1 + zalgo + wide, Kind: finding.FromBundle, Digest: digest(3), Signature: finding.Unsigned}}
	s.run.Rules[0].Title = erase + markup
	s.run.Rules[2].Title = wide
	s.run.Rules[6].Remediation = lines + bidi
	s.run.Rules = append(s.run.Rules, finding.Rule{ID: "rule\x1b[7m-" + strings.Repeat("long", 30), Title: zalgo, Description: broken, Severity: finding.High, Scope: finding.ScopeImage})
	name := strings.Repeat("a", 200)
	for _, text := range []string{erase, link, bidi, c1, broken, lines, zalgo, wide, markup, strings.Repeat("漢", 90), strings.Repeat("x", 300), "", " ", "   lead and trail   "} {
		s.found("111122223333/eu-west-1/"+name, "access-outside-organization", text)
		s.found("222233334444/eu-west-1/"+text+"!", "external-push", text)
		f := s.found("222233334444/eu-west-1/"+text+"!", s.run.Rules[len(s.run.Rules)-1].ID, text)
		f.Digest, f.Tag, f.Remediation = digest(len(s.findings)), text+"!", "fix "+text
		fix, _ := json.Marshal(map[string]string{"action": text, text: "value"})
		f.Fix = fix
		f = s.found("222233334444/us-east-1/waived", "required-tags", text)
		f.Status = finding.Waived
		f.Waiver = &finding.Waiver{Verdict: finding.Fail, Reason: text, Owner: text, Ticket: text, Until: "2027-01-31", Source: text}
		s.gaps = append(s.gaps, snapshot.Gap{
			Target:     snapshot.Target{Partition: "aws", Account: "333344445555", Region: "eu-west-1"},
			Repository: text + "!", Need: snapshot.NeedPolicy, Operation: "ecr:" + text, Code: "Code" + text, Message: text,
		})
	}
	s.waivers = &Waivers{Files: []WaiverFile{{Path: markup + erase, SHA256: strings.Repeat("0", 64), Waivers: 1}}, InForce: 1, Tags: &TagWaivers{Unmatched: 2},
		Unmatched: []UnmatchedWaiver{{Source: markup + erase + bidi, Rules: []string{markup, lines}, Where: link + zalgo}, {Source: "../" + lines + ":7", Rules: []string{c1}, Where: markup}, {Source: "../" + lines + ":7", Rules: []string{c1}, Where: markup}},
	}
	// Raw bytes as a rule engine might hand them on, inside a JSON string.
	s.findings[0].Fix = json.RawMessage("{ \"action\" : \"x\xff\u202e\u007f\u0085<&>\" }")
	return s
}
