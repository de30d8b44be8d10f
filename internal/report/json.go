package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// jsonHandler writes one document of the published schema, an element of an
// array on each line so that two reports compare well:
//
//	{
//	  "schema": "ecraudit.report/v1",
//	  "run": {…},
//	  "findings": [
//	    {…},
//	    {…}
//	  ],
//	  "gaps": [],
//	  "details": [{…}],
//	  "summary": {…}
//	}
type jsonHandler struct {
	list
	stage    stage
	detailed bool // the array of details is open
}

const jsonIndent = "    " // of the elements of its arrays

func newJSON(w io.Writer) *jsonHandler {
	return &jsonHandler{list: newList(w)}
}

func (h *jsonHandler) Begin(run Run) error {
	if err := h.stage.begin(); err != nil {
		return err
	}
	run = normalize(run)
	// The document carries the schema's name at its top; the empty field
	// hides the one of the run.
	head, err := h.enc.encode(struct {
		Run
		Schema string `json:"schema,omitempty"`
	}{Run: run})
	if err != nil {
		return err
	}
	h.out.text("{\n  \"schema\": \"" + Schema + "\",\n  \"run\": ")
	h.out.bytes(spread(nil, head))
	h.out.text(",\n  \"findings\": [")
	return h.out.err()
}

func (h *jsonHandler) Finding(f finding.Finding) error {
	if err := h.stage.finding(); err != nil {
		return err
	}
	body, err := h.enc.finding(&f)
	if err != nil {
		return err
	}
	return h.add(jsonIndent, body)
}

func (h *jsonHandler) Gap(g snapshot.Gap) error {
	if err := h.openGaps(); err != nil {
		return err
	}
	return h.element(jsonIndent, &g)
}

// openGaps makes the array of gaps the open one.
func (h *jsonHandler) openGaps() error {
	first, err := h.stage.gap()
	if err != nil || !first {
		return err
	}
	h.end("  ")
	h.out.text(",\n  \"gaps\": [")
	return h.out.err()
}

// Detail writes into an array that is there only where there is a detail.
func (h *jsonHandler) Detail(d Detail) error {
	if !h.detailed {
		if err := h.openGaps(); err != nil {
			return err
		}
		h.detailed = true
		h.stage = stageDetails
		h.end("  ")
		h.out.text(",\n  \"details\": [")
	}
	if h.stage != stageDetails {
		return errOrder
	}
	return h.element(jsonIndent, &d)
}

func (h *jsonHandler) End(s Summary) error {
	if !h.detailed {
		if err := h.openGaps(); err != nil {
			return err
		}
	}
	h.stage = stageDone
	body, err := h.enc.encode(&s)
	if err != nil {
		return err
	}
	h.end("  ")
	h.out.text(",\n  \"summary\": ")
	h.out.bytes(spread(nil, body))
	h.out.text("\n}\n")
	return h.out.flush()
}

// ndjsonHandler writes a record on each line: the fields of a run, finding,
// gap, detail or summary with a "type" before them.
type ndjsonHandler struct {
	out output
	enc *encoder
}

func newNDJSON(w io.Writer) *ndjsonHandler {
	return &ndjsonHandler{out: newOutput(w), enc: newEncoder()}
}

func (h *ndjsonHandler) Begin(run Run) error {
	run = normalize(run)
	body, err := h.enc.encode(&run)
	return h.record("run", body, err)
}

func (h *ndjsonHandler) Finding(f finding.Finding) error {
	body, err := h.enc.finding(&f)
	return h.record("finding", body, err)
}

func (h *ndjsonHandler) Gap(g snapshot.Gap) error {
	body, err := h.enc.encode(&g)
	return h.record("gap", body, err)
}

func (h *ndjsonHandler) Detail(d Detail) error {
	body, err := h.enc.encode(&d)
	return h.record("detail", body, err)
}

func (h *ndjsonHandler) End(s Summary) error {
	body, err := h.enc.encode(&s)
	if err := h.record("summary", body, err); err != nil {
		return err
	}
	return h.out.flush()
}

func (h *ndjsonHandler) record(kind string, body []byte, err error) error {
	if err != nil {
		return err
	}
	h.out.text(`{"type":"`)
	h.out.text(kind)
	h.out.text(`",`)
	h.out.bytes(body[1:]) // every record has fields: the brace is followed by one
	h.out.text("\n")
	return h.out.err()
}

// normalize makes equal runs equal bytes: the schema's name, the clock in
// UTC, and arrays that are there though empty.
func normalize(run Run) Run {
	run.Schema = Schema
	run.Clock = run.Clock.UTC()
	if run.Targets == nil {
		run.Targets = []Target{}
	}
	if run.Rules == nil {
		run.Rules = []finding.Rule{}
	}
	return run
}

// encoder encodes values as JSON on one line, as ASCII where a character has
// no plain shape. What it returns is valid until its next call.
type encoder struct {
	buf  bytes.Buffer
	json *json.Encoder
	safe []byte
}

func newEncoder() *encoder {
	e := &encoder{}
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false) // for people: "<none>", not "\u003cnone\u003e"
	return e
}

func (e *encoder) finding(f *finding.Finding) ([]byte, error) {
	var err error
	e.safe, err = appendFinding(e.safe[:0], f)
	return e.safe, err
}

func (e *encoder) encode(v any) ([]byte, error) {
	e.buf.Reset()
	if err := e.json.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the report: %w", err)
	}
	body := e.buf.Bytes()
	body = body[:len(body)-1] // without the encoder's newline
	if isPlain(body) {
		return body, nil
	}
	e.safe = appendSafe(e.safe[:0], body)
	return e.safe, nil
}

func isPlain(body []byte) bool {
	for _, c := range body {
		if c >= 0x7f {
			return false
		}
	}
	return true
}

// spread appends the compact JSON object body with a member on each line, and
// so the elements of the containers right in it. It continues a line of a
// document at an indentation of two.
func spread(dst, body []byte) []byte {
	const deepest = 2 // containers below this depth stay on one line
	depth, quoted := 0, false
	newline := func() {
		dst = append(dst, '\n', ' ', ' ')
		for range depth {
			dst = append(dst, ' ', ' ')
		}
	}
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case quoted:
			if c == '\\' {
				dst = append(dst, c)
				i++
				c = body[i]
			} else if c == '"' {
				quoted = false
			}
			dst = append(dst, c)
		case c == '{' || c == '[':
			dst = append(dst, c)
			depth++
			if depth <= deepest && body[i+1] != c+2 { // '{'+2 is '}', '['+2 is ']'
				newline()
			}
		case c == '}' || c == ']':
			depth--
			if depth < deepest && body[i-1] != c-2 {
				newline()
			}
			dst = append(dst, c)
		case c == ',' && depth <= deepest:
			dst = append(dst, c)
			newline()
		case c == ':' && depth <= deepest:
			dst = append(dst, c, ' ')
		default:
			quoted = c == '"'
			dst = append(dst, c)
		}
	}
	return dst
}
