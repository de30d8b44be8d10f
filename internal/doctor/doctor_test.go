package doctor

import (
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// Whatever reads is tried: what has no probe is asked in another way.
func TestWhatReadsIsTried(t *testing.T) {
	otherwise := map[string]bool{
		"ecr:DescribeRepositories": true, "ec2:DescribeRegions": true, // by looking at regions
		"account:ListRegions":             true, // only where that is denied
		"ecr:StartLifecyclePolicyPreview": true, // it writes
	}
	var actions []string
	for _, c := range collect.Calls() {
		if c.By == collect.ByRole {
			actions = append(actions, c.Operation)
		}
	}
	for _, k := range remediate.AllKinds() {
		for _, p := range remediate.Permissions(k) {
			if !p.Writes {
				actions = append(actions, p.Action)
			}
		}
	}
	for _, action := range actions {
		if _, tried := probes()[action]; tried == otherwise[action] {
			t.Errorf("%s: tried %v", action, tried)
		}
	}
	for action := range probes() {
		_, name, _ := strings.Cut(action, ":")
		if !strings.HasPrefix(name, "Get") && !strings.HasPrefix(name, "Describe") && !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "BatchGet") {
			t.Errorf("%s does not only read", action)
		}
	}
}
