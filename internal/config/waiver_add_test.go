package config

import (
	"strings"
	"testing"
	"time"
)

func someWaiver() *Waiver {
	return &Waiver{
		Rules: []string{"external-push"}, Fingerprint: "0123456789abcdef0123456789abcdef", Reason: "until: the move # is done", Owner: "team-a",
		Ticket: "OPS-1", Until: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), ApprovedBy: "'Jane", ApprovedOn: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC),
	}
}

const addedItem = `- rule: external-push
  fingerprint: 0123456789abcdef0123456789abcdef
  reason: 'until: the move # is done'
  owner: team-a
  ticket: OPS-1
  until: 2027-01-31
  approved_by: '''Jane'
  approved_on: 2026-11-02
`

func indented(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

const other = "rule: a\n    match: {accounts: '*'}\n    reason: b\n    owner: c\n    until: 2027-01-01"

func TestAddWaiver(t *testing.T) {
	item := indented(addedItem, "  ")
	for _, c := range []struct{ name, text, want string }{
		{"no file", "", waiversHeader + "waivers:\n" + item},
		{"comments only", "# mine", "# mine\nwaivers:\n" + item},
		{"other keys", "immutable: all # yes\n", "immutable: all # yes\n\nwaivers:\n" + item},
		{"no newline at the end", "immutable: all", "immutable: all\n\nwaivers:\n" + item},
		{"nothing in it", "waivers: # none\n# end\n", "waivers: # none\n" + item + "# end\n"},
		{"an empty list", "waivers: [ ] # none\nimmutable: all\n", "waivers: # none\n" + item + "immutable: all\n"},
		{"a list", "waivers:\n  - " + other + " # until\n\n# next\nimmutable: all\n", "waivers:\n  - " + other + " # until\n" + item + "\n# next\nimmutable: all\n"},
		{"at the end without newline", "waivers:\n  - " + other, "waivers:\n  - " + other + "\n" + item},
		{"dashes below the key", "waivers:\n- " + strings.ReplaceAll(other, "\n    ", "\n  ") + "\nimmutable: all\n",
			"waivers:\n- " + strings.ReplaceAll(other, "\n    ", "\n  ") + "\n" + addedItem + "immutable: all\n"},
		{"entries apart", "waivers:\n  - " + other + "\n\n  # why\n  - " + other + "\n", "waivers:\n  - " + other + "\n\n  # why\n  - " + other + "\n\n" + item},
		{"a text on several lines", "waivers:\n  - " + other + "\n    ticket: |\n      one\n\n      two\n\nimmutable: all\n",
			"waivers:\n  - " + other + "\n    ticket: |\n      one\n\n      two\n" + item + "\nimmutable: all\n"},
		{"lines of Windows", "immutable: all\r\nwaivers:\r\n  - " + strings.ReplaceAll(other, "\n", "\r\n") + "\r\n",
			"immutable: all\r\nwaivers:\r\n  - " + strings.ReplaceAll(other, "\n", "\r\n") + "\r\n" + strings.ReplaceAll(item, "\n", "\r\n")},
		{"an anchor beside the key", "waivers: &all # ours\n  # first\n  - " + other + "\n", "waivers: &all # ours\n  # first\n  - " + other + "\n" + item},
		{"a tag beside the key", "waivers: !!seq\n  - " + other + "\n# end\n", "waivers: !!seq\n  - " + other + "\n" + item + "# end\n"},
		{"anchors and merges of its own", "waivers:\n  - &one\n    " + other + "\n  - <<: *one\n    rule: z\n", "waivers:\n  - &one\n    " + other + "\n  - <<: *one\n    rule: z\n" + item},
		{"odd comments", "waivers:\n  - " + other + "\n   # three\n # one\n", "waivers:\n  - " + other + "\n   # three\n" + item + " # one\n"},
		{"a mark of byte order", "\uFEFFwaivers: []\n", "\uFEFFwaivers:\n" + item},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, line, err := AddWaiver("w.yaml", []byte(c.text), someWaiver(), "")
			if err != nil {
				t.Fatal(err)
			}
			equal(t, string(got), c.want)
			if at := strings.Split(string(got), "\n")[line-1]; !strings.Contains(at, "rule: external-push") {
				t.Errorf("line %d is %q", line, at)
			}
			again, _, err := AddWaiver("w.yaml", got, someWaiver(), "about it")
			if err != nil || strings.Count(string(again), "rule: external-push") != 2 {
				t.Errorf("a second one: %v\n%s", err, again)
			}
		})
	}
	for name, text := range map[string]string{
		"braces": "{immutable: all}", "brackets": "waivers: [{rule: a, match: {accounts: '*'}, reason: b, owner: c, until: 2027-01-01}]",
		"an alias": "x-a: &a []\nwaivers: *a\n", "null": "waivers: ~\n", "an end": "immutable: all\n...\n", "an empty list on lines": "waivers: [\n]\n",
		"a list for a file": "- a\n", "other line breaks": "immutable: all\rscan_on_push: on\n", "a mistake in it": "waivers:\n  - rule: a\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, err := AddWaiver("w.yaml", []byte(text), someWaiver(), ""); err == nil {
				t.Errorf("it was added:\n%s", got)
			}
		})
	}
}

// FuzzAddWaiver adds to any text: whatever it is, the rest of it stays, byte for
// byte, and means what it meant.
func FuzzAddWaiver(f *testing.F) {
	for _, text := range []string{"", "waivers: []", "waivers:\n- " + other + "\n", everything, "# a\n\nwaivers:\n  - " + other + "\n  # b\nrules: {}\n", "waivers:\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := AddWaiver("w.yaml", []byte(text), someWaiver(), "about")
		if err != nil {
			return
		}
		if begun := strings.TrimSpace(strings.TrimPrefix(text, "\uFEFF")) == ""; begun {
			return
		}
		rest := string(got)
		item := rest[strings.LastIndex(rest, "# about"):]
		_, tail, _ := strings.Cut(item, "approved_on: 2026-11-02")
		if !strings.HasSuffix(text, strings.TrimLeft(tail, "\r\n")) {
			t.Fatalf("what follows was altered: %q\n%q", tail, text)
		}
		head := strings.TrimRight(rest[:len(rest)-len(item)], " \r\n")
		same := strings.HasPrefix(text, head) || strings.HasPrefix(text, strings.TrimSuffix(head, "waivers:")) ||
			strings.HasPrefix(text, strings.TrimRight(strings.TrimSuffix(head, "waivers:"), " \r\n"))
		emptied := strings.Contains(text, "[")
		if !same && !emptied {
			t.Fatalf("what precedes was altered: %q\n%q", head, text)
		}
		before, _ := parseText("w.yaml", []byte(text))
		after, _ := parseText("w.yaml", got)
		if before != nil && after != nil && len(after.Content) < len(before.Content) {
			t.Fatal("a key is lost")
		}
	})
}

// What is wrong with the waiver is not blamed on the file.
func TestAddWaiverThatLacksSomething(t *testing.T) {
	w := someWaiver()
	w.Owner = ""
	if _, _, err := AddWaiver("w.yaml", nil, w, ""); err == nil || !strings.Contains(err.Error(), "the waiver:2:5: waivers[0]: has no owner: write who answers for it") {
		t.Error(err)
	}
}

func FuzzTagWaiver(f *testing.F) {
	for _, value := range []string{"2027-01-31 reason", "2027-01-31 owner=a why ticket=b", "2027-02-30 x", "", "owner=", "2027-01-31 owner=a owner=b c"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		w, err := ParseTagWaiver(value)
		if err != nil {
			return
		}
		if w.Reason == "" || w.Until.IsZero() || strings.ContainsAny(w.Reason, "\n\r") {
			t.Fatalf("%q is %+v", value, w)
		}
		again, err := ParseTagWaiver(Day(w.Until) + " " + w.Reason)
		if err != nil || again.Reason != w.Reason || !again.Until.Equal(w.Until) {
			t.Fatalf("%q: %+v, %v", value, again, err)
		}
	})
}

func TestTagWaiver(t *testing.T) {
	for value, want := range map[string]string{
		"2027-01-31 replaced in March":                      "2027-01-31|replaced in March||",
		"2027-01-31 owner=team-a replaced ticket=OPS-1 now": "2027-01-31|replaced now|team-a|OPS-1",
		"":                             "it is empty",
		"soon":                         `"soon" is not a day`,
		"2027-02-30 x":                 `"2027-02-30" is not a day`,
		"2027-01-31":                   "it has no reason",
		"2027-01-31 owner=a":           "it has no reason",
		"2027-01-31 owner= x":          "owner= names nobody",
		"2027-01-31 x owner=a owner=b": "owner= stands in it twice",
	} {
		w, err := ParseTagWaiver(value)
		got := Day(w.Until) + "|" + w.Reason + "|" + w.Owner + "|" + w.Ticket
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
