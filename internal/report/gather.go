package report

import (
	"cmp"
	"fmt"
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
// one account that the rule cannot judge for the same reason. It holds those
// that may still be joined by the next.
type gathering struct {
	failing, undecided images
	echoes             echoes
}

// single is the entry of a finding that is not joined with others.
func single(f *finding.Finding) entry {
	return entry{first: f, findings: 1, what: imageName(f)}
}

// add hands the entries that f ends to emit, in the order of their findings.
func (g *gathering) add(f *finding.Finding, emit func(entry)) {
	if g.failing.elsewhere(f) || g.undecided.elsewhere(f) {
		g.flushImages(emit)
	}
	if g.echoes.elsewhere(f) {
		g.flushEchoes(emit)
	}
	switch {
	case f.Digest != "" && f.Status == finding.Unknown:
		g.undecided.add(f)
	case f.Digest != "":
		g.failing.add(f)
	case f.Status == finding.Unknown && f.Repository != "":
		if g.echoes.differ(f) {
			g.flushEchoes(emit)
		}
		g.echoes.add(f)
	default:
		emit(single(f))
	}
}

// flush hands over what is held.
func (g *gathering) flush(emit func(entry)) {
	g.flushImages(emit)
	g.flushEchoes(emit)
}

func (g *gathering) flushImages(emit func(entry)) {
	for _, i := range []*images{&g.failing, &g.undecided} {
		switch {
		case i.findings == 0:
			continue
		case i.findings == 1:
			emit(single(&i.first))
		default:
			emit(entry{first: &i.first, findings: i.findings, what: i.String()})
		}
		i.findings = 0
	}
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
	return i.findings > 0 && (i.first.Repository != f.Repository || i.first.Region != f.Region || i.first.Account != f.Account)
}

func (i *images) add(f *finding.Finding) {
	if i.findings == 0 {
		*i = images{first: *f, examples: i.examples[:0]}
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

// echoes is unknown findings on repositories of one account that say the
// same, as all of them do where the account denies a permission.
type echoes struct {
	few   []finding.Finding // the first ones
	count int
}

func (e *echoes) elsewhere(f *finding.Finding) bool {
	return e.count > 0 && e.few[0].Account != f.Account
}

func (e *echoes) differ(f *finding.Finding) bool {
	return e.count > 0 && e.few[0].Message != f.Message
}

func (e *echoes) add(f *finding.Finding) {
	e.count++
	if len(e.few) < maxExamples {
		e.few = append(e.few, *f)
	}
}
