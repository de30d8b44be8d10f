package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroups is the order in which help shows flags. What is in no group is
// shown first: it is the command's own.
var flagGroups = []struct {
	title string
	names []string
}{
	{"What to look at", []string{"org", "ou", "accounts", "exclude-accounts", "regions", "account", "region", "snapshot", "live", "assume"}},
	{"Rules and settings", []string{"config", "rules", "rules-key", "framework", "rule-timeout", "enhanced-scanning", "rules-repository", "waivers"}},
	{"Report", []string{"query", "format", "output", "details", "fail-on", "baseline", "allow-incomplete"}},
	{"Table", []string{"all", "group-by", "columns", "sort", "limit"}},
	{"Which changes", []string{"only", "repository", "max-risk", "max-changes", "max-age", "older-than", "tag", "last"}},
	{"Writing to AWS", []string{"fix", "yes", "allow", "force-policy", "preview-timeout", "max-errors", "journal", "wait"}},
	{"Credentials", []string{"profile", "role-name", "fix-role-name", "external-id", "session-name", "hub-role-arn", "hub-account"}},
	{"Pace and log", []string{"concurrency", "retry-for", "call-timeout", "timeout", "progress", "verbose", "quiet", "log-format"}},
}

// groupFlags makes help show flags in groups, for the command and those below.
func groupFlags(command *cobra.Command) {
	command.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), usage(c))
		return err
	})
}

func usage(c *cobra.Command) string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n\nCommands:\n", c.CommandPath())
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	c.InheritedFlags() // has cobra merge them
	for _, group := range flagsByGroup(c.Flags()) {
		fmt.Fprintf(&b, "\n%s:\n%s", group.title, group.flags.FlagUsages())
	}
	b.WriteString("\n" + environmentHelp(c) + "\n")
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more about a command.\n", c.CommandPath())
	}
	return b.String()
}

type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

func flagsByGroup(flags *pflag.FlagSet) (groups []flagGroup) {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	sets := make([]*pflag.FlagSet, len(flagGroups))
	for i := range sets {
		sets[i] = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	flags.VisitAll(func(f *pflag.Flag) {
		for i, group := range flagGroups {
			if slices.Contains(group.names, f.Name) {
				sets[i].AddFlag(f)
				return
			}
		}
		own.AddFlag(f)
	})
	if own.HasAvailableFlags() {
		groups = append(groups, flagGroup{"Flags", own})
	}
	for i, set := range sets {
		if set.HasAvailableFlags() {
			groups = append(groups, flagGroup{flagGroups[i].title, set})
		}
	}
	return groups
}
