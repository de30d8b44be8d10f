package report

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// csvHandler writes RFC 4180: a header, a row for each finding, a row with the
// status "gap" for each gap, one with the status "filtered" where a query left
// findings out, and a last row with the status "complete" or "incomplete" and
// the totals, so that neither an incomplete run nor a truncated file looks
// clean.
//
// There is no byte order mark: it would become part of the first column's name
// for most programs, and a spreadsheet asks for the encoding on import.
type csvHandler struct {
	out   output
	line  []byte
	run   Run
	names map[string]string // of accounts, by id
	gaps  int
}

// csvColumns are the header. The order is part of the format: new columns are
// added at the end.
var csvColumns = []string{
	"severity", "status", "rule", "account", "account_name", "region", "repository",
	"digest", "tag", "message", "remediation", "fingerprint",
	"change", "waived_verdict", "waiver_reason", "waiver_owner", "waiver_ticket", "waived_until", "waiver_source",
}

// The statuses of rows that are no findings.
const (
	csvGap        = "gap"
	csvFiltered   = "filtered"
	csvComplete   = "complete"
	csvIncomplete = "incomplete"
)

func newCSV(w io.Writer) *csvHandler {
	return &csvHandler{out: newOutput(w), names: make(map[string]string)}
}

func (h *csvHandler) Begin(run Run) error {
	h.run = run
	for _, target := range run.Targets {
		if target.AccountName != "" {
			h.names[target.Account] = target.AccountName
		}
	}
	return h.row(csvColumns...)
}

func (h *csvHandler) Finding(f finding.Finding) error {
	waiver := finding.Waiver{}
	if f.Waiver != nil {
		waiver = *f.Waiver
	}
	return h.row(f.Severity.String(), string(f.Status), f.Rule, f.Account, h.names[f.Account], f.Region, f.Repository,
		f.Digest, f.Tag, f.Message, f.Remediation, f.Fingerprint,
		string(f.Change), string(waiver.Verdict), waiver.Reason, waiver.Owner, waiver.Ticket, waiver.Until, waiver.Source)
}

func (h *csvHandler) Gap(g snapshot.Gap) error {
	h.gaps++
	return h.row("", csvGap, "", g.Account, h.names[g.Account], g.Region, g.Repository, g.Digest, "", gapMessage(g))
}

func (h *csvHandler) End(s Summary) error {
	status, message := csvComplete, "Everything was read: "+totals(s)
	if u := unreadAfter(h.run, s, h.gaps); u.any() {
		status, message = csvIncomplete, "NOT complete: "+strings.Join(u.reasons(), ", ")+". "+totals(s)
	}
	if h.run.OrganizationUnread != "" {
		message += " The organization is not known in full: " + h.run.OrganizationUnread + "."
	}
	if changes := changesStatement(h.run, s); changes != "" {
		message += " " + changes
	}
	if waivers := waiversStatement(s); waivers != "" {
		message += " " + waivers
	}
	if filtered := filteredStatement(h.run); filtered != "" {
		if err := h.remark(csvFiltered, filtered); err != nil {
			return err
		}
		message += " " + filtered
	}
	if err := h.remark(status, message); err != nil {
		return err
	}
	return h.out.flush()
}

// remark writes a row that concerns the report as a whole.
func (h *csvHandler) remark(status, message string) error {
	return h.row("", status, "", "", "", "", "", "", "", message)
}

// row writes a row; cells at its end that are empty may be left out.
func (h *csvHandler) row(cells ...string) error {
	h.line = h.line[:0]
	for i := range csvColumns {
		if i > 0 {
			h.line = append(h.line, ',')
		}
		if i < len(cells) {
			h.line = appendCell(h.line, cells[i])
		}
	}
	h.line = append(h.line, "\r\n"...)
	h.out.bytes(h.line)
	return h.out.err()
}

// appendCell appends text as a cell that is text to any reader, in quotes where
// encoding/csv writes some.
func appendCell(dst []byte, text string) []byte {
	if text == "" {
		return dst
	}
	if isHarmlessCell(text) {
		return append(dst, text...)
	}
	text = defuse(shown(text))
	first, _ := utf8.DecodeRuneInString(text)
	if !strings.ContainsAny(text, `",`) && !unicode.IsSpace(first) && text != `\.` { // which ends the data for some databases
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		before, after, quote := strings.Cut(text, `"`)
		dst = append(dst, before...)
		if !quote {
			return append(dst, '"')
		}
		dst = append(dst, `""`...)
		text = after
	}
}

// isHarmlessCell tells text that needs no second look: ASCII letters, digits
// and what else neither begins a formula nor ends a cell.
func isHarmlessCell(text string) bool {
	if text[0] == ' ' || text[0] == '-' || text[0] == '+' || text[0] == '=' || text[0] == '@' || text[0] == '\\' {
		return false
	}
	for i := range len(text) {
		if !harmlessInCell[text[i]] {
			return false
		}
	}
	return true
}

var harmlessInCell = func() (harmless [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		harmless[c] = !strings.ContainsRune(`",;`, c)
	}
	return harmless
}()

// defuse returns the cell with an apostrophe before it if a spreadsheet could
// take it for a formula. Spaces and quotes before the formula do not save it:
// some programs drop them. A semicolon separates cells where the decimal
// separator is a comma, and quotes that were written for commas do not hold it,
// so what follows one is a cell, too.
func defuse(cell string) string {
	for from := 0; from <= len(cell); {
		if startsFormula(cell[from:]) {
			cell = cell[:from] + "'" + cell[from:]
		}
		next := strings.IndexByte(cell[from:], ';')
		if next < 0 {
			break
		}
		from += next + 1
	}
	return cell
}

// startsFormula tells a text that begins with a character by which OWASP says
// that spreadsheets know formulas, or with its full-width or small form, which
// East Asian versions take for the same. Tabs and line ends, which OWASP
// lists too, were made visible before.
//
// https://owasp.org/www-community/attacks/CSV_Injection
func startsFormula(text string) bool {
	for _, r := range text {
		switch r {
		case ' ', '"', '\u00a0', '\u3000': // may be dropped
		case '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−':
			return true
		default:
			return false
		}
	}
	return false
}
