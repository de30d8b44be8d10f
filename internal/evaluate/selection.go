package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Selection names the images that an image rule is about. A rule is not shown
// the others: most images are no releases, and what no rule looks at costs
// nothing.
type Selection string

// The selections of images.
const (
	AllImages Selection = "all"
	Tagged    Selection = "tagged"   // with a tag of its own
	Releases  Selection = "releases" // with a release tag of its own
	Indexes   Selection = "indexes"
	Scanned   Selection = "scanned" // of whose vulnerabilities something was asked
)

// Selections returns all selections.
func Selections() []Selection { return []Selection{AllImages, Tagged, Releases, Indexes, Scanned} }

// builtImage is an image as rules see it, with what selections ask.
type builtImage struct {
	term                            *ast.Term
	tagged, release, index, scanned bool
}

func (s Selection) selects(i *builtImage) bool {
	switch s {
	case Tagged:
		return i.tagged
	case Releases:
		return i.release
	case Indexes:
		return i.index
	case Scanned:
		return i.scanned
	}
	return true
}

// of returns the terms of the selected images.
func (s Selection) of(images []builtImage) []*ast.Term {
	terms := make([]*ast.Term, 0, len(images))
	for i := range images {
		if s.selects(&images[i]) {
			terms = append(terms, images[i].term)
		}
	}
	return terms
}

func (m *metadata) selection(scope finding.Scope) Selection {
	name := m.text("images", false)
	if name == "" {
		return AllImages
	}
	names := make([]string, 0, len(Selections()))
	for _, s := range Selections() {
		names = append(names, string(s))
	}
	m.require(scope == finding.ScopeImage, "custom.images is only for rules of scope image")
	m.require(slices.Contains(names, name), fmt.Sprintf("custom.images %q is not known%s; use one of %s", name, didYouMean(name, names), strings.Join(names, ", ")))
	return Selection(name)
}
