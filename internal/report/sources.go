package report

import (
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// origin is where a run took rules or settings from, in words for people. What it
// says is text of the user's and of whoever made the source.
type origin struct {
	what      string // Rules or Settings
	reference string
	kind      string // with how many rules came from there
	digest    string
	signature string
}

// originsOf are where rules come from that are not part of ecraudit, and settings
// that come from bundles and artifacts. Those of plain files are the user's own.
func originsOf(run *Run) (all []origin) {
	for _, s := range run.RuleSources {
		o := newOrigin("Rules", s.Source)
		o.kind += ", " + count(len(s.Rules), "rule", "rules")
		if replacing := run.replacing(s.Reference); len(replacing) > 0 {
			o.kind += ", in the place of the default " + strings.Join(replacing, ", ")
		}
		all = append(all, o)
	}
	for _, s := range run.ConfigSources {
		if s.Kind == finding.FromBundle || s.Kind == finding.FromArtifact {
			all = append(all, newOrigin("Settings", s))
		}
	}
	return all
}

func newOrigin(what string, s finding.Source) origin {
	o := origin{what: what, reference: s.Reference, kind: string(s.Kind), digest: s.Digest, signature: "unsigned"}
	switch s.Signature {
	case finding.Verified:
		o.signature = "signature verified by " + s.Key
	case finding.NotVerified:
		o.signature = "signature not verified"
	case finding.Unsigned:
	}
	return o
}

// replacing are the active rules of a source that stand in the place of default
// rules.
func (r *Run) replacing(reference string) (ids []string) {
	for _, rule := range r.Rules {
		if rule.Replaces && rule.Source == reference {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

// words say all of it on a line.
func (o origin) words() string {
	return o.what + " of " + o.reference + " (" + o.kind + "): " + o.digest + ", " + o.signature
}

// origins says where rules and settings come from.
func (t *table) origins() {
	all := originsOf(&t.run)
	if len(all) == 0 {
		return
	}
	t.out.text("\n")
	t.write(span{}, 0, span{"SOURCES", bold})
	for _, o := range all {
		t.write(span{"  ", plain}, 6, span{Printable(o.words()), plain})
	}
}

// origins are a list that is folded in.
func (h *markdownHandler) origins() string {
	all := originsOf(&h.run)
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n<details>\n<summary>Where rules and settings come from</summary>\n\n")
	for _, o := range all {
		b.WriteString("- " + o.what + " of " + markdownCode(o.reference) + " (" + markdownText(o.kind) + "): " + markdownCode(o.digest) + ", " + markdownText(o.signature) + "\n")
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// htmlOrigin is an origin as the page shows it.
type htmlOrigin struct{ What, Reference, Kind, Digest, Signature string }

func htmlOrigins(run *Run) (all []htmlOrigin) {
	for _, o := range originsOf(run) {
		all = append(all, htmlOrigin{o.what, o.reference, o.kind, o.digest, o.signature})
	}
	return all
}
