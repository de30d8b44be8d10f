package remediate

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// repositoryPolicy is the resource policy of a repository.
type repositoryPolicy struct{}

func (repositoryPolicy) permissions() permissions {
	return permissions{[]string{"ecr:GetRepositoryPolicy"}, []string{"ecr:DeleteRepositoryPolicy", "ecr:SetRepositoryPolicy"}}
}

func (repositoryPolicy) same(a, b State) bool { return access.EqualPolicy(a.Document, b.Document) }

func (repositoryPolicy) read(ctx context.Context, at *place, _ Step) (State, error) {
	out, err := ask(ctx, at, "ecr:GetRepositoryPolicy", func(ctx context.Context) (*ecr.GetRepositoryPolicyOutput, error) {
		return at.ecr.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: at.name()})
	})
	if none := (*ecrtypes.RepositoryPolicyNotFoundException)(nil); errors.As(err, &none) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	return State{Document: aws.ToString(out.PolicyText)}, nil
}

func (repositoryPolicy) write(ctx context.Context, at *place, s Step) error {
	if s.To.Document == "" {
		return tell(ctx, at, "ecr:DeleteRepositoryPolicy", func(ctx context.Context) (*ecr.DeleteRepositoryPolicyOutput, error) {
			return at.ecr.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: at.name()})
		})
	}
	err := tell(ctx, at, "ecr:SetRepositoryPolicy", func(ctx context.Context) (*ecr.SetRepositoryPolicyOutput, error) {
		return at.ecr.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: at.name(), PolicyText: &s.To.Document, Force: at.forcePolicy})
	})
	if refused := (*ecrtypes.InvalidParameterException)(nil); errors.As(err, &refused) {
		return refuse("where the policy would lock the caller out, --force-policy puts it all the same", "AWS refuses the policy (%s)", refused.ErrorMessage())
	}
	return err
}

// registryPolicy is the policy of a registry as a whole.
type registryPolicy struct{}

func (registryPolicy) permissions() permissions {
	return permissions{[]string{"ecr:GetRegistryPolicy"}, []string{"ecr:DeleteRegistryPolicy", "ecr:PutRegistryPolicy"}}
}

func (registryPolicy) same(a, b State) bool { return access.EqualPolicy(a.Document, b.Document) }

func (registryPolicy) read(ctx context.Context, at *place, _ Step) (State, error) {
	out, err := ask(ctx, at, "ecr:GetRegistryPolicy", func(ctx context.Context) (*ecr.GetRegistryPolicyOutput, error) {
		return at.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	})
	if none := (*ecrtypes.RegistryPolicyNotFoundException)(nil); errors.As(err, &none) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	return State{Document: aws.ToString(out.PolicyText)}, nil
}

func (registryPolicy) write(ctx context.Context, at *place, s Step) error {
	if s.To.Document == "" {
		return tell(ctx, at, "ecr:DeleteRegistryPolicy", func(ctx context.Context) (*ecr.DeleteRegistryPolicyOutput, error) {
			return at.ecr.DeleteRegistryPolicy(ctx, &ecr.DeleteRegistryPolicyInput{})
		})
	}
	return tell(ctx, at, "ecr:PutRegistryPolicy", func(ctx context.Context) (*ecr.PutRegistryPolicyOutput, error) {
		return at.ecr.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: &s.To.Document})
	})
}

// mendPolicy edits the policy that a fix names. That of the registry is shared
// by all repositories, so it is drafted with the registry.
func (d *draft) mendPolicy(f finding.Finding, fix finding.Fix) error {
	if fix.Source == "registry-policy" {
		d.Planner.registry(d.registry).edit(f)
		return nil
	}
	if err := d.needs("the policy cannot be edited", snapshot.NeedPolicy); err != nil {
		return err
	}
	if d.editor == nil {
		documents, about := d.judge.Access(d.registry, d.after)
		editor, err := access.Edit(documents, about, fix.Source)
		if err != nil {
			return refusalOf(err)
		}
		d.editor = editor
	}
	before := len(d.editor.Words())
	if err := edit(d.editor, fix); err != nil {
		return refusalOf(err)
	}
	d.note(f, KindPolicy, "", d.editor.Words()[before:]...)
	return nil
}

// edit carries out a fix on a document.
func edit(e *access.Editor, fix finding.Fix) error {
	switch {
	case fix.Action == finding.RemovePolicyStatement:
		return e.TakeAway(fix.Statement, fix.Principal)
	case len(fix.Accounts) > 0:
		return e.Admit(fix.Statement, fix.Accounts, fix.Abilities)
	default:
		return e.Limit(fix.Statement, fix.Principal, fix.Abilities)
	}
}

// refusalOf takes what the editor does not do for a refusal.
func refusalOf(err error) error {
	if refused := (*access.RefusedError)(nil); errors.As(err, &refused) {
		return &Refusal{Reason: refused.Reason, Remedy: refused.Remedy}
	}
	return refuse("", "%s", err)
}

func (d *draft) policyChange() (*Change, error) {
	c := d.change(KindPolicy, "")
	if c == nil || access.EqualPolicy(d.before.Policy, d.after.Policy) {
		return nil, nil
	}
	c.Steps = []Step{{Aspect: RepositoryPolicy, From: State{Document: d.before.Policy}, To: State{Document: d.after.Policy}}}
	before, about := d.judge.Access(d.registry, d.before)
	after, _ := d.judge.Access(d.registry, d.after)
	c.reach(before, after, about, "repository-policy")
	return c, nil
}

// reach notes who can do less and who can do more. To take access away is to be
// looked at.
func (c *Change) reach(before, after access.Documents, about access.Context, document string) {
	c.Loses, c.Gains = access.Compare(before, after, about, document)
	if len(c.Loses) > 0 {
		c.Risk = RiskReview
	}
}
