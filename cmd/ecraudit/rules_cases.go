package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/reference"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

// cased are rules with their cases.
type cased struct {
	*workbench.Library
	without []string // bundles and artifacts that hold no cases, and are not tested for that
}

// cases loads rules with their cases: all of them, or those in paths. Where none are
// named, those of bundles and artifacts are tested that hold cases; they are looked at
// no further, because they are mended where they are written.
func (f *ruleFlags) cases(ctx context.Context, paths []string, s streams) (*cased, error) {
	named, err := f.named(ctx, f.configPath())
	if err != nil {
		return nil, err
	}
	rules, sources, err := named.rulesAndSources(ctx, named.config, named.withFolders(paths))
	if err != nil {
		return nil, err
	}
	named.tellDoubts(messagesOf(s.err))
	var without []string
	for _, source := range sources {
		if name := source.Record.Reference; len(paths) == 0 && len(source.Cases) == 0 && reference.IsPacked(name) {
			without = append(without, name)
		}
	}
	library, err := workbench.NewLibrary(rules, sources, func(rule *evaluate.Rule) bool {
		if len(paths) == 0 {
			return !slices.Contains(without, rule.Source)
		}
		return !rule.Builtin() && slices.ContainsFunc(paths, func(path string) bool { return isBelow(rule.Filename(), path) })
	})
	return &cased{library, without}, err
}

// isBelow reports whether a file is, or is below, a path.
func isBelow(file, path string) bool {
	absolute, err := filepath.Abs(path)
	file, err2 := filepath.Abs(file)
	if errors.Join(err, err2) != nil {
		return false
	}
	relative, err := filepath.Rel(absolute, file)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

type rulesTestFlags struct {
	ruleFlags
	conductFlags
	format      string
	run         string
	minCoverage int
}

func newRulesTest(s streams) *cobra.Command {
	var f rulesTestFlags
	command := &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run the cases of rules, and show what they cover",
		Long: `Run the cases of rules as opa test does, those of the rules in PATH, or of all. Of
image rules it also checks that the answer for an image does not depend on which
images share a page. It shows which lines no case evaluates.

PATH is a file, a folder, a bundle or an artifact of a registry, as --rules takes them.
Without it, rules of bundles and artifacts are tested where these hold cases.

Exit codes:
  0  every case passed
  1  usage or internal error, or a rule that does not load
  2  a case failed, a rule has no case, or less is covered than --min-coverage`,
		Example: `  ecraudit rules test
  ecraudit rules test my-rules --min-coverage 90
  ecraudit rules test --run scan_on_push --format json`,
		RunE: func(command *cobra.Command, args []string) error {
			return f.test(command, args, s)
		},
	}
	flags := command.Flags()
	f.addFiles(flags)
	f.conductFlags.addFor(flags, "one case, and an image rule for one page of images")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table or json")
	flags.StringVar(&f.run, "run", "", "only cases whose package and name match (`PATTERN`, RE2)")
	flags.IntVar(&f.minCoverage, "min-coverage", 0, "fail where the cases of a rule cover less (`PERCENT`)")
	complete(command, "format", []string{"table", "json"})
	return command
}

func (f *rulesTestFlags) test(command *cobra.Command, args []string, s streams) error {
	if err := f.check(); err != nil {
		return err
	}
	library, err := f.cases(command.Context(), args, s)
	if err != nil {
		return err
	}
	report, err := library.Test(command.Context(), f.run, f.ruleTimeout)
	if err != nil {
		return err
	}
	if f.run != "" && report.Passed+report.Failed == 0 {
		return fmt.Errorf("--run %s: no case has such a name; names are those of packages and tests, such as data.ecraudit.rules.scan_on_push_test.test_cases", f.run)
	}
	verdict := f.verdict(report)
	if f.format == "json" {
		report.WithoutCases = library.without
		if err := writeJSON(s.out, report); err != nil {
			return err
		}
	} else if err := showTests(newSheet(s), report, library.without, verdict).writeTo(s.out); err != nil {
		return err
	}
	if len(verdict) > 0 {
		return exit(audit.ExitFindings)
	}
	return nil
}

func (f *rulesTestFlags) check() error {
	if err := errors.Join(oneOf("--format", f.format, []string{"table", "json"}), f.conductFlags.check()); err != nil {
		return err
	}
	if _, err := regexp.Compile(f.run); err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	if f.minCoverage < 0 || f.minCoverage > 100 {
		return fmt.Errorf("--min-coverage %d: give a percentage from 0 to 100", f.minCoverage)
	}
	return nil
}

// verdict is what is wrong with the rules, in words.
func (f *rulesTestFlags) verdict(r *workbench.TestReport) (wrong []string) {
	if r.Failed > 0 {
		wrong = append(wrong, fmt.Sprintf("%s failed", plural(r.Failed, "case", "cases")))
	}
	if untested := r.Untested(); len(untested) > 0 {
		wrong = append(wrong, "no case tests "+strings.Join(untested, ", "))
	}
	if f.minCoverage > 0 && f.run == "" {
		for _, rule := range r.Rules {
			if len(rule.Cases) > 0 && rule.Coverage < float64(f.minCoverage) {
				wrong = append(wrong, fmt.Sprintf("%s of %s covered, less than --min-coverage", percent(rule.Coverage), rule.Rule))
			}
		}
	}
	return wrong
}

func percent(value float64) string {
	if value < 100 && value > 99 {
		value = 99 // not all
	}
	return fmt.Sprintf("%.0f%%", value)
}

// showTests shows failing cases in full, then a line for each rule.
func showTests(p *sheet, r *workbench.TestReport, without []string, verdict []string) *sheet {
	for _, rule := range r.Rules {
		for _, c := range rule.Cases {
			if !c.Passed {
				showFailure(p, rule.Rule, c)
			}
		}
	}
	width := len("RULE")
	for _, rule := range r.Rules {
		width = max(width, len(rule.Rule))
	}
	p.say("", "", "%-*s  %5s  %8s  %6s  %s", width, "RULE", "CASES", "COVERAGE", "MS", "NOT COVERED")
	for _, rule := range r.Rules {
		cases := fmt.Sprint(len(rule.Cases))
		if failed := rule.Failed(); failed > 0 {
			cases = fmt.Sprintf("%d/%d", len(rule.Cases)-failed, len(rule.Cases))
		}
		p.row(fmt.Sprintf("%-*s  %5s  %8s  %6.0f  ", width, rule.Rule, cases, percent(rule.Coverage), 1000*rule.Seconds), notCovered(rule))
	}
	p.gap()
	p.say("", "", "%s of %s passed in %.1f s, %s covered.", plural(r.Passed, "case", "cases"), plural(len(r.Rules), "rule", "rules"), r.Seconds, percent(r.Coverage))
	for _, name := range without {
		p.say("", "", "Not tested, for it holds no cases: %s.", name)
	}
	for _, wrong := range verdict {
		p.say("", "FAILED: ", "%s", wrong)
	}
	return p
}

func notCovered(rule workbench.RuleTests) string {
	lines := make([]string, len(rule.NotCovered))
	for i, l := range rule.NotCovered {
		lines[i] = l.String()
	}
	lines = slices.Compact(lines)
	if len(lines) == 0 {
		return ""
	}
	return "lines " + strings.Join(lines, ", ")
}

func showFailure(p *sheet, rule string, c workbench.Case) {
	p.say("", "FAIL ", "%s: %s (%s)", rule, c.Name, c.At)
	for line := range strings.Lines(c.Why) {
		p.say("  ", "", "%s", strings.TrimRight(line, "\n"))
	}
	for line := range strings.Lines(c.Output) {
		p.say("  ", "printed: ", "%s", strings.TrimRight(line, "\n"))
	}
	p.gap()
}
