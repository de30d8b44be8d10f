package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/artifact"
	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/permissions"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// extentFlags say what of a run is meant: its rules, its accounts and its fixes.
// They decide which permissions it takes.
type extentFlags struct {
	ruleFlags
	targetFlags
	fix      []string
	fixRole  string
	enhanced bool
}

func (f *extentFlags) add(command *cobra.Command) {
	flags := command.Flags()
	f.ruleFlags.add(flags)
	f.addSelection(flags)
	flags.StringSliceVar(&f.fix, "fix", nil, "the changes that are to be made too (`KINDS`): "+strings.Join(kindNames(), ", ")+"; all is every kind that mends findings")
	flags.StringVar(&f.fixRole, "fix-role-name", "ecraudit-fixer", "`NAME` of the role that makes changes")
	flags.BoolVar(&f.enhanced, "enhanced-scanning", false, "some registries have enhanced scanning, of which reading the findings takes permissions of Amazon Inspector")
	complete(command, "fix", append([]string{"all"}, kindNames()...))
}

func kindNames() (names []string) {
	for _, k := range remediate.AllKinds() {
		names = append(names, string(k))
	}
	return names
}

// kinds are the kinds of changes that are to be made.
func (f *extentFlags) kinds(flags *pflag.FlagSet, s streams) (kinds []remediate.Kind, err error) {
	if variable := variableBehind(flags.Lookup("fix")); variable == variableOf("fix") {
		messagesOf(s.err).warn(variable + " is left aside: here --fix names the kinds of changes")
		leaveAside(flags, "fix")
		return nil, nil
	}
	for _, name := range f.fix {
		if name == "all" {
			kinds = append(kinds, remediate.Kinds()...)
			continue
		}
		if err := oneOf("--fix", name, append([]string{"all"}, kindNames()...)); err != nil {
			return nil, err
		}
		kinds = append(kinds, remediate.Kind(name))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), nil
}

// others reports whether accounts other than the caller's are meant.
func (f *extentFlags) others() bool {
	s := f.options.Selection
	return s.Organization || len(s.Units) > 0 || len(s.Accounts) > 0
}

// extent is what decides which calls a run makes that reads for the rules, and
// for planning changes if there are any.
func (f *extentFlags) extent(engine *evaluate.Engine, kinds []remediate.Kind) collect.Extent {
	needs := maps.Clone(engine.Needs())
	if len(kinds) > 0 {
		for _, n := range remediate.Needs() {
			needs[n] = true
		}
	}
	return collect.Extent{
		Needs: needs, Others: f.others(), Units: len(f.options.Selection.Units) > 0,
		AllRegions: slices.Contains(f.options.Regions, awsapi.AllRegions), EnhancedScanning: f.enhanced,
	}
}

// fixing are the IAM actions that changes of these kinds take.
func fixing(kinds []remediate.Kind) (actions []string) {
	for _, k := range kinds {
		for _, p := range remediate.Permissions(k) {
			actions = append(actions, p.Action)
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// engineFor loads the configuration and the rules, and compiles what is active.
func (f *extentFlags) engineFor(ctx context.Context, s streams) (*config.Config, *evaluate.Engine, error) {
	c, rules, err := f.load(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	engine, err := evaluate.New(rules, c, evaluate.Options{Clock: s.clock()})
	return c, engine, err
}

// permissionsFlags say for whom permissions are written, and how.
type permissionsFlags struct {
	extentFlags
	account, partition, hubAccount string
	ruleRepositories               []string
	format, document, output       string
}

func permissionFormats() []string { return []string{"iam", "cloudformation", "terraform", "stackset"} }

func newPermissions(s streams) *cobra.Command {
	var f permissionsFlags
	command := &cobra.Command{
		Use:   "permissions",
		Short: "Write the IAM policies that a run takes, and no more",
		Long: `Writes the least that IAM must allow for the active rules, the accounts that are
meant and the changes that are chosen: policies of the roles that read and mend
accounts, their trust policies, and what the caller or the hub role needs. It asks
nothing of AWS, but pulls rules that stand in a registry.

Exit codes:
  0  written
  1  usage or internal error`,
		Example: `  ecraudit permissions --document reader -o reader.json
  ecraudit permissions --org --regions all --hub-role-arn arn:aws:iam::111122223333:role/hub --external-id 0f3a
  ecraudit permissions --fix tags,scanning --document fixer
  ecraudit permissions --org --hub-account 111122223333 --format terraform -o roles.tf
  ecraudit permissions --org --fix all --hub-role-arn arn:aws:iam::111122223333:role/hub --format stackset -o ecraudit-roles.yaml`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error { return f.run(command.Context(), command.Flags(), s) },
	}
	f.extentFlags.add(command)
	flags := command.Flags()
	flags.Lookup("regions").Usage = "`NAMES` of the regions that will be read, which tell the partition, or all: then the policies also allow to ask which each account has enabled"
	flags.StringVar(&f.options.Roles.Name, "role-name", "ecraudit-reader", "`NAME` of the role that reads accounts")
	flags.StringVar(&f.options.Roles.ExternalID, "external-id", "", "external `ID` that the roles demand")
	flags.StringVar(&f.options.Roles.HubARN, "hub-role-arn", "", "`ARN` of the role that assumes the others")
	flags.StringVar(&f.hubAccount, "hub-account", "", "account (`ID`) whose principals assume the roles, where there is no hub role")
	flags.StringVar(&f.account, "account", "", "the account (`ID`) that the policies are for; without it they fit every account")
	flags.StringVar(&f.partition, "partition", "", "aws, aws-cn, aws-us-gov or another partition of AWS (`NAME`; default: that of --hub-role-arn or --regions, or else aws)")
	flags.StringSliceVar(&f.ruleRepositories, "rules-repository", nil, "more repositories of ECR (`ARNS`) that the caller is to pull rules from, beside those of --rules and rule_paths")
	flags.StringVar(&f.format, "format", "iam", "`FORMAT`: "+strings.Join(permissionFormats(), ", "))
	flags.StringVar(&f.document, "document", "all", "only this document (`NAME`): reader, reader-trust, fixer, fixer-trust, hub, hub-trust or caller; of templates, only the role of this name")
	flags.StringVarP(&f.output, "output", "o", "-", "`FILE` to write; - is standard output")
	complete(command, "format", permissionFormats())
	return command
}

var (
	accountForm    = regexp.MustCompile(`^[0-9]{12}$`)
	repositoryForm = regexp.MustCompile(`^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9._/*-]+$`)
	externalIDForm = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

// roleNameLimit is how long IAM takes the name of a role, without its path.
const roleNameLimit = 64

// checkFixRole refuses names of the role that makes changes.
func (f *extentFlags) checkFixRole() error {
	fixer := awsapi.Roles{Name: f.fixRole}
	if err := fixer.Check(); err != nil {
		return errors.New("--fix-role-name" + strings.TrimPrefix(err.Error(), "--role-name"))
	}
	return nil
}

func (f *permissionsFlags) check() error {
	roles, selection := f.options.Roles, f.options.Selection
	if err := errors.Join(f.checkFixRole(), oneOf("--format", f.format, permissionFormats()), collect.CheckSelection(selection, roles), collect.CheckKnownRegions(f.options.Regions)); err != nil {
		return err
	}
	for _, flag := range []struct{ name, value string }{{"--account", f.account}, {"--hub-account", f.hubAccount}} {
		if flag.value != "" && !accountForm.MatchString(flag.value) {
			return fmt.Errorf("%s: %q is not an account id: it has 12 digits", flag.name, flag.value)
		}
	}
	for _, arn := range f.ruleRepositories {
		if !repositoryForm.MatchString(arn) {
			return fmt.Errorf("--rules-repository: %q is not a repository's ARN: it looks like arn:aws:ecr:eu-west-1:111122223333:repository/rules", arn)
		}
	}
	for _, role := range []struct{ flag, name string }{{"--role-name", roles.Name}, {"--fix-role-name", f.fixRole}} {
		if name := withoutPath(role.name); name == "" || len(name) > roleNameLimit {
			return fmt.Errorf("%s: %q: IAM takes names of 1 to %d characters", role.flag, role.name, roleNameLimit)
		}
	}
	hub := withoutPath(roles.HubARN)
	switch {
	case sameRole(roles.Name, f.fixRole):
		return fmt.Errorf("--fix-role-name: %q is the role that reads: give the role that makes changes another name, so that reading cannot write", f.fixRole)
	case f.format == "stackset" && (sameRole(hub, roles.Name) || sameRole(hub, f.fixRole)):
		return fmt.Errorf("--hub-role-arn: %q is also the name of a role that the StackSet makes, and an account has one role of a name: give it another", hub)
	case len(selection.Accounts) > 0 && len(f.accounts()) == 0:
		return errors.New("--exclude-accounts: it leaves no account of --accounts")
	case f.format == "stackset" && len(selection.Accounts) > 0 && len(f.entered()) == 0:
		return errors.New("--format stackset: --accounts leaves only the account of whoever assumes the roles, which needs none: name the others")
	case roles.ExternalID != "" && (!externalIDForm.MatchString(roles.ExternalID) || len(roles.ExternalID) < 2 || len(roles.ExternalID) > 1224):
		return fmt.Errorf("--external-id: %q: use 2 to 1224 letters, digits and any of +=,.@:/_-", roles.ExternalID)
	case roles.HubARN != "" && f.hubAccount != "":
		return errors.New("--hub-account: --hub-role-arn says already who assumes the roles; give one of them")
	case f.format != "iam" && roles.HubARN == "" && f.hubAccount == "":
		return fmt.Errorf("--format %s: it is not known who assumes the roles: give --hub-role-arn, or --hub-account", f.format)
	case f.format != "iam" && f.account != "":
		return fmt.Errorf("--account: a template fits every account it is deployed to; leave it out with --format %s", f.format)
	case f.format == "stackset" && !f.others():
		return errors.New("--format stackset: it is for the accounts of an organization: give --org, --ou or --accounts")
	case f.format == "stackset" && f.document != "all":
		return errors.New("--document: a StackSet has the hub role beside it; leave --document out")
	}
	return nil
}

// place is what ARNs begin with.
func (f *permissionsFlags) place() (permissions.Place, error) {
	known := map[string]string{} // partition → the flag that says so
	if f.options.Roles.HubARN != "" {
		known[permissions.PartitionOf(f.options.Roles.HubARN)] = "--hub-role-arn"
	}
	for _, region := range f.options.Regions {
		if region != awsapi.AllRegions {
			known[awsapi.PartitionOf(region)] = "--regions"
		}
	}
	if f.partition != "" {
		if err := oneOf("--partition", f.partition, awsapi.Partitions()); err != nil {
			return permissions.Place{}, err
		}
		known[f.partition] = "--partition"
	}
	for _, arn := range f.ruleRepositories {
		known[permissions.PartitionOf(arn)] = "--rules-repository"
	}
	if len(known) > 1 {
		var said []string
		for _, partition := range slices.Sorted(maps.Keys(known)) {
			said = append(said, known[partition]+" is in "+partition)
		}
		return permissions.Place{}, fmt.Errorf("the partitions differ: %s", strings.Join(said, ", "))
	}
	place := permissions.Place{Partition: "aws", Account: permissions.AnyAccount}
	for partition := range known {
		place.Partition = partition
	}
	if f.account != "" {
		place.Account = f.account
	}
	return place, nil
}

func (f *permissionsFlags) run(ctx context.Context, flags *pflag.FlagSet, s streams) error {
	if err := f.check(); err != nil {
		return err
	}
	if onCommandLine(flags, "external-id") && f.ownAccount() == "" {
		return errors.New("--external-id: it is demanded of whoever assumes the roles, which is not known: give --hub-role-arn, or --hub-account")
	}
	place, err := f.place()
	if err != nil {
		return err
	}
	kinds, err := f.kinds(flags, s)
	if err != nil {
		return err
	}
	c, engine, err := f.engineFor(ctx, s)
	if err != nil {
		return err
	}
	text, err := f.write(f.request(place, c, engine, kinds))
	if err != nil {
		return err
	}
	if f.entersNothing() {
		messagesOf(s.err).warn("the roles of no other account may be assumed: --org, --ou or --accounts say which accounts are meant")
	}
	to, err := openOutput(f.output, s.out)
	if err != nil {
		return err
	}
	defer to.Abort()
	if _, err := to.Write(text); err != nil {
		return fmt.Errorf("writing %s: %w", f.output, snapshot.Cause(err))
	}
	return to.Commit()
}

// pulledFrom are the repositories of ECR that rules are pulled from.
func (f *permissionsFlags) pulledFrom(engine *evaluate.Engine) []string {
	all := slices.Clone(f.ruleRepositories)
	for _, source := range engine.RuleSources() {
		if arn := artifact.RepositoryARN(source.Reference); arn != "" {
			all = append(all, arn)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// request says what is to be allowed.
func (f *permissionsFlags) request(place permissions.Place, c *config.Config, engine *evaluate.Engine, kinds []remediate.Kind) permissions.Request {
	extent := f.extent(engine, kinds)
	selection, roles := f.options.Selection, f.options.Roles
	r := permissions.Request{
		Place: place, ReaderName: roles.Name, FixerName: f.fixRole,
		Reading: extent.Permissions(collect.ByRole), Fixing: fixing(kinds), Calling: extent.Permissions(collect.ByCaller),
		Hub: roles.HubARN, HubAccount: f.hubAccount, ExternalID: roles.ExternalID, Organization: c.Organization.ID,
		RuleRepositories: f.pulledFrom(engine),
	}
	if r.WholeOrganization = f.others() && len(selection.Accounts) == 0; r.WholeOrganization {
		r.Exclude = sortedOnce(selection.Exclude)
	} else {
		r.Accounts = f.entered()
	}
	r.Own = f.readsOwn()
	return r
}

// accounts are those of --accounts that are meant.
func (f *permissionsFlags) accounts() []string {
	selection := f.options.Selection
	return slices.DeleteFunc(sortedOnce(selection.Accounts), func(id string) bool { return slices.Contains(selection.Exclude, id) })
}

// entered are those of --accounts that are entered by a role: not that of
// whoever assumes the roles.
func (f *permissionsFlags) entered() []string {
	return slices.DeleteFunc(f.accounts(), func(id string) bool { return id == f.ownAccount() })
}

func sortedOnce(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}

// ownAccount is the account of whoever assumes the roles; empty where it is not
// known.
func (f *permissionsFlags) ownAccount() string {
	if f.options.Roles.HubARN != "" {
		return permissions.AccountOf(f.options.Roles.HubARN)
	}
	return f.hubAccount
}

// entersNothing reports whether what is written is for one who assumes roles, and
// lets assume none.
func (f *permissionsFlags) entersNothing() bool {
	switch {
	case f.others() || f.ownAccount() == "":
		return false
	case f.options.Roles.HubARN != "":
		return f.document == "hub" || f.document == "all" && f.format == "iam"
	}
	return f.document == "caller"
}

func withoutPath(role string) string { return role[strings.LastIndex(role, "/")+1:] }

// sameRole reports whether IAM takes names of roles for the same one. It asks
// neither for the path nor for upper and lower case.
func sameRole(a, b string) bool { return strings.EqualFold(withoutPath(a), withoutPath(b)) }

// readsOwn reports whether the account of whoever assumes the roles is read, or
// may be: that is done with that one's own credentials.
func (f *permissionsFlags) readsOwn() bool {
	own, selection := f.ownAccount(), f.options.Selection
	switch {
	case own == "":
		return true
	case slices.Contains(selection.Exclude, own):
		return false
	case len(selection.Accounts) > 0:
		return slices.Contains(selection.Accounts, own)
	}
	return true
}

// write writes what is allowed in the format that was asked for.
func (f *permissionsFlags) write(r permissions.Request) ([]byte, error) {
	switch f.format {
	case "cloudformation", "stackset":
		r.Place = permissions.CloudFormationPlace()
	case "terraform":
		r.Place = permissions.TerraformPlace()
	}
	answer := permissions.Make(r)
	if f.format == "iam" {
		return f.writePolicies(answer)
	}
	if f.format == "stackset" {
		return f.writeStackSet(answer, r)
	}
	roles, err := f.templated(answer)
	if err != nil {
		return nil, err
	}
	if err := fit(answer, roles); err != nil {
		return nil, err
	}
	if f.format == "terraform" {
		return permissions.Terraform(roles, "Roles for ecraudit in one account. terraform init; terraform apply"+f.hubFirst("\n")), nil
	}
	return permissions.CloudFormation(roles, "Roles for ecraudit in one account."+f.hubFirst(" ")+"\n\n"+
		"aws cloudformation deploy --stack-name ecraudit --template-file FILE --capabilities CAPABILITY_NAMED_IAM"), nil
}

// hubFirst says, after a space, that the hub role is to be there before.
func (f *permissionsFlags) hubFirst(space string) string {
	if f.options.Roles.HubARN == "" || f.document == string(permissions.Hub) {
		return ""
	}
	return space + "Make the hub role before: IAM refuses to trust a role that does not exist."
}

func (f *permissionsFlags) writePolicies(answer *permissions.Answer) ([]byte, error) {
	names, of := answer.Documents()
	if f.document == "all" {
		return permissions.AsJSON(names, of), answer.Fits(names, false)
	}
	if _, there := of[f.document]; !there {
		return nil, f.noDocument(names)
	}
	return of[f.document].JSON(), answer.Fits([]string{f.document}, false)
}

// fit reports roles of a template whose policies IAM would not take.
func fit(answer *permissions.Answer, roles []permissions.Role) error {
	var documents []string
	for _, role := range roles {
		documents = append(documents, string(role.Kind), string(role.Kind)+"-trust")
	}
	return answer.Fits(documents, true)
}

// noDocument says why there is no such document.
func (f *permissionsFlags) noDocument(names []string) error {
	switch base, trust := strings.CutSuffix(f.document, "-trust"); {
	case base == string(permissions.Fixer) && len(f.fix) == 0:
		return fmt.Errorf("--document %s: nothing is to be changed: say with --fix what is", f.document)
	case base == string(permissions.Hub):
		return fmt.Errorf("--document %s: there is no hub role: name it with --hub-role-arn", f.document)
	case trust && (base == string(permissions.Fixer) || base == string(permissions.Reader)):
		return fmt.Errorf("--document %s: it is not known who assumes the role: give --hub-role-arn, or --hub-account", f.document)
	}
	return oneOf("--document", f.document, append([]string{"all"}, names...))
}

// templated are the roles that a template for one account makes: those that are
// assumed from elsewhere, or the one that was asked for.
func (f *permissionsFlags) templated(answer *permissions.Answer) (roles []permissions.Role, err error) {
	var names []string
	for _, role := range answer.Roles {
		if f.document == string(role.Kind) || f.document == "all" && role.Kind != permissions.Hub {
			roles = append(roles, role)
		}
		names = append(names, string(role.Kind))
	}
	switch {
	case len(roles) > 0:
		return roles, nil
	case strings.HasSuffix(f.document, "-trust"), f.document == "caller":
		return nil, fmt.Errorf("--document %s: a template makes whole roles: name one of %s", f.document, strings.Join(names, ", "))
	}
	return nil, f.noDocument(names)
}

// writeStackSet writes the template for an organization, with how it is deployed.
func (f *permissionsFlags) writeStackSet(answer *permissions.Answer, r permissions.Request) ([]byte, error) {
	to := permissions.Targets{Units: f.options.Selection.Units, Only: r.Accounts, Exclude: r.Exclude}
	where := "Deploy it in the management account, or in that of a delegated administrator of StackSets"
	if hub := f.options.Roles.HubARN; hub != "" {
		where = "Deploy it in account " + permissions.AccountOf(hub) + ", where it makes the hub role: the management account, or that of a delegated administrator of StackSets"
	}
	later := "those that join later too"
	if !to.JoinLater() {
		later = "but not in those that join later: StackSets would not ask\nwhether these are meant. Deploy it again for them"
	}
	units := " \\\n  --parameter-overrides OrganizationalUnits=$(aws organizations list-roots --query 'Roots[0].Id' --output text)"
	if len(to.Units) > 0 {
		units = ""
	}
	return permissions.StackSet(answer.Roles, to, "Roles for ecraudit in the accounts of an organization, "+later+".\n"+
		where+"\n(there with CallAs=DELEGATED_ADMIN among --parameter-overrides). The management account lets StackSets in, once:\n\n"+
		"aws cloudformation activate-organizations-access\n\n"+
		"aws cloudformation deploy --stack-name ecraudit --template-file FILE --capabilities CAPABILITY_NAMED_IAM"+units+"\n\n"+
		"It ends well also where an account could not be given its roles: ecraudit doctor says which accounts can be entered.\n"+
		"A StackSet makes nothing in the management account: unless whoever assumes the roles is in it, deploy the template of\n"+
		"--format cloudformation there."), fit(answer, answer.Roles)
}
