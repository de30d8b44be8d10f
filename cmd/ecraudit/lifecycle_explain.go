package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/lifecycle"
)

func newLifecycleExplain(s streams) *cobra.Command {
	var f policyFlags
	command := &cobra.Command{
		Use:   "explain REPOSITORY",
		Short: "Say rule by rule what a lifecycle policy does",
		Long: `Says of each rule of a repository's lifecycle policy what it does, what it
selects today and whether it can ever act; then what is strange about the policy,
and where it evidently means something else than it says, the policy that does
what was meant.`,
		Example: `  ecraudit lifecycle explain landing-zone/customizations --region us-east-1
  ecraudit lifecycle explain lifecycle/tags-anded --snapshot org.snapshot
  ecraudit lifecycle explain lifecycle/none --snapshot org.snapshot --policy policy.json`,
		Args: oneRepository,
		RunE: func(command *cobra.Command, args []string) error {
			c, err := f.read(command.Context(), args[0], command.InOrStdin(), messagesOf(command.ErrOrStderr()))
			if err != nil {
				return err
			}
			return c.explain(newSheet(s)).writeTo(s.out)
		},
	}
	f.add(command.Flags())
	f.addActive(command.Flags())
	return command
}

// explain fills a sheet.
func (c *lifecycleCase) explain(p *sheet) *sheet {
	result := c.policy.Simulate(c.images, c.at)
	p.headline(c)
	for i, inspection := range c.policy.Inspect() {
		p.gap()
		p.rule(c.policy.Rules[i], inspection, result.Rules[i])
	}
	p.gap()
	p.outcome(c, result)
	p.insights(c.policy.Insights(c.images, c.at, c.insights))
	p.closing(c.policy, c.releases)
	return p
}

// headline says what is looked at, and when.
func (p *sheet) headline(c *lifecycleCase) {
	var bytes int64
	for _, image := range c.images {
		if !image.Index { // its size is that of a child
			bytes += image.SizeBytes
		}
	}
	p.say("", "", "%s", c.name)
	p.say("", "", "%s (%s) under the %s of %s, at %s", plural(len(c.images), "image", "images"), sizeText(bytes),
		plural(len(c.policy.Rules), "rule", "rules"), c.from, c.at.UTC().Format("2006-01-02 15:04 UTC"))
}

// rule shows what one rule does.
func (p *sheet) rule(rule lifecycle.Rule, inspection lifecycle.RuleInspection, result lifecycle.RuleResult) {
	mark := strconv.Itoa(rule.Priority) + "  "
	indent := strings.Repeat(" ", len(mark))
	p.say("", mark, "%s", inspection.Words)
	if rule.Description != "" {
		p.say(indent, "", "%q", rule.Description)
	}
	p.say(indent, "", "Selects %s today%s.", plural(result.Selected, "image", "images"), shares(rule, result))
	switch {
	case inspection.Acts == lifecycle.No:
		p.say(indent, "", "Can never act: %s.", inspection.Reason)
	case inspection.Acts == lifecycle.Unknown:
		p.say(indent, "", "Unknown whether it can ever act: %s.", inspection.Reason)
	case inspection.Reason != "":
		p.say(indent, "", "Can act, but %s.", inspection.Reason)
	}
}

// shares says what becomes of the images that a rule selects.
func shares(rule lifecycle.Rule, r lifecycle.RuleResult) string {
	acted := "expired"
	if rule.Action.Type == lifecycle.Transition {
		acted = "archived"
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{r.Acted, "to be " + acted}, {r.Young, "still within the limit"}, {r.KeptByHigherRule, "left to a higher rule"},
		{r.KeptByIndex, "kept by an index that refers to it"}, {r.Undecided, "undecided"},
	} {
		if part.n > 0 {
			parts = append(parts, strconv.Itoa(part.n)+" "+part.what)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// outcome sums up what one evaluation does.
func (p *sheet) outcome(c *lifecycleCase, result lifecycle.Result) {
	p.say("", "", "In all %s to be expired (%s) and %s to be archived (%s).", plural(len(result.Expired), "image", "images"), sizeText(result.FreedBytes),
		plural(len(result.Archived), "image", "images"), sizeText(result.ArchivedBytes))
	if result.Undecided == 0 {
		return
	}
	p.say("", "", "Undecided: %s.", plural(result.Undecided, "image", "images"))
	if n := c.unreadIndexes(); n > 0 {
		p.say("", "", "The children of %s are not known (%s), and so untagged images may be children, which are never expired before their index.", plural(n, "index", "indexes"), c.whyUnread())
	}
}

// insights shows what is strange.
func (p *sheet) insights(insights []lifecycle.Insight) {
	if len(insights) == 0 {
		return
	}
	p.gap()
	p.say("", "", "What is strange:")
	for _, i := range insights {
		p.say("", "- ", "%s: %s.", i.Kind, i.Message)
		if len(i.Digests) > 0 {
			p.say("  ", "", "Images: %s%s", strings.Join(shortDigests(i.Digests), ", "), andMore(i.Count-len(i.Digests)))
		}
		p.say("  ", "", "Advice: %s.", i.Advice)
	}
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return " and " + strconv.Itoa(n) + " more"
}

// shortDigests cuts digests to what people recognize them by.
func shortDigests(digests []string) []string {
	const enough = len("sha256:") + 12
	short := make([]string, len(digests))
	for i, digest := range digests {
		short[i] = digest[:min(len(digest), enough)]
	}
	return short
}
