package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/conventions"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// initFlags say what is looked at, and where the file goes.
type initFlags struct {
	surveyFlags
	output string
}

func newInit(s streams) *cobra.Command {
	var f initFlags
	command := &cobra.Command{
		Use:   "init",
		Short: "Write a first ecraudit.yaml that fits your organization",
		Long: `Looks at the repositories of AWS or of a snapshot and writes a commented
configuration: accounts that can pull nearly everywhere, how releases and
development images are tagged, resource tags, encryption. What nearly all
repositories do is in force; what is doubtful is commented out, with how many do
it. Nobody outside the organization is trusted by it.

It only reads AWS, and does not overwrite a file.

Exit codes:
  0  the file was written
  1  usage or internal error`,
		Example: `  ecraudit init --snapshot org.snapshot -o first.yaml
  ecraudit init --org --role-name ecraudit-reader --regions all -o -`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := f.surveyFlags.check(command); err != nil {
				return err
			}
			return f.run(command.Context(), s)
		},
	}
	flags := command.Flags()
	f.targetFlags.add(flags)
	flags.StringVar(&f.snapshot, "snapshot", "", "look at this snapshot `FILE` instead of asking AWS")
	flags.StringVarP(&f.output, "output", "o", "ecraudit.yaml", "`FILE` to write; - is standard output")
	return command
}

func (f *initFlags) run(ctx context.Context, s streams) error {
	if err := f.checkOutput(); err != nil {
		return err
	}
	survey, err := f.survey(ctx, s)
	if err != nil {
		return err
	}
	proposal := survey.Propose()
	if err := f.write(proposal.Text, s.out); err != nil {
		return err
	}
	m := messagesOf(s.err)
	for _, guess := range proposal.Guesses {
		m.note("guessed " + guess)
	}
	written := f.output
	if written == "-" {
		written = "it"
	}
	m.note(fmt.Sprintf("%s in force, %s commented out; look at every line of %s",
		plural(len(proposal.Guesses), "guess is", "guesses are"), plural(proposal.Doubtful, "more is", "more are"), written))
	return nil
}

// checkOutput refuses a file that is there already, and one that would be found instead
// of it.
func (f *initFlags) checkOutput() error {
	const remedy = "choose another file with -o, or print to standard output with -o -"
	if f.output == "-" {
		return nil
	}
	if _, err := os.Lstat(f.output); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already and is not overwritten: %s", f.output, remedy)
	}
	folder, name := filepath.Split(f.output)
	if there, found := config.Find(folder); found && strings.TrimSuffix(name, filepath.Ext(name)) == "ecraudit" {
		return fmt.Errorf("%s is there already, and %s would be found beside it: %s", there, name, remedy)
	}
	return nil
}

func (f *initFlags) survey(ctx context.Context, s streams) (*conventions.Survey, error) {
	collected := snapshot.Needs{}
	if f.snapshot != "" {
		saved, err := openSnapshot(f.snapshot)
		if err != nil {
			return nil, err
		}
		maps.Copy(collected, saved.collected())
		saved.Close()
		survey := conventions.New(collected)
		_, err = readSnapshot(ctx, config.Default(), f.snapshot, nil, survey)
		return survey, errors.Join(err, ctx.Err())
	}
	for _, need := range conventions.Needs() {
		collected[need] = true
	}
	survey := conventions.New(collected)
	return survey, f.visit(ctx, config.Default(), slices.Sorted(maps.Keys(collected)), s, survey)
}

// write refuses to overwrite, also a file that came to be meanwhile.
func (f *initFlags) write(text string, stdout io.Writer) error {
	if f.output == "-" {
		_, err := io.WriteString(stdout, text)
		return err
	}
	file, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a configuration is for everybody who works on the repository
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.output, snapshot.Cause(err))
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", f.output, snapshot.Cause(err))
	}
	return nil
}
