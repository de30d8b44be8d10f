package goreleaser

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// Goreleaser's own loader refuses what it does not know.
func TestConfiguration(t *testing.T) {
	project, err := config.Load("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	build := project.Builds[0]
	if !slices.Contains(build.Flags, "-trimpath") || build.ModTimestamp == "" || !slices.Contains(build.Env, "CGO_ENABLED=0") {
		t.Errorf("two builds are not the same, or not static: %+v", build)
	}
	if !strings.Contains(strings.Join(build.Ldflags, " "), "-X main.version={{ .Version }}") {
		t.Errorf("the version is not stamped: %v", build.Ldflags)
	}
	install, err := os.ReadFile("../../scripts/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	archive := strings.NewReplacer("{{ .ProjectName }}", project.ProjectName, "{{ .Version }}", "${version}", "{{ .Os }}", "${system}", "{{ .Arch }}", "${machine}").
		Replace(project.Archives[0].NameTemplate) + "." + project.Archives[0].Formats[0]
	if !strings.Contains(string(install), "archive="+archive+"\n") {
		t.Errorf("scripts/install.sh does not fetch %s", archive)
	}
}

func TestConfigurationFindsMistakes(t *testing.T) {
	text, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"ldflags:", "ldflag:", "field ldflag not found"},
		{"formats: [tar.gz]", "formats: {tar: gz}", "cannot unmarshal"},
	} {
		broken := strings.Replace(string(text), c.from, c.to, 1)
		if _, err := config.LoadReader(strings.NewReader(broken)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}
