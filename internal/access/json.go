package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// node is one JSON value. encoding/json is not used to build it because it
// silently keeps the last of two equal member names, and in a policy that
// would mean to analyze another document than the one that is there.
type node struct {
	kind  byte   // '"', '0' for a number, 't' for true and false, 'n' for null, '[' or '{'
	name  string // of a member of an object
	text  string // of a string, number or boolean
	items []node
}

// member returns the place of a member in its object, -1 where there is none.
func (n node) member(name string) int {
	return slices.IndexFunc(n.items, func(item node) bool { return item.name == name })
}

const maxDepth = 20 // a policy needs six

var (
	errSyntax = errors.New("it is not one JSON document")
	errDepth  = fmt.Errorf("it is nested deeper than %d levels", maxDepth)
)

// parseJSON reads exactly one JSON document. A leading byte order mark is
// skipped.
func parseJSON(text string) (node, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	most := 1 + strings.Count(text, ",") + strings.Count(text, "{") + strings.Count(text, "[")
	r := jsonReader{rest: text, nodes: make([]node, 0, most), open: make([]node, 0, usuallyOpen)}
	root, err := r.value(0)
	if err == nil && r.next() != nothing {
		err = errSyntax
	}
	return root, err
}

// jsonReader reads values one after the other. What belongs to a list or object
// is put aside until it ends, and then stored together.
type jsonReader struct {
	rest  string
	open  []node
	nodes []node
}

const usuallyOpen = 32 // nodes at once

// nothing is what next returns at the end.
const nothing = 0

// next returns the first character of what follows, after any space.
func (r *jsonReader) next() byte {
	for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\t' || r.rest[0] == '\r' || r.rest[0] == '\n') {
		r.rest = r.rest[1:]
	}
	if r.rest == "" {
		return nothing
	}
	return r.rest[0]
}

// take skips the character if it is what follows.
func (r *jsonReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *jsonReader) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errDepth
	}
	switch r.next() {
	case '{':
		return r.composite('{', '}', depth)
	case '[':
		return r.composite('[', ']', depth)
	case '"':
		text, err := r.quoted()
		return node{kind: '"', text: text}, err
	default:
		return r.word()
	}
}

func (r *jsonReader) composite(kind, last byte, depth int) (node, error) {
	first := len(r.open)
	r.take(kind)
	for more := !r.take(last); more; more = !r.take(last) {
		if len(r.open) > first && !r.take(',') {
			return node{}, errSyntax
		}
		name := ""
		if kind == '{' {
			var err error
			if name, err = r.name(first); err != nil {
				return node{}, err
			}
		}
		item, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		item.name = name
		r.open = append(r.open, item)
	}
	stored := len(r.nodes)
	r.nodes = append(r.nodes, r.open[first:]...)
	r.open = r.open[:first]
	return node{kind: kind, items: r.nodes[stored:len(r.nodes):len(r.nodes)]}, nil
}

// name reads the name of a member; those of its object begin at first.
func (r *jsonReader) name(first int) (string, error) {
	if r.next() != '"' {
		return "", errSyntax
	}
	name, err := r.quoted()
	if err != nil {
		return "", err
	}
	members := node{items: r.open[first:]}
	switch {
	case members.member(name) >= 0:
		return "", fmt.Errorf("the member %q stands twice in one object", name)
	case len(members.items) > 1000:
		return "", errors.New("an object has more than 1000 members")
	case !r.take(':'):
		return "", errSyntax
	}
	return name, nil
}

func (r *jsonReader) quoted() (string, error) {
	escaped := false
	for end := 1; end < len(r.rest); end++ {
		switch c := r.rest[end]; {
		case c < ' ':
			return "", errSyntax
		case c == '\\':
			escaped = true
			end++
		case c == '"':
			raw := r.rest[:end+1]
			r.rest = r.rest[end+1:]
			if !escaped {
				return raw[1:end], nil
			}
			var text string
			if json.Unmarshal([]byte(raw), &text) != nil {
				return "", errSyntax
			}
			return text, nil
		}
	}
	return "", errSyntax
}

// word reads a number, true, false or null.
func (r *jsonReader) word() (node, error) {
	end := strings.IndexAny(r.rest, ",]} \t\r\n")
	if end < 0 {
		end = len(r.rest)
	}
	text := r.rest[:end]
	r.rest = r.rest[end:]
	switch {
	case text == "null":
		return node{kind: 'n'}, nil
	case text == "true" || text == "false":
		return node{kind: 't', text: text}, nil
	case json.Valid([]byte(text)):
		return node{kind: '0', text: text}, nil
	default:
		return node{}, errSyntax
	}
}

// texts returns the strings, numbers and booleans of a scalar or of a list of
// them; AWS accepts one value wherever it accepts a list.
func (n node) texts() ([]string, error) {
	switch n.kind {
	case '"', '0', 't':
		return []string{n.text}, nil
	case '[':
		list := make([]string, 0, len(n.items))
		for _, item := range n.items {
			if item.kind != '"' && item.kind != '0' && item.kind != 't' {
				return nil, errors.New("a list holds something that is not a plain value")
			}
			list = append(list, item.text)
		}
		return list, nil
	default:
		return nil, errors.New("a plain value or a list of them is expected")
	}
}
