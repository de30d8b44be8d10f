package evaluate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// decision answers a question about tags: yes, no or unknown.
type decision struct{ answer, example, reason string }

func (d decision) term() *ast.Term {
	var o object
	o.text("answer", d.answer)
	o.text("example", d.example)
	o.text("reason", d.reason)
	return o.term()
}

// mutabilityTerm says whether tags can be moved to another image. The few
// settings that there are in an organization are decided once each.
func (e *Engine) mutabilityTerm(m snapshot.Mutability, settings *config.Effective) *ast.Term {
	key := m.Setting + "\x00" + strings.Join(m.Exclusions, "\x00") + "\x00\x00" + settings.Settings.ReleaseTags
	if term, ok := e.mutability.Load(key); ok {
		return term.(*ast.Term)
	}
	var o object
	o.text("setting", m.Setting)
	o.texts("exclusions", m.Exclusions)
	release, all := immutableTags(m, settings)
	o.set("release_tags", release.term())
	o.set("all_tags", all.term())
	term := o.term()
	e.mutability.Store(key, term)
	return term
}

// immutableTags decides for release tags and for all tags.
func immutableTags(m snapshot.Mutability, settings *config.Effective) (release, all decision) {
	all = immutable(m, tagpattern.Wildcard("*"))
	pattern, err := tagpattern.Regexp(settings.Settings.ReleaseTags)
	if err != nil {
		return decision{"unknown", "", err.Error()}, all
	}
	return immutable(m, pattern), all
}

// immutable decides whether every tag of a pattern is immutable. Exclusion
// filters invert the setting for the tags that they match.
func immutable(m snapshot.Mutability, tags tagpattern.Pattern) decision {
	exclusions := make([]tagpattern.Pattern, len(m.Exclusions))
	for i, filter := range m.Exclusions {
		exclusions[i] = tagpattern.Wildcard(filter)
	}
	switch m.Setting {
	case "IMMUTABLE":
		return decision{"yes", "", "tags are immutable"}
	case "MUTABLE":
		return decision{"no", "", "tags are mutable"}
	case "IMMUTABLE_WITH_EXCLUSION":
		for i, filter := range m.Exclusions {
			example, overlap, err := tagpattern.Overlap(tags, exclusions[i])
			if err != nil {
				return decision{"unknown", "", fmt.Sprintf("the exclusion filter %q: %v", filter, err)}
			}
			if overlap {
				return decision{"no", example, fmt.Sprintf("tags are immutable, but the exclusion filter %q lets %q be moved", filter, example)}
			}
		}
		return decision{"yes", "", "tags are immutable, and no exclusion filter matches such a tag"}
	case "MUTABLE_WITH_EXCLUSION":
		example, covered, err := tagpattern.Covers(exclusions, tags)
		switch {
		case err != nil:
			return decision{"unknown", "", "the exclusion filters: " + err.Error()}
		case covered:
			return decision{"yes", "", "the exclusion filters make every such tag immutable"}
		}
		return decision{"no", example, fmt.Sprintf("tags are mutable, and no exclusion filter protects %q", example)}
	}
	return decision{"unknown", "", fmt.Sprintf("the tag mutability %q is not known to this version of ecraudit", m.Setting)}
}

// isCached reports whether a pull-through cache rule fills the repository.
func isCached(reg *snapshot.Registry, name string) bool {
	for _, rule := range reg.PullThroughCache {
		if rule.Prefix == "ROOT" || strings.HasPrefix(name, strings.TrimSuffix(rule.Prefix, "/")+"/") {
			return true
		}
	}
	return false
}

// replicas are the registries that a repository's images are replicated to,
// each with how far that is: own, inside, trusted, outside or unknown.
func (e *Engine) replicas(reg *snapshot.Registry, r *snapshot.Repository, settings *config.Effective) *ast.Term {
	var found []snapshot.ReplicationDestination
	for _, rule := range reg.Replication {
		matches := func(prefix string) bool { return strings.HasPrefix(r.Name, prefix) }
		if len(rule.Prefixes) == 0 || slices.ContainsFunc(rule.Prefixes, matches) {
			found = append(found, rule.Destinations...)
		}
	}
	return list(found, func(d snapshot.ReplicationDestination) *ast.Term { return e.destinationTerm(d, r.Account, settings) })
}

// whose says how far another account is from the own one.
func (e *Engine) whose(account, own string, settings *config.Effective) access.Exposure {
	_, member := e.members[account]
	_, trusted := settings.Settings.TrustedAccounts[account]
	_, vendor := settings.Settings.VendorAccounts[account]
	switch {
	case account == own:
		return access.ExposureOwn
	case member:
		return access.ExposureInside
	case trusted || vendor:
		return access.ExposureTrusted
	case e.members == nil && !e.organization.None:
		return access.ExposureUnknown
	}
	return access.ExposureOutside
}

// templateFor is the prefix of the creation template that applies to a name:
// the longest, ROOT where no other does, "" where none does.
func templateFor(reg *snapshot.Registry, name string) string {
	best := ""
	for _, template := range reg.CreationTemplates {
		prefix := strings.TrimSuffix(template.Prefix, "/")
		switch {
		case template.Prefix == "ROOT" && best == "":
			best = "ROOT"
		case strings.HasPrefix(name, prefix+"/") && (best == "ROOT" || len(prefix) > len(best)):
			best = prefix
		}
	}
	return best
}

// parseLifecycle returns nil and what is wrong for a policy that AWS would
// not take, or nil and nothing where there is none.
func parseLifecycle(text string) (*lifecycle.Policy, []string) {
	if text == "" {
		return nil, nil
	}
	policy, err := lifecycle.Parse(text)
	var invalid *lifecycle.InvalidError
	switch {
	case errors.As(err, &invalid):
		return nil, invalid.Violations
	case err != nil:
		return nil, []string{err.Error()}
	}
	return policy, nil
}

// baseline is one demand of the configuration on lifecycle policies, and
// whether a policy meets it.
type baseline struct {
	What       string
	Untagged   bool
	Expires    string
	WithinDays bool
	Example    string
	Reason     string
}

func (b baseline) term() *ast.Term {
	var o object
	o.text("what", b.What)
	o.flag("untagged", b.Untagged)
	o.text("expires", b.Expires)
	o.flag("within_days", b.WithinDays)
	o.text("example", b.Example)
	o.text("reason", b.Reason)
	return o.term()
}

// baseline decides the demands. Policies and demands repeat in an organization,
// so each pair is decided once.
func (e *Engine) baseline(policy *lifecycle.Policy, text string, settings *config.Effective) []baseline {
	type pair struct {
		text     string
		settings *config.Effective
	}
	key := pair{text, settings}
	if known, ok := e.baselines.Load(key); ok {
		return known.([]baseline)
	}
	demands := settings.Settings.Lifecycle
	var results []baseline
	if demands.Untagged {
		b := baseline{What: "untagged images", Untagged: true}
		if policy != nil {
			b.decide(policy.CoversUntagged(), demands.MaxDays)
		}
		results = append(results, b)
	}
	for _, pattern := range demands.DevTags {
		b := baseline{What: pattern}
		if policy != nil {
			b.decide(policy.CoversTag(tagpattern.Wildcard(pattern)), demands.MaxDays)
		}
		results = append(results, b)
	}
	for i := range results {
		if policy == nil {
			results[i].Expires, results[i].Reason = "no", "there is no valid lifecycle policy"
		}
	}
	e.baselines.Store(key, results)
	return results
}

func (b *baseline) decide(coverage lifecycle.Coverage, maxDays int) {
	b.Expires, b.Example, b.Reason = coverage.Answer, coverage.Example, coverage.Reason
	b.WithinDays = maxDays == 0 || coverage.MaxCount == 0 && coverage.MaxDays <= maxDays
}
