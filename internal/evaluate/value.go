package evaluate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// object builds an ast.Object field by field. Rules see values built this way
// because going through JSON costs a third more.
type object [][2]*ast.Term

func (o *object) set(key string, value *ast.Term) {
	*o = append(*o, [2]*ast.Term{ast.InternedTerm(key), value})
}

func (o *object) text(key, value string)       { o.set(key, text(value)) }
func (o *object) texts(key string, v []string) { o.set(key, texts(v)) }
func (o *object) flag(key string, value bool)  { o.set(key, ast.InternedTerm(value)) }
func (o *object) number(key string, value int64) {
	o.set(key, number(value))
}

// amount is a sum of money.
func (o *object) amount(key string, value float64) {
	o.set(key, ast.NumberTerm(json.Number(strconv.FormatFloat(hundredthsOfCents(value), 'f', -1, 64))))
}

// hundredthsOfCents rounds a sum of money to what rules see of it.
func hundredthsOfCents(value float64) float64 { return math.Round(value*1e4) / 1e4 }

// moment is left out where the time is not known.
func (o *object) moment(key string, t time.Time) {
	if !t.IsZero() {
		o.number(key, t.UnixNano())
	}
}

func (o object) term() *ast.Term { return ast.ObjectTerm(o...) }

func text(value string) *ast.Term { return ast.StringTerm(value) }

func number(value int64) *ast.Term {
	return ast.NumberTerm(json.Number(strconv.FormatInt(value, 10)))
}

var noTexts = ast.ArrayTerm()

func texts(values []string) *ast.Term {
	if len(values) == 0 {
		return noTexts
	}
	return list(values, text)
}

func list[T any](values []T, term func(T) *ast.Term) *ast.Term {
	terms := make([]*ast.Term, len(values))
	for i, v := range values {
		terms[i] = term(v)
	}
	return ast.ArrayTerm(terms...)
}

func textMap(values map[string]string) *ast.Term {
	var o object
	for k, v := range values {
		o.text(k, v)
	}
	return o.term()
}

// generic converts what is small, or converted once, by way of its JSON.
func generic(value any) (*ast.Term, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("building the input of rules: %w", err)
	}
	v, err := ast.ValueFromReader(bytes.NewReader(encoded))
	if err != nil {
		return nil, fmt.Errorf("building the input of rules: %w", err)
	}
	return ast.NewTerm(v), nil
}
