package evaluate

import (
	"strings"
	"testing"
)

// What is no finding is said in words of the rule, not of the program.
func TestAnswersThatAreNoFindings(t *testing.T) {
	for _, c := range []struct {
		answer any
		want   string
	}{
		{map[string]any{"message": 3}, "message is a number, and is to be a text"},
		{map[string]any{"message": "m", "key": true}, "key is a bool, and is to be a text"},
		{"text", "deny contains a string, which is none"},
		{map[string]any{"message": "m", "colour": "red"}, `unknown field "colour"`},
		{map[string]any{"message": " \n"}, "a finding has no message"},
	} {
		_, err := decodeAnswers(map[string]any{"x": map[string]any{"deny": []any{c.answer}}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Go struct") {
			t.Errorf("%v: %v, want %s", c.answer, err, c.want)
		}
	}
}
