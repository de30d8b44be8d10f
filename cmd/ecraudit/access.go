package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// accessFlags are those of the three forms of the command.
type accessFlags struct {
	surveyFlags // its snapshot and credentials serve a single repository, too
	account     string
	region      string
	format      string

	principal string
	action    string

	policy         string
	registryPolicy string
	ownAccount     string
	organization   string
	members        []string
	trusted        map[string]string
	repository     string
}

func newAccess(s streams) *cobra.Command {
	var f accessFlags
	command := &cobra.Command{
		Use:   "access [REPOSITORY]",
		Short: "Say who can do what with a repository, and why",
		Long: `Evaluates resource policies as AWS would: who can do what with a repository,
under which conditions, and what each statement gives or takes back. The policies
are those of a repository (name, ARN or URI) or of files; with --principal the
question is reversed: in which repositories can this principal do something?`,
		Example: `  ecraudit access access/stringlike-star --snapshot org.snapshot
  ecraudit access landing-zone/customizations --region us-east-1 --format json
  ecraudit access --principal arn:aws:iam::333344445555:role/ci --action push --snapshot org.snapshot
  ecraudit access --principal 444455556666 --org --role-name ecraudit-reader
  ecraudit access --policy statement.json --own-account 111122223333 --organization-id o-a1b2c3d4e5 --organization-accounts 111122223333,444455556666`,
		Args: cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, args []string) error {
			return f.run(command, args, s)
		},
	}
	f.add(command.Flags())
	complete(command, "format", []string{"text", "json"})
	return command
}

func (f *accessFlags) add(flags *pflag.FlagSet) {
	f.surveyFlags.add(flags)
	flags.StringVar(&f.account, "account", "", "`ID` of the repository's account (default: the caller's own, or the only one that has it in the snapshot)")
	flags.StringVar(&f.region, "region", "", "`NAME` of the repository's region (default: the ambient one, or the only one that has it in the snapshot)")
	flags.StringVar(&f.format, "format", "text", "`FORMAT` of the answer: text or json")
	flags.StringVar(&f.principal, "principal", "", "`ARN` of a role, user or session, or an account id: where can it do what --action says?")
	flags.StringVar(&f.action, "action", "pull", "`ABILITY` to ask about with --principal: read, pull, push, delete, administer, or an action such as ecr:PutImage")
	flags.StringVar(&f.policy, "policy", "", "`FILE` with a repository policy to look at without AWS; - is standard input")
	flags.StringVar(&f.registryPolicy, "registry-policy", "", "`FILE` with the registry policy that holds beside --policy")
	flags.StringVar(&f.ownAccount, "own-account", "", "`ID` of the account that has the policy")
	flags.StringVar(&f.organization, "organization-id", "", "`ID` of that account's organization (default: not known)")
	flags.StringSliceVar(&f.members, "organization-accounts", nil, "`IDS` of the organization's accounts (default: not known)")
	flags.StringToStringVar(&f.trusted, "trusted", nil, "`ID=NAME` of accounts outside the organization that are trusted")
	flags.StringVar(&f.repository, "repository", "repository", "`NAME` of the repository that has the policy")
}

// fileFlags are those that only describe a policy file.
var fileFlags = []string{"registry-policy", "own-account", "organization-id", "organization-accounts", "trusted", "repository"}

func (f *accessFlags) run(command *cobra.Command, args []string, s streams) error {
	if err := oneOf("--format", f.format, []string{"text", "json"}); err != nil {
		return err
	}
	if len(args) > 0 {
		leaveAside(command.Flags(), "policy", "principal") // the question is that of the command line
	}
	forms := 0
	for _, given := range []bool{len(args) > 0, f.policy != "", f.principal != ""} {
		if given {
			forms++
		}
	}
	switch {
	case forms != 1 || len(args) > 1:
		return fmt.Errorf("%s takes one of a repository, --policy and --principal; see %s --help", command.CommandPath(), command.CommandPath())
	case f.principal == "" && onCommandLine(command.Flags(), "action"):
		return fmt.Errorf("--action means nothing without --principal")
	}
	if f.policy != "" {
		notAsked := append([]string{"account", "snapshot", "config", "progress", "verbose"}, awsFlags...)
		if err := refuse(command.Flags(), "with --policy: AWS is not asked", notAsked...); err != nil {
			return err
		}
		return f.ofFiles(command.InOrStdin(), s.out)
	}
	if err := refuse(command.Flags(), "without --policy", fileFlags...); err != nil {
		return err
	}
	if f.principal != "" {
		return f.ofPrincipal(command, s)
	}
	if err := refuse(command.Flags(), "for one repository: say where it is with --account and --region", "org", "ou", "accounts", "exclude-accounts", "regions"); err != nil {
		return err
	}
	if err := f.check(command); err != nil {
		return err
	}
	return f.ofRepository(command, args[0], s)
}

// accessCase is what one answer is about.
type accessCase struct {
	about     string
	documents access.Documents
	context   access.Context
}

// ofRepository answers for a repository of AWS or of a snapshot.
func (f *accessFlags) ofRepository(command *cobra.Command, repository string, s streams) error {
	subject := subjectFlags{configFlag: f.configFlag, options: f.options, account: f.account, region: f.region, snapshot: f.snapshot, flags: command.Flags()}
	one, err := subject.read(command.Context(), repository, []snapshot.Need{snapshot.NeedPolicy, snapshot.NeedRegistryPolicy, snapshot.NeedAccountSettings}, messagesOf(s.err))
	if err != nil {
		return err
	}
	r := one.repository
	about := fmt.Sprintf("%s in %s", r.Name, r.Target)
	if gap := r.Gap(snapshot.NeedPolicy); gap != nil {
		return unreadable("policy", about, gap)
	}
	documents, at := accessOf(one.organization, one.registry, r, one.settings)
	return f.tell(accessCase{about, documents, at}, s.out)
}

// accessOf is what decides about access to a repository.
func accessOf(o snapshot.Organization, reg *snapshot.Registry, r *snapshot.Repository, settings *config.Effective) (access.Documents, access.Context) {
	documents := access.Documents{RepositoryPolicy: r.Policy, RegistryPolicy: reg.Policy, RegistryScope: reg.Settings["REGISTRY_POLICY_SCOPE"]}
	if gap := reg.Gap(snapshot.NeedRegistryPolicy); gap != nil {
		documents.RegistryUnread = gap.Code + ": " + gap.Message
	}
	at := access.Context{
		Partition: r.Partition, Account: r.Account, Region: r.Region, Repository: r.Name,
		OrganizationID: o.ID, NoOrganization: o.None,
		Trusted: settings.Settings.TrustedAccounts, Vendors: settings.Settings.VendorAccounts,
	}
	if o.Accounts != nil {
		at.Members = map[string]string{}
		for _, account := range o.Accounts {
			at.Members[account.ID] = account.Path
		}
	}
	return documents, at
}

var (
	twelveDigits     = regexp.MustCompile(`^[0-9]{12}$`)
	organizationForm = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
)

// ofFiles answers for policies in files.
func (f *accessFlags) ofFiles(stdin io.Reader, out io.Writer) error {
	at := access.Context{
		Partition: "aws", Region: "eu-west-1", Account: f.ownAccount, Repository: f.repository,
		OrganizationID: f.organization, Trusted: f.trusted,
	}
	if f.region != "" {
		at.Region = f.region
	}
	switch {
	case f.ownAccount == "":
		return fmt.Errorf("--own-account is missing: say whose policy it is, as in --own-account 111122223333")
	case f.organization != "" && !organizationForm.MatchString(f.organization):
		return fmt.Errorf("--organization-id: %q is not an organization id: it looks like o-a1b2c3d4e5", f.organization)
	case f.policy == "-" && f.registryPolicy == "-":
		return fmt.Errorf("--policy and --registry-policy cannot both be standard input: put one into a file")
	case f.organization == "" && len(f.members) > 0:
		return fmt.Errorf("--organization-accounts means nothing without --organization-id")
	}
	for _, id := range slices.Concat([]string{f.ownAccount}, f.members, keysOf(f.trusted)) {
		if !twelveDigits.MatchString(id) {
			return fmt.Errorf("%q is not an account id: it has 12 digits", id)
		}
	}
	if len(f.members) > 0 {
		at.Members = map[string]string{f.ownAccount: ""}
		for _, id := range f.members {
			at.Members[id] = ""
		}
	}
	documents := access.Documents{RegistryScope: "V2"}
	for _, file := range []struct {
		flag, path string
		to         *string
	}{{"--policy", f.policy, &documents.RepositoryPolicy}, {"--registry-policy", f.registryPolicy, &documents.RegistryPolicy}} {
		if file.path == "" {
			continue
		}
		text, err := readPolicy(file.path, stdin)
		if err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
		*file.to = text
	}
	return f.tell(accessCase{f.policy, documents, at}, out)
}

// readPolicy reads a file that holds JSON.
func readPolicy(path string, stdin io.Reader) (string, error) {
	text, err := readText(path, stdin)
	if err != nil {
		return "", err
	}
	var document any
	err = json.Unmarshal([]byte(strings.TrimPrefix(text, "\ufeff")), &document)
	if err == nil {
		return text, nil
	}
	line := 1
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		line += strings.Count(text[:min(int(wrong.Offset), len(text))], "\n")
	}
	return "", fmt.Errorf("line %d of %s is not JSON (%w): give the policy document itself", line, path, err)
}

func keysOf(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// accessAnswer is the answer as JSON.
type accessAnswer struct {
	Exposure access.Exposure `json:"exposure"`
	Grants   []access.Grant  `json:"grants"`
	Problems []string        `json:"problems"`
}

// tell writes who can do what.
func (f *accessFlags) tell(c accessCase, out io.Writer) error {
	analysis := access.Analyze(c.documents, c.context)
	if f.format == "json" {
		answer := accessAnswer{analysis.Exposure, analysis.Grants, analysis.Problems}
		if answer.Problems == nil {
			answer.Problems = []string{}
		}
		return writeJSON(out, answer)
	}
	sheet := newSheet(streams{out: out})
	sheet.say("", "", "%s: %s, %s", c.about, analysis.Exposure, exposureWords[analysis.Exposure])
	for _, problem := range analysis.Problems {
		sheet.say("", "  ", "problem: %s", problem)
	}
	sheet.gap()
	if len(analysis.Grants) == 0 {
		sheet.say("", "", "No resource policy gives access to anybody. Identity policies of account %s decide about its own principals.", c.context.Account)
	}
	for i := range analysis.Grants {
		sheet.grant("", &analysis.Grants[i])
	}
	explanations := access.Explain(c.documents, c.context)
	if len(explanations) > 0 {
		sheet.gap()
		sheet.say("", "", "Statement by statement:")
	}
	for i := range explanations {
		sheet.statement(&explanations[i])
	}
	return sheet.writeTo(out)
}

var exposureWords = map[access.Exposure]string{
	access.ExposureOwn:     "nobody but the own account",
	access.ExposureInside:  "other accounts of the organization",
	access.ExposureTrusted: "accounts that the configuration trusts",
	access.ExposureOutside: "somebody outside the organization",
	access.ExposurePublic:  "everyone",
	access.ExposureUnknown: "cannot be decided",
}

// grant says who can do what by which statement.
func (p *sheet) grant(indent string, g *access.Grant) {
	who := g.Principal
	if g.Trusted != "" {
		who += " (" + g.Trusted + ")"
	}
	reach := string(g.Exposure)
	if g.Exposure == access.ExposureUnknown {
		reach = fmt.Sprintf("unknown, at most %s", g.Widest)
	}
	p.say(indent, "- ", "%s: %s [%s; statement %s of the %s]", who, strings.Join(g.Abilities, ", "), reach, g.Statement, strings.ReplaceAll(g.Source, "-", " "))
	if len(g.Conditions) > 0 {
		p.say(indent+"  ", "", "if %s", strings.Join(g.Conditions, " and "))
	}
	if g.Reason != "" {
		p.say(indent+"  ", "", "because %s", g.Reason)
	}
}

// statement says what a statement gives or takes back, and why.
func (p *sheet) statement(e *access.Explanation) {
	p.gap()
	p.say("", "", "%s (%s, %s)", e.Statement, e.Effect, strings.ReplaceAll(e.Source, "-", " "))
	switch {
	case e.Nothing != "":
		p.say("  ", "", "does nothing: %s", e.Nothing)
	case e.Effect == "Deny" && len(e.Grants) > 0:
		p.say("  ", "", "takes back:")
	case e.Effect == "Deny" && e.Narrows:
		p.say("  ", "", "adds conditions to what others grant")
	}
	if e.Nothing == "" {
		for i := range e.Grants {
			g := &e.Grants[i]
			p.say("  ", "- ", "%s: %s", g.Principal, strings.Join(g.Actions, ", "))
			if len(g.Conditions) > 0 {
				p.say("    ", "", "if %s", strings.Join(g.Conditions, " and "))
			}
		}
	}
	for _, inert := range e.Inert {
		p.say("  ", "", "%s grants nothing here: %s", inert.Action, inert.Reason)
	}
}

// writeJSON writes a value with every character escaped that a terminal might
// obey or not show.
func writeJSON(out io.Writer, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("showing the answer: %w", err)
	}
	var b strings.Builder
	for _, r := range text.String() {
		switch high, low := utf16.EncodeRune(r); {
		case r == '\n' || report.Printable(string(r)) == string(r):
			b.WriteRune(r)
		case high != utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("showing the answer: %w", err)
	}
	return nil
}
