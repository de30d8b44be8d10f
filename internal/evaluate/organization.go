package evaluate

import (
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

// table is what rules of scope organization see: every registry, and of every
// repository what is left without its images. It is only kept when there is such
// a rule, and is held without the terms of which rules see it: those take twenty
// times as much.
type table struct {
	mu           sync.Mutex
	registries   []registryRow
	repositories []repositoryRow
	texts        map[string]string // those that repeat, so that each is held once
}

type registryRow struct {
	target      snapshot.Target
	term        *ast.Term
	replication []snapshot.ReplicationRule
}

func (e *Engine) judgesOrganization() bool {
	return slices.ContainsFunc(e.rules, func(r *Rule) bool { return r.Scope == finding.ScopeOrganization })
}

func (t *table) addRegistry(e *Engine, r *snapshot.Registry) {
	if !e.judgesOrganization() {
		return
	}
	added := registryRow{r.Target, e.registryValue(r), r.Replication}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.registries = append(t.registries, added)
}

func (t *table) addRepository(e *Engine, v *view) {
	if !e.judgesOrganization() {
		return
	}
	added := e.repositoryRow(v)
	t.mu.Lock()
	defer t.mu.Unlock()
	added.share(t.once)
	t.repositories = append(t.repositories, added)
}

// once returns the text that was held first of those that are equal.
func (t *table) once(text string) string {
	if known, ok := t.texts[text]; ok {
		return known
	}
	if t.texts == nil {
		t.texts = map[string]string{}
	}
	t.texts[text] = text
	return text
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

func digestOf(text string) string { return digestText(sha256.Sum256([]byte(text))) }

func digestText(sum [sha256.Size]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

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
		return j.waive(j.finish(), config.Resource{}, true), nil
	}
	input, err := j.organizationInput()
	if err != nil {
		return nil, err
	}
	if err := j.run(ctx, e.rulesOf(finding.ScopeOrganization), input); err != nil {
		return nil, err
	}
	return j.waive(j.finish(), config.Resource{}, true), nil
}

// organizationInput is what rules of scope organization see.
func (j *judgement) organizationInput() (object, error) {
	base, err := j.base(nil)
	if err != nil {
		return nil, err
	}
	base = base[:len(base)-1] // no registry of its own
	j.engine.table.fill(&base, j.engine.readsRepositories, j.engine.needs)
	return base, nil
}
