package awssim

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"
)

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// shortHash is 64 lower-case hex digits made from the parts.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// keyHash is made of the letters and digits that access keys and unique ids are made of.
func keyHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// globMatch matches a name with a pattern in which * stands for any run of characters and ? for one.
func globMatch(pattern, name string) bool { return wildcards(pattern, name, '?') }

// starMatch is globMatch without the ?, which is a character like any other.
func starMatch(pattern, name string) bool { return wildcards(pattern, name, 0) }

func wildcards(pattern, name string, one byte) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == one || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globFold is globMatch without regard to case, as IAM compares actions.
func globFold(pattern, name string) bool {
	return globMatch(strings.ToLower(pattern), strings.ToLower(name))
}

// stamp is a time as awsJson writes it: seconds since 1970 with milliseconds as the fraction.
type stamp struct{ time.Time }

func (s stamp) MarshalJSON() ([]byte, error) { return appendStamp(nil, s.Time), nil }

// stampOf is nil for the zero time, so that omitempty leaves it out.
func stampOf(t time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	return &stamp{t}
}

func appendStamp(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	sec, frac := ms/1000, ms%1000
	b = appendInt(b, sec)
	if frac == 0 {
		return append(b, '.', '0')
	}
	return append(b, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
}
