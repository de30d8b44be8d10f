package report

import (
	"cmp"
	"io"
	"maps"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// gitlabSecurityVersion is that of the schema of GitLab's security reports
// (https://gitlab.com/gitlab-org/security-products/security-report-schemas).
// GitLab refuses a minor version that it does not know. So it is the oldest of
// 15 that has all that is written here; 15.2.1 demands nothing more.
const gitlabSecurityVersion = "15.0.7"

// Limits of the schema, in characters, and of GitLab: it refuses reports with
// more results (https://gitlab.com/gitlab-org/security-products/dast/-/merge_requests/573).
const (
	gitlabMaxResults     = 100_000
	gitlabMaxName        = 255
	gitlabMaxDescription = 1 << 20
	gitlabMaxSolution    = 7000
)

// gitlabSecurity writes a GitLab security report of type SAST. Container
// scanning is about packages of an image that have vulnerabilities, and names
// image and package in each result; findings here are about how registries
// and repositories are set up. GitLab's own scanner of such mistakes, IaC
// scanning, reports as SAST, too
// (https://docs.gitlab.com/user/application_security/iac_scanning/).
//
// The description and the solution are Markdown to GitLab, so that what comes
// from AWS is escaped in them.
//
// The schema has no word for what is waived: its only flag is a likely false
// positive, which a waiver does not say. So it is of the least severity, and its
// name and description say that it is waived, why, and until when.
type gitlabSecurity struct {
	list
	stage  stage
	run    Run
	unread unread
	rules  map[string]*gitlabRule
	worst  worst
	place  placeText // the members of a location

	description []byte // of the finding at hand
}

// gitlabRule is what the vulnerabilities of one rule have in common. What
// begins with a comma is JSON.
type gitlabRule struct {
	names       map[finding.Status][]byte // JSON
	description string                    // follows that of the finding
	solution    []byte                    // a member, or nothing
	references  []byte                    // the identifiers and the links
	remediation string                    // of which the solution is made
}

func newGitLabRule(r finding.Rule) *gitlabRule {
	g := &gitlabRule{names: make(map[finding.Status][]byte), remediation: r.Remediation}
	// A title says what should be; as the name of a vulnerability alone it
	// would say that all is well.
	title := cmp.Or(shown(r.Title), shown(r.ID), "ecraudit")
	for status, before := range map[finding.Status]string{finding.Fail: "Violated: ", finding.Unknown: "Unknown: ", finding.Waived: "Waived: "} {
		g.names[status] = appendQuoted(nil, shortened(before+title, gitlabMaxName))
	}
	if r.Description != "" {
		g.description = "\n\n" + inertMarkdown(r.Description)
	}
	g.solution = appendOptional(nil, `,"solution":`, shortened(inertMarkdown(r.Remediation), gitlabMaxSolution))
	before := `,"identifiers":[`
	for _, i := range gitlabIdentifiers(r) {
		g.references = append(g.references, before...)
		g.references = appendGitLabIdentifier(g.references, i)
		before = ","
	}
	g.references = append(g.references, ']')
	before = `,"links":[`
	for _, link := range webLinks(r.Links) {
		g.references = appendMember(append(g.references, before...), `{"url":`, link)
		g.references = append(g.references, '}')
		before = ","
	}
	if before == "," {
		g.references = append(g.references, ']')
	}
	return g
}

func appendGitLabIdentifier(dst []byte, i gitlabIdentifier) []byte {
	dst = appendMember(dst, `{"type":`, i.Type)
	dst = appendMember(dst, `,"name":`, i.Name)
	dst = appendMember(dst, `,"value":`, i.Value)
	dst = appendOptional(dst, `,"url":`, i.URL)
	return append(dst, '}')
}

func newGitLabSecurity(w io.Writer) *gitlabSecurity {
	return &gitlabSecurity{list: newList(w), rules: make(map[string]*gitlabRule), worst: worst{limit: gitlabMaxResults}}
}

// gitlabSeverities are GitLab's names of the severities. What is unknown here
// is Unknown there.
var gitlabSeverities = [...]string{
	finding.Info: "Info", finding.Low: "Low", finding.Medium: "Medium", finding.High: "High", finding.Critical: "Critical",
}

type (
	gitlabVulnerability struct {
		ID          string             `json:"id"`
		Name        string             `json:"name"`
		Description string             `json:"description"`
		Severity    string             `json:"severity"`
		Solution    string             `json:"solution,omitempty"`
		Identifiers []gitlabIdentifier `json:"identifiers"`
		Links       []gitlabLink       `json:"links,omitempty"`
		Location    gitlabLocation     `json:"location"`
		Tracking    gitlabTracking     `json:"tracking"`
	}
	gitlabIdentifier struct {
		Type  string `json:"type"`
		Name  string `json:"name"`
		Value string `json:"value"`
		URL   string `json:"url,omitempty"`
	}
	gitlabLink struct {
		URL string `json:"url"`
	}
	gitlabLocation struct {
		File      string `json:"file"`
		StartLine int    `json:"start_line"`
		EndLine   int    `json:"end_line"`
	}
	gitlabTracking struct {
		Type  string               `json:"type"`
		Items []gitlabTrackingItem `json:"items"`
	}
	gitlabTrackingItem struct {
		gitlabLocation
		Signatures []gitlabSignature `json:"signatures"`
	}
	gitlabSignature struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"value"`
	}
	gitlabScanner struct {
		ID      string            `json:"id"`
		Name    string            `json:"name"`
		URL     string            `json:"url"`
		Vendor  map[string]string `json:"vendor"`
		Version string            `json:"version"`
	}
	gitlabMessage struct {
		Level string `json:"level"`
		Value string `json:"value"`
	}
)

func (h *gitlabSecurity) Begin(run Run) error {
	if err := h.stage.begin(); err != nil {
		return err
	}
	h.run = normalize(run)
	h.unread = unreadOf(run)
	for _, rule := range h.run.Rules {
		h.rules[rule.ID] = newGitLabRule(rule)
	}
	h.out.text("{\n  \"version\": \"" + gitlabSecurityVersion + "\",\n  \"vulnerabilities\": [")
	return h.out.err()
}

func (h *gitlabSecurity) Finding(f finding.Finding) error {
	if err := h.stage.finding(); err != nil {
		return err
	}
	text := h.worst.room(&f)
	if text == nil {
		return nil
	}
	text.tail = append(h.appendVulnerability(text.tail, &f), '\n')
	return h.worst.settle(text)
}

// appendVulnerability appends the gitlabVulnerability of a finding.
func (h *gitlabSecurity) appendVulnerability(dst []byte, f *finding.Finding) []byte {
	rule := h.rules[f.Rule]
	if rule == nil {
		rule = newGitLabRule(finding.Rule{ID: f.Rule})
	}
	r := resourceOf(f)
	// Bold text first, so that no text of others begins a line.
	h.description = appendInertMarkdown(append(h.description[:0], "**"...), r.name())
	h.description = appendInertMarkdown(append(h.description, "**: "...), statement(f))
	h.description = append(h.description, rule.description...)
	if len(h.description) > gitlabMaxDescription {
		h.description = append(h.description[:0], shortened(string(h.description), gitlabMaxDescription)...)
	}
	severity := gitlabSeverities[f.Severity]
	switch f.Status {
	case finding.Fail:
	case finding.Unknown:
		severity = "Unknown"
	case finding.Waived:
		severity = gitlabSeverities[finding.Info]
	}
	dst = appendMember(dst, `{"id":`, f.Fingerprint)
	dst = append(append(dst, `,"name":`...), rule.names[f.Status]...)
	dst = appendQuoted(append(dst, `,"description":`...), h.description)
	dst = appendMember(dst, `,"severity":`, severity)
	if f.Remediation == "" || f.Remediation == rule.remediation {
		dst = append(dst, rule.solution...)
	} else {
		dst = appendOptional(dst, `,"solution":`, shortened(inertMarkdown(f.Remediation), gitlabMaxSolution))
	}
	dst = append(dst, rule.references...)
	location := h.place.of(r, appendGitLabLocation)
	dst = append(append(dst, `,"location":{`...), location...)
	dst = append(append(dst, `},"tracking":{"type":"source","items":[{`...), location...)
	dst = appendMember(dst, `,"signatures":[{"algorithm":"hash","value":`, f.Fingerprint)
	return append(dst, "}]}]}}"...)
}

// appendGitLabLocation appends the members of a gitlabLocation.
func appendGitLabLocation(dst []byte, place resource) []byte {
	dst = appendMember(dst, `"file":`, place.path())
	return append(dst, `,"start_line":1,"end_line":1`...)
}

// newVulnerability has the location of a resource. GitLab takes two results of
// one rule in one line of a file for the same, unless they are told apart by a
// signature: the fingerprint.
func newVulnerability(id string, r resource) gitlabVulnerability {
	location := gitlabLocation{r.path(), 1, 1}
	return gitlabVulnerability{
		ID:       id,
		Location: location,
		Tracking: gitlabTracking{"source", []gitlabTrackingItem{{location, []gitlabSignature{{"hash", id}}}}},
	}
}

// gitlabIdentifiers are the rule, which is what GitLab groups by, and the
// controls of frameworks that it checks.
func gitlabIdentifiers(r finding.Rule) []gitlabIdentifier {
	id := cmp.Or(shown(r.ID), "ecraudit")
	rule := gitlabIdentifier{Type: "ecraudit_rule", Name: "ecraudit " + id, Value: id}
	if links := webLinks(r.Links); len(links) > 0 {
		rule.URL = links[0]
	}
	identifiers := []gitlabIdentifier{rule}
	for _, framework := range slices.Sorted(maps.Keys(r.Frameworks)) {
		for _, control := range r.Frameworks[framework] {
			if framework, control := shown(framework), shown(control); framework != "" && control != "" {
				identifiers = append(identifiers, gitlabIdentifier{Type: framework, Name: framework + " " + control, Value: control})
			}
		}
	}
	return identifiers
}

func (h *gitlabSecurity) Gap(g snapshot.Gap) error {
	h.unread.gaps++
	if err := h.openMessages(); err != nil {
		return err
	}
	return h.message("warn", gapStatement(&g))
}

func (h *gitlabSecurity) message(level, text string) error {
	return h.element("      ", gitlabMessage{level, text})
}

// openMessages writes the vulnerabilities, which are all there, and makes the
// messages of the scan the open array. Before that, a
// run that is not complete becomes a vulnerability, because GitLab shows the
// messages of a scan in few places and takes what is not reported for gone.
func (h *gitlabSecurity) openMessages() error {
	first, err := h.stage.gap()
	if err != nil || !first {
		return err
	}
	filtered := filteredStatement(h.run)
	if h.unread.any() {
		check := finding.Rule{ID: incompleteCheck, Title: incompleteTitle, Remediation: incompleteRemedy}
		if err := h.element("    ", vulnerabilityOfRun(check, issueID("run"), "Unknown", h.unread.String())); err != nil {
			return err
		}
	}
	if filtered != "" {
		check := finding.Rule{ID: filteredCheck, Title: filteredTitle, Remediation: filteredRemedy}
		if err := h.element("    ", vulnerabilityOfRun(check, issueID("filtered"), gitlabSeverities[finding.Info], filtered)); err != nil {
			return err
		}
	}
	leftOut, err := h.worst.write(&h.list, "    ", nil)
	if err != nil {
		return err
	}
	h.end("  ")
	h.out.text(",\n  \"scan\": {\n    \"messages\": [")
	if h.unread.any() {
		if err := h.message("fatal", h.unread.String()); err != nil {
			return err
		}
	}
	if leftOut > 0 {
		if err := h.message("warn", leftOutStatement(leftOut, "GitLab", "more than "+number(h.worst.limit)+" results")); err != nil {
			return err
		}
	}
	if filtered != "" {
		if err := h.message("warn", filtered); err != nil {
			return err
		}
	}
	if why := h.run.OrganizationUnread; why != "" {
		if err := h.message("warn", organizationStatement(why)); err != nil {
			return err
		}
	}
	for i := range h.unread.failed {
		if err := h.message("fatal", failure(&h.unread.failed[i])); err != nil {
			return err
		}
	}
	return nil
}

// waivers says in messages of the scan what became of waivers. One that excuses
// nothing is no vulnerability.
func (h *gitlabSecurity) waivers(s Summary) error {
	if text := waiversStatement(s); text != "" {
		if err := h.message("info", text); err != nil {
			return err
		}
	}
	for _, warning := range s.Waivers.Warnings() {
		if err := h.message("warn", warning.Statement()); err != nil {
			return err
		}
	}
	return nil
}

// vulnerabilityOfRun is one that is no finding.
func vulnerabilityOfRun(check finding.Rule, id, severity, text string) gitlabVulnerability {
	v := newVulnerability(id, resource{})
	v.Name, v.Severity, v.Solution = check.Title, severity, check.Remediation
	v.Description = inertMarkdown(text)
	v.Identifiers = gitlabIdentifiers(check)
	return v
}

// Close removes the temporary file of a run that does not come to its End.
func (h *gitlabSecurity) Close() error { return h.worst.Close() }

func (h *gitlabSecurity) End(s Summary) error {
	h.unread.end(s)
	if err := h.openMessages(); err != nil {
		return err
	}
	if err := h.waivers(s); err != nil {
		return err
	}
	h.stage = stageDone
	h.end("    ")
	scanner := gitlabScanner{
		ID: "ecraudit", Name: "ecraudit", URL: projectURL,
		Vendor: map[string]string{"name": "ecraudit"}, Version: cmp.Or(shown(h.run.Version), "unknown"),
	}
	status := "success"
	if h.unread.any() {
		status = "failure"
	}
	// The schema has no place for a clock, and wants times without a zone.
	clock := h.run.Clock.Format("2006-01-02T15:04:05")
	for _, member := range []struct {
		name  string
		value any
	}{
		{"analyzer", scanner}, {"scanner", scanner}, {"type", "sast"}, {"start_time", clock}, {"end_time", clock}, {"status", status},
	} {
		body, err := h.enc.encode(member.value)
		if err != nil {
			return err
		}
		h.out.text(",\n    \"" + member.name + "\": ")
		h.out.bytes(body)
	}
	h.out.text("\n  }\n}\n")
	return h.out.flush()
}
