package config

import "testing"

func TestNearest(t *testing.T) {
	rules := []string{"repository-public", "access-outside-organization", "lifecycle-missing", "lifecycle-baseline", "encryption", "on", "off"}
	for _, c := range []struct{ name, written, want string }{
		{"the same", "encryption", "encryption"},
		{"a character replaced", "encription", "encryption"},
		{"two swapped", "encrpytion", "encryption"},
		{"one dropped and one added", "repositry-publics", "repository-public"},
		{"underscores", "lifecycle_missing", "lifecycle-missing"},
		{"capitals", "Lifecycle-Missing", "lifecycle-missing"},
		{"abbreviated", "access-outside", "access-outside-organization"},
		{"abbreviating two", "lifecycle", ""},
		{"short", "offf", "off"},
		{"too short", "x", ""},
		{"nothing alike", "kubernetes", ""},
		{"empty", "", ""},
		{"the first of equals", "onf", "on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Nearest(c.written, rules)
			equal(t, got, c.want)
			equal(t, ok, c.want != "")
		})
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		equal(t, edits([]rune(c.a), []rune(c.b)), c.want)
	}
}
