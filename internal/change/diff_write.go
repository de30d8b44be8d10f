package change

import (
	_ "embed" // for the schema
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

//go:embed schema/diff.v1.json
var diffSchema []byte

// DiffSchemaJSON returns the JSON Schema (draft 2020-12) of a diff's document.
func DiffSchemaJSON() []byte { return slices.Clone(diffSchema) }

// Formats are those in which a diff can be written, the default first.
func Formats() []string { return []string{"table", "json", "markdown"} }

// Write writes the diff in one of the formats.
func (d *Diff) Write(w io.Writer, format string, o report.Options) error {
	switch format {
	case "json":
		return d.writeJSON(w)
	case "markdown":
		return d.writeMarkdown(w)
	}
	return d.writeTable(w, o)
}

func (d *Diff) writeJSON(w io.Writer) error {
	doc := report.NewDocument(w)
	doc.Member("schema", Schema)
	doc.Member("old", &d.Old)
	doc.Member("new", &d.New)
	if d.Query != "" {
		doc.Member("query", d.Query)
	}
	doc.Member("differences", &d.Differences)
	doc.Array("changes", func(yield func(any) bool) {
		for i := range d.Entries {
			if !yield(&d.Entries[i]) {
				return
			}
		}
	})
	bySeverity := map[string]map[Kind]int{}
	for _, s := range severities {
		bySeverity[s.String()] = map[Kind]int{}
		for _, kind := range Kinds() {
			bySeverity[s.String()][kind] = d.Totals[kind].Of(s)
		}
	}
	doc.Member("by_severity", bySeverity)
	doc.Member("summary", &d.Summary)
	return doc.End()
}

// titles are the kinds as people read them.
var titles = map[Kind]struct{ word, heading, hint string }{
	New:      {"new", "NEW", ""},
	Worsened: {"worsened", "WORSENED", ""},
	Improved: {"improved", "IMPROVED", "less severe, still there"},
	Waived:   {"waived", "WAIVED", "still there, but excused"},
	Fixed:    {"fixed", "FIXED OR GONE", "judged again, and not found"},
	NotSeen:  {"not seen", "NOT SEEN", "not found, but not judged again: neither fixed nor still there"},
	Still:    {"still", "STILL THERE", ""},
}

// notes says in sentences what is not the same in the two runs.
func (d *Diff) notes() (notes []string) {
	is := &d.Differences
	say := func(if_ bool, format string, args ...any) {
		if if_ {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	say(is.OldIsNewer, "OLD is newer than NEW (%s, %s): are the two the wrong way round?", moment(&d.Old), moment(&d.New))
	say(is.Organization, "The runs are of different organizations: %s and %s.", d.Old.OrganizationID, d.New.OrganizationID)
	say(is.OldIncomplete, "OLD is not complete: what is new may have been there.")
	say(d.New.Interrupted, "NEW was interrupted: nothing counts as fixed.")
	say(!d.New.Complete && !d.New.Interrupted, "NEW is not complete: what was not read is not seen.")
	say(len(is.TargetsOnlyInOld) > 0, "Only OLD read %s.", someOf(texts(is.TargetsOnlyInOld)))
	say(len(is.TargetsOnlyInNew) > 0, "Only NEW read %s: all that is found there is new.", someOf(texts(is.TargetsOnlyInNew)))
	say(is.Framework, "The rules were chosen by different frameworks: %s and %s.", orNone(d.Old.Framework), orNone(d.New.Framework))
	say(len(is.RulesOnlyInOld) > 0, "Rules only in OLD: %s.", someOf(is.RulesOnlyInOld))
	say(len(is.RulesOnlyInNew) > 0, "Rules only in NEW, whose findings are all new: %s.", someOf(is.RulesOnlyInNew))
	say(is.RulesDigest && len(is.RulesOnlyInOld)+len(is.RulesOnlyInNew) == 0, "The rules are of different versions.")
	say(is.Version, "The versions of ecraudit differ: %s and %s.", d.Old.Version, d.New.Version)
	return notes
}

func moment(s *Source) string { return s.Clock.Format("2006-01-02 15:04 UTC") }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func texts(targets []Target) []string {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.String()
	}
	return names
}

// someOf joins names, of many only the first ones.
func someOf(names []string) string {
	const shown = 5
	if len(names) <= shown+1 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:shown], ", ") + " and " + report.Number(len(names)-shown) + " more"
}

// outcome is the last line: what decided the exit code.
func (d *Diff) outcome() string {
	s := &d.Summary
	var parts []string
	if s.Failing > 0 {
		parts = append(parts, report.Count(s.Failing, "new or worsened finding fails", "new or worsened findings fail")+" at or above "+s.FailOn)
	}
	if s.Undecided > 0 {
		parts = append(parts, report.Count(s.Undecided, "new verdict is", "new verdicts are")+" unknown at or above "+s.FailOn)
	}
	if len(parts) == 0 {
		parts = append(parts, d.calm())
	}
	text := strings.Join(parts, "; ") + "."
	if !s.Complete {
		text += " NOT complete: "
		if s.NotSeen > 0 {
			text += report.Count(s.NotSeen, "finding was", "findings were") + " not seen."
		} else {
			text += "NEW has not seen everything."
		}
	}
	return text
}

// calm is what there is to say where nothing decides the exit code.
func (d *Diff) calm() string {
	s := &d.Summary
	switch {
	case s.New+s.Worsened == 0 && d.Hidden > 0:
		return "Nothing that matches is new or worse, but " + report.Count(d.Hidden, "other finding is", "other findings are")
	case s.New+s.Worsened == 0 && d.Query != "":
		return "Nothing that matches is new or worse"
	case s.New+s.Worsened == 0:
		return "Nothing is new or worse"
	case s.FailOn == "" || s.FailOn == "none":
		return report.Count(s.New+s.Worsened, "finding is", "findings are") + " new or worse"
	}
	return report.Count(s.New+s.Worsened, "finding is", "findings are") + " new or worse, none to fail on"
}

func (d *Diff) exit() string { return fmt.Sprintf("Exit code %d", d.Summary.ExitCode) }

// item is an entry of a list for people: one change, or several that say the
// same of one place.
type item struct {
	first *Entry
	count int
	what  string // which images, or how many findings
}

// items are the entries of one kind. Images of one repository in which a rule
// found something become one, and so do findings of one target that were not
// seen for the same reason; all lists each.
func (d *Diff) items(kind Kind, all bool) (items []item) {
	same := sameImages
	if kind == NotSeen {
		same = sameReason
	}
	entries := d.of(kind)
	if kind == NotSeen && !all {
		entries = slices.Clone(entries)
		slices.SortStableFunc(entries, func(a, b Entry) int {
			if byPlace := comparePlaces(Place{a.Account, a.Region, ""}, Place{b.Account, b.Region, ""}); byPlace != 0 {
				return byPlace
			}
			return strings.Compare(a.Why, b.Why)
		})
	}
	for i := 0; i < len(entries); {
		n := 1
		for !all && i+n < len(entries) && same(&entries[i], &entries[i+n]) {
			n++
		}
		items = append(items, item{&entries[i], n, whatOf(kind, entries[i:i+n])})
		i += n
	}
	return items
}

// of are the entries of a kind.
func (d *Diff) of(kind Kind) []Entry {
	from := slices.IndexFunc(d.Entries, func(e Entry) bool { return e.Change == kind })
	if from < 0 {
		return nil
	}
	to := from
	for to < len(d.Entries) && d.Entries[to].Change == kind {
		to++
	}
	return d.Entries[from:to]
}

func sameImages(a, b *Entry) bool {
	return a.Digest != "" && b.Digest != "" && a.Rule == b.Rule && a.Severity == b.Severity && a.Status == b.Status &&
		a.Place() == b.Place() && a.was() == b.was()
}

func sameReason(a, b *Entry) bool {
	return a.Why == b.Why && a.Account == b.Account && a.Region == b.Region
}

func (e *Entry) was() Verdict {
	if e.Was == nil {
		return Verdict{}
	}
	return *e.Was
}

func whatOf(kind Kind, entries []Entry) string {
	if len(entries) == 1 {
		return report.ImageName(entries[0].Digest, entries[0].Tag)
	}
	if kind == NotSeen {
		return report.Count(len(entries), "finding", "findings")
	}
	const named = 3
	var names []string
	for i := range entries[:min(named, len(entries))] {
		names = append(names, report.ImageName(entries[i].Digest, entries[i].Tag))
	}
	text := report.Count(len(entries), "image", "images") + " (" + strings.Join(names, ", ")
	if more := len(entries) - named; more > 0 {
		text += " and " + report.Number(more) + " more"
	}
	return text + ")"
}

// turn says how a verdict changed, where it did.
func (e *Entry) turn() string {
	if e.Was == nil || *e.Was == (Verdict{e.Severity, e.Status}) || e.Change == Waived {
		return ""
	}
	was := e.Was.Severity.String()
	if e.Was.Status != finding.Fail {
		was += " " + string(e.Was.Status)
	}
	return "was " + was
}
