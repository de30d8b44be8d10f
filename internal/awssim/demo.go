package awssim

import (
	"fmt"
	"net"
	"time"
)

// The accounts of the demonstration. Four have the role DemoRole; the fifth
// has it too, but lets nobody assume it.
const (
	DemoManagement = "111122223333"
	DemoPlatform   = "222233334444"
	DemoPayments   = "333344445555"
	DemoProduction = "444455556666"
	DemoLegacy     = "555566667777"

	DemoOrganizationID = "o-a1b2c3d4e5"
	DemoRole           = "ecraudit-reader"
	DemoFixRole        = "ecraudit-fixer" // in the accounts that can be entered

	demoVendor   = "777788889999" // trusted by the demonstration's configuration
	demoStranger = "999988887777"
	demoKey      = "arn:aws:kms:eu-west-1:333344445555:key/1234abcd-12ab-34cd-56ef-1234567890ab"
)

// DemoRegions are the regions in which the demonstration has registries.
func DemoRegions() []string { return []string{"eu-west-1", "us-east-1"} }

// Demo returns the organization of the demonstration: five accounts in two
// regions, one account denied, with every defect that the default rules know,
// each beside a sound twin that looks much like it.
func Demo() *Organization {
	org := NewOrganization(OrganizationOptions{ID: DemoOrganizationID, ManagementAccount: DemoManagement, IgnorePulls: true})
	workloads := org.AddOU("workloads", "")
	production := org.AddOU("production", workloads)
	reader := Role{Name: DemoRole, Allowed: []string{"ecr:Describe*", "ecr:Get*", "ecr:List*", "ecr:BatchGet*", "ec2:DescribeRegions", "inspector2:List*", "sts:*"}}
	fixer := Role{Name: DemoFixRole, Allowed: []string{"ecr:*", "iam:PassRole"}}
	denied := Role{Name: DemoRole, TrustedPrincipals: []string{"arn:aws:iam::" + DemoLegacy + ":root"}}
	for _, account := range []Account{
		{ID: DemoPlatform, Name: "platform", OU: workloads, Tags: map[string]string{"stage": "shared"}, Roles: []Role{reader, fixer}},
		{ID: DemoPayments, Name: "payments", OU: workloads, Tags: map[string]string{"stage": "prod"}, Roles: []Role{reader, fixer}},
		{ID: DemoProduction, Name: "production", OU: production, Tags: map[string]string{"stage": "prod"}, Roles: []Role{reader, fixer}},
		{ID: DemoLegacy, Name: "legacy", OU: workloads, Roles: []Role{denied}},
	} {
		org.AddAccount(account)
	}
	d := demo{org: org, now: org.Now()}
	for _, account := range org.Accounts() {
		for _, region := range DemoRegions() {
			account.Registry(region).SetScanning(Scanning{ScanType: "BASIC", Rules: []ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []Filter{{Filter: "*"}}}}})
		}
	}
	d.access(org.Account(DemoPlatform).Registry("eu-west-1"))
	d.lifecycle(org.Account(DemoPlatform).Registry("eu-west-1"))
	d.settings(org.Account(DemoPlatform).Registry("us-east-1"))
	d.images(org.Account(DemoPayments).Registry("eu-west-1"))
	d.repository(org.Account(DemoPayments).Registry("us-east-1"), "payments/ledger")
	d.repository(org.Account(DemoProduction).Registry("eu-west-1"), "ops/runbook")
	d.repository(org.Account(DemoManagement).Registry("us-east-1"), "landing-zone/customizations")
	d.registries()
	d.statements(org.Account(DemoPlatform).Registry("eu-west-1"))
	d.lifecycleEffects(org.Account(DemoPlatform).Registry("eu-west-1"))
	d.scans(org.Account(DemoPayments).Registry("eu-west-1"))
	d.integrity(org.Account(DemoPlatform).Registry("us-east-1"))
	d.hygiene(org.Account(DemoPlatform).Registry("us-east-1"))
	d.replicas(org.Account(DemoPayments))
	return org
}

// demo plants repositories. Each is sound but for what it is planted for.
type demo struct {
	org *Organization
	now time.Time
}

const demoLifecycle = `{"rules":[
 {"rulePriority":1,"description":"commits","selection":{"tagStatus":"tagged","tagPatternList":["gitsha_*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}},
 {"rulePriority":2,"description":"pull requests","selection":{"tagStatus":"tagged","tagPatternList":["gitpr_*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}},
 {"rulePriority":3,"description":"leftovers","selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

// Looks right, but selects only images that carry both tags.
const demoLifecycleANDed = `{"rules":[
 {"rulePriority":1,"description":"age out git dev tags","selection":{"tagStatus":"tagged","tagPrefixList":["gitsha_","gitpr_"],"countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}},
 {"rulePriority":2,"description":"age out untagged images","selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}`

const demoPull = `"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"`

func demoStatement(sid, principal, actions, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Sid":%q,"Effect":"Allow","Principal":%s,"Action":[%s]%s}`, sid, principal, actions, condition)
}

// demoPolicy lets production pull, and adds a statement if there is one.
func demoPolicy(more ...string) string {
	text := demoStatement("ProductionPulls", `{"AWS":"arn:aws:iam::`+DemoProduction+`:root"}`, demoPull, "")
	for _, statement := range more {
		text += "," + statement
	}
	return `{"Version":"2012-10-17","Statement":[` + text + `]}`
}

// repository adds a sound repository with a few images, changed by the
// functions.
func (d demo) repository(registry *Registry, name string, changes ...func(*Repository)) {
	about := Repository{
		Name: name, CreatedAt: d.now.AddDate(-1, 0, 0), TagMutability: "IMMUTABLE", ScanOnPush: true,
		Encryption: Encryption{Type: "AES256"}, Policy: demoPolicy(), Lifecycle: demoLifecycle,
		Tags: map[string]string{"team": "platform"},
	}
	if registry.Account().ID() == DemoPayments {
		about.Encryption = Encryption{Type: "KMS", KMSKey: demoKey}
		about.Tags["team"] = "payments"
	}
	for i, tags := range [][]string{{"1.0.0"}, {"1.1.0"}, {"gitsha_0a1b2c3"}, {"gitpr_17"}, {}} {
		image := BuildImage(ImageOptions{Seed: fmt.Sprint(name, i), Size: int64(40+7*i) << 20})
		image.Tags, image.PushedAt = tags, d.now.AddDate(0, 0, i-6)
		image.LastPulledAt = image.PushedAt.Add(3 * time.Hour)
		image.Scan = &Scan{CompletedAt: image.PushedAt, Counts: map[string]int32{"MEDIUM": 3, "LOW": 11}}
		about.Images = append(about.Images, image)
	}
	for _, change := range changes {
		change(&about)
	}
	registry.AddRepository(about)
}

func withPolicy(text string) func(*Repository) {
	return func(r *Repository) { r.Policy = text }
}

// access plants policies.
func (d demo) access(registry *Registry) {
	statement := func(name, principal, actions, condition string) {
		d.repository(registry, name, withPolicy(demoPolicy(demoStatement("Extra", principal, actions, condition))))
	}
	statement("access/public", `"*"`, demoPull, "")
	statement("access/organization-only", `"*"`, demoPull, `{"StringEquals":{"aws:PrincipalOrgID":"`+DemoOrganizationID+`"}}`)
	statement("access/stringlike-star", `"*"`, demoPull, `{"StringLike":{"aws:PrincipalOrgID":"*"}}`)
	statement("access/partner", `{"AWS":"`+demoStranger+`"}`, demoPull, "")
	statement("access/vendor", `{"AWS":"`+demoVendor+`"}`, demoPull, "")
	statement("access/undecidable", `"*"`, demoPull, `{"StringEquals":{"example:Team":"blue"}}`)
	statement("access/push-from-payments", `{"AWS":"arn:aws:iam::`+DemoPayments+`:role/ci"}`, `"ecr:PutImage","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload"`, "")
	statement("access/lambda", `{"Service":"lambda.amazonaws.com"}`, `"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"`, `{"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-west-1:`+DemoPlatform+`:function:*"}}`)
	registry.SetReplication(ReplicationRule{
		Destinations:      []ReplicationDestination{{Region: "us-east-1", RegistryID: demoStranger}},
		RepositoryFilters: []Filter{{Filter: "access/replicated", FilterType: "PREFIX_MATCH"}},
	})
	d.repository(registry, "access/replicated")
	d.repository(registry, "access/no-readers", withPolicy(""))
	d.repository(registry, "access/sound")
}

// lifecycle plants lifecycle policies.
func (d demo) lifecycle(registry *Registry) {
	d.repository(registry, "lifecycle/none", func(r *Repository) { r.Lifecycle = "" })
	d.repository(registry, "lifecycle/tags-anded", func(r *Repository) { r.Lifecycle = demoLifecycleANDed })
	d.repository(registry, "lifecycle/sound")
}

// settings plants scanning, mutability, tags, and a pull-through cache.
func (d demo) settings(registry *Registry) {
	registry.SetScanning(Scanning{ScanType: "BASIC", Rules: []ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []Filter{{Filter: "settings/*"}, {Filter: "hub/*"}, {Filter: "integrity/*"}, {Filter: "hygiene/*"}, {Filter: "scratchpad"}}}}})
	registry.AddPullThroughCacheRule(PullThroughCacheRule{ECRRepositoryPrefix: "hub", UpstreamRegistry: "docker-hub", UpstreamRegistryURL: "registry-1.docker.io", CredentialARN: "arn:aws:secretsmanager:us-east-1:" + DemoPlatform + ":secret:ecr-pullthroughcache/hub"})
	registry.AddCreationTemplate(CreationTemplate{Prefix: "ROOT", AppliedFor: []string{"CREATE_ON_PUSH"}, TagMutability: "MUTABLE", Encryption: Encryption{Type: "AES256"}})
	d.repository(registry, "tools/flag-says-scanned") // its own flag does, the registry's filters do not
	d.repository(registry, "settings/mutable", func(r *Repository) { r.TagMutability = "MUTABLE" })
	d.repository(registry, "settings/exclusion-hits-releases", func(r *Repository) {
		r.TagMutability, r.TagExclusions = "IMMUTABLE_WITH_EXCLUSION", []Filter{{Filter: "1.*", FilterType: "WILDCARD"}}
	})
	d.repository(registry, "settings/exclusion-spares-releases", func(r *Repository) {
		r.TagMutability, r.TagExclusions = "IMMUTABLE_WITH_EXCLUSION", []Filter{{Filter: "git*", FilterType: "WILDCARD"}}
	})
	d.repository(registry, "settings/nobodys", func(r *Repository) { r.Tags = nil })
	d.repository(registry, "settings/sound")
	d.repository(registry, "hub/library/nginx", func(r *Repository) {
		r.TagMutability = "MUTABLE"
		for i := range r.Images {
			if len(r.Images[i].Tags) > 0 {
				r.Images[i].Tags = []string{fmt.Sprintf("1.29.%d-alpine", i)}
			}
		}
	})
}

// images plants images, and an encryption that is weaker than demanded.
func (d demo) images(registry *Registry) {
	vulnerable := &Scan{CompletedAt: d.now, Counts: map[string]int32{"CRITICAL": 2, "HIGH": 9, "MEDIUM": 30}}
	clean := &Scan{CompletedAt: d.now, Counts: map[string]int32{"LOW": 4}}
	release := func(name, tag string, scan *Scan) {
		d.repository(registry, name, func(r *Repository) {
			image := BuildImage(ImageOptions{Seed: name})
			image.Tags, image.PushedAt, image.Scan = []string{tag}, d.now, scan
			r.Images = append(r.Images, image)
		})
	}
	release("payments/vulnerable", "2.0.0", vulnerable)
	release("payments/patched", "2.0.1", clean)
	release("payments/never-scanned", "2.0.0", nil)
	release("payments/scan-pending", "2.0.0", &Scan{Status: "PENDING"})
	release("payments/odd-tag", "FINAL-fix2", clean)
	d.multiArchitecture(registry, "payments/multi-arch-vulnerable", clean, vulnerable)
	d.multiArchitecture(registry, "payments/multi-arch-sound", clean, clean)
	d.repository(registry, "payments/weak-encryption", func(r *Repository) { r.Encryption = Encryption{Type: "AES256"} })
}

// multiArchitecture plants a signed release for two architectures, whose
// images carry no tags.
func (d demo) multiArchitecture(registry *Registry, name string, scans ...*Scan) {
	d.repository(registry, name, func(r *Repository) {
		var children []Image
		for i, scan := range scans {
			child := BuildImage(ImageOptions{Seed: fmt.Sprint(name, "/child", i)})
			child.PushedAt, child.Scan = d.now, scan
			children = append(children, child)
		}
		index := BuildIndex(children...)
		index.Tags, index.PushedAt = []string{"3.0.0"}, d.now
		signature := CosignSignature(index)
		signature.PushedAt = d.now
		r.Images = append(append(r.Images, children...), index, signature)
	})
}

// StartOn serves an organization on a listener until Close.
func StartOn(org *Organization, listener net.Listener, options Options) *Server {
	return serve(org, listener, options)
}
