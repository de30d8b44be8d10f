package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// junit writes JUnit XML, as far as CI systems agree on it: what the Jenkins
// xUnit plugin's schema allows
// (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd) and GitLab reads
// (https://docs.gitlab.com/ci/testing/unit_test_reports).
//
// A suite is a rule and a test case one repository (or registry) that the rule
// found something in: what is wrong, then where. By account and region a rule
// that found nothing would have no place, and what to do would be spread over
// all suites. GitLab shows the class name and the name of a case and not the
// suite's, Jenkins groups by the class name up to its last dot, and both know a
// case again by the two names. So the class name is that of the suite, and the
// name is whole in itself: "rule: account/region/repository".
//
// The findings of a rule in a repository are one failure with a line for each,
// or one error where the rule could not tell. A rule that found nothing has one
// passing case: which repositories passed is not known, as the stream has
// findings only. The first suite tells what was not read. It passes only where
// everything was, so that no incomplete run is green. Skipped is for findings
// that decide nothing: those that are waived, and those that the baseline knows;
// also where the rule could not tell, since that is known, too. In a report that
// is filtered no case passes for want of findings.
//
// Findings come by repository and are written by rule, with totals before
// them: as in the table, what is written waits in a spill.
type junit struct {
	out      output
	run      Run
	spill    spill
	coverage *junitSuite
	rules    map[string]*junitSuite // by id
	failed   map[string]string      // targets without a gap so far: place to reason
	gaps     int
}

// junitSuite is a suite and what of it was written so far.
type junitSuite struct {
	name                    string // printable
	rule                    finding.Rule
	text                    spilled
	tests, failures, errors int
	skipped                 int
	open                    junitCase // takes further findings, if it is open
}

// junitCase collects what was found in one place.
type junitCase struct {
	open            bool
	place           resource
	worst           finding.Severity // of the findings that fail
	failing, unsure junitLines
	excused         junitLines // waived, or known since the baseline
}

// junitLines are findings or gaps of one kind in one place.
type junitLines struct {
	text        []byte // XML
	total       int
	first       string // what it says
	code        string // of the first gap
	remediation string // that was written last
}

// maxJunitLines is how many lines of a kind one case has. It bounds memory; and
// GitLab refuses files over 30 MB, while nobody reads a failure of 10,000 lines.
const maxJunitLines = 100

func newJUnit(w io.Writer) *junit {
	return &junit{
		out: newOutput(w), rules: make(map[string]*junitSuite), failed: make(map[string]string),
		coverage: &junitSuite{name: "coverage"},
	}
}

func (h *junit) Begin(run Run) error {
	h.run = run
	for _, rule := range run.Rules {
		h.rules[rule.ID] = &junitSuite{name: shown(rule.ID), rule: rule}
	}
	for _, target := range run.Targets {
		if target.Status == snapshot.StatusFailed {
			h.failed[junitPlace(target.Account, target.Region, "")] = cmp.Or(target.Reason, "no reason given")
		}
	}
	return nil
}

func (h *junit) Finding(f finding.Finding) error {
	suite := h.rules[f.Rule]
	if suite == nil {
		suite = &junitSuite{name: shown(f.Rule), rule: finding.Rule{ID: f.Rule, Severity: f.Severity}}
		h.rules[f.Rule] = suite
	}
	c, err := h.caseAt(suite, resourceOf(&f))
	if err != nil {
		return err
	}
	lines, message := &c.unsure, f.Message
	switch {
	case standingOf(&f) != standingOpen:
		lines, message = &c.excused, qualifiers(&f)+": "+cmp.Or(excuse(&f), f.Message)
	case f.Status == finding.Fail:
		lines, c.worst = &c.failing, max(c.worst, f.Severity)
	}
	if lines.hasRoom(message) {
		lines.remedy(f.Remediation)
		lines.text = append(appendJunitLine(lines.text, &f), '\n')
	}
	return nil
}

// appendJunitLine appends all that there is to say of a finding.
func appendJunitLine(dst []byte, f *finding.Finding) []byte {
	dst = append(append(dst, f.Severity.String()...), ", "...)
	dst = appendXML(dst, cmp.Or(qualifiers(f), string(f.Status)))
	dst = appendXML(append(dst, ": "...), f.Message)
	dst = appendJunitImage(dst, f.Digest, f.Tag)
	if why := excuse(f); why != "" {
		dst = appendXML(append(dst, ". Reason: "...), why)
	}
	dst = appendXML(append(dst, " ["...), f.Fingerprint)
	return append(dst, ']')
}

func (h *junit) Gap(g snapshot.Gap) error {
	h.gaps++
	c, err := h.caseAt(h.coverage, resourceOfGap(&g))
	if err != nil {
		return err
	}
	place := junitPlace(g.Account, g.Region, g.Repository)
	if reason, ok := h.failed[place]; ok {
		delete(h.failed, place)
		c.unsure.add(reason, "nothing could be read: "+reason)
	}
	c.unsure.code = cmp.Or(c.unsure.code, g.Code)
	message := gapMessage(g)
	if c.unsure.hasRoom(message) {
		c.unsure.text = append(appendJunitImage(appendXML(c.unsure.text, message), g.Digest, ""), '\n')
	}
	return nil
}

// caseAt returns the open case of the suite for this place. What was open for
// another is complete: findings and gaps come by place.
func (h *junit) caseAt(suite *junitSuite, r resource) (*junitCase, error) {
	c := &suite.open
	place := r.registryOrRepository()
	if c.open && c.place == place {
		return c, nil
	}
	err := h.closeCase(suite)
	*c = junitCase{open: true, place: place, failing: c.failing.emptied(), unsure: c.unsure.emptied(), excused: c.excused.emptied()}
	return c, err
}

func (h *junit) closeCase(suite *junitSuite) error {
	c := &suite.open
	if !c.open {
		return nil
	}
	c.open = false
	name := junitPlace(c.place.account, c.place.region, c.place.repository)
	bodies := [][]byte{c.failing.body(), c.unsure.body(), c.excused.body()}
	switch {
	case c.failing.total > 0:
		return h.write(suite, name, "failure", c.worst.String(), c.failing.message(), bodies...)
	case c.unsure.total > 0:
		return h.write(suite, name, "error", cmp.Or(c.unsure.code, "unknown"), c.unsure.message(), bodies...)
	}
	return h.write(suite, name, "skipped", "", c.excused.message(), bodies...)
}

// write adds a case to the suite. Without an element it passes, and the bodies,
// which are XML, are its output.
func (h *junit) write(suite *junitSuite, name, element, kind, message string, bodies ...[]byte) error {
	suite.tests++
	switch element {
	case "failure":
		suite.failures++
	case "error":
		suite.errors++
	case "skipped":
		suite.skipped++
	}
	text := suite.text.tail
	text = append(text, `    <testcase classname="ecraudit.`...)
	text = appendXMLAttribute(text, suite.name)
	text = appendXMLAttribute(append(text, `" name="`...), suite.name)
	text = appendXMLAttribute(append(text, ": "...), name)
	body := slices.ContainsFunc(bodies, func(b []byte) bool { return len(b) > 0 })
	switch {
	case element == "" && !body:
		text = append(text, "\"/>\n"...)
	default:
		closing := cmp.Or(element, "system-out")
		text = append(append(text, "\">\n      <"...), closing...)
		if kind != "" {
			text = append(appendXMLAttribute(append(text, ` type="`...), kind), '"')
		}
		if element != "" {
			text = append(appendXMLAttribute(append(text, ` message="`...), message), '"')
		}
		text = append(text, '>')
		for _, body := range bodies {
			text = append(text, body...)
		}
		text = append(append(append(text, "</"...), closing...), ">\n    </testcase>\n"...)
	}
	suite.text.tail = text
	return h.spill.settle(&suite.text)
}

// End writes everything: the totals come first and are known last.
func (h *junit) End(s Summary) error {
	defer func() { _ = h.Close() }()
	u := unreadAfter(h.run, s, h.gaps)
	reasons := u.reasons()
	if err := h.endCoverage(s, reasons); err != nil {
		return err
	}
	suites := []*junitSuite{h.coverage}
	for _, id := range slices.Sorted(maps.Keys(h.rules)) {
		suite := h.rules[id]
		if err := h.endRule(suite, len(reasons) == 0); err != nil {
			return err
		}
		suites = append(suites, suite)
	}
	tests, failures, errors := 0, 0, 0
	for _, suite := range suites {
		tests, failures, errors = tests+suite.tests, failures+suite.failures, errors+suite.errors
	}
	// The schema has no skipped here, only on suites.
	h.out.text(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		fmt.Sprintf(`<testsuites name="ecraudit" tests="%d" failures="%d" errors="%d">`, tests, failures, errors) + "\n")
	for _, suite := range suites {
		if err := h.suite(suite); err != nil {
			return err
		}
	}
	h.out.text("</testsuites>\n")
	return h.out.flush()
}

// endCoverage adds the targets that failed without a gap, and the case that
// passes only where everything was read.
func (h *junit) endCoverage(s Summary, reasons []string) error {
	if err := h.closeCase(h.coverage); err != nil {
		return err
	}
	for _, place := range slices.Sorted(maps.Keys(h.failed)) {
		err := h.write(h.coverage, place, "error", "failed", "nothing could be read: "+h.failed[place], junitText(h.failed[place]))
		if err != nil {
			return err
		}
	}
	if filtered := filteredStatement(h.run); filtered != "" {
		if err := h.write(h.coverage, "all findings are shown", "skipped", "", filtered); err != nil {
			return err
		}
	}
	const name = "everything was read"
	text := junitText(sentences(totals(s), changesStatement(h.run, s), waiversStatement(s)))
	if len(reasons) == 0 {
		return h.write(h.coverage, name, "", "", "", text)
	}
	return h.write(h.coverage, name, "error", "incomplete", "NOT complete: "+strings.Join(reasons, ", "), text)
}

// endRule completes the suite of a rule; one that found nothing passes, unless
// what it found may only not be shown.
func (h *junit) endRule(suite *junitSuite, complete bool) error {
	if err := h.closeCase(suite); err != nil || suite.tests > 0 {
		return err
	}
	var note []byte
	if filtered := filteredStatement(h.run); filtered != "" {
		if !complete {
			note = []byte("The audit is NOT complete: see the suite ecraudit.coverage.")
		}
		return h.write(suite, "no findings that match the query", "skipped", "", filtered, note)
	}
	if !complete {
		note = []byte("Nothing was found in what was read, but the audit is NOT complete: see the suite ecraudit.coverage.")
	}
	return h.write(suite, "no findings", "", "", "", note)
}

func (h *junit) suite(suite *junitSuite) error {
	h.out.text(fmt.Sprintf(`  <testsuite name=%s tests="%d" failures="%d" errors="%d" skipped="%d"`,
		junitAttribute("ecraudit."+suite.name), suite.tests, suite.failures, suite.errors, suite.skipped))
	if !h.run.Clock.IsZero() {
		h.out.text(` timestamp="` + h.run.Clock.UTC().Format("2006-01-02T15:04:05") + `"`)
	}
	h.out.text(">\n    <properties>\n")
	property := func(name, value string) {
		if value != "" {
			h.out.text("      <property name=" + junitAttribute(name) + " value=" + junitAttribute(value) + "/>\n")
		}
	}
	if suite == h.coverage {
		property("version", h.run.Version)
		property("rules_digest", h.run.RulesDigest)
		for _, o := range originsOf(&h.run) {
			property("source", o.words())
		}
		property("organization_id", h.run.OrganizationID)
		property("organization_unread", h.run.OrganizationUnread)
		property("framework", h.run.Framework)
		property("query", h.run.Query)
		if h.run.Baseline != nil {
			property("baseline", h.run.Baseline.Name)
		}
	} else {
		property("title", suite.rule.Title)
		property("severity", suite.rule.Severity.String())
		property("scope", string(suite.rule.Scope))
	}
	h.out.text("    </properties>\n")
	if err := h.spill.copy(h.out.w, &suite.text); err != nil {
		return err
	}
	h.out.text("  </testsuite>\n")
	return h.out.err()
}

// Close removes the temporary file of a run that does not come to its End.
func (h *junit) Close() error { return h.spill.Close() }

// hasRoom counts a line that is to come, of which message is the gist, and
// reports whether there is room for it.
func (l *junitLines) hasRoom(message string) bool {
	l.total++
	if l.total == 1 {
		l.first = message
	}
	return l.total <= maxJunitLines
}

// add appends a line.
func (l *junitLines) add(message, line string) {
	if l.hasRoom(message) {
		l.text = append(appendXML(l.text, line), '\n')
	}
}

// remedy appends what to do, where it differs from that of the line before.
func (l *junitLines) remedy(remediation string) {
	if remediation != l.remediation && remediation != "" {
		l.text = append(appendXML(append(l.text, "Remediation: "...), remediation), '\n')
	}
	l.remediation = remediation
}

// emptied is no lines, in the memory of these.
func (l *junitLines) emptied() junitLines { return junitLines{text: l.text[:0]} }

// message sums the lines up.
func (l *junitLines) message() string {
	if l.total > 1 {
		return l.first + " (and " + number(l.total-1) + " more)"
	}
	return l.first
}

// body returns the lines as XML text.
func (l *junitLines) body() []byte {
	if more := l.total - maxJunitLines; more > 0 {
		return append(l.text, "and "+number(more)+" more, which the formats json, ndjson and csv list\n"...)
	}
	return l.text
}

// junitPlace names a place: "account/region/repository", as far as it goes.
func junitPlace(account, region, repository string) string {
	place := cmp.Or(account, "organization")
	for _, part := range []string{region, repository} {
		if part != "" {
			place += "/" + part
		}
	}
	return place
}

// appendJunitImage names the image that a line is about, if it is about one.
func appendJunitImage(dst []byte, digest, tag string) []byte {
	if digest != "" {
		dst = appendXML(append(dst, ", image "...), digest)
	}
	if tag != "" {
		dst = appendXML(append(dst, ", tag "...), tag)
	}
	return dst
}

// appendXML appends text for XML 1.0, as content of an element. What Printable
// leaves is allowed there: no control character, no surrogate, no
// noncharacter. With > escaped there is no "]]>", which content must not have.
func appendXML(dst []byte, text string) []byte {
	text = shown(text)
	for {
		at := strings.IndexAny(text, "&<>")
		if at < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:at]...), xmlEscapes[text[at]]...)
		text = text[at+1:]
	}
}

var xmlEscapes = [...]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;"}

// appendXMLAttribute appends text as it stands between the quotes of an
// attribute.
func appendXMLAttribute(dst []byte, text string) []byte {
	from := len(dst)
	dst = appendXML(dst, text)
	if bytes.IndexByte(dst[from:], '"') < 0 {
		return dst
	}
	return append(dst[:from], bytes.ReplaceAll(dst[from:], []byte{'"'}, []byte(xmlEscapes['"']))...)
}

// junitText is text as content of an element, and junitAttribute as the quoted
// value of an attribute.
func junitText(text string) []byte { return appendXML(nil, text) }

func junitAttribute(text string) string { return `"` + string(appendXMLAttribute(nil, text)) + `"` }
