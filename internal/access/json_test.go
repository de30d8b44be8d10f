package access

import (
	"encoding/json"
	"testing"

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
