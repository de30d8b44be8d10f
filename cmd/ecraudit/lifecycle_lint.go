package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
)

func newLifecycleLint(s streams) *cobra.Command {
	var f configFlag
	command := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check lifecycle policies without AWS",
		Long: `Checks lifecycle policies as PutLifecyclePolicy does, and says what can be said
without images: rules that can never act, lists that were meant as alternatives
but are ANDed, what the user guide advises against. Where a policy evidently means
something else than it says, the policy that does what was meant is shown.

Exit codes:
  0  nothing is wrong
  1  usage error, or a file that could not be read
  2  something is wrong`,
		Example: `  ecraudit lifecycle lint policy.json
  ecraudit lifecycle lint policy.json repaired.json`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s: name the files to check, or - for standard input", command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			c, err := f.load(command.Context(), messagesOf(s.err))
			if err != nil {
				return err
			}
			l := linter{releases: c.For(config.Resource{}).ReleaseTagsRegexp().String(), stdin: command.InOrStdin()}
			return l.run(s, args)
		},
	}
	f.add(command.Flags())
	return command
}

// linter checks policy files.
type linter struct {
	releases string
	stdin    io.Reader
	failures []error
	problems int
}

func (l *linter) run(s streams, paths []string) error {
	p := newSheet(s)
	for i, path := range paths {
		if i > 0 {
			p.gap()
		}
		l.file(p, path)
	}
	if err := p.writeTo(s.out); err != nil {
		return err
	}
	switch {
	case len(l.failures) > 0:
		return errors.Join(l.failures...)
	case l.problems > 0:
		return exit(exitDifferent)
	}
	return nil
}

func (l *linter) file(p *sheet, path string) {
	text, err := readText(path, l.stdin)
	if err != nil {
		l.failures = append(l.failures, err)
		return
	}
	policy, err := lifecycle.Parse(text)
	if invalid, ok := errors.AsType[*lifecycle.InvalidError](err); ok {
		l.problems += len(invalid.Violations)
		p.say("", "", "%s: %s that PutLifecyclePolicy refuses", path, plural(len(invalid.Violations), "mistake", "mistakes"))
		for _, violation := range invalid.Violations {
			p.say("  ", "- ", "%s", violation)
		}
		return
	}
	l.policy(p, path, policy)
}

func (l *linter) policy(p *sheet, path string, policy *lifecycle.Policy) {
	insights, doubts := policy.Insights(nil, time.Time{}, lifecycle.InsightOptions{}), policy.Doubts()
	n := len(insights) + len(doubts)
	l.problems += n
	if n == 0 {
		p.say("", "", "%s: nothing is wrong with its %s", path, plural(len(policy.Rules), "rule", "rules"))
	} else {
		p.say("", "", "%s: valid, but %s", path, plural(n, "thing is probably not meant", "things are probably not meant"))
	}
	for _, i := range insights {
		p.say("  ", "- ", "%s: %s. Advice: %s.", i.Kind, i.Message, i.Advice)
	}
	for _, doubt := range doubts {
		p.say("  ", "- ", "%s", doubt)
	}
	p.closing(policy, l.releases)
}
