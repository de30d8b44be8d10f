package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/config"
)

// streams are where a command reads and writes: results go to out, everything
// else to err. asks says that somebody at a terminal can answer on in.
type streams struct {
	in       io.Reader
	out, err io.Writer
	asks     bool
	environ  []string         // "NAME=value": flags that are not given; the AWS client reads its own
	now      func() time.Time // nil is the clock of this machine
}

// clock is the time by which plans are made and judged too old.
func (s streams) clock() time.Time {
	if s.now != nil {
		return s.now().UTC()
	}
	return time.Now().UTC()
}

// exitError is a usage or internal error.
const exitError = 1

// exit carries an exit code that is not an error out of a command.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	started := time.Now()
	m := messagesOf(s.err)
	s.err = m
	root := newRoot(s)
	root.SetArgs(args)
	root.SetOut(s.out)
	root.SetErr(s.err)
	if s.in != nil {
		root.SetIn(s.in)
	}
	environmentOf(s.environ).takeEarly(root)
	command, err := root.ExecuteContextC(ctx)
	code := ended(ctx, command, m, err)
	m.sumUp(code, time.Since(started))
	return code
}

// ended says why a command failed, if it did, and returns the exit code.
func ended(ctx context.Context, command *cobra.Command, m *messages, err error) int {
	var code exit
	interrupted := ctx.Err() != nil && errors.Is(err, context.Canceled)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case interrupted:
		m.summary.interrupted = true
		m.fail([]string{"interrupted"}, exitError)
	default:
		m.fail(problems(command, err), exitError)
	}
	return exitError
}

// problems are what an error says, one problem each.
func problems(command *cobra.Command, err error) []string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = inTermsOf(command, lines[i])
	}
	return lines
}

const exitCodes = `Exit codes:
  0  everything was read, and nothing is at or above --fail-on
  1  usage or internal error
  2  findings at or above --fail-on; with --baseline, new or worsened ones
  3  nothing to fail on, but incomplete: something could not be read, or a rule
     at or above --fail-on could not tell (--allow-incomplete makes it 0)`

func newRoot(s streams) *cobra.Command {
	m := messagesOf(s.err)
	s.err = m
	audit := newAudit(s)
	root := &cobra.Command{
		Use:   "ecraudit",
		Short: "Audit the Amazon ECR registries of an AWS organization",
		Long: `ecraudit reads the Amazon ECR registries of an AWS organization, judges them
with Rego rules and prints what is wrong. It only reads, unless you ask it to
mend what it finds (--fix, apply).

Without a command it audits the account and region of the ambient credentials.

` + exitCodes + fixExitCodes,
		Example: audit.Example,
		Args:    noArguments,
		RunE:    audit.RunE,
		Version: version,

		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Flags().AddFlagSet(audit.Flags())
	root.SetVersionTemplate(versionText())
	root.SetFlagErrorFunc(explainFlag)
	showHelp(root, s)
	root.AddCommand(audit, newReport(s), newDiff(s), newBaseline(s), newHistory(s), newPlan(s), newShow(s), newApply(s), newUndo(s), newJournal(s), newQuarantine(s), newSnapshot(s), newRules(s), newInit(s), newConfig(s), newWaive(s), newWaivers(s), newAccess(s), newCost(s), newImages(s), newLifecycle(s), newPermissions(s), newDoctor(s), newDemo(s), newVersion(s))
	m.add(root.PersistentFlags())
	settle(root, environmentOf(s.environ), m)
	return root
}

// settle has all commands take from the environment what was not given, before
// they look at their arguments, which may depend on it.
func settle(root *cobra.Command, e environment, m *messages) {
	eachCommand(root, func(c *cobra.Command) {
		check := c.Args
		c.Args = func(command *cobra.Command, args []string) error {
			m.summary.command = commandName(command)
			if err := errors.Join(e.unknown(root), e.take(command, m)); err != nil {
				return err
			}
			if err := m.check(command.Flags()); err != nil {
				return err
			}
			if check == nil {
				return nil
			}
			return check(command, args)
		}
	})
}

// noArguments refuses arguments; of the program itself they are commands that
// do not exist.
func noArguments(command *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case command.HasParent():
		return fmt.Errorf("%s takes no arguments: %q is one too many; see %s --help", command.CommandPath(), args[0], command.CommandPath())
	}
	var names []string
	for _, c := range command.Commands() {
		names = append(names, c.Name())
	}
	return oneOf("command", args[0], names)
}

// explainFlag adds the nearest right name to an unknown flag.
func explainFlag(command *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if strings.Contains(err.Error(), "missing unit in duration") {
		return fmt.Errorf("%w: add one, as in 5s or 2m", err)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok && invalid.GetFlag().Value.Type() == "int" {
		return fmt.Errorf("--%s: %q is not a whole number: write one such as 30", invalid.GetFlag().Name, invalid.GetValue())
	}
	if !unknown {
		return fmt.Errorf("%w; see %s --help", err, command.CommandPath())
	}
	if nearest, ok := config.Nearest(name, flagNames(command)); ok {
		return fmt.Errorf("unknown flag --%s: did you mean --%s?", name, nearest)
	}
	return fmt.Errorf("unknown flag --%s; see %s --help", name, command.CommandPath())
}
