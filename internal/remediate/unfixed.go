package remediate

import (
	"fmt"
	"strings"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// leaveUnfixed leaves a finding without a fix whose rule has fixes for others: who
// sees these mended would take it for mended, too.
func (p *Planner) leaveUnfixed(f finding.Finding, at snapshot.Target, settings *config.Effective) {
	fixes, own := p.OwnRules[f.Rule]
	switch {
	case own && fixes:
		p.leave(f, at, "the rule has no fix for this finding", "mend it by hand, as the remediation of the rule says")
	case !own:
		if reason, step := withoutFix(f, settings); reason != "" {
			p.leave(f, at, reason, step)
		}
	}
}

func (p *Planner) leaveAllUnfixed(findings []finding.Finding, reg *snapshot.Registry, r *snapshot.Repository) {
	var settings *config.Effective
	for _, f := range findings {
		if f.Fix != nil || !p.concerns(f) {
			continue
		}
		if settings == nil {
			settings = p.judge.Settings(reg, r)
		}
		p.leaveUnfixed(f, r.Target, settings)
	}
}

// withoutFix is why a default rule that has fixes has none for a finding, and what a
// person would do. Both are empty for rules without fixes.
func withoutFix(f finding.Finding, settings *config.Effective) (reason, step string) {
	switch f.Rule {
	case "required-tags":
		return withoutValue(f.Message, settings)
	case "creation-template-weak":
		if strings.Contains(f.Message, "the resource tag ") {
			return withoutValue(f.Message, settings)
		}
		return "whom a template lets in, how it encrypts, and what an invalid policy of it meant is for people to say", "change the template by hand"
	case "lifecycle-missing":
		return "lifecycle in the configuration demands nothing of a policy, so that it is not known what one should do", "set lifecycle in the configuration, or write the policy by hand"
	case "lifecycle-ineffective":
		return "it cannot be told from the policy what was meant", "rewrite the rule by hand: ecraudit lifecycle explain says what it does"
	case "untagged-piling-up":
		return "the baseline of lifecycle policies takes no more of the untagged images than the present policy does", "see with ecraudit lifecycle simulate what the policy leaves"
	case "tag-latest":
		return "the tag is protected (protect, release_tag_pattern), and no fix touches protected tags", "take the tag off by hand, or out of protect in the configuration"
	case "policy-wildcard-actions", "policy-deleted-principal":
		return "what the statement should say instead cannot be told", "rewrite the statement by hand: ecraudit access says what it gives to whom"
	case "image-not-scanned", "release-unscanned", "scan-failed", "scan-stale":
		return "a scan can be started only where scanning is basic, of an image that it supports and that is not archived", "see with ecraudit images which it is"
	}
	return "", ""
}

// withoutValue is why a resource tag is not set, of which the message tells.
func withoutValue(message string, settings *config.Effective) (reason, step string) {
	tag := ""
	for key := range settings.Settings.RequiredTags {
		if strings.Contains(message, "the resource tag "+key+" is ") && len(key) > len(tag) {
			tag = key
		}
	}
	if tag == "" {
		return "no single value is allowed for the tag", "tag it by hand"
	}
	return "no single value is allowed for " + tag, fmt.Sprintf("tag it by hand, or allow one value where it holds: required_tags: {%s: [VALUE]}", tag)
}
