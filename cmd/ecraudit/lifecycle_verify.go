package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
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
			c, err := f.read(command.Context(), args[0], command.InOrStdin())
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
	case command.Flags().Changed("snapshot"):
		return time.Time{}, errors.New("--snapshot means nothing with lifecycle verify: only AWS can preview")
	case f.timeout <= 0:
		return time.Time{}, fmt.Errorf("--timeout %s: use a duration such as 5m", f.timeout)
	}
	return parseMoment("--at", f.at)
}

// verify compares the two, and returns exit code 2 where they differ.
func (f *verifyFlags) verify(ctx context.Context, s streams, c *lifecycleCase, at time.Time) error {
	client, err := f.client(ctx, c.subject.repository.Target)
	if err != nil {
		return err
	}
	preview := previewer{client: client, repository: c.subject.repository, name: c.name, policy: c.policy}
	if f.policy != "" {
		preview.text = aws.String(c.policy.Text())
	}
	waiting, cancel := context.WithTimeoutCause(ctx, f.timeout, errPreviewTimeout)
	defer cancel()
	before := time.Now().UTC()
	results, err := preview.run(waiting)
	switch {
	case errors.Is(context.Cause(waiting), errPreviewTimeout) && ctx.Err() == nil && err != nil:
		return fmt.Errorf("previewing the policy of %s: it was not ready after %s: give it longer with --timeout", c.name, f.timeout)
	case err != nil:
		return err
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

var errPreviewTimeout = errors.New("the preview takes too long")

// client calls ECR where the repository is, with the caller's own credentials or
// those of the role in its account.
func (f *verifyFlags) client(ctx context.Context, target snapshot.Target) (*ecr.Client, error) {
	const attempts = 8
	c, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithRegion(target.Region), awsconfig.WithSharedConfigProfile(f.options.Profile), awsconfig.WithHTTPClient(awsapi.HTTPClient(1)),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = attempts })
		}))
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w; check --profile, AWS_PROFILE and the files in ~/.aws", err)
	}
	if f.options.Roles.HubARN != "" {
		c.Credentials = f.assume(c, f.options.Roles.HubARN)
	}
	identity, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("asking AWS for the caller's identity: %w", err)
	}
	if aws.ToString(identity.Account) != target.Account {
		c.Credentials = f.assume(c, "arn:"+target.Partition+":iam::"+target.Account+":role/"+strings.TrimPrefix(f.options.Roles.Name, "/"))
	}
	return ecr.NewFromConfig(c), nil
}

func (f *verifyFlags) assume(c aws.Config, role string) aws.CredentialsProvider {
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "ecraudit"
		if f.options.Roles.ExternalID != "" {
			o.ExternalID = aws.String(f.options.Roles.ExternalID)
		}
	}))
}

// previewer has AWS preview a policy.
type previewer struct {
	client     *ecr.Client
	repository *snapshot.Repository
	name       string
	policy     *lifecycle.Policy
	text       *string // nil for the policy in force
}

// deed is what a policy does to an image.
type deed struct {
	action string // lifecycle.Expire or lifecycle.Transition
	rule   int
}

func (d deed) String() string {
	verb := map[string]string{lifecycle.Expire: "expires", lifecycle.Transition: "archives"}[d.action]
	return fmt.Sprintf("%s it by rule %d", verb, d.rule)
}

// run starts a preview, waits for it and reads it.
func (p *previewer) run(ctx context.Context) (map[string]deed, error) {
	for wait := newPatience(); ; {
		err := p.start(ctx)
		if _, busy := errors.AsType[*types.LifecyclePolicyPreviewInProgressException](err); !busy {
			if err != nil {
				return nil, err
			}
			break
		}
		if err := wait.once(ctx); err != nil { // somebody else's
			return nil, err
		}
	}
	for wait := newPatience(); ; {
		results, done, err := p.results(ctx)
		if done || err != nil {
			return results, err
		}
		if err := wait.once(ctx); err != nil {
			return nil, err
		}
	}
}

func (p *previewer) start(ctx context.Context) error {
	_, err := p.client.StartLifecyclePolicyPreview(ctx, &ecr.StartLifecyclePolicyPreviewInput{
		RegistryId: aws.String(p.repository.Account), RepositoryName: aws.String(p.repository.Name), LifecyclePolicyText: p.text,
	})
	return p.explain(err, "ecr:StartLifecyclePolicyPreview")
}

// results reads a preview page by page. It is not done while AWS computes.
func (p *previewer) results(ctx context.Context) (results map[string]deed, done bool, err error) {
	const pageSize = 100 // the most that AWS gives
	results = map[string]deed{}
	pages := ecr.NewGetLifecyclePolicyPreviewPaginator(p.client, &ecr.GetLifecyclePolicyPreviewInput{
		RegistryId: aws.String(p.repository.Account), RepositoryName: aws.String(p.repository.Name), MaxResults: aws.Int32(pageSize),
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, p.explain(err, "ecr:GetLifecyclePolicyPreview")
		}
		switch out.Status {
		case types.LifecyclePolicyPreviewStatusInProgress:
			return nil, false, nil
		case types.LifecyclePolicyPreviewStatusComplete:
		default:
			return nil, false, fmt.Errorf("previewing the policy of %s: AWS says %s: try again", p.name, out.Status)
		}
		if other, err := lifecycle.Parse(aws.ToString(out.LifecyclePolicyText)); err == nil && !lifecycle.Equal(other, p.policy) {
			return nil, false, fmt.Errorf("previewing the policy of %s: the preview is of another policy: somebody else has started one, or changed the policy; try again", p.name)
		}
		for _, r := range out.PreviewResults {
			results[aws.ToString(r.ImageDigest)] = deedOf(r)
		}
	}
	return results, true, nil
}

func deedOf(r types.LifecyclePolicyPreviewResult) deed {
	d := deed{action: lifecycle.Expire, rule: int(aws.ToInt32(r.AppliedRulePriority))}
	if r.Action != nil && r.Action.Type == types.ImageActionTypeTransition {
		d.action = lifecycle.Transition
	}
	return d
}

// explain adds to an error of AWS what to do about it.
func (p *previewer) explain(err error, permission string) error {
	if err == nil {
		return nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
		return fmt.Errorf("previewing the policy of %s: access denied; the role needs %s, which changes nothing in AWS", p.name, permission)
	}
	return fmt.Errorf("previewing the policy of %s: %w", p.name, err)
}

// patience waits longer each time.
type patience struct{ next time.Duration }

func newPatience() *patience { return &patience{next: 100 * time.Millisecond} }

func (w *patience) once(ctx context.Context) error {
	const longest = 5 * time.Second
	timer := time.NewTimer(w.next)
	defer timer.Stop()
	w.next = min(2*w.next, longest)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
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
func compare(c *lifecycleCase, previewed map[string]deed, after time.Time) comparison {
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
