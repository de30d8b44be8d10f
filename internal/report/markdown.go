package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// markdownMarker is the first line of every report in Markdown. A bot finds
// its own comment by it, to write the next report over the last.
const markdownMarker = "<!-- ecraudit -->"

// The room in a report. GitHub refuses a comment of more than 65,536
// characters ("Body is too long", github.com/google/go-github#440) and a
// step's summary of more than 1,024 KiB ("$GITHUB_STEP_SUMMARY upload
// aborted"); GitLab takes more. A byte is never more than a character, and a
// bot may have something to add.
const (
	markdownRoom = 60_000 // bytes, of everything
	rulesRoom    = 12_000 // bytes, of the table of rules
	gapsRoom     = 12_000 // bytes, of the table of gaps
	maxListed    = 20     // entries of a rule
	maxQuoted    = 300    // UTF-16 units of one foreign text
)

// markdownHandler writes a comment: the outcome, the counts, a line for each
// rule, the findings of each rule behind a fold, and what was not read. What is
// known since the baseline and what is waived has lists of its own, after the
// others.
//
// What has no room is left out whole and counted, the mildest first. So of
// each rule only the entries that may be listed are held.
type markdownHandler struct {
	gist
	out      output
	sections map[markdownKey]*markdownSection
}

// markdownKey is what the findings of a section have in common.
type markdownKey struct {
	sectionKey
	standing standing
}

// markdownSection is the findings of one rule at one severity that have the
// same standing.
type markdownSection struct {
	key           markdownKey
	rule          finding.Rule
	fail, unknown int // by what the rule said, also where it is waived
	gatherings    []*gathering
	byExcuses     map[excuses]*gathering
	failing       []markdownEntry // the first ones, at most maxListed
	undecided     []markdownEntry
}

// markdownEntry is an item of a list.
type markdownEntry struct {
	text     string
	findings int
}

func newMarkdown(w io.Writer) *markdownHandler {
	return &markdownHandler{out: newOutput(w), sections: make(map[markdownKey]*markdownSection)}
}

func (h *markdownHandler) Begin(run Run) error {
	h.know(run)
	return nil
}

func (h *markdownHandler) Finding(f finding.Finding) error {
	key := markdownKey{sectionKey{f.Severity, f.Rule}, standingOf(&f)}
	s := h.sections[key]
	if s == nil {
		s = &markdownSection{key: key, rule: h.rule(f.Rule), byExcuses: make(map[excuses]*gathering)}
		h.sections[key] = s
	}
	if verdictOf(&f) == finding.Unknown {
		s.unknown++
	} else {
		s.fail++
	}
	s.gathering(&f).add(&f, func(e entry) { h.list(s, e) })
	return nil
}

// gathering is that of the findings that may be one entry with f.
func (s *markdownSection) gathering(f *finding.Finding) *gathering {
	key := excusesOf(f)
	g := s.byExcuses[key]
	if g == nil {
		g = &gathering{}
		s.byExcuses[key] = g
		s.gatherings = append(s.gatherings, g)
	}
	return g
}

func (h *markdownHandler) Gap(g snapshot.Gap) error {
	h.gaps.add(g)
	return nil
}

func (h *markdownHandler) End(s Summary) error {
	sections := h.ordered()
	head := h.head(s) + h.rules(sections)
	tail := h.notRead() + h.origins()
	h.out.text(head)
	h.out.text(h.findings(sections, markdownRoom-len(head)-len(tail)))
	h.out.text(tail)
	return h.out.flush()
}

// ordered closes the sections and returns them by standing, worst first.
func (h *markdownHandler) ordered() []*markdownSection {
	var sections []*markdownSection
	for _, s := range h.sections {
		for _, g := range s.gatherings {
			g.flush(func(e entry) { h.list(s, e) })
		}
		sections = append(sections, s)
	}
	slices.SortFunc(sections, func(a, b *markdownSection) int {
		return cmp.Or(
			cmp.Compare(a.key.standing, b.key.standing),
			cmp.Compare(b.key.severity, a.key.severity),
			cmp.Compare(b.fail, a.fail),
			cmp.Compare(b.unknown, a.unknown),
			cmp.Compare(a.key.rule, b.key.rule))
	})
	return sections
}

// list holds the entry as an item of its section's list if it may be shown.
func (h *markdownHandler) list(s *markdownSection, e entry) {
	f := e.first
	to := &s.failing
	if verdictOf(f) == finding.Unknown {
		to = &s.undecided
	}
	if len(*to) == maxListed {
		return
	}
	text := "- " + markdownCode(e.place())
	if name := h.names[f.Account]; name != "" {
		text += " (" + markdownText(name) + ")"
	}
	text += ": "
	if e.what != "" {
		text += markdownText(e.what) + ": "
	}
	if words := qualifiers(f); words != "" && s.key.standing != standingKnown {
		text += "**" + markdownText(words) + "**: "
	} else if verdictOf(f) == finding.Unknown {
		text += "**unknown**: "
	}
	text += markdownText(f.Message)
	if why := excuse(f); why != "" {
		text += "\n  **Reason**: " + markdownText(why)
	}
	if f.Remediation != "" && f.Remediation != s.rule.Remediation {
		text += "\n  **Fix**: " + markdownText(f.Remediation)
	}
	*to = append(*to, markdownEntry{text + "\n", e.findings})
}

// head is everything above the rules. A run with anything unread never looks
// clean.
func (h *markdownHandler) head(s Summary) string {
	complete := s.Complete && h.complete()
	var b strings.Builder
	b.WriteString(markdownMarker + "\n## ecraudit: " + h.headline(s, complete) + "\n\n")
	if h.run.Query != "" {
		b.WriteString("**Filtered**: Only findings that match " + markdownCode(h.run.Query) + " are shown. ")
	}
	b.WriteString(unstyled(verdict(s, complete)))
	if complete {
		b.WriteString(unstyled(h.coverage(s, complete)))
	} else {
		b.WriteString("**NOT COMPLETE**: what was not read is unknown, not clean. ")
	}
	fmt.Fprintf(&b, "Exit code %d", s.ExitCode)
	if s.FailOn != "" {
		b.WriteString(" (" + markdownCode("--fail-on "+s.FailOn) + ")")
	}
	b.WriteString(".\n\n")
	if changes := changesStatement(h.run, s); changes != "" {
		b.WriteString(markdownText(changes) + "\n\n")
	}
	if waivers := waiversStatement(s); waivers != "" {
		b.WriteString(markdownText(waivers) + "\n\n")
	}
	b.WriteString("Audited: " + h.audited() + "; ecraudit " + markdownText(h.run.Version) + ", " + count(len(h.run.Rules), "rule", "rules"))
	if h.run.OrganizationID != "" {
		b.WriteString(", organization " + markdownCode(h.run.OrganizationID))
	}
	if !h.run.Clock.IsZero() {
		b.WriteString(", " + h.run.Clock.UTC().Format("2006-01-02 15:04 UTC"))
	}
	b.WriteString(".\n")
	if h.run.OrganizationUnread != "" {
		b.WriteString("\n**The organization is not known in full, and what depends on it neither**: " + markdownText(h.run.OrganizationUnread) + "\n")
	}
	if s.Findings > 0 {
		b.WriteString(markdownSeverities(s))
	}
	return b.String()
}

// markdownSeverities counts by severity. What is waived has a column where
// there is any.
func markdownSeverities(s Summary) string {
	waived := 0
	for _, c := range s.BySeverity {
		waived += c.Waived
	}
	names, lines := []string{"Severity", "Fail", "Unknown"}, []string{"---", "---:", "---:"}
	if waived > 0 {
		names, lines = append(names, "Waived"), append(lines, "---:")
	}
	text := "\n" + markdownRow(names...) + markdownRow(lines...)
	for _, severity := range finding.SeverityNames() {
		c := s.BySeverity[severity]
		cells := []string{severity, number(c.Fail), number(c.Unknown)}
		if waived > 0 {
			cells = append(cells, number(c.Waived))
		}
		text += markdownRow(cells...)
	}
	return text
}

// headline is the outcome in few words.
func (h *markdownHandler) headline(s Summary, complete bool) string {
	var words []string
	at := " at or above " + markdownText(s.FailOn)
	if !complete {
		why := []string{"NOT COMPLETE"}
		if gaps := max(s.Gaps, h.gaps.total); gaps > 0 {
			why = append(why, count(gaps, "gap", "gaps"))
		}
		if h.run.Interrupted {
			why = append(why, "interrupted")
		}
		words = append(words, strings.Join(why, ", "))
	}
	if s.Failing > 0 {
		words = append(words, count(s.Failing, "finding fails", "findings fail")+at)
	}
	if s.Undecided > 0 {
		words = append(words, count(s.Undecided, "verdict is unknown", "verdicts are unknown")+at)
	}
	filtered := ""
	if h.run.Query != "" {
		filtered = ", filtered"
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, "; ") + filtered
	case s.Findings > 0:
		return count(s.Findings, "finding", "findings") + ", none to fail on" + filtered
	case filtered != "":
		return "no findings match the query"
	case s.Repositories == 0:
		return "there is no repository"
	}
	return "no findings"
}

// ruleCounts is what a rule found at one severity. What is known counts as what
// it is, too.
type ruleCounts struct {
	key                          sectionKey
	rule                         finding.Rule
	fail, unknown, known, waived int
}

// countRules adds the sections of each rule and severity up, worst first.
func countRules(sections []*markdownSection) []*ruleCounts {
	var rules []*ruleCounts
	byKey := make(map[sectionKey]*ruleCounts)
	for _, s := range sections {
		r := byKey[s.key.sectionKey]
		if r == nil {
			r = &ruleCounts{key: s.key.sectionKey, rule: s.rule}
			byKey[r.key] = r
			rules = append(rules, r)
		}
		switch s.key.standing {
		case standingWaived:
			r.waived += s.fail + s.unknown
			continue
		case standingKnown:
			r.known += s.fail + s.unknown
		case standingOpen:
		}
		r.fail += s.fail
		r.unknown += s.unknown
	}
	slices.SortStableFunc(rules, func(a, b *ruleCounts) int { return cmp.Compare(b.key.severity, a.key.severity) })
	return rules
}

// rules is a table with a line for each rule and severity that found something,
// worst first. What is known or waived has a column where there may be any.
func (h *markdownHandler) rules(sections []*markdownSection) string {
	if len(sections) == 0 {
		return ""
	}
	counted := countRules(sections)
	baseline := h.run.Baseline != nil
	waivers := slices.ContainsFunc(counted, func(r *ruleCounts) bool { return r.waived > 0 })
	row := func(severity, rule, fail, unknown, known, waived, title string) string {
		cells := []string{severity, rule, fail, unknown}
		if baseline {
			cells = append(cells, known)
		}
		if waivers {
			cells = append(cells, waived)
		}
		return markdownRow(append(cells, title)...)
	}
	rows := make([]string, len(counted))
	for i, r := range counted {
		rows[i] = row(r.key.severity.String(), markdownCode(r.key.rule),
			number(r.fail), number(r.unknown), number(r.known), number(r.waived), markdownText(r.rule.Title))
	}
	shown, n := fitting(rows, rulesRoom)
	text := "\n### Rules\n\n" + row("Severity", "Rule", "Fail", "Unknown", "Of these known", "Waived", "Title") +
		row("---", "---", "---:", "---:", "---:", "---:", "---") + shown
	if more := len(rows) - n; more > 0 {
		text += "\n" + count(more, "rule is", "rules are") + " not listed here.\n"
	}
	return text
}

// findings is the sections that fit into so many bytes.
func (h *markdownHandler) findings(sections []*markdownSection, room int) string {
	if len(sections) == 0 {
		return ""
	}
	const reserved = 300 // bytes, for the last line
	var b strings.Builder
	heading := ""
	total, shown := 0, 0
	full := false
	for _, s := range sections {
		total += s.fail + s.unknown
		if full {
			continue
		}
		text, n := h.section(s, room-b.Len()-reserved)
		if full = n == 0; full {
			continue // what is worse came first, so nothing milder goes before
		}
		if next := markdownHeadings[s.key.standing]; next != heading {
			heading = next
			b.WriteString("\n### " + heading + "\n")
		}
		b.WriteString(text)
		shown += n
	}
	if left := total - shown; left > 0 {
		fmt.Fprintf(&b, "\n%s left out here, where there is room for %d entries of a rule and %s bytes. The other formats list all.\n",
			count(left, "finding is", "findings are"), maxListed, number(markdownRoom))
	}
	return b.String()
}

// markdownHeadings are those of the lists.
var markdownHeadings = [...]string{standingOpen: "Findings", standingKnown: "Known since the baseline", standingWaived: "Waived"}

// section is the findings of one rule in at most so many bytes, and how many
// they are; 0 when there is no room for any.
func (h *markdownHandler) section(s *markdownSection, room int) (text string, shown int) {
	var counts []string
	switch {
	case s.key.standing == standingWaived:
		counts = append(counts, number(s.fail+s.unknown)+" waived")
	case s.fail > 0 && s.unknown > 0:
		counts = append(counts, number(s.fail)+" fail", number(s.unknown)+" unknown")
	case s.fail > 0:
		counts = append(counts, number(s.fail)+" fail")
	default:
		counts = append(counts, number(s.unknown)+" unknown")
	}
	// Between these tags is HTML, not Markdown.
	text = fmt.Sprintf("\n<details>\n<summary>%s: <code>%s</code>: %s</summary>\n\n", s.key.severity,
		html.EscapeString(quoted(s.key.rule)), strings.Join(counts, ", "))
	if controls := h.controls(s.rule); len(controls) > 0 {
		text += "Controls: " + markdownText(h.run.Framework+": "+strings.Join(controls, ", ")) + "\n\n"
	}
	if s.rule.Title != "" {
		text += "**Rule**: " + markdownText(s.rule.Title) + "\n\n"
	}
	if s.rule.Remediation != "" {
		text += "**Fix**: " + markdownText(s.rule.Remediation) + "\n\n"
	}
	const (
		closing  = "\n</details>\n"
		reserved = 100 // bytes, for how many are left out
	)
	entries := slices.Concat(s.failing, s.undecided)
	entries = entries[:min(len(entries), maxListed)]
	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = e.text
	}
	list, n := fitting(lines, room-len(text)-len(closing)-reserved)
	for _, e := range entries[:n] {
		shown += e.findings
	}
	text += list
	if left := s.fail + s.unknown - shown; left > 0 {
		text += "- and " + count(left, "more finding", "more findings") + "\n"
	}
	return text + closing, shown
}

// notRead is what could not be read and what was skipped.
func (h *markdownHandler) notRead() string {
	var rows []string
	for _, u := range h.unread(snapshot.StatusFailed) {
		rows = append(rows, markdownRow(markdownPlaces(u), "everything", markdownText(u.reason), ""))
	}
	for _, g := range h.gaps.groups {
		rows = append(rows, h.gap(g))
	}
	var b strings.Builder
	if len(rows) > 0 || h.run.Interrupted {
		b.WriteString("\n### NOT READ\n\n")
		if h.run.Interrupted {
			b.WriteString("The audit was interrupted: what was not reached by then is missing here.\n\n")
		}
	}
	if len(rows) > 0 {
		shown, n := fitting(rows, gapsRoom)
		b.WriteString("| Where | What | Why | Missing permission |\n| --- | --- | --- | --- |\n" + shown)
		if more := len(rows) - n; more > 0 {
			b.WriteString("\n" + count(more, "more kind of gap is", "more kinds of gaps are") + " not listed here.\n")
		}
	}
	var skipped []string
	for _, u := range h.unread(snapshot.StatusSkipped) {
		skipped = append(skipped, markdownText(u.reason)+" ("+count(len(u.targets), "target", "targets")+")")
	}
	if len(skipped) > 0 {
		b.WriteString("\nSkipped on purpose, not judged: " + someOf(skipped, "reason", "reasons") + ".\n")
	}
	return b.String()
}

// gap is the row of a kind of gap.
func (h *markdownHandler) gap(g *gapGroup) string {
	where := entry{first: &finding.Finding{Account: g.account, Region: g.first.Region}}
	what := markdownCode(cmp.Or(g.operation, string(g.first.Need)))
	switch {
	case g.count == 1:
		where.first.Repository = g.first.Repository
		if g.first.Digest != "" {
			what += " of " + markdownCode(imageName(&finding.Finding{Digest: g.first.Digest}))
		}
	default:
		where.account = len(g.regions) > 1
		what += ", " + number(g.count) + " times"
		if len(g.regions) > 1 {
			what += " in " + markdownText(strings.Join(g.regions, ", "))
		}
		if g.first.Repository != "" {
			what += ", e.g. " + markdownCode(g.first.Region+"/"+g.first.Repository)
		}
	}
	place := markdownCode(where.place())
	if name := h.names[g.account]; name != "" {
		place += " (" + markdownText(name) + ")"
	}
	why := markdownCode(g.code)
	if g.permission == "" && g.first.Message != "" {
		why += ": " + markdownText(g.first.Message)
	}
	permission := ""
	if g.permission != "" {
		permission = markdownCode(g.permission)
	}
	return markdownRow(place, what, why, permission)
}

// markdownPlaces names the targets that share a reason.
func markdownPlaces(u unreadTargets) string {
	var names []string
	for _, target := range u.targets {
		place := entry{first: &finding.Finding{Account: target.Account, Region: target.Region}}.place()
		names = append(names, markdownCode(place))
	}
	return someOf(names, "target", "targets")
}

func markdownRow(cells ...string) string {
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// fitting joins as many of the lines as have so many bytes, and says how many
// they are.
func fitting(lines []string, room int) (text string, n int) {
	var b strings.Builder
	for n < len(lines) && b.Len()+len(lines[n]) <= room {
		b.WriteString(lines[n])
		n++
	}
	return b.String(), n
}

// A word of markdownProse means nothing to Markdown, nor to what GitHub and
// GitLab make of text after it: no mention, reference, address, commit, emoji.
// The forges look for these in the text that Markdown shows, where a backslash
// before an @ is gone, but never in code. Punctuation around a word is as
// harmless where it does not begin a line.
var (
	markdownWord  = regexp.MustCompile(`^(["(]*)(.*?)([").,;:!?]*)$`)
	markdownProse = regexp.MustCompile(`^(?:\p{L}+(?:['-]\p{L}+)*|\d{1,3}(?:,\d{3})*|\d{1,6}|e\.g|i\.e)$`)
	likeCommit    = regexp.MustCompile(`\b[0-9a-fA-F]{7,}\b`)
)

// markdownText shows foreign text on one line, its words as prose where they
// are nothing else and as code where they might be. It never begins a line of
// the document, where even a word may mean something.
func markdownText(text string) string {
	var b strings.Builder
	var code []string // words that share a span
	flush := func() {
		b.WriteString(codeSpan(strings.Join(code, " ")))
		code = code[:0]
	}
	for i, word := range strings.Fields(quoted(text)) {
		parts := markdownWord.FindStringSubmatch(word)
		before, core, after := parts[1], parts[2], parts[3]
		if core == "" {
			before, core, after = "", word, ""
		}
		prose := markdownProse.MatchString(core) && !likeCommit.MatchString(core)
		if len(code) > 0 && !prose && before == "" {
			code = append(code, core)
		} else {
			flush()
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(before)
			if prose {
				b.WriteString(core)
			} else {
				code = append(code, core)
			}
		}
		if after != "" {
			flush()
			b.WriteString(after)
		}
	}
	flush()
	return b.String()
}

// quoted is as much of a foreign text as has room.
func quoted(text string) string { return shortened(Printable(text), maxQuoted) }

// markdownCode shows foreign text that is a name as code, as it is.
func markdownCode(text string) string {
	return codeSpan(quoted(text))
}

// codeSpan quotes a line of text between more backticks than it holds in a
// row. A pipe would end the cell of a table even there, so it stands between
// two spans.
func codeSpan(text string) string {
	if before, after, found := strings.Cut(text, "|"); found {
		return codeSpan(before) + "&#124;" + codeSpan(after)
	}
	if text == "" {
		return ""
	}
	fence, run := 1, 0
	for i := range len(text) {
		if text[i] != '`' {
			run = 0
			continue
		}
		run++
		fence = max(fence, run+1)
	}
	// One space at each end is dropped where both are there.
	pad := ""
	if edges := text[:1] + text[len(text)-1:]; strings.ContainsAny(edges, " `") && strings.Trim(text, " ") != "" {
		pad = " "
	}
	ticks := strings.Repeat("`", fence)
	return ticks + pad + text + pad + ticks
}
