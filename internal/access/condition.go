package access

import (
	"encoding/base64"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// family is how an operator compares.
type family int

const (
	textFamily family = iota
	arnFamily
	boolFamily
	nullFamily
	addressFamily
	dateFamily
	numberFamily
	binaryFamily
)

// relation is what a date or number operator demands.
type relation int

const (
	equal relation = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// quantifier is the set operator in front of an operator.
type quantifier int

const (
	single    quantifier = iota
	anyValue             // ForAnyValue: no value at all fails
	allValues            // ForAllValues: no value at all passes
)

type operator struct {
	family   family
	negated  bool
	like     bool // * and ? are wildcards
	fold     bool // case does not matter
	relation relation
}

var operators = map[string]operator{
	"stringequals":              {},
	"stringnotequals":           {negated: true},
	"stringequalsignorecase":    {fold: true},
	"stringnotequalsignorecase": {fold: true, negated: true},
	"stringlike":                {like: true},
	"stringnotlike":             {like: true, negated: true},
	"arnequals":                 {family: arnFamily, like: true},
	"arnlike":                   {family: arnFamily, like: true},
	"arnnotequals":              {family: arnFamily, like: true, negated: true},
	"arnnotlike":                {family: arnFamily, like: true, negated: true},
	"bool":                      {family: boolFamily},
	"null":                      {family: nullFamily},
	"ipaddress":                 {family: addressFamily},
	"notipaddress":              {family: addressFamily, negated: true},
	"dateequals":                {family: dateFamily},
	"datenotequals":             {family: dateFamily, negated: true},
	"datelessthan":              {family: dateFamily, relation: less},
	"datelessthanequals":        {family: dateFamily, relation: lessOrEqual},
	"dategreaterthan":           {family: dateFamily, relation: greater},
	"dategreaterthanequals":     {family: dateFamily, relation: greaterOrEqual},
	"numericequals":             {family: numberFamily},
	"numericnotequals":          {family: numberFamily, negated: true},
	"numericlessthan":           {family: numberFamily, relation: less},
	"numericlessthanequals":     {family: numberFamily, relation: lessOrEqual},
	"numericgreaterthan":        {family: numberFamily, relation: greater},
	"numericgreaterthanequals":  {family: numberFamily, relation: greaterOrEqual},
	"binaryequals":              {family: binaryFamily},
}

// test is one key of one operator of a Condition: some of the request's values
// of the key compared with all of the policy's.
type test struct {
	operator
	written  string // the operator as the policy writes it
	each     quantifier
	ifExists bool
	key      string // as AWS spells it, in lower case where it is not known
	class    keyClass
	operands []operand
	variable bool   // some operand holds a policy variable
	broken   string // why it cannot be evaluated, "" when it can
}

// operand is one value of the policy.
type operand struct {
	text    string
	parts   []part // of a text or ARN
	pattern glob   // of a text or ARN without variables
	address netip.Prefix
	number  float64 // dates are seconds since 1970
	home    string  // the account that a pattern of ARNs names, "" where it names none
	odd     bool    // an ARN pattern of which AWS does not say what it matches
}

// conditions reads a Condition element.
func (r *reader) conditions(n node) ([]*test, error) {
	if n.kind != '{' {
		return nil, errors.New("it is not an object")
	}
	var tests []*test
	for _, keys := range n.items {
		if keys.kind != '{' {
			return tests, errors.New("an operator holds no object of keys")
		}
		for _, key := range keys.items {
			values, err := key.texts()
			if err != nil {
				return tests, err
			}
			tests = append(tests, r.test(keys.name, key.name, values))
		}
	}
	return tests, nil
}

func (r *reader) test(written, key string, values []string) *test {
	known := keyOf(key)
	t := &test{written: written, key: known.name, class: known.class}
	name := strings.ToLower(written)
	if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		name, t.each = rest, anyValue
	} else if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		name, t.each = rest, allValues
	}
	if rest, ok := strings.CutSuffix(name, "ifexists"); ok && rest != "null" {
		name, t.ifExists = rest, true
	}
	op, ok := operators[name]
	switch {
	case !ok:
		t.broken = "the operator " + written + " is not known"
	case len(values) == 0:
		t.broken = "the list of values of " + key + " is empty"
	}
	t.operator = op
	t.operands = make([]operand, 0, len(values))
	for _, value := range values {
		o, ok := r.operand(op, value)
		if !ok && t.broken == "" {
			t.broken = written + " cannot compare " + key + " with " + strconv.Quote(value)
		}
		if t.class == sourceARNKey {
			o.home = o.pattern.account()
		}
		t.operands = append(t.operands, o)
		t.variable = t.variable || len(o.parts) > 0 && o.pattern == nil
	}
	return t
}

func (r *reader) operand(op operator, value string) (o operand, ok bool) {
	o.text = value
	switch op.family {
	case boolFamily, nullFamily:
		o.text = strings.ToLower(value)
		return o, o.text == "true" || o.text == "false"
	case addressFamily:
		o.address, ok = parsePrefix(value)
		return o, ok
	case dateFamily:
		o.number, ok = parseDate(value)
		return o, ok
	case numberFamily:
		o.number, ok = parseNumber(value)
		return o, ok
	case binaryFamily:
		_, err := base64.StdEncoding.DecodeString(value)
		o.pattern = literal(value)
		return o, err == nil
	}
	o.parts = splitVariables(value, r.variables, op.like)
	if len(o.parts) == 1 && o.parts[0].key == "" {
		o.pattern = o.parts[0].text
	}
	if op.family == arnFamily && !o.pattern.everything() && strings.Count(value, ":") < 5 {
		o.odd = true
	}
	return o, true
}

func parsePrefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func parseDate(text string) (float64, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil && (layout != "2006" || len(text) == 4) {
			return float64(t.Unix()), true
		}
	}
	return parseNumber(text)
}

func parseNumber(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// part is a piece of a text: a pattern, or a policy variable.
type part struct {
	text     glob
	key      string // of a variable, in lower case
	standard *string
}

// splitVariables takes the policy variables out of a value. ${*}, ${?} and
// ${$} stand for the characters themselves.
func splitVariables(value string, variables, like bool) []part {
	pattern := func(text string) glob {
		if like {
			return wildcards(text)
		}
		return literal(text)
	}
	if !variables || !strings.Contains(value, "${") {
		return []part{{text: pattern(value)}}
	}
	var parts []part
	var run glob
	for {
		before, rest, found := strings.Cut(value, "${")
		inside, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			run = append(run, pattern(value)...)
			break
		}
		run = append(run, pattern(before)...)
		value = after
		if inside == "*" || inside == "?" || inside == "$" {
			run = append(run, literal(inside)...)
			continue
		}
		parts = append(parts, part{text: run}, variable(inside))
		run = nil
	}
	if len(run) > 0 || len(parts) == 0 {
		parts = append(parts, part{text: run})
	}
	return parts
}

// variable reads what stands between the braces: a key, perhaps with a default
// in quotes.
func variable(inside string) part {
	key, standard, found := strings.Cut(inside, ",")
	p := part{key: strings.ToLower(strings.TrimSpace(key))}
	if p.key == "" {
		p.key = " " // no key has this name
	}
	if found {
		text := strings.Trim(strings.TrimSpace(standard), "'")
		p.standard = &text
	}
	return p
}

// positive reports whether the test demands that the key has one of the values.
func (t *test) positive() bool { return !t.negated && t.family != nullFamily }

// personal reports whether principals of one account may fare differently.
func (t *test) personal() bool {
	switch t.class {
	case arnKey, typeKey, userIDKey, userNameKey:
		return true
	}
	return t.variable
}

// pinsOthers reports whether the test demands an ARN of some account, and of no
// ARN that the given account has. It spares the search that would find the same.
func (t *test) pinsOthers(account string) bool {
	if !t.positive() || t.family > arnFamily || t.ifExists || t.each == allValues || t.broken != "" {
		return false
	}
	return !slices.ContainsFunc(t.operands, func(o operand) bool { return o.home == "" || o.home == account })
}

// asksCaller reports whether it depends on the caller what a key that is free
// can be.
func (t *test) asksCaller() bool {
	return t.variable || t.class == ownARNKey || t.class == sourceARNKey
}

// holds evaluates the test for the values that a request has of the key, none
// when the key is absent.
func (t *test) holds(values []string, c *caller) truth {
	if t.broken != "" {
		return maybe
	}
	if t.family == nullFamily {
		result := no
		for i := range t.operands {
			result = result.or(truthOf((t.operands[i].text == "true") == (len(values) == 0)))
		}
		return result
	}
	if len(values) == 0 {
		return truthOf(t.ifExists || t.each == allValues || t.each == single && t.negated)
	}
	result := no
	if t.each == allValues {
		result = yes
	}
	for i, value := range values {
		one := t.matches(value, c)
		if t.negated {
			one = one.not()
		}
		switch {
		case t.each == allValues:
			result = result.and(one)
		case t.each == anyValue || i == 0:
			result = result.or(one)
		case one != result:
			result = maybe // several values without a set operator: AWS does not say
		}
	}
	return result
}

func (t *test) matches(value string, c *caller) truth {
	result := no
	for i := range t.operands {
		if result = result.or(t.matchesOne(&t.operands[i], value, c)); result == yes {
			break
		}
	}
	return result
}

func (t *test) matchesOne(o *operand, value string, c *caller) truth {
	switch t.family {
	case boolFamily:
		return truthOf(strings.EqualFold(o.text, value))
	case addressFamily:
		a, err := netip.ParseAddr(value)
		return truthOf(err == nil && o.address.Contains(a))
	case dateFamily, numberFamily:
		f, ok := parseNumber(value)
		return truthOf(ok && t.relation.holds(f, o.number))
	case binaryFamily:
		return truthOf(o.text == value)
	}
	if o.pattern != nil {
		return t.matchesPattern(o, o.pattern, value)
	}
	return t.matchesVariables(o, value, c)
}

func (r relation) holds(value, bound float64) bool {
	switch r {
	case less:
		return value < bound
	case lessOrEqual:
		return value <= bound
	case greater:
		return value > bound
	case greaterOrEqual:
		return value >= bound
	default:
		return value == bound
	}
}

// matchesPattern compares an ARN part by part: a wildcard does not reach over
// a colon, except in the last of the six parts.
func (t *test) matchesPattern(o *operand, pattern glob, value string) truth {
	var matches bool
	if t.family == arnFamily && !pattern.everything() {
		matches = matchesARN(pattern, value)
	} else {
		matches = pattern.match(value, t.fold)
	}
	if !matches && o.odd {
		return oddMatch(pattern, value)
	}
	return truthOf(matches)
}

func matchesARN(pattern glob, value string) bool {
	const colons = 5
	for range colons {
		at := slices.Index(pattern, ':')
		part, rest, found := strings.Cut(value, ":")
		if found != (at >= 0) {
			return false
		}
		if !found {
			break
		}
		if !pattern[:at].match(part, false) {
			return false
		}
		pattern, value = pattern[at+1:], rest
	}
	return pattern.match(value, false)
}

// oddMatch is all that can be said where it is not known what a pattern of
// ARNs matches: nothing of an account that it does not name.
func oddMatch(pattern glob, value string) truth {
	arn, ok := parseARN(value)
	parts := pattern.cut()
	if ok && len(parts) == 6 && parts[4].fixed() && parts[4].String() != arn.account {
		return no
	}
	return maybe
}

// matchesVariables puts the request's own values into the policy's.
func (t *test) matchesVariables(o *operand, value string, c *caller) truth {
	var pattern glob
	for _, p := range o.parts {
		if p.key == "" {
			pattern = append(pattern, p.text...)
			continue
		}
		known, ok := c.read(keyOf(p.key).class)
		if !ok || len(known) != 1 {
			return maybe
		}
		switch {
		case known[0].present:
			pattern = append(pattern, literal(known[0].value)...)
		case p.standard != nil:
			pattern = append(pattern, literal(*p.standard)...)
		case t.negated:
			return maybe // AWS: the statement may be invalid
		default:
			return no
		}
	}
	return t.matchesPattern(o, pattern, value)
}

// words tells the test to a person.
func (t *test) words() string {
	values := make([]string, len(t.operands))
	for i := range t.operands {
		values[i] = t.operands[i].text
	}
	slices.Sort(values)
	verb := map[bool]string{false: " = ", true: " is not "}[t.negated]
	switch {
	case t.family == nullFamily && len(values) == 1:
		return t.key + map[string]string{"true": " is absent", "false": " is present"}[values[0]]
	case t.family == addressFamily:
		verb = map[bool]string{false: " in ", true: " not in "}[t.negated]
	case t.like:
		verb = map[bool]string{false: " like ", true: " not like "}[t.negated]
	case t.relation != equal:
		verb = [...]string{" = ", " < ", " <= ", " > ", " >= "}[t.relation]
	}
	text := t.key + verb + strings.Join(values, ", ")
	if t.broken != "" {
		text = t.written + " " + t.key + " " + strings.Join(values, ", ")
	}
	switch t.each {
	case anyValue:
		text = "any " + text
	case allValues:
		text = "every " + text
	}
	if t.ifExists {
		text += ", or absent"
	}
	return text
}
