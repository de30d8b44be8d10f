package remediate_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// A template is found although AWS gives an empty page first.
func TestTemplateOnShortPages(t *testing.T) {
	org := newOrganization()
	org.Account(team).Registry(region).AddCreationTemplate(awssim.CreationTemplate{Prefix: "ROOT", AppliedFor: []string{"CREATE_ON_PUSH"}})
	w := serve(t, org, awssim.Options{ShortPages: true})
	s := w.apply(newJournal(t), w.plan(remediate.Filter{}))
	clean(t, s)
	if s.Tally[remediate.Applied] != 1 {
		t.Errorf("%v", s.Tally)
	}
}

// What a fix of a template does not name stays: an update that leaves out the
// mutability resets it.
func TestTemplateKeepsOtherFields(t *testing.T) {
	full := awssim.CreationTemplate{
		Prefix: "team", AppliedFor: []string{"CREATE_ON_PUSH", "REPLICATION"}, TagMutability: "IMMUTABLE_WITH_EXCLUSION", TagExclusions: []awssim.Filter{{Filter: "tmp*"}},
		Description: "ours", RepositoryPolicy: policy(statement("Readers", readers, pull)), LifecyclePolicy: soundLifecycle,
		ResourceTags: map[string]string{"kept": "yes"}, CustomRoleARN: "arn:aws:iam::" + team + ":role/creator",
		Encryption: awssim.Encryption{Type: "KMS", KMSKey: "arn:aws:kms:" + region + ":" + team + ":key/1"},
	}
	org := newOrganization()
	registry := org.Account(team).Registry(region)
	registry.AddCreationTemplate(full)
	w, j := serve(t, org, awssim.Options{}), newJournal(t)
	before := registry.State().CreationTemplates[0]
	state := w.state()
	plan := w.plan(remediate.Filter{})
	s := w.apply(j, plan)
	clean(t, s)
	want, got := before, registry.State().CreationTemplates[0]
	want.ResourceTags = maps.Clone(want.ResourceTags)
	want.ResourceTags["team"] = "platform"
	want.UpdatedAt, got.UpdatedAt = before.UpdatedAt, before.UpdatedAt
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	clean(t, w.undo(j, s.Run))
	same(t, "undone", state, w.state())
	if !slices.ContainsFunc(plan.Changes, func(c remediate.Change) bool { return c.Kind == remediate.KindTemplate && c.Risk == remediate.RiskSafe }) {
		t.Errorf("adding a tag to what is to come is not safe: %+v", plan.Changes)
	}
}
