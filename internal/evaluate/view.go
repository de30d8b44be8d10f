package evaluate

import (
	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// view is a repository with what is derived from it once: who has access, how
// its images refer to each other, what its lifecycle policy would do.
type view struct {
	registry   *snapshot.Registry
	repository *snapshot.Repository
	resource   config.Resource
	settings   *config.Effective
	undecided  string // why it is not known which settings hold; empty when it is
	graph      *imagegraph.Graph
	access     *accessView // nil where no rule asks, or the policy could not be read
	preview    *preview    // nil where no rule asks, or something could not be read
	stats      *stats      // see sums
}

type accessView struct {
	documents access.Documents
	context   access.Context
	access.Analysis
}

func (e *Engine) view(reg *snapshot.Registry, r *snapshot.Repository) *view {
	resource := e.accounts.Repository(r)
	settings, undecided := e.config.Decide(resource)
	return &view{
		registry: reg, repository: r, resource: resource, settings: settings, undecided: undecided,
		graph: imagegraph.New(r.Images), access: e.accessView(reg, r, settings), preview: e.preview(r, settings),
	}
}

func (e *Engine) accessView(reg *snapshot.Registry, r *snapshot.Repository, settings *config.Effective) *accessView {
	if !e.needs[snapshot.NeedPolicy] || r.Gap(snapshot.NeedPolicy) != nil {
		return nil
	}
	v := &accessView{documents: access.Documents{RepositoryPolicy: r.Policy}, context: e.accessContext(r.Target, r.Name, settings)}
	if gap := reg.Gap(snapshot.NeedRegistryPolicy); gap != nil {
		v.documents.RegistryUnread = gap.Code + ": " + gap.Message
	}
	if e.needs[snapshot.NeedRegistryPolicy] {
		v.documents.RegistryPolicy = reg.Policy
		v.documents.RegistryScope = reg.Settings["REGISTRY_POLICY_SCOPE"]
	}
	v.Analysis = access.Analyze(v.documents, v.context)
	return v
}
