package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// What every finding becomes in a JSON format is appended by hand: there may be
// a hundred thousand findings and a dozen formats, and encoding/json takes three
// times as long. The bytes are those that an [encoder] makes of the same value;
// tests compare the two.

// appendQuoted appends text as a JSON string.
func appendQuoted[T string | []byte](dst []byte, text T) []byte {
	return append(appendText(append(dst, '"'), text), '"')
}

// appendText appends text as it stands between the quotes of a JSON string.
func appendText[T string | []byte](dst []byte, text T) []byte {
	for begin := 0; ; {
		i := begin
		for i < len(text) && plainInJSON[text[i]] {
			i++
		}
		dst = append(dst, text[begin:i]...)
		if i == len(text) {
			return dst
		}
		size := 1
		if text[i] < utf8.RuneSelf {
			dst = appendEscape(dst, text[i])
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
			dst = appendRune(dst, r)
		}
		begin = i + size
	}
}

// plainInJSON are the bytes that a JSON string may hold as they are, wherever
// they stand.
var plainInJSON = func() (plain [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// appendEscape appends an ASCII character that must be escaped.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return fmt.Appendf(dst, `\u%04x`, c)
}

// appendRune appends a character that is not ASCII, escaped where a terminal or
// editor would not show it in its place. The replacement character is escaped
// too, as encoding/json does with the one that stands for an invalid byte.
func appendRune(dst []byte, r rune) []byte {
	switch {
	case r != utf8.RuneError && showable(r):
		return utf8.AppendRune(dst, r)
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// appendMember appends the name of a member, written as in `,"tag":`, and its
// text.
func appendMember(dst []byte, name, text string) []byte {
	return appendQuoted(append(dst, name...), text)
}

// appendOptional appends a member that is left out where it is empty.
func appendOptional(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return appendMember(dst, name, text)
}

// appendFinding appends a finding as it is in a report.
func appendFinding(dst []byte, f *finding.Finding) ([]byte, error) {
	dst = appendMember(dst, `{"fingerprint":`, f.Fingerprint)
	dst = appendMember(dst, `,"rule":`, f.Rule)
	dst = appendMember(dst, `,"severity":`, f.Severity.String())
	dst = appendMember(dst, `,"status":`, string(f.Status))
	dst = appendMember(dst, `,"account":`, f.Account)
	dst = appendMember(dst, `,"region":`, f.Region)
	dst = appendOptional(dst, `,"repository":`, f.Repository)
	dst = appendOptional(dst, `,"repository_arn":`, f.RepositoryARN)
	dst = appendOptional(dst, `,"digest":`, f.Digest)
	dst = appendOptional(dst, `,"tag":`, f.Tag)
	dst = appendMember(dst, `,"message":`, f.Message)
	dst = appendOptional(dst, `,"remediation":`, f.Remediation)
	if len(f.Fix) > 0 && string(f.Fix) != "null" {
		var err error
		if dst, err = appendRaw(append(dst, `,"fix":`...), f.Fix); err != nil {
			return dst, fmt.Errorf("finding %s of rule %s: encoding the report: its fix is no JSON: %w", f.Fingerprint, Printable(f.Rule), err)
		}
	}
	if f.Waiver != nil {
		dst = appendWaiver(append(dst, `,"waiver":`...), f.Waiver)
	}
	dst = appendOptional(dst, `,"change":`, string(f.Change))
	return append(dst, '}'), nil
}

func appendWaiver(dst []byte, w *finding.Waiver) []byte {
	dst = appendMember(dst, `{"verdict":`, string(w.Verdict))
	dst = appendMember(dst, `,"reason":`, w.Reason)
	dst = appendOptional(dst, `,"owner":`, w.Owner)
	dst = appendOptional(dst, `,"ticket":`, w.Ticket)
	dst = appendOptional(dst, `,"until":`, w.Until)
	dst = appendOptional(dst, `,"source":`, w.Source)
	return append(dst, '}')
}

// appendRaw appends JSON of others on one line, if it is JSON.
func appendRaw(dst []byte, raw json.RawMessage) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return dst, err
	}
	return appendSafe(dst, compact.Bytes()), nil
}

// appendSafe appends the JSON text body with every character escaped that a
// terminal or editor would not show in its place: DEL, C1 controls, bidi
// overrides, invisible characters. Such characters occur only in strings,
// where the escape means the same.
func appendSafe(dst, body []byte) []byte {
	for i := 0; i < len(body); {
		if body[i] < 0x7f {
			dst = append(dst, body[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(body[i:])
		dst = appendRune(dst, r)
		i += size
	}
	return dst
}

func appendNumber(dst []byte, name string, n int) []byte {
	return strconv.AppendInt(append(dst, name...), int64(n), 10)
}
