package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	money      = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$`)
	size       = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})\s?(B|KiB|MiB|GiB|TiB)?$`)
	regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	// upstreamGlob is what can match the address of a registry.
	upstreamGlob = regexp.MustCompile(`^[a-z0-9.:/*?-]+$`)
)

// sizeUnits are in bytes.
var sizeUnits = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// amount reads an amount of money that is not negative.
func (r *reader) amount(at string, n *yaml.Node) (float64, bool) {
	text, ok := r.text(at, n)
	if !ok {
		return 0, false
	}
	if !money.MatchString(text) {
		r.fail(at, r.resolve(n), "%s is not an amount: write a number such as 0.1 or 25, without currency", quote(text))
		return 0, false
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil
}

// bytes reads a size.
func (r *reader) bytes(at string, n *yaml.Node) (int64, bool) {
	text, ok := r.text(at, n)
	if !ok {
		return 0, false
	}
	m := size.FindStringSubmatch(text)
	if m == nil {
		r.fail(at, r.resolve(n), "%s is not a size: write a whole number of bytes, or one with KiB, MiB or GiB, such as 2GiB", quote(text))
		return 0, false
	}
	value, err := strconv.ParseInt(m[1], 10, 64)
	unit := sizeUnits[m[2]]
	if err != nil || value > (1<<62)/unit {
		r.fail(at, r.resolve(n), "%s is larger than any image: write less", quote(text))
		return 0, false
	}
	return value * unit, true
}

func (r *reader) regionPrices(at string, n *yaml.Node) (map[string]float64, bool) {
	prices := map[string]float64{}
	entries, good := r.mapping(at, n, "regions with amounts, or {} for none")
	for _, e := range entries {
		if !regionName.MatchString(e.key) {
			r.fail(at, e.at, "%s is not a region: write one such as eu-west-1", quote(e.key))
			good = false
			continue
		}
		price, ok := r.amount(below(at, e.key), e.value)
		prices[e.key], good = price, good && ok
	}
	return prices, good
}

func (r *reader) upstreams(at string, n *yaml.Node) ([]string, bool) {
	return r.list(at, n, func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		if ok && (!upstreamGlob.MatchString(text) || strings.Contains(text, "://")) {
			r.fail(at, r.resolve(n), "%s cannot match the address of a registry: write one such as registry-1.docker.io, with * for any part, without https://", quote(text))
			return "", false
		}
		return text, ok
	})
}

func (r *reader) retention(at string, n *yaml.Node) ([]RetentionClass, bool) {
	n = r.resolve(n)
	if n.Kind != yaml.SequenceNode {
		r.fail(at, n, "found %s: write a list of classes, each after a dash, or [] for none", describe(n))
		return nil, false
	}
	mistakes := len(r.errs)
	classes := make([]RetentionClass, len(n.Content))
	lines := map[string]int{}
	for i, item := range n.Content {
		place := fmt.Sprintf("%s[%d]", at, i)
		classes[i] = r.retentionClass(place, item)
		name := classes[i].Name
		if line, twice := lines[name]; twice && name != "" {
			r.fail(place, item, "the name %s is already that of the class on line %d: choose another", quote(name), line)
		}
		lines[name] = item.Line
	}
	return classes, len(r.errs) == mistakes
}

func (r *reader) retentionClass(at string, n *yaml.Node) RetentionClass {
	var class RetentionClass
	mistakes, limited := len(r.errs), false
	keep := func(to *int) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to, _ = r.number(at, n); limited = true }
	}
	r.section(at, n, []field{
		{"name", func(at string, n *yaml.Node) { class.Name, _ = r.text(at, n) }},
		{"tags", func(at string, n *yaml.Node) { class.Tags, _ = r.pattern(at, n) }},
		{"exclude", func(at string, n *yaml.Node) { class.Exclude, _ = r.pattern(at, n) }},
		{"keep_newest", keep(&class.KeepNewest)},
		{"keep_days", keep(&class.KeepDays)},
	}, nil)
	switch n = r.resolve(n); {
	case len(r.errs) > mistakes:
	case class.Name == "":
		r.fail(at, n, "has no name: give it one, such as name: branches")
	case class.Tags == "":
		r.fail(at, n, "has no tags: write the RE2 pattern of its tags, such as '^pr-'")
	case !limited:
		r.fail(at, n, "keeps every tag: say how many with keep_newest, or how long with keep_days")
	}
	return class
}
