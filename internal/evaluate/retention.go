package evaluate

import (
	"fmt"
	"regexp"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/retention"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// retention decides which tags of a repository stay, by digest. It is nil where
// the configuration has no classes.
func (e *Engine) retention(v *view) map[string]*ast.Term {
	r, settings, g := v.repository, v.settings, v.graph
	classes := e.retentionClasses(settings)
	if len(classes) == 0 {
		return nil
	}
	protected := settings.ProtectedTagsRegexp()
	images := make([]retention.Image, len(r.Images))
	for i := range r.Images {
		image := &r.Images[i]
		images[i] = retention.Image{
			Digest: image.Digest, Tags: image.Tags, PushedAt: image.PushedAt,
			InUse:     inUse(image, g, e.options.Clock, settings.Settings.Ages.InUseDays),
			Protected: matchesAny(protected, image.Tags),
		}
		for _, parent := range g.Parents(image) {
			images[i].Protected = images[i].Protected || matchesAny(protected, parent.Tags)
		}
	}
	terms := map[string]*ast.Term{}
	for digest, decisions := range retention.Decide(classes, images, e.options.Clock) {
		terms[digest] = list(decisions, retentionTerm)
	}
	return terms
}

func retentionTerm(d retention.Decision) *ast.Term {
	var o object
	o.text("tag", d.Tag)
	o.text("class", d.Class)
	o.text("group", d.Group)
	o.flag("keep", d.Keep)
	o.number("rank", int64(d.Rank))
	o.text("reason", d.Reason)
	return o.term()
}

// inUse says why an image is in use: it was pulled within the days, with what
// it inherits. Empty, it is not.
func inUse(i *snapshot.Image, g *imagegraph.Graph, now time.Time, days int) string {
	last := g.LastPull(i)
	if last.IsZero() || now.Sub(last) > time.Duration(days)*day {
		return ""
	}
	return fmt.Sprintf("it was pulled on %s", last.Format(time.DateOnly))
}

func (e *Engine) retentionClasses(settings *config.Effective) []retention.Class {
	if known, ok := e.classes.Load(settings); ok {
		return known.([]retention.Class)
	}
	classes := make([]retention.Class, len(settings.Settings.Retention))
	for i, c := range settings.Settings.Retention {
		classes[i] = retention.Class{Name: c.Name, Tags: regexp.MustCompile(c.Tags), KeepNewest: c.KeepNewest, KeepDays: c.KeepDays}
		if c.Exclude != "" {
			classes[i].Exclude = regexp.MustCompile(c.Exclude)
		}
	}
	e.classes.Store(settings, classes)
	return classes
}
