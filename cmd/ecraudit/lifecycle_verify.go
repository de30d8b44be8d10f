package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// verifyFlags say what to verify, and for how long to wait.
type verifyFlags struct {
	policyFlags
	timeout time.Duration
	at      string
}

func newLifecycleVerify(s streams) *cobra.Command {
	var f verifyFlags
	command := &cobra.Command{
		Use:   "verify REPOSITORY",
		Short: "Compare the simulation with AWS's own preview",
		Long: `Starts AWS's preview of a lifecycle policy, waits for it and prints where it
differs from the simulation. A preview changes nothing in AWS, but replaces the
one before it; the role needs ecr:StartLifecyclePolicyPreview and
ecr:GetLifecyclePolicyPreview beside what an audit needs.

Exit codes:
  0  the preview and the simulation agree
  1  usage error, or the preview could not be had
  2  they differ`,
		Example: `  ecraudit lifecycle verify landing-zone/customizations --region us-east-1
  ecraudit lifecycle verify landing-zone/customizations --region us-east-1 --policy policy.json --timeout 15m`,
		Args: oneRepository,
		RunE: func(command *cobra.Command, args []string) error {
			at, err := f.check(command)
			if err != nil {
				return err
			}
			c, err := f.read(command.Context(), args[0], command.InOrStdin(), messagesOf(command.ErrOrStderr()))
			if err != nil {
				return err
			}
			return f.verify(command.Context(), s, c, at)
		},
	}
	flags := command.Flags()
	f.add(flags)
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long (`DURATION`) to wait for the preview")
	flags.StringVar(&f.at, "at", "", "`DATE` to simulate for, where AWS is simulated and its clock is not the real one (default: now)")
	if err := flags.MarkHidden("snapshot"); err != nil {
		panic(err) // a flag that does not exist
	}
	return command
}

func (f *verifyFlags) check(command *cobra.Command) (at time.Time, err error) {
	switch {
	case onCommandLine(command.Flags(), "snapshot"):
		return time.Time{}, errors.New("--snapshot means nothing with lifecycle verify: only AWS can preview")
	case f.timeout <= 0:
		return time.Time{}, fmt.Errorf("--timeout %s: use a duration such as 5m", f.timeout)
	}
	return parseMoment("--at", f.at)
}

// verify compares the two, and returns exit code 2 where they differ.
func (f *verifyFlags) verify(ctx context.Context, s streams, c *lifecycleCase, at time.Time) error {
	target, text := c.subject.repository.Target, ""
	if f.policy != "" {
		text = c.policy.Text()
	}
	budget := awsapi.NewBudget(awsapi.Pace{
		Concurrency: awsapi.DefaultConcurrency, Patience: awsapi.DefaultPatience, CallTimeout: awsapi.DefaultCallTimeout,
		Log: slog.New(slog.DiscardHandler), Stats: &awsapi.Stats{},
	})
	session, err := awsapi.Open(ctx, budget, awsapi.Identity{Profile: f.options.Profile, Roles: f.options.Roles, Regions: []string{target.Region}})
	if err != nil {
		return err
	}
	before := time.Now().UTC()
	results, err := remediate.Preview(ctx, session, budget, target, c.subject.repository.Name, text, c.policy, f.timeout)
	switch {
	case errors.Is(err, remediate.ErrPreviewTimeout):
		return fmt.Errorf("previewing the policy of %s: it was not ready after %s: give it longer with --timeout", c.name, f.timeout)
	case awsapi.Missing("", err) != "":
		return fmt.Errorf("previewing the policy of %s: access denied; the role needs %s, which changes nothing in AWS", c.name, awsapi.Missing("", err))
	case awsapi.ForeignStatus(err) != 0:
		return fmt.Errorf("previewing the policy of %s: %s", c.name, awsapi.Plain(err))
	case err != nil:
		return fmt.Errorf("previewing the policy of %s: %w", c.name, err)
	}
	after := time.Now().UTC()
	if !at.IsZero() {
		before, after = at, at
	}
	c.at = before
	comparison := compare(c, results, after)
	p := newSheet(s)
	comparison.show(p, c)
	if err := p.writeTo(s.out); err != nil {
		return err
	}
	if len(comparison.differences) > 0 {
		return exit(exitDifferent)
	}
	return nil
}

// deed is what a policy does to an image.
type deed remediate.Deed

func (d deed) String() string {
	verb := map[string]string{lifecycle.Expire: "expires", lifecycle.Transition: "archives"}[d.Action]
	return fmt.Sprintf("%s it by rule %d", verb, d.Rule)
}

// comparison is how a preview and the simulation differ.
type comparison struct {
	differences []string // digests, sorted
	simulated   map[string]deed
	previewed   map[string]deed
	undecided   int
}

// compare holds a preview against the simulation. The preview was computed at
// some moment between c.at and after: an image that comes of age in between may
// be in it or not.
func compare(c *lifecycleCase, results map[string]remediate.Deed, after time.Time) comparison {
	previewed := map[string]deed{}
	for digest, d := range results {
		previewed[digest] = deed(d)
	}
	early, late := c.policy.Simulate(c.images, c.at), c.policy.Simulate(c.images, after)
	compared := comparison{simulated: deeds(c, early), previewed: previewed, undecided: early.Undecided}
	lateDeeds := deeds(c, late)
	digests := map[string]bool{}
	for _, set := range []map[string]deed{compared.simulated, previewed} {
		for digest := range set {
			digests[digest] = true
		}
	}
	for _, digest := range slices.Concat(early.UndecidedDigests, late.UndecidedDigests) {
		delete(digests, digest)
	}
	for _, digest := range slices.Sorted(maps.Keys(digests)) {
		if theirs := previewed[digest]; theirs != compared.simulated[digest] && theirs != lateDeeds[digest] {
			compared.differences = append(compared.differences, digest)
		}
	}
	return compared
}

func deeds(c *lifecycleCase, result lifecycle.Result) map[string]deed {
	done := map[string]deed{}
	for i, r := range result.Images {
		switch r.Effect {
		case lifecycle.Expires:
			done[c.images[i].Digest] = deed{lifecycle.Expire, r.Rule}
		case lifecycle.Archives:
			done[c.images[i].Digest] = deed{lifecycle.Transition, r.Rule}
		}
	}
	return done
}

func (r comparison) show(p *sheet, c *lifecycleCase) {
	p.headline(c)
	p.gap()
	if len(r.differences) == 0 {
		p.say("", "", "AWS's preview and the simulation agree on %s to be expired or archived.", plural(len(r.previewed), "image", "images"))
	} else {
		p.say("", "", "AWS's preview and the simulation differ on %s:", plural(len(r.differences), "image", "images"))
	}
	tags := map[string][]string{}
	for _, image := range c.images {
		tags[image.Digest] = image.Tags
	}
	for _, digest := range r.differences {
		known, there := tags[digest]
		about := tagList(known)
		if !there {
			about = "(pushed meanwhile)"
		}
		p.say("", "- ", "%s  %s", shortDigests([]string{digest})[0], about)
		p.say("  ", "", "AWS %s; the simulation %s", deedOn(r.previewed, digest), deedOn(r.simulated, digest))
	}
	if r.undecided > 0 {
		p.say("", "", "Not compared: %s of which the simulation cannot tell.", plural(r.undecided, "image", "images"))
	}
}

func deedOn(deeds map[string]deed, digest string) string {
	if d, acts := deeds[digest]; acts {
		return d.String()
	}
	return "keeps it"
}
