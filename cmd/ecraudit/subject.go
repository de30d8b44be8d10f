package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// configFlag says which settings hold.
type configFlag struct{ path string }

func (f *configFlag) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.path, "config", "", "configuration `FILE` (default: ecraudit.yaml in the working directory, if there is one)")
}

func (f *configFlag) load(ctx context.Context, m *messages) (*config.Config, error) {
	named, err := (&sourceFlags{}).named(ctx, configPath(f.path))
	if err != nil {
		return nil, err
	}
	named.tellDoubts(m)
	return named.config, nil
}

// subjectFlags say where the one repository is that a command is about.
type subjectFlags struct {
	configFlag
	options  collect.Options
	account  string
	region   string
	snapshot string
	flags    *pflag.FlagSet // to tell what comes from variables
}

func (f *subjectFlags) add(flags *pflag.FlagSet) {
	f.flags = flags
	f.configFlag.add(flags)
	flags.StringVar(&f.account, "account", "", "`ID` of the repository's account (default: the caller's own, or the only one that has it in the snapshot)")
	flags.StringVar(&f.region, "region", "", "`NAME` of the repository's region (default: the ambient one, or the only one that has it in the snapshot)")
	flags.StringVar(&f.snapshot, "snapshot", "", "read the repository from this snapshot `FILE` instead of asking AWS")
	o := &f.options
	flags.StringVar(&o.Roles.Name, "role-name", "", "`NAME` of the role to assume where the account is not the caller's own, or the hub role's if there is one")
	flags.StringVar(&o.Roles.ExternalID, "external-id", "", "external `ID` that the role demands")
	flags.StringVar(&o.Roles.HubARN, "hub-role-arn", "", "`ARN` of a role to assume first")
	flags.StringVar(&o.Profile, "profile", "", "`NAME` of the profile in the shared AWS configuration")
}

// subject is the repository that a command is about, and what surrounds it.
type subject struct {
	organization snapshot.Organization
	registry     *snapshot.Registry
	repository   *snapshot.Repository
	config       *config.Config
	settings     *config.Effective
	clock        time.Time // of the collection
}

// gap returns why a document of the subject could not be read, or nil.
func (s *subject) gap(n snapshot.Need) *snapshot.Gap {
	if gap := s.repository.Gap(n); gap != nil {
		return gap
	}
	return s.registry.Gap(n)
}

// read finds the repository, which may be given by name, ARN or URI, and reads
// the documents that are needed. A document that could not be read is a gap of
// the subject, not an error.
//
// Where it is not known which settings hold, that is said.
func (f *subjectFlags) read(ctx context.Context, repository string, needs []snapshot.Need, m *messages) (*subject, error) {
	one, err := f.find(ctx, repository, needs, m)
	if err != nil {
		return nil, err
	}
	resource := config.NewAccounts(one.organization).Repository(one.repository)
	one.settings = one.config.For(resource)
	if why := one.config.Undecided(resource); why != "" {
		m.warn(why + "; what is shown may not be what holds")
	}
	return one, nil
}

// find is read without the settings.
func (f *subjectFlags) find(ctx context.Context, repository string, needs []snapshot.Need, m *messages) (*subject, error) {
	c, err := f.load(ctx, m)
	if err != nil {
		return nil, err
	}
	return f.findBy(ctx, c, repository, append(slices.Clone(needs), c.Needs()...))
}

// findBy finds the repository, with what must be known of it.
func (f *subjectFlags) findBy(ctx context.Context, c *config.Config, repository string, needs []snapshot.Need) (*subject, error) {
	name, err := f.locate(repository)
	if err != nil {
		return nil, err
	}
	found := &finder{name: name, account: f.account, region: f.region}
	clock := time.Now().UTC()
	if f.snapshot != "" {
		clock, err = readSnapshot(ctx, c, f.snapshot, needs, found)
	} else {
		err = f.collect(ctx, c, name, needs, found)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	one, err := found.only(f.snapshot)
	if err != nil {
		return nil, err
	}
	one.clock, one.config = clock, c
	return one, nil
}

var (
	repositoryARN = regexp.MustCompile(`^arn:[a-z-]+:ecr:([a-z0-9-]+):([0-9]{12}):repository/(.+)$`)
	repositoryURI = regexp.MustCompile(`^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+/([^:@]+)$`)
)

// locate takes account and region from an ARN or URI, and returns the name.
func (f *subjectFlags) locate(repository string) (name string, err error) {
	if f.account != "" && !regexp.MustCompile(`^[0-9]{12}$`).MatchString(f.account) {
		return "", fmt.Errorf("--account: %q is not an account id: it has 12 digits", f.account)
	}
	if m := repositoryARN.FindStringSubmatch(repository); m != nil {
		return m[3], f.settle(m[2], m[1])
	}
	if m := repositoryURI.FindStringSubmatch(repository); m != nil {
		return m[3], f.settle(m[1], m[2])
	}
	if strings.ContainsAny(repository, ":@ ") || repository == "" {
		return "", fmt.Errorf("%q is not a repository: give its name (team/api), ARN or URI, without tag and digest", repository)
	}
	return repository, nil
}

func (f *subjectFlags) settle(account, region string) error {
	for name, value := range map[string]*string{"account": &f.account, "region": &f.region} {
		if variableBehind(f.flags.Lookup(name)) != "" {
			*value = "" // the repository says it itself
		}
	}
	if f.account != "" && f.account != account || f.region != "" && f.region != region {
		return fmt.Errorf("the repository is in %s/%s, but --account and --region say %s/%s: leave them out", account, region, cmp.Or(f.account, account), cmp.Or(f.region, region))
	}
	f.account, f.region = account, region
	return nil
}

// collect reads the repository from AWS.
func (f *subjectFlags) collect(ctx context.Context, c *config.Config, name string, needs []snapshot.Need, sink collect.Sink) error {
	o := f.options
	o.Selection = collect.Selection{Repository: name}
	if f.account != "" {
		o.Selection.Accounts = []string{f.account}
	}
	if f.region != "" {
		o.Regions = []string{f.region}
	}
	placed := &placedSink{Sink: sink}
	return collect.Run(ctx, withDefaults(o, c, needs, placed), placed)
}

// placedSink remembers which accounts there are, once that is known.
type placedSink struct {
	collect.Sink
	accounts *config.Accounts
}

func (p *placedSink) Begin(o snapshot.Organization) error {
	p.accounts = config.NewAccounts(o)
	return p.Sink.Begin(o)
}

// withDefaults completes options for a command that only looks.
func withDefaults(o collect.Options, c *config.Config, needs []snapshot.Need, placed *placedSink) collect.Options {
	o.Needs = snapshot.Needs{}
	for _, n := range needs {
		o.Needs[n] = true
	}
	o.Organization = configured(c.Organization)
	o.ReleaseTag = func(r *snapshot.Repository) func(string) bool {
		return c.For(placed.accounts.Repository(r)).ReleaseTagsRegexp().MatchString
	}
	o.Concurrency = cmp.Or(o.Concurrency, awsapi.DefaultConcurrency)
	o.Patience = cmp.Or(o.Patience, awsapi.DefaultPatience)
	o.CallTimeout = cmp.Or(o.CallTimeout, awsapi.DefaultCallTimeout)
	o.Stats, o.Log = &collect.Stats{}, slog.New(slog.DiscardHandler)
	return o
}

// readSnapshot hands what a snapshot file holds to a sink, and returns when it
// was collected.
func readSnapshot(ctx context.Context, c *config.Config, path string, needs []snapshot.Need, sink collect.Sink) (clock time.Time, err error) {
	reader, err := openSnapshot(path)
	if err != nil {
		return time.Time{}, err
	}
	defer reader.Close()
	if err := reader.reconcile(c); err != nil {
		return time.Time{}, err
	}
	for _, need := range needs {
		if need != snapshot.NeedAccounts && !slices.Contains(reader.Header.Needs, need) {
			return time.Time{}, fmt.Errorf("%s was collected without %s, %s, or ask AWS", path, need, whoNeeds(c, need))
		}
	}
	if err := sink.Begin(reader.Header.Organization); err != nil {
		return time.Time{}, err
	}
	if err := reader.Read(ctx, sink); err != nil {
		return time.Time{}, err
	}
	for _, t := range reader.Header.Targets {
		if err := sink.Done(t); err != nil {
			return time.Time{}, err
		}
	}
	return reader.Header.Clock, nil
}

// whoNeeds says what needs a document that a snapshot lacks, and the remedy.
func whoNeeds(c *config.Config, need snapshot.Need) string {
	if slices.Contains(c.Needs(), need) {
		return "which the scopes and waivers of the configuration need: collect it again with the same --config"
	}
	return "which this command needs: collect it again with rules that need it"
}

// finder keeps the repositories of one name.
type finder struct {
	name, account, region string

	mu           sync.Mutex
	organization snapshot.Organization
	found        []*subject
	elsewhere    []string // where others of the name are
	failures     []string // why it may be in what was not read
}

// means reports whether the repository is looked for in a target. Of a target that
// failed as a whole the region may not be known.
func (f *finder) means(t snapshot.Target) bool {
	return (f.account == "" || t.Account == f.account) && (f.region == "" || t.Region == "" || t.Region == f.region)
}

func (f *finder) Begin(o snapshot.Organization) error {
	f.organization = o
	return nil
}

func (*finder) Registry(context.Context, *snapshot.Registry) error { return nil }

func (f *finder) Repository(_ context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	if r.Name != f.name {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.means(r.Target) {
		f.elsewhere = append(f.elsewhere, r.Target.String())
		return nil
	}
	f.found = append(f.found, &subject{organization: f.organization, registry: reg, repository: r})
	return nil
}

func (f *finder) Done(t snapshot.TargetResult) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.Status == snapshot.StatusFailed && f.means(t.Target) {
		for _, gap := range t.Gaps {
			f.failures = append(f.failures, fmt.Sprintf("%s: %s: %s", strings.TrimSuffix(t.Target.String(), "/"), gap.Code, gap.Message))
		}
	}
	return nil
}

// only returns the repository, if there is exactly one.
func (f *finder) only(snapshotPath string) (*subject, error) {
	switch len(f.found) {
	case 1:
		return f.found[0], nil
	case 0:
		return nil, f.none(snapshotPath)
	}
	places := make([]string, len(f.found))
	for i, s := range f.found {
		places[i] = s.repository.Target.String()
	}
	slices.Sort(places)
	return nil, fmt.Errorf("%s is in several registries (%s): say which with --account and --region", f.name, strings.Join(places, ", "))
}

func (f *finder) none(snapshotPath string) error {
	if len(f.elsewhere) > 0 {
		slices.Sort(f.elsewhere)
		return fmt.Errorf("%s is in %s, not where --account and --region say", f.name, strings.Join(f.elsewhere, ", "))
	}
	if len(f.failures) > 0 {
		return fmt.Errorf("there is no repository %s in what could be read: check its name; what could not be read may have it: %s", f.name, strings.Join(f.failures, "; "))
	}
	where := "the registry of " + strings.Trim(cmp.Or(f.account, "the caller's account")+" in "+cmp.Or(f.region, "the ambient region"), " ")
	if snapshotPath != "" {
		where = snapshotPath
	}
	return fmt.Errorf("there is no repository %s in %s: check its name, and say where it is with --account and --region", f.name, where)
}

// surveyFlags say which repositories a command looks at: those of targets, or
// those of a snapshot.
type surveyFlags struct {
	configFlag
	targetFlags
	snapshot string
}

func (f *surveyFlags) add(flags *pflag.FlagSet) {
	f.configFlag.add(flags)
	f.targetFlags.add(flags)
	flags.StringVar(&f.snapshot, "snapshot", "", "look at this snapshot `FILE` instead of asking AWS")
}

// check refuses flags that mean nothing together.
func (f *surveyFlags) check(command *cobra.Command) error {
	if f.snapshot != "" {
		if err := refuseAWSFlags(command.Flags()); err != nil {
			return err
		}
	}
	return f.targetFlags.check()
}

// visit hands every repository to the sink. Sinks are called from many goroutines. An interrupted visit is an error.
func (f *surveyFlags) visit(ctx context.Context, c *config.Config, needs []snapshot.Need, s streams, sink collect.Sink) error {
	if f.snapshot != "" {
		_, err := readSnapshot(ctx, c, f.snapshot, needs, sink)
		return err
	}
	placed := &placedSink{Sink: sink}
	return errors.Join(f.collect(ctx, withDefaults(f.options, c, needs, placed), placed, s.err), ctx.Err())
}
