package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// exitDifferent is the exit code of a command that compares or checks, and
// found something.
const exitDifferent = 2

func newLifecycle(s streams) *cobra.Command {
	command := &cobra.Command{
		Use:   "lifecycle",
		Short: "Explain, simulate, verify and lint lifecycle policies",
		Long: `Says what a lifecycle policy does to the images of a repository, and what
another one would do, without changing anything.`,
		Example: `  ecraudit lifecycle explain lifecycle/tags-anded --snapshot org.snapshot
  ecraudit lifecycle simulate landing-zone/customizations --region us-east-1 --at 2027-01-31
  ecraudit lifecycle verify landing-zone/customizations --region us-east-1
  ecraudit lifecycle lint policy.json`,
		Args: subcommand,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newLifecycleExplain(s), newLifecycleSimulate(s), newLifecycleVerify(s), newLifecycleLint(s))
	return command
}

// subcommand refuses arguments of a command that only has others below it.
func subcommand(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range command.Commands() {
		names = append(names, c.Name())
	}
	return oneOf(command.Name(), args[0], names)
}

// oneRepository refuses anything but the name of one repository.
func oneRepository(command *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes one repository (name, ARN or URI), not %d; see %s --help", command.CommandPath(), len(args), command.CommandPath())
	}
	return nil
}

// policyFlags say which policy a command is about, and what matters in it.
type policyFlags struct {
	subjectFlags
	policy     string
	activeDays int
}

func (f *policyFlags) add(flags *pflag.FlagSet) {
	f.subjectFlags.add(flags)
	flags.StringVar(&f.policy, "policy", "", "`FILE` with a lifecycle policy to use instead of the repository's own; - is standard input")
}

func (f *policyFlags) addActive(flags *pflag.FlagSet) {
	flags.IntVar(&f.activeDays, "active-days", 0, "an image that was pulled within this `NUMBER` of days is in use (default: ages.in_use_days of the configuration)")
}

// lifecycleCase is a policy with the images of a repository.
type lifecycleCase struct {
	name     string // of the repository, for headlines
	from     string // where the policy comes from, for headlines
	policy   *lifecycle.Policy
	inForce  *lifecycle.Policy // the repository's own, when it is valid and another one is looked at
	images   []lifecycle.Image
	at       time.Time
	insights lifecycle.InsightOptions
	releases string   // the configured regular expression of release tags
	subject  *subject // nil without a repository
}

// read collects the repository, and its policy unless a file holds one.
func (f *policyFlags) read(ctx context.Context, repository string, stdin io.Reader, m *messages) (*lifecycleCase, error) {
	if f.activeDays < 0 {
		return nil, fmt.Errorf("--active-days %d: use a number of days from 1", f.activeDays)
	}
	c := &lifecycleCase{from: "its lifecycle policy"}
	if f.policy != "" {
		policy, err := readLifecyclePolicy(f.policy, stdin)
		if err != nil {
			return nil, err
		}
		c.policy, c.from = policy, f.policy
	}
	one, err := f.subjectFlags.read(ctx, repository, f.needs(), m)
	if err != nil {
		return nil, err
	}
	return c, c.take(one, f.activeDays)
}

// needs are what has to be read. A snapshot without the image graph will do,
// and without the repository's own policy when another one is looked at: what is
// then unknown is said.
func (f *policyFlags) needs() []snapshot.Need {
	needs := []snapshot.Need{snapshot.NeedImages}
	if f.policy == "" || f.snapshot == "" {
		needs = append(needs, snapshot.NeedLifecycle)
	}
	if f.snapshot == "" {
		needs = append(needs, snapshot.NeedImageGraph)
	}
	return needs
}

// take fills the case with a repository. Without a number of active days that of
// the configuration holds.
func (c *lifecycleCase) take(one *subject, activeDays int) error {
	r := one.repository
	c.subject, c.at = one, one.clock
	c.name = fmt.Sprintf("%s in %s/%s", r.Name, r.Account, r.Region)
	if gap := one.gap(snapshot.NeedImages); gap != nil {
		return unreadable("images", c.name, gap)
	}
	own, err := c.ownPolicy()
	switch {
	case c.policy == nil && err != nil:
		return err
	case c.policy == nil:
		c.policy = own
	case err == nil:
		c.inForce = own
	}
	c.images = lifecycle.FromSnapshot(r.Images)
	release, settings := one.settings.ReleaseTagsRegexp(), one.settings.Settings
	c.releases = release.String()
	c.insights = lifecycle.InsightOptions{
		Release:      release.MatchString,
		ActiveWithin: time.Duration(cmp.Or(activeDays, settings.Ages.InUseDays)) * 24 * time.Hour,
		PilingUp:     settings.Limits.UntaggedImages,
	}
	return nil
}

// ownPolicy is the policy that the repository has.
func (c *lifecycleCase) ownPolicy() (*lifecycle.Policy, error) {
	if gap := c.subject.gap(snapshot.NeedLifecycle); gap != nil {
		return nil, unreadable("lifecycle policy", c.name, gap)
	}
	text := c.subject.repository.Lifecycle
	if text == "" {
		return nil, fmt.Errorf("%s has no lifecycle policy, so nothing ever expires: give one to look at with --policy FILE", c.name)
	}
	return parseLifecyclePolicy("the lifecycle policy of "+c.name, text)
}

func unreadable(what, of string, gap *snapshot.Gap) error {
	remedy := ""
	if gap.Permission != "" {
		remedy = "; the role needs " + gap.Permission
	}
	return fmt.Errorf("reading the %s of %s: %s: %s%s", what, of, gap.Code, gap.Message, remedy)
}

// readLifecyclePolicy reads and validates a policy file.
func readLifecyclePolicy(path string, stdin io.Reader) (*lifecycle.Policy, error) {
	text, err := readText(path, stdin)
	if err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	return parseLifecyclePolicy(path, text)
}

// parseLifecyclePolicy validates a policy. Its error has a line for each violation.
func parseLifecyclePolicy(place, text string) (*lifecycle.Policy, error) {
	policy, err := lifecycle.Parse(text)
	if invalid, ok := errors.AsType[*lifecycle.InvalidError](err); ok {
		var all []error
		for _, violation := range invalid.Violations {
			all = append(all, fmt.Errorf("%s: %s", place, violation))
		}
		return nil, errors.Join(all...)
	}
	return policy, err
}

// readText reads a file, or standard input when the path is "-".
func readText(path string, stdin io.Reader) (string, error) {
	if path == "-" {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		return string(text), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, snapshot.Cause(err))
	}
	return string(text), nil
}

// unreadIndexes is how many indexes there are whose children are not known.
func (c *lifecycleCase) unreadIndexes() (n int) {
	for _, image := range c.images {
		if image.Index && image.Children == nil {
			n++
		}
	}
	return n
}

// whyUnread says why the children of indexes are not known.
func (c *lifecycleCase) whyUnread() string {
	if c.subject == nil {
		return "aws ecr describe-images does not tell them"
	}
	for _, gap := range c.subject.repository.Gaps {
		if gap.Need == snapshot.NeedImageGraph {
			return fmt.Sprintf("%s: %s", gap.Code, gap.Message)
		}
	}
	return "their manifests were not collected, or could not be read"
}

// releaseNote says whether the policy can come to act on an image with a release
// tag; "" when it cannot, or when there is no telling which tags are of releases.
func releaseNote(policy *lifecycle.Policy, releases string) string {
	pattern, err := tagpattern.Regexp(releases)
	if err != nil || releases == "" {
		return ""
	}
	reach := policy.ReachesTag(pattern)
	switch reach.Answer {
	case lifecycle.Yes:
		verb := map[string]string{lifecycle.Expire: "expire", lifecycle.Transition: "archive"}[reach.Action]
		return fmt.Sprintf("it can %s images with a release tag: %s.", verb, reach.Reason)
	case lifecycle.Unknown:
		return fmt.Sprintf("whether it can expire images with a release tag could not be decided: %s.", reach.Reason)
	}
	return ""
}
