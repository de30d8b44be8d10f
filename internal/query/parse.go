package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/ecraudit/ecraudit/internal/config"
)

// Error says where a query cannot be understood, why, and what to write.
type Error struct {
	Query   string
	Offset  int // in bytes, where the problem begins
	Problem string
}

// Error is the problem with the query below it, and a mark below its place.
func (e *Error) Error() string {
	line, column := e.excerpt()
	return fmt.Sprintf("at character %d: %s\n  %s\n  %s^", 1+utf8.RuneCountInString(e.Query[:e.Offset]), e.Problem, line, strings.Repeat(" ", column))
}

// excerpt is the query around the problem, on one line, and how many cells of
// a terminal are before the problem.
func (e *Error) excerpt() (line string, column int) {
	const around = 60 // characters before and after
	before, after := onOneLine(e.Query[:e.Offset]), onOneLine(e.Query[e.Offset:])
	if len(before) > around {
		before = append([]rune("…"), before[len(before)-around:]...)
	}
	if len(after) > around {
		after = append(after[:around:around], '…')
	}
	return string(before) + string(after), runewidth.StringWidth(string(before))
}

// onOneLine is text in which a mark stands for each character that has no
// shape of its own.
func onOneLine(text string) []rune {
	characters := []rune(text)
	for i, r := range characters {
		if !unicode.IsPrint(r) || unicode.Is(unicode.M, r) {
			characters[i] = '·'
		}
	}
	return characters
}

// maxDepth is how many parentheses and negations may stand within each other.
const maxDepth = 100

// Parse reads a query. Its error is an *Error.
func Parse(text string) (*Query, error) {
	p := &parser{text: text}
	root, err := p.query()
	if err != nil {
		return nil, err
	}
	return &Query{root}, nil
}

// parser reads a query from left to right.
type parser struct {
	text  string
	at    int
	depth int
}

func (p *parser) wrong(at int, problem string, args ...any) error {
	return &Error{p.text, at, fmt.Sprintf(problem, args...)}
}

func (p *parser) query() (node, error) {
	for i, r := range p.text {
		if r == utf8.RuneError && !strings.HasPrefix(p.text[i:], "\ufffd") {
			return nil, p.wrong(i, "the query is not valid UTF-8")
		}
	}
	if p.skipSpace(); p.at == len(p.text) {
		return nil, p.wrong(p.at, "the query is empty; write a condition such as severity>=high")
	}
	root, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	switch {
	case p.at == len(p.text):
		return root, nil
	case p.text[p.at] == ')':
		return nil, p.wrong(p.at, "there is no parenthesis that this one closes")
	case strings.HasPrefix(p.text[p.at:], "&"):
		return nil, p.wrong(p.at, "conditions are joined by the word and")
	case strings.HasPrefix(p.text[p.at:], "|"):
		return nil, p.wrong(p.at, "conditions are joined by the word or")
	}
	return nil, p.wrong(p.at, "after a condition comes and, or, or the end; put a value that has spaces in quotes")
}

// alternatives is terms joined by or.
func (p *parser) alternatives() (node, error) {
	return p.joined("or", true, func() (node, error) { return p.joined("and", false, p.term) })
}

func (p *parser) joined(word string, either bool, next func() (node, error)) (node, error) {
	var terms []node
	for {
		term, err := next()
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
		if !p.keyword(word) {
			return joined(either, terms), nil
		}
	}
}

// term is a condition, a negation, or a query in parentheses.
func (p *parser) term() (node, error) {
	p.skipSpace()
	begin := p.at
	if p.depth++; p.depth > maxDepth {
		return nil, p.wrong(begin, "more than %d parentheses and negations within each other", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.keyword("not") {
		term, err := p.term()
		if err != nil {
			return nil, err
		}
		return &negation{term}, nil
	}
	if !p.character('(') {
		return p.condition()
	}
	inner, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.text) && !strings.HasPrefix(p.text[p.at:], ")") {
		return nil, p.wrong(p.at, "after a condition comes and, or, or a closing parenthesis; put a value that has spaces in quotes")
	}
	if !p.character(')') {
		return nil, p.wrong(begin, "this parenthesis is not closed")
	}
	return inner, nil
}

func (p *parser) condition() (node, error) {
	f, err := p.field()
	if err != nil {
		return nil, err
	}
	at := p.at
	c := &condition{field: f, operator: p.operator()}
	switch {
	case c.operator == noOperator:
		return nil, p.wrong(at, "after the field %s comes an operator: %s", f.name, operatorHelp)
	case c.operator != equal && c.operator != different && f.kind != severityField:
		return nil, p.wrong(at, "only severities have an order: compare %s by = or !=", f.name)
	}
	first := p.at
	for {
		value, err := p.value(f)
		if err != nil {
			return nil, err
		}
		c.values = append(c.values, value)
		if !p.character(',') {
			break
		}
	}
	if c.operator != equal && c.operator != different && (len(c.values) > 1 || !slices.ContainsFunc(f.words, func(word string) bool { return strings.EqualFold(c.values[0].plain(), word) })) {
		return nil, p.wrong(first, "after %s comes one severity: %s", c.operator, strings.Join(f.words, ", "))
	}
	if f.kind == severityField {
		c.decide()
	}
	return c, nil
}

func (p *parser) field() (*field, error) {
	begin := p.at
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if endsWord(r) || isOperator(r) {
			break
		}
		p.at += size
	}
	name := p.text[begin:p.at]
	p.skipSpace()
	switch f := fieldNamed(name); {
	case f != nil:
		return f, nil
	case name == "" && strings.HasPrefix(p.text[begin:], "!"):
		return nil, p.wrong(begin, "a negation is written not, as in not rule=scan-*")
	case name == "" || isKeyword(name):
		return nil, p.wrong(begin, "a condition is missing, such as severity>=high")
	default:
		hint := "use one of " + strings.Join(FieldNames(), ", ")
		if nearest, ok := config.Nearest(name, FieldNames()); ok {
			hint = fmt.Sprintf("did you mean %s?", nearest)
		}
		return nil, p.wrong(begin, "there is no field %q; %s", name, hint)
	}
}

func (p *parser) operator() operator {
	for _, o := range []operator{different, atLeast, atMost, equal, above, below} {
		if strings.HasPrefix(p.text[p.at:], string(o)) {
			p.at += len(o)
			p.skipSpace()
			return o
		}
	}
	return noOperator
}

// value reads a pattern, with or without quotes. One that the field can never
// be is an error.
func (p *parser) value(f *field) (pattern, error) {
	p.skipSpace()
	begin := p.at
	value, err := p.pattern()
	if err != nil {
		return pattern{}, err
	}
	text := p.text[begin:p.at]
	if text == "" || isKeyword(text) {
		return pattern{}, p.wrong(begin, `a value for %s is missing; write "%s" in quotes if it is meant`, f.name, text)
	}
	if r, _ := utf8.DecodeRuneInString(text); isOperator(r) {
		return pattern{}, p.wrong(begin, "the operators are %s; put a value that begins with %c in quotes", operatorHelp, r)
	}
	p.skipSpace()
	if f.words == nil || slices.ContainsFunc(f.words, value.match) {
		return value, nil
	}
	hint := "use one of " + strings.Join(quotedIfEmpty(f.words), ", ")
	if nearest, ok := config.Nearest(value.plain(), f.words); ok && nearest != "" {
		hint += fmt.Sprintf("; did you mean %s?", nearest)
	}
	return pattern{}, p.wrong(begin, "no %s is %s; %s", f.name, text, hint)
}

func quotedIfEmpty(words []string) []string {
	words = slices.Clone(words)
	for i, word := range words {
		if word == "" {
			words[i] = `""`
		}
	}
	return words
}

// pattern reads the characters of a value and stops behind them.
func (p *parser) pattern() (pattern, error) {
	begin, quote := p.at, rune(0)
	var value pattern
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		switch {
		case quote == 0 && p.at == begin && (r == '"' || r == '\''):
			quote = r
			p.at += size
			continue
		case r == quote:
			p.at += size
			return value, p.checkWordEnds(r)
		case quote == 0 && endsWord(r):
			return value, p.checkQuote(r)
		}
		p.at += size
		switch r {
		case '*':
			value.addWildcard(anyText)
		case '?':
			value.addWildcard(anyCharacter)
		case '\\':
			if p.at == len(p.text) {
				return pattern{}, p.wrong(p.at-1, `after a backslash comes the character that is meant as it is; write \\ for a backslash`)
			}
			r, size = utf8.DecodeRuneInString(p.text[p.at:])
			p.at += size
			value.add(r)
		default:
			value.add(r)
		}
	}
	if quote != 0 {
		return pattern{}, p.wrong(begin, "this quote is not closed")
	}
	return value, nil
}

// checkQuote refuses a quote within a value.
func (p *parser) checkQuote(r rune) error {
	if r != '"' && r != '\'' {
		return nil
	}
	return p.wrong(p.at, `quotes stand around a whole value; write \%c for the character`, r)
}

// checkWordEnds refuses text right behind a closing quote.
func (p *parser) checkWordEnds(quote rune) error {
	if r, _ := utf8.DecodeRuneInString(p.text[p.at:]); p.at < len(p.text) && !endsWord(r) || p.at < len(p.text) && (r == '"' || r == '\'') {
		return p.wrong(p.at, `the value ends with its quote; write \%c for the character`, quote)
	}
	return nil
}

func (p *parser) skipSpace() {
	p.at = len(p.text) - len(strings.TrimLeftFunc(p.text[p.at:], unicode.IsSpace))
}

// character reads one character and the space behind it, if it is there.
func (p *parser) character(c byte) bool {
	if p.at == len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	p.skipSpace()
	return true
}

// keyword reads a word of the language and the space behind it, if it is there.
func (p *parser) keyword(word string) bool {
	end := p.at + len(word)
	if end > len(p.text) || !strings.EqualFold(p.text[p.at:end], word) {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(p.text[end:]); end < len(p.text) && !endsWord(r) {
		return false
	}
	p.at = end
	p.skipSpace()
	return true
}
