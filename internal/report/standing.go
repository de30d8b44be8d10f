package report

import (
	"cmp"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// standing is whether a finding may decide how an audit ends, and if not, why.
type standing int

const (
	standingOpen   standing = iota // it may
	standingKnown                  // the baseline has it
	standingWaived                 // somebody is excused
)

func standingOf(f *finding.Finding) standing {
	switch {
	case f.Status == finding.Waived:
		return standingWaived
	case f.Change == finding.Known:
		return standingKnown
	}
	return standingOpen
}

// verdictOf is what the rule said, whether or not somebody is excused.
func verdictOf(f *finding.Finding) finding.Status {
	if f.Status == finding.Waived && f.Waiver != nil {
		return f.Waiver.Verdict
	}
	return f.Status
}

// qualifiers are what must be said of a finding beside its message where there
// are no fields for it: "waived until 2027-01-31, unknown". They are empty for
// one that simply fails.
func qualifiers(f *finding.Finding) string {
	var words string
	switch {
	case f.Status == finding.Waived:
		words = waivedUntil(f.Waiver)
	case f.Change == finding.Known:
		words = "known since the baseline"
	case f.Change == finding.Worsened:
		words = "worse than in the baseline"
	}
	if verdictOf(f) == finding.Unknown {
		if words != "" {
			words += ", "
		}
		words += "unknown"
	}
	return words
}

// excuses is what findings must have in common to be one entry of a list.
type excuses struct {
	change finding.Change
	waiver finding.Waiver
}

func excusesOf(f *finding.Finding) excuses {
	if f.Waiver != nil {
		return excuses{waiver: *f.Waiver}
	}
	return excuses{change: f.Change}
}

func waivedUntil(w *finding.Waiver) string {
	if w == nil || w.Until == "" {
		return "waived"
	}
	return "waived until " + shown(w.Until)
}

// excuse is why a finding is waived, and who answers for it: "the registry
// moves in spring (owner payments, ticket SEC-12)". It is empty for others.
func excuse(f *finding.Finding) string {
	if f.Waiver == nil {
		return ""
	}
	w := f.Waiver
	var names []string
	switch {
	case w.Owner != "":
		names = append(names, "owner "+shown(w.Owner))
	case w.ByTag():
		names = append(names, "by a repository tag")
	}
	if w.Ticket != "" {
		names = append(names, "ticket "+shown(w.Ticket))
	}
	text := cmp.Or(strings.TrimSpace(shown(w.Reason)), "no reason given")
	if len(names) > 0 {
		text += " (" + strings.Join(names, ", ") + ")"
	}
	return text
}

// The entry that stands for findings that a query left out, where a service
// shows results only.
const (
	filteredCheck       = "report-filtered"
	filteredTitle       = "The report shows some findings only"
	filteredDescription = "A query left findings out of this report: that one is not here does not mean that it was mended."
	filteredRemedy      = "Write the report without --query where it is to stand for the whole audit."
)

// filteredStatement says that a report does not show all findings. It is empty
// for one that does.
func filteredStatement(run Run) string {
	if run.Query == "" {
		return ""
	}
	return "Only findings that match " + shown(run.Query) + " are shown."
}

// changesStatement compares the run with its baseline: "Since the baseline
// accepted.txt: 3 new, 1 worsened, 20 known; 4 fixed, 2 not judged again." It is
// empty without a baseline.
func changesStatement(run Run, s Summary) string {
	if run.Baseline == nil || s.Changes == nil {
		return ""
	}
	c := s.Changes
	text := "Since the baseline"
	if run.Baseline.Name != "" {
		text += " " + shown(run.Baseline.Name)
	}
	text += ": " + number(c.New) + " new, " + number(c.Worsened) + " worsened, " + number(c.Known) + " known; " + number(c.Fixed) + " fixed"
	if c.NotSeen > 0 {
		text += ", " + number(c.NotSeen) + " not seen again, nor judged"
	}
	return text + "."
}

// waiversStatement says what became of the waivers: "Waivers: 3 in force, 1 ended,
// 1 excuses nothing (waivers.yaml:12)." It is empty where there are none.
func waiversStatement(s Summary) string {
	if s.Waivers == nil {
		return ""
	}
	text := "Waivers: " + s.Waivers.words()
	if sources := s.Waivers.sources(); sources != "" {
		text += " (" + shown(sources) + ")"
	}
	return text + "."
}

// sentences joins those that are not empty.
func sentences(parts ...string) string {
	text := ""
	for _, part := range parts {
		if part != "" && text != "" {
			text += " "
		}
		text += part
	}
	return text
}
