package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Replay reads a report that the json or ndjson format wrote, recognizing
// which, and hands it to h as the run that wrote it did. It holds one finding
// at a time.
//
// A report that ends early, whose summary is not that of its run and its findings,
// or that has fields that this version does not know is an error, and so is
// anything else than a report; h has then not seen End. Errors of h
// are returned as they are. That it is no report at all is a *NotAReportError.
func Replay(r io.Reader, h Handler) error {
	in := bufio.NewReader(r)
	if bom, _ := in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(len(bom))
	}
	if magic, _ := in.Peek(4); bytes.Equal(magic, []byte("\x28\xb5\x2f\xfd")) { // Zstandard, as of snapshot.Writer
		return notAReport("it is a snapshot; judge it with: ecraudit audit --snapshot FILE")
	}
	// The first key tells the formats apart. What is read to find it is read again.
	var seen bytes.Buffer
	key, err := firstKey(json.NewDecoder(io.TeeReader(in, &seen)))
	if err != nil {
		return err
	}
	p := &replayer{h: h, recount: newRecount(), dec: json.NewDecoder(io.MultiReader(&seen, in))}
	p.dec.DisallowUnknownFields()
	switch key {
	case "schema", "run", "findings", "gaps", "summary":
		err = p.document()
	default:
		err = p.records()
	}
	if err != nil {
		return err
	}
	return p.finish()
}

func firstKey(dec *json.Decoder) (string, error) {
	for range 2 { // the brace, then the key
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && token == nil {
			return "", errors.New("reading the report: it is empty")
		}
		if err != nil {
			return "", notAReport(err.Error())
		}
		if key, ok := token.(string); ok {
			return key, nil
		}
		if token != json.Delim('{') {
			break
		}
	}
	return "", notAReport("it does not begin with an object that has fields")
}

// NotAReportError says that something is no report, where other errors say that
// a report is damaged.
type NotAReportError struct{ Why string }

func (e *NotAReportError) Error() string {
	return "reading the report: this is no report that --format json or ndjson wrote: " + e.Why
}

func notAReport(why string) error { return &NotAReportError{why} }

// replayer is the state of one Replay.
type replayer struct {
	h              Handler
	dec            *json.Decoder
	began          bool
	run            Run
	findings, gaps int
	recount        recount
	detailed       bool
	summary        *Summary
}

// document reads the one object of the json format.
func (p *replayer) document() error {
	if _, err := p.dec.Token(); err != nil { // the brace
		return p.broken(err)
	}
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return p.broken(err)
		}
		switch token {
		case "schema":
			var name string
			if err := p.dec.Decode(&name); err != nil {
				return p.broken(err)
			}
			if err := checkSchema(name); err != nil {
				return err
			}
		case "run":
			var run Run
			if err := p.dec.Decode(&run); err != nil {
				return p.broken(err)
			}
			run.Schema = Schema
			if err := p.begin(run); err != nil {
				return err
			}
		case "findings":
			if err := p.array(p.finding); err != nil {
				return err
			}
		case "gaps":
			if err := p.array(p.gap); err != nil {
				return err
			}
		case "details":
			if err := p.array(p.detail); err != nil {
				return err
			}
		case "summary":
			p.summary = new(Summary)
			if err := p.dec.Decode(p.summary); err != nil {
				return p.broken(err)
			}
		default:
			return notAReport(fmt.Sprintf("unknown field %q", token))
		}
	}
	if _, err := p.dec.Token(); err != nil { // the closing brace
		return p.broken(err)
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return notAReport("something follows its end")
	}
	return nil
}

// array reads an array whose elements next reads.
func (p *replayer) array(next func(func(any) error) error) error {
	token, err := p.dec.Token()
	if err != nil {
		return p.broken(err)
	}
	if token != json.Delim('[') {
		return notAReport(fmt.Sprintf("findings and gaps must be arrays, here is %v", token))
	}
	for p.dec.More() {
		if err := next(p.dec.Decode); err != nil {
			return err
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return p.broken(err)
	}
	return nil
}

// records reads the lines of the ndjson format.
func (p *replayer) records() error {
	for {
		var line json.RawMessage
		if err := p.dec.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return p.broken(err)
		}
		if err := p.record(line); err != nil {
			return err
		}
	}
}

func (p *replayer) record(line []byte) error {
	var kind struct {
		Type   string `json:"type"`
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return p.broken(err)
	}
	if p.summary != nil {
		return notAReport("something follows its summary")
	}
	decode := func(v any) error {
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		return dec.Decode(v)
	}
	switch kind.Type {
	case "run":
		if err := checkSchema(kind.Schema); err != nil {
			return err
		}
		var r struct {
			Type string `json:"type"`
			Run
		}
		if err := decode(&r); err != nil {
			return p.broken(err)
		}
		return p.begin(r.Run)
	case "finding":
		return p.finding(decode)
	case "gap":
		return p.gap(decode)
	case "detail":
		return p.detail(decode)
	case "summary":
		var r struct {
			Type string `json:"type"`
			Summary
		}
		if err := decode(&r); err != nil {
			return p.broken(err)
		}
		p.summary = &r.Summary
		return nil
	default:
		return notAReport(fmt.Sprintf("unknown record type %q", kind.Type))
	}
}

func (p *replayer) begin(run Run) error {
	if p.began {
		return notAReport("it has two runs")
	}
	p.began, p.run = true, run
	return p.h.Begin(run)
}

func (p *replayer) finding(decode func(any) error) error {
	if err := p.needRun(); err != nil {
		return err
	}
	var f struct {
		Type string `json:"type"` // of an NDJSON record
		finding.Finding
	}
	if err := decode(&f); err != nil {
		return p.broken(err)
	}
	if err := checkFinding(&f.Finding); err != nil {
		return err
	}
	p.findings++
	p.recount.add(&f.Finding)
	return p.h.Finding(f.Finding)
}

// checkFinding returns an error where a finding has a word that no audit writes.
func checkFinding(f *finding.Finding) error {
	switch {
	case !slices.Contains(finding.Statuses(), f.Status):
		return notAReport(fmt.Sprintf("unknown status %q of finding %s", f.Status, f.Fingerprint))
	case (f.Status == finding.Waived) != (f.Waiver != nil):
		return notAReport(fmt.Sprintf("finding %s is to be waived, and no other, with a waiver", f.Fingerprint))
	case f.Change != "" && f.Change != finding.New && f.Change != finding.Worsened && f.Change != finding.Known:
		return notAReport(fmt.Sprintf("unknown change %q of finding %s", f.Change, f.Fingerprint))
	}
	return nil
}

func (p *replayer) gap(decode func(any) error) error {
	if err := p.needRun(); err != nil {
		return err
	}
	var g struct {
		Type string `json:"type"`
		snapshot.Gap
	}
	if err := decode(&g); err != nil {
		return p.broken(err)
	}
	if p.detailed {
		return errors.New("reading the report: its details come before its gaps, so another program rewrote it; use the file as ecraudit wrote it")
	}
	p.gaps++
	return p.h.Gap(g.Gap)
}

func (p *replayer) detail(decode func(any) error) error {
	if err := p.needRun(); err != nil {
		return err
	}
	var d struct {
		Type string `json:"type"`
		Detail
	}
	if err := decode(&d); err != nil {
		return p.broken(err)
	}
	p.detailed = true
	return TellDetail(p.h, d.Detail)
}

func (p *replayer) needRun() error {
	if p.began {
		return nil
	}
	return errors.New("reading the report: its findings come before its run, so another program rewrote it; use the file as ecraudit wrote it")
}

// coherent reports whether all parts of the report agree on whether everything
// was read.
func (p *replayer) coherent() bool {
	if p.summary.Complete != p.run.Complete {
		return false
	}
	left := unreadAfter(p.run, *p.summary, p.gaps)
	return !p.run.Complete || !left.any()
}

// finish checks that the report was whole and ends the run.
func (p *replayer) finish() error {
	switch {
	case !p.began:
		return notAReport("it has no run")
	case p.summary == nil:
		return p.broken(io.ErrUnexpectedEOF)
	case p.findings != p.summary.Findings || p.gaps != p.summary.Gaps:
		return fmt.Errorf("reading the report: it was altered: its summary says %d findings and %d gaps, it holds %d and %d",
			p.summary.Findings, p.summary.Gaps, p.findings, p.gaps)
	}
	if !p.coherent() {
		return errors.New("reading the report: it was altered: its run, its gaps and its summary do not agree on whether everything was read; use the file as ecraudit wrote it")
	}
	if wrong := p.recount.disagreement(&p.run, p.summary); wrong != "" {
		return fmt.Errorf("reading the report: it was altered: %s; use the file as ecraudit wrote it", wrong)
	}
	return p.h.End(*p.summary)
}

// broken says where reading stopped.
func (p *replayer) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("reading the report: it is truncated: it ends after %d findings and %d gaps, without a summary; write it again",
			p.findings, p.gaps)
	}
	return fmt.Errorf("reading the report: after %d findings and %d gaps: %w", p.findings, p.gaps, err)
}

func checkSchema(name string) error {
	if name == Schema {
		return nil
	}
	if family, _, _ := strings.Cut(Schema, "/"); strings.HasPrefix(name, family+"/") {
		return fmt.Errorf("reading the report: its format is %q and this ecraudit reads %q: use the version of ecraudit that wrote it, or a newer one", name, Schema)
	}
	return notAReport(fmt.Sprintf("its schema is %q instead of %q", name, Schema))
}
