package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

func newRulesLint(s streams) *cobra.Command {
	var f ruleFlags
	var format string
	var strict bool
	command := &cobra.Command{
		Use:   "lint [PATH...]",
		Short: "Look for mistakes in rules that load",
		Long: `Look for mistakes in the rules in PATH, or in all: of METADATA and types, needs that
are not used, bodies that are quadratic or silent, missing cases and pages. It runs
the cases, and looks at what the rules say of their inputs.

A comment on the line, the line above, or above METADATA for the whole file, ignores
a problem: # ecraudit-lint ignore=unused-need

Exit codes:
  0  no errors, and with --strict no warnings
  1  usage or internal error
  2  errors, or with --strict warnings`,
		Example: `  ecraudit rules lint
  ecraudit rules lint my-rules --strict
  ecraudit rules lint my-rules --format json`,
		RunE: func(command *cobra.Command, args []string) error {
			if err := oneOf("--format", format, []string{"table", "json"}); err != nil {
				return err
			}
			problems, rules, err := f.lint(command.Context(), args, s)
			if err != nil {
				return err
			}
			if format == "json" {
				if problems == nil {
					problems = []workbench.Problem{}
				}
				err = writeJSON(s.out, problems)
			} else {
				err = showProblems(newSheet(s), problems, rules).writeTo(s.out)
			}
			errors, warnings := countProblems(problems)
			if err == nil && (errors > 0 || strict && warnings > 0) {
				return exit(audit.ExitFindings)
			}
			return err
		},
	}
	flags := command.Flags()
	f.addFiles(flags)
	flags.StringVar(&format, "format", "table", "`FORMAT`: table or json")
	flags.BoolVar(&strict, "strict", false, "fail on warnings, too")
	complete(command, "format", []string{"table", "json"})
	return command
}

// lint returns the problems of rules, and of how many rules. Rules that do not
// load are a problem, not an error, where they are there.
func (f *ruleFlags) lint(ctx context.Context, args []string, s streams) ([]workbench.Problem, int, error) {
	library, err := f.cases(ctx, args, s)
	if err != nil {
		problems := workbench.LoadProblems(err)
		for _, p := range problems {
			if p.File == "" {
				return nil, 0, err
			}
		}
		return problems, 0, nil
	}
	if len(args) == 0 {
		library.Library = library.Unpacked()
	}
	problems, err := library.Lint(ctx)
	return problems, len(library.Chosen()), err
}

func countProblems(problems []workbench.Problem) (errors, warnings int) {
	for _, p := range problems {
		if p.Severity == workbench.IsError {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

func showProblems(p *sheet, problems []workbench.Problem, rules int) *sheet {
	for _, problem := range problems {
		p.say("", "", "%s: %s: %s (%s)", problem.Place(), problem.Severity, problem.Message, problem.Lint)
		p.say("  ", "", "Remedy: %s", problem.Remedy)
	}
	if len(problems) > 0 {
		p.gap()
	}
	errors, warnings := countProblems(problems)
	checked := ""
	if rules > 0 {
		checked = fmt.Sprintf(" in %s", plural(rules, "rule", "rules"))
	}
	p.say("", "", "%s and %s%s.", plural(errors, "error", "errors"), plural(warnings, "warning", "warnings"), checked)
	return p
}
