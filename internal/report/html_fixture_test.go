package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// detailed is a run with all that a page can show: findings that are waived,
// changes since a baseline, gaps, and details of repositories.
func detailed() script {
	s := typical()
	s.run.Baseline = &Baseline{Name: "baseline.txt", Findings: 70}
	s.changes = &Changes{Fixed: 3, NotSeen: 1}
	for i := range s.findings {
		f := &s.findings[i]
		switch {
		case i%7 == 0:
			f.Change = finding.New
			s.changes.New++
		case i%11 == 0:
			f.Change = finding.Worsened
			s.changes.Worsened++
		default:
			f.Change = finding.Known
			s.changes.Known++
		}
		if f.Rule == "required-tags" || i == 90 || f.Repository == "archive" {
			f.Waiver = &finding.Waiver{Verdict: f.Status, Reason: "moves to the new account in spring", Owner: "platform", Ticket: "OPS-211", Until: "2027-01-31"}
			f.Status = finding.Waived
		}
	}
	s.run.Complete = false
	s.run.Targets[6].Status = snapshot.StatusPartial
	s.gaps = []snapshot.Gap{{
		Target:     snapshot.Target{Partition: "aws", Account: "444455556666", Region: "eu-west-1"},
		Repository: "payments/ledger", Need: snapshot.NeedPolicy, Operation: "ecr:GetRepositoryPolicy", Code: "AccessDeniedException",
		Message: "not authorized", Permission: "ecr:GetRepositoryPolicy",
	}}
	s.details = []Detail{landing(), shop(), ledger()}
	return s
}

func detailOf(account, region, repository string) Detail {
	return Detail{
		Account: account, Region: region, Repository: repository,
		URI:       fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s", account, region, repository),
		CreatedAt: time.Date(2024, 3, 5, 10, 20, 0, 0, time.UTC), Mutability: snapshot.Mutability{Setting: "MUTABLE"}, Encryption: snapshot.Encryption{Type: "AES256"},
	}
}

// landing is open to everyone, and of much there is nothing.
func landing() Detail {
	d := detailOf("222233334444", "eu-west-1", "web/landing")
	d.ScanOnPush = true
	d.Tags = map[string]string{"owner": "web", "cost-center": "4711"}
	d.Access = &DetailAccess{
		Exposure: access.ExposurePublic,
		Grants: []access.Grant{
			grant("everyone", access.ExposurePublic, "PublicRead", "read", "pull"),
			grant("arn:aws:iam::999988887777:role/ci-pipeline-with-a-rather-long-name-in-a-partner-account", access.ExposureOutside, "Partner", "read", "pull", "push"),
			grant("account 333344445555", access.ExposureInside, "#3", "read", "pull"),
			grant("account 123412341234", access.ExposureTrusted, "Scanner", "read"),
			unknownGrant(),
		},
		Policy: `{"Version":"2012-10-17","Statement":[{"Sid":"PublicRead","Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`,
	}
	d.Lifecycle = &DetailLifecycle{}
	return d
}

func grant(principal string, exposure access.Exposure, statement string, abilities ...string) access.Grant {
	return access.Grant{
		Principal: principal, Kind: "account", Exposure: exposure, Widest: exposure, Abilities: abilities, Level: abilities[len(abilities)-1],
		Actions: []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, Conditions: []string{}, Statement: statement, Source: "repository-policy",
	}
}

func unknownGrant() access.Grant {
	g := grant("role/deploy-*", access.ExposureUnknown, "Deploy", "read", "pull", "administer")
	g.Widest, g.Reason = access.ExposureOutside, "the condition on aws:PrincipalTag/team depends on tags that are not known"
	g.Conditions = []string{"aws:PrincipalTag/team is web", "from 192.0.2.0/24"}
	return g
}

// shop has images of every kind.
func shop() Detail {
	d := detailOf("222233334444", "us-east-1", "web/shop")
	d.Mutability = snapshot.Mutability{Setting: "IMMUTABLE_WITH_EXCLUSION", Exclusions: []string{"dev-*", "latest"}}
	d.Encryption = snapshot.Encryption{Type: "KMS", KMSKey: "arn:aws:kms:us-east-1:222233334444:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
	d.Scanning = &snapshot.EffectiveScanning{Frequency: "CONTINUOUS_SCAN", ScanOnPush: true, Filters: []string{"*"}}
	d.Access = &DetailAccess{Exposure: access.ExposureOwn, Grants: []access.Grant{}}
	day := func(n int) time.Time { return time.Date(2026, 9, 14, 8, 30, 0, 0, time.UTC).AddDate(0, 0, n) }
	d.Lifecycle = &DetailLifecycle{
		Present: true, Horizon: day(90), Stay: 41, Undecided: 2,
		Problems: []string{"rule 3 never acts: rule 1 takes all that it selects"},
		Rules: []string{
			"priority 1: expires untagged images 14 days after they were pushed",
			"priority 2: archives images with a tag like dev-* that were not pulled for 60 days",
			"priority 3: expires all but the newest 50 images with a tag like dev-*",
		},
	}
	for i, due := range []struct{ day, rule, images int }{{0, 1, 34}, {3, 1, 5}, {9, 1, 2}, {12, 2, 7}, {30, 2, 1}, {31, 1, 12}, {60, 2, 19}, {88, 1, 3}} {
		action := "expire"
		if due.rule == 2 {
			action = "archive"
		}
		d.Lifecycle.Timeline = append(d.Lifecycle.Timeline, DetailDue{
			At: day(due.day), Rule: due.rule, Action: action, Images: due.images, Bytes: int64(due.images) * 93 << 20, Tags: []string{fmt.Sprintf("dev-%d", i)},
		})
	}
	d.Images = shopImages(day(-20))
	freed := 6.4
	d.Cost = &DetailCost{Currency: "USD", Monthly: 41.2, Unused: 17.85, Freed: &freed}
	return d
}

func shopImages(pushed time.Time) *DetailImages {
	image := func(n int, kind snapshot.Kind, tags ...string) DetailImage {
		return DetailImage{Digest: digest(n), Kind: kind, Tags: tags, Status: "ACTIVE", Bytes: int64(n+1) * 31 << 20, PushedAt: pushed, PulledAt: pushed.AddDate(0, 0, 2)}
	}
	index := image(0, snapshot.KindIndex, "1.12.0", "1.12", "1", "stable", "latest")
	index.Children, index.Release = []string{digest(1), digest(2), digest(3)}, true
	amd, arm := image(1, snapshot.KindImage), image(2, snapshot.KindImage)
	amd.Platform, arm.Platform = "linux/amd64", "linux/arm64"
	amd.Vulnerabilities = map[string]int{"CRITICAL": 2, "HIGH": 11, "MEDIUM": 40, "LOW": 13}
	index.Vulnerabilities, index.Scan = map[string]int{"CRITICAL": 2, "HIGH": 11}, "the scan of one of its images is not finished"
	amd.Scan, arm.Scan = "findings", "clean"
	signature, sbom, attestation := image(4, snapshot.KindSignature), image(5, snapshot.KindSBOM), image(6, snapshot.KindAttestation)
	signature.Subject, sbom.Subject, attestation.Subject = digest(0), digest(1), digest(1)
	single := image(7, snapshot.KindImage, "dev-a-very-long-branch-name-that-nobody-can-type-twice-without-a-mistake")
	single.Vulnerabilities, single.Scan = map[string]int{"HIGH": 3, "UNDEFINED": 1}, "findings"
	archived := image(8, snapshot.KindImage, "1.9.0")
	archived.Status, archived.Release, archived.Scan = "ARCHIVED", true, "never scanned: status NOT_SCANNED"
	chart := image(9, snapshot.KindArtifact, "chart-0.3.1")
	return &DetailImages{Total: 74, Bytes: 9 << 30, Omitted: 65, Shown: []DetailImage{index, amd, arm, signature, sbom, attestation, single, archived, chart}}
}

// ledger could not be read in full.
func ledger() Detail {
	return detailOf("444455556666", "eu-west-1", "payments/ledger")
}

// hostileDetails has the texts of a hostile run where details have text.
func hostileDetails() script {
	s := hostile()
	for i, f := range s.findings[:40] {
		text := f.Message
		if slices.ContainsFunc(s.details, func(d Detail) bool { return d.Repository == f.Repository }) {
			continue
		}
		d := detailOf(f.Account, f.Region, f.Repository)
		d.URI, d.Tags = text, map[string]string{text: text}
		d.Mutability = snapshot.Mutability{Setting: text, Exclusions: []string{text}}
		d.Access = &DetailAccess{Exposure: access.ExposurePublic, Problems: []string{text}, Policy: text + "</script><script>alert(2)</script>\n\t" + text}
		g := grant(text, access.ExposurePublic, text, "pull")
		g.Reason, g.Conditions, g.Actions, g.Trusted = text, []string{text}, []string{text}, text
		d.Access.Grants = []access.Grant{g}
		d.Lifecycle = &DetailLifecycle{
			Present: true, Rules: []string{text}, Problems: []string{text}, Horizon: s.run.Clock.AddDate(0, 0, 90),
			Timeline: []DetailDue{{At: s.run.Clock, Rule: 1, Action: "expire", Images: 1, Bytes: 1, Tags: []string{text}}},
		}
		d.Images = &DetailImages{Total: 1, Shown: []DetailImage{{
			Digest: digest(i), Tags: []string{text}, Kind: snapshot.KindImage, Platform: text, Status: text, Scan: text, Vulnerabilities: map[string]int{text: 1}, Children: []string{text},
		}}}
		s.details = append(s.details, d)
	}
	return s
}
