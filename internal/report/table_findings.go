package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// sectionKey orders the report: findings of one rule are apart where the
// configuration gives them different severities.
type sectionKey struct {
	severity finding.Severity
	rule     string
}

// section is the findings of one rule at one severity, typeset, but for those
// that may still become one line with the next ones: the image findings of
// one repository, and the repositories of one account that a rule cannot
// judge for the same reason.
type section struct {
	key           sectionKey
	rule          finding.Rule
	fail, unknown int
	text          spilled

	failing, undecided images
	echoes             echoes
}

// add counts the finding and typesets it, now or with those that follow.
func (t *table) add(s *section, f *finding.Finding) {
	of := &s.failing
	if f.Status == finding.Unknown {
		of = &s.undecided
		s.unknown++
	} else {
		s.fail++
	}
	if s.failing.elsewhere(f) || s.undecided.elsewhere(f) {
		t.flushImages(s)
	}
	if s.echoes.elsewhere(f) {
		t.flushEchoes(s)
	}
	switch {
	case t.all:
		t.single(s, f)
	case f.Digest != "":
		of.add(f)
	case f.Status == finding.Unknown && f.Repository != "":
		if s.echoes.differ(f) {
			t.flushEchoes(s)
		}
		s.echoes.add(f)
	default:
		t.single(s, f)
	}
}

func (t *table) flush(s *section) {
	t.flushImages(s)
	t.flushEchoes(s)
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

func (t *table) flushImages(s *section) {
	for _, i := range []*images{&s.failing, &s.undecided} {
		switch {
		case i.findings == 0:
			continue
		case i.findings == 1:
			t.single(s, &i.first)
		default:
			t.entry(s, &i.first, t.place(i.first.Account, i.first.Region, i.first.Repository), i.String())
		}
		i.findings = 0
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

func (t *table) flushEchoes(s *section) {
	e := &s.echoes
	if e.count > len(e.few) {
		f := &e.few[0]
		what := fmt.Sprintf("%s repositories, e.g. %s", number(e.count), Printable(f.Region+"/"+f.Repository))
		t.entry(s, f, t.place(f.Account, "", ""), what)
	} else {
		for i := range e.few {
			t.single(s, &e.few[i])
		}
	}
	e.few, e.count = e.few[:0], 0
}

// single typesets a finding that has its lines to itself.
func (t *table) single(s *section, f *finding.Finding) {
	t.entry(s, f, t.place(f.Account, f.Region, f.Repository), imageName(f))
}

// entry typesets one item of a section: "place: what: message".
func (t *table) entry(s *section, f *finding.Finding, place []span, what string) {
	gutter := span{"  ", plain}
	spans := slices.Concat(place, []span{{": ", dim}})
	if what != "" {
		spans = append(spans, span{what + ": ", plain})
	}
	if f.Status == finding.Unknown {
		gutter = span{"? ", purple}
		spans = append(spans, span{"unknown: ", purple})
	}
	spans = append(spans, span{Printable(f.Message), plain})
	s.text.tail = t.paragraph(s.text.tail, gutter, 6, spans...)
	if f.Remediation != "" && f.Remediation != s.rule.Remediation {
		s.text.tail = t.paragraph(s.text.tail, span{"      Fix: ", dim}, 11, span{Printable(f.Remediation), plain})
	}
}

// place names a repository, or without one a registry or account: first the
// path, which is one word that a search finds.
func (t *table) place(account, region, repository string) []span {
	path := Printable(cmp.Or(account, "organization"))
	if region != "" {
		path += "/" + Printable(region)
	}
	if repository != "" {
		path += "/"
	}
	spans := []span{{path, dim}, {Printable(repository), bold}}
	if name := t.names[account]; name != "" {
		spans = append(spans, span{" (" + name + ")", dim})
	}
	return spans
}

// heading writes the lines above the findings of a section.
func (t *table) heading(s *section) {
	var counts []string
	if s.fail > 0 {
		counts = append(counts, number(s.fail)+" fail")
	}
	if s.unknown > 0 {
		counts = append(counts, number(s.unknown)+" unknown")
	}
	t.write(span{}, 4,
		span{strings.ToUpper(s.key.severity.String()), severityStyle(s.key.severity)},
		span{"  ", plain},
		span{Printable(s.key.rule), bold},
		span{": " + strings.Join(counts, ", "), plain})
	if controls := t.controls(s.rule); len(controls) > 0 {
		t.write(span{}, 0, span{Printable(t.run.Framework + ": " + strings.Join(controls, ", ")), dim})
	}
	if s.rule.Title != "" {
		t.write(span{}, 0, span{Printable(s.rule.Title), plain})
	}
	if s.rule.Remediation != "" {
		t.write(span{"Fix: ", dim}, 5, span{Printable(s.rule.Remediation), plain})
	}
}
