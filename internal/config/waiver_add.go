package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// waiversHeader begins a file of waivers that is made anew.
const waiversHeader = `# Findings that are excused, each until a day. After it they count again.
# ecraudit waivers lists them; ecraudit waive adds one.

`

// AddWaiver returns the text of a file with a waiver added to the end of its
// list, and the number of the line in which it begins. about is a comment that is
// put above it; empty for none. A file without text is begun.
//
// The rest of the text stays as it is, byte for byte: nothing is read and
// written anew. Where the list is written in a way to which nothing can be added
// like this, the error says so.
func AddWaiver(path string, text []byte, w *Waiver, about string) (added []byte, line int, err error) {
	before, err := waiversIn(path, text)
	if err != nil {
		return nil, 0, err
	}
	a := &addition{path: path, newline: "\n"}
	if _, err := waiversIn("the waiver", []byte("waivers:\n"+a.item("  ", w, ""))); err != nil {
		return nil, 0, err // nothing of that is for the file's sake
	}
	if bytes.Contains(text, []byte("\r\n")) {
		a.newline = "\r\n"
	}
	body, found := strings.CutPrefix(string(text), "\uFEFF")
	mark := strings.TrimSuffix(string(text), body)
	if !found {
		mark = ""
	}
	if strings.ContainsAny(strings.ReplaceAll(body, "\r\n", "\n"), "\r\u0085\u2028\u2029") {
		return nil, 0, a.refuse("has line breaks of another kind among its own")
	}
	root, err := parseText(path, []byte(body))
	if err != nil {
		return nil, 0, err
	}
	body, line, err = a.add(body, root, w, about)
	if err != nil {
		return nil, 0, err
	}
	added = []byte(mark + body)
	after, err := waiversIn(path, added)
	if err != nil || len(after) != len(before)+1 || !slices.EqualFunc(after[:len(before)], before, (*Waiver).says) || !after[len(before)].says(w) {
		return nil, 0, a.refuse("is written in a way to which none can be added (its last text, over several lines and in quotes, may be in the way)")
	}
	return added, line, nil
}

// waiversIn reads the waivers of a text, with their mistakes left aside: they are
// those of the whole file.
func waiversIn(path string, text []byte) ([]*Waiver, error) {
	root, err := parseText(path, text)
	if err != nil || root == nil || isNull(root) {
		return nil, err
	}
	r := &reader{path: path}
	entries, ok := r.mapping("", root, "keys")
	if !ok {
		return nil, joinErrors(path, r.errs)
	}
	var all []*Waiver
	for _, e := range entries {
		if e.key == "waivers" {
			for _, w := range r.waivers(e.key, e.value) {
				all = append(all, &w)
			}
		}
	}
	return all, joinErrors(path, inOrder(r.errs))
}

// says reports whether a waiver says the same as another, wherever it stands.
func (w *Waiver) says(o *Waiver) bool {
	return slices.Equal(w.Rules, o.Rules) && w.Where() == o.Where() && w.Reason == o.Reason && w.Owner == o.Owner && w.Ticket == o.Ticket &&
		w.Until.Equal(o.Until) && w.ApprovedBy == o.ApprovedBy && w.ApprovedOn.Equal(o.ApprovedOn)
}

// addition adds a waiver to a text.
type addition struct {
	path, newline string
}

func (a *addition) refuse(why string) error {
	return fmt.Errorf("%s %s: write its waivers as a list with a dash for each, or add the waiver by hand", a.path, why)
}

func (a *addition) add(text string, root *yaml.Node, w *Waiver, about string) (string, int, error) {
	switch {
	case root == nil || isNull(root) && root.Value == "":
		if strings.TrimSpace(text) == "" {
			return put("", text+strings.ReplaceAll(waiversHeader, "\n", a.newline)+"waivers:"+a.newline, "", a.item("  ", w, about), about)
		}
		return put("", a.ended(text)+"waivers:"+a.newline, "", a.item("  ", w, about), about)
	case root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0:
		return "", 0, a.refuse("has no keys on lines of their own")
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "waivers" {
			return a.toList(text, root.Content[i], root.Content[i+1], w, about)
		}
	}
	indent := strings.Repeat(" ", root.Column-1)
	return put("", a.ended(text)+a.newline+indent+"waivers:"+a.newline, "", a.item(indent+"  ", w, about), about)
}

// toList adds to the value of the key.
func (a *addition) toList(text string, key, list *yaml.Node, w *Waiver, about string) (string, int, error) {
	lines := strings.SplitAfter(text, "\n")
	indent := strings.Repeat(" ", key.Column-1) + "  "
	switch {
	case isNull(list) && list.Value == "":
		head := a.ended(strings.Join(lines[:key.Line], ""))
		return put("", head, strings.Join(lines[key.Line:], ""), a.item(indent, w, about), about)
	case list.Kind != yaml.SequenceNode:
		return "", 0, a.refuse("has no list of waivers of its own")
	case len(list.Content) == 0:
		line := lines[list.Line-1]
		at := runeOffset(line, list.Column-1)
		empty := strings.Index(line[at:], "]") + 1
		if at >= len(line) || line[at] != '[' || empty == 0 || strings.TrimSpace(line[at+1:at+empty-1]) != "" {
			return "", 0, a.refuse("has an empty list that stands on several lines")
		}
		lines[list.Line-1] = strings.TrimRight(line[:at], " ") + line[at+empty:]
		head := a.ended(strings.Join(lines[:list.Line], ""))
		return put("", head, strings.Join(lines[list.Line:], ""), a.item(indent, w, about), about)
	case list.Style&yaml.FlowStyle != 0:
		return "", 0, a.refuse("has its waivers in []")
	}
	dash := dashOf(lines, key, list)
	end := endOfList(lines, list, dash)
	head, gap := a.ended(strings.Join(lines[:end], "")), ""
	last := list.Content[len(list.Content)-1]
	if len(list.Content) > 1 && last.Line >= 2 && apart(lines, last.Line-2) {
		gap = a.newline
	}
	return put(gap, head, strings.Join(lines[end:], ""), a.item(strings.Repeat(" ", dash), w, about), about)
}

// apart reports whether an entry is set off from the one before it by an empty
// line, above its comments.
func apart(lines []string, above int) bool {
	for above >= 0 && strings.HasPrefix(strings.TrimSpace(lines[above]), "#") {
		above--
	}
	return above >= 0 && strings.TrimSpace(lines[above]) == ""
}

// dashOf is how far the dashes of a list in block style are indented. Where an anchor
// or a tag stands beside its key, that is where the list begins for YAML.
func dashOf(lines []string, key, list *yaml.Node) int {
	if list.Line > key.Line {
		return list.Column - 1
	}
	for _, line := range lines[key.Line:list.Content[0].Line] {
		if entry := strings.TrimLeft(line, " "); strings.HasPrefix(entry, "-") {
			return len(line) - len(entry)
		}
	}
	return list.Column - 1
}

// endOfList is the number of lines up to the end of a list in block style: the
// lines that are indented further than its dashes belong to its last entry.
func endOfList(lines []string, list *yaml.Node, dash int) int {
	end := lastLine(list)
	for i := end; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(line)-len(strings.TrimLeft(line, " ")) <= dash {
			break
		}
		end = i + 1
	}
	return end
}

func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, child := range n.Content {
		last = max(last, lastLine(child))
	}
	return last
}

// put joins the parts, and returns in which line the entry begins.
func put(gap, head, tail, item, about string) (string, int, error) {
	line := strings.Count(head+gap, "\n") + 1
	if about != "" {
		line++
	}
	return head + gap + item + tail, line, nil
}

// ended is a text that ends with its last line.
func (a *addition) ended(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + a.newline
}

// item writes a waiver as an entry of a list.
func (a *addition) item(indent string, w *Waiver, about string) string {
	var b strings.Builder
	if about != "" {
		b.WriteString(indent + "# " + about + a.newline)
	}
	lead := indent + "- "
	put := func(key, value string) {
		if value != "" {
			b.WriteString(lead + key + ": " + value + a.newline)
			lead = indent + "  "
		}
	}
	text := func(value string) string {
		if value == "" {
			return ""
		}
		return flow(value)
	}
	put("rule", strings.Join(w.Rules, ", "))
	put("fingerprint", text(w.Fingerprint))
	put("reason", text(w.Reason))
	put("owner", text(w.Owner))
	put("ticket", text(w.Ticket))
	put("until", Day(w.Until))
	put("approved_by", text(w.ApprovedBy))
	if !w.ApprovedOn.IsZero() {
		put("approved_on", Day(w.ApprovedOn))
	}
	return b.String()
}

func runeOffset(text string, runes int) int {
	for i := range text {
		if runes == 0 {
			return i
		}
		runes--
	}
	return len(text)
}

// Add completes a waiver by the fields that a command was given, and refuses
// what no file could say.
func (w *Waiver) Add(to map[string]string) error {
	for _, field := range []struct {
		name  string
		value *string
	}{{"reason", &w.Reason}, {"owner", &w.Owner}, {"ticket", &w.Ticket}, {"approved-by", &w.ApprovedBy}} {
		text, given := to[field.name]
		if !given {
			continue
		}
		if err := checkText("--"+field.name, []byte(text)); err != nil {
			return errors.New(strings.ReplaceAll(err.Error(), ":1:", ": character "))
		}
		*field.value = strings.Join(strings.Fields(text), " ")
		if *field.value == "" {
			return fmt.Errorf("--%s is empty: write some words", field.name)
		}
	}
	return nil
}
