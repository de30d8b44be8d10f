package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/artifact"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/rulesource"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

// sourceFlags say where rules come from beside the default ones, and who must
// have signed them.
type sourceFlags struct {
	rules []string
	keys  []string
}

func (f *sourceFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.rules, "rules", nil, "additional rules: `PATHS` of files, folders and bundles (.tar.gz), and artifacts of registries (oci://HOST/REPOSITORY@sha256:…)")
	flags.StringSliceVar(&f.keys, "rules-key", nil, "`FILES` with public keys (PEM); a bundle or artifact that none of them signed is refused")
}

// library is where configurations and rules are read from.
type library struct{ opener rulesource.Opener }

func newLibrary(keys []string) (*library, error) {
	l := &library{rulesource.Opener{Pull: artifact.Puller{}.Pull}}
	if err := l.opener.Trust(keys); err != nil {
		return nil, fmt.Errorf("--rules-key: %w", err)
	}
	return l, nil
}

// packs are how configurations in bundles and artifacts are read. The keys of a
// configuration count beside those of the flag.
func (l *library) packs(ctx context.Context) config.Packs {
	return config.Packs{
		Trust:    l.opener.Trust,
		ReadFile: func(reference string) ([]byte, finding.Source, error) { return l.opener.ReadFile(ctx, reference) },
	}
}

// configuration reads the configuration, and what it extends; the defaults where there
// is none, with the waivers of the working directory.
func (l *library) configuration(ctx context.Context, path string) (*config.Config, error) {
	if path == "" {
		return config.LoadFolder(".")
	}
	if err := alone(path); err != nil {
		return nil, err
	}
	return config.LoadWith(path, l.packs(ctx))
}

// alone refuses the configuration file of the working directory where there is another.
func alone(path string) error {
	if found, _ := config.Find("."); path == found {
		return config.CheckAlone(".")
	}
	return nil
}

// open opens references to rules, each place once. What is wrong with those that the
// configuration names is said with their place.
func (l *library) open(ctx context.Context, c *config.Config, references []string) (all []rulesource.Source, err error) {
	var failures []error
	for _, name := range rulesource.Distinct(references) {
		source, err := l.opener.Open(ctx, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if failure, ok := errors.AsType[*rulesource.Error](err); ok {
			err = cmp.Or(c.RulePathError(name, failure.Err), err)
		}
		all, failures = append(all, source), append(failures, err)
	}
	return all, errors.Join(failures...)
}

// rules reads the default rules and those of the references.
func (l *library) rules(ctx context.Context, c *config.Config, references []string) (*evaluate.Rules, error) {
	rules, _, err := l.rulesAndSources(ctx, c, references)
	return rules, err
}

// rulesAndSources is rules for those who look into the sources, too.
func (l *library) rulesAndSources(ctx context.Context, c *config.Config, references []string) (*evaluate.Rules, []rulesource.Source, error) {
	sources, err := l.open(ctx, c, references)
	if err != nil {
		return nil, nil, err
	}
	rules, err := evaluate.LoadRulesFrom(sources)
	return rules, sources, err
}

// loadWithCases is load for those who look at cases, too.
func (f *sourceFlags) loadWithCases(ctx context.Context, path string, m *messages, chosen func(*evaluate.Rule) bool) (*config.Config, *workbench.Library, error) {
	named, err := f.named(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	rules, sources, err := named.rulesAndSources(ctx, named.config, named.references)
	if err != nil {
		return nil, nil, err
	}
	named.tellDoubts(m)
	library, err := workbench.NewLibrary(rules, sources, chosen)
	return named.config, library, err
}

// tellDoubts says which signatures nothing verified.
func (l *library) tellDoubts(m *messages) {
	for _, name := range l.opener.NotVerified() {
		m.warn(name + " is signed, but its signature was not verified: name the public key with --rules-key, or under rule_keys in ecraudit.yaml")
	}
}

// load reads the configuration and the rules.
func (f *sourceFlags) load(ctx context.Context, path string, m *messages) (*config.Config, *evaluate.Rules, error) {
	named, err := f.named(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	rules, err := named.rules(ctx, named.config, named.references)
	if err != nil {
		return nil, nil, err
	}
	named.tellDoubts(m)
	return named.config, rules, nil
}

// namedRules are the references that the configuration and flags name.
type namedRules struct {
	*library
	config     *config.Config
	references []string
}

func (f *sourceFlags) named(ctx context.Context, path string) (namedRules, error) {
	l, err := newLibrary(f.keys)
	if err != nil {
		return namedRules{}, err
	}
	c, err := l.configuration(ctx, path)
	if err != nil {
		return namedRules{}, err
	}
	return namedRules{l, c, slices.Concat(c.RulePaths, f.rules)}, nil
}

// withFolders are the references, and the folders that are not among them.
func (n namedRules) withFolders(folders []string) []string {
	all := slices.Clone(n.references)
	for _, folder := range folders {
		if !slices.ContainsFunc(all, func(p string) bool { return samePath(p, folder) }) {
			all = append(all, folder)
		}
	}
	return all
}
