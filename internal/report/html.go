package report

import (
	"io"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// How much one page holds, so that a browser opens it at once and mail takes
// it. What is left out the page counts.
const (
	htmlMaxFindings = 50_000
	htmlMaxGaps     = 20_000
	htmlMaxDetails  = 500
	// Bytes of details, of repositories with findings and of others.
	htmlMaxDetailBytes      = 15 << 20
	htmlMaxOtherDetailBytes = 5 << 20
)

// htmlHandler writes one page for people that needs nothing but itself. The
// overview in it is markup that is ready, and all else is data that its script
// shows: findings worst first, gaps, details, each in a block of its own.
//
// It holds counters for each account and rule, and the names of the
// repositories that have the worst findings; findings wait in a temporary
// file.
type htmlHandler struct {
	htmlPage
	gist
	stage        stage
	rows         *htmlRows
	worst        worst
	scoring      *scoring
	repositories worstRepositories
	details      htmlDetails
	facts        htmlFacts
}

// htmlFacts is what the script must know of the run beside what is listed.
type htmlFacts struct {
	Summary         Summary `json:"summary"`
	Incomplete      bool    `json:"incomplete"`
	Listed          int     `json:"listed"`
	LeftOut         int     `json:"left_out"`
	GapsLeftOut     int     `json:"gaps_left_out"`
	Details         int     `json:"details"`
	DetailsLeftOut  int     `json:"details_left_out"`
	RepositoryLimit int     `json:"repository_limit"`
}

func newHTML(w io.Writer) *htmlHandler {
	h := &htmlHandler{
		htmlPage: htmlPage{list: newList(w)}, repositories: worstRepositories{limit: htmlMaxDetails}, worst: worst{limit: htmlMaxFindings},
	}
	h.load(htmlScripts)
	return h
}

func (h *htmlHandler) Begin(run Run) error {
	if err := h.stage.begin(); err != nil {
		return err
	}
	run = normalize(run)
	h.know(run)
	h.rows = newHTMLRows(run.Rules)
	h.scoring = newScoring(run)
	h.htmlPage.open(h.title())
	rules := run.Rules
	run.Rules = make([]finding.Rule, len(rules))
	for i, rule := range rules {
		rule.Links = webLinks(rule.Links)
		run.Rules[i] = rule
	}
	return h.value("run", &run)
}

func (h *htmlHandler) title() string {
	title := "ecraudit report"
	if h.run.OrganizationID != "" {
		title += " of " + h.run.OrganizationID
	}
	if !h.run.Clock.IsZero() {
		title += ", " + h.run.Clock.Format(time.DateOnly)
	}
	return title
}

func (h *htmlHandler) Finding(f finding.Finding) error {
	if err := h.stage.finding(); err != nil {
		return err
	}
	h.scoring.add(&f)
	h.repositories.add(&f)
	text := h.worst.room(&f)
	if text == nil {
		return nil
	}
	row, err := h.rows.encode(&f)
	if err != nil {
		return err
	}
	text.tail = append(append(text.tail, row...), '\n')
	return h.worst.settle(text)
}

func (h *htmlHandler) Gap(g snapshot.Gap) error {
	if err := h.openGaps(); err != nil {
		return err
	}
	h.gaps.add(g)
	if h.items == htmlMaxGaps {
		h.facts.GapsLeftOut++
		return nil
	}
	return h.item(&g)
}

// openGaps ends the findings.
func (h *htmlHandler) openGaps() error {
	first, err := h.stage.gap()
	if err != nil || !first {
		return err
	}
	h.block("findings")
	if h.facts.LeftOut, err = h.worst.write(&h.list, "", nil); err != nil {
		return err
	}
	h.facts.Listed = h.items
	h.endBlock()
	h.block("gaps")
	return h.out.err()
}

// Detail writes a detail if there is room for it.
func (h *htmlHandler) Detail(d Detail) error {
	if h.stage != stageDetails {
		if err := h.openDetails(); err != nil {
			return err
		}
	}
	body, err := h.details.encode(h.enc, d)
	if err != nil {
		return err
	}
	if body == nil {
		return nil
	}
	return h.add("", body)
}

func (h *htmlHandler) openDetails() error {
	if err := h.openGaps(); err != nil {
		return err
	}
	h.stage = stageDetails
	h.endBlock()
	h.block("details")
	h.details.prefer(h.repositories.sorted())
	return h.out.err()
}

func (h *htmlHandler) End(s Summary) error {
	if h.stage != stageDetails {
		if err := h.openDetails(); err != nil {
			return err
		}
	}
	h.stage = stageDone
	h.endBlock()
	h.scoring.end()
	unread := unreadAfter(h.run, s, h.gaps.total)
	h.facts.Summary, h.facts.Incomplete = s, unread.any()
	h.facts.Details, h.facts.DetailsLeftOut = h.details.written, h.details.leftOut
	h.facts.RepositoryLimit = htmlMaxDetails
	if err := h.value("facts", &h.facts); err != nil {
		return err
	}
	content, err := h.content(&unread)
	if err != nil {
		return err
	}
	return h.close(content)
}

// Close removes the temporary file.
func (h *htmlHandler) Close() error { return h.worst.Close() }

// htmlDetails chooses the details that a page has room for: those of the
// repositories with the worst findings, and of others as many as are left.
type htmlDetails struct {
	worst            map[[3]string]bool
	room, bytes      int // for repositories with findings
	others           int
	otherBytes       int
	written, leftOut int
}

func (d *htmlDetails) prefer(repositories []repositoryTally) {
	d.worst = make(map[[3]string]bool, len(repositories))
	for _, r := range repositories {
		d.worst[r.place()] = true
	}
	d.room, d.bytes = len(repositories), htmlMaxDetailBytes
	d.others, d.otherBytes = htmlMaxDetails-len(repositories), htmlMaxOtherDetailBytes
}

// htmlDetail is a detail with its policy apart, which keeps its lines.
type htmlDetail struct {
	Place  [3]string `json:"place"`
	Detail *Detail   `json:"detail"`
	Policy []string  `json:"policy,omitempty"`
}

// encode returns the detail as JSON that may stand in a page, or nil if there
// is no room for it.
func (d *htmlDetails) encode(enc *encoder, detail Detail) ([]byte, error) {
	place := [3]string{detail.Account, detail.Region, detail.Repository}
	room, size := &d.others, &d.otherBytes
	if d.worst[place] {
		room, size = &d.room, &d.bytes
	}
	if *room <= 0 || *size <= 0 {
		d.leftOut++
		return nil, nil
	}
	of := htmlDetail{Place: place, Detail: &detail}
	if detail.Access != nil && detail.Access.Policy != "" {
		access := *detail.Access
		of.Policy = linesOf(access.Policy)
		access.Policy = ""
		detail.Access = &access
	}
	body, err := enc.encode(&of)
	if err != nil {
		return nil, err
	}
	body = appendShown(nil, body)
	*room--
	*size -= len(body)
	d.written++
	return body, nil
}
