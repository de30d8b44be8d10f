// Package conventions finds out what the repositories of an organization have in
// common, and writes a configuration that fits: who reads, how releases and
// development images are tagged, which resource tags there are.
//
// What it finds are guesses. Each stands in the file with what speaks for it, and
// only what nearly all repositories do is in force; the rest is commented out.
// Nobody outside the organization is ever trusted by it. Of a repository nothing is
// kept but counters, and no more of them than [maxKeys] of a kind.
package conventions

import (
	"context"
	"regexp"
	"slices"
	"sync"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// maxKeys bounds how many different accounts, tag keys and prefixes are counted.
const maxKeys = 10_000

// Survey counts. It is the sink of a collection and the handler of a snapshot:
// its methods may be called from many goroutines.
type Survey struct {
	collected snapshot.Needs

	mu           sync.Mutex
	organization snapshot.Organization
	members      map[string]string // account id → path; nil when unknown

	repositories int
	failed       int                   // accounts or regions of which nothing could be read
	known        map[snapshot.Need]int // repositories of which a document was read
	readers      map[string]int        // accounts of the organization → repositories that they can pull
	outsiders    map[string]int        // accounts outside → repositories to which they have access
	tagKeys      map[string]int        // resource tags → repositories
	encryption   map[string]int
	mutability   map[string]int
	tagged       int            // repositories with tagged container images
	releases     map[string]int // candidate → repositories with such tags
	prefixes     map[string]int // of development tags → repositories
}

// New starts a survey. What was not collected is not counted, and said.
func New(collected snapshot.Needs) *Survey {
	return &Survey{
		collected: collected, known: map[snapshot.Need]int{}, readers: map[string]int{}, outsiders: map[string]int{}, tagKeys: map[string]int{},
		encryption: map[string]int{}, mutability: map[string]int{}, releases: map[string]int{}, prefixes: map[string]int{},
	}
}

// Needs are what a survey looks at.
func Needs() []snapshot.Need {
	return []snapshot.Need{snapshot.NeedPolicy, snapshot.NeedRegistryPolicy, snapshot.NeedAccountSettings, snapshot.NeedTags, snapshot.NeedImages}
}

// Begin notes the organization.
func (s *Survey) Begin(o snapshot.Organization) error {
	s.organization = o
	if o.Accounts == nil {
		return nil
	}
	s.members = map[string]string{}
	for _, a := range o.Accounts {
		s.members[a.ID] = a.Path
	}
	return nil
}

// Registry counts nothing: what a registry is like says little about conventions.
func (*Survey) Registry(context.Context, *snapshot.Registry) error { return nil }

// Done counts what could not be read at all.
func (s *Survey) Done(t snapshot.TargetResult) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Status == snapshot.StatusFailed {
		s.failed++
	}
	return nil
}

// Repository counts a repository.
func (s *Survey) Repository(_ context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	readers, outsiders, policyKnown := s.whoHasAccess(reg, r)
	releases, prefixes := conventionsOf(r.Images)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repositories++
	add(s.encryption, r.Encryption.Type)
	add(s.mutability, r.Mutability.Setting)
	if policyKnown {
		s.known[snapshot.NeedPolicy]++
		add(s.readers, readers...)
		add(s.outsiders, outsiders...)
	}
	if s.read(r, snapshot.NeedTags) {
		s.known[snapshot.NeedTags]++
		for key := range r.Tags {
			add(s.tagKeys, key)
		}
	}
	if s.read(r, snapshot.NeedImages) {
		s.known[snapshot.NeedImages]++
		if len(releases)+len(prefixes) > 0 || slices.ContainsFunc(r.Images, tagged) {
			s.tagged++
		}
		add(s.releases, releases...)
		add(s.prefixes, prefixes...)
	}
	return nil
}

func (s *Survey) read(r *snapshot.Repository, n snapshot.Need) bool {
	return s.collected[n] && r.Gap(n) == nil
}

func add(counts map[string]int, keys ...string) {
	for _, key := range keys {
		if _, there := counts[key]; there || len(counts) < maxKeys {
			counts[key]++
		}
	}
}

// whoHasAccess are the other accounts of the organization that can pull, and those
// outside it that can do anything.
func (s *Survey) whoHasAccess(reg *snapshot.Registry, r *snapshot.Repository) (readers, outsiders []string, known bool) {
	if !s.read(r, snapshot.NeedPolicy) {
		return nil, nil, false
	}
	analysis := access.Analyze(
		access.Documents{RepositoryPolicy: r.Policy, RegistryPolicy: reg.Policy, RegistryScope: reg.Settings["REGISTRY_POLICY_SCOPE"]},
		access.Context{
			Partition: r.Partition, Account: r.Account, Region: r.Region, Repository: r.Name,
			OrganizationID: s.organization.ID, NoOrganization: s.organization.None, Members: s.members,
		})
	for _, grant := range analysis.Grants {
		if grant.Account == "" || grant.Account == r.Account {
			continue
		}
		switch {
		case grant.Exposure == access.ExposureInside && slices.Contains(grant.Abilities, "pull"):
			readers = append(readers, grant.Account)
		case grant.Exposure == access.ExposureOutside:
			outsiders = append(outsiders, grant.Account)
		}
	}
	return distinct(readers), distinct(outsiders), true
}

func distinct(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }

// releaseForm is a way to write releases.
type releaseForm struct{ pattern, words string }

// releaseForms are the ways that are looked for, the usual one first.
var releaseForms = []releaseForm{
	{config.DefaultReleaseTags, "version numbers such as v1.2.3"},
	{`^v?[0-9]+\.[0-9]+\.[0-9]+(\.[0-9]+|[-+.]?(final|ga|release|r[0-9]+))$`, "version numbers with an ending, such as 1.2.3.4 or 1.2.3-r1"},
	{`^v?[0-9]+\.[0-9]+$`, "version numbers of two parts, such as 1.2"},
	{`^(release|rel|version)[-_/.]?v?[0-9][0-9.]*$`, "words with a number, such as release-1.2"},
	{`^20[0-9]{2}[-.]?(0[1-9]|1[0-2])[-.]?([0-2][0-9]|3[01])([-.][0-9]+)?$`, "dates such as 2026.01.31"},
}

var releasePatterns = func() (compiled []*regexp.Regexp) {
	for _, form := range releaseForms {
		compiled = append(compiled, regexp.MustCompile(form.pattern))
	}
	return compiled
}()

// development is a tag that a build made: a word, and a commit or a number.
var development = regexp.MustCompile(`^([A-Za-z][A-Za-z]{0,30}[-_.])(?:[0-9a-f]{7,40}|[0-9]+)$`)

func tagged(i snapshot.Image) bool { return i.Kind == snapshot.KindImage && len(i.Tags) > 0 }

// conventionsOf are the forms of releases and the prefixes of development tags.
func conventionsOf(images []snapshot.Image) (releases, prefixes []string) {
	for i := range images {
		if images[i].Kind != snapshot.KindImage && images[i].Kind != snapshot.KindIndex {
			continue // signatures and the like are tagged by tools
		}
		for _, tag := range images[i].Tags {
			at := slices.IndexFunc(releasePatterns, func(p *regexp.Regexp) bool { return p.MatchString(tag) })
			if at >= 0 {
				releases = append(releases, releaseForms[at].pattern)
			} else if m := development.FindStringSubmatch(tag); m != nil {
				prefixes = append(prefixes, m[1])
			}
		}
	}
	return distinct(releases), distinct(prefixes)
}
