package remediate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// scanFlag is the repository's own flag, which decides where the registry has
// no scanning rules.
type scanFlag struct{}

func (scanFlag) permissions() permissions {
	return permissions{[]string{"ecr:DescribeRepositories"}, []string{"ecr:PutImageScanningConfiguration"}}
}

func (scanFlag) same(a, b State) bool { return aws.ToBool(a.Enabled) == aws.ToBool(b.Enabled) }

func (scanFlag) read(ctx context.Context, at *place, _ Step) (State, error) {
	repository, err := at.describe(ctx)
	if err != nil {
		return State{}, err
	}
	flag := repository.ImageScanningConfiguration != nil && repository.ImageScanningConfiguration.ScanOnPush
	return State{Enabled: &flag}, nil
}

func (scanFlag) write(ctx context.Context, at *place, s Step) error {
	return tell(ctx, at, "ecr:PutImageScanningConfiguration", func(ctx context.Context) (*ecr.PutImageScanningConfigurationOutput, error) {
		return at.ecr.PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{
			RepositoryName: at.name(), ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{ScanOnPush: aws.ToBool(s.To.Enabled)},
		})
	})
}

// describe reads what the listing says of the repository.
func (p *place) describe(ctx context.Context) (*ecrtypes.Repository, error) {
	out, err := ask(ctx, p, "ecr:DescribeRepositories", func(ctx context.Context) (*ecr.DescribeRepositoriesOutput, error) {
		return p.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{p.repository}})
	})
	if err != nil {
		return nil, err
	}
	if len(out.Repositories) != 1 {
		return nil, fmt.Errorf("AWS described %d repositories named %s", len(out.Repositories), p.repository)
	}
	return &out.Repositories[0], nil
}

// registryScanning is the scanning configuration of a registry. The call that
// writes it replaces all of it.
type registryScanning struct{}

func (registryScanning) permissions() permissions {
	return permissions{[]string{"ecr:GetRegistryScanningConfiguration"}, []string{"ecr:PutRegistryScanningConfiguration"}}
}

// same compares rules by frequency: their order, and that of filters, means
// nothing.
func (registryScanning) same(a, b State) bool {
	x, y := a.Scanning, b.Scanning
	return x != nil && y != nil && x.Type == y.Type && maps.EqualFunc(filtersOf(x), filtersOf(y), slices.Equal)
}

func filtersOf(s *snapshot.RegistryScanning) map[string][]string {
	filters := map[string][]string{}
	for _, rule := range s.Rules {
		filters[rule.Frequency] = sorted(slices.Concat(filters[rule.Frequency], rule.Filters))
	}
	return filters
}

func (registryScanning) read(ctx context.Context, at *place, _ Step) (State, error) {
	out, err := ask(ctx, at, "ecr:GetRegistryScanningConfiguration", func(ctx context.Context) (*ecr.GetRegistryScanningConfigurationOutput, error) {
		return at.ecr.GetRegistryScanningConfiguration(ctx, &ecr.GetRegistryScanningConfigurationInput{})
	})
	if err != nil {
		return State{}, err
	}
	if out.ScanningConfiguration == nil {
		return State{}, errors.New("AWS's answer holds no scanning configuration")
	}
	return State{Scanning: awsapi.RegistryScanning(out.ScanningConfiguration)}, nil
}

func (registryScanning) write(ctx context.Context, at *place, s Step) error {
	input := &ecr.PutRegistryScanningConfigurationInput{ScanType: ecrtypes.ScanType(s.To.Scanning.Type), Rules: []ecrtypes.RegistryScanningRule{}}
	for _, rule := range s.To.Scanning.Rules {
		filters := []ecrtypes.ScanningRepositoryFilter{}
		for _, f := range rule.Filters {
			filters = append(filters, ecrtypes.ScanningRepositoryFilter{Filter: aws.String(f), FilterType: ecrtypes.ScanningRepositoryFilterTypeWildcard})
		}
		input.Rules = append(input.Rules, ecrtypes.RegistryScanningRule{ScanFrequency: ecrtypes.ScanFrequency(rule.Frequency), RepositoryFilters: filters})
	}
	return tell(ctx, at, "ecr:PutRegistryScanningConfiguration", func(ctx context.Context) (*ecr.PutRegistryScanningConfigurationOutput, error) {
		return at.ecr.PutRegistryScanningConfiguration(ctx, input)
	})
}

// mendScanning has pushed images scanned: by the registry's rules where it has
// some, because the repository's own flag decides nothing then.
func (d *draft) mendScanning(f finding.Finding) error {
	if err := d.needs("which scanning is in effect cannot be told", snapshot.NeedRegistryScanning); err != nil {
		return err
	}
	scanning := d.registry.Scanning
	switch {
	case scanning == nil:
		return refuse("", "which scanning is in effect cannot be told: the registry's configuration is not known")
	case scanning.Type == "BASIC" && len(scanning.Rules) == 0:
		d.after.ScanOnPush = true
		d.note(f, KindScanning, "", "scan images when they are pushed")
	default:
		d.Planner.registry(d.registry).scan(f, d.before.Name)
	}
	d.after.Scanning = &snapshot.EffectiveScanning{Frequency: scanOnPush, ScanOnPush: true, Filters: []string{d.before.Name}}
	return nil
}

const scanOnPush = "SCAN_ON_PUSH"

func (d *draft) scanningChange() (*Change, error) {
	c := d.change(KindScanning, "")
	if c == nil || d.before.ScanOnPush == d.after.ScanOnPush {
		return nil, nil
	}
	c.Steps = []Step{{Aspect: ScanOnPush, From: State{Enabled: aws.Bool(d.before.ScanOnPush)}, To: State{Enabled: aws.Bool(d.after.ScanOnPush)}}}
	return c, nil
}

// maxFilters is how many filters a rule of the scanning configuration can have.
const maxFilters = 100

// withRepository adds a filter for a repository to the rule that scans on push.
func withRepository(s snapshot.RegistryScanning, name string) (snapshot.RegistryScanning, error) {
	s.Rules = slices.Clone(s.Rules)
	at := slices.IndexFunc(s.Rules, func(r snapshot.ScanningRule) bool { return r.Frequency == scanOnPush })
	if at < 0 {
		s.Rules = append(s.Rules, snapshot.ScanningRule{Frequency: scanOnPush})
		at = len(s.Rules) - 1
	}
	rule := s.Rules[at]
	if slices.Contains(rule.Filters, name) {
		return s, nil
	}
	if len(rule.Filters) >= maxFilters {
		return s, refuse("put a filter with a wildcard, such as *, in place of several", "the scanning rule of the registry has %d filters, the most that AWS takes", maxFilters)
	}
	rule.Filters = append(slices.Clone(rule.Filters), name)
	s.Rules[at] = rule
	return s, nil
}
