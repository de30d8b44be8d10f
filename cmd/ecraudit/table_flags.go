package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/report"
)

// tableFlags say what a table shows, and how. They mean nothing to other
// formats.
type tableFlags struct {
	all     bool
	groupBy string
	columns []string
	sort    []string
	limit   int
}

// tableFlagNames are those of tableFlags.
var tableFlagNames = []string{"all", "group-by", "columns", "sort", "limit"}

func (f *tableFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.all, "all", false, "list every image finding in the table")
	flags.StringVar(&f.groupBy, "group-by", report.Groupings()[0], "`WHAT` the findings of the table are grouped by: "+strings.Join(report.Groupings(), ", "))
	flags.StringSliceVar(&f.columns, "columns", nil, "a row for each finding with these columns (`NAMES`), instead of groups: "+strings.Join(report.Columns(), ", "))
	flags.StringSliceVar(&f.sort, "sort", nil, "a row for each finding, sorted by these columns (`NAMES`), each after a minus where the last come first (default: "+strings.Join(report.DefaultSort(), ",")+")")
	flags.IntVar(&f.limit, "limit", 0, "show at most this `NUMBER` of entries or rows in the table, and say how many more there are; 0 shows all")
}

func (*tableFlags) complete(command *cobra.Command) {
	complete(command, "group-by", report.Groupings())
	complete(command, "columns", report.Columns())
	complete(command, "sort", report.Columns())
}

// check refuses flags that cannot be meant. formats are those of all outputs.
func (f *tableFlags) check(flags *pflag.FlagSet, formats []string) error {
	if !slices.Contains(formats, "table") {
		for _, name := range tableFlagNames {
			if onCommandLine(flags, name) {
				return fmt.Errorf("--%s is about the table, and there is none: leave it out, or write a table too, with -o table=-", name)
			}
		}
		return nil
	}
	if err := oneOf("--group-by", f.groupBy, report.Groupings()); err != nil {
		return err
	}
	if err := checkColumns("--columns", f.columns, given(flags, "columns"), ""); err != nil {
		return err
	}
	if err := checkColumns("--sort", f.sort, given(flags, "sort"), "-"); err != nil {
		return err
	}
	list := "columns"
	if len(f.columns) == 0 {
		list = "sort"
	}
	switch {
	case f.limit < 0:
		return fmt.Errorf("--limit %d: use a number from 1, or 0 for all", f.limit)
	case onCommandLine(flags, "group-by") && len(f.columns)+len(f.sort) > 0:
		return fmt.Errorf("--group-by and --%s do not go together: a list has no groups; leave one of them out, or sort the list with --sort %s", list, f.groupBy)
	case f.all && len(f.columns)+len(f.sort) > 0:
		return fmt.Errorf("--all and --%s do not go together: a list has a row for every finding anyway; leave --all out", list)
	}
	return nil
}

// checkColumns refuses columns that do not exist, or that are named twice.
func checkColumns(flag string, names []string, given bool, sign string) error {
	if given && len(names) == 0 {
		return fmt.Errorf("%s: name at least one of %s", flag, strings.Join(report.Columns(), ", "))
	}
	seen := map[string]bool{}
	for _, name := range names {
		if sign != "" {
			name = strings.TrimPrefix(name, sign)
		}
		if err := oneOf(flag, name, report.Columns()); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("%s: %s is named twice", flag, name)
		}
		seen[name] = true
	}
	return nil
}

// apply puts the flags into the options of a report.
func (f *tableFlags) apply(o *report.Options) {
	o.All, o.GroupBy, o.Columns, o.Sort, o.Limit = f.all, f.groupBy, f.columns, f.sort, f.limit
}
