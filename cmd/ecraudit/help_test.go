package main

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// Help is folded to the terminal's width, to 80 columns where there is none, and
// to 100 at most; nothing of it is lost.
func TestHelpFitsTheTerminal(t *testing.T) {
	w := demoWorld(t)
	for columns, widest := range map[string]int{"": 80, "80": 80, "70": 70, "300": 100} {
		t.Setenv("COLUMNS", columns)
		for _, command := range allCommands() {
			help := w.works(strings.TrimPrefix(command.CommandPath()+" --help", "ecraudit ")).out
			for line := range strings.Lines(help) {
				line = strings.TrimSuffix(line, "\n")
				if runewidth.StringWidth(line) > widest && strings.Contains(strings.TrimSpace(strings.TrimSuffix(line, `\`)), " ") && !strings.HasPrefix(line, "\t") {
					t.Errorf("%s --help in %q columns: %s", command.CommandPath(), columns, line)
				}
			}
			words := strings.Join(strings.Fields(strings.ReplaceAll(help, "\\\n", "")), " ")
			for _, text := range []string{command.Long, command.Example} {
				if text = strings.Join(strings.Fields(text), " "); !strings.Contains(words, text) {
					t.Errorf("%s --help in %q columns lacks:\n%s\nin:\n%s", command.CommandPath(), columns, text, words)
				}
			}
		}
	}
}

// A folded example is one that a shell takes as it stands.
func TestFoldedCommand(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"  ecraudit audit", 80, "  ecraudit audit\n"},
		{"  ecraudit audit --org --query 'a b c d e f g h'", 31, "  ecraudit audit --org \\\n      --query 'a b c d e f g h'\n"},
		{"  ecraudit waive 4c1f0b2a 5d2e1c3b", 30, "  ecraudit waive 4c1f0b2a \\\n      5d2e1c3b\n"},
		{"  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 30, "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"},
	} {
		if got := foldedCommand(c.line, c.width); got != c.want {
			t.Errorf("%q in %d columns:\n%s\nwant:\n%s", c.line, c.width, got, c.want)
		}
	}
}

// The list of rules has a line for each rule, unless the terminal is too narrow.
func TestRulesListFitsTheTerminal(t *testing.T) {
	w := demoWorld(t)
	w.write("my-rules/very_long.rego", strings.Replace(goodRule("very-long", "[]", "false"), "title: ", "title: a title that is far longer than any of those that are listed beside it, escape \u202e and all, ", 1))
	piped := w.works("rules --rules my-rules").out
	if strings.Contains(piped, "\u202e") {
		t.Error("text of a rule turns the line around")
	}
	for line := range strings.Lines(piped) {
		if strings.HasPrefix(line, "very-long ") && !strings.Contains(line, "far longer") {
			t.Errorf("a rule is folded in a pipe: %s", line)
		}
	}
	var listed []listedRule
	w.decodeJSON("rules --rules my-rules --format json", &listed)
	for _, columns := range []int{200, 80, 50} {
		p := &sheet{rows: columns}
		showRules(p, listed)
		shown := p.text.String()
		for line := range strings.Lines(shown) {
			if runewidth.StringWidth(strings.TrimSuffix(line, "\n")) > columns {
				t.Errorf("%d columns: %s", columns, line)
			}
		}
		if words := strings.Join(strings.Fields(shown), ""); columns >= 80 && !strings.HasPrefix(strings.Join(strings.Fields(piped), ""), words) {
			t.Errorf("something is lost in %d columns:\n%s", columns, shown)
		}
	}
}

// A flag is among those that choose changes only where changes are chosen.
func TestHelpOfFlagsThatChooseChanges(t *testing.T) {
	w := demoWorld(t)
	for command, want := range map[string]bool{"rules run": false, "access": false, "plan": true, "apply": true, "undo": true, "quarantine restore": true} {
		if got := strings.Contains(w.works(command+" --help").out, "\n"+whichChanges+":\n"); got != want {
			t.Errorf("%s --help: %q is %v", command, whichChanges, got)
		}
	}
	for line := range strings.Lines(w.works("quarantine restore --help").out) {
		if runewidth.StringWidth(line) > 81 {
			t.Errorf("a line that cannot be folded: %s", line)
		}
	}
}
