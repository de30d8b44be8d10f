package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

func newRulesNew(s streams) *cobra.Command {
	var f ruleFlags
	var scope, severity string
	var n workbench.NewRule
	command := &cobra.Command{
		Use:   "new ID",
		Short: "Write a new rule with its cases and its page",
		Long: `Write a rule that works, its cases (_test.rego) and its page (ID.md), to be changed
into what you want. They load, and pass rules test and rules lint at once.
Nothing is overwritten.

The rule looks at something simple in each of the documents that --needs names.`,
		Example: `  ecraudit rules new owner-tag --scope repository --needs tags
  ecraudit rules new old-image --scope image --severity low --title 'Images are rebuilt'`,
		Args: exactlyOne("the id of the new rule, such as owner-tag"),
		RunE: func(command *cobra.Command, args []string) error {
			if err := oneOf("--scope", scope, scopeNames()); err != nil {
				return err
			}
			if err := oneOf("--severity", severity, finding.SeverityNames()); err != nil {
				return err
			}
			n.ID, n.Scope = args[0], finding.Scope(scope)
			n.Severity, _ = finding.ParseSeverity(severity) // it is one of the names
			known, ofConfig, err := f.knownTo(command.Context(), n.Folder, s)
			if err != nil {
				return err
			}
			files, err := n.Write(known)
			if err != nil {
				return err
			}
			return sayNext(s, n, files, ofConfig)
		},
	}
	flags := command.Flags()
	f.addFiles(flags)
	flags.StringVar(&scope, "scope", "", "what the rule judges (`SCOPE`): organization, registry, repository or image")
	flags.StringVar(&severity, "severity", "medium", "`SEVERITY` of the rule: critical, high, medium, low or info")
	flags.StringVar(&n.Title, "title", "", "what should hold, in one line (`TEXT`)")
	flags.StringSliceVar(&n.Needs, "needs", nil, "documents (`NEEDS`) that the rule looks at, such as tags or lifecycle")
	flags.StringVar(&n.Folder, "dir", "my-rules", "`FOLDER` to write to")
	complete(command, "scope", scopeNames())
	complete(command, "severity", finding.SeverityNames())
	return command
}

// knownTo are the rules whose ids are taken: default ones, those of --rules and
// the configuration, and those in the folder. It is said whether the
// configuration takes the folder's rules already.
func (f *ruleFlags) knownTo(ctx context.Context, folder string, s streams) (rules *evaluate.Rules, ofConfig bool, err error) {
	named, err := f.named(ctx, f.configPath())
	if err != nil {
		return nil, false, err
	}
	ofConfig = slices.ContainsFunc(named.config.RulePaths, func(p string) bool { return samePath(p, folder) })
	// A folder that is to get its first rule has none yet.
	paths := slices.DeleteFunc(named.withFolders([]string{folder}), func(p string) bool { return samePath(p, folder) && !hasRules(folder) })
	rules, err = named.rules(ctx, named.config, paths)
	named.tellDoubts(messagesOf(s.err))
	return rules, ofConfig, err
}

func samePath(a, b string) bool {
	first, err := filepath.Abs(a)
	second, err2 := filepath.Abs(b)
	return errors.Join(err, err2) == nil && first == second
}

func hasRules(folder string) bool {
	found := false
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".rego") && !strings.HasSuffix(path, "_test.rego") {
			found = true
		}
		return nil // a folder that is missing, or cannot be read, is told when it is written to
	})
	return found
}

func sayNext(s streams, n workbench.NewRule, files workbench.Files, ofConfig bool) error {
	p := newSheet(s)
	p.say("", "", "Written: %s, its cases in %s and its page %s.", files.Rule, files.Cases, files.Page)
	p.gap()
	p.say("", "", "Next:")
	rules, keep := " --rules "+n.Folder, fmt.Sprintf("Keep it: rule_paths: [%s] in ecraudit.yaml.", n.Folder)
	if ofConfig {
		rules, keep = "", "Keep it: the configuration takes the rules of "+n.Folder+" already."
	}
	p.say("  ", "1. ", "Say what you look for: edit %s, and then the cases. docs/input.md lists what there is to see.", files.Rule)
	p.say("  ", "2. ", "Test it: ecraudit rules test %s && ecraudit rules lint %s", n.Folder, n.Folder)
	p.say("  ", "3. ", "See what it says of a snapshot: ecraudit rules run %s%s --snapshot FILE --explain", n.ID, rules)
	p.say("  ", "4. ", "Audit with it: ecraudit audit%s", rules)
	p.say("  ", "5. ", "%s", keep)
	return p.writeTo(s.out)
}

// exactlyOne refuses any other number of arguments.
func exactlyOne(what string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("%s takes %s: it is missing; see %s --help", command.CommandPath(), what, command.CommandPath())
		case len(args) > 1:
			return fmt.Errorf("%s takes %s: %q is one too many; see %s --help", command.CommandPath(), what, args[1], command.CommandPath())
		}
		return nil
	}
}
