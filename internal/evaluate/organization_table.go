package evaluate

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// readsRepositories reports whether a module may look at input.repositories. Where
// none does, the rows of a large organization are never made into terms.
func readsRepositories(module *ast.Module) bool {
	reads := false
	var look *ast.GenericVisitor
	look = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Var:
			reads = reads || x.Equal(ast.InputRootDocument.Value)
		case ast.Ref:
			if !x.HasPrefix(ast.InputRootRef) {
				return false
			}
			if len(x) == 1 {
				reads = true
				return true
			}
			field, fixed := x[1].Value.(ast.String)
			reads = reads || !fixed || field == "repositories"
			for _, term := range x[1:] {
				look.Walk(term)
			}
			return true
		}
		return false
	})
	look.Walk(module)
	return reads
}

// fill adds what rules see of all registries and repositories: every single one
// only where some rule may look at them.
func (t *table) fill(input *object, everyRepository bool, needs snapshot.Needs) {
	slices.SortFunc(t.registries, func(a, b registryRow) int { return a.target.Compare(b.target) })
	slices.SortFunc(t.repositories, func(a, b repositoryRow) int { return a.compare(&b) })
	in := map[snapshot.Target]int64{}
	for i := range t.repositories {
		in[t.repositories[i].target]++
	}
	input.set("registries", list(t.registries, func(r registryRow) *ast.Term {
		registry, counted := r.term.Value.(ast.Object), object{}
		counted.number("repositories", in[r.target])
		registry.Foreach(func(key, value *ast.Term) { counted = append(counted, [2]*ast.Term{key, value}) })
		return counted.term()
	}))
	if everyRepository {
		input.set("repositories", list(t.repositories, func(r repositoryRow) *ast.Term { return r.term() }))
	}
	if needs[snapshot.NeedPolicy] {
		input.set("policies", t.policies())
	}
	if needs[snapshot.NeedReplication] {
		input.set("replicas", list(t.unlikeReplicas(), replicaPair.term))
	}
}

// policies sums up the policies of all repositories.
func (t *table) policies() *ast.Term {
	var read, unread int64
	trusted := map[string]bool{}
	for i := range t.repositories {
		known := t.repositories[i].access
		if known == nil {
			unread++
			continue
		}
		read++
		for _, account := range known.trusted {
			trusted[account] = true
		}
	}
	var o object
	o.number("read", read)
	o.number("unread", unread)
	o.texts("trusted", slices.Sorted(keys(trusted)))
	return o.term()
}

// replicaPair are two repositories between which images are replicated, in
// whichever direction.
type replicaPair struct{ left, right *repositoryRow }

func (p replicaPair) term() *ast.Term {
	var o object
	o.set("left", p.left.term())
	o.set("right", p.right.term())
	return o.term()
}

// unlikeReplicas follows the replication rules to the repositories of the same
// name in their destinations, and returns the pairs that are not surely alike,
// each once and in order.
func (t *table) unlikeReplicas() []replicaPair {
	rows := make(map[string]*repositoryRow, len(t.repositories))
	for i := range t.repositories {
		rows[t.repositories[i].address()] = &t.repositories[i]
	}
	found := map[replicaPair]bool{}
	for _, registry := range t.registries {
		for _, source := range t.of(registry.target) {
			for destination := range registry.destinations(source.name) {
				replica := rows[address(destination.Account, destination.Region, source.name)]
				if replica == nil || replica == rows[source.address()] || source.surelyAlike(replica) {
					continue
				}
				found[pairOf(rows[source.address()], replica)] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b replicaPair) int {
		return cmp.Or(a.left.compare(b.left), a.right.compare(b.right))
	})
}

// of returns the rows of a target, once they are sorted.
func (t *table) of(target snapshot.Target) []repositoryRow {
	from, _ := slices.BinarySearchFunc(t.repositories, target, func(r repositoryRow, target snapshot.Target) int { return r.target.Compare(target) })
	rows := t.repositories[from:]
	if end := slices.IndexFunc(rows, func(r repositoryRow) bool { return r.target != target }); end >= 0 {
		rows = rows[:end]
	}
	return rows
}

// destinations yields where images of a repository are replicated to.
func (r registryRow) destinations(repository string) iter.Seq[snapshot.ReplicationDestination] {
	return func(yield func(snapshot.ReplicationDestination) bool) {
		for _, rule := range r.replication {
			covered := len(rule.Prefixes) == 0 || slices.ContainsFunc(rule.Prefixes, func(p string) bool { return strings.HasPrefix(repository, p) })
			for _, destination := range rule.Destinations {
				if covered && !yield(destination) {
					return
				}
			}
		}
	}
}

func pairOf(a, b *repositoryRow) replicaPair {
	if a.address() > b.address() {
		a, b = b, a
	}
	return replicaPair{a, b}
}

func (r *repositoryRow) address() string { return address(r.target.Account, r.target.Region, r.name) }

func address(account, region, name string) string { return account + "/" + region + "/" + name }
