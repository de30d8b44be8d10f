package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// htmlRow is a finding as the page keeps it. What goes without saying is left
// out: the severity of the rule, the status fail, and whatever is the same as
// in the row before of the same severity and status (the place) or of the same
// severity, status and rule (message, remediation and fix; before the first of
// these stands the rule's remediation, and no fix).
type htmlRow struct {
	Rule        any             `json:"r"` // its index in the run, or the id of one that the run does not describe
	Fingerprint string          `json:"f"`
	Severity    string          `json:"s,omitempty"`
	Status      finding.Status  `json:"k,omitempty"`
	Place       []string        `json:"p,omitempty"` // account, region, repository
	Digest      string          `json:"d,omitempty"`
	Tag         string          `json:"t,omitempty"`
	Message     *string         `json:"m,omitempty"`
	Remediation *string         `json:"x,omitempty"`
	Fix         json.RawMessage `json:"j,omitempty"` // null where the row before has one and this has none
	Change      finding.Change  `json:"c,omitempty"`
	Waiver      *finding.Waiver `json:"w,omitempty"`
}

// htmlRows makes rows of findings. What it remembers is one finding for each
// severity, status and rule.
type htmlRows struct {
	rules  map[string]int // the index of each
	known  []finding.Rule
	places map[htmlSection][3]string
	texts  map[htmlSeries]htmlTexts
	enc    *encoder
	safe   []byte
}

type htmlSection struct {
	severity finding.Severity
	status   finding.Status
}

type htmlSeries struct {
	htmlSection
	rule string
}

type htmlTexts struct{ message, remediation, fix string }

func newHTMLRows(rules []finding.Rule) *htmlRows {
	r := &htmlRows{
		rules: make(map[string]int), known: rules, enc: newEncoder(),
		places: make(map[htmlSection][3]string), texts: make(map[htmlSeries]htmlTexts),
	}
	for i, rule := range rules {
		r.rules[rule.ID] = i
	}
	return r
}

// encode returns the row of the next finding as JSON that may stand in a page.
// It is valid until the next call.
func (r *htmlRows) encode(f *finding.Finding) ([]byte, error) {
	row := htmlRow{Rule: f.Rule, Fingerprint: f.Fingerprint, Digest: f.Digest, Tag: f.Tag, Change: f.Change, Waiver: f.Waiver}
	section := htmlSection{f.Severity, f.Status}
	series := htmlSeries{section, f.Rule}
	last, again := r.texts[series]
	row.Severity = f.Severity.String()
	if i, known := r.rules[f.Rule]; known {
		row.Rule = i
		if r.known[i].Severity == f.Severity {
			row.Severity = ""
		}
		if !again {
			last.remediation = r.known[i].Remediation
		}
	}
	if f.Status != finding.Fail {
		row.Status = f.Status
	}
	if place := [3]string{f.Account, f.Region, f.Repository}; r.places[section] != place {
		r.places[section] = place
		row.Place = place[:]
	}
	if f.Message != last.message || !again {
		row.Message = &f.Message
	}
	if f.Remediation != last.remediation {
		row.Remediation = &f.Remediation
	}
	fix := f.Fix
	if len(fix) == 0 {
		fix = json.RawMessage("null")
	}
	if string(fix) != last.fix && (again || string(fix) != "null") {
		row.Fix = fix
	}
	r.texts[series] = htmlTexts{f.Message, f.Remediation, string(fix)}
	body, err := r.enc.encode(&row)
	if err != nil {
		return nil, fmt.Errorf("finding %s of rule %s: %w", f.Fingerprint, Printable(f.Rule), err)
	}
	r.safe = appendShown(r.safe[:0], body)
	return r.safe, nil
}

// appendShown appends the JSON text body as it may stand in a script block of
// a page, every string in it as people can be shown it. So whatever the page
// makes of a string, it is harmless.
func appendShown(dst, body []byte) []byte {
	for {
		open := bytes.IndexByte(body, '"')
		if open < 0 {
			return append(dst, body...)
		}
		dst = append(dst, body[:open]...)
		body = body[open:]
		end, plain := literal(body)
		if plain {
			dst = append(dst, body[:end]...)
		} else {
			dst = appendShownLiteral(dst, body[:end])
		}
		body = body[end:]
	}
}

// literal returns where the string that body begins with ends, and whether it
// is harmless as it stands.
func literal(body []byte) (end int, plain bool) {
	plain = true
	for i := 1; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			i++
			plain = plain && i < len(body) && (body[i] == '"' || body[i] == '\\')
		case c < ' ' || c >= 0x7f || c == '<':
			plain = false
		}
	}
	return len(body), false
}

func appendShownLiteral(dst, literal []byte) []byte {
	var text string
	if err := json.Unmarshal(literal, &text); err != nil {
		return append(dst, `""`...) // never: the encoder wrote it
	}
	dst = append(dst, '"')
	for _, r := range shown(text) {
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '<':
			dst = append(dst, `\u003c`...) // so that no end of the script is in it
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
