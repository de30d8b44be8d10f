package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/workbench"
	"github.com/ecraudit/ecraudit/policies"
)

func newRulesSchema(s streams) *cobra.Command {
	var scope, folder string
	command := &cobra.Command{
		Use:   "schema",
		Short: "Write what editors, OPA and Regal take to know the input of rules",
		Long: `Print the JSON Schema of what rules see, whole or of a scope.

With -o it writes to a folder what editors take: schemas/ for OPA, input.json as an
example from which Regal's language server completes fields (of --scope, or of
images), and .regal/config.yaml. Schemas are written anew; the other two are yours,
and stay as they are where they are there.`,
		Example: `  ecraudit rules schema --scope repository
  ecraudit rules schema -o my-rules --scope registry`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if scope != "" {
				if err := oneOf("--scope", scope, scopeNames()); err != nil {
					return err
				}
			}
			if folder != "" {
				return writeEditorFiles(s, folder, finding.Scope(scope))
			}
			return printSchema(s, finding.Scope(scope))
		},
	}
	flags := command.Flags()
	flags.StringVar(&scope, "scope", "", "only what rules of this `SCOPE` see: organization, registry, repository or image")
	addFolder(flags, &folder, "`FOLDER` to write what editors take to")
	complete(command, "scope", scopeNames())
	return command
}

// addFolder adds the flag for a folder to write to.
func addFolder(flags *pflag.FlagSet, folder *string, usage string) {
	flags.StringVarP(folder, "output", "o", "", usage)
}

func scopeNames() (names []string) {
	for _, scope := range finding.Scopes() {
		names = append(names, string(scope))
	}
	return names
}

func printSchema(s streams, scope finding.Scope) error {
	text := policies.InputSchema
	if scope != "" {
		var err error
		if text, err = workbench.SchemaOf(scope); err != nil {
			return err
		}
	}
	if _, err := s.out.Write(text); err != nil {
		return fmt.Errorf("printing the schema: %w", err)
	}
	return nil
}

func writeEditorFiles(s streams, folder string, scope finding.Scope) error {
	if scope == "" {
		scope = finding.ScopeImage // what others see, it sees too
	}
	files, err := workbench.EditorFiles(scope)
	if err != nil {
		return err
	}
	p := newSheet(s)
	for _, file := range files {
		path := filepath.Join(folder, filepath.FromSlash(file.Path))
		written, err := writeEditorFile(path, file)
		if err != nil {
			return err
		}
		if written {
			p.say("", "", "Written: %s", path)
		} else {
			p.say("", "", "Left as it is: %s", path)
		}
	}
	return p.writeTo(s.out)
}

// writeEditorFile reports whether the file was written.
func writeEditorFile(path string, file workbench.EditorFile) (bool, error) {
	if present, err := os.ReadFile(path); err == nil && (file.Own || bytes.Equal(present, file.Text)) {
		return false, nil
	}
	return true, writeBelow(path, file.Text)
}

// writeBelow writes a file, with the folders that it takes.
func writeBelow(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // sources and pages are read by others
		return fmt.Errorf("--output: %s: %w", filepath.Dir(path), snapshot.Cause(err))
	}
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // sources and pages are read by others
		return fmt.Errorf("--output: %s: %w", path, snapshot.Cause(err))
	}
	return nil
}
