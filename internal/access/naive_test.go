package access_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file is a second evaluator, written to be obvious: it knows nothing of
// sets, only whether one concrete request passes. It shares no code with the
// package.

// request is one call of one principal.
type request struct {
	account string            // "" for a service
	entity  string            // "role/x", "user/bob", "root"
	service string            // host name
	keys    map[string]string // lower case; a key that is not there is absent
}

type naivePolicy struct {
	Version   string
	Statement []naiveStatement
}

type naiveStatement struct {
	Sid, Effect             string
	Principal, NotPrincipal any                   `json:",omitempty"`
	Action, NotAction       []string              `json:",omitempty"`
	Resource, NotResource   []string              `json:",omitempty"` // not evaluated
	Condition               map[string]conditions `json:",omitempty"`
}

type conditions map[string][]string

func (p naivePolicy) text() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (p naivePolicy) allows(r request, action string) bool {
	allowed := false
	for _, s := range p.Statement {
		if !s.names(r) || !s.speaksOf(action) || !s.meets(r, p.Version) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s naiveStatement) speaksOf(action string) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return like(strings.ToLower(p), strings.ToLower(action)) })
	}
	if s.NotAction != nil {
		return !matches(s.NotAction)
	}
	return matches(s.Action)
}

func (s naiveStatement) names(r request) bool {
	if s.NotPrincipal != nil {
		return !named(s.NotPrincipal, r)
	}
	return named(s.Principal, r)
}

func named(principal any, r request) bool {
	if principal == "*" {
		return true
	}
	for kind, list := range principal.(map[string][]string) {
		for _, p := range list {
			switch {
			case kind == "Service" && p == r.service && r.service != "":
				return true
			case kind != "AWS":
			case p == "*":
				return true
			case r.service != "":
			case p == r.account, p == "arn:aws:iam::"+r.account+":root", p == "arn:aws:iam::"+r.account+":"+r.entity:
				return true
			}
		}
	}
	return false
}

func (s naiveStatement) meets(r request, version string) bool {
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if !test(operator, strings.ToLower(key), values, r, version) {
				return false
			}
		}
	}
	return true
}

func test(operator, key string, values []string, r request, version string) bool {
	actual, there := r.keys[key]
	if operator == "Null" {
		return slices.Contains(values, strconv.FormatBool(!there))
	}
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	operator, forAny := strings.CutPrefix(operator, "ForAnyValue:")
	operator, forAll := strings.CutPrefix(operator, "ForAllValues:")
	negated := strings.Contains(operator, "Not")
	if !there {
		return ifExists || forAll || negated && !forAny
	}
	positive := strings.Replace(operator, "Not", "", 1)
	matches := slices.ContainsFunc(values, func(v string) bool { return compare(positive, variables(v, r, version), actual) })
	return matches != negated
}

// variables puts the request's values in. An absent one matches nothing.
func variables(v string, r request, version string) string {
	if version != "2012-10-17" {
		return v
	}
	return regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllStringFunc(v, func(name string) string {
		if value, ok := r.keys[strings.ToLower(name[2:len(name)-1])]; ok {
			return value
		}
		return "\x00"
	})
}

func compare(operator, wanted, actual string) bool {
	switch operator {
	case "StringEquals", "Bool":
		return wanted == actual
	case "StringEqualsIgnoreCase":
		return strings.EqualFold(wanted, actual)
	case "StringLike":
		return like(wanted, actual)
	case "ArnLike", "ArnEquals":
		if wanted == "*" {
			return true
		}
		w, a := strings.SplitN(wanted, ":", 6), strings.SplitN(actual, ":", 6)
		for i := range min(len(w), len(a)) {
			if !like(w[i], a[i]) {
				return false
			}
		}
		return len(w) == len(a)
	case "IpAddress":
		prefix, err := netip.ParsePrefix(wanted)
		return err == nil && prefix.Contains(netip.MustParseAddr(actual))
	case "NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
		"DateEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals":
		a, w := moment(actual), moment(wanted)
		switch {
		case strings.HasSuffix(operator, "LessThan"):
			return a < w
		case strings.HasSuffix(operator, "LessThanEquals"):
			return a <= w
		case strings.HasSuffix(operator, "GreaterThan"):
			return a > w
		case strings.HasSuffix(operator, "GreaterThanEquals"):
			return a >= w
		default:
			return a == w
		}
	default:
		panic("no operator " + operator)
	}
}

// moment reads a number, or a date as seconds since 1970.
func moment(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return int(at.Unix())
		}
	}
	panic("no date " + text)
}

var patterns = map[string]*regexp.Regexp{}

func like(pattern, text string) bool {
	re, ok := patterns[pattern]
	if !ok {
		quoted := regexp.QuoteMeta(pattern)
		quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`)
		re = regexp.MustCompile(`(?s)^` + quoted + `$`)
		patterns[pattern] = re
	}
	return re.MatchString(text)
}
