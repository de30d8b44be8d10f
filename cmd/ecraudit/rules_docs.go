package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

func newRulesDocs(s streams) *cobra.Command {
	var f ruleFlags
	var folder string
	var all bool
	command := &cobra.Command{
		Use:   "docs",
		Short: "Write pages about rules, with what they say of each case, as Markdown",
		Long: `Write pages about your rules as Markdown, ID.md for each rule and README.md with a
list of them, as those of the default rules are written. Without -o the pages are
printed one after the other. Pages are made from rules and their cases alone, and
written anew each time; a file that another hand wrote is not overwritten.`,
		Example: `  ecraudit rules docs --rules my-rules
  ecraudit rules docs --rules my-rules -o rule-pages
  ecraudit rules docs --all -o rule-pages`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			_, library, err := f.loadWithCases(command.Context(), s, func(r *evaluate.Rule) bool { return all || !r.Builtin() })
			if err != nil {
				return err
			}
			if len(library.Chosen()) == 0 {
				return errors.New("there are no rules but the default ones: name yours with --rules or rule_paths, or give --all")
			}
			return writePages(s, library, folder)
		},
	}
	f.addFiles(command.Flags())
	command.Flags().BoolVar(&all, "all", false, "of the default rules, too")
	addFolder(command.Flags(), &folder, "`FOLDER` to write the pages to")
	return command
}

func writePages(s streams, library *workbench.Library, folder string) error {
	tables, err := library.Tables()
	if err != nil {
		return err
	}
	var pages strings.Builder
	for _, rule := range library.Chosen() {
		links := workbench.Sources(rule, library, folder)
		if rule.Builtin() {
			links = workbench.BuiltinSources(rule)
		}
		page := workbench.RulePage(rule, tables[rule.ID], links)
		if folder == "" {
			pages.WriteString(page + "\n")
			continue
		}
		if err := writePage(filepath.Join(folder, rule.ID+".md"), page); err != nil {
			return err
		}
	}
	if folder == "" {
		_, err := fmt.Fprint(s.out, pages.String())
		return err
	}
	return writeIndex(s, library, folder)
}

// writePage overwrites only what was written by this command.
func writePage(path, text string) error {
	present, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(present), workbench.PageMark) {
		return fmt.Errorf("--output: %s was not written by ecraudit rules docs: move it away, or choose another folder", path)
	}
	return writeBelow(path, []byte(text))
}

func writeIndex(s streams, library *workbench.Library, folder string) error {
	rules := library.Chosen()
	index := fmt.Sprintf("# Rules\n\n%s%s%s", workbench.PageMark, plural(len(rules), "rule", "rules")+".\n", workbench.IndexTable(rules, ""))
	if err := writePage(filepath.Join(folder, "README.md"), index); err != nil {
		return err
	}
	p := newSheet(s)
	p.say("", "", "Written: %s in %s, and the list of them in %s.", plural(len(rules), "page", "pages"), folder, filepath.Join(folder, "README.md"))
	return p.writeTo(s.out)
}
