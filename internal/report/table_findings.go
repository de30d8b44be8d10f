package report

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Groupings returns what findings can be grouped by in the table, the default
// first.
func Groupings() []string {
	names := make([]string, len(groupings))
	for i, g := range groupings {
		names[i] = g.name
	}
	return names
}

// grouping is one way to group findings.
type grouping struct {
	name             string
	singular, plural string
	key              func(*finding.Finding) groupKey
	// byPlace says that groups are places, so that one has ended when the next
	// begins: findings come by account, region and repository.
	byPlace bool
}

var groupings = []grouping{
	{name: "rule", singular: "rule", plural: "rules", key: func(f *finding.Finding) groupKey { return groupKey{severity: f.Severity, rule: f.Rule} }},
	{name: "repository", singular: "repository", plural: "repositories", byPlace: true, key: func(f *finding.Finding) groupKey {
		return groupKey{account: f.Account, region: f.Region, repository: f.Repository}
	}},
	{name: "account", singular: "account", plural: "accounts", byPlace: true, key: func(f *finding.Finding) groupKey { return groupKey{account: f.Account} }},
	{name: "severity", singular: "severity", plural: "severities", key: func(f *finding.Finding) groupKey { return groupKey{severity: f.Severity} }},
}

// groupKey is what the findings of a group have in common; the rest is empty.
type groupKey struct {
	severity                    finding.Severity
	rule                        string
	account, region, repository string
}

// group is the findings that have a key, as sections: one where it is a rule.
type group struct {
	key      groupKey
	tally    tally
	sections map[sectionKey]*section // that may still grow
	text     spilled                 // of those that have ended
}

// tally counts findings.
type tally struct {
	fail, unknown, waived int
	changed               int // new or worsened, of all of them
	failing               [finding.Critical + 1]int
	worst                 finding.Severity
}

func (c *tally) add(f *finding.Finding) {
	switch f.Status {
	case finding.Fail:
		c.fail++
		c.failing[f.Severity]++
	case finding.Waived:
		c.waived++
	default:
		c.unknown++
	}
	if f.Change == finding.New || f.Change == finding.Worsened {
		c.changed++
	}
	c.worst = max(c.worst, f.Severity)
}

// compare orders what is worse first: by the number of findings that fail, the
// most severe first, then by those that are unknown.
func (c *tally) compare(other *tally) int {
	for _, severity := range finding.Severities() {
		if order := cmp.Compare(other.failing[severity], c.failing[severity]); order != 0 {
			return order
		}
	}
	return cmp.Or(cmp.Compare(other.unknown, c.unknown), cmp.Compare(other.waived, c.waived))
}

// severity is the worst of what fails, or of all where nothing does.
func (c *tally) severity() finding.Severity {
	for _, severity := range finding.Severities() {
		if c.failing[severity] > 0 {
			return severity
		}
	}
	return c.worst
}

// String is "2 fail, 1 unknown, 3 waived; 1 new or worsened".
func (c *tally) String() string {
	var counts []string
	for _, one := range []struct {
		n    int
		what string
	}{{c.fail, "fail"}, {c.unknown, "unknown"}, {c.waived, "waived"}} {
		if one.n > 0 {
			counts = append(counts, number(one.n)+" "+one.what)
		}
	}
	text := strings.Join(counts, ", ")
	if c.changed > 0 {
		text += "; " + number(c.changed) + " new or worsened"
	}
	return text
}

// sectionKey orders the report: findings of one rule are apart where the
// configuration gives them different severities.
type sectionKey struct {
	severity finding.Severity
	rule     string
}

// section is the findings of one rule at one severity, typeset, but for those
// that may still become one line with the next ones.
type section struct {
	key       sectionKey
	rule      finding.Rule
	tally     tally
	text      spilled
	gathering gathering
}

func (s *section) compare(other *section) int {
	return cmp.Or(
		cmp.Compare(other.key.severity, s.key.severity),
		cmp.Compare(other.tally.fail, s.tally.fail),
		cmp.Compare(other.tally.unknown, s.tally.unknown),
		cmp.Compare(s.key.rule, other.key.rule))
}

// sections show findings in groups. Each finding is typeset when it comes, into
// the section of its rule and severity, so that at the end sections only have to
// be copied in order.
type sections struct {
	*table
	grouping grouping
	groups   map[groupKey]*group
	current  *group // the one of the last finding
	byRule   map[string]*tally
	spill    spill
	ended    []*section // whose memory is used again
	spans    []span     // of the entry at hand
}

func newSections(t *table, by string) *sections {
	s := &sections{table: t, grouping: groupings[0], groups: make(map[groupKey]*group), byRule: make(map[string]*tally)}
	for _, g := range groupings {
		if g.name == by {
			s.grouping = g
		}
	}
	return s
}

func (s *sections) add(f *finding.Finding) error {
	if key := s.grouping.key(f); s.current == nil || s.current.key != key {
		if s.grouping.byPlace && s.current != nil {
			if err := s.end(s.current); err != nil {
				return err
			}
		}
		s.current = s.groups[key]
		if s.current == nil {
			s.current = &group{key: key}
			s.groups[key] = s.current
		}
	}
	section := s.section(f)
	section.tally.add(f)
	s.current.tally.add(f)
	s.countRule(f)
	if s.all {
		s.entry(section, single(f))
	} else {
		section.gathering.add(f, func(e entry) { s.entry(section, e) })
	}
	return s.spill.settle(&section.text)
}

// section is that of the finding in the current group.
func (s *sections) section(f *finding.Finding) *section {
	key := sectionKey{f.Severity, f.Rule}
	if s.current.sections == nil {
		s.current.sections = make(map[sectionKey]*section)
	}
	found := s.current.sections[key]
	if found == nil {
		found = s.newSection()
		found.key, found.rule = key, s.rule(f.Rule)
		s.current.sections[key] = found
	}
	return found
}

// newSection is an empty section, if possible in the memory of one that ended.
func (s *sections) newSection() *section {
	last := len(s.ended) - 1
	if last < 0 {
		return &section{}
	}
	again := s.ended[last]
	s.ended = s.ended[:last]
	*again = section{text: spilled{tail: again.text.tail[:0]}, gathering: again.gathering}
	return again
}

func (s *sections) countRule(f *finding.Finding) {
	if s.byRule[f.Rule] == nil {
		s.byRule[f.Rule] = &tally{}
	}
	s.byRule[f.Rule].add(f)
}

// end makes one text of the sections of a group, which get headings of their
// own where the group is more than a rule.
func (s *sections) end(g *group) error {
	var ended []*section
	for _, one := range g.sections {
		one.gathering.flush(func(e entry) { s.entry(one, e) })
		ended = append(ended, one)
	}
	slices.SortFunc(ended, (*section).compare)
	for _, one := range ended {
		if s.grouping.name != "rule" {
			g.text.tail = s.sectionHeading(g.text.tail, one)
		}
		if err := s.spill.join(&g.text, &one.text); err != nil {
			return err
		}
	}
	s.ended = append(s.ended, ended...)
	g.sections = nil
	if !s.grouping.byPlace {
		return nil
	}
	err := s.spill.store(&g.text)
	g.text.tail = nil
	return err
}

// show writes an overview and the groups.
func (s *sections) show() (shown int, err error) {
	ordered := s.ordered()
	overview := s.overview
	if s.run.Framework != "" {
		overview = s.controlsOverview
	}
	overview(ordered)
	to := &limiter{w: s.out.w, room: s.limit}
	for _, g := range ordered {
		if to.full() {
			break
		}
		if err := s.end(g); err != nil {
			return 0, err
		}
		s.out.text("\n")
		s.heading(g)
		if err := s.spill.copy(to, &g.text); err != nil {
			return 0, err
		}
	}
	return to.findings, nil
}

// Close removes the temporary file.
func (s *sections) Close() error { return s.spill.Close() }

// ordered returns the groups worst first.
func (s *sections) ordered() []*group {
	ordered := make([]*group, 0, len(s.groups))
	for _, g := range s.groups {
		ordered = append(ordered, g)
	}
	slices.SortFunc(ordered, s.compareGroups)
	return ordered
}

func (s *sections) compareGroups(a, b *group) int {
	switch s.grouping.name {
	case "rule":
		return cmp.Or(
			slices.Compare(s.controls(s.rule(a.key.rule)), s.controls(s.rule(b.key.rule))),
			cmp.Compare(b.key.severity, a.key.severity),
			cmp.Compare(b.tally.fail, a.tally.fail),
			cmp.Compare(b.tally.unknown, a.tally.unknown),
			cmp.Compare(a.key.rule, b.key.rule))
	case "severity":
		return cmp.Compare(b.key.severity, a.key.severity)
	}
	return cmp.Or(
		a.tally.compare(&b.tally),
		cmp.Compare(a.key.account, b.key.account),
		cmp.Compare(a.key.region, b.key.region),
		cmp.Compare(a.key.repository, b.key.repository))
}

// entry typesets one item of a section: "place: what: message".
func (s *sections) entry(of *section, e entry) {
	f := e.first
	s.mark(&of.text, e.findings)
	indent := ""
	if s.grouping.name != "rule" {
		indent = "  "
	}
	s.spans = append(s.spans[:0], s.within(e)...)
	spans := s.spans
	if len(spans) > 0 {
		spans = append(spans, span{": ", dim})
	}
	if e.what != "" {
		spans = append(spans, span{e.what, plain}, span{": ", plain})
	}
	gutter, spans := appendState(spans, f)
	gutter.text = indent + gutter.text
	spans = append(spans, span{Printable(f.Message), plain})
	s.spans = spans
	if len(spans) == 1 && strings.TrimSpace(spans[0].text) == "" {
		spans = []span{{"(no message)", dim}}
	}
	if f.Change == finding.Known || f.Status == finding.Waived {
		faint(spans)
	}
	hang := len(indent) + 6
	of.text.tail = s.paragraph(of.text.tail, gutter, hang, spans...)
	if f.Waiver != nil {
		if strings.TrimSpace(f.Waiver.Reason) != "" {
			of.text.tail = s.paragraph(of.text.tail, span{strings.Repeat(" ", hang) + "Why: ", dim}, hang+5, span{Printable(f.Waiver.Reason), dim})
		}
	} else if strings.TrimSpace(f.Remediation) != "" && f.Remediation != of.rule.Remediation {
		of.text.tail = s.paragraph(of.text.tail, span{strings.Repeat(" ", hang) + "Fix: ", dim}, hang+5, span{Printable(f.Remediation), plain})
	}
}

// appendState appends the words before the message of a finding, and returns the
// mark before the line too.
func appendState(words []span, f *finding.Finding) (gutter span, _ []span) {
	gutter = span{"  ", plain}
	switch f.Change {
	case finding.New, finding.Worsened:
		words = append(words, span{string(f.Change) + ": ", bold})
	case finding.Known:
		words = append(words, span{"known: ", plain})
	}
	verdict := f.Status
	if w := f.Waiver; w != nil {
		gutter = span{"~ ", dim}
		words = append(words, span{waived(w) + ": ", plain})
		verdict = w.Verdict
	}
	if verdict == finding.Unknown {
		if f.Waiver == nil {
			gutter = span{"? ", purple}
		}
		words = append(words, span{"unknown: ", purple})
	}
	return gutter, words
}

// waived says until when and by whom a finding is excused.
func waived(w *finding.Waiver) string {
	text := "waived"
	if w.Until != "" {
		text += " until " + Printable(w.Until)
	}
	switch {
	case w.Owner != "":
		text += " by " + Printable(w.Owner)
	case w.ByTag():
		text += " by a repository tag"
	}
	if w.Ticket != "" {
		text += " (" + Printable(w.Ticket) + ")"
	}
	return text
}

// faint dims spans, links kept.
func faint(spans []span) {
	for i := range spans {
		spans[i].style = spans[i].style&^looks | dim
	}
}

// within names where an entry is, as far as its group does not say so.
func (s *sections) within(e entry) []span {
	f := e.first
	switch {
	case s.grouping.name == "repository":
		return nil
	case s.grouping.name == "account" && (e.account || f.Region == ""):
		return nil
	case s.grouping.name == "account":
		path := Printable(f.Region)
		if f.Repository != "" {
			path += "/"
		}
		return []span{{path, dim}, {Printable(f.Repository), s.repositoryStyle(f.Account, f.Region, f.Repository)}}
	case e.account:
		return s.place(f.Account, "", "")
	}
	return s.place(f.Account, f.Region, f.Repository)
}

// place names a repository, or without one a registry or account: first the
// path, which is one word that a search finds.
func (t *table) place(account, region, repository string) []span {
	path := Printable(cmp.Or(account, "organization"))
	if region != "" {
		path += "/" + Printable(region)
	}
	if repository != "" {
		path += "/"
	}
	spans := []span{{path, dim}, {Printable(repository), t.repositoryStyle(account, region, repository)}}
	if name := t.names[account]; name != "" {
		spans = append(spans, span{" (" + name + ")", dim})
	}
	return spans
}

// repositoryStyle is how the name of a repository looks, and where it leads.
func (t *table) repositoryStyle(account, region, repository string) style {
	if !t.links {
		return bold
	}
	return t.linked(bold, consoleURL(account, region, repository))
}

// heading writes the lines above the findings of a group.
func (s *sections) heading(g *group) {
	switch s.grouping.name {
	case "rule":
		rule := s.rule(g.key.rule)
		s.buf = s.ruleHeading(s.buf[:0], "", severityWord(g.key.severity), &rule, &g.tally)
		s.out.bytes(s.buf)
	case "severity":
		s.write(span{}, 4, append(severityWord(g.key.severity), span{g.tally.String(), plain})...)
	default:
		s.write(span{}, 4, append(s.place(g.key.account, g.key.region, g.key.repository), span{": " + g.tally.String(), plain})...)
	}
}

// sectionHeading appends the lines above the findings of a rule in a group of
// several.
func (s *sections) sectionHeading(dst []byte, of *section) []byte {
	if s.limit > 0 {
		dst = append(dst, 0, '0', 0)
	}
	var severity []span
	if s.grouping.name != "severity" {
		severity = severityWord(of.key.severity)
	}
	return s.ruleHeading(dst, "  ", severity, &of.rule, &of.tally)
}

func severityWord(severity finding.Severity) []span {
	return []span{{strings.ToUpper(severity.String()), severityStyle(severity)}, {"  ", plain}}
}

// ruleHeading appends the lines about a rule and what it found, after a word for
// the severity if need be.
func (s *sections) ruleHeading(dst []byte, indent string, severity []span, rule *finding.Rule, found *tally) []byte {
	deep := len(indent)
	dst = s.paragraph(dst, span{indent, plain}, deep+4, append(severity,
		span{Printable(rule.ID), s.linked(bold, s.ruleURL(rule))}, span{": " + found.String(), plain})...)
	if controls := s.controls(*rule); len(controls) > 0 {
		dst = s.paragraph(dst, span{indent, plain}, deep, span{Printable(s.run.Framework + ": " + strings.Join(controls, ", ")), dim})
	}
	if rule.Title != "" {
		dst = s.paragraph(dst, span{indent, plain}, deep, span{Printable(rule.Title), plain})
	}
	if rule.Remediation != "" {
		dst = s.paragraph(dst, span{indent + "Fix: ", dim}, deep+5, span{Printable(rule.Remediation), plain})
	}
	return dst
}

// mark begins an entry where entries have to be counted to be limited. No text
// that is shown has such a character.
func (s *sections) mark(text *spilled, findings int) {
	if s.limit > 0 {
		text.tail = append(strconv.AppendInt(append(text.tail, 0), int64(findings), 10), 0)
	}
}

// limiter writes the entries of sections until there is no room for more. Each
// begins with how many findings it stands for between two NULs; a heading stands
// for none, and is written only where there is room for an entry below it.
type limiter struct {
	w        io.Writer
	room     int // entries; 0 is no limit
	entries  int // written
	findings int // in them
	dropping bool
	number   []byte // that is being read
	reading  bool   // a number
}

func (l *limiter) full() bool { return l.room > 0 && l.entries >= l.room }

func (l *limiter) Write(b []byte) (int, error) {
	if l.room == 0 {
		return l.w.Write(b)
	}
	n := len(b)
	for len(b) > 0 {
		end := bytes.IndexByte(b, 0)
		part := b
		if end >= 0 {
			part, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		if err := l.part(part); err != nil {
			return 0, err
		}
		if end >= 0 {
			l.toggle()
		}
	}
	return n, nil
}

// part takes in what is between two NULs, or some of it.
func (l *limiter) part(b []byte) error {
	if l.reading {
		l.number = append(l.number, b...)
		return nil
	}
	if l.dropping {
		return nil
	}
	_, err := l.w.Write(b)
	return err
}

// toggle is at a NUL.
func (l *limiter) toggle() {
	if l.reading = !l.reading; l.reading {
		l.number = l.number[:0]
		return
	}
	findings, _ := strconv.Atoi(string(l.number)) // which entry wrote
	l.dropping = l.full()
	if !l.dropping && findings > 0 {
		l.entries++
		l.findings += findings
	}
}
