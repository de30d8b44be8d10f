package policies_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

var update = flag.Bool("update", false, "write the generated pages")

const (
	docs      = "../docs"
	rulePages = "../docs/rules"
	generated = "<!-- Generated: go test ./policies -run TestGeneratedDocs -update -->\n\n"
)

// TestGeneratedDocs checks that the pages made from the rules are current;
// -update writes them.
func TestGeneratedDocs(t *testing.T) {
	all := rules(t)
	want := map[string]string{
		filepath.Join(docs, "default-rules.md"): indexPage(all.Listed()),
		filepath.Join(docs, "coverage.md"):      coveragePage(all.All),
	}
	tables, err := library(t).Tables()
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range all.Listed() {
		source := "../../policies/" + packageOf(rule.ID)
		links := workbench.SourceLinks{Mark: generated, Rule: source + ".rego", Cases: source + "_test.rego"}
		want[filepath.Join(rulePages, rule.ID+".md")] = workbench.RulePage(rule, tables[rule.ID], links)
	}
	if *update {
		write(t, want)
	}
	for path, text := range want {
		current, err := os.ReadFile(path)
		if err != nil || string(current) != text {
			t.Errorf("%s is not current: go test ./policies -run TestGeneratedDocs -update\n%s", path, cmp.Diff(string(current), text))
		}
	}
	present, err := filepath.Glob(filepath.Join(rulePages, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range present {
		if _, made := want[path]; !made {
			t.Errorf("%s is of no rule: remove it", path)
		}
	}
}

func write(t *testing.T, pages map[string]string) {
	t.Helper()
	if err := os.MkdirAll(rulePages, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range pages {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func indexPage(rules []*evaluate.Rule) string {
	var b strings.Builder
	optional := 0
	for _, rule := range rules {
		if rule.Optional {
			optional++
		}
	}
	fmt.Fprintf(&b, "# Default rules\n\n%sThere are %d rules. %d of them are off by default, because they are a matter of opinion or take a call for every image;\n"+
		"[configuration](configuration.md) says how to turn rules on and off, change their severity and state your own demands. [Coverage](coverage.md)\n"+
		"maps them to other catalogues, and [rules](rules.md) says how to write more.\n", generated, len(rules), optional)
	b.WriteString(workbench.IndexTable(rules, "rules/"))
	return b.String()
}

// catalogues are the frameworks that rules map to, with all of their controls
// that are about ECR, so that those without a rule are shown as well.
var catalogues = []struct {
	name, title, note string
	controls          []string
	elsewhere         map[string]string // control → why no rule answers to it
}{
	{
		name: "security-hub", title: "AWS Security Hub CSPM", note: "[Controls for Amazon ECR](https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html).",
		controls:  []string{"ECR.1", "ECR.2", "ECR.3", "ECR.4", "ECR.5"},
		elsewhere: map[string]string{"ECR.4": "about public repositories (Amazon ECR Public), which ecraudit does not audit"},
	},
	{
		name: "prowler", title: "Prowler", note: "Check ids of its provider for AWS.",
		controls: []string{
			"ecr_registry_scan_images_on_push_enabled", "ecr_repositories_lifecycle_policy_enabled", "ecr_repositories_not_publicly_accessible",
			"ecr_repositories_scan_images_on_push_enabled", "ecr_repositories_scan_vulnerabilities_in_latest_image", "ecr_repositories_tag_immutability",
			"ecr_registry_enhanced_scanning_enabled", "ecr_repository_encrypted_with_cmk", "ecr_repository_image_no_secrets",
		},
		elsewhere: map[string]string{"ecr_repository_image_no_secrets": "about secrets inside of images, which a registry does not tell"},
	},
	{
		name: "aws-config", title: "AWS Config", note: "[Managed rules](https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html) for private repositories.",
		controls: []string{
			"ecr-private-image-scanning-enabled", "ecr-private-lifecycle-policy-configured", "ecr-private-tag-immutability-enabled",
			"ecr-repository-cmk-encryption-enabled", "ecr-repository-tagged",
		},
	},
	{name: "cis-eks-1.5", title: "CIS Amazon EKS Benchmark 1.5", note: "Section 5.1, Image registry and image scanning.", controls: []string{"5.1.1", "5.1.2", "5.1.3", "5.1.4"}},
	{name: "nist-800-190", title: "NIST SP 800-190", note: "Countermeasures of the Application Container Security Guide for images (4.1) and registries (4.2).", controls: []string{"4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "4.2.1", "4.2.2", "4.2.3"}, elsewhere: map[string]string{
		"4.1.2": "about the configuration inside of images, which a registry does not tell",
		"4.1.3": "about malware inside of images, which a registry does not tell",
		"4.1.4": "about secrets inside of images, which a registry does not tell",
		"4.2.1": "Amazon ECR serves TLS only",
	}},
	{name: "nist-800-53", title: "NIST SP 800-53 Rev. 5", note: "Only the controls that a rule supports; none of them is met by a registry's settings alone."},
	{name: "pci-dss-4.0", title: "PCI DSS 4.0", note: "Only the requirements that a rule supports; none of them is met by a registry's settings alone."},
}

func coveragePage(rules []*evaluate.Rule) string {
	var b strings.Builder
	b.WriteString("# Coverage\n\n" + generated +
		"Which rules answer to which controls of other catalogues. `ecraudit audit --framework NAME` runs the rules of one catalogue,\n" +
		"those that are off by default too, and groups by its controls.\n")
	for _, c := range catalogues {
		fmt.Fprintf(&b, "\n## %s\n\n`--framework %s`. %s\n\n| Control | Rules |\n| --- | --- |\n", c.title, c.name, c.note)
		answering := answers(rules, c.name)
		for _, control := range c.controls {
			if answering[control] == nil {
				answering[control] = []string{"none: " + c.elsewhere[control]}
			}
		}
		for _, control := range slices.SortedFunc(maps.Keys(answering), finding.CompareControls) {
			fmt.Fprintf(&b, "| %s | %s |\n", workbench.Cell(control), strings.Join(answering[control], ", "))
		}
	}
	return b.String()
}

// answers are links to the rules that answer to each control of a framework.
func answers(rules []*evaluate.Rule, framework string) map[string][]string {
	answering := map[string][]string{}
	for _, rule := range rules {
		for _, control := range rule.Frameworks[framework] {
			answering[control] = append(answering[control], fmt.Sprintf("[%s](rules/%s.md)", rule.ID, rule.ID))
		}
	}
	return answering
}

// TestCatalogues checks that rules map to catalogues and controls that exist,
// and that every control of a catalogue that is about ECR has a rule, or a
// reason why not.
func TestCatalogues(t *testing.T) {
	all := rules(t).All
	known := map[string][]string{}
	for _, c := range catalogues {
		known[c.name] = c.controls
		answering := answers(all, c.name)
		for _, control := range c.controls {
			if (answering[control] == nil) == (c.elsewhere[control] == "") {
				t.Errorf("%s %s has the rules %v and the reason %q not to: it must have one of them", c.name, control, answering[control], c.elsewhere[control])
			}
		}
	}
	for _, rule := range all {
		for framework, controls := range rule.Frameworks {
			of, ok := known[framework]
			if !ok {
				t.Errorf("%s maps to the unknown framework %s", rule.ID, framework)
			}
			for _, control := range controls {
				if len(of) > 0 && !slices.Contains(of, control) {
					t.Errorf("%s maps to %s of %s, which does not exist", rule.ID, control, framework)
				}
			}
		}
	}
}
