package evaluate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// table is what rules of scope organization see: every registry and every
// repository without its images. It is only kept when there is such a rule.
type table struct {
	mu           sync.Mutex
	registries   []row
	repositories []row
}

type row struct {
	target snapshot.Target
	name   string
	term   *ast.Term
}

func (e *Engine) judgesOrganization() bool {
	return slices.ContainsFunc(e.rules, func(r *Rule) bool { return r.Scope == finding.ScopeOrganization })
}

func (t *table) addRegistry(e *Engine, r *snapshot.Registry) {
	if !e.judgesOrganization() {
		return
	}
	added := row{r.Target, "", e.registryValue(r)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.registries = append(t.registries, added)
}

// addRepository adds what is left of a repository without its images. What was
// not read is left out.
func (t *table) addRepository(e *Engine, v *view) {
	if !e.judgesOrganization() {
		return
	}
	r := v.repository
	read := func(n snapshot.Need) bool { return e.needs[n] && r.Gap(n) == nil }
	var o object
	o.text("account", r.Account)
	o.text("region", r.Region)
	o.text("name", r.Name)
	o.text("arn", r.ARN)
	o.text("mutability", r.Mutability.Setting)
	release, _ := immutableTags(r.Mutability, v.settings)
	o.text("release_tags_immutable", release.answer)
	o.text("encryption", r.Encryption.Type)
	o.text("kms_key", r.Encryption.KMSKey)
	if r.Scanning != nil && read(snapshot.NeedScanning) {
		o.text("scan_frequency", r.Scanning.Frequency)
	}
	if read(snapshot.NeedTags) {
		o.set("tags", textMap(r.Tags))
	}
	if v.access != nil {
		o.flag("has_policy", r.Policy != "")
		o.text("exposure", string(v.access.Exposure))
		o.texts("trusted", v.trusted())
	}
	if read(snapshot.NeedLifecycle) {
		o.flag("has_lifecycle", r.Lifecycle != "")
		o.text("lifecycle_digest", e.lifecycleDigest(r.Lifecycle, v.settings))
	}
	if read(snapshot.NeedImages) {
		o.set("releases", v.releasesTerm())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.repositories = append(t.repositories, row{r.Target, r.Name, o.term()})
}

// trusted are the trusted and vendor accounts that may have access, or that the
// repository's policy names.
func (v *view) trusted() (accounts []string) {
	known := func(account string) bool {
		_, trusted := v.settings.Settings.TrustedAccounts[account]
		_, vendor := v.settings.Settings.VendorAccounts[account]
		return trusted || vendor
	}
	for _, grant := range v.access.Grants {
		if known(grant.Account) {
			accounts = append(accounts, grant.Account)
		}
	}
	statements, _ := access.Statements(v.repository.Policy) // what is wrong stands in the analysis
	for _, s := range statements {
		for _, p := range s.Principals {
			if known(p.Account) {
				accounts = append(accounts, p.Account)
			}
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// lifecycleDigest is the same for policies that mean the same, whatever their
// descriptions and priorities. Of one that is not valid it is that of the text.
func (e *Engine) lifecycleDigest(text string, settings *config.Effective) string {
	if text == "" {
		return ""
	}
	policy := e.lifecycle(text, settings).policy
	if policy == nil {
		return digestOf(text)
	}
	var meaning strings.Builder
	for _, rule := range policy.Rules {
		patterns := slices.Clone(rule.Selection.TagPatterns)
		for _, prefix := range rule.Selection.TagPrefixes {
			patterns = append(patterns, prefix+"*")
		}
		slices.Sort(patterns)
		fmt.Fprintf(&meaning, "%s %q %s %s %d %v\n", rule.Selection.TagStatus, slices.Compact(patterns),
			rule.Selection.StorageClass, rule.Selection.CountType, rule.Selection.CountNumber, rule.Action)
	}
	return digestOf(meaning.String())
}

// releasesTerm sums up which release tags point to which images.
func (v *view) releasesTerm() *ast.Term {
	release := v.settings.ReleaseTagsRegexp()
	var pairs []string
	for i := range v.repository.Images {
		for _, tag := range filter(v.repository.Images[i].Tags, release.MatchString) {
			pairs = append(pairs, tag+"="+v.repository.Images[i].Digest)
		}
	}
	slices.Sort(pairs)
	var o object
	o.number("count", int64(len(pairs)))
	o.text("digest", digestOf(strings.Join(pairs, "\n")))
	return o.term()
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sorted(rows []row) *ast.Term {
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(a.target.Compare(b.target), cmp.Compare(a.name, b.name)) })
	return list(rows, func(r row) *ast.Term { return r.term })
}

// Organization judges the run as a whole, after everything else. gaps are
// whether anything that a rule may need was not read: then a silent rule
// cannot tell.
func (e *Engine) Organization(ctx context.Context, gap *snapshot.Gap) ([]finding.Finding, error) {
	if !e.judgesOrganization() {
		return nil, nil
	}
	j := &judgement{engine: e, settings: e.config.For(config.Resource{}), gap: func(snapshot.Need) *snapshot.Gap { return gap }}
	if why := e.doubted.Load(); why != nil { // then what the rules would see is partly a guess
		for _, rule := range e.rulesOf(finding.ScopeOrganization) {
			if j.settings.Enabled(rule.ID, !rule.Optional) {
				j.add(rule, finding.Unknown, answer{Message: "for some repositories " + *why})
			}
		}
		return j.finish(), nil
	}
	base, err := j.base(nil)
	if err != nil {
		return nil, err
	}
	base = base[:len(base)-1] // no registry of its own
	base.set("registries", sorted(e.table.registries))
	base.set("repositories", sorted(e.table.repositories))
	if err := j.run(ctx, e.rulesOf(finding.ScopeOrganization), base); err != nil {
		return nil, err
	}
	return j.finish(), nil
}
