package evaluate

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

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

func (t *table) addRepository(e *Engine, r *snapshot.Repository) {
	if !e.judgesOrganization() {
		return
	}
	var o object
	o.text("account", r.Account)
	o.text("region", r.Region)
	o.text("name", r.Name)
	o.text("arn", r.ARN)
	o.text("mutability", r.Mutability.Setting)
	o.text("encryption", r.Encryption.Type)
	frequency := ""
	if r.Scanning != nil {
		frequency = r.Scanning.Frequency
	}
	o.text("scan_frequency", frequency)
	o.set("tags", textMap(r.Tags))
	o.flag("has_policy", r.Policy != "")
	o.flag("has_lifecycle", r.Lifecycle != "")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.repositories = append(t.repositories, row{r.Target, r.Name, o.term()})
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
	base, err := j.base(nil)
	if err != nil {
		return nil, err
	}
	base = base[:len(base)-1] // no registry of its own
	base.set("registries", sorted(e.table.registries))
	base.set("repositories", sorted(e.table.repositories))
	if err := j.run(ctx, finding.ScopeOrganization, base); err != nil {
		return nil, err
	}
	return j.finish(), nil
}
