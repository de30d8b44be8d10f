package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// snapshotFlags are the flags of a collection without a judgement.
type snapshotFlags struct {
	ruleFlags
	targetFlags
	output          string
	allowIncomplete bool
}

func newSnapshot(s streams) *cobra.Command {
	var f snapshotFlags
	command := &cobra.Command{
		Use:   "snapshot",
		Short: "Collect now, to judge later without AWS",
		Long: `Collects what the active rules need into one file. ecraudit audit --snapshot
judges it later, on another machine, without AWS, with the same findings.

Exit codes:
  0  everything was read
  1  usage or internal error
  3  something could not be read, and the file says what (--allow-incomplete makes it 0)`,
		Example: `  ecraudit snapshot --org --role-name ecraudit-reader --regions all -o org.snapshot
  ecraudit audit --snapshot org.snapshot`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if f.output == "" {
				return fmt.Errorf("-o is missing: say which file to write, as in ecraudit snapshot -o org.snapshot")
			}
			if err := f.check(); err != nil {
				return err
			}
			return runSnapshot(command.Context(), &f, s)
		},
	}
	f.ruleFlags.add(command.Flags())
	f.targetFlags.add(command.Flags())
	command.Flags().StringVarP(&f.output, "output", "o", "", "`FILE` to write")
	command.Flags().BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit with 0 even when something could not be read")
	return command
}

func runSnapshot(ctx context.Context, f *snapshotFlags, s streams) error {
	summary := messagesOf(s.err).summary
	summary.beginReading()
	c, rules, err := f.load(ctx, s)
	if err != nil {
		return err
	}
	clock := s.clock()
	engine, err := evaluate.New(rules, c, evaluate.Options{Clock: clock})
	if err != nil {
		return err
	}
	out, err := openOutput(f.output, s.out)
	if err != nil {
		return err
	}
	defer out.Abort()
	needs := slices.Sorted(maps.Keys(engine.Needs()))
	writer, err := snapshot.NewWriter(snapshot.Header{Tool: version, Clock: clock, Needs: needs, AllRegions: f.allRegions()})
	if err != nil {
		return err
	}
	defer writer.Close()
	options := f.collectOptions(c, engine, s.err)
	err = f.collect(ctx, options, writer, s.err)
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		return err
	}
	if err := writer.Write(out, interrupted); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	gaps := options.Stats.Gaps.Load()
	summary.collected(options.Stats, interrupted)
	summary.outputs = []string{f.output}
	sayCollected(messagesOf(s.err), options.Stats)
	if interrupted || gaps > 0 && !f.allowIncomplete {
		return exit(audit.ExitIncomplete)
	}
	return nil
}

func sayCollected(m *messages, stats *collect.Stats) {
	gaps := stats.Gaps.Load()
	text := fmt.Sprintf("collected %d repositories and %d images, gaps: %d", stats.Repositories.Load(), stats.Images.Load(), gaps)
	if gaps > 0 {
		m.warn(text, progressCounts(stats)...)
		return
	}
	m.note(text, progressCounts(stats)...)
}
