package access

import (
	"slices"
	"strings"
)

// EqualPolicy reports whether two policies mean the same however AWS rewrote
// them: lists of one as single values, an account's id as the ARN of its root,
// other white space, and another order of whatever is a set: actions,
// principals, resources, the values of a condition, members of objects,
// statements. Principal "*" is the same as {"AWS":"*"}, as IAM documents and
// Analyze takes it; a document without Version has version 2008-10-17. A Sid
// and an Id count, as AWS keeps them. "" is no policy. A text that is not one
// JSON document is equal only to itself.
func EqualPolicy(a, b string) bool {
	if a == b {
		return true
	}
	left, errLeft := parseJSON(a)
	right, errRight := parseJSON(b)
	if errLeft != nil || errRight != nil {
		return false
	}
	n := normalizer{partitions: map[string]bool{}}
	n.observe(left)
	n.observe(right)
	return n.policy(left).render("") == n.policy(right).render("")
}

// normalizer brings policies into one form. The id of an account stands for its
// root in any partition, so only where all ARNs are of one partition are ids
// and ARNs the same.
type normalizer struct {
	partitions map[string]bool
}

// observe notes the partitions of the ARNs of roots.
func (n *normalizer) observe(v node) {
	if root, ok := rootOf(v.text); ok {
		n.partitions[root.partition] = true
	}
	for _, item := range v.items {
		n.observe(item)
	}
}

func rootOf(text string) (arn, bool) {
	a, ok := parseARN(text)
	return a, ok && a.service == "iam" && a.region == "" && a.resource == "root" && isAccount(a.account)
}

func (n *normalizer) policy(v node) node {
	if v.kind != '{' {
		return sortedMembers(v)
	}
	if v.member("Version") < 0 {
		v = v.with("Version", textNode("2008-10-17"))
	}
	at := v.member("Statement")
	if at < 0 {
		return sortedMembers(v)
	}
	list := node{kind: '['}
	for _, s := range v.items[at].entries() {
		list.items = append(list.items, n.statement(s))
	}
	sortRendered(list.items)
	return sortedMembers(v.with("Statement", list))
}

func (n *normalizer) statement(v node) node {
	if v.kind != '{' {
		return v
	}
	result := node{kind: '{'}
	for _, item := range v.items {
		if value, there := n.element(item); there {
			result.items = append(result.items, named(item.name, value))
		}
	}
	return sortedMembers(result)
}

// element leaves out an empty Sid and a condition without tests: they are as
// good as none.
func (n *normalizer) element(v node) (value node, there bool) {
	switch v.name {
	case "Sid":
		return v, v.kind != '"' || v.text != ""
	case "Principal", "NotPrincipal":
		return n.principals(v), true
	case "Action", "NotAction":
		return set(v, strings.ToLower), true
	case "Resource", "NotResource":
		return set(v, unchanged), true
	case "Condition":
		tests, valid := conditionTests(v)
		return tests, !valid || len(tests.items) > 0
	default:
		return v, true
	}
}

func (n *normalizer) principals(v node) node {
	if v.kind != '{' {
		list, err := v.texts()
		if err != nil || slices.ContainsFunc(list, func(text string) bool { return text != "*" }) {
			return sortedMembers(v)
		}
		v = object(named("AWS", v))
	}
	result := node{kind: '{'}
	for _, item := range v.items {
		fold := unchanged
		if item.name == "AWS" {
			fold = n.account
		}
		result.items = append(result.items, named(item.name, set(item, fold)))
	}
	return sortedMembers(result)
}

func (n *normalizer) account(text string) string {
	if root, ok := rootOf(text); ok && len(n.partitions) == 1 {
		return root.account
	}
	return text
}

// conditionTests is the list of what must hold. Operators and keys may be
// spelled in any case. What is no condition stays as it is, in an object.
func conditionTests(v node) (list node, valid bool) {
	list = node{kind: '['}
	for _, keys := range v.items {
		if keys.kind != '{' {
			return object(sortedMembers(v)), false
		}
		for _, values := range keys.items {
			test := node{kind: '[', items: []node{
				textNode(strings.ToLower(keys.name)), textNode(strings.ToLower(values.name)), set(values, unchanged),
			}}
			list.items = append(list.items, test)
		}
	}
	if v.kind != '{' {
		return object(sortedMembers(v)), false
	}
	sortRendered(list.items)
	return list, true
}

func unchanged(text string) string { return text }

// set is a value or a list of them, of which neither order nor number counts.
func set(v node, fold func(string) string) node {
	list, err := v.texts()
	if err != nil {
		return sortedMembers(v)
	}
	folded := make([]string, len(list))
	for i, text := range list {
		folded[i] = fold(text)
	}
	slices.Sort(folded)
	return texts(slices.Compact(folded))
}

// sortedMembers sorts the members of all objects in the value.
func sortedMembers(v node) node {
	v.items = slices.Clone(v.items)
	for i := range v.items {
		v.items[i] = sortedMembers(v.items[i])
	}
	if v.kind == '{' {
		slices.SortFunc(v.items, func(a, b node) int { return strings.Compare(a.name, b.name) })
	}
	return v
}

func sortRendered(list []node) {
	slices.SortFunc(list, func(a, b node) int { return strings.Compare(a.render(""), b.render("")) })
}
