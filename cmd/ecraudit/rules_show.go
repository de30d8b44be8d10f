package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

func newRulesShow(s streams) *cobra.Command {
	var f ruleFlags
	var format string
	command := &cobra.Command{
		Use:   "show ID",
		Short: "Show everything about one rule: what, why, what it takes, and its source",
		Example: `  ecraudit rules show release-unsigned
  ecraudit rules show enhanced-scanning --rules my-rules --format json`,
		Args: exactlyOne("the id of a rule, such as release-unsigned"),
		RunE: func(command *cobra.Command, args []string) error {
			if err := oneOf("--format", format, []string{"table", "json"}); err != nil {
				return err
			}
			c, library, err := f.loadWithCases(command.Context(), s, func(r *evaluate.Rule) bool { return r.ID == args[0] })
			if err != nil {
				return err
			}
			if err := inRego(library.Rules, args[0]); err != nil {
				return err
			}
			shown := shownRuleOf(c, library)
			shown.test = testsOf(&shown, command.Flags())
			if format == "json" {
				return writeJSON(s.out, shown)
			}
			return shown.page(newSheet(s)).writeTo(s.out)
		},
	}
	f.addFiles(command.Flags())
	command.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or json")
	complete(command, "format", []string{"table", "json"})
	return command
}

// shownRule is all that there is to say of a rule.
type shownRule struct {
	finding.Rule
	Enabled    bool               `json:"enabled"`          // somewhere
	Default    string             `json:"default"`          // on or off
	Configured []config.RulePlace `json:"configured"`       // in order; later ones win
	Package    string             `json:"package"`          // without data.
	Images     string             `json:"images,omitempty"` // that an image rule is about
	Calls      []neededCall       `json:"calls"`            // beside listing repositories
	Fixes      []string           `json:"fixes"`            // actions that its source names
	Unknown    bool               `json:"says_unknown"`     // the rule itself, beside the engine
	Page       string             `json:"page,omitempty"`   // address of its page
	File       string             `json:"file"`
	Cases      int                `json:"cases"` // in its table
	test       string             // the command that runs them
	Source     string             `json:"source"`
}

// neededCall is a document that a rule takes, and the calls that read it.
type neededCall struct {
	Need     snapshot.Need `json:"need"`
	Required bool          `json:"required"` // without it the rule cannot tell
	Calls    []string      `json:"calls"`
}

// inRego refuses what is the id of no rule that is written in Rego.
func inRego(rules *evaluate.Rules, id string) error {
	if !slices.Contains(rules.IDs(), id) {
		hint := ""
		if nearest, ok := config.Nearest(id, rules.IDs()); ok {
			hint = fmt.Sprintf(": did you mean %q?", nearest)
		}
		return fmt.Errorf("there is no rule %q%s; ecraudit rules lists them, and --rules adds yours", id, hint)
	}
	if rules.Rule(id) == nil {
		return fmt.Errorf("%s is judged by ecraudit itself, so that there is no rule in Rego: see %s", id, rulePage(id))
	}
	return nil
}

// callsOf are the calls that read a document.
func callsOf(need snapshot.Need) (calls []string) {
	for _, call := range collect.Calls() {
		if slices.Contains(call.Needs, need) {
			calls = append(calls, call.Operation)
		}
	}
	return calls
}

func shownRuleOf(c *config.Config, library *workbench.Library) shownRule {
	rule := library.Chosen()[0]
	shown := shownRule{
		Rule: rule.Rule, Enabled: c.MayRun(rule.ID, !rule.Optional), Default: "on", Configured: c.RulePlaces(rule.ID),
		Package: rule.Package(), Calls: []neededCall{}, Fixes: rule.Fixes(), Unknown: rule.TellsUnknown(),
		File: rule.Filename(), Source: rule.Text(),
	}
	if rule.Optional {
		shown.Default = "off"
	}
	if shown.Configured == nil {
		shown.Configured = []config.RulePlace{}
	}
	if rule.Scope == finding.ScopeImage {
		shown.Images = string(rule.Images)
	}
	for _, need := range rule.Needs {
		shown.Calls = append(shown.Calls, neededCall{need, true, callsOf(need)})
	}
	for _, need := range rule.Uses {
		shown.Calls = append(shown.Calls, neededCall{need, false, callsOf(need)})
	}
	if rule.Builtin() {
		shown.Page = rulePage(rule.ID)
	}
	if tables, err := library.Tables(); err == nil { // cases that do not compile are for rules test to tell
		shown.Cases = len(tables[rule.ID])
	}
	return shown
}

// testsOf is the command that runs the cases of a rule. It reads the same files.
func testsOf(rule *shownRule, flags *pflag.FlagSet) string {
	paths, err := flags.GetStringSlice("rules")
	several := err == nil && len(paths) > 1 // what a rule imports may be in another
	words := append([]string{"ecraudit rules test"}, flagsAsGiven(flags, func(name string) bool {
		return name != "format" && (name != "rules" || several)
	})...)
	if rule.Rule.Source != "" {
		words = append(words, shellWord(rule.Rule.Source))
	}
	return strings.Join(append(words, "--run", rule.Package), " ")
}

// page shows the rule for people.
func (r *shownRule) page(p *sheet) *sheet {
	p.say("", "", "%s", r.ID)
	p.say("", "", "%s", r.Title)
	for _, part := range []struct{ title, text string }{
		{"WHAT IT LOOKS FOR", r.Description}, {"WHY IT MATTERS", r.Why}, {"HOW TO MEND IT", r.Remediation},
	} {
		if part.text != "" {
			p.gap()
			p.say("", "", "%s", part.title)
			p.say("  ", "", "%s", part.text)
		}
	}
	p.gap()
	p.say("", "", "SEVERITY AND SCOPE")
	p.say("  ", "", "%s, %s by default", r.Severity, r.Default)
	for _, place := range r.Configured {
		where := "everywhere"
		if place.Scope != (config.Place{}) {
			where = "in the scope of " + place.Scope.String()
		}
		p.say("  ", "", "%s %s (%s)", place.Value, where, place.At)
	}
	p.say("  ", "", "Scope: %s%s", r.Scope, r.imagesWords())
	p.gap()
	p.say("", "", "WHAT IT TAKES")
	r.takes(p)
	r.answers(p)
	r.references(p)
	p.gap()
	p.say("", "", "SOURCE %s", r.File)
	p.show(strings.ReplaceAll(r.Source, "\t", "    "))
	return p
}

func (r *shownRule) imagesWords() string {
	if r.Images == "" || r.Images == string(evaluate.AllImages) {
		return ""
	}
	return ", of images that are " + r.Images
}

func (r *shownRule) takes(p *sheet) {
	if len(r.Calls) == 0 {
		p.say("  ", "", "Nothing beyond the list of repositories: ecr:DescribeRepositories")
	}
	for _, c := range r.Calls {
		kind := "needs"
		if !c.Required {
			kind = "uses "
		}
		p.say("  ", "", "%s %s: %s", kind, c.Need, strings.Join(c.Calls, ", "))
	}
}

func (r *shownRule) answers(p *sheet) {
	p.gap()
	p.say("", "", "WHAT IT SAYS")
	answers := "fail"
	if r.Unknown {
		answers = "fail and unknown"
	}
	p.say("  ", "", "It says %s. Where a document that it needs could not be read it is unknown.", answers)
	if len(r.Fixes) > 0 {
		p.say("  ", "", "Fixes: %s", strings.Join(r.Fixes, ", "))
	}
	if r.Cases > 0 {
		p.command("  ", plural(r.Cases, "case", "cases")+":", r.test)
	}
}

func (r *shownRule) references(p *sheet) {
	if len(r.Frameworks) > 0 {
		p.gap()
		p.say("", "", "FRAMEWORKS")
		for _, name := range slices.Sorted(maps.Keys(r.Frameworks)) {
			p.say("  ", "", "%s: %s", name, strings.Join(r.Frameworks[name], ", "))
		}
	}
	if len(r.Links) == 0 && r.Page == "" {
		return
	}
	p.gap()
	p.say("", "", "LINKS")
	for _, link := range r.Links {
		p.show("  " + link)
	}
	if r.Page != "" {
		p.show(fmt.Sprintf("  %s", r.Page))
	}
}
