package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/remediate"
)

func newUndo(s streams) *cobra.Command {
	var f struct {
		writeFlags
		targetFlags
		choiceFlags
		last bool
	}
	command := &cobra.Command{
		Use:   "undo RUN",
		Short: "Take back what a run changed",
		Long: `Restores what a run found, from the journal, newest change first. What somebody
changed since is left alone. It works after a crash as well, can be repeated, and
is a run of its own that can be undone.

` + applyExitCodes,
		Example: `  ecraudit undo --last
  ecraudit undo 20261125T131502Z-k3x9qp --repository 'landing-zone/*' --yes`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 1 {
				leaveAside(command.Flags(), "last")
			}
			if len(args) > 1 || (len(args) == 1) == f.last {
				return errors.New("name one run, or give --last: ecraudit journal lists the runs")
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if err := errors.Join(f.writeFlags.check(), f.targetFlags.check()); err != nil {
				return err
			}
			filter, err := f.filter(nil)
			if err != nil {
				return err
			}
			messagesOf(s.err).summary.beginWriting()
			w := &writer{streams: s, writeFlags: &f.writeFlags, targetFlags: &f.targetFlags}
			return w.undo(command.Context(), args, filter)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&f.last, "last", false, "the newest run that is no undo and was not undone")
	f.choiceFlags.addRepository(flags)
	f.writeFlags.add(flags)
	f.targetFlags.addCredentials(flags)
	f.targetFlags.addPace(flags)
	return command
}

// undo takes back the run that is named, or the last one.
func (w *writer) undo(ctx context.Context, args []string, filter remediate.Filter) error {
	journal, err := w.openJournal()
	if err != nil {
		return err
	}
	run, err := chosenRun(journal, args)
	if err != nil {
		return err
	}
	if run.Kind == remediate.RunPurge {
		return fmt.Errorf("run %s purged images from the quarantine: AWS has deleted them, and they cannot be brought back", run.ID)
	}
	results := remediate.Undoes(run, filter)
	if len(results) == 0 && filter.Repository != nil && run.Wrote() {
		return fmt.Errorf("--repository: no change of the run %s is of such a repository: ecraudit journal %s lists them", run.ID, run.ID)
	}
	messagesOf(w.err).summary.written(len(results), 0, nil)
	p := newSheet(w.streams)
	p.say("", "", "Undo run %s (%s of %s):", run.ID, run.Kind, run.At.Format("2006-01-02 15:04 UTC"))
	var regions []string
	for _, r := range results {
		p.say("  ", "- ", "%s: %s: take back: %s", r.Where(), r.Kind, joined(r.Summary))
		regions = append(regions, r.Region)
	}
	if len(results) == 0 {
		p.say("  ", "", "it wrote nothing that could be taken back")
	}
	if err := p.writeTo(w.out); err != nil || len(results) == 0 {
		return err
	}
	if err := w.open(ctx, regions); err != nil {
		return err
	}
	if err := w.consent(ctx, fmt.Sprintf("Undo %s?", plural(len(results), "change", "changes"))); err != nil {
		return err
	}
	return w.write(ctx, w.options(), len(results), 0, func(ctx context.Context, o remediate.Options) (*remediate.Summary, error) {
		return remediate.Undo(ctx, o, run, filter)
	})
}

func chosenRun(journal *remediate.Journal, args []string) (*remediate.Run, error) {
	if len(args) == 0 {
		return journal.Last()
	}
	return journal.Read(args[0])
}
