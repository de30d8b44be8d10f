package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// htmlRows makes rows of findings, which are objects with short names:
//
//	r  the rule's index in the run, or the id of one that the run does not describe
//	f  the fingerprint
//	s  the severity, unless it is the rule's
//	k  the status, unless it is fail
//	p  account, region and repository
//	d  the digest, and t the tag
//	m  the message, x the remediation, j the fix
//	c  the change since the baseline, and w the waiver
//
// What is the same as in the row before of its section (p), or of its section
// and rule (m, x and j), is left out. A section is a severity and status, of
// what the baseline has or of the rest. Before the first row of a rule stand its
// remediation, and no fix; null is none after one. So what is remembered is one
// finding for each section and rule.
type htmlRows struct {
	rules  map[string]int // the index of each
	known  []finding.Rule
	places map[htmlSection]htmlPlace
	texts  map[htmlSeries]*htmlTexts
	enc    *encoder
	row    []byte
}

type htmlSection struct {
	severity finding.Severity
	status   finding.Status
	known    bool // the baseline has it
}

type htmlSeries struct {
	htmlSection
	rule string
}

type htmlPlace struct{ account, region, repository string }

type htmlTexts struct{ message, remediation, fix string }

const noFix = "null"

func newHTMLRows(rules []finding.Rule) *htmlRows {
	r := &htmlRows{
		rules: make(map[string]int), known: rules, enc: newEncoder(),
		places: make(map[htmlSection]htmlPlace), texts: make(map[htmlSeries]*htmlTexts),
	}
	for i, rule := range rules {
		r.rules[rule.ID] = i
	}
	return r
}

// encode returns the row of the next finding as JSON that may stand in a page.
// It is valid until the next call.
func (r *htmlRows) encode(f *finding.Finding) ([]byte, error) {
	section := htmlSection{f.Severity, f.Status, f.Change == finding.Known}
	row := r.judged(append(r.row[:0], '{'), f)
	if place := (htmlPlace{f.Account, f.Region, f.Repository}); r.places[section] != place {
		r.places[section] = place
		row = append(row, `,"p":[`...)
		row = append(appendShownText(row, f.Account), ',')
		row = append(appendShownText(row, f.Region), ',')
		row = append(appendShownText(row, f.Repository), ']')
	}
	row = appendShownMember(row, `,"d":`, f.Digest)
	row = appendShownMember(row, `,"t":`, f.Tag)
	row = appendShownMember(row, `,"c":`, string(f.Change))
	row, err := r.said(row, f, section)
	if err == nil && f.Waiver != nil {
		row, err = r.value(append(row, `,"w":`...), f.Waiver)
	}
	if err != nil {
		return nil, fmt.Errorf("finding %s of rule %s: %w", f.Fingerprint, Printable(f.Rule), err)
	}
	row = append(row, '}')
	r.row = row
	return row, nil
}

// judged appends what identifies a finding and how bad it is.
func (r *htmlRows) judged(row []byte, f *finding.Finding) []byte {
	severity := f.Severity.String()
	row = append(row, `"r":`...)
	if i, known := r.rules[f.Rule]; known {
		row = strconv.AppendInt(row, int64(i), 10)
		if r.known[i].Severity == f.Severity {
			severity = ""
		}
	} else {
		row = appendShownText(row, f.Rule)
	}
	row = appendShownText(append(row, `,"f":`...), f.Fingerprint)
	row = appendShownMember(row, `,"s":`, severity)
	if f.Status != finding.Fail {
		row = appendShownMember(row, `,"k":`, string(f.Status))
	}
	return row
}

// said appends what a finding says, as far as the one before does not.
func (r *htmlRows) said(row []byte, f *finding.Finding, section htmlSection) ([]byte, error) {
	series := htmlSeries{section, f.Rule}
	last := r.texts[series]
	if last == nil {
		last = &htmlTexts{fix: noFix}
		if i, known := r.rules[f.Rule]; known {
			last.remediation = r.known[i].Remediation
		}
		r.texts[series] = last
	}
	if f.Message != last.message {
		last.message = f.Message
		row = appendShownText(append(row, `,"m":`...), f.Message)
	}
	if f.Remediation != last.remediation {
		last.remediation = f.Remediation
		row = appendShownText(append(row, `,"x":`...), f.Remediation)
	}
	fix := f.Fix
	if len(fix) == 0 {
		fix = json.RawMessage(noFix)
	}
	if string(fix) == last.fix {
		return row, nil
	}
	last.fix = string(fix)
	return r.value(append(row, `,"j":`...), fix)
}

// value appends what is encoded as JSON.
func (r *htmlRows) value(row []byte, v any) ([]byte, error) {
	body, err := r.enc.encode(v)
	if err != nil {
		return nil, err
	}
	return appendShown(row, body), nil
}

// appendShownMember appends a member with a name, unless it is empty.
func appendShownMember(row []byte, name, text string) []byte {
	if text == "" {
		return row
	}
	return appendShownText(append(row, name...), text)
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
	return appendShownText(dst, text)
}

// appendShownText appends text as a JSON string that may stand in a script block of a
// page, and as people can be shown it.
func appendShownText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	if inert(text) {
		return append(append(dst, text...), '"')
	}
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

// inert reports whether text means the same in a JSON string in a script block.
func inert(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '<' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
