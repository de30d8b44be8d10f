package report

import (
	"cmp"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// The limits that GitHub has for an upload and for the text of a rule:
// https://docs.github.com/en/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit
// and https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
// An upload with more results or tags is refused. Of 25,000 results GitHub
// keeps 5,000, by its word the worst; but https://github.com/github/docs/issues/38085
// saw it keep others, so here the worst come first. An upload has one run here
// (of 20 allowed), each result one location (of 1,000), and rules are far
// fewer than the 25,000 that a run may have.
const (
	sarifMaxResults   = 25_000
	sarifShownResults = 5_000
	sarifMaxTags      = 20
	sarifMaxFile      = 10_000_000 // bytes, compressed with gzip
	sarifMaxName      = 255        // characters
	sarifMaxText      = 1024       // characters, of a rule's descriptions
)

// sarif writes SARIF 2.1.0
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html) as GitHub's
// code scanning reads it.
//
// Results are kept by severity until the last has come, and then written
// worst first, as many as GitHub takes. A run that is not complete says so
// three times: executionSuccessful is false, each gap is a notification, and,
// because GitHub reads neither, the first result is that the audit is not
// complete. One whose findings were filtered says so in a notification and in a
// result.
//
// What is waived is suppressed. GitHub reads no suppressions
// (https://github.com/github/codeql-action/issues/1230), so that the message
// says it, too.
//
// GitHub refuses a file that is too large when compressed. How large it is
// becomes known while it is written; where it comes near the limit the mildest
// results are left out, and it is said how many.
type sarif struct {
	list
	stage  stage
	size   *compressedSize
	room   int64 // bytes, compressed, of a file that GitHub takes
	gaps   int   // left out for want of it
	run    Run
	unread unread
	rules  map[string]int // the index of each
	worst  worst
	place  placeText
}

func newSARIF(w io.Writer) *sarif {
	size := &compressedSize{to: placed{w}}
	return &sarif{list: newList(size), size: size, room: sarifMaxFile, worst: worst{limit: sarifMaxResults}, rules: make(map[string]int)}
}

// sarifLevels are the levels of failing results and of rules, by severity.
var sarifLevels = [...]string{
	finding.Info: "note", finding.Low: "note", finding.Medium: "warning", finding.High: "error", finding.Critical: "error",
}

// sarifScores are security-severity as GitHub reads it: over 9.0 is critical,
// from 7.0 high, from 4.0 medium, from 0.1 low. Without one a rule is no
// security rule, and its level is shown.
var sarifScores = [...]string{
	finding.Info: "", finding.Low: "2.0", finding.Medium: "5.5", finding.High: "8.0", finding.Critical: "9.5",
}

type (
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		Name             string         `json:"name,omitempty"`
		ShortDescription sarifMessage   `json:"shortDescription"`
		FullDescription  sarifMessage   `json:"fullDescription"`
		Help             sarifMessage   `json:"help"`
		HelpURI          string         `json:"helpUri,omitempty"`
		Configuration    map[string]any `json:"defaultConfiguration"`
		Properties       map[string]any `json:"properties,omitempty"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           *int              `json:"ruleIndex,omitempty"`
		Kind                string            `json:"kind,omitempty"`
		Level               string            `json:"level"`
		Message             sarifMessage      `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints sarifFingerprints `json:"partialFingerprints"`
		BaselineState       string            `json:"baselineState,omitempty"`
		// Suppressions are there in every result, though most have none: "all
		// null or all non-null" (3.27.23).
		Suppressions []sarifSuppression `json:"suppressions"`
		Properties   *sarifProperties   `json:"properties,omitempty"`
	}
	sarifSuppression struct {
		Kind          string          `json:"kind"`
		Status        string          `json:"status"`
		Justification string          `json:"justification"`
		Properties    *finding.Waiver `json:"properties"`
	}
	// sarifFingerprints has the fingerprint under a name of ours, and under
	// the only one that GitHub uses.
	sarifFingerprints struct {
		Own    string `json:"ecraudit/v1"`
		GitHub string `json:"primaryLocationLineHash"`
	}
	sarifProperties struct {
		Severity      string `json:"severity,omitempty"`
		Status        string `json:"status,omitempty"`
		Account       string `json:"account,omitempty"`
		Region        string `json:"region,omitempty"`
		Repository    string `json:"repository,omitempty"`
		RepositoryARN string `json:"repository_arn,omitempty"`
		Digest        string `json:"digest,omitempty"`
		Tag           string `json:"tag,omitempty"`
		Remediation   string `json:"remediation,omitempty"`
		Need          string `json:"need,omitempty"`
		Operation     string `json:"operation,omitempty"`
		Code          string `json:"code,omitempty"`
		Permission    string `json:"permission,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifNotification struct {
		Descriptor sarifReference   `json:"descriptor"`
		Level      string           `json:"level"`
		Message    sarifMessage     `json:"message"`
		Locations  []sarifLocation  `json:"locations,omitempty"`
		Properties *sarifProperties `json:"properties,omitempty"`
	}
	sarifReference struct {
		ID string `json:"id"`
	}
	sarifRun struct {
		Clock          time.Time `json:"clock"`
		OrganizationID string    `json:"organization_id,omitempty"`
		Framework      string    `json:"framework,omitempty"`
		FailOn         string    `json:"fail_on,omitempty"`
		Query          string    `json:"query,omitempty"`
		Baseline       *Baseline `json:"baseline,omitempty"`
		Changes        *Changes  `json:"changes,omitempty"`
		Waivers        *Waivers  `json:"waivers,omitempty"`
	}
)

func (h *sarif) Begin(run Run) error {
	if err := h.stage.begin(); err != nil {
		return err
	}
	h.run = normalize(run)
	h.unread = unreadOf(run)
	version := shown(run.Version)
	h.out.text(`{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "ecraudit",
          "informationUri": "` + projectURL + `",`)
	if version != "" {
		if err := h.member("version", version); err != nil {
			return err
		}
	}
	if semanticVersion.MatchString(version) {
		if err := h.member("semanticVersion", version); err != nil {
			return err
		}
	}
	made := struct {
		RulesDigest   string               `json:"rules_digest"`
		RuleSources   []finding.RuleSource `json:"rule_sources,omitempty"`
		ConfigSources []finding.Source     `json:"config_sources,omitempty"`
	}{run.RulesDigest, run.RuleSources, run.ConfigSources}
	if err := h.member("properties", made); err != nil {
		return err
	}
	h.out.text("\n          \"rules\": [")
	const indent = "            "
	for i, rule := range h.run.Rules {
		h.rules[rule.ID] = i
		if err := h.element(indent, newSARIFRule(rule)); err != nil {
			return err
		}
	}
	// The first is always there, so that rules are the same in every run.
	checks := []sarifRule{newSARIFCheck(incompleteCheck, "error", incompleteTitle, incompleteDescription, incompleteRemedy)}
	if run.Query != "" {
		checks = append(checks, newSARIFCheck(filteredCheck, "note", filteredTitle, filteredDescription, filteredRemedy))
	}
	for i, check := range checks {
		h.rules[check.ID] = len(h.run.Rules) + i
		if err := h.element(indent, check); err != nil {
			return err
		}
	}
	h.end("          ")
	h.out.text(",\n          \"notifications\": [")
	for _, n := range sarifNotifications {
		if n.id == filteredCheck && run.Query == "" {
			continue
		}
		if err := h.element(indent, map[string]any{"id": n.id, "shortDescription": sarifMessage{Text: n.text}}); err != nil {
			return err
		}
	}
	h.end("          ")
	h.out.text("\n        }\n      },\n      \"results\": [")
	return h.out.err()
}

// sarifNotifications are what notifications can be about.
var sarifNotifications = [...]struct{ id, text string }{
	{incompleteCheck, incompleteTitle},
	{"not-read", "Something could not be read"},
	{"left-out", "Findings are left out of this report, or will be by who reads it"},
	{filteredCheck, filteredTitle},
	{unmatchedCheck, "A waiver excuses nothing"},
}

// member writes a member of the driver that others follow.
func (h *sarif) member(name string, v any) error {
	body, err := h.enc.encode(v)
	if err != nil {
		return err
	}
	h.out.text("\n          \"" + name + "\": ")
	h.out.bytes(body)
	h.out.text(",")
	return nil
}

// semanticVersion is what GitHub takes as the version of a tool that can be
// compared: https://semver.org.
var semanticVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// newSARIFRule describes a rule. Its short description is the title of alerts on
// GitHub, where what should be would read as if it were.
func newSARIFRule(r finding.Rule) sarifRule {
	id := r.ID
	title := cmp.Or(strings.TrimSpace(shown(r.Title)), shown(id), "rule without a name")
	description := cmp.Or(prose(r.Description), title)
	rule := sarifRule{
		ID:               id,
		Name:             pascalCase(id),
		ShortDescription: sarifMessage{Text: shortened("Expected: "+withoutLinks(title), sarifMaxText)},
		FullDescription:  sarifMessage{Text: shortened(withoutLinks(description), sarifMaxText)},
		Help:             sarifHelp(r, description),
		Configuration:    map[string]any{"level": sarifLevels[r.Severity]},
	}
	if links := webLinks(r.Links); len(links) > 0 {
		rule.HelpURI = links[0]
	}
	rule.Properties = map[string]any{"tags": sarifTags(r), "severity": r.Severity}
	if score := sarifScores[r.Severity]; score != "" {
		rule.Properties["security-severity"] = score
	}
	if len(r.Frameworks) > 0 {
		rule.Properties["frameworks"] = r.Frameworks
	}
	return rule
}

// sarifHelp is everything that a person should know about a rule, as text and
// as Markdown in which nothing of the rule is markup.
func sarifHelp(r finding.Rule, description string) sarifMessage {
	text, markdown := []string{description}, []string{inertMarkdown(description)}
	add := func(heading, body string) {
		if body = prose(body); body != "" {
			text = append(text, heading+": "+body)
			markdown = append(markdown, "**"+heading+"**: "+inertMarkdown(body))
		}
	}
	add("Why", r.Why)
	add("Fix", r.Remediation)
	for _, name := range slices.Sorted(maps.Keys(r.Frameworks)) {
		add(inertHeading(name), strings.Join(r.Frameworks[name], ", "))
	}
	if links := webLinks(r.Links); len(links) > 0 {
		text = append(text, strings.Join(links, "\n"))
		markdown = append(markdown, "<"+strings.Join(links, ">\n<")+">")
	}
	return sarifMessage{Text: withoutLinks(strings.Join(text, "\n\n")), Markdown: strings.Join(markdown, "\n\n")}
}

// inertHeading is a name as one word of letters, digits and dashes.
func inertHeading(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return ' '
	}, name)
}

// sarifTags are what alerts can be filtered by: first what is always there,
// then controls of frameworks, as many as an upload may have.
func sarifTags(r finding.Rule) []string {
	tags := []string{"ecr"}
	if sarifScores[r.Severity] != "" {
		tags = append(tags, "security")
	}
	if r.Scope != "" {
		tags = append(tags, shown(string(r.Scope)))
	}
	for _, framework := range slices.Sorted(maps.Keys(r.Frameworks)) {
		for _, control := range r.Frameworks[framework] {
			tags = append(tags, shown(framework+"/"+control))
		}
	}
	return tags[:min(len(tags), sarifMaxTags)]
}

// pascalCase is a rule's id as SARIF wants the names of rules: an identifier
// that differs from the id.
func pascalCase(id string) string {
	var b strings.Builder
	up := true
	for _, r := range id {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			up = true
			continue
		}
		if up {
			r = unicode.ToUpper(r)
		}
		b.WriteRune(r)
		up = false
	}
	return shortened(b.String(), sarifMaxName)
}

// newSARIFCheck is a rule for what concerns the report as a whole.
func newSARIFCheck(id, level, title, description, remedy string) sarifRule {
	return sarifRule{
		ID:               id,
		Name:             pascalCase(id),
		ShortDescription: sarifMessage{Text: title},
		FullDescription:  sarifMessage{Text: description},
		Help:             sarifMessage{Text: description + "\n\nFix: " + remedy},
		Configuration:    map[string]any{"level": level},
		Properties:       map[string]any{"tags": []string{"ecr"}},
	}
}

func (h *sarif) Finding(f finding.Finding) error {
	if err := h.stage.finding(); err != nil {
		return err
	}
	text := h.worst.room(&f)
	if text == nil {
		return nil
	}
	var err error
	if text.tail, err = h.appendResult(text.tail, &f); err != nil {
		return err
	}
	text.tail = append(text.tail, '\n')
	return h.worst.settle(text)
}

// appendResult appends the sarifResult of a finding.
func (h *sarif) appendResult(dst []byte, f *finding.Finding) ([]byte, error) {
	dst = appendMember(dst, `{"ruleId":`, f.Rule)
	index := h.ruleIndex(f.Rule)
	if index != nil {
		dst = appendNumber(dst, `,"ruleIndex":`, *index)
	}
	level := sarifLevels[f.Severity]
	if verdictOf(f) == finding.Unknown {
		// "The tool concluded that there was insufficient information to decide
		// whether a problem exists" (3.27.9); then the level must be none (3.27.10).
		dst = append(dst, `,"kind":"open"`...)
		level = "none"
	}
	dst = appendMember(dst, `,"level":`, level)
	dst = appendMember(dst, `,"message":{"text":`, withoutLinks(statement(f)))
	dst = append(dst, '}')
	dst = h.appendLocations(dst, resourceOf(f))
	dst = appendMember(dst, `,"partialFingerprints":{"ecraudit/v1":`, f.Fingerprint)
	dst = appendText(append(dst, `,"primaryLocationLineHash":"`...), f.Fingerprint)
	dst = append(dst, `:1"}`...)
	dst = appendOptional(dst, `,"baselineState":`, sarifBaselineStates[f.Change])
	dst, err := h.appendSuppressions(dst, f)
	if err != nil {
		return dst, err
	}
	dst = appendMember(dst, `,"properties":{"severity":`, f.Severity.String())
	dst = appendOptional(dst, `,"status":`, string(f.Status))
	dst = appendOptional(dst, `,"account":`, f.Account)
	dst = appendOptional(dst, `,"region":`, f.Region)
	dst = appendOptional(dst, `,"repository":`, f.Repository)
	dst = appendOptional(dst, `,"repository_arn":`, f.RepositoryARN)
	dst = appendOptional(dst, `,"digest":`, f.Digest)
	dst = appendOptional(dst, `,"tag":`, f.Tag)
	if f.Remediation != "" && (index == nil || f.Remediation != h.run.Rules[*index].Remediation) {
		dst = appendOptional(dst, `,"remediation":`, prose(f.Remediation)) // else the help of the rule says it
	}
	return append(dst, "}}"...), nil
}

// appendLocations appends the sarifLocation of a resource. All but the image is
// that of its repository.
func (h *sarif) appendLocations(dst []byte, r resource) []byte {
	dst = append(dst, h.place.of(r, appendSARIFPlace)...)
	if r.digest != "" {
		dst = appendText(append(dst, '@'), r.digest)
	}
	if r.tag != "" {
		dst = appendText(append(dst, ':'), r.tag)
	}
	return append(dst, `","kind":"resource"}]}]`...)
}

// appendSARIFPlace appends a location up to where its image is named.
func appendSARIFPlace(dst []byte, place resource) []byte {
	dst = appendMember(dst, `,"locations":[{"physicalLocation":{"artifactLocation":{"uri":`, place.uri())
	dst = append(dst, `},"region":{"startLine":1,"startColumn":1,"endLine":1,"endColumn":1}},"logicalLocations":[`...)
	dst = appendMember(dst, `{"name":`, place.last())
	return appendText(append(dst, `,"fullyQualifiedName":"`...), place.name())
}

func (h *sarif) appendSuppressions(dst []byte, f *finding.Finding) ([]byte, error) {
	dst = append(dst, `,"suppressions":`...)
	if f.Waiver == nil {
		return append(dst, "[]"...), nil
	}
	body, err := h.enc.encode(sarifSuppressions(f))
	return append(dst, body...), err
}

// sarifBaselineStates compare a result with that of the baseline (3.27.24).
// Where there is a baseline each result has one.
var sarifBaselineStates = map[finding.Change]string{
	finding.New: "new", finding.Worsened: "updated", finding.Known: "unchanged",
}

// sarifSuppressions are those of a finding: one that "is provided by an
// external source", which was accepted (3.35), where it is waived.
func sarifSuppressions(f *finding.Finding) []sarifSuppression {
	if f.Status != finding.Waived || f.Waiver == nil {
		return []sarifSuppression{}
	}
	until := waivedUntil(f.Waiver)
	justification := strings.ToUpper(until[:1]) + until[1:] + ": " + excuse(f)
	return []sarifSuppression{{Kind: "external", Status: "accepted", Justification: justification, Properties: f.Waiver}}
}

// ruleIndex is where a rule is in the array of rules, or nil if it is not.
func (h *sarif) ruleIndex(id string) *int {
	if i, ok := h.rules[id]; ok {
		return &i
	}
	return nil
}

// newSARIFFingerprints writes GitHub's as it does: a hash and its count.
func newSARIFFingerprints(fingerprint string) sarifFingerprints {
	return sarifFingerprints{Own: fingerprint, GitHub: fingerprint + ":1"}
}

// newSARIFLocation has a file too, since GitHub refuses a result without.
func newSARIFLocation(r resource) sarifLocation {
	return sarifLocation{
		Physical: sarifPhysical{sarifArtifact{r.uri()}, sarifRegion{1, 1, 1, 1}},
		Logical: []sarifLogical{{
			Name:               r.last(),
			FullyQualifiedName: r.name(),
			Kind:               "resource",
		}},
	}
}

// withoutLinks breaks what a plain text message of SARIF takes as a link:
// "[text](target)" (3.11.6). Braces may stay: they are placeholders only in a
// message that has arguments.
func withoutLinks(text string) string { return strings.ReplaceAll(text, "](", "] (") }

func (h *sarif) Gap(g snapshot.Gap) error {
	h.unread.gaps++
	if err := h.openNotifications(); err != nil {
		return err
	}
	if h.full(sarifRoomOfGaps) {
		h.gaps++
		return nil
	}
	return h.notify(sarifNotification{
		Descriptor: sarifReference{"not-read"},
		Level:      "error",
		Message:    sarifMessage{Text: withoutLinks(gapStatement(&g))},
		Locations:  []sarifLocation{newSARIFLocation(resourceOfGap(&g))},
		Properties: &sarifProperties{
			Account: g.Account, Region: g.Region, Repository: g.Repository, Digest: g.Digest,
			Need: string(g.Need), Operation: g.Operation, Code: g.Code, Permission: g.Permission,
		},
	})
}

func (h *sarif) notify(n sarifNotification) error { return h.element("            ", n) }

// openNotifications writes the results, which are all there, and makes the
// array of notifications the open one.
func (h *sarif) openNotifications() error {
	first, err := h.stage.gap()
	if err != nil || !first {
		return err
	}
	written, leftOut, err := h.writeResults()
	if err != nil {
		return err
	}
	h.out.text(",\n      \"invocations\": [\n        {\n          \"toolExecutionNotifications\": [")
	if err := h.notifyOfRun(); err != nil {
		return err
	}
	return h.notifyOfLimits(written, leftOut)
}

// notifyOfRun says what concerns the whole run or a target.
func (h *sarif) notifyOfRun() error {
	if h.unread.any() {
		if err := h.notify(sarifNotification{Descriptor: sarifReference{incompleteCheck}, Level: "error", Message: sarifMessage{Text: h.unread.String()}}); err != nil {
			return err
		}
	}
	if text := filteredStatement(h.run); text != "" {
		if err := h.notify(sarifNotification{Descriptor: sarifReference{filteredCheck}, Level: "warning", Message: sarifMessage{Text: withoutLinks(text)}}); err != nil {
			return err
		}
	}
	if why := h.run.OrganizationUnread; why != "" {
		text := withoutLinks(organizationStatement(why))
		if err := h.notify(sarifNotification{Descriptor: sarifReference{"not-read"}, Level: "warning", Message: sarifMessage{Text: text}}); err != nil {
			return err
		}
	}
	for i := range h.unread.failed {
		target := &h.unread.failed[i]
		if err := h.notify(sarifNotification{
			Descriptor: sarifReference{"not-read"},
			Level:      "error",
			Message:    sarifMessage{Text: withoutLinks(failure(target))},
			Locations:  []sarifLocation{newSARIFLocation(resource{account: target.Account, region: target.Region})},
			Properties: &sarifProperties{Account: target.Account, Region: target.Region},
		}); err != nil {
			return err
		}
	}
	return nil
}

// notifyOfLimits says what is not here, or will not be seen.
func (h *sarif) notifyOfLimits(written, leftOut int) error {
	if leftOut > 0 {
		refused := "more than " + number(h.worst.limit) + " results"
		if written < h.worst.limit {
			refused = "files over 10 MB compressed"
		}
		text := leftOutStatement(leftOut, "GitHub", refused)
		if err := h.notify(sarifNotification{Descriptor: sarifReference{"left-out"}, Level: "warning", Message: sarifMessage{Text: text}}); err != nil {
			return err
		}
	}
	if written > sarifShownResults {
		text := "GitHub shows " + number(sarifShownResults) + " of these " + number(written) + " results."
		return h.notify(sarifNotification{Descriptor: sarifReference{"left-out"}, Level: "note", Message: sarifMessage{Text: text}})
	}
	return nil
}

// writeResults writes the results, and returns how many there are and how
// many more there would be.
func (h *sarif) writeResults() (written, leftOut int, err error) {
	const indent = "        "
	if h.unread.any() {
		if err := h.element(indent, h.resultOfRun(incompleteCheck, "error", h.unread.String())); err != nil {
			return 0, 0, err
		}
	}
	if text := filteredStatement(h.run); text != "" {
		if err := h.element(indent, h.resultOfRun(filteredCheck, "note", text)); err != nil {
			return 0, 0, err
		}
	}
	leftOut, err = h.worst.write(&h.list, indent, func() bool { return h.full(sarifRoomOfResults) })
	written = h.items
	h.end("      ")
	return written, leftOut, err
}

// resultOfRun is a result that is no finding: without one an incomplete or
// filtered report would close alerts, and look as if they were mended.
func (h *sarif) resultOfRun(check, level, text string) sarifResult {
	r := sarifResult{
		RuleID:              check,
		RuleIndex:           h.ruleIndex(check),
		Level:               level,
		Message:             sarifMessage{Text: withoutLinks(text)},
		Locations:           []sarifLocation{newSARIFLocation(resource{})},
		PartialFingerprints: newSARIFFingerprints(check),
		Suppressions:        []sarifSuppression{},
	}
	if h.run.Baseline != nil {
		r.BaselineState = sarifBaselineStates[finding.New] // no baseline has it
	}
	return r
}

// The shares of a file that GitHub takes, in percent, at which no more results
// and no more gaps are written. They leave room for what follows, and for the
// error of the estimate: what waits to be compressed is not counted yet.
const (
	sarifRoomOfResults = 85
	sarifRoomOfGaps    = 95
)

// full reports whether the file has come to so many percent of its room.
func (h *sarif) full(percent int64) bool { return h.size.compressed >= h.room*percent/100 }

func (h *sarif) End(s Summary) error {
	h.unread.end(s)
	if err := h.openNotifications(); err != nil {
		return err
	}
	if h.gaps > 0 {
		text := count(h.gaps, "gap is", "gaps are") + " left out: GitHub refuses files over 10 MB compressed. The json format has all."
		if err := h.notify(sarifNotification{Descriptor: sarifReference{"left-out"}, Level: "warning", Message: sarifMessage{Text: text}}); err != nil {
			return err
		}
	}
	if err := h.notifyOfWaivers(s.Waivers); err != nil {
		return err
	}
	h.stage = stageDone
	h.end("          ")
	successful := "true"
	if h.unread.any() {
		successful = "false"
	}
	h.out.text(",\n          \"executionSuccessful\": " + successful + ",\n          \"exitCode\": ")
	code, err := h.enc.encode(s.ExitCode)
	if err != nil {
		return err
	}
	h.out.bytes(code)
	h.out.text("\n        }\n      ],\n      \"properties\": ")
	properties, err := h.enc.encode(sarifRun{
		h.run.Clock, h.run.OrganizationID, h.run.Framework, s.FailOn, h.run.Query, h.run.Baseline, s.Changes, s.Waivers,
	})
	if err != nil {
		return err
	}
	h.out.bytes(properties)
	h.out.text("\n    }\n  ]\n}\n")
	return h.out.flush()
}

// notifyOfWaivers warns of those that excuse nothing, at their lines.
func (h *sarif) notifyOfWaivers(waivers *Waivers) error {
	for _, warning := range waivers.Warnings() {
		n := sarifNotification{Descriptor: sarifReference{unmatchedCheck}, Level: "warning", Message: sarifMessage{Text: withoutLinks(warning.Statement())}}
		if warning.File != "" {
			file := url.URL{Path: filepath.ToSlash(shown(warning.File))}
			n.Locations = []sarifLocation{{Physical: sarifPhysical{sarifArtifact{file.String()}, sarifRegion{warning.Line, 1, warning.Line, 1}}}}
		}
		if err := h.notify(n); err != nil {
			return err
		}
	}
	return nil
}

// Close removes the temporary file of a run that does not come to its End.
func (h *sarif) Close() error { return h.worst.Close() }

// organizationStatement says why the organization is not known in full.
func organizationStatement(why string) string {
	return "The organization is not known in full, and what depends on it neither: " + shown(why)
}
