package evaluate

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// repositoryRow is what rules of scope organization see of a repository. What
// was not read is nil, and the fields that say so are there for it alone.
type repositoryRow struct {
	target        snapshot.Target
	name, arn     string
	mutability    string
	releaseTags   string // whether they are immutable: yes, no or unknown
	encryption    string
	kmsKey        string
	scanFrequency *string
	tags          map[string]string
	tagsRead      bool
	access        *rowAccess
	lifecycle     *rowLifecycle
	releases      *rowReleases
}

type rowAccess struct {
	hasPolicy bool
	exposure  string
	trusted   []string
}

type rowLifecycle struct {
	present bool
	digest  string
}

// rowReleases says which release tags point to which images, in short.
type rowReleases struct {
	count  int
	digest [sha256.Size]byte
}

func (e *Engine) repositoryRow(v *view) repositoryRow {
	r := v.repository
	read := func(n snapshot.Need) bool { return e.needs[n] && r.Gap(n) == nil }
	release, _ := immutableTags(r.Mutability, v.settings)
	row := repositoryRow{
		target: r.Target, name: r.Name, arn: r.ARN, mutability: r.Mutability.Setting, releaseTags: release.answer,
		encryption: r.Encryption.Type, kmsKey: r.Encryption.KMSKey, tagsRead: read(snapshot.NeedTags),
	}
	if r.Scanning != nil && read(snapshot.NeedScanning) {
		row.scanFrequency = &r.Scanning.Frequency
	}
	if row.tagsRead {
		row.tags = r.Tags
	}
	if v.access != nil {
		row.access = &rowAccess{r.Policy != "", string(v.access.Exposure), v.trusted()}
	}
	if read(snapshot.NeedLifecycle) {
		row.lifecycle = &rowLifecycle{r.Lifecycle != "", e.lifecycleDigest(r.Lifecycle, v.settings)}
	}
	if read(snapshot.NeedImages) {
		row.releases = v.releases()
	}
	return row
}

// releases sums up which release tags point to which images.
func (v *view) releases() *rowReleases {
	release := v.settings.ReleaseTagsRegexp()
	var pairs []string
	for i := range v.repository.Images {
		for _, tag := range filter(v.repository.Images[i].Tags, release.MatchString) {
			pairs = append(pairs, tag+"="+v.repository.Images[i].Digest)
		}
	}
	slices.Sort(pairs)
	return &rowReleases{len(pairs), sha256.Sum256([]byte(strings.Join(pairs, "\n")))}
}

// share replaces the texts that many rows have by those that once returns.
func (r *repositoryRow) share(once func(string) string) {
	texts := []*string{&r.target.Partition, &r.target.Account, &r.target.Region, &r.mutability, &r.encryption, &r.kmsKey}
	if r.lifecycle != nil {
		texts = append(texts, &r.lifecycle.digest)
	}
	for _, text := range texts {
		*text = once(*text)
	}
}

func (r *repositoryRow) compare(other *repositoryRow) int {
	return cmp.Or(r.target.Compare(other.target), cmp.Compare(r.name, other.name))
}

func (r *repositoryRow) term() *ast.Term {
	var o object
	o.text("account", r.target.Account)
	o.text("region", r.target.Region)
	o.text("name", r.name)
	o.text("arn", r.arn)
	o.text("mutability", r.mutability)
	o.text("release_tags_immutable", r.releaseTags)
	o.text("encryption", r.encryption)
	o.text("kms_key", r.kmsKey)
	if r.scanFrequency != nil {
		o.text("scan_frequency", *r.scanFrequency)
	}
	if r.tagsRead {
		o.set("tags", textMap(r.tags))
	}
	if r.access != nil {
		o.flag("has_policy", r.access.hasPolicy)
		o.text("exposure", r.access.exposure)
		o.texts("trusted", r.access.trusted)
	}
	if r.lifecycle != nil {
		o.flag("has_lifecycle", r.lifecycle.present)
		o.text("lifecycle_digest", r.lifecycle.digest)
	}
	if r.releases != nil {
		var releases object
		releases.number("count", int64(r.releases.count))
		releases.text("digest", digestText(r.releases.digest))
		o.set("releases", releases.term())
	}
	return o.term()
}

// surelyAlike reports whether two repositories do not differ in what one would
// expect of replicas of each other, and all of that is known.
func (r *repositoryRow) surelyAlike(other *repositoryRow) bool {
	known := func(r *repositoryRow) bool {
		return r.releaseTags != "unknown" && r.access != nil && r.access.exposure != "unknown" && r.lifecycle != nil && r.releases != nil
	}
	return known(r) && known(other) && r.mutability == other.mutability && r.releaseTags == other.releaseTags && r.encryption == other.encryption &&
		r.access.exposure == other.access.exposure && r.lifecycle.digest == other.lifecycle.digest && *r.releases == *other.releases
}
