package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func newReport(s streams) *cobra.Command {
	var f outputFlags
	command := &cobra.Command{
		Use:   "report REPORT",
		Short: "Turn a saved report into other formats",
		Long: `Reads a report that an audit wrote as JSON or NDJSON, and writes it in other formats.
It judges nothing anew: the findings, the gaps and the verdict are those of the run,
also where --query chooses some of the findings.
A report of - is read from standard input.

Exit codes:
  0  everything was written
  1  usage or internal error, or the report is damaged or cut off`,
		Example: `  ecraudit report report.json
  ecraudit report report.json --format ndjson
  ecraudit report report.json --query 'severity>=high and not repository=sandbox/*'
  ecraudit report report.json --columns severity,rule,resource,message --sort -severity,rule
  ecraudit report report.json -o table=findings.txt -o findings.ndjson`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one report: name the file that ecraudit audit --format json wrote", command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if err := f.spare(args[0]); err != nil {
				return err
			}
			in, err := openReport(args[0], command.InOrStdin())
			if err != nil {
				return err
			}
			defer in.Close()
			to, err := f.open(s)
			if err != nil {
				return err
			}
			defer to.abort()
			to.askForDetails(true)
			if err := report.Replay(in, f.filtered(to.handler(), s)); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", args[0], err), to.commit())
			}
			return to.commit()
		},
	}
	f.add(command.Flags())
	complete(command, "format", report.Formats())
	f.tableFlags.complete(command)
	return command
}

func openReport(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; make a report with: ecraudit audit --format json -o FILE", path, snapshot.Cause(err))
	}
	return file, nil
}
