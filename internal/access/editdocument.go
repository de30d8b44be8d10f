package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// draft is a policy that is being changed, statement by statement. Drafts share
// what they have in common, so nothing in them is changed in place.
type draft struct {
	root    node // the policy, with the statements that it had at first
	clauses []clause
}

// clause is a statement as it is written. It keeps the name that it has in the
// document as it was, wherever it stands by now.
type clause struct {
	id     string // Sid, or "#2" for the second statement
	origin string // the id of the statement that it was a part of; its own for one that was there at first
	node   node
}

// emptyRoot is the policy of a repository that has none.
const emptyRoot = `{"Version":"2012-10-17","Statement":[]}`

func readDraft(text string) (draft, error) {
	if !utf8.ValidString(text) {
		return draft{}, fmt.Errorf("it is not in UTF-8")
	}
	root, err := parseJSON(text)
	if err != nil {
		return draft{}, err
	}
	d := draft{root: root}
	at := root.member("Statement")
	if at < 0 {
		return draft{}, fmt.Errorf("it has no Statement")
	}
	for i, n := range root.items[at].entries() {
		id := n.textOf("Sid")
		if id == "" {
			id = fmt.Sprintf("#%d", i+1)
		}
		if d.find(id) >= 0 {
			return draft{}, fmt.Errorf("two of its statements are named %s", id)
		}
		d.clauses = append(d.clauses, clause{id, id, n})
	}
	return d, nil
}

func (d draft) find(id string) int {
	return slices.IndexFunc(d.clauses, func(c clause) bool { return c.id == id })
}

// replaced has other statements in place of one.
func (d draft) replaced(id string, by ...clause) draft {
	at := d.find(id)
	d.clauses = slices.Concat(d.clauses[:at], by, d.clauses[at+1:])
	return d
}

// appended has one statement more, at the end.
func (d draft) appended(c clause) draft {
	d.clauses = append(slices.Clip(d.clauses), c)
	return d
}

// tree puts the statements in their place. A single statement without a list
// around it stays so.
func (d draft) tree() node {
	was := d.root.items[d.root.member("Statement")]
	if was.kind == '{' && len(d.clauses) == 1 {
		return d.root.with("Statement", d.clauses[0].node)
	}
	list := node{kind: '['}
	for _, c := range d.clauses {
		list.items = append(list.items, c.node)
	}
	return d.root.with("Statement", list)
}

// mostCharacters is what ECR accepts as the text of a policy.
const mostCharacters = 10240

// text is indented where there is room for it.
func (d draft) text() string {
	if len(d.clauses) == 0 {
		return ""
	}
	tree := d.tree()
	if text := tree.render("  "); len(text) <= mostCharacters {
		return text
	}
	return tree.render("")
}

// textOf is the text of a member, "" where there is none.
func (n node) textOf(name string) string {
	at := n.member(name)
	if at < 0 {
		return ""
	}
	return n.items[at].text
}

// entries are the values of a list, or the one that stands without a list.
func (n node) entries() []node {
	if n.kind == '[' {
		return n.items
	}
	return []node{n}
}

// with has the value as its member of that name, in the place of the one before.
func (n node) with(name string, value node) node {
	value.name = name
	n.items = slices.Clone(n.items)
	if at := n.member(name); at >= 0 {
		n.items[at] = value
	} else {
		n.items = append(n.items, value)
	}
	return n
}

// filtered has the entries that are kept, one that stands alone as it is. It is
// not there where none are.
func (n node) filtered(keep func(i int) bool) (result node, there bool) {
	list := node{kind: n.kind, name: n.name}
	for i, item := range n.entries() {
		if keep(i) {
			list.items = append(list.items, item)
		}
	}
	if n.kind != '[' && len(list.items) == 1 {
		return n, true
	}
	return list, len(list.items) > 0
}

func texts(list []string) node {
	n := node{kind: '['}
	for _, text := range list {
		n.items = append(n.items, node{kind: '"', text: text})
	}
	return n
}

func object(members ...node) node { return node{kind: '{', items: members} }

func named(name string, value node) node {
	value.name = name
	return value
}

func textNode(text string) node { return node{kind: '"', text: text} }

// render writes the value as JSON, on one line where there is no indent.
func (n node) render(indent string) string {
	var b strings.Builder
	n.write(&b, "\n", indent)
	return b.String()
}

// write begins its lines with the one given.
func (n node) write(b *strings.Builder, line, indent string) {
	switch n.kind {
	case '"':
		b.WriteString(quote(n.text))
	case '[':
		n.writeItems(b, "[]", line, indent)
	case '{':
		n.writeItems(b, "{}", line, indent)
	case 'n':
		b.WriteString("null")
	default:
		b.WriteString(n.text)
	}
}

func (n node) writeItems(b *strings.Builder, brackets, line, indent string) {
	b.WriteByte(brackets[0])
	inner, colon := line+indent, ": "
	if indent == "" {
		inner, line, colon = "", "", ":"
	}
	for i, item := range n.items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(inner)
		if n.kind == '{' {
			b.WriteString(quote(item.name) + colon)
		}
		item.write(b, inner, indent)
	}
	if len(n.items) > 0 {
		b.WriteString(line)
	}
	b.WriteByte(brackets[1])
}

// quote writes < > and & as they are: people read policies.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return `""` // a text can always be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
