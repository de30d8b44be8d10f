package evaluate

import (
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

const day = 24 * time.Hour

// lifecycleKnowledge is what a lifecycle policy says, whatever the images.
// Policies repeat in an organization, so each is looked at once.
type lifecycleKnowledge struct {
	policy   *lifecycle.Policy // nil where there is none, or none that is valid
	problems []string
	term     *ast.Term
}

func (e *Engine) lifecycle(text string, settings *config.Effective) *lifecycleKnowledge {
	key := settings.Settings.ReleaseTags + "\x00" + text
	if known, ok := e.lifecycles.Load(key); ok {
		return known.(*lifecycleKnowledge)
	}
	policy, problems := parseLifecycle(text)
	var o object
	o.flag("present", text != "")
	o.text("text", text)
	o.flag("valid", policy != nil)
	o.texts("problems", problems)
	o.set("rules", lifecycleRules(policy))
	o.set("release_tags", releaseReach(policy, settings).term())
	o.set("repair", repairTerm(policy))
	known := &lifecycleKnowledge{policy, problems, o.term()}
	e.lifecycles.Store(key, known)
	return known
}

func lifecycleRules(policy *lifecycle.Policy) *ast.Term {
	if policy == nil {
		return noTexts
	}
	inspections := policy.Inspect()
	terms := make([]*ast.Term, len(policy.Rules))
	for i, rule := range policy.Rules {
		terms[i] = lifecycleRuleTerm(rule, inspections[i])
	}
	return ast.ArrayTerm(terms...)
}

func lifecycleRuleTerm(rule lifecycle.Rule, inspected lifecycle.RuleInspection) *ast.Term {
	var o object
	o.number("priority", int64(rule.Priority))
	o.text("description", rule.Description)
	o.text("tag_status", rule.Selection.TagStatus)
	o.texts("tag_prefixes", rule.Selection.TagPrefixes)
	o.texts("tag_patterns", rule.Selection.TagPatterns)
	o.text("storage_class", rule.Selection.StorageClass)
	o.text("count_type", rule.Selection.CountType)
	o.number("count", int64(rule.Selection.CountNumber))
	o.text("action", rule.Action.Type)
	o.text("words", inspected.Words)
	o.text("acts", inspected.Acts)
	o.text("acts_reason", inspected.Reason)
	o.set("shadowed_by", list(inspected.ShadowedBy, func(priority int) *ast.Term { return number(int64(priority)) }))
	return o.term()
}

// reach says whether a policy can act on a release.
type reach lifecycle.Reach

func (r reach) term() *ast.Term {
	var o object
	o.text("answer", r.Answer)
	o.text("example", r.Example)
	o.number("rule", int64(r.Rule))
	o.text("action", r.Action)
	o.text("reason", r.Reason)
	return o.term()
}

func releaseReach(policy *lifecycle.Policy, settings *config.Effective) reach {
	if policy == nil {
		return reach{Answer: "no", Reason: "there is no valid lifecycle policy"}
	}
	pattern, err := tagpattern.Regexp(settings.Settings.ReleaseTags)
	if err != nil {
		return reach{Answer: "unknown", Reason: err.Error()}
	}
	return reach(policy.ReachesTag(pattern))
}

func repairTerm(policy *lifecycle.Policy) *ast.Term {
	var repaired *lifecycle.Policy
	var changes []string
	text := ""
	if policy != nil {
		repaired, changes = policy.Repair()
	}
	if repaired != nil {
		text = repaired.Text()
	}
	var o object
	o.flag("needed", repaired != nil)
	o.texts("changes", changes)
	o.text("text", text)
	return o.term()
}

// lifecycleFields adds the lifecycle policy and what it does.
func (e *Engine) lifecycleFields(o *object, v *view) {
	r, settings, p := v.repository, v.settings, v.preview
	known := e.lifecycle(r.Lifecycle, settings)
	o.set("lifecycle", known.term)
	o.set("lifecycle_baseline", list(e.baseline(known.policy, r.Lifecycle, settings), baseline.term))
	if p != nil && p.policy != nil {
		o.set("lifecycle_preview", p.term())
	}
}

// preview is what the lifecycle policy of a repository would do now.
type preview struct {
	policy   *lifecycle.Policy // nil where there is none, or none that is valid
	images   []lifecycle.Image
	result   lifecycle.Result
	insights []lifecycle.Insight
}

// preview simulates a repository's policy. It is nil where no rule asks, or
// where policy or images could not be read.
func (e *Engine) preview(r *snapshot.Repository, settings *config.Effective) *preview {
	if !e.previews || r.Gap(snapshot.NeedLifecycle) != nil || r.Gap(snapshot.NeedImages) != nil {
		return nil
	}
	return e.foresee(r, settings)
}

func (e *Engine) foresee(r *snapshot.Repository, settings *config.Effective) *preview {
	p := &preview{policy: e.lifecycle(r.Lifecycle, settings).policy}
	if p.policy == nil {
		return p
	}
	p.images = lifecycle.FromSnapshot(r.Images)
	p.result = p.policy.Simulate(p.images, e.options.Clock)
	p.insights = p.policy.Insights(p.images, e.options.Clock, lifecycle.InsightOptions{
		Release:      settings.ReleaseTagsRegexp().MatchString,
		ActiveWithin: time.Duration(settings.Settings.Ages.InUseDays) * day,
		PilingUp:     settings.Settings.Limits.UntaggedImages,
	})
	return p
}

// freedMonthly is what the images that would expire now cost in a month.
func (p *preview) freedMonthly(r *snapshot.Repository, prices config.Prices) (cost float64) {
	if len(p.result.Expired) == 0 {
		return 0
	}
	for i := range r.Images {
		image := &r.Images[i]
		if _, expires := slices.BinarySearch(p.result.Expired, image.Digest); expires && image.Kind != snapshot.KindIndex {
			cost += prices.Monthly(r.Region, image.SizeBytes, image.Status == statusArchived)
		}
	}
	return cost
}

func (p *preview) term() *ast.Term {
	result := p.result
	var o object
	o.number("expires", int64(len(result.Expired)))
	o.number("archives", int64(len(result.Archived)))
	o.number("bytes", result.FreedBytes)
	o.number("undecided", int64(result.Undecided))
	o.set("rules", list(result.Rules, ruleResultTerm))
	o.set("insights", list(p.insights, insightTerm))
	return o.term()
}

func ruleResultTerm(r lifecycle.RuleResult) *ast.Term {
	var o object
	o.number("priority", int64(r.Priority))
	o.number("selected", int64(r.Selected))
	o.number("acted", int64(r.Acted))
	o.number("kept_by_higher_rule", int64(r.KeptByHigherRule))
	o.number("kept_by_index", int64(r.KeptByIndex))
	o.number("young", int64(r.Young))
	return o.term()
}

func insightTerm(i lifecycle.Insight) *ast.Term {
	var o object
	o.text("kind", i.Kind)
	o.number("priority", int64(i.Priority))
	o.number("count", int64(i.Count))
	o.texts("digests", i.Digests)
	o.text("message", i.Message)
	o.text("advice", i.Advice)
	return o.term()
}
