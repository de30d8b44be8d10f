package awssim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func TestRegistryScanningConfiguration(t *testing.T) {
	w := newWorld(t)
	got := must(w.ecr().GetRegistryScanningConfiguration(t.Context(), &ecr.GetRegistryScanningConfigurationInput{}))(t)
	wantSame(t, got.ScanningConfiguration.ScanType, types.ScanTypeBasic)
	rule := func(frequency types.ScanFrequency, filters ...string) types.RegistryScanningRule {
		r := types.RegistryScanningRule{ScanFrequency: frequency, RepositoryFilters: []types.ScanningRepositoryFilter{}}
		for _, f := range filters {
			r.RepositoryFilters = append(r.RepositoryFilters, types.ScanningRepositoryFilter{Filter: aws.String(f), FilterType: "WILDCARD"})
		}
		return r
	}
	put := func(kind types.ScanType, rules ...types.RegistryScanningRule) error {
		_, err := w.ecr().PutRegistryScanningConfiguration(t.Context(), &ecr.PutRegistryScanningConfigurationInput{ScanType: kind, Rules: rules})
		return err
	}
	wantError[*types.InvalidParameterException](t, put("BASIC", rule("CONTINUOUS_SCAN", "*")))
	wantError[*types.InvalidParameterException](t, put("ENHANCED", rule("MANUAL", "*")))
	wantError[*types.InvalidParameterException](t, put("ENHANCED", rule("SCAN_ON_PUSH", "*"), rule("SCAN_ON_PUSH", "x")))
	wantError[*types.InvalidParameterException](t, put("ENHANCED", rule("SCAN_ON_PUSH", "UPPER")))
	wantError[*types.InvalidParameterException](t, put("OTHER"))
	if err := put("ENHANCED", rule("SCAN_ON_PUSH", "*"), rule("CONTINUOUS_SCAN", "prod", "prod*")); err != nil {
		t.Fatal(err)
	}
	names := []string{"prod/api", "team/prod", "dev"}
	for _, name := range names {
		w.registry().AddRepository(awssim.Repository{Name: name})
	}
	out := must(w.ecr().BatchGetRepositoryScanningConfiguration(t.Context(), &ecr.BatchGetRepositoryScanningConfigurationInput{
		RepositoryNames: append(names, "absent"),
	}))(t)
	var lines []string
	for _, c := range out.ScanningConfigurations {
		lines = append(lines, fmt.Sprintf("%s %s %t %d", *c.RepositoryName, c.ScanFrequency, c.ScanOnPush, len(c.AppliedScanFilters)))
	}
	wantSame(t, lines, []string{"prod/api CONTINUOUS_SCAN true 3", "team/prod CONTINUOUS_SCAN true 2", "dev SCAN_ON_PUSH true 1"})
	wantSame(t, out.Failures[0].FailureCode, types.ScanningConfigurationFailureCodeRepositoryNotFound)
	_, err := w.ecr().BatchGetRepositoryScanningConfiguration(t.Context(), &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: make([]string, 26)})
	wantError[*types.InvalidParameterException](t, err)
}

// The user guide's table of filters and names.
func TestScanFilters(t *testing.T) {
	names := []string{"prod", "repo-prod", "prod-repo", "repo-prod-repo", "prodrepo"}
	for filter, want := range map[string]string{
		"prod": "yyyyy", "*prod": "yynnn", "prod*": "ynyny", "*prod*": "yyyyy", "prod*repo": "nnyny",
	} {
		w := newWorld(t)
		w.registry().SetScanning(awssim.Scanning{Rules: []awssim.ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: filter}}}}})
		got := ""
		for _, name := range names {
			w.registry().AddRepository(awssim.Repository{Name: name})
			out := must(w.ecr().BatchGetRepositoryScanningConfiguration(t.Context(), &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: []string{name}}))(t)
			got += map[bool]string{true: "y", false: "n"}[out.ScanningConfigurations[0].ScanOnPush]
		}
		wantSame(t, filter+" "+got, filter+" "+want)
	}
}

// The repository's own flag counts only for basic scanning without rules of the registry.
func TestScanOnPushFlag(t *testing.T) {
	for _, test := range []struct {
		scanning awssim.Scanning
		want     types.ScanFrequency
	}{
		{awssim.Scanning{}, "SCAN_ON_PUSH"},
		{awssim.Scanning{Rules: []awssim.ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: "other*"}}}}}, "MANUAL"},
		{awssim.Scanning{ScanType: "ENHANCED"}, "MANUAL"},
	} {
		w := newWorld(t)
		w.registry().SetScanning(test.scanning).AddRepository(awssim.Repository{Name: "repo", ScanOnPush: true})
		out := must(w.ecr().BatchGetRepositoryScanningConfiguration(t.Context(), &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: []string{"repo"}}))(t)
		wantSame(t, out.ScanningConfigurations[0].ScanFrequency, test.want)
	}
}

func (w *world) findings(in ecr.DescribeImageScanFindingsInput) (*ecr.DescribeImageScanFindingsOutput, error) {
	in.RepositoryName = repoName
	return w.ecr().DescribeImageScanFindings(w.Context(), &in)
}

func TestScanFindings(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{
		{Tags: []string{"never"}},
		{Tags: []string{"many"}, Scan: &awssim.Scan{Counts: map[string]int32{"HIGH": 200, "LOW": 50}}},
		{Tags: []string{"named"}, Scan: &awssim.Scan{Findings: []awssim.Finding{{Name: "CVE-1", Severity: "CRITICAL", Package: "openssl", Version: "3.0", FixedIn: "3.1"}}}},
		{Tags: []string{"broken"}, Scan: &awssim.Scan{Status: "UNSUPPORTED_IMAGE", Description: "not supported"}},
		{Tags: []string{"clean"}, Scan: &awssim.Scan{}},
	}})
	id := func(tag string) *types.ImageIdentifier { return &types.ImageIdentifier{ImageTag: &tag} }
	_, err := w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("never")})
	wantError[*types.ScanNotFoundException](t, err)
	_, err = w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("absent")})
	wantError[*types.ImageNotFoundException](t, err)
	_, err = w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("many"), MaxResults: aws.Int32(1001)})
	wantError[*types.InvalidParameterException](t, err)

	one := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("many"), MaxResults: aws.Int32(1)}))(t)
	wantSame(t, one.ImageScanFindings.FindingSeverityCounts, map[string]int32{"HIGH": 200, "LOW": 50})
	wantSame(t, len(one.ImageScanFindings.Findings), 1)
	seen := 0
	pages := ecr.NewDescribeImageScanFindingsPaginator(w.ecr(), &ecr.DescribeImageScanFindingsInput{RepositoryName: repoName, ImageId: id("many")})
	for pages.HasMorePages() {
		seen += len(must(pages.NextPage(t.Context()))(t).ImageScanFindings.Findings)
	}
	wantSame(t, seen, 250)
	named := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("named")}))(t)
	wantSame(t, *named.ImageScanFindings.Findings[0].Attributes[1].Value, "openssl")
	broken := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("broken")}))(t)
	wantSame(t, broken.ImageScanStatus.Status, types.ScanStatusUnsupportedImage)
	wantSame(t, broken.ImageScanFindings == nil, true)
	clean := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("clean")}))(t)
	wantSame(t, len(clean.ImageScanFindings.FindingSeverityCounts), 0)

	w.registry().SetScanning(awssim.Scanning{ScanType: "ENHANCED"})
	enhanced := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: id("named")}))(t)
	f := enhanced.ImageScanFindings.EnhancedFindings[0]
	wantSame(t, *f.PackageVulnerabilityDetails.VulnerablePackages[0].FixedInVersion, "3.1")
	image, _ := repo.Image("named")
	wantSame(t, *f.Resources[0].Details.AwsEcrContainerImage.ImageHash, image.Digest)
}

// Only the legacy basic scanner shows its results in DescribeImages.
func TestScanSummary(t *testing.T) {
	for _, test := range []struct {
		kind, version string
		shown         bool
	}{{"BASIC", "CLAIR", true}, {"BASIC", "AWS_NATIVE", false}, {"ENHANCED", "CLAIR", false}} {
		t.Run(test.kind+" "+test.version, func(t *testing.T) {
			w := newWorld(t)
			w.registry().SetScanning(awssim.Scanning{ScanType: test.kind}).SetSetting("BASIC_SCAN_TYPE_VERSION", test.version)
			w.registry().AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{{Tags: []string{"v1"}, Scan: &awssim.Scan{Counts: map[string]int32{"HIGH": 2}}}}})
			got := w.describeImage(byTag("v1"))
			wantSame(t, got.ImageScanFindingsSummary != nil && got.ImageScanStatus != nil, test.shown)
			if test.shown {
				wantSame(t, got.ImageScanFindingsSummary.FindingSeverityCounts, map[string]int32{"HIGH": 2})
			}
		})
	}
}

func TestStartImageScan(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{
		{Tags: []string{"v1"}, NextScan: &awssim.Scan{Counts: map[string]int32{"LOW": 1}}},
	}})
	index := repo.AddImage(awssim.BuildIndex())
	id := byTag("v1")
	start := func(id types.ImageIdentifier) error {
		_, err := w.ecr().StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: repoName, ImageId: &id})
		return err
	}
	wantError[*types.UnsupportedImageTypeException](t, start(byDigest(index.Digest)))
	if err := start(id); err != nil {
		t.Fatal(err)
	}
	wantError[*types.LimitExceededException](t, start(id))
	got := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: &id}))(t)
	wantSame(t, got.ImageScanStatus.Status, types.ScanStatusInProgress)
	got = must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: &id}))(t)
	wantSame(t, got.ImageScanStatus.Status, types.ScanStatusComplete)
	wantSame(t, got.ImageScanFindings.FindingSeverityCounts, map[string]int32{"LOW": 1})
	w.org.Advance(24 * time.Hour)
	if err := start(id); err != nil {
		t.Error(err)
	}
	w.registry().SetScanning(awssim.Scanning{ScanType: "ENHANCED"})
	wantError[*types.ValidationException](t, start(id))
}

func TestScanOnPush(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "repo", ScanOnPush: true})
	if err := w.put(awssim.BuildImage(awssim.ImageOptions{Seed: "1"}), "v1"); err != nil {
		t.Fatal(err)
	}
	id := byTag("v1")
	got := must(w.findings(ecr.DescribeImageScanFindingsInput{ImageId: &id}))(t)
	wantSame(t, got.ImageScanStatus.Status, types.ScanStatusComplete)
}

func TestAccountSettings(t *testing.T) {
	w := newWorld(t)
	get := func(name string) (string, error) {
		out, err := w.ecr().GetAccountSetting(t.Context(), &ecr.GetAccountSettingInput{Name: &name})
		if err != nil {
			return "", err
		}
		return *out.Value, nil
	}
	put := func(name, value string) error {
		_, err := w.ecr().PutAccountSetting(t.Context(), &ecr.PutAccountSettingInput{Name: &name, Value: &value})
		return err
	}
	w.registry().SetSetting("BASIC_SCAN_TYPE_VERSION", "CLAIR")
	wantSame(t, must(get("BASIC_SCAN_TYPE_VERSION"))(t), "CLAIR")
	wantError[*types.InvalidParameterException](t, put("BASIC_SCAN_TYPE_VERSION", "CLAIR"))
	for name, value := range map[string]string{"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE", "REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "ENABLED"} {
		if err := put(name, value); err != nil {
			t.Error(err)
		}
		wantSame(t, must(get(name))(t), value)
	}
	_, err := get("COLOUR")
	wantError[*types.InvalidParameterException](t, err)
	wantSame(t, strings.Contains(err.Error(), "BLOB_MOUNTING"), true)
}
