package awssim

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Conditions of statements as IAM evaluates them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html

// holds reports whether all conditions of a statement hold.
func (s *statement) holds(r request) bool {
	for operator, keys := range s.Conditions {
		for key, values := range keys {
			if !r.satisfies(operator, key, values) {
				return false
			}
		}
	}
	return true
}

// conditionOperator is an operator without what may stand around its name.
type conditionOperator struct {
	compare  func(wanted, has string) bool
	negated  bool // it holds where none of the values compares
	ifExists bool // it holds where the key is not there
	// forAll holds where a key of several values is not there, forAny does not, not even negated.
	forAll, forAny bool
}

// parseOperator finds an operator by its name. ok is false for one that IAM does not know.
func parseOperator(name string) (o conditionOperator, ok bool) {
	name, o.ifExists = strings.CutSuffix(name, "IfExists")
	name, o.forAll = strings.CutPrefix(name, "ForAllValues:")
	name, o.forAny = strings.CutPrefix(name, "ForAnyValue:")
	positive := strings.Replace(name, "Not", "", 1)
	o.negated = positive != name
	o.compare = comparisons[positive]
	if o.negated && slices.Contains(neverNegated, positive) {
		return o, false
	}
	return o, o.compare != nil
}

var comparisons = map[string]func(wanted, has string) bool{
	"StringEquals":             func(wanted, has string) bool { return wanted == has },
	"StringEqualsIgnoreCase":   strings.EqualFold,
	"StringLike":               globMatch,
	"ArnEquals":                arnMatch,
	"ArnLike":                  arnMatch,
	"Bool":                     strings.EqualFold,
	"BinaryEquals":             func(wanted, has string) bool { return wanted == has },
	"IpAddress":                inNetwork,
	"NumericEquals":            numeric(func(has, wanted float64) bool { return has == wanted }),
	"NumericLessThan":          numeric(func(has, wanted float64) bool { return has < wanted }),
	"NumericLessThanEquals":    numeric(func(has, wanted float64) bool { return has <= wanted }),
	"NumericGreaterThan":       numeric(func(has, wanted float64) bool { return has > wanted }),
	"NumericGreaterThanEquals": numeric(func(has, wanted float64) bool { return has >= wanted }),
	"DateEquals":               dates(func(has, wanted time.Time) bool { return has.Equal(wanted) }),
	"DateLessThan":             dates(func(has, wanted time.Time) bool { return has.Before(wanted) }),
	"DateLessThanEquals":       dates(func(has, wanted time.Time) bool { return !has.After(wanted) }),
	"DateGreaterThan":          dates(func(has, wanted time.Time) bool { return has.After(wanted) }),
	"DateGreaterThanEquals":    dates(func(has, wanted time.Time) bool { return !has.Before(wanted) }),
}

// neverNegated are the operators of which IAM has no form with Not.
var neverNegated = []string{
	"Bool", "BinaryEquals",
	"NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	"DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
}

// knownOperator reports whether IAM would take a condition with this operator.
func knownOperator(name string) bool {
	_, ok := parseOperator(name)
	return ok || name == "Null"
}

// satisfies evaluates one condition.
func (r request) satisfies(operator, key string, values []string) bool {
	has, there := r.value(key)
	if operator == "Null" {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, "true") != there })
	}
	o, ok := parseOperator(operator)
	if !ok {
		panic("awssim: IAM has no condition operator " + operator)
	}
	if !there {
		return o.ifExists || o.forAll || o.negated && !o.forAny
	}
	return slices.ContainsFunc(values, func(v string) bool { return o.compare(r.expand(v), has) }) != o.negated
}

// arnMatch compares each of the six parts of an ARN for itself.
func arnMatch(pattern, arn string) bool {
	wanted, has := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(wanted) != 6 || len(has) != 6 {
		return pattern == "*"
	}
	for i := range wanted {
		if !globMatch(wanted[i], has[i]) {
			return false
		}
	}
	return true
}

func inNetwork(network, address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	if of, err := netip.ParsePrefix(network); err == nil {
		return of.Contains(a)
	}
	one, err := netip.ParseAddr(network)
	return err == nil && one == a
}

func numeric(compare func(has, wanted float64) bool) func(wanted, has string) bool {
	return func(wanted, has string) bool {
		w, wrong := strconv.ParseFloat(wanted, 64)
		h, err := strconv.ParseFloat(has, 64)
		return wrong == nil && err == nil && compare(h, w)
	}
}

func dates(compare func(has, wanted time.Time) bool) func(wanted, has string) bool {
	return func(wanted, has string) bool {
		w, ok := parseDate(wanted)
		h, there := parseDate(has)
		return ok && there && compare(h, w)
	}
}

// parseDate takes the forms of W3C's ISO 8601 that IAM takes, and seconds since 1970.
func parseDate(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}
