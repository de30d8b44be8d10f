package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// How many lines the overview has of what may be many.
const (
	htmlMaxTargets      = 500
	htmlFewTargets      = 12
	htmlMaxGapGroups    = 200
	htmlMaxRepositories = 10
	htmlMaxWaivers      = 200
)

// htmlContent is what the template of a report shows.
type htmlContent struct {
	Links          []htmlLink
	Headline, Tone string // the outcome, and how it looks: fail, unknown, none or clean
	Banners        []htmlBanner
	Audited        string
	Facts          []htmlFact
	Summary        Summary
	Score          score
	Filtered       bool // findings are missing by a query, so that nothing can be scored
	Severities     []htmlBars
	Changes        []htmlChange
	Baseline       *Baseline
	Accounts       []htmlAccount
	Rules, Silent  []htmlRule
	Repositories   []htmlRepository
	Coverage       htmlCoverage
	Waivers        *htmlWaivers
	Listed         int
}

// htmlLink is a link at the top of a page to one of its views.
type htmlLink struct {
	Address, View, Text string
	Count               int
	Alarm               bool
}

type htmlBanner struct{ Tone, Title, Text, Link, LinkText string }

type htmlFact struct{ Name, Value string }

// htmlBars is a line of bars: how many of each status.
type htmlBars struct {
	Name string
	Link string
	Counts
	Segments []htmlSegment
}

// htmlSegment is a part of a bar, in hundredths of the longest.
type htmlSegment struct {
	Look     string
	From, To float64
}

type htmlChange struct{ Name, Meaning, Link, Count string }

type htmlAccount struct {
	*accountTally
	Link       string
	Read       string
	Severities []htmlCell
	Unknown    int
	Waived     int
}

type htmlCell struct {
	Severity string
	Count    int
}

type htmlRule struct {
	finding.Rule
	Counts

	Link   string
	Share  share
	Passed percent
	Known  bool
}

type htmlRepository struct {
	Name, Account, Region, Link string
	Severities                  []htmlCell
	Unknown                     int
}

type htmlCoverage struct {
	Tiles            []htmlFact
	Unread, Short    bool // so few targets that they need not be folded in
	Targets          []htmlTarget
	TargetsLeftOut   int
	Gaps             []htmlGap
	GapsLeftOut      int
	TotalGaps        int
	Interrupted      bool
	OrganizationGone string
	Origins          []htmlOrigin
}

// htmlWaivers is what became of the waivers.
type htmlWaivers struct {
	Statement string
	Warnings  []WaiverWarning
	LeftOut   int
	Files     []WaiverFile
}

type htmlTarget struct {
	Account, Name, Region, Reason string
	Status                        snapshot.Status
	Repositories, Images          int
}

type htmlGap struct {
	Where, What, Why, Permission, Example string
	Count                                 int
}

// content is what the page shows without a script.
func (h *htmlHandler) content(u *unread) (string, error) {
	s := h.facts.Summary
	c := htmlContent{
		Summary: s, Filtered: h.run.Query != "", Baseline: h.run.Baseline, Audited: h.audited(),
		Score: h.scoring.whole(u.any() || h.run.OrganizationUnread != ""), Listed: h.facts.Listed,
	}
	c.Headline, c.Tone = htmlHeadline(&h.run, s, u.any())
	c.Banners = h.banners(u)
	c.Facts = h.about()
	c.Severities = htmlSeverities(s)
	c.Changes = htmlChanges(s.Changes)
	c.Accounts = h.accounts()
	c.Rules, c.Silent = h.ruleTable()
	c.Repositories = h.worstRepositories()
	c.Coverage = h.coverageTable(u)
	c.Waivers = htmlWaiversOf(s.Waivers)
	c.Links = []htmlLink{
		{View: "overview", Text: "Overview"},
		{Address: "findings", View: "findings", Text: "Findings", Count: s.Findings},
		{Address: "repos", View: "repos", Text: "Repositories"},
		{Address: "coverage", View: "coverage", Text: "Coverage", Count: c.Coverage.TotalGaps, Alarm: true},
	}
	var b bytes.Buffer
	if err := htmlTemplates().ExecuteTemplate(&b, "report.tmpl", &c); err != nil {
		return "", fmt.Errorf("laying out the report: %w", err)
	}
	return b.String(), nil
}

func htmlWaiversOf(w *Waivers) *htmlWaivers {
	if w == nil {
		return nil
	}
	warnings := w.Warnings()
	shown := min(len(warnings), htmlMaxWaivers)
	return &htmlWaivers{Statement: w.words(), Warnings: warnings[:shown], LeftOut: len(warnings) - shown, Files: w.Files}
}

// htmlHeadline is the outcome in few words. Whether the run is complete stands
// above it; but without that nothing is called clean.
func htmlHeadline(run *Run, s Summary, incomplete bool) (headline, tone string) {
	at := " at or above " + s.FailOn
	switch {
	case s.Failing > 0:
		return count(s.Failing, "finding fails", "findings fail") + at, "fail"
	case s.Undecided > 0:
		return count(s.Undecided, "verdict is unknown", "verdicts are unknown") + at, "unknown"
	case incomplete && s.Findings == 0:
		return "No findings in what was read", "unknown"
	case incomplete:
		return "Nothing to fail on in what was read", "unknown"
	case s.Repositories == 0 && s.Findings == 0:
		return "There is no repository", "even"
	case run.Baseline != nil && s.FailOn != "none":
		return nothingNew(run, s), "even"
	case run.Query != "" && s.Findings == 0:
		return "No findings match the query", "even"
	case s.Findings == 0:
		return "No findings", "clean"
	case s.FailOn == "none":
		return count(s.Findings, "finding", "findings"), "even"
	}
	return "Nothing fails" + at, "clean"
}

// nothingNew says that what fails is known, and how much that is where all of it
// is in the report.
func nothingNew(run *Run, s Summary) string {
	nothing := "Nothing new or worse fails at or above " + s.FailOn
	threshold, err := finding.ParseSeverity(s.FailOn)
	if err != nil || run.Query != "" {
		return nothing
	}
	known := 0
	for _, severity := range finding.Severities() {
		if severity >= threshold {
			known += s.BySeverity[severity.String()].Fail
		}
	}
	if known == 0 {
		return nothing
	}
	return nothing + "; " + count(known, "known finding does", "known findings do")
}

// banners are what nobody may overlook, on every view.
func (h *htmlHandler) banners(u *unread) []htmlBanner {
	var banners []htmlBanner
	if u.any() {
		banners = append(banners, htmlBanner{
			Tone: "alarm", Title: "NOT COMPLETE", Text: strings.Join(u.reasons(), ", ") + ". What was not read is unknown, not clean.",
			Link: "#/coverage", LinkText: "What was not read",
		})
	}
	if h.run.OrganizationUnread != "" {
		banners = append(banners, htmlBanner{
			Tone: "alarm", Title: "The organization is not known in full", Text: "What depends on it is unknown: " + shown(h.run.OrganizationUnread),
		})
	}
	if h.run.Query != "" {
		banners = append(banners, htmlBanner{
			Tone: "notice", Title: "Filtered", Text: "Only findings that match " + shown(h.run.Query) + " are in this report. Others may exist.",
		})
	}
	if h.facts.LeftOut > 0 {
		banners = append(banners, htmlBanner{
			Tone: "notice", Title: "Not all are listed", Text: fmt.Sprintf("%s of %s findings are listed, the worst first. "+
				"The %s left out are in all totals; the json, ndjson and csv formats list them.",
				number(h.facts.Listed), number(h.facts.Listed+h.facts.LeftOut), number(h.facts.LeftOut)),
		})
	}
	return banners
}

// about says what ran.
func (h *htmlHandler) about() []htmlFact {
	facts := []htmlFact{{"Audited", h.audited()}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, htmlFact{name, shown(value)})
		}
	}
	if !h.run.Clock.IsZero() {
		add("Judged at", h.run.Clock.Format("2006-01-02 15:04 UTC"))
	}
	add("Organization", h.run.OrganizationID)
	rules := count(len(h.run.Rules), "rule", "rules")
	if h.run.Framework != "" {
		rules += " of " + h.run.Framework
	}
	add("Rules", rules)
	if b := h.run.Baseline; b != nil {
		add("Baseline", b.Name+", "+count(b.Findings, "finding", "findings"))
	}
	if on := h.facts.Summary.FailOn; on != "" {
		add("Exit code", fmt.Sprintf("%d (--fail-on %s)", h.facts.Summary.ExitCode, on))
	}
	add("Written by", "ecraudit "+h.run.Version)
	return facts
}

// findingsLink is the address of the findings of which a field has this value.
func findingsLink(field, value string) string {
	return "#/findings?" + field + "=" + escapeComponent(value)
}

// escapeComponent is encodeURIComponent.
func escapeComponent(text string) string {
	return strings.ReplaceAll(url.QueryEscape(shown(text)), "+", "%20")
}

func htmlSeverities(s Summary) []htmlBars {
	longest := 0
	for _, c := range s.BySeverity {
		longest = max(longest, c.Fail+c.Unknown+c.Waived)
	}
	var bars []htmlBars
	for _, severity := range finding.SeverityNames() {
		c := s.BySeverity[severity]
		bars = append(bars, htmlBars{Name: severity, Counts: c, Link: findingsLink("severity", severity), Segments: segments(c, longest)})
	}
	return bars
}

// segments are the parts of a bar that shows counts, where the longest bar
// shows so many.
func segments(c Counts, longest int) []htmlSegment {
	var parts []htmlSegment
	at := 0
	for _, part := range []struct {
		look string
		n    int
	}{{"fail", c.Fail}, {"unknown", c.Unknown}, {"waived", c.Waived}} {
		if part.n > 0 {
			parts = append(parts, htmlSegment{part.look, hundredths(at, longest), hundredths(at+part.n, longest)})
			at += part.n
		}
	}
	return parts
}

func hundredths(n, of int) float64 { return float64(n*10_000/max(1, of)) / 100 }

// Width is how long the part is; the smallest is still seen.
func (s htmlSegment) Width() float64 { return max(s.To-s.From, 0.5) }

func htmlChanges(c *Changes) []htmlChange {
	if c == nil {
		return nil
	}
	link := func(change finding.Change) string { return findingsLink("change", string(change)) }
	return []htmlChange{
		{"new", "not in the baseline", link(finding.New), number(c.New)},
		{"worsened", "more severe, or certain now", link(finding.Worsened), number(c.Worsened)},
		{"known", "in the baseline, so they decide nothing", link(finding.Known), number(c.Known)},
		{"fixed", "judged again and not found", "", number(c.Fixed)},
		{"not seen", "not judged again, so not known to be fixed", "", number(c.NotSeen)},
	}
}

// cells are how many findings of each severity fail.
func cells(counts [len(scoreWeights)]Counts) (list []htmlCell, unknown, waived int) {
	for _, severity := range finding.Severities() {
		list = append(list, htmlCell{severity.String(), counts[severity].Fail})
		unknown += counts[severity].Unknown
		waived += counts[severity].Waived
	}
	return list, unknown, waived
}

// accounts is a line for each account that was to be read, the worst first.
func (h *htmlHandler) accounts() []htmlAccount {
	var list []htmlAccount
	for _, tally := range h.scoring.accounts {
		a := htmlAccount{accountTally: tally, Link: findingsLink("account", tally.Account)}
		a.Severities, a.Unknown, a.Waived = cells(tally.Counts)
		if tally.Account == "" {
			continue
		}
		switch {
		case tally.Targets == 0:
			continue // skipped on purpose: the coverage says so
		case tally.Failed > 0:
			a.Read = fmt.Sprintf("%s of %s", number(tally.Read), count(tally.Targets, "target", "targets"))
		case tally.Partial > 0:
			a.Read = "in part"
		default:
			a.Read = "all"
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b htmlAccount) int { return cmp.Compare(a.rank(), b.rank()) })
	return list
}

// rank orders accounts by their score. What was not read comes first.
func (a *htmlAccount) rank() float64 {
	if !a.Score.Known() || a.accountTally.Read == 0 {
		return -1
	}
	return a.Score.passed / a.Score.weight
}

// ruleTable has the rules that found something, the worst first, and those
// that did not.
func (h *htmlHandler) ruleTable() (found, silent []htmlRule) {
	for _, rule := range h.run.Rules {
		r := htmlRule{Rule: rule, Counts: h.facts.Summary.ByRule[rule.ID], Link: "#/rule/" + escapeComponent(rule.ID), Share: h.scoring.ofRule(rule)}
		part, known := r.Share.passed()
		r.Known, r.Passed = known, percentOf(part)
		if r.Counts == (Counts{}) {
			silent = append(silent, r)
		} else {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b htmlRule) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Fail, a.Fail),
			cmp.Compare(b.Counts.Unknown, a.Counts.Unknown), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(silent, func(a, b htmlRule) int { return cmp.Compare(b.Severity, a.Severity) })
	return found, silent
}

func (h *htmlHandler) worstRepositories() []htmlRepository {
	var list []htmlRepository
	for _, tally := range h.repositories.sorted() {
		if len(list) == htmlMaxRepositories || !tally.open() {
			break
		}
		r := htmlRepository{Name: tally.Repository, Account: tally.Account, Region: tally.Region}
		r.Severities, r.Unknown, _ = cells(tally.Counts)
		r.Link = "#/repo/" + escapeComponent(r.Account) + "/" + escapeComponent(r.Region) + "/" + escapeComponent(r.Name)
		list = append(list, r)
	}
	return list
}

func (h *htmlHandler) coverageTable(u *unread) htmlCoverage {
	c := htmlCoverage{Unread: u.any(), TotalGaps: max(h.gaps.total, u.gaps), Interrupted: u.interrupted, OrganizationGone: shown(h.run.OrganizationUnread), Origins: htmlOrigins(&h.run)}
	states := make(map[snapshot.Status]int)
	for _, target := range h.run.Targets {
		states[target.Status]++
		t := htmlTarget{
			Account: target.Account, Name: target.AccountName, Region: target.Region, Reason: target.Reason,
			Status: target.Status, Repositories: target.Repositories, Images: target.Images,
		}
		if target.Status == snapshot.StatusFailed {
			t.Reason = cmp.Or(t.Reason, "no reason given")
		}
		c.Targets = append(c.Targets, t)
	}
	order := []snapshot.Status{snapshot.StatusFailed, snapshot.StatusPartial, snapshot.StatusComplete, snapshot.StatusSkipped}
	slices.SortStableFunc(c.Targets, func(a, b htmlTarget) int {
		return cmp.Compare(slices.Index(order, a.Status), slices.Index(order, b.Status))
	})
	if more := len(c.Targets) - htmlMaxTargets; more > 0 {
		c.Targets, c.TargetsLeftOut = c.Targets[:htmlMaxTargets], more
	}
	c.Short = len(c.Targets) <= htmlFewTargets
	c.Tiles = []htmlFact{
		{"read", number(states[snapshot.StatusComplete])}, {"in part", number(states[snapshot.StatusPartial])},
		{"failed", number(states[snapshot.StatusFailed])}, {"skipped", number(states[snapshot.StatusSkipped])},
	}
	for _, g := range h.gaps.groups {
		if len(c.Gaps) == htmlMaxGapGroups {
			c.GapsLeftOut = len(h.gaps.groups) - htmlMaxGapGroups
			break
		}
		c.Gaps = append(c.Gaps, h.gapRow(g))
	}
	return c
}

func (h *htmlHandler) gapRow(g *gapGroup) htmlGap {
	row := htmlGap{
		Where: cmp.Or(g.account, "organization"), What: cmp.Or(g.operation, string(g.first.Need), "something"),
		Why: g.code, Permission: g.permission, Count: g.count,
	}
	if name := h.names[g.account]; name != "" {
		row.Where += " (" + name + ")"
	}
	if len(g.regions) > 0 {
		row.Where += " " + strings.Join(g.regions, ", ")
	}
	if g.permission == "" && g.first.Message != "" {
		row.Why += ": " + g.first.Message
	}
	if g.first.Repository != "" {
		row.Example = g.first.Repository
	}
	return row
}

// linesOf are the lines of a policy, laid out as JSON is if it is some.
func linesOf(policy string) []string {
	var laidOut bytes.Buffer
	if json.Indent(&laidOut, []byte(policy), "", "  ") == nil {
		policy = laidOut.String()
	}
	lines := strings.Split(policy, "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		text := strings.TrimLeft(line, "\t ")
		indent := strings.ReplaceAll(line[:len(line)-len(text)], "\t", "    ")
		lines[i] = indent + text
	}
	return lines
}
