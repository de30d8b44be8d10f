package report

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// What GitHub keeps of a step's annotations: so many of each kind, and of a
// message so many UTF-16 units (_maxCountPerIssueType and
// _maxIssueMessageLength in github.com/actions/runner,
// src/Runner.Worker/ExecutionContext.cs). A job has room for 50 of all kinds,
// which one step cannot fill
// (github.com/actions/toolkit, docs/problem-matchers.md, "Limitations"). The
// title of an annotation has at most 255 characters
// (docs.github.com/rest/checks/runs, "annotations").
const (
	maxAnnotations = 10
	maxMessage     = 4096
	maxAnnotated   = 255
)

// annotationKind is the workflow command of an annotation.
type annotationKind int

const (
	annotationError annotationKind = iota
	annotationWarning
	annotationNotice
	annotationKinds int = iota
)

func (k annotationKind) String() string {
	return [...]string{"error", "warning", "notice"}[k]
}

// githubHandler writes the commands that make GitHub Actions annotate a run,
// one on each line: first that something was not read, then the worst findings
// of each kind, and last the outcome, which says how many findings the others
// leave out. What is waived or known since the baseline decides nothing, so that
// it is a notice, and the first to be left out.
//
// Findings come by place, so the worst so far of each kind are held.
type githubHandler struct {
	gist
	out        output
	gatherings map[githubKey]*gathering
	worst      [annotationKinds][]annotation // worst first, at most maxAnnotations each
}

// githubKey is what the findings of a gathering have in common.
type githubKey struct {
	sectionKey
	excuses
}

// annotation is one entry of the list, as a command shows it.
type annotation struct {
	rank           int    // the worst first: by standing, by severity, then what fails before what is unknown
	place          string // to order equals by
	findings       int
	title, message string
}

func newGitHub(w io.Writer) *githubHandler {
	return &githubHandler{out: newOutput(w), gatherings: make(map[githubKey]*gathering)}
}

func (h *githubHandler) Begin(run Run) error {
	h.know(run)
	return nil
}

func (h *githubHandler) Finding(f finding.Finding) error {
	key := githubKey{sectionKey{f.Severity, f.Rule}, excusesOf(&f)}
	g := h.gatherings[key]
	if g == nil {
		g = &gathering{}
		h.gatherings[key] = g
	}
	g.add(&f, h.keep)
	return nil
}

func (h *githubHandler) Gap(g snapshot.Gap) error {
	h.gaps.add(g)
	return nil
}

func (h *githubHandler) End(s Summary) error {
	for _, g := range h.gatherings {
		g.flush(h.keep)
	}
	room := maxAnnotations - len(h.worst[annotationWarning])
	if !h.complete() || !s.Complete {
		kind := annotationError
		if s.ExitCode == 0 { // the user allows it
			kind = annotationWarning
			room--
		}
		h.reserve(kind)
		h.command(kind, "ecraudit: NOT COMPLETE", h.alarm(s))
	}
	h.reserve(annotationNotice)
	annotated := 0
	for kind, annotations := range h.worst {
		for _, a := range annotations {
			annotated += a.findings
			h.command(annotationKind(kind), a.title, a.message)
		}
	}
	h.waivers(s.Waivers, room)
	h.command(annotationNotice, "ecraudit", h.outcome(s, annotated))
	return h.out.flush()
}

// waivers warns of as many waivers that excuse nothing as there is room for beside the
// findings, at the lines where they stand. The outcome counts all.
func (h *githubHandler) waivers(waivers *Waivers, room int) {
	warnings := waivers.Warnings()
	for _, warning := range warnings[:max(0, min(room, len(warnings)))] {
		place := ""
		if filepath.IsLocal(warning.File) {
			place = ",file=" + escapeProperty(shown(filepath.ToSlash(warning.File))) + ",line=" + strconv.Itoa(warning.Line)
		}
		h.commandAt(annotationWarning, "ecraudit: "+unmatchedCheck, place, warning.Statement())
	}
}

// reserve makes room for an annotation that is no finding.
func (h *githubHandler) reserve(kind annotationKind) {
	if len(h.worst[kind]) == maxAnnotations {
		h.worst[kind] = h.worst[kind][:maxAnnotations-1]
	}
}

// keep holds the entry if it is among the worst of its kind.
func (h *githubHandler) keep(e entry) {
	f := e.first
	const ranks = 2 * int(finding.Critical+1) // of one standing
	a := annotation{rank: 2*int(f.Severity) - ranks*int(standingOf(f)), findings: e.findings}
	kind := annotationNotice
	if verdictOf(f) == finding.Unknown {
		a.rank--
	}
	switch {
	case standingOf(f) != standingOpen: // decides nothing
	case f.Status == finding.Unknown, f.Severity == finding.Medium:
		kind = annotationWarning
	case f.Severity > finding.Medium:
		kind = annotationError
	}
	held := h.worst[kind]
	if len(held) == maxAnnotations && a.rank < held[maxAnnotations-1].rank {
		return
	}
	a.place = strings.Join([]string{f.Account, f.Region, f.Repository, f.Rule, f.Message, qualifiers(f), excuse(f)}, "\x00")
	at, _ := slices.BinarySearchFunc(held, a, worse)
	for at < len(held) && worse(held[at], a) == 0 {
		at++
	}
	if at == maxAnnotations {
		return
	}
	a.title, a.message = h.words(e)
	held = slices.Insert(held, at, a)
	h.worst[kind] = held[:min(len(held), maxAnnotations)]
}

// worse orders annotations of one kind.
func worse(a, b annotation) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.place, b.place))
}

// words are the title and the message of an entry's annotation.
func (h *githubHandler) words(e entry) (title, message string) {
	f := e.first
	message = Printable(e.place())
	if name := h.names[f.Account]; name != "" {
		message += " (" + name + ")"
	}
	message += ": "
	if e.what != "" {
		message += e.what + ": "
	}
	if words := qualifiers(f); words != "" {
		message += words + ": "
	}
	message += strings.TrimSuffix(Printable(f.Message), ".") + "."
	if why := excuse(f); why != "" {
		message += " Reason: " + strings.TrimSuffix(why, ".") + "."
	}
	if remediation := cmp.Or(f.Remediation, h.rule(f.Rule).Remediation); remediation != "" {
		message += " Fix: " + Printable(remediation)
	}
	return f.Severity.String() + ": " + Printable(f.Rule), message
}

// alarm says what was not read, and which permissions would mend it.
func (h *githubHandler) alarm(s Summary) string {
	message := unstyled(h.coverage(s, false)) + "What was not read is unknown, not clean."
	var needed []string
	for _, g := range h.gaps.groups {
		if g.permission != "" && !slices.Contains(needed, g.permission) {
			needed = append(needed, g.permission)
		}
	}
	if len(needed) > 0 {
		message += " The role needs " + Printable(someOf(needed, "permission", "permissions")) + "."
	}
	for _, u := range h.unread(snapshot.StatusFailed) {
		message += fmt.Sprintf(" Nothing could be read in %s: %s.", count(len(u.targets), "target", "targets"), u.reason)
	}
	if h.run.OrganizationUnread != "" {
		message += " The organization is not known in full: " + Printable(h.run.OrganizationUnread) + "."
	}
	return message
}

// outcome is the verdict of the run.
func (h *githubHandler) outcome(s Summary, annotated int) string {
	complete := s.Complete && h.complete()
	message := sentences(filteredStatement(h.run), unstyled(append(verdict(s, complete), h.coverage(s, complete)...)))
	if changes := changesStatement(h.run, s); changes != "" {
		message += changes + " "
	}
	if waivers := waiversStatement(s); waivers != "" {
		message += waivers + " "
	}
	if left := s.Findings - annotated; left > 0 {
		message += fmt.Sprintf("%s not shown here, where GitHub has room for %d annotations of a kind. ",
			count(left, "finding is", "findings are"), maxAnnotations)
	}
	message += fmt.Sprintf("Exit code %d", s.ExitCode)
	if s.FailOn != "" {
		message += " (--fail-on " + Printable(s.FailOn) + ")"
	}
	return message + "."
}

// command writes a workflow command. The escapes are those of
// github.com/actions/toolkit, packages/core/src/command.ts.
func (h *githubHandler) command(kind annotationKind, title, message string) {
	h.commandAt(kind, title, "", message)
}

// commandAt is command for what stands in a file of the repository, with the
// properties that say where, each after a comma.
func (h *githubHandler) commandAt(kind annotationKind, title, place, message string) {
	h.out.text("::" + kind.String() + " title=" + escapeProperty(shortened(title, maxAnnotated)) + place +
		"::" + escapeData(shortened(message, maxMessage)) + "\n")
}

func escapeData(text string) string {
	// A runner that does not know the command at the start of a line looks
	// for ##[command] anywhere in it (github.com/actions/runner,
	// src/Runner.Common/ActionCommand.cs, TryParse), and the viewer of logs
	// does for some.
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", "##[", `##\[`).Replace(text)
}

func escapeProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(text))
}

// unstyled joins the texts of spans.
func unstyled(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.text)
	}
	return b.String()
}

// someOf lists the first few of names and how many more there are.
func someOf(names []string, singular, plural string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + " and " + count(len(names)-few, "more "+singular, "more "+plural)
}
