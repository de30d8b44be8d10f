package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Resource is what a scope can match on. Repository is empty for a registry
// itself, and everything is empty for the organization. [Accounts] makes
// resources of what was collected.
type Resource struct {
	Account    string
	Region     string
	Repository string
	Tags       map[string]string // the repository's resource tags
	Encryption string            // the repository's: AES256, KMS or KMS_DSSE; empty when unknown
	CreatedAt  time.Time         // when the repository was; zero when unknown
	Owner      *Owner            // what is known of the account beside its id; nil when nothing is
	// Unknown says why what a criterion asks about is not known.
	Unknown map[Criterion]string
}

// Owner is what is known of an account beside its id.
type Owner struct {
	Name string
	// Units are the ids of the root and of the organizational units in which the
	// account is, the root first.
	Units []string
	// UnitPaths are the paths of those units by their names, without the root:
	// "Workloads", "Workloads/Production".
	UnitPaths []string
	Tags      map[string]string
	// Unknown says why what a criterion asks about is not known. UnitPathsUnknown
	// says it of the names of units alone.
	Unknown          map[Criterion]string
	UnitPathsUnknown string
}

// Match says for which resources a scope holds: those for which every
// criterion holds that is given. A criterion of globs holds if one of them
// matches the whole value; * stands for any characters, / among them, and ? for
// one. No glob matches a value that the resource does not have, so that a
// criterion on repositories never holds for a registry itself.
type Match struct {
	Accounts     []string
	AccountNames []string
	// Units are ids of roots and organizational units, or globs over the paths of
	// their names. Each stands for the unit and everything below it.
	Units        []string
	AccountTags  map[string][]string // globs of values by tag key
	Regions      []string
	Repositories []string
	Tags         map[string][]string // globs of values by tag key
	Encryption   []string            // AES256, KMS, KMS_DSSE
	// CreatedAfter is the first moment that counts, CreatedBefore the first that
	// does not any more. Zero is no limit.
	CreatedAfter, CreatedBefore time.Time
}

// Criterion is what a match can ask, as it is called in the file.
type Criterion string

// The criteria, in the order of the file.
const (
	ByAccount     Criterion = "accounts"
	ByAccountName Criterion = "account_names"
	ByUnit        Criterion = "ous"
	ByAccountTag  Criterion = "account_tags"
	ByRegion      Criterion = "regions"
	ByRepository  Criterion = "repositories"
	ByTag         Criterion = "tags"
	ByEncryption  Criterion = "encryption"
	ByAge         Criterion = "created" // created_after and created_before
)

// Criteria returns all criteria.
func Criteria() []Criterion {
	return []Criterion{ByAccount, ByAccountName, ByUnit, ByAccountTag, ByRegion, ByRepository, ByTag, ByEncryption, ByAge}
}

// ofRepository reports whether a criterion is about repositories, so that it
// never holds for a registry itself.
func (c Criterion) ofRepository() bool {
	return slices.Contains([]Criterion{ByRepository, ByTag, ByEncryption, ByAge}, c)
}

// verdict is whether something holds, which need not be known.
type verdict int8

const (
	no verdict = iota
	unsure
	yes
)

func verdictOf(holds bool) verdict {
	if holds {
		return yes
	}
	return no
}

// ask is one criterion of a match, compiled. It is data and a switch rather than
// a function of the resource, which would then have to be allocated.
type ask struct {
	criterion Criterion
	matches   func(string) bool // of the criterion's text, or of the paths of units
	unitIDs   []string
	unitNames bool // some unit is given by its name
	tags      []tagAsk
	match     *Match
}

// tagAsk is a tag that there must be.
type tagAsk struct {
	key     string
	matches func(string) bool
}

// of judges a criterion for a resource.
func (a *ask) of(r *Resource) verdict {
	if _, unknown := r.unknown(a.criterion); unknown {
		return unsure
	}
	switch a.criterion {
	case ByUnit:
		return a.inUnit(r.owner())
	case ByAccountTag:
		return verdictOf(a.tagged(r.owner().Tags))
	case ByTag:
		return verdictOf(a.tagged(r.Tags))
	case ByAge:
		return verdictOf(r.Repository != "" && a.match.within(r.CreatedAt))
	}
	value := r.text(a.criterion)
	return verdictOf(value != "" && a.matches(value))
}

// text is what a criterion of globs asks about.
func (r *Resource) text(c Criterion) string {
	switch c {
	case ByAccount:
		return r.Account
	case ByAccountName:
		return r.owner().Name
	case ByRegion:
		return r.Region
	case ByRepository:
		return r.Repository
	case ByEncryption:
		return r.Encryption
	}
	return ""
}

func (a *ask) tagged(has map[string]string) bool {
	for i := range a.tags {
		value, tagged := has[a.tags[i].key]
		if !tagged || !a.tags[i].matches(value) {
			return false
		}
	}
	return true
}

func (a *ask) inUnit(o *Owner) verdict {
	for _, id := range o.Units {
		if slices.Contains(a.unitIDs, id) {
			return yes
		}
	}
	if slices.ContainsFunc(o.UnitPaths, a.matches) {
		return yes
	}
	if a.unitNames && o.UnitPathsUnknown != "" {
		return unsure
	}
	return no
}

func (m *Match) within(at time.Time) bool {
	return !at.Before(m.CreatedAfter) && (m.CreatedBefore.IsZero() || at.Before(m.CreatedBefore))
}

// unknown reports whether and why it is not known what a criterion asks about.
func (r *Resource) unknown(c Criterion) (why string, unknown bool) {
	if len(r.Unknown) > 0 {
		if why, unknown := r.Unknown[c]; unknown {
			return why, true
		}
	}
	switch c {
	case ByAccountName, ByUnit, ByAccountTag:
		if r.Account == "" && r.Unknown[ByAccount] == "" {
			return "", false // it is the organization's own
		}
		if r.Owner == nil {
			return "nothing is known of the account", true
		}
		if len(r.Owner.Unknown) > 0 {
			why, unknown = r.Owner.Unknown[c]
		}
		return why, unknown
	case ByEncryption:
		return "it was not read", r.Repository != "" && r.Encryption == ""
	case ByAge:
		return "it was not read", r.Repository != "" && r.CreatedAt.IsZero()
	}
	return "", false
}

// asks compiles the criteria that are given: what costs least and excludes most
// comes first.
func (m *Match) asks() (asks []ask) {
	for _, c := range []Criterion{ByAccount, ByRegion, ByRepository, ByEncryption, ByAge, ByAccountName, ByUnit, ByAccountTag, ByTag} {
		if m.given(c) {
			asks = append(asks, m.ask(c))
		}
	}
	return asks
}

// given reports whether the match has a criterion.
func (m *Match) given(c Criterion) bool {
	switch c {
	case ByAccountTag:
		return len(m.AccountTags) > 0
	case ByTag:
		return len(m.Tags) > 0
	case ByAge:
		return !m.CreatedAfter.IsZero() || !m.CreatedBefore.IsZero()
	}
	return len(m.globs(c)) > 0
}

// globs are those of a criterion that has some.
func (m *Match) globs(c Criterion) []string {
	switch c {
	case ByAccount:
		return m.Accounts
	case ByAccountName:
		return m.AccountNames
	case ByUnit:
		return m.Units
	case ByRegion:
		return m.Regions
	case ByRepository:
		return m.Repositories
	case ByEncryption:
		return m.Encryption
	}
	return nil
}

// tagGlobs are those of a criterion on tags.
func (m *Match) tagGlobs(c Criterion) map[string][]string {
	switch c {
	case ByAccountTag:
		return m.AccountTags
	case ByTag:
		return m.Tags
	}
	return nil
}

func (m *Match) ask(c Criterion) ask {
	a := ask{criterion: c, match: m}
	var globs []string
	for _, glob := range m.globs(c) {
		if c == ByUnit && unitID.MatchString(glob) {
			a.unitIDs = append(a.unitIDs, glob)
		} else {
			globs = append(globs, glob)
		}
	}
	a.matches, a.unitNames = anyGlob(globs), len(globs) > 0
	tags := m.tagGlobs(c)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		a.tags = append(a.tags, tagAsk{key, anyGlob(tags[key])})
	}
	return a
}

func (m *Match) empty() bool { return len(m.asks()) == 0 }

var nobody = &Owner{}

func (r *Resource) owner() *Owner {
	if r.Owner == nil {
		return nobody
	}
	return r.Owner
}

// unitID is the id of a root or an organizational unit.
var unitID = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$`)

// IsUnitID reports whether a text is the id of a root or an organizational unit.
func IsUnitID(text string) bool { return unitID.MatchString(text) }

// MayBeUnit reports whether an organizational unit can have this id, or this path of
// its name.
func MayBeUnit(text string) bool { return matchesUnit(text) && !strings.ContainsAny(text, "*?") }

// namesUnits reports whether some unit is given by its name.
func (m *Match) namesUnits() bool {
	return slices.ContainsFunc(m.Units, func(unit string) bool { return !unitID.MatchString(unit) })
}

// anyGlob compiles globs to the test whether one of them matches.
func anyGlob(globs []string) func(string) bool {
	tests := make([]func(string) bool, len(globs))
	for i, glob := range globs {
		tests[i] = compileGlob(glob)
	}
	if len(tests) == 1 {
		return tests[0]
	}
	return func(text string) bool {
		for _, matches := range tests {
			if matches(text) {
				return true
			}
		}
		return false
	}
}

// compileGlob has a shortcut for the globs that people write most.
func compileGlob(glob string) func(string) bool {
	head, wild := strings.CutSuffix(glob, "*")
	tail, open := strings.CutPrefix(glob, "*")
	switch {
	case !strings.ContainsAny(glob, "*?"):
		return func(text string) bool { return text == glob }
	case wild && !strings.ContainsAny(head, "*?"):
		return func(text string) bool { return strings.HasPrefix(text, head) }
	case open && !strings.ContainsAny(tail, "*?"):
		return func(text string) bool { return strings.HasSuffix(text, tail) }
	}
	return func(text string) bool { return matchGlob(glob, text) }
}

// Glob returns the test for names that a glob of repositories matches: * stands
// for any characters, / among them, and ? for one. The error says why it could
// match none.
func Glob(glob string) (func(name string) bool, error) {
	if !repositoryGlob.MatchString(glob) {
		return nil, fmt.Errorf("%q cannot match a repository name: write small letters, digits, ._-/, * and ?", glob)
	}
	return compileGlob(glob), nil
}

// matchGlob compares bytes: * stands for any number of them, ? for one
// character of UTF-8. It takes at most len(glob) × len(text) steps.
func matchGlob(glob, text string) bool {
	g, t := 0, 0
	star, resume := -1, 0 // the last * seen, and where to take up text after it
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, resume = g, t
			g++
		case g < len(glob) && glob[g] == '?':
			g++
			t += characterLength(text[t:])
		case g < len(glob) && glob[g] == text[t]:
			g++
			t++
		case star >= 0:
			resume += characterLength(text[resume:])
			g, t = star+1, resume
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}

func characterLength(text string) int {
	for i := range text {
		if i > 0 {
			return i
		}
	}
	return len(text)
}

// describe says what a match asks of a criterion, as the file would.
func (m *Match) describe(c Criterion) string {
	switch {
	case m.tagGlobs(c) != nil:
		return describeTags(m.tagGlobs(c))
	case c != ByAge:
		return strings.Join(m.globs(c), ", ")
	}
	var limits []string
	if !m.CreatedAfter.IsZero() {
		limits = append(limits, "not before "+showDate(m.CreatedAfter))
	}
	if !m.CreatedBefore.IsZero() {
		limits = append(limits, "before "+showDate(m.CreatedBefore))
	}
	return strings.Join(limits, " and ")
}

func describeTags(tags map[string][]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, key+"="+strings.Join(tags[key], "|"))
	}
	return strings.Join(all, ", ")
}

// describe says what a criterion asks about is for a resource.
func (r *Resource) describe(c Criterion) string {
	owner := r.owner()
	switch c {
	case ByUnit:
		return cmp.Or(strings.Join(owner.Units, "/")+unitNames(owner.UnitPaths), "none")
	case ByAccountTag:
		return showTags(owner.Tags)
	case ByTag:
		return showTags(r.Tags)
	case ByAge:
		return showDate(r.CreatedAt)
	}
	return cmp.Or(r.text(c), "none")
}

func unitNames(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return " (" + paths[len(paths)-1] + ")"
}

// maxShownTags bounds how many tags are shown in a sentence.
const maxShownTags = 8

func showTags(tags map[string]string) string {
	keys := slices.Sorted(maps.Keys(tags))
	var all []string
	for _, key := range keys[:min(len(keys), maxShownTags)] {
		all = append(all, key+"="+tags[key])
	}
	if len(keys) > maxShownTags {
		all = append(all, "…")
	}
	return cmp.Or(strings.Join(all, ", "), "none")
}

func showDate(at time.Time) string {
	at = at.UTC()
	if at.Equal(at.Truncate(24 * time.Hour)) {
		return at.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339)
}
