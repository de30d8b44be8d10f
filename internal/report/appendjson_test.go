package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// What is appended by hand is what encoding/json makes of the type that
// describes it: each element of the arrays, decoded and encoded again, has the
// same bytes.
func TestAppendedIsEncoded(t *testing.T) {
	all := scripts()
	all["every field"], all["standings"], all["long"] = everyField(), standings(), long(200)
	for name, s := range all {
		checkEncoded[finding.Finding](t, name, "json", "    {\"fingerprint\":", s)
		checkEncoded[sarifResult](t, name, "sarif", "        {\"ruleId\":", s)
		checkEncoded[gitlabVulnerability](t, name, "gitlab-security", "    {\"id\":", s)
		checkEncoded[codeQualityIssue](t, name, "gitlab-codequality", "  {\"description\":", s)
	}
}

// checkEncoded looks at the lines that begin as those of findings do.
func checkEncoded[T any](t *testing.T, name, format, prefix string, s script) {
	t.Helper()
	found := 0
	for line := range strings.Lines(string(written(t, format, s, Options{}))) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		found++
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		var element T
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&element); err != nil {
			t.Fatalf("%s of %s: %v in %s", format, name, err, line)
		}
		encoded, err := newEncoder().encode(element)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(encoded), line); diff != "" {
			t.Errorf("%s of %s (-encoded +appended):\n%s", format, name, diff)
		}
	}
	if found < len(s.findings) {
		t.Errorf("%s of %s has %d elements for %d findings", format, name, found, len(s.findings))
	}
}

var awkwardText = []string{
	"", "plain", `"\/`, "\b\f\n\r\t\x00\x1f\x7f", "<&>", "\u2028\u2029", "\u0085\u009b", "a\u202eb\u200b", "\xff\xfe\xc3(", "\xed\xa0\x80", "\ufffd",
	"漢字🚀", "\U000e0041\U0010ffff", "é\u0301", "cut off \xf0\x9f\x9a", "\xf0\x9f\x9a\x80",
}

func TestAppendQuoted(t *testing.T) {
	for _, text := range awkwardText {
		checkQuoted(t, text)
	}
}

func FuzzAppendQuoted(f *testing.F) {
	for _, text := range awkwardText {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkQuoted(t, text) })
}

func checkQuoted(t *testing.T, text string) {
	t.Helper()
	want, err := newEncoder().encode(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := appendQuoted(nil, text); !bytes.Equal(got, want) {
		t.Errorf("%q became %s, not %s", text, got, want)
	}
	if got := appendQuoted(nil, []byte(text)); !bytes.Equal(got, want) {
		t.Errorf("the bytes of %q became %s, not %s", text, got, want)
	}
}
