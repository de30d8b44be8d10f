package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// entry is one item of a list for people: a finding, or several of one rule
// that say the same of one place.
type entry struct {
	first    *finding.Finding // valid only while the entry is handed over
	findings int
	what     string // which images or repositories, Printable; empty when the place says it all
	account  bool   // whether the place is the account, because several repositories share the entry
}

// place names where the entry is, as foreign text.
func (e entry) place() string {
	place := cmp.Or(e.first.Account, "organization")
	if e.account {
		return place
	}
	for _, part := range []string{e.first.Region, e.first.Repository} {
		if part != "" {
			place += "/" + part
		}
	}
	return place
}

// gathering makes entries of the findings of one rule at one severity: the
// image findings of one repository become one, and so do the repositories of
// one account of which the rule says the same without a verdict of its own: it
// cannot judge them for the same reason, or they are waived together. Findings
// of different statuses, waivers and changes stay apart. It holds those that
// may still be joined by the next.
type gathering struct {
	images []images // of one repository, the first used of them
	used   int
	echoes echoes
}

// kin is what findings have in common that may become one entry.
type kin struct {
	status finding.Status
	change finding.Change
	waiver finding.Waiver
}

func kinOf(f *finding.Finding) kin {
	k := kin{status: f.Status, change: f.Change}
	if f.Waiver != nil {
		k.waiver = *f.Waiver
	}
	return k
}

// compare orders what weighs most first: by status, then by change.
func (k kin) compare(other kin) int {
	return cmp.Or(
		cmp.Compare(rank(finding.Statuses(), k.status), rank(finding.Statuses(), other.status)),
		cmp.Compare(rank(changeOrder, k.change), rank(changeOrder, other.change)))
}

// changeOrder is the changes, the one that matters most first.
var changeOrder = []finding.Change{finding.New, finding.Worsened, finding.Known}

// rank is the place of a value in an order, behind all where it has none.
func rank[T comparable](order []T, value T) int {
	if at := slices.Index(order, value); at >= 0 {
		return at
	}
	return len(order)
}

// single is the entry of a finding that is not joined with others.
func single(f *finding.Finding) entry {
	return entry{first: f, findings: 1, what: imageName(f)}
}

// add hands the entries that f ends to emit, in the order of their findings.
func (g *gathering) add(f *finding.Finding, emit func(entry)) {
	if g.used > 0 && g.images[0].elsewhere(f) {
		g.flushImages(emit)
	}
	if g.echoes.elsewhere(f) {
		g.flushEchoes(emit)
	}
	switch {
	case f.Digest != "":
		g.imagesOf(kinOf(f)).add(f)
	case f.Status != finding.Fail && f.Repository != "":
		if g.echoes.differ(f) {
			g.flushEchoes(emit)
		}
		g.echoes.add(f)
	default:
		emit(single(f))
	}
}

// imagesOf are the images to which those of a kin belong.
func (g *gathering) imagesOf(k kin) *images {
	for i := range g.images[:g.used] {
		if g.images[i].kin == k {
			return &g.images[i]
		}
	}
	if g.used == len(g.images) {
		g.images = append(g.images, images{})
	}
	i := &g.images[g.used]
	*i = images{kin: k, examples: i.examples[:0]}
	g.used++
	return i
}

// flush hands over what is held.
func (g *gathering) flush(emit func(entry)) {
	g.flushImages(emit)
	g.flushEchoes(emit)
}

func (g *gathering) flushImages(emit func(entry)) {
	slices.SortStableFunc(g.images[:g.used], func(a, b images) int { return a.kin.compare(b.kin) })
	for i := range g.images[:g.used] {
		i := &g.images[i]
		if i.findings == 1 {
			emit(single(&i.first))
		} else {
			emit(entry{first: &i.first, findings: i.findings, what: i.String()})
		}
	}
	g.used = 0
}

func (g *gathering) flushEchoes(emit func(entry)) {
	e := &g.echoes
	if e.count > len(e.few) {
		f := &e.few[0]
		what := fmt.Sprintf("%s repositories, e.g. %s", number(e.count), Printable(f.Region+"/"+f.Repository))
		emit(entry{first: f, findings: e.count, what: what, account: true})
	} else {
		for i := range e.few {
			emit(single(&e.few[i]))
		}
	}
	e.few, e.count = e.few[:0], 0
}

// images is the image findings of one repository that become one line.
type images struct {
	kin      kin
	first    finding.Finding
	findings int
	images   int // distinct digests
	digest   string
	differ   bool // whether messages differ
	examples []string
}

// maxExamples is how many of the things that share a line it names.
const maxExamples = 3

func (i *images) elsewhere(f *finding.Finding) bool {
	return i.first.Repository != f.Repository || i.first.Region != f.Region || i.first.Account != f.Account
}

func (i *images) add(f *finding.Finding) {
	if i.findings == 0 {
		i.first = *f
		i.first.Fix = nil
	}
	i.findings++
	i.differ = i.differ || f.Message != i.first.Message
	if f.Digest == i.digest {
		return
	}
	i.digest = f.Digest
	i.images++
	if len(i.examples) < maxExamples {
		i.examples = append(i.examples, imageName(f))
	}
}

// String names the images: all of them if they are few, with an example
// where each has a message of its own.
func (i *images) String() string {
	name := count(i.images, "image", "images")
	if i.findings > i.images {
		name = number(i.findings) + " times in " + name
	}
	if i.differ {
		return name + ", e.g. " + i.examples[0]
	}
	name += " (" + strings.Join(i.examples, ", ")
	if more := i.images - len(i.examples); more > 0 {
		name += fmt.Sprintf(" and %s more", number(more))
	}
	return name + ")"
}

// imageName names an image as short as it can be told apart: by its tag, if
// the rule named one, and the first twelve digits of its digest.
func imageName(f *finding.Finding) string {
	if f.Digest == "" {
		return Printable(f.Tag)
	}
	const shown = len("sha256:") + 12
	digest := Printable(f.Digest)
	if len(digest) > shown {
		digest = digest[:shown] + "…"
	}
	if f.Tag == "" {
		return digest
	}
	return Printable(f.Tag) + "@" + digest
}

// echoes is findings without a verdict on repositories of one account that say
// the same, as all of them do where the account denies a permission.
type echoes struct {
	few   []finding.Finding // the first ones
	count int
}

func (e *echoes) elsewhere(f *finding.Finding) bool {
	return e.count > 0 && e.few[0].Account != f.Account
}

func (e *echoes) differ(f *finding.Finding) bool {
	return e.count > 0 && (e.few[0].Message != f.Message || kinOf(&e.few[0]) != kinOf(f))
}

func (e *echoes) add(f *finding.Finding) {
	e.count++
	if len(e.few) < maxExamples {
		e.few = append(e.few, *f)
	}
}
