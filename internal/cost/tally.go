package cost

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// By is what costs are summed up by: one of [Groupings], or [ByTag] of a key.
type By string

// The groupings. Of age and tag class each image has its own; the others are
// those of its repository.
const (
	ByRepository By = "repository"
	ByAccount    By = "account"
	ByRegion     By = "region"
	ByAge        By = "age"       // days since the push
	ByTagClass   By = "tag-class" // release, other tags, untagged, child of an index, artifact
)

const tagPrefix = "tag:"

// ByTag sums up by the value of a resource tag of the repositories.
func ByTag(key string) By { return tagPrefix + By(key) }

// Groupings are the names of all groupings but those by tag.
func Groupings() []string {
	return []string{string(ByRepository), string(ByAccount), string(ByRegion), string(ByAge), string(ByTagClass)}
}

// TagKey returns the key of a grouping by tag.
func (b By) TagKey() (key string, ok bool) { return strings.CutPrefix(string(b), tagPrefix) }

// Needs are the documents that a tally is made of, without what the
// configuration may need to tell which settings hold.
func (b By) Needs() []snapshot.Need {
	needs := []snapshot.Need{snapshot.NeedImages, snapshot.NeedImageGraph, snapshot.NeedLifecycle}
	if _, byTag := b.TagKey(); byTag {
		needs = append(needs, snapshot.NeedTags)
	}
	return needs
}

// The names, in parentheses as no tag's value can be, of what has no name.
const (
	noneName    = "(none)"    // the repositories do not carry the tag
	unknownName = "(unknown)" // it could not be read
)

// Key identifies a row. Account and Region are there only for a repository.
type Key struct{ Account, Region, Name string }

func (k Key) String() string {
	if k.Account == "" {
		return k.Name
	}
	return k.Account + "/" + k.Region + "/" + k.Name
}

// Row is the images of a key and what they cost. What could not be read is
// missing in the amounts, and said beside them.
type Row struct {
	Key
	Repositories int // of which something is in this row
	Images       int // manifests, indexes among them
	All          Amount
	// Frees is the part that lifecycle policies would expire now. What they
	// would archive, and the children of an index that they would expire, are
	// not in it.
	Frees Amount
	// Unused is the part of images that were neither pushed nor pulled for the
	// days.
	Unused Amount
	// UnknownFrees and UnknownUnused are the parts of which it cannot be said.
	UnknownFrees, UnknownUnused Amount
	Unread                      int // repositories whose images could not be read
}

func (r *Row) merge(o *Row) {
	r.Repositories += o.Repositories
	r.Images += o.Images
	r.Unread += o.Unread
	r.All.addAll(o.All)
	r.Frees.addAll(o.Frees)
	r.Unused.addAll(o.Unused)
	r.UnknownFrees.addAll(o.UnknownFrees)
	r.UnknownUnused.addAll(o.UnknownUnused)
}

// compareRows puts what costs most first.
func compareRows(a, b *Row) int {
	return cmp.Or(
		cmp.Compare(b.All.Monthly(), a.All.Monthly()), cmp.Compare(b.All.Bytes(), a.All.Bytes()), cmp.Compare(b.Unread, a.Unread),
		strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region), strings.Compare(a.Name, b.Name))
}

// Options say what a tally is about.
type Options struct {
	By By
	At time.Time // the moment that ages count from
	// UnusedDays is after how many days without use an image is unused; 0 leaves
	// it to the settings of each repository.
	UnusedDays int
	Limit      int // rows that are kept; 0 keeps all
}

// Tally sums up what repositories cost. It keeps counters, a row for each key,
// and of repositories only as many rows as are wanted. Its methods may be
// called from many goroutines.
type Tally struct {
	options Options

	mu         sync.Mutex
	rows       map[Key]*Row
	others     Row
	rowsLeft   int // keys in others
	total      Row
	currencies map[string]string // an example of a repository by currency
	unusedDays map[int]bool
}

// NewTally starts a tally.
func NewTally(o Options) *Tally {
	return &Tally{options: o, rows: map[Key]*Row{}, currencies: map[string]string{}, unusedDays: map[int]bool{}}
}

// Add adds a repository, for which the settings hold. The error is that its
// lifecycle policy is not valid; the repository is added nevertheless, and what
// the policy would free is unknown.
func (t *Tally) Add(r *snapshot.Repository, settings *config.Effective) error {
	days := cmp.Or(t.options.UnusedDays, settings.Settings.Ages.UnusedDays)
	rows, problem := t.appraise(r, settings, days)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unusedDays[days] = true
	currency := RatesIn(r.Region, settings.Settings.Prices).Currency
	if example := t.currencies[currency]; example == "" || r.ARN < example {
		t.currencies[currency] = r.ARN
	}
	whole := Row{Repositories: 1}
	for key, row := range rows {
		kept := t.rows[key]
		if kept == nil {
			kept = &Row{Key: key}
			t.rows[key] = kept
		}
		kept.merge(row)
		row.Repositories = 0
		whole.merge(row)
	}
	t.total.merge(&whole)
	if t.options.By == ByRepository && t.options.Limit > 0 && len(t.rows) > 2*t.options.Limit {
		t.cut()
	}
	return problem
}

// appraise sums up one repository.
func (t *Tally) appraise(r *snapshot.Repository, settings *config.Effective, unusedDays int) (map[Key]*Row, error) {
	a, problem := appraise(r, settings, t.options.At, unusedDays)
	rows := map[Key]*Row{}
	for i := range r.Images {
		row := rowOf(rows, t.key(r, a, &r.Images[i]))
		row.Images++
		price, bytes := a.rates.price(&r.Images[i]), billedBytes(&r.Images[i])
		row.All.add(price, bytes)
		count(a.expires[i], &row.Frees, &row.UnknownFrees, price, bytes)
		count(a.unused(&r.Images[i]), &row.Unused, &row.UnknownUnused, price, bytes)
	}
	if len(r.Images) == 0 && !t.byImage() {
		rowOf(rows, t.key(r, a, nil))
	}
	if r.Gap(snapshot.NeedImages) != nil {
		rowOf(rows, t.key(r, a, nil)).Unread = 1
	}
	return rows, problem
}

func rowOf(rows map[Key]*Row, key Key) *Row {
	row := rows[key]
	if row == nil {
		row = &Row{Repositories: 1}
		rows[key] = row
	}
	return row
}

func count(a answer, known, unsure *Amount, price float64, bytes int64) {
	switch a {
	case yes:
		known.add(price, bytes)
	case unknown:
		unsure.add(price, bytes)
	case no:
	}
}

func (t *Tally) byImage() bool { return t.options.By == ByAge || t.options.By == ByTagClass }

// key is the row that an image belongs to; without an image, its repository.
func (t *Tally) key(r *snapshot.Repository, a *appraisal, i *snapshot.Image) Key {
	switch t.options.By {
	case ByAccount:
		return Key{Name: r.Account}
	case ByRegion:
		return Key{Name: r.Region}
	case ByRepository:
		return Key{r.Account, r.Region, r.Name}
	case ByAge, ByTagClass:
		switch {
		case i == nil:
			return Key{Name: unknownName}
		case t.options.By == ByAge:
			return Key{Name: a.ageClass(i)}
		}
		return Key{Name: a.tagClass(i)}
	}
	key, _ := t.options.By.TagKey()
	value, there := r.Tags[key]
	switch {
	case r.Gap(snapshot.NeedTags) != nil:
		value = unknownName
	case !there:
		value = noneName
	}
	return Key{Name: value}
}

// cut keeps the rows that cost most, and sums up the others.
func (t *Tally) cut() []*Row {
	rows := slices.SortedFunc(maps.Values(t.rows), compareRows)
	if t.options.Limit == 0 || len(rows) <= t.options.Limit {
		return rows
	}
	for _, row := range rows[t.options.Limit:] {
		t.others.merge(row)
		t.rowsLeft++
		delete(t.rows, row.Key)
	}
	return rows[:t.options.Limit]
}

// Result is a finished tally.
type Result struct {
	Currency string
	// UnusedDays are the numbers of days that repositories were judged by,
	// ascending.
	UnusedDays []int
	Rows       []*Row // by cost, the highest first
	Others     *Row   // what is in none of the rows; nil when there is nothing
	OtherRows  int    // how many rows Others would be
	Total      Row
}

// Result ends the tally. The error is that not all prices are in one currency.
func (t *Tally) Result() (*Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	currencies := slices.Sorted(maps.Keys(t.currencies))
	if len(currencies) > 1 {
		a, b := currencies[0], currencies[1]
		return nil, fmt.Errorf("prices are in %s (for %s) and in %s (for %s), and cannot be added up: give prices.currency one value, or look at fewer repositories",
			a, t.currencies[a], b, t.currencies[b])
	}
	result := &Result{UnusedDays: slices.Sorted(maps.Keys(t.unusedDays)), Rows: t.cut(), Total: t.total}
	if len(currencies) == 1 {
		result.Currency = currencies[0]
	}
	if t.rowsLeft > 0 {
		result.Others, result.OtherRows = &t.others, t.rowsLeft
	}
	return result, nil
}
