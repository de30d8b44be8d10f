package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func TestDemo(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	r := w.run("demo")
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	golden(t, "demo.table", r.out)
	if !strings.Contains(r.err, "would have ended with exit code 2") {
		t.Errorf("the demo does not say how an audit would have ended: %q", r.err)
	}
}

func TestReportFollowsItsSchema(t *testing.T) {
	w := demoWorld(t)
	compiler := jsonschema.NewCompiler()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.SchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("report.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{"", " --details"} {
		r := w.run("audit --format json" + flags + orgFlags)
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(r.out))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(instance); err != nil {
			t.Errorf("%s: %v", flags, err)
		}
	}
}

// What is collected now and judged later is judged alike, byte for byte.
func TestSnapshotIsJudgedAsAWSIs(t *testing.T) {
	w := demoWorld(t)
	if r := w.run("snapshot -o org.snapshot" + orgFlags); r.code != 3 {
		t.Fatalf("exit code %d, not 3 for the denied account: %s", r.code, r.err)
	}
	for _, format := range []string{"json", "ndjson", "table"} {
		live := w.run("audit --format " + format + orgFlags)
		w.server.Faults().Add(awssim.Fault{Kind: awssim.Reset}) // the snapshot needs no AWS
		saved := w.run("audit --snapshot org.snapshot --format " + format)
		w.server.Faults().Clear()
		if diff := cmp.Diff(withoutClock(live.out), withoutClock(saved.out)); diff != "" {
			t.Errorf("%s differs (-live +snapshot):\n%s", format, diff)
		}
		if live.code != saved.code {
			t.Errorf("exit codes %d and %d", live.code, saved.code)
		}
		if again := w.run("audit --snapshot org.snapshot --format " + format); again.out != saved.out {
			t.Errorf("%s of the same snapshot differs from run to run", format)
		}
	}
}

var clocks = regexp.MustCompile(`"clock": ?"[^"]*"|\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC`)

// withoutClock drops the one moment that a report holds.
func withoutClock(text string) string { return clocks.ReplaceAllString(text, "CLOCK") }

// Throttles and faults cost time, but change nothing.
func TestFaultsChangeNothing(t *testing.T) {
	w := demoWorld(t)
	quiet := w.audit(orgFlags)
	faults := w.server.Faults()
	faults.Add(awssim.Fault{Kind: awssim.Throttle, Operation: "ecr:*", Probability: 0.03, Seed: 1})
	faults.Add(awssim.Fault{Kind: awssim.ServerError, Probability: 0.02, Seed: 2})
	faults.Add(awssim.Fault{Kind: awssim.Reset, Operation: "ecr:*", Probability: 0.02, Seed: 3})
	faults.Add(awssim.Fault{Kind: awssim.Truncate, Operation: "ecr:*", Probability: 0.02, Seed: 4, Bytes: 40})
	noisy := w.audit(orgFlags)
	noisy.Run.Clock = quiet.Run.Clock
	if diff := cmp.Diff(quiet, noisy); diff != "" {
		t.Errorf("faults changed the report:\n%s", diff)
	}
}

func TestDeniedOperationIsAGap(t *testing.T) {
	w := demoWorld(t)
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Account: awssim.DemoPayments, Operation: "ecr:GetRepositoryPolicy"})
	d := w.audit("--accounts " + awssim.DemoPayments + " --role-name ecraudit-reader")
	if len(d.Gaps) == 0 {
		t.Fatal("no gap")
	}
	for _, gap := range d.Gaps {
		if gap.Operation != "ecr:GetRepositoryPolicy" || gap.Permission != "ecr:GetRepositoryPolicy" || gap.Repository == "" {
			t.Errorf("gap %+v", gap)
		}
	}
	found := d.findings("repository-public", "payments/patched")
	if len(found) != 1 || !strings.HasPrefix(found[0], "unknown: cannot tell: policy could not be read (AccessDeniedException") {
		t.Errorf("without the policy, repository-public says %q", found)
	}
	if len(d.findings("release-vulnerabilities", "payments/vulnerable")) != 1 {
		t.Error("the rules that do not need the policy did not run")
	}
	w.server.Faults().Clear()
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:ListTagsForResource"})
	r := w.run("audit --fail-on critical --accounts " + awssim.DemoProduction + " --role-name ecraudit-reader")
	if r.code != 3 || !strings.Contains(r.out, "ecr:ListTagsForResource") {
		t.Errorf("exit code %d:\n%s", r.code, r.out)
	}
	if r := w.run("audit --allow-incomplete --fail-on critical --accounts " + awssim.DemoProduction + " --role-name ecraudit-reader"); r.code != 0 {
		t.Errorf("--allow-incomplete: exit code %d:\n%s%s", r.code, r.out, r.err)
	}
}

// A repository that was deleted after it was listed is as if it never was.
func TestDeletedMeanwhile(t *testing.T) {
	w := demoWorld(t)
	registry := w.org.Account(awssim.DemoPlatform).Registry("eu-west-1")
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:GetLifecyclePolicy", First: 1, Do: func() { registry.RemoveRepository("access/public") }})
	d := w.audit("--accounts " + awssim.DemoPlatform + " --role-name ecraudit-reader --concurrency 1")
	if len(d.Gaps) > 0 || d.Run.Targets[0].Status != snapshot.StatusComplete {
		t.Errorf("gaps %v, target %+v", d.Gaps, d.Run.Targets[0])
	}
	for _, f := range d.Findings {
		if f.Repository == "access/public" {
			t.Errorf("a finding on a deleted repository: %+v", f)
		}
	}
}

func TestRegionThatIsNotEnabled(t *testing.T) {
	d := demoWorld(t).audit("--regions eu-west-1,af-south-1 --accounts " + awssim.DemoProduction + " --role-name ecraudit-reader")
	var failed int
	for _, target := range d.Run.Targets {
		if target.Region == "af-south-1" && target.Status == snapshot.StatusFailed && strings.Contains(target.Reason, "not enabled") {
			failed++
		}
	}
	if failed != 1 || d.Run.Complete {
		t.Errorf("targets %+v", d.Run.Targets)
	}
}

func TestRegionsThatEachAccountHasEnabled(t *testing.T) {
	w := demoWorld(t)
	w.org.Account(awssim.DemoProduction).EnableRegion("af-south-1")
	w.server.ResetCalls()
	d := w.audit("--regions all --role-name ecraudit-reader --accounts " + awssim.DemoProduction + "," + awssim.DemoPayments)
	regions := map[string]int{}
	for _, target := range d.Run.Targets {
		regions[target.Account]++
		if target.Region == "af-south-1" && target.Account != awssim.DemoProduction {
			t.Errorf("%s has not enabled af-south-1", target.Account)
		}
	}
	if regions[awssim.DemoProduction] != regions[awssim.DemoPayments]+1 {
		t.Errorf("regions by account: %v", regions)
	}
	if calls := w.server.Calls().Of("ec2:DescribeRegions").Calls; calls != 2 {
		t.Errorf("the regions of two accounts were asked for %d times", calls)
	}
}

func TestSuspendedAccountIsSkipped(t *testing.T) {
	w := demoWorld(t)
	w.org.Account(awssim.DemoPayments).SetState("SUSPENDED")
	d := w.audit(orgFlags + "--exclude-accounts " + awssim.DemoLegacy)
	skipped := map[string]string{}
	for _, target := range d.Run.Targets {
		if target.Status == snapshot.StatusSkipped {
			skipped[target.Account] = target.Reason
		}
	}
	if !strings.Contains(skipped[awssim.DemoPayments], "SUSPENDED") || !strings.Contains(skipped[awssim.DemoLegacy], "--exclude-accounts") || !d.Run.Complete {
		t.Errorf("skipped %v, complete %v", skipped, d.Run.Complete)
	}
}

func TestOrganizationalUnits(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: "111122223333"}))
	role := []awssim.Role{{Name: "reader", ExternalID: "secret", TrustedPrincipals: []string{"arn:aws:iam::222233334444:role/hub"}}}
	above := w.org.AddOU("above", "")
	below := w.org.AddOU("below", above)
	w.org.AddAccount(awssim.Account{ID: "222233334444", Roles: []awssim.Role{{Name: "hub"}}})
	w.org.AddAccount(awssim.Account{ID: "333344445555", OU: above, Roles: role})
	w.org.AddAccount(awssim.Account{ID: "444455556666", OU: below, Roles: role})
	w.org.AddDelegatedAdministrator("222233334444", "ecr.amazonaws.com")
	d := w.audit("--ou " + above + " --role-name reader --external-id secret --session-name audit.1 --hub-role-arn arn:aws:iam::222233334444:role/hub")
	var accounts []string
	for _, target := range d.Run.Targets {
		accounts = append(accounts, target.Account+" "+string(target.Status))
	}
	if diff := cmp.Diff([]string{"333344445555 complete", "444455556666 complete"}, accounts); diff != "" {
		t.Errorf("%s\n%v", diff, d.Gaps)
	}
}

func TestPartitions(t *testing.T) {
	for partition, region := range map[string]string{"aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"} {
		t.Run(partition, func(t *testing.T) {
			w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: "111122223333", Partition: partition}))
			w.org.AddAccount(awssim.Account{ID: "222233334444", Roles: []awssim.Role{{Name: "reader"}}})
			w.org.Account("222233334444").Registry(region).AddRepository(awssim.Repository{Name: "team/api"})
			w.as("111122223333", region)
			d := w.audit("--org --role-name reader")
			if d.Summary.Repositories != 1 || len(d.Gaps) > 0 {
				t.Fatalf("%d repositories, gaps %v", d.Summary.Repositories, d.Gaps)
			}
			want := "arn:" + partition + ":ecr:" + region + ":222233334444:repository/team/api"
			if len(d.Findings) == 0 || d.Findings[0].RepositoryARN != want {
				t.Errorf("findings %+v", d.Findings)
			}
		})
	}
}

// Ctrl-C reports what was finished, without waiting for what is not, and says
// that it is incomplete.
func TestInterrupt(t *testing.T) {
	w := demoWorld(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	const never = time.Hour
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:*", Region: "us-east-1", Delay: never})
	go func() {
		w.untilQuiet()
		interrupt()
	}()
	r := w.runContext(ctx, "audit --format json --call-timeout 1h"+orgFlags)
	d := w.decode(r)
	if r.code != 2 || !d.Run.Interrupted || d.Run.Complete || len(d.findings("repository-public", "access/public")) == 0 {
		t.Errorf("exit code %d, interrupted %v, complete %v, %d findings", r.code, d.Run.Interrupted, d.Run.Complete, len(d.Findings))
	}
	for _, target := range d.Run.Targets {
		if target.Region == "us-east-1" && target.Status == snapshot.StatusComplete {
			t.Errorf("%+v is said to be complete", target)
		}
	}
}

// A network that dies half way gives gaps, not a hang.
func TestNetworkDies(t *testing.T) {
	w := demoWorld(t)
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Reset, Operation: "ecr:*", After: 40})
	d := w.audit(orgFlags + "--retry-for 200ms")
	if d.Run.Complete || len(d.Gaps) == 0 {
		t.Errorf("complete %v, gaps %v", d.Run.Complete, d.Gaps)
	}
}

func TestTokenExpiresDuringTheRun(t *testing.T) {
	w := demoWorld(t)
	w.server.Faults().Add(awssim.Fault{Kind: awssim.ExpiredToken, Account: awssim.DemoPayments, Operation: "ecr:GetLifecyclePolicy"})
	d := w.audit("--role-name ecraudit-reader --accounts " + awssim.DemoPayments)
	if len(d.Gaps) == 0 || !strings.Contains(d.Gaps[0].Message, "expired") {
		t.Errorf("gaps %+v", d.Gaps)
	}
}

// One call for each document of a repository, one for its images, one for 25
// effective scan frequencies, and one scan result for each release.
func TestCallsAreMinimal(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: "111122223333"}))
	const repositories = 60
	for i := range repositories {
		image := awssim.BuildImage(awssim.ImageOptions{Seed: fmt.Sprint(i)})
		image.Tags = []string{"1.0.0"}
		other := awssim.BuildImage(awssim.ImageOptions{Seed: fmt.Sprint(i, "other")})
		other.Tags = []string{"main"}
		w.org.Account("111122223333").Registry("eu-west-1").AddRepository(awssim.Repository{Name: fmt.Sprintf("team/%03d", i), Images: []awssim.Image{image, other}})
	}
	w.server.ResetCalls()
	w.audit("")
	want := map[string]int{
		"sts:GetCallerIdentity": 1, "organizations:DescribeOrganization": 1, "organizations:ListAccounts": 1,
		"ecr:GetRegistryPolicy": 1, "ecr:GetRegistryScanningConfiguration": 1, "ecr:DescribeRegistry": 1,
		"ecr:DescribePullThroughCacheRules": 1, "ecr:DescribeRepositoryCreationTemplates": 1, "ecr:GetAccountSetting": 3,
		"ecr:DescribeRepositories": 1, "ecr:BatchGetRepositoryScanningConfiguration": 3,
		"ecr:GetRepositoryPolicy": repositories, "ecr:GetLifecyclePolicy": repositories, "ecr:ListTagsForResource": repositories,
		"ecr:DescribeImages": repositories, "ecr:DescribeImageScanFindings": repositories,
	}
	got := map[string]int{}
	for operation, count := range w.server.Calls().ByOperation() {
		got[operation] = count.Calls
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Only what the active rules need is collected.
func TestNeedsDriveCollection(t *testing.T) {
	w := demoWorld(t)
	var off strings.Builder
	off.WriteString("rules:\n")
	for id := range plantings {
		if id != "required-tags" {
			fmt.Fprintf(&off, "  %s: off\n", id)
		}
	}
	w.write("ecraudit.yaml", off.String()+"required_tags: [team]\n")
	w.server.ResetCalls()
	w.audit(orgFlags)
	for operation := range w.server.Calls().ByOperation() {
		if strings.HasPrefix(operation, "ecr:") && operation != "ecr:DescribeRepositories" && operation != "ecr:ListTagsForResource" {
			t.Errorf("%s was called, which no active rule needs", operation)
		}
	}
}

func TestAuditOnlyReads(t *testing.T) {
	w := demoWorld(t)
	w.server.ReadOnly()
	before := w.org.Dump()
	d := w.audit(orgFlags)
	if writes := w.server.Calls().Writes().Calls; writes > 0 || !bytes.Equal(before, w.org.Dump()) {
		t.Errorf("%d writing calls", writes)
	}
	for _, f := range d.Findings {
		if f.Status == finding.Fail && f.Fingerprint == "" {
			t.Errorf("no fingerprint: %+v", f)
		}
	}
}

func TestFingerprintsAreUnique(t *testing.T) {
	d := demoWorld(t).audit(orgFlags)
	seen := map[string]finding.Finding{}
	for _, f := range d.Findings {
		if other, ok := seen[f.Fingerprint]; ok {
			t.Errorf("one fingerprint for two findings:\n%+v\n%+v", other, f)
		}
		seen[f.Fingerprint] = f
	}
}

func TestOutputFiles(t *testing.T) {
	w := demoWorld(t)
	if r := w.run("audit -o report.json --format json" + orgFlags); r.code != 2 || r.out != "" {
		t.Fatalf("exit code %d, output %q, %s", r.code, r.out, r.err)
	}
	text, err := os.ReadFile("report.json")
	if err != nil || !json.Valid(text) {
		t.Errorf("report.json: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}
