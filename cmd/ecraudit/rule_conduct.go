package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/evaluate"
)

// conductFlags say what rules may do to a run.
type conductFlags struct{ ruleTimeout time.Duration }

func (f *conductFlags) add(flags *pflag.FlagSet) {
	f.addFor(flags, "one repository, or one page of its images")
}

// addFor says what it is for that a rule may take so long.
func (f *conductFlags) addFor(flags *pflag.FlagSet, what string) {
	flags.DurationVar(&f.ruleTimeout, "rule-timeout", evaluate.DefaultTimeLimit, "how long (`DURATION`) a rule may take for "+what)
}

func (f *conductFlags) check() error {
	if f.ruleTimeout < time.Millisecond || f.ruleTimeout > time.Hour {
		return fmt.Errorf("--rule-timeout %s: use a duration such as 10s, from 1ms to 1h", f.ruleTimeout)
	}
	return nil
}

// judgingAt are the options of an engine that judges as of a moment.
func (f *conductFlags) judgingAt(clock time.Time) evaluate.Options {
	return evaluate.Options{Clock: clock, TimeLimit: f.ruleTimeout}
}

// tellTroubles says at the end which rules were slow, and which were not run to
// the end.
func tellTroubles(engine *evaluate.Engine, m *messages) {
	for _, t := range engine.Troubles() {
		about := []slog.Attr{slog.String("rule", t.Rule), slog.Int64("slowest_ms", t.Slowest.Milliseconds()), slog.Int("timeouts", t.Timeouts)}
		m.warn(trouble(t, engine.TimeLimit()), about...)
	}
}

func trouble(t evaluate.Trouble, limit time.Duration) string {
	switch {
	case t.Ended != "":
		return fmt.Sprintf("the rule %s was not run to the end, and is unknown from then on: %s (for %s)", t.Rule, t.Ended, t.Where)
	case t.Timeouts > 0:
		return fmt.Sprintf("the rule %s took longer than %s %s, and is unknown there (for %s)", t.Rule, limit, plural(t.Timeouts, "time", "times"), t.Where)
	}
	return fmt.Sprintf("the rule %s is slow: it took %s for %s", t.Rule, t.Slowest.Round(time.Millisecond), t.Where)
}
