package awssim

import (
	"fmt"
	"strings"
)

// registries plants what is wrong with registries as such. The twin of each is
// another registry, or another rule or template beside it.
func (d demo) registries() {
	replicate := func(account, region string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Replicas","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":["ecr:ReplicateImage"],"Resource":"arn:aws:ecr:%s:%s:repository/replicas/*"}]}`,
			account, region, DemoProduction)
	}
	d.org.Account(DemoProduction).Registry("us-east-1").SetPolicy(replicate(demoStranger, "us-east-1"))
	d.org.Account(DemoProduction).Registry("eu-west-1").SetPolicy(replicate(DemoPayments, "eu-west-1"))
	for _, region := range DemoRegions() {
		d.org.Account(DemoProduction).Registry(region).AddCreationTemplate(d.soundTemplate("replicas", "REPLICATION"))
	}
	d.org.Account(DemoProduction).Registry("us-east-1").SetScanning(Scanning{ScanType: "ENHANCED", Rules: []ScanningRule{{ScanFrequency: "CONTINUOUS_SCAN", RepositoryFilters: []Filter{{Filter: "*"}}}}})

	tools := d.org.Account(DemoPlatform).Registry("us-east-1")
	tools.AddPullThroughCacheRule(PullThroughCacheRule{ECRRepositoryPrefix: "quay", UpstreamRegistry: "quay", UpstreamRegistryURL: "quay.io"})
	tools.AddPullThroughCacheRule(PullThroughCacheRule{ECRRepositoryPrefix: "github", UpstreamRegistry: "github-container-registry", UpstreamRegistryURL: "ghcr.io"})
	landing := d.org.Account(DemoManagement).Registry("us-east-1")
	landing.AddPullThroughCacheRule(PullThroughCacheRule{ECRRepositoryPrefix: "public", UpstreamRegistry: "ecr-public", UpstreamRegistryURL: "public.ecr.aws"})
	landing.AddCreationTemplate(d.soundTemplate("public", "PULL_THROUGH_CACHE"))
}

func (demo) soundTemplate(prefix, appliedFor string) CreationTemplate {
	return CreationTemplate{
		Prefix: prefix, AppliedFor: []string{appliedFor}, TagMutability: "IMMUTABLE", Encryption: Encryption{Type: "AES256"},
		RepositoryPolicy: demoPolicy(), LifecyclePolicy: demoLifecycle, ResourceTags: map[string]string{"team": "platform"},
	}
}

// statements plants policies whose wording is the defect.
func (d demo) statements(registry *Registry) {
	production := `{"AWS":"arn:aws:iam::` + DemoProduction + `:root"}`
	for name, statement := range map[string]string{
		"access/wildcard-actions":  demoStatement("Everything", `{"AWS":"arn:aws:iam::`+DemoPayments+`:root"}`, `"ecr:*"`, ""),
		"access/token-in-policy":   demoStatement("Login", production, `"ecr:GetAuthorizationToken","ecr:BatchGetImage"`, ""),
		"access/deleted-principal": demoStatement("Gone", `{"AWS":"AROAEXAMPLEROLEID1234"}`, demoPull, ""),
		"access/lambda-of-anyone":  demoStatement("Lambda", `{"Service":"lambda.amazonaws.com"}`, `"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"`, ""),
		"access/not-principal": strings.Replace(demoStatement("AllButOne", `{"AWS":"arn:aws:iam::`+demoStranger+`:root"}`, demoPull, `{"StringEquals":{"aws:PrincipalOrgID":"`+DemoOrganizationID+`"}}`),
			`"Principal"`, `"NotPrincipal"`, 1),
	} {
		d.repository(registry, name, withPolicy(demoPolicy(statement)))
	}
}

func withLifecycle(rules ...string) func(*Repository) {
	return func(r *Repository) { r.Lifecycle = `{"rules":[` + strings.Join(rules, ",") + `]}` }
}

func demoRule(priority int, selection, count string) string {
	return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s,%s},"action":{"type":"expire"}}`, priority, selection, count)
}

// lifecycleEffects plants policies that do what nobody wants, or nothing.
func (d demo) lifecycleEffects(registry *Registry) {
	days := func(n int) string {
		return fmt.Sprintf(`"countType":"sinceImagePushed","countUnit":"days","countNumber":%d`, n)
	}
	const all, untagged = `"tagStatus":"any"`, `"tagStatus":"untagged"`
	tagged := func(pattern string) string { return `"tagStatus":"tagged","tagPatternList":["` + pattern + `"]` }

	d.repository(registry, "lifecycle/invalid", withLifecycle(demoRule(1, untagged, days(7)), demoRule(1, tagged("git*"), days(14))))
	d.repository(registry, "lifecycle/shadowed", withLifecycle(demoRule(1, tagged("git*"), days(14)), demoRule(2, tagged("gitsha_*"), days(3)), demoRule(3, untagged, days(7))))
	d.repository(registry, "lifecycle/expires-releases", withLifecycle(demoRule(1, untagged, days(7)), demoRule(2, all, `"countType":"imageCountMoreThan","countNumber":3`)))
	d.repository(registry, "lifecycle/expires-active", withLifecycle(demoRule(1, tagged("git*"), days(1)), demoRule(2, untagged, days(7))))
	d.repository(registry, "lifecycle/untagged-pile", func(r *Repository) {
		for i := range 30 {
			image := BuildImage(ImageOptions{Seed: fmt.Sprint(r.Name, "/leftover", i)})
			image.PushedAt, image.Scan = d.now.AddDate(0, 0, -2), &Scan{CompletedAt: d.now.AddDate(0, 0, -2)}
			r.Images = append(r.Images, image)
		}
	})
	d.repository(registry, "lifecycle/near-quota")
	d.repository(registry, "lifecycle/far-from-quota", func(r *Repository) { r.Images = r.Images[:4] })
}

// scans plants scans that tell nothing, or nothing recent.
func (d demo) scans(registry *Registry) {
	release := func(name string, scan *Scan) {
		d.repository(registry, name, func(r *Repository) {
			image := BuildImage(ImageOptions{Seed: name})
			image.Tags, image.PushedAt, image.Scan = []string{"4.0.0"}, d.now.AddDate(0, 0, -90), scan
			image.LastPulledAt = d.now
			r.Images = append(r.Images, image)
		})
	}
	release("payments/scan-failed", &Scan{Status: "FAILED", Description: "the image cannot be unpacked"})
	release("payments/scan-stale", &Scan{CompletedAt: d.now.AddDate(0, 0, -90), Counts: map[string]int32{"LOW": 1}})
	release("payments/scan-fresh", &Scan{CompletedAt: d.now.AddDate(0, 0, -1), Counts: map[string]int32{"LOW": 1}})
}

// described adds a release index with what describes it.
func (d demo) described(r *Repository, tag string, platforms int, describe func(index Image) []Image) {
	var children []Image
	for i := range platforms {
		child := BuildImage(ImageOptions{Seed: fmt.Sprint(r.Name, tag, i)})
		child.PushedAt, child.Scan = d.now, &Scan{CompletedAt: d.now}
		children = append(children, child)
	}
	index := BuildIndex(children...)
	index.Tags, index.PushedAt = []string{tag}, d.now
	r.Images = append(append(r.Images, children...), index)
	for _, image := range describe(index) {
		image.PushedAt = d.now
		r.Images = append(r.Images, image)
	}
}

// integrity plants releases that are not what they should be. The settings of
// the demonstration demand signatures, SBOMs and two platforms below integrity/.
func (d demo) integrity(registry *Registry) {
	both := func(index Image) []Image { return []Image{CosignSignature(index), CosignSBOM(index)} }
	plant := func(name string, build func(r *Repository)) {
		d.repository(registry, name, func(r *Repository) { r.Images = nil; build(r) })
	}
	plant("integrity/sound", func(r *Repository) {
		d.described(r, "1.0.0", 2, both)
		d.described(r, "1.1.0", 2, both)
		d.described(r, "1.2.0", 2, both)
	})
	plant("integrity/unsigned", func(r *Repository) {
		d.described(r, "1.0.0", 2, func(index Image) []Image { return []Image{CosignSBOM(index)} })
	})
	plant("integrity/without-sbom", func(r *Repository) {
		d.described(r, "1.0.0", 2, func(index Image) []Image { return []Image{CosignSignature(index)} })
	})
	plant("integrity/one-platform", func(r *Repository) {
		d.described(r, "1.0.0", 2, both)
		d.described(r, "1.1.0", 2, both)
		d.described(r, "1.2.0", 1, both)
	})
	plant("integrity/broken-index", func(r *Repository) {
		d.described(r, "1.0.0", 2, both)
		r.Images = r.Images[1:] // the first child
	})
	plant("integrity/latest", func(r *Repository) {
		d.described(r, "1.0.0", 2, both)
		d.described(r, "latest", 2, both)
	})
}

// hygiene plants what nobody needs, or what is too much.
func (d demo) hygiene(registry *Registry) {
	old := d.now.AddDate(0, 0, -300)
	d.repository(registry, "hygiene/sound")
	d.repository(registry, "hygiene/empty", func(r *Repository) { r.Images = nil })
	d.repository(registry, "hygiene/unused", func(r *Repository) {
		for i := range r.Images {
			r.Images[i].PushedAt, r.Images[i].LastPulledAt = old, old
		}
	})
	d.repository(registry, "hygiene/never-pulled", func(r *Repository) {
		image := BuildImage(ImageOptions{Seed: r.Name})
		image.Tags, image.PushedAt, image.Scan = []string{"0.9.0"}, old, &Scan{CompletedAt: d.now}
		r.Images = append(r.Images, image)
	})
	build := func(name string, change func(*Image)) {
		d.repository(registry, name, func(r *Repository) {
			image := BuildImage(ImageOptions{Seed: name})
			image.Tags, image.PushedAt, image.Scan = []string{"gitsha_5c0ffee"}, old, &Scan{CompletedAt: d.now}
			change(&image)
			r.Images = append(r.Images, image)
		})
	}
	build("hygiene/unused-build", func(*Image) {})
	build("hygiene/old-build", func(image *Image) { image.LastPulledAt = d.now.AddDate(0, 0, -60) })
	d.repository(registry, "hygiene/archived-release", func(r *Repository) {
		r.Images[0].Status, r.Images[0].LastArchivedAt = "ARCHIVED", d.now
	})
	d.repository(registry, "hygiene/oversized", func(r *Repository) {
		r.Images[0].Size = 3 << 30
	})
	d.repository(registry, "hygiene/expensive", func(r *Repository) {
		for i := range 7 {
			image := BuildImage(ImageOptions{Seed: fmt.Sprint(r.Name, i), Size: 1900 << 20})
			image.Tags, image.PushedAt, image.LastPulledAt, image.Scan = []string{fmt.Sprintf("gitsha_%07d", i)}, d.now, d.now, &Scan{CompletedAt: d.now}
			r.Images = append(r.Images, image)
		}
	})
	d.repository(registry, "hygiene/old-pull-requests", func(r *Repository) {
		image := BuildImage(ImageOptions{Seed: r.Name})
		image.Tags, image.PushedAt, image.Scan = []string{"gitpr_3", "gitsha_0000003"}, d.now.AddDate(0, 0, -60), &Scan{CompletedAt: d.now}
		r.Images = append(r.Images, image)
	})
	d.repository(registry, "scratchpad") // has no namespace
}

// replicas plants repositories that one registry replicates to the other, which
// are meant to be alike.
func (d demo) replicas(account *LiveAccount) {
	from, to := account.Registry("eu-west-1"), account.Registry("us-east-1")
	from.SetReplication(ReplicationRule{
		Destinations:      []ReplicationDestination{{Region: "us-east-1", RegistryID: DemoPayments}},
		RepositoryFilters: []Filter{{Filter: "replicated/", FilterType: "PREFIX_MATCH"}},
	})
	for _, registry := range []*Registry{from, to} {
		d.repository(registry, "replicated/sound")
	}
	d.repository(from, "replicated/drifted")
	d.repository(to, "replicated/drifted", func(r *Repository) { r.TagMutability, r.Lifecycle = "MUTABLE", "" })
}
