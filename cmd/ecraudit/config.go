package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func newConfig(s streams) *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, and say what holds where and why",
		Long: `What holds for a repository follows from ecraudit.yaml, the files that it extends,
and their scopes. These commands check that, and explain it line by line.`,
		Example: "  ecraudit config explain team/api --account 111122223333 --region eu-west-1",
		Args:    subcommand,
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newConfigExplain(s), newConfigValidate(s), newConfigSchema(s))
	return command
}

// explainFlags say of which repository what is explained.
type explainFlags struct {
	subjectFlags
	sources sourceFlags
	assume  []string
	live    bool
	format  string
}

var explainFormats = []string{"text", "json"}

func newConfigExplain(s streams) *cobra.Command {
	var f explainFlags
	command := &cobra.Command{
		Use:   "explain REPOSITORY",
		Short: "Say what holds for a repository, and in which line that stands",
		Long: `Prints every setting and rule as it holds for a repository, with the file and line
that it comes from, which scopes hold and why the others do not, and the waivers
that are for it. Rules that judge the registry or the organization are said as they
hold for that, with the scopes that hold for the repository only.

Nothing is asked of AWS. What scopes ask is taken from a snapshot, from AWS with
--live, or from --account, --region and --assume; what is not known is said, with
the values that depend on it. --assume takes
  account_name=NAME  ou=PATH-OR-ID  account_tags.KEY=VALUE  tags.KEY=VALUE
  encryption=TYPE    created=DATE   account_tags=none       tags=none
A tag that is assumed says that there are no others than those assumed.`,
		Example: `  ecraudit config explain team/api --account 111122223333 --region eu-west-1
  ecraudit config explain team/api --assume tags.env=prod --assume ou=Workloads/Prod
  ecraudit config explain access/public --snapshot org.snapshot --format json
  ecraudit config explain payments/patched --live --account 333344445555 --role-name ecraudit-reader`,
		Args: oneRepository,
		RunE: func(command *cobra.Command, args []string) error {
			if err := f.check(command.Flags()); err != nil {
				return err
			}
			return f.run(command.Context(), args[0], s)
		},
	}
	flags := command.Flags()
	f.subjectFlags.add(flags)
	f.sources.add(flags)
	flags.StringArrayVar(&f.assume, "assume", nil, "take this for known (`WHAT=VALUE`); can be given again")
	flags.BoolVar(&f.live, "live", false, "look the repository and its account up in AWS")
	flags.StringVar(&f.format, "format", "text", "`FORMAT`: text or json")
	complete(command, "format", explainFormats)
	return command
}

func (f *explainFlags) check(flags *pflag.FlagSet) error {
	switch {
	case f.live && f.snapshot != "":
		return fmt.Errorf("give one of --live and --snapshot")
	case len(f.assume) > 0 && (f.live || f.snapshot != ""):
		return fmt.Errorf("--assume means nothing with --live and --snapshot, which know")
	}
	if !f.live {
		if err := refuse(flags, "without --live: AWS is not asked", "profile", "role-name", "external-id", "hub-role-arn"); err != nil {
			return err
		}
	}
	if f.region != "" && !awsapi.MayBeRegion(f.region) {
		return fmt.Errorf("--region: there is no region %q: use names such as eu-west-1", f.region)
	}
	return oneOf("--format", f.format, explainFormats)
}

// explained is what is said of a repository.
type explained struct {
	Repository string   `json:"repository"`
	Account    string   `json:"account"` // empty when not known
	Region     string   `json:"region"`
	Files      []string `json:"files"`
	config.Explanation
	Waivers []config.HoldingWaiver `json:"waivers"` // that hold, held, or may hold for the repository
}

func (f *explainFlags) run(ctx context.Context, repository string, s streams) error {
	m := messagesOf(s.err)
	c, rules, err := f.sources.load(ctx, configPath(f.path), m)
	if err != nil {
		return err
	}
	if err := disagreement(c, rules, s.clock()); err != nil {
		return err
	}
	resource, err := f.resource(ctx, c, repository)
	if err != nil {
		return err
	}
	e := explained{
		Repository: resource.Repository, Account: resource.Account, Region: resource.Region, Files: c.Files,
		Explanation: c.Explain(resource, ruleDefaults(rules)), Waivers: c.WaiversFor(resource, s.clock()),
	}
	if f.format == "json" {
		return writeJSON(s.out, e)
	}
	p := newSheet(s)
	e.show(p)
	return p.writeTo(s.out)
}

// resource is what is known of the repository.
func (f *explainFlags) resource(ctx context.Context, c *config.Config, repository string) (config.Resource, error) {
	switch {
	case f.live:
		return f.found(ctx, c, repository, c.Needs())
	case f.snapshot != "":
		return f.saved(ctx, c, repository)
	}
	name, err := f.locate(repository)
	if err != nil {
		return config.Resource{}, err
	}
	if err := f.checkNames(name); err != nil {
		return config.Resource{}, err
	}
	return f.assumed(name)
}

var repositoryName = regexp.MustCompile(`^[a-z0-9]+([._/-]+[a-z0-9]+)*$`)

// checkNames refuses what nothing is called, where nothing is looked up that would tell.
func (f *explainFlags) checkNames(repository string) error {
	known := awsapi.KnownRegions()
	switch {
	case !repositoryName.MatchString(repository):
		return fmt.Errorf("%q is not the name of a repository: give one name, of small letters, digits and ._-/, without wildcards, such as team/api", repository)
	case f.region == "" || slices.Contains(known, f.region):
		return nil
	}
	hint := ""
	if nearest, near := config.Nearest(f.region, known); near {
		hint = fmt.Sprintf("did you mean %q? ", nearest)
	}
	return fmt.Errorf("--region: this version knows no region %q: %sLook a newer one up with --live or --snapshot", f.region, hint)
}

func (f *explainFlags) found(ctx context.Context, c *config.Config, repository string, needs []snapshot.Need) (config.Resource, error) {
	one, err := f.findBy(ctx, c, repository, needs)
	if err != nil {
		return config.Resource{}, err
	}
	return config.NewAccounts(one.organization).Repository(one.repository), nil
}

// saved is a repository as the snapshot knows it. What scopes ask that was not
// collected leaves open whether they hold.
func (f *explainFlags) saved(ctx context.Context, c *config.Config, repository string) (config.Resource, error) {
	file, err := openSnapshot(f.snapshot)
	if err != nil {
		return config.Resource{}, err
	}
	collected := file.collected()
	file.Close()
	r, err := f.found(ctx, c, repository, nil)
	if err == nil && !collected[snapshot.NeedTags] {
		r.Unknown = map[config.Criterion]string{config.ByTag: "it was not collected"}
	}
	return r, err
}

// assumed is a repository of which is known what the flags say.
func (f *explainFlags) assumed(name string) (config.Resource, error) {
	r := config.Resource{Account: f.account, Region: f.region, Repository: name, Owner: &config.Owner{}, Unknown: map[config.Criterion]string{}}
	for _, criterion := range config.Criteria() {
		r.Unknown[criterion] = "it is not known; --assume says it, or look with --live or --snapshot"
	}
	delete(r.Unknown, config.ByRepository)
	r.Unknown[config.ByAccount], r.Unknown[config.ByRegion] = "--account says it", "--region says it"
	if f.account != "" {
		delete(r.Unknown, config.ByAccount)
	}
	if f.region != "" {
		delete(r.Unknown, config.ByRegion)
	}
	if err := contradiction(f.assume); err != nil {
		return r, err
	}
	for _, text := range f.assume {
		if err := assume(&r, text); err != nil {
			return r, err
		}
	}
	return r, nil
}

// contradiction refuses assumptions of which only one can be true. Units are assumed one
// by one, those above among them, but an account is in one place.
func contradiction(assumptions []string) error {
	said := map[string]string{}
	for _, text := range assumptions {
		what, value, _ := strings.Cut(text, "=")
		if what == "ou" && config.IsUnitID(value) {
			continue
		}
		if before, again := said[what]; again {
			return fmt.Errorf("--assume %s contradicts --assume %s: leave one of them out", text, before)
		}
		said[what] = text
	}
	for what, text := range said {
		kind, _, ofTag := strings.Cut(what, ".")
		if none, said := said[kind]; ofTag && said {
			return fmt.Errorf("--assume %s contradicts --assume %s: leave one of them out", none, text)
		}
	}
	return nil
}

var tagAssumption = regexp.MustCompile(`^(account_tags|tags)\.(.+)$`)

// assume notes one assumption.
func assume(r *config.Resource, text string) error {
	what, value, whole := strings.Cut(text, "=")
	if !whole {
		return fmt.Errorf("--assume %s: write it as WHAT=VALUE, as in tags.env=prod", text)
	}
	known := func(c config.Criterion) { delete(r.Unknown, c) }
	if m := tagAssumption.FindStringSubmatch(what); m != nil {
		assumeTag(r, config.Criterion(m[1]), m[2], value)
		return nil
	}
	switch what {
	case "account_tags", "tags":
		if value != "none" {
			return fmt.Errorf("--assume %s: write the key too, as in %s.env=prod, or %s=none", text, what, what)
		}
		known(config.Criterion(what))
	case "account_name":
		known(config.ByAccountName)
		r.Owner.Name = value
	case "ou":
		if !config.MayBeUnit(value) {
			return fmt.Errorf("--assume %s: write the id of an organizational unit, such as ou-ab12-11111111, or the path of its name below the root, such as Workloads/Prod", text)
		}
		known(config.ByUnit)
		assumeUnit(r.Owner, value)
	case "encryption":
		known(config.ByEncryption)
		r.Encryption = value
		return oneOf("--assume encryption", value, []string{"AES256", "KMS", "KMS_DSSE"})
	case "created":
		known(config.ByAge)
		return assumeCreated(r, value)
	default:
		return oneOf("--assume", what, []string{"account_name", "ou", "account_tags.KEY", "tags.KEY", "encryption", "created"})
	}
	return nil
}

func assumeTag(r *config.Resource, c config.Criterion, key, value string) {
	tags := &r.Tags
	if c == config.ByAccountTag {
		tags = &r.Owner.Tags
	}
	if *tags == nil {
		*tags = map[string]string{}
	}
	(*tags)[key] = value
	delete(r.Unknown, c)
}

// assumeUnit notes the unit of an account: its id, without those above it, or the
// path of its name.
func assumeUnit(o *config.Owner, unit string) {
	if config.IsUnitID(unit) {
		o.Units = append(o.Units, unit)
		if o.UnitPaths == nil {
			o.UnitPathsUnknown = "its id is assumed, not its name"
		}
		return
	}
	names := strings.Split(unit, "/")
	for i := range names {
		o.UnitPaths = append(o.UnitPaths, strings.Join(names[:i+1], "/"))
	}
	o.UnitPathsUnknown = ""
}

func assumeCreated(r *config.Resource, value string) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, value); err == nil {
			r.CreatedAt = at
			return nil
		}
	}
	return fmt.Errorf("--assume created=%s: write a date such as 2026-01-31, or a moment such as 2026-01-31T12:00:00Z", value)
}

// show prints an explanation. Whatever stands in it is the file's own text, or
// comes from AWS.
func (e *explained) show(p *sheet) {
	p.row("", fmt.Sprintf("%s in %s/%s", e.Repository, orAny(e.Account, "account"), orAny(e.Region, "region")))
	if len(e.Files) == 0 {
		p.row("", "There is no configuration file: the defaults hold.")
	}
	if len(e.Scopes) > 0 {
		p.gap()
		p.row("", "SCOPES, in order; later ones win")
	}
	for _, scope := range e.Scopes {
		p.row(fmt.Sprintf("  %-14s ", scope.Verdict), fmt.Sprintf("%s  %s", scope.At, scope.Why))
	}
	e.showSettings(p)
	e.showRules(p)
	e.showWaivers(p)
}

func (e *explained) showSettings(p *sheet) {
	p.gap()
	p.row("", "SETTINGS")
	width := 0
	for _, setting := range e.Settings {
		width = max(width, len(setting.Key))
	}
	for _, setting := range e.Settings {
		p.row(fmt.Sprintf("  %-*s  ", width, setting.Key), fmt.Sprintf("%s  (%s)", setting.Value, setting.At))
		others(p, width, setting.Depends)
	}
}

func (e *explained) showRules(p *sheet) {
	p.gap()
	p.row("", "RULES")
	width := 0
	for _, rule := range e.Rules {
		width = max(width, len(rule.ID))
	}
	for _, rule := range e.Rules {
		enabled := "off"
		if rule.Enabled {
			enabled = "on"
		}
		p.row(fmt.Sprintf("  %-*s  ", width, rule.ID), fmt.Sprintf("%-3s (%s)  %s (%s)", enabled, rule.EnabledAt, rule.Severity, rule.SeverityAt))
		others(p, width, rule.Depends)
		for _, scope := range rule.NotBy {
			p.row(fmt.Sprintf("  %-*s  ", width, ""), fmt.Sprintf("judges the %s; the scope %s does not hold for it", rule.Judges, scope))
		}
	}
}

func (e *explained) showWaivers(p *sheet) {
	if len(e.Waivers) > 0 {
		p.gap()
		p.row("", "WAIVERS")
	}
	for _, w := range e.Waivers {
		verdict := w.Verdict
		if w.State == "expired" {
			verdict = "expired"
		}
		p.row(fmt.Sprintf("  %-8s ", verdict), fmt.Sprintf("%s  %s until %s, %s: %s", w.At, w.Rules, w.Until, cmp.Or(w.Owner, "by a repository tag"), w.Reason))
		p.row("           ", w.Where)
		if w.Why != "" {
			p.row("           ", w.Why)
		}
	}
}

func others(p *sheet, width int, depends []config.Other) {
	for _, other := range depends {
		p.row(fmt.Sprintf("  %-*s  ", width, ""), fmt.Sprintf("or %s (%s), if the scope %s holds", other.Value, other.At, other.Scope))
	}
}

func orAny(text, what string) string {
	if text == "" {
		return "any " + what
	}
	return text
}
