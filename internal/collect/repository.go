package collect

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// errDeleted says that a repository was deleted after it was listed.
var errDeleted = errors.New("the repository was deleted meanwhile")

// describe is what the listing says of a repository.
func describe(target snapshot.Target, r *ecrtypes.Repository) *snapshot.Repository {
	repository := &snapshot.Repository{
		Target:     target,
		Name:       aws.ToString(r.RepositoryName),
		ARN:        aws.ToString(r.RepositoryArn),
		URI:        aws.ToString(r.RepositoryUri),
		CreatedAt:  aws.ToTime(r.CreatedAt).UTC(),
		Mutability: awsapi.Mutability(r.ImageTagMutability, r.ImageTagMutabilityExclusionFilters),
		Encryption: snapshot.Encryption{Type: string(ecrtypes.EncryptionTypeAes256)},
	}
	if e := r.EncryptionConfiguration; e != nil {
		repository.Encryption = snapshot.Encryption{Type: string(e.EncryptionType), KMSKey: aws.ToString(e.KmsKey)}
	}
	if s := r.ImageScanningConfiguration; s != nil {
		repository.ScanOnPush = s.ScanOnPush
	}
	return repository
}

// repositoryReader reads one repository.
type repositoryReader struct {
	*reader
	repository *snapshot.Repository
	scanning   func() (*scanningBatchAnswer, error) // shared by the repositories of a batch
	gapsMu     sync.Mutex                           // guards the repository's gaps
}

// readRepository reads the documents of the repository at once, then its
// images, which take the memory, then what is asked about single images.
func (t *repositoryReader) readRepository(ctx context.Context) error {
	if err := t.readDocuments(ctx); err != nil {
		return err
	}
	if !t.Needs[snapshot.NeedImages] {
		return nil
	}
	err := t.readImages(ctx)
	sortGaps(t.repository.Gaps)
	return err
}

func (t *repositoryReader) readDocuments(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, document := range []document{
		{snapshot.NeedPolicy, opGetRepositoryPolicy, t.policy},
		{snapshot.NeedLifecycle, opGetLifecyclePolicy, t.lifecycle},
		{snapshot.NeedTags, opListTagsForResource, t.tags},
		{snapshot.NeedScanning, opBatchGetRepositoryScanningConfiguration, t.effectiveScanning},
	} {
		if !t.Needs[document.need] {
			continue
		}
		group.Go(func() error {
			if err := document.read(ctx); err != nil {
				return t.missing("", document.need, document.operation, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// missing notes what could not be read of the repository, or of one image.
func (t *repositoryReader) missing(digest string, need snapshot.Need, o operation, err error) error {
	if gone := (*ecrtypes.RepositoryNotFoundException)(nil); errors.As(err, &gone) || errors.Is(err, errDeleted) {
		return errDeleted
	}
	missed, err := t.missed(t.repository.Name, need, o, err)
	if err != nil {
		return err
	}
	missed.Digest = digest
	t.gapsMu.Lock()
	defer t.gapsMu.Unlock()
	t.repository.Gaps = append(t.repository.Gaps, missed)
	return nil
}

func (t *repositoryReader) policy(ctx context.Context) error {
	out, err := ask(ctx, t.caller, opGetRepositoryPolicy, func(ctx context.Context) (*ecr.GetRepositoryPolicyOutput, error) {
		return t.ecr.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: &t.repository.Name})
	})
	if none := (*ecrtypes.RepositoryPolicyNotFoundException)(nil); errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return err
	}
	t.repository.Policy = aws.ToString(out.PolicyText)
	return nil
}

func (t *repositoryReader) lifecycle(ctx context.Context) error {
	out, err := ask(ctx, t.caller, opGetLifecyclePolicy, func(ctx context.Context) (*ecr.GetLifecyclePolicyOutput, error) {
		return t.ecr.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: &t.repository.Name})
	})
	if none := (*ecrtypes.LifecyclePolicyNotFoundException)(nil); errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return err
	}
	t.repository.Lifecycle = aws.ToString(out.LifecyclePolicyText)
	return nil
}

func (t *repositoryReader) tags(ctx context.Context) error {
	out, err := ask(ctx, t.caller, opListTagsForResource, func(ctx context.Context) (*ecr.ListTagsForResourceOutput, error) {
		return t.ecr.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: &t.repository.ARN})
	})
	if err != nil {
		return err
	}
	t.repository.Tags = awsapi.ResourceTags(out.Tags)
	return nil
}

// scanningBatchAnswer is what AWS says of the scanning of several repositories.
type scanningBatchAnswer struct {
	found  map[string]*snapshot.EffectiveScanning
	failed map[string]error
}

func (a *scanningBatchAnswer) of(name string) (*snapshot.EffectiveScanning, error) {
	if scanning := a.found[name]; scanning != nil {
		return scanning, nil
	}
	return nil, cmp.Or(a.failed[name], errors.New("AWS's answer does not mention this repository"))
}

func (t *repositoryReader) effectiveScanning(context.Context) error {
	answer, err := t.scanning()
	if err == nil {
		t.repository.Scanning, err = answer.of(t.repository.Name)
	}
	return err
}

func (t *reader) batchScanning(ctx context.Context, batch []ecrtypes.Repository) (*scanningBatchAnswer, error) {
	names := make([]string, len(batch))
	for i := range batch {
		names[i] = aws.ToString(batch[i].RepositoryName)
	}
	out, err := ask(ctx, t.caller, opBatchGetRepositoryScanningConfiguration, func(ctx context.Context) (*ecr.BatchGetRepositoryScanningConfigurationOutput, error) {
		return t.ecr.BatchGetRepositoryScanningConfiguration(ctx, &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: names})
	})
	if err != nil {
		return nil, err
	}
	answer := &scanningBatchAnswer{found: map[string]*snapshot.EffectiveScanning{}, failed: map[string]error{}}
	for _, c := range out.ScanningConfigurations {
		answer.found[aws.ToString(c.RepositoryName)] = &snapshot.EffectiveScanning{
			Frequency: string(c.ScanFrequency), ScanOnPush: c.ScanOnPush, Filters: awsapi.ScanFilters(c.AppliedScanFilters),
		}
	}
	for _, f := range out.Failures {
		err := error(&ecrtypes.ServerException{Message: f.FailureReason})
		if f.FailureCode == ecrtypes.ScanningConfigurationFailureCodeRepositoryNotFound {
			err = errDeleted
		}
		answer.failed[aws.ToString(f.RepositoryName)] = err
	}
	return answer, nil
}
