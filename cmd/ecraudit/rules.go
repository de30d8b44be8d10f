package main

import (
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
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
				return writeJSON(s.out, listed)
			}
			p := newSheet(s)
			showRules(p, listed)
			showSources(p, rules)
			return p.writeTo(s.out)
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
func showSources(p *sheet, rules *evaluate.Rules) {
	for _, source := range rules.Sources {
		p.gap()
		p.row("", fmt.Sprintf("%s: %s %s, %s", source.Reference, source.Kind, source.Digest, signedBy(source)))
		for _, rule := range rules.All {
			if rule.Source == source.Reference && rule.Replaces {
				p.row("  ", rule.ID+" replaces the default rule")
			}
		}
	}
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

// showRules lists rules, one a line. In a terminal that is too narrow for that,
// titles stand below ids, so that lines still begin with them.
func showRules(p *sheet, rules []listedRule) {
	rows := [][]string{{"ID", "SEVERITY", "SCOPE", "TITLE"}}
	for _, rule := range rules {
		severity := rule.Severity.String()
		if !rule.Enabled {
			severity = "off"
		}
		rows = append(rows, []string{rule.ID, severity, string(rule.Scope), rule.Title})
	}
	var widths [4]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	const gap = 2
	fits := widths[0]+widths[1]+widths[2]+widths[3]+3*gap <= p.rows
	for _, row := range rows {
		lead := fmt.Sprintf("%-*s%-*s%-*s", widths[0]+gap, row[0], widths[1]+gap, row[1], widths[2]+gap, row[2])
		if fits {
			p.show(lead + row[3])
			continue
		}
		p.row("", strings.TrimRight(lead, " "))
		p.row("    ", row[3])
	}
}
