package access

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The reader takes what encoding/json takes, but for equal names in an object
// and depth.
func TestJSONIsJSON(t *testing.T) {
	pieces := []string{"{", "}", "[", "]", ",", ":", `"a"`, `"b"`, `"\u00e9"`, `"\x"`, `"\ud83d"`, `"`, "1", "-0.5e3", "01", "true", "false", "nul", "null", " ", "\n", "\x01", "\"\t\"", "é"}
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for _, piece := range rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 9).Draw(t, "pieces") {
			text += piece
		}
		_, err := parseJSON(text)
		switch valid := json.Valid([]byte(text)); {
		case valid && err == errSyntax: //nolint:errorlint // it is never wrapped
			t.Errorf("%q is valid", text)
		case !valid && err == nil:
			t.Errorf("%q is not valid", text)
		}
	})
}

// What is rendered is read as what it was, by this reader and by encoding/json.
func FuzzRender(f *testing.F) {
	f.Add(`{"a":[1.0e3,true,null,"<&>\u2028\u00e9",{}],"b":[],"":{"c":[[]]}}`)
	f.Add("\ufeff{\"Statement\" : []}")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := parseJSON(text)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		for _, indent := range []string{"", "  "} {
			rendered := tree.render(indent)
			again, err := parseJSON(rendered)
			if err != nil {
				t.Fatalf("%q became %q: %v", text, rendered, err)
			}
			if again.render(indent) != rendered {
				t.Errorf("%q became %q, and that %q", text, rendered, again.render(indent))
			}
			if diff := cmp.Diff(decoded(t, strings.TrimPrefix(text, "\ufeff")), decoded(t, rendered)); diff != "" {
				t.Errorf("%q became %q (-want +got):\n%s", text, rendered, diff)
			}
		}
	})
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return value
}
