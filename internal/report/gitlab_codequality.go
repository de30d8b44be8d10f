package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// codeQuality writes the report that GitLab's merge requests show as Code
// Quality: an array of issues
// (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format).
// The format knows nothing but issues, so that a gap is one too.
type codeQuality struct {
	list
	stage  stage
	run    Run
	unread unread
	place  placeText // the location
	line   []byte
}

func newCodeQuality(w io.Writer) *codeQuality {
	return &codeQuality{list: newList(w)}
}

// codeQualitySeverities are GitLab's names of the severities.
var codeQualitySeverities = [...]string{
	finding.Info: "info", finding.Low: "minor", finding.Medium: "major", finding.High: "critical", finding.Critical: "blocker",
}

type codeQualityIssue struct {
	Description string              `json:"description"`
	CheckName   string              `json:"check_name"`
	Fingerprint string              `json:"fingerprint"`
	Severity    string              `json:"severity"`
	Location    codeQualityLocation `json:"location"`
}

type codeQualityLocation struct {
	Path  string           `json:"path"`
	Lines codeQualityLines `json:"lines"`
}

type codeQualityLines struct {
	Begin int `json:"begin"`
}

func (h *codeQuality) Begin(run Run) error {
	if err := h.stage.begin(); err != nil {
		return err
	}
	h.unread = unreadOf(run)
	h.run = run
	h.out.text("[")
	return h.out.err()
}

// Finding writes an issue. One that is unknown keeps its severity, since there
// is no word for it and less would hide it; its text says that it is unknown.
// There is none for what is waived either: it is of the least severity, and its
// text says why. What is known keeps its severity, since GitLab compares
// branches itself.
func (h *codeQuality) Finding(f finding.Finding) error {
	if err := h.stage.finding(); err != nil {
		return err
	}
	severity := f.Severity
	if standingOf(&f) == standingWaived {
		severity = finding.Info
	}
	h.line = appendMember(h.line[:0], `{"description":`, statement(&f))
	h.line = appendMember(h.line, `,"check_name":`, cmp.Or(shown(f.Rule), "ecraudit"))
	h.line = appendMember(h.line, `,"fingerprint":`, f.Fingerprint)
	h.line = appendMember(h.line, `,"severity":`, codeQualitySeverities[severity])
	h.line = append(h.line, h.place.of(resourceOf(&f), appendCodeQualityLocation)...)
	return h.add("  ", append(h.line, '}'))
}

func appendCodeQualityLocation(dst []byte, place resource) []byte {
	dst = appendMember(dst, `,"location":{"path":`, place.path())
	return append(dst, `,"lines":{"begin":1}}`...)
}

func (h *codeQuality) Gap(g snapshot.Gap) error {
	if _, err := h.stage.gap(); err != nil {
		return err
	}
	h.unread.gaps++
	id := issueID("gap", resourceOfGap(&g).name(), string(g.Need), g.Operation)
	return h.issue(gapStatement(&g), incompleteCheck, id, finding.Medium, resourceOfGap(&g))
}

// End adds what concerns the whole run. It comes last because only now it is
// known.
func (h *codeQuality) End(s Summary) error {
	if _, err := h.stage.gap(); err != nil {
		return err
	}
	h.stage = stageDone
	h.unread.end(s)
	for i := range h.unread.failed {
		place := resource{account: h.unread.failed[i].Account, region: h.unread.failed[i].Region}
		if err := h.issue(failure(&h.unread.failed[i]), incompleteCheck, issueID("target", place.name()), finding.High, place); err != nil {
			return err
		}
	}
	if text := filteredStatement(h.run); text != "" {
		if err := h.issue(text, filteredCheck, issueID("filtered"), finding.Info, resource{}); err != nil {
			return err
		}
	}
	if err := h.waivers(s.Waivers); err != nil {
		return err
	}
	if why := h.run.OrganizationUnread; why != "" {
		if err := h.issue(organizationStatement(why), incompleteCheck, issueID("organization"), finding.Medium, resource{}); err != nil {
			return err
		}
	}
	if h.unread.any() {
		if err := h.issue(h.unread.String(), incompleteCheck, issueID("run"), finding.High, resource{}); err != nil {
			return err
		}
	}
	h.end("")
	h.out.text("\n")
	return h.out.flush()
}

// waivers writes an issue for each waiver that excuses nothing, in the line of the
// file in which it stands, if that is below the working directory.
func (h *codeQuality) waivers(waivers *Waivers) error {
	for _, warning := range waivers.Warnings() {
		place := codeQualityLocation{resource{}.path(), codeQualityLines{1}}
		if file := filepath.ToSlash(shown(warning.File)); filepath.IsLocal(file) {
			place = codeQualityLocation{file, codeQualityLines{warning.Line}}
		}
		if err := h.issueAt(warning.Statement(), unmatchedCheck, issueID(unmatchedCheck, warning.about), finding.Info, place); err != nil {
			return err
		}
	}
	return nil
}

func (h *codeQuality) issue(text, check, fingerprint string, severity finding.Severity, r resource) error {
	return h.issueAt(text, check, fingerprint, severity, codeQualityLocation{r.path(), codeQualityLines{1}})
}

func (h *codeQuality) issueAt(text, check, fingerprint string, severity finding.Severity, place codeQualityLocation) error {
	return h.element("  ", codeQualityIssue{
		Description: text,
		CheckName:   cmp.Or(shown(check), "ecraudit"),
		Fingerprint: fingerprint,
		Severity:    codeQualitySeverities[severity],
		Location:    place,
	})
}

// issueID is the fingerprint of what is no finding: 32 hex digits of a hash
// over what identifies it across runs.
func issueID(parts ...string) string {
	sum := sha256.Sum256([]byte(wellFormed(strings.Join(parts, "\x00"))))
	return hex.EncodeToString(sum[:16])
}
