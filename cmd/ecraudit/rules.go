package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

func newRules(s streams) *cobra.Command {
	var f ruleFlags
	var format string
	command := &cobra.Command{
		Use:   "rules",
		Short: "List the rules, and write, test, lint, run and measure them",
		Long: `Without a command it lists the rules: id, severity, scope, title. The commands are
a workbench for those who write rules.`,
		Example: `  ecraudit rules
  ecraudit rules --rules my-rules/ --format json`,
		Args: noSuchCommand,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, []string{"table", "json"}); err != nil {
				return err
			}
			c, rules, err := f.load(command.Context(), s)
			if err != nil {
				return err
			}
			listed := listRules(c, rules)
			if format == "json" {
				encoder := json.NewEncoder(s.out)
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				return encoder.Encode(listed)
			}
			if err := showRules(s, listed); err != nil {
				return err
			}
			return showSources(s, rules)
		},
	}
	f.add(command.Flags())
	command.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or json")
	complete(command, "format", []string{"table", "json"})
	command.AddCommand(newRulesNew(s), newRulesShow(s), newRulesTest(s), newRulesLint(s), newRulesRun(s), newRulesBench(s), newRulesDocs(s), newRulesSchema(s))
	return command
}

// noSuchCommand refuses arguments: they are commands that do not exist.
func noSuchCommand(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range command.Commands() {
		names = append(names, c.Name())
	}
	return oneOf(command.CommandPath(), args[0], names)
}

// listedRule is a rule as the configuration leaves it.
type listedRule struct {
	finding.Rule
	Enabled bool `json:"enabled"`
}

func listRules(c *config.Config, rules *evaluate.Rules) []listedRule {
	everywhere := c.For(config.Resource{})
	all := rules.Listed()
	listed := make([]listedRule, len(all))
	for i, rule := range all {
		listed[i] = listedRule{rule.Rule, c.MayRun(rule.ID, !rule.Optional)}
		listed[i].Severity = everywhere.Severity(rule.ID, rule.Severity)
	}
	return listed
}

// showSources says where rules come from that are not part of ecraudit, and what
// they replace.
func showSources(s streams, rules *evaluate.Rules) error {
	var b strings.Builder
	for _, source := range rules.Sources {
		fmt.Fprintf(&b, "\n%s: %s %s, %s\n", source.Reference, source.Kind, source.Digest, signedBy(source))
		for _, rule := range rules.All {
			if rule.Source == source.Reference && rule.Replaces {
				fmt.Fprintf(&b, "  %s replaces the default rule\n", rule.ID)
			}
		}
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(s.out, report.Printable(strings.TrimRight(line, "\n"))); err != nil {
			return fmt.Errorf("listing the rules: %w", err)
		}
	}
	return nil
}

func signedBy(source finding.RuleSource) string {
	switch source.Signature {
	case finding.Verified:
		return "signature verified by " + source.Key
	case finding.NotVerified:
		return "signature not verified"
	}
	return "unsigned"
}

func showRules(s streams, rules []listedRule) error {
	var text bytes.Buffer
	table := tablewriter.NewTable(&text,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Borders: tw.BorderNone, Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.Lines{ShowHeaderLine: tw.Off}}})),
		tablewriter.WithHeaderAlignment(tw.AlignLeft), tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithRowAutoWrap(tw.WrapNone), tablewriter.WithPadding(tw.Padding{Right: "  "}), tablewriter.WithTrimSpace(tw.Off),
	)
	table.Header("ID", "SEVERITY", "SCOPE", "TITLE")
	for _, rule := range rules {
		severity := rule.Severity.String()
		if !rule.Enabled {
			severity = "off"
		}
		if err := table.Append(rule.ID, severity, string(rule.Scope), rule.Title); err != nil {
			return fmt.Errorf("listing the rules: %w", err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("listing the rules: %w", err)
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(s.out, strings.TrimRight(line, " \n")); err != nil {
			return fmt.Errorf("listing the rules: %w", err)
		}
	}
	return nil
}
