package remediate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Deed is what AWS's preview says that a lifecycle policy does to an image.
type Deed struct {
	Action string // lifecycle.Expire or lifecycle.Transition
	Rule   int    // priority
}

// DefaultPreviewTimeout is how long AWS has for a preview.
const DefaultPreviewTimeout = 5 * time.Minute

// ErrPreviewTimeout says that AWS did not finish a preview in time.
var ErrPreviewTimeout = errors.New("the preview was not ready in time")

// Preview has AWS preview a lifecycle policy of a repository, waits for it and
// returns what it does, by digest. An empty text is the policy in force, which
// policy then is. A preview changes nothing but the preview before it.
func Preview(ctx context.Context, session *awsapi.Session, budget *awsapi.Budget, target snapshot.Target, repository, text string, policy *lifecycle.Policy, timeout time.Duration) (map[string]Deed, error) {
	at, err := newConnections(session, budget).enter(ctx, target, repository)
	if err != nil {
		return nil, err
	}
	return at.preview(ctx, text, policy, timeout)
}

func (p *place) preview(ctx context.Context, text string, policy *lifecycle.Policy, timeout time.Duration) (map[string]Deed, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, timeout, ErrPreviewTimeout)
	defer cancel()
	deeds, err := p.awaitPreview(waiting, text, policy)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(waiting), ErrPreviewTimeout) {
		return nil, ErrPreviewTimeout
	}
	return deeds, err
}

func (p *place) awaitPreview(ctx context.Context, text string, policy *lifecycle.Policy) (map[string]Deed, error) {
	for wait := newPatience(); ; {
		err := p.startPreview(ctx, text)
		if _, busy := errors.AsType[*ecrtypes.LifecyclePolicyPreviewInProgressException](err); !busy {
			if err != nil {
				return nil, err
			}
			break
		}
		if err := p.awaitOther(ctx, wait); err != nil {
			return nil, err
		}
	}
	for wait := newPatience(); ; {
		deeds, done, err := p.previewed(ctx, policy)
		if done || err != nil {
			return deeds, err
		}
		if err := wait.once(ctx); err != nil {
			return nil, err
		}
	}
}

// awaitOther waits for the preview under way: somebody else's, or that of a run
// that crashed. It looks rather than tries to start another again and again.
func (p *place) awaitOther(ctx context.Context, wait *patience) error {
	for {
		if err := wait.once(ctx); err != nil {
			return err
		}
		out, err := ask(ctx, p, "ecr:GetLifecyclePolicyPreview", func(ctx context.Context) (*ecr.GetLifecyclePolicyPreviewOutput, error) {
			return p.ecr.GetLifecyclePolicyPreview(ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: p.name(), MaxResults: aws.Int32(1)})
		})
		if err != nil || out.Status != ecrtypes.LifecyclePolicyPreviewStatusInProgress {
			return err
		}
	}
}

func (p *place) startPreview(ctx context.Context, text string) error {
	input := &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: p.name()}
	if text != "" {
		input.LifecyclePolicyText = &text
	}
	_, err := ask(ctx, p, "ecr:StartLifecyclePolicyPreview", func(ctx context.Context) (*ecr.StartLifecyclePolicyPreviewOutput, error) {
		return p.ecr.StartLifecyclePolicyPreview(ctx, input)
	})
	return err
}

// previewed reads a preview page by page. It is not done while AWS computes.
func (p *place) previewed(ctx context.Context, policy *lifecycle.Policy) (deeds map[string]Deed, done bool, err error) {
	const pageSize = 100 // the most that AWS gives
	deeds, done = map[string]Deed{}, true
	err = awsapi.EachPage(ctx, p.caller, "ecr:GetLifecyclePolicyPreview", func(ctx context.Context, token *string) (*string, error) {
		out, err := p.ecr.GetLifecyclePolicyPreview(ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: p.name(), MaxResults: aws.Int32(pageSize), NextToken: token})
		if err != nil {
			return nil, err
		}
		switch out.Status {
		case ecrtypes.LifecyclePolicyPreviewStatusInProgress:
			done = false
			return nil, nil
		case ecrtypes.LifecyclePolicyPreviewStatusComplete:
		default:
			return nil, fmt.Errorf("AWS's preview of the policy ended as %s: try again", out.Status)
		}
		if other, err := lifecycle.Parse(aws.ToString(out.LifecyclePolicyText)); err == nil && !lifecycle.Equal(other, policy) {
			return nil, errors.New("AWS's preview is of another policy: somebody else has started one, or changed the policy; try again")
		}
		for _, r := range out.PreviewResults {
			deeds[aws.ToString(r.ImageDigest)] = deedOf(r)
		}
		return out.NextToken, nil
	})
	return deeds, done, explained("ecr:GetLifecyclePolicyPreview", err)
}

func deedOf(r ecrtypes.LifecyclePolicyPreviewResult) Deed {
	d := Deed{Action: lifecycle.Expire, Rule: int(aws.ToInt32(r.AppliedRulePriority))}
	if r.Action != nil && r.Action.Type == ecrtypes.ImageActionTypeTransition {
		d.Action = lifecycle.Transition
	}
	return d
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
