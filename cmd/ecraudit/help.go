package main

import (
	"cmp"
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
	{whichChanges, []string{"only", "repository", "max-risk", "max-changes", "max-age", "older-than", "tag", "last"}},
	{"Writing to AWS", []string{"fix", "yes", "allow", "force-policy", "preview-timeout", "max-errors", "journal", "wait"}},
	{"Credentials", []string{"profile", "role-name", "fix-role-name", "external-id", "session-name", "hub-role-arn", "hub-account"}},
	{"Pace and log", []string{"concurrency", "retry-for", "call-timeout", "timeout", "progress", "verbose", "quiet", "log-format"}},
}

const whichChanges = "Which changes"

// choosesChanges reports whether a command writes or plans. To others a flag of such
// a name means something else.
func choosesChanges(flags *pflag.FlagSet) bool {
	return slices.ContainsFunc([]string{"max-risk", "yes"}, func(name string) bool { return flags.Lookup(name) != nil })
}

// widestHelp is the width to which help is folded at most: longer lines are hard
// to read.
const widestHelp = 100

// showHelp makes help fit the terminal and show flags in groups, for the command
// and those below.
func showHelp(command *cobra.Command, s streams) {
	width := min(cmp.Or(tableOptions(s.out).Width, defaultWidth), widestHelp)
	command.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), usage(c, width))
		return err
	})
	command.SetHelpFunc(func(c *cobra.Command, _ []string) {
		about := filled(strings.TrimSpace(cmp.Or(c.Long, c.Short)), width)
		_, _ = fmt.Fprintf(c.OutOrStdout(), "%s\n\n%s", about, usage(c, width)) // there is nobody left to tell
	})
}

func usage(c *cobra.Command, width int) string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n\nCommands:\n", c.CommandPath())
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				b.WriteString(hung(fmt.Sprintf("  %-*s ", sub.NamePadding(), sub.Name()), sub.Short, width))
			}
		}
	}
	if c.HasExample() {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(c.Example) {
			b.WriteString(foldedCommand(strings.TrimRight(line, "\n"), width))
		}
	}
	c.InheritedFlags() // has cobra merge them
	for _, group := range flagsByGroup(c.Flags()) {
		fmt.Fprintf(&b, "\n%s:\n%s", group.title, group.flags.FlagUsagesWrapped(width))
	}
	b.WriteString("\n" + filled(environmentHelp(c), width) + "\n")
	if c.HasAvailableSubCommands() {
		b.WriteString("\n" + hung("", c.CommandPath()+" COMMAND --help says more about a command.", width))
	}
	return b.String()
}

// filled folds text anew. Lines without an indent run on, up to one that ends
// with a colon; a line with an indent begins an item of a list, to which lines
// that are indented further belong.
func filled(text string, width int) string {
	var b strings.Builder
	part, indent := "", 0
	flush := func() {
		if part != "" {
			b.WriteString(hung("", part, width))
		}
		part = ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		words := strings.TrimLeft(line, " \t")
		runsOn := part != "" && !strings.HasSuffix(part, ":") &&
			(len(line)-len(words) > indent || len(line) == len(words) && indent == 0)
		switch {
		case words == "":
			flush()
			b.WriteString("\n")
		case runsOn:
			part += " " + words
		default:
			flush()
			part, indent = line, len(line)-len(words)
		}
	}
	flush()
	return strings.TrimRight(b.String(), "\n")
}

// hung folds text behind a lead, or behind the code or mark that it begins with.
func hung(lead, text string, width int) string {
	hang := len(lead)
	if words := strings.TrimLeft(text, " "); lead == "" && len(words) < len(text) {
		hang = len(text) - len(words)
		if _, rest, isItem := strings.Cut(words, "  "); isItem {
			hang = len(text) - len(strings.TrimLeft(rest, " "))
		}
	}
	var b strings.Builder
	for _, line := range folded(lead+text, width, strings.Repeat(" ", hang)) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// foldedCommand folds a command line so that a shell takes it as it stands: between
// arguments, before a flag where there is one.
func foldedCommand(line string, width int) string {
	const again = "      "
	var b strings.Builder
	for prefix := ""; ; prefix = again {
		end := commandEnd(line, width-len(prefix)-len(` \`))
		if len(prefix)+len(line) <= width || end == 0 {
			b.WriteString(prefix + line + "\n")
			return b.String()
		}
		b.WriteString(prefix + line[:end] + " \\\n")
		line = line[end+1:]
	}
}

// commandEnd is the space at which a command line is cut, 0 where there is none.
func commandEnd(line string, width int) int {
	var quote rune
	space, flag := 0, 0
	begun := false
	for at, c := range line {
		if at > width && (space > 0 || flag > 0) {
			break
		}
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ' ' && begun:
			space = at
			if strings.HasPrefix(line[at+1:], "-") {
				flag = at
			}
		case c != ' ':
			begun = true
		}
	}
	if flag > 0 {
		return flag
	}
	return space
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
			if slices.Contains(group.names, f.Name) && (group.title != whichChanges || choosesChanges(flags)) {
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
