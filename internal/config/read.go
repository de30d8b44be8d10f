package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const (
	// maxNodes bounds what a file can make of itself with aliases.
	maxNodes = 1 << 20
	// maxMerges bounds how deep merge keys (<<) can nest.
	maxMerges = 32
)

// reader walks the nodes of a file and collects its mistakes. Its methods take
// the dotted place of a value ("lifecycle.max_days") and its node, and return
// false after they have recorded why the value cannot be used. Scalars are
// read as the text that was written, never as numbers, so that the account id
// 012345678901 keeps its zero.
type reader struct {
	path   string
	errs   []*Error
	nodes  int
	merges int
	spent  bool // maxNodes is reached: nothing more is read or reported
	uses   []ruleUse
	key    *yaml.Node // of the section's entry that is being read
}

// fail records a mistake at the beginning of a node.
func (r *reader) fail(at string, n *yaml.Node, format string, args ...any) {
	r.failAfter(at, n, 0, format, args...)
}

// failAfter records a mistake some columns after where the node begins.
func (r *reader) failAfter(at string, n *yaml.Node, columns int, format string, args ...any) {
	if r.spent {
		return
	}
	message := fmt.Sprintf(format, args...)
	if at != "" {
		message = at + ": " + message
	}
	r.errs = append(r.errs, &Error{Path: r.path, Line: n.Line, Column: n.Column + columns, Message: message})
}

// resolve follows aliases.
func (r *reader) resolve(n *yaml.Node) *yaml.Node {
	if r.nodes++; r.nodes > maxNodes && !r.spent {
		r.fail("", n, "aliases make this file larger than %d values: write them out", maxNodes)
		r.spent = true
	}
	if r.spent {
		return &yaml.Node{Kind: yaml.MappingNode}
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// place is where a node begins.
func (r *reader) place(n *yaml.Node) Place { return Place{Path: r.path, Line: n.Line} }

// describe says what a node is to somebody who should have written something else.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case isNull(n):
		return "nothing"
	}
	return quote(n.Value)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	at    *yaml.Node // the key's node
	value *yaml.Node
}

// mapping returns the entries of a mapping, those of merge keys after its own.
func (r *reader) mapping(at string, n *yaml.Node, want string) ([]entry, bool) {
	n = r.resolve(n)
	if n.Kind != yaml.MappingNode {
		r.fail(at, n, "found %s: write %s", describe(n), want)
		return nil, false
	}
	var own, merged []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := r.resolve(n.Content[i])
		e := entry{key: key.Value, at: n.Content[i], value: n.Content[i+1]}
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, r.merge(at, e.value)...)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			r.fail(at, e.at, "found %s as a key: keys are text", describe(key))
			continue
		}
		if line, twice := lines[e.key]; twice {
			r.fail(at, e.at, "duplicate key %s: first on line %d, remove one of the two", quote(e.key), line)
			continue
		}
		lines[e.key] = e.at.Line
		own = append(own, e)
	}
	return withoutOverridden(own, merged), true
}

// withoutOverridden returns the entries, the first of each key.
func withoutOverridden(own, merged []entry) []entry {
	if len(merged) == 0 {
		return own
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Concat(own, merged), func(e entry) bool {
		again := seen[e.key]
		seen[e.key] = true
		return again
	})
}

// merge returns the entries that a merge key adds: those of a mapping, or of a
// list of mappings of which the first wins.
func (r *reader) merge(at string, n *yaml.Node) []entry {
	const want = "a mapping, or a list of them, after <<"
	if r.merges++; r.merges > maxMerges {
		r.merges--
		r.fail(at, n, "merge keys (<<) nest more than %d deep: write the keys out", maxMerges)
		return nil
	}
	defer func() { r.merges-- }()
	resolved := r.resolve(n)
	if resolved.Kind != yaml.SequenceNode {
		entries, _ := r.mapping(at, n, want)
		return entries
	}
	var all []entry
	for _, item := range resolved.Content {
		entries, _ := r.mapping(at, item, want)
		all = append(all, entries...)
	}
	return all
}

// field is a key that a section of the file can have.
type field struct {
	key  string
	read func(at string, n *yaml.Node)
}

// section reads a mapping that has only the keys of fields. It may be left
// empty.
func (r *reader) section(at string, n *yaml.Node, fields []field, hint func(key string) string) {
	if isNull(r.resolve(n)) {
		return
	}
	entries, _ := r.mapping(at, n, "keys below it, such as "+fields[0].key+":")
	for _, e := range entries {
		if i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key }); i >= 0 {
			r.key = e.at
			fields[i].read(below(at, e.key), e.value)
			continue
		}
		r.fail(at, e.at, "unknown key %s: %s", quote(e.key), unknownKey(e.key, fields, hint))
	}
}

func unknownKey(key string, fields []field, hint func(key string) string) string {
	if hint != nil {
		if text := hint(key); text != "" {
			return text
		}
	}
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	return suggest(key, known)
}

// below is the place of a key's value. Keys are the file's own text.
func below(at, key string) string {
	if strings.ContainsFunc(key, func(c rune) bool { return c == ' ' || !unicode.IsPrint(c) }) {
		key = quote(key)
	}
	if at == "" {
		return key
	}
	return at + "." + key
}

// text reads a scalar as it was written.
func (r *reader) text(at string, n *yaml.Node) (string, bool) {
	n = r.resolve(n)
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.fail(at, n, "found %s: write one value, or remove the key", describe(n))
		return "", false
	}
	if tag := n.ShortTag(); !strings.HasPrefix(tag, "!!") || tag == "!!binary" {
		r.fail(at, n, "tag %s is not supported: remove it", quote(tag))
		return "", false
	}
	return n.Value, true
}

// list reads a list, each entry with read, and no entry twice.
func (r *reader) list(at string, n *yaml.Node, read func(*reader, string, *yaml.Node) (string, bool)) ([]string, bool) {
	n = r.resolve(n)
	if n.Kind != yaml.SequenceNode {
		r.fail(at, n, "found %s: write a list in [], or [] for none", describe(n))
		return nil, false
	}
	good := true
	values := make([]string, 0, len(n.Content))
	lines := map[string]int{}
	for i, item := range n.Content {
		value, ok := read(r, fmt.Sprintf("%s[%d]", at, i), item)
		if !ok {
			good = false
			continue
		}
		if line, twice := lines[value]; twice {
			r.fail(at, item, "%s stands in the list twice: first on line %d, remove one of the two", quote(value), line)
			good = false
			continue
		}
		lines[value] = item.Line
		values = append(values, value)
	}
	return values, good
}

// oneOf returns what reads one of some words.
func oneOf(what string, words []string) func(*reader, string, *yaml.Node) (string, bool) {
	return func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		if !ok {
			return "", false
		}
		if !slices.Contains(words, text) {
			r.fail(at, r.resolve(n), "unknown %s %s: %s", what, quote(text), suggest(text, words))
			return "", false
		}
		return text, true
	}
}
