package audit

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Findings are kept on disk as length and text of each field. Reading JSON back
// would take as long as writing it in half a dozen formats, and this is read by
// one goroutine while all else waits.

// appendKept appends a finding: the length of the rest, its severity, whether it
// has a waiver, and its texts.
func appendKept(dst []byte, f *finding.Finding) []byte {
	begin := len(dst)
	dst = append(dst, 0, 0, 0, 0, byte(f.Severity), 0)
	for _, text := range [...]string{
		f.Fingerprint, f.Rule, string(f.Status), f.Account, f.Region, f.Repository, f.RepositoryARN, f.Digest, f.Tag,
		f.Message, f.Remediation, string(f.Change),
	} {
		dst = appendText(dst, text)
	}
	dst = appendText(dst, f.Fix)
	if w := f.Waiver; w != nil {
		dst[begin+lengthSize+1] = 1
		for _, text := range [...]string{string(w.Verdict), w.Reason, w.Owner, w.Ticket, w.Until, w.Source} {
			dst = appendText(dst, text)
		}
	}
	binary.LittleEndian.PutUint32(dst[begin:], uint32(min(len(dst)-begin-lengthSize, math.MaxUint32)))
	return dst
}

const lengthSize = 4 // bytes

func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(min(len(text), math.MaxUint32)))
	return append(dst, text...)
}

var errKept = errors.New("reading kept results back: the temporary file was altered")

// eachKept calls f with each finding of a chunk.
func eachKept(chunk []byte, f func(finding.Finding) error) error {
	for len(chunk) > 0 {
		if len(chunk) < lengthSize {
			return errKept
		}
		length := int(binary.LittleEndian.Uint32(chunk))
		if chunk = chunk[lengthSize:]; length > len(chunk) {
			return errKept
		}
		one, err := readKept(chunk[:length])
		if err != nil {
			return err
		}
		if err := f(one); err != nil {
			return err
		}
		chunk = chunk[length:]
	}
	return nil
}

// readKept reads what follows the length.
func readKept(record []byte) (finding.Finding, error) {
	if len(record) < 2 {
		return finding.Finding{}, errKept
	}
	r := keptReader{record: record[2:], text: string(record[2:])}
	f := finding.Finding{
		Severity: finding.Severity(record[0]), Fingerprint: r.next(), Rule: r.next(), Status: finding.Status(r.next()),
		Account: r.next(), Region: r.next(), Repository: r.next(), RepositoryARN: r.next(), Digest: r.next(), Tag: r.next(),
		Message: r.next(), Remediation: r.next(), Change: finding.Change(r.next()),
	}
	if fix := r.next(); fix != "" {
		f.Fix = []byte(fix)
	}
	if record[1] == 1 {
		f.Waiver = &finding.Waiver{Verdict: finding.Status(r.next()), Reason: r.next(), Owner: r.next(), Ticket: r.next(), Until: r.next(), Source: r.next()}
	}
	if r.broken || f.Severity > finding.Critical {
		return finding.Finding{}, errKept
	}
	return f, nil
}

// keptReader reads texts. All of them share one copy of the record.
type keptReader struct {
	record []byte
	text   string
	at     int
	broken bool
}

func (r *keptReader) next() string {
	if r.broken || len(r.record)-r.at < lengthSize {
		r.broken = true
		return ""
	}
	length := int(binary.LittleEndian.Uint32(r.record[r.at:]))
	r.at += lengthSize
	if length > len(r.record)-r.at {
		r.broken = true
		return ""
	}
	r.at += length
	return r.text[r.at-length : r.at]
}
