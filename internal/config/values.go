package config

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
)

var (
	accountID      = regexp.MustCompile(`^[0-9]{12}$`)
	digits         = regexp.MustCompile(`^[0-9]+$`)
	organizationID = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	wholeNumber    = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
	kmsKeyARN      = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`)
	// tagWildcard is what ECR accepts in tagPatternList and in exclusion
	// filters of tag mutability.
	tagWildcard = regexp.MustCompile(`^[0-9A-Za-z._*-]{1,128}$`)
	// tagText is what AWS accepts in keys and values of resource tags.
	tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// account reads an account id.
func (r *reader) account(at string, n *yaml.Node) (string, bool) {
	text, ok := r.text(at, n)
	if ok {
		ok = r.checkAccount(at, r.resolve(n), text)
	}
	return text, ok
}

func (r *reader) checkAccount(at string, n *yaml.Node, text string) bool {
	switch {
	case accountID.MatchString(text):
		return true
	case digits.MatchString(text):
		r.fail(at, n, "account id %s: 12 digits are needed, found %d: look it up again, and keep leading zeros", quote(text), len(text))
	default:
		r.fail(at, n, "%s is not an account id: write its 12 digits", quote(text))
	}
	return false
}

func (r *reader) accounts(at string, n *yaml.Node) ([]string, bool) {
	return r.list(at, n, (*reader).account)
}

// namedAccounts reads account ids with names, or a list of ids.
func (r *reader) namedAccounts(at string, n *yaml.Node) (map[string]string, bool) {
	names := map[string]string{}
	if r.resolve(n).Kind == yaml.SequenceNode {
		ids, ok := r.accounts(at, n)
		for _, id := range ids {
			names[id] = ""
		}
		return names, ok
	}
	entries, good := r.mapping(at, n, "account ids with names, a list of ids, or {} for none")
	for _, e := range entries {
		if !r.checkAccount(at, e.at, e.key) {
			good = false
			continue
		}
		if isNull(r.resolve(e.value)) {
			names[e.key] = ""
			continue
		}
		name, ok := r.text(below(at, e.key), e.value)
		names[e.key], good = name, good && ok
	}
	return names, good
}

func (r *reader) organizationID(at string, n *yaml.Node) (string, bool) {
	text, ok := r.text(at, n)
	if ok && !organizationID.MatchString(text) {
		r.fail(at, r.resolve(n), `%s is not an organization id: it looks like "o-a1b2c3d4e5"; aws organizations describe-organization shows it`, quote(text))
		return "", false
	}
	return text, ok
}

// boolean reads true, false, on or off.
func (r *reader) boolean(at string, n *yaml.Node) (bool, bool) {
	text, ok := r.text(at, n)
	if !ok {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "on":
		return true, true
	case "false", "off":
		return false, true
	}
	r.fail(at, r.resolve(n), "%s is neither true nor false: write one of them", quote(text))
	return false, false
}

// number reads a number that is not negative.
func (r *reader) number(at string, n *yaml.Node) (int, bool) {
	text, ok := r.text(at, n)
	if !ok {
		return 0, false
	}
	if !wholeNumber.MatchString(text) {
		r.fail(at, r.resolve(n), "%s is not a number that can stand here: write a whole number from 0 to 999999999", quote(text))
		return 0, false
	}
	value, err := strconv.Atoi(text)
	return value, err == nil
}

// pattern reads an RE2 pattern.
func (r *reader) pattern(at string, n *yaml.Node) (string, bool) {
	text, ok := r.text(at, n)
	if !ok {
		return "", false
	}
	if _, err := regexp.Compile(text); err != nil {
		r.failPattern(at, r.resolve(n), err)
		return "", false
	}
	return text, true
}

func (r *reader) releaseTags(at string, n *yaml.Node) (string, bool) {
	text, ok := r.pattern(at, n)
	if ok && text == "" {
		r.fail(at, r.resolve(n), `empty, which matches every tag: write '.*' if every tag is a release, or remove the key`)
		return "", false
	}
	return text, ok
}

func (r *reader) failPattern(at string, n *yaml.Node, err error) {
	mistake, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		r.fail(at, n, "not a pattern: %v", err)
		return
	}
	remedy := "mend the pattern, which is written in RE2 syntax"
	if mistake.Code == syntax.ErrInvalidPerlOp || mistake.Code == syntax.ErrInvalidEscape {
		remedy = "RE2 syntax has no lookaround and no backreferences"
	}
	r.failAfter(at, n, columnsTo(n, mistake.Expr), "not a pattern: %s in %s: %s", mistake.Code, quote(mistake.Expr), remedy)
}

// columnsTo returns how far into a scalar a part of it stands, or 0 where
// escapes, line breaks or repetition leave that open.
func columnsTo(n *yaml.Node, part string) int {
	i := strings.Index(n.Value, part)
	switch {
	case i < 0 || strings.Count(n.Value, part) != 1 || strings.ContainsAny(n.Value, "\n'"):
		return 0
	case n.Style == 0:
		return utf8.RuneCountInString(n.Value[:i])
	case n.Style == yaml.SingleQuotedStyle:
		return 1 + utf8.RuneCountInString(n.Value[:i])
	}
	return 0
}

func (r *reader) vulnerabilities(at string, n *yaml.Node) (map[string]int, bool) {
	limits := map[string]int{}
	entries, good := r.mapping(at, n, "severities with numbers, or {} to limit none")
	for _, e := range entries {
		severity, known := oneOf("severity of scan findings", scanSeverities())(r, at, e.at)
		limit, ok := r.number(below(at, e.key), e.value)
		limits[severity], good = limit, good && known && ok
	}
	return limits, good
}

// wildcards reads tag patterns as ECR accepts them.
func (r *reader) wildcards(at string, n *yaml.Node) ([]string, bool) {
	return r.list(at, n, func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		switch {
		case !ok:
			return "", false
		case !tagWildcard.MatchString(text):
			r.fail(at, r.resolve(n), "%s is not an ECR wildcard: write 1 to 128 letters, digits, dots, dashes, underscores and *", quote(text))
		case strings.Count(text, "*") > 4:
			r.fail(at, r.resolve(n), "%s has %d *: ECR allows four", quote(text), strings.Count(text, "*"))
		default:
			return text, true
		}
		return "", false
	})
}

// requiredTags reads tag keys with allowed values, or a list of keys.
func (r *reader) requiredTags(at string, n *yaml.Node) (map[string][]string, bool) {
	tags := map[string][]string{}
	if r.resolve(n).Kind == yaml.SequenceNode {
		keys, ok := r.list(at, n, (*reader).tagKey)
		for _, key := range keys {
			tags[key] = []string{}
		}
		return tags, ok
	}
	entries, good := r.mapping(at, n, "a list of tag keys, tag keys with lists of values, or [] for none")
	for _, e := range entries {
		key, known := r.tagKey(at, e.at)
		values, ok := r.tagValues(below(at, e.key), e.value)
		tags[key], good = values, good && known && ok
	}
	return tags, good
}

func (r *reader) tagKey(at string, n *yaml.Node) (string, bool) {
	text, ok := r.text(at, n)
	if ok && (text == "" || utf8.RuneCountInString(text) > 128 || !tagText.MatchString(text)) {
		r.fail(at, r.resolve(n), "%s cannot be a tag key: write 1 to 128 letters, digits, spaces and _.:/=+-@", quote(text))
		return "", false
	}
	return text, ok
}

func (r *reader) tagValues(at string, n *yaml.Node) ([]string, bool) {
	switch resolved := r.resolve(n); {
	case isNull(resolved):
		return []string{}, true
	case resolved.Kind == yaml.ScalarNode:
		value, ok := r.tagValue(at, n)
		return []string{value}, ok
	}
	return r.list(at, n, (*reader).tagValue)
}

func (r *reader) tagValue(at string, n *yaml.Node) (string, bool) {
	text, ok := r.text(at, n)
	if ok && (utf8.RuneCountInString(text) > 256 || !tagText.MatchString(text)) {
		r.fail(at, r.resolve(n), "%s cannot be a tag value: write up to 256 letters, digits, spaces and _.:/=+-@", quote(text))
		return "", false
	}
	return text, ok
}

func (r *reader) kmsKeys(at string, n *yaml.Node) ([]string, bool) {
	return r.list(at, n, func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		if ok && !kmsKeyARN.MatchString(text) {
			r.fail(at, r.resolve(n), `%s is not the ARN of a KMS key: write "arn:aws:kms:<region>:<account>:key/<id>", not an alias, because ECR reports the key`, quote(text))
			return "", false
		}
		return text, ok
	})
}

// fixes reads allow, deny or a list of actions.
func (r *reader) fixes(at string, n *yaml.Node) ([]string, bool) {
	resolved := r.resolve(n)
	if resolved.Kind != yaml.ScalarNode {
		return r.list(at, n, oneOf("action", fixActions()))
	}
	switch resolved.Value {
	case "allow":
		return fixActions(), true
	case "deny":
		return []string{}, true
	}
	r.fail(at, resolved, "found %s: write allow, deny or a list of actions in []: %s", describe(resolved), strings.Join(fixActions(), ", "))
	return nil, false
}

// moment reads a day or a moment.
func (r *reader) moment(at string, n *yaml.Node) time.Time {
	text, ok := r.text(at, n)
	if !ok {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if when, err := time.Parse(layout, text); err == nil && when.Year() > 0 {
			return when.UTC()
		}
	}
	r.fail(at, r.resolve(n), "%s is not a date: write one such as 2026-01-31, or a moment such as 2026-01-31T12:00:00Z", quote(text))
	return time.Time{}
}

func (r *reader) severity(at string, n *yaml.Node) (finding.Severity, bool) {
	text, ok := oneOf("severity", finding.SeverityNames())(r, at, n)
	if !ok {
		return 0, false
	}
	severity, err := finding.ParseSeverity(text)
	return severity, err == nil
}

// paths reads paths and resolves them against the folder of the file.
func (r *reader) paths(at string, n *yaml.Node, what string) ([]string, bool) {
	return r.list(at, n, func(r *reader, at string, n *yaml.Node) (string, bool) { return r.pathOf(at, n, what) })
}

func (r *reader) pathOf(at string, n *yaml.Node, what string) (string, bool) {
	text, ok := r.text(at, n)
	switch {
	case !ok:
		return "", false
	case text == "":
		r.fail(at, r.resolve(n), "empty: write %s", what)
		return "", false
	}
	return r.resolvePath(at, n, text)
}
