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
	text  string // of a string, number or boolean
	names []string
	items []node
}

const (
	maxDepth     = 20 // a policy needs six
	usualMembers = 5  // of a statement
)

var (
	errSyntax = errors.New("it is not one JSON document")
	errDepth  = fmt.Errorf("it is nested deeper than %d levels", maxDepth)
)

// parseJSON reads exactly one JSON document. A leading byte order mark is
// skipped.
func parseJSON(text string) (node, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if !json.Valid([]byte(text)) {
		return node{}, errSyntax
	}
	r := jsonReader{rest: text}
	return r.value(0)
}

// jsonReader walks text that is known to be valid JSON.
type jsonReader struct{ rest string }

func (r *jsonReader) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errDepth
	}
	r.space()
	switch c := r.rest[0]; c {
	case '{', '[':
		return r.composite(c, depth)
	case '"':
		text, err := r.quoted()
		return node{kind: '"', text: text}, err
	case 't', 'f', 'n':
		text := r.word()
		if text == "null" {
			return node{kind: 'n'}, nil
		}
		return node{kind: 't', text: text}, nil
	default:
		return node{kind: '0', text: r.word()}, nil
	}
}

func (r *jsonReader) composite(open byte, depth int) (node, error) {
	n := node{kind: open, items: make([]node, 0, usualMembers)}
	if open == '{' {
		n.names = make([]string, 0, usualMembers)
	}
	r.rest = r.rest[1:]
	for r.space(); r.rest[0] != '}' && r.rest[0] != ']'; r.space() {
		if r.rest[0] == ',' {
			r.rest = r.rest[1:]
			continue
		}
		if open == '{' {
			if err := r.name(&n); err != nil {
				return node{}, err
			}
		}
		item, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	r.rest = r.rest[1:]
	return n, nil
}

func (r *jsonReader) name(n *node) error {
	name, err := r.quoted()
	if err != nil {
		return err
	}
	if slices.Contains(n.names, name) {
		return fmt.Errorf("the member %q stands twice in one object", name)
	}
	if len(n.names) > 1000 {
		return errors.New("an object has more than 1000 members")
	}
	n.names = append(n.names, name)
	r.space()
	r.rest = r.rest[1:] // the colon
	return nil
}

func (r *jsonReader) quoted() (string, error) {
	end := 1
	escaped := false
	for ; r.rest[end] != '"'; end++ {
		if r.rest[end] == '\\' {
			escaped = true
			end++
		}
	}
	raw := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if !escaped {
		return raw[1:end], nil
	}
	var text string
	err := json.Unmarshal([]byte(raw), &text)
	return text, err
}

func (r *jsonReader) word() string {
	end := strings.IndexAny(r.rest, ",]} \t\r\n")
	if end < 0 {
		end = len(r.rest)
	}
	text := r.rest[:end]
	r.rest = r.rest[end:]
	return text
}

func (r *jsonReader) space() {
	for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\t' || r.rest[0] == '\r' || r.rest[0] == '\n') {
		r.rest = r.rest[1:]
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
