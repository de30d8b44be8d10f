package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/report"
)

// queryFlag says which findings are written.
type queryFlag struct {
	text  string
	query *query.Query // nil where all are

	among *pflag.FlagSet // to tell none from an empty one
}

func (f *queryFlag) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.text, "query", "", "write only the findings that match this `QUERY`, such as 'severity>=high and not repository=sandbox/*'; the exit code stays that of all")
	f.among = flags
}

// parse reads the query, if one is given.
func (f *queryFlag) parse() (err error) {
	if f.text == "" && !given(f.among, "query") {
		return nil
	}
	if f.query, err = query.Parse(f.text); err != nil {
		return fmt.Errorf("--query: %w", err)
	}
	return nil
}

// filtered is a handler to which only those findings come that match.
func (f *queryFlag) filtered(h report.Handler, s streams) report.Handler {
	if f.query == nil {
		return h
	}
	messagesOf(s.err).summary.query = f.query.String()
	return report.Only(f.query, h, func(idle string) {
		messagesOf(s.err).warn("--query: " + idle)
	})
}
