package ciexamples

import (
	"slices"
	"testing"
)

// buildspec has the keys that AWS documents for version 0.2. There is no
// validator of AWS's that works without an account.
type buildspec struct {
	Version string
	RunAs   string `yaml:"run-as"`
	Env     struct {
		Shell             string
		Variables         map[string]string
		ParameterStore    map[string]string `yaml:"parameter-store"`
		SecretsManager    map[string]string `yaml:"secrets-manager"`
		ExportedVariables []string          `yaml:"exported-variables"`
		GitCredential     string            `yaml:"git-credential-helper"`
	}
	Phases struct {
		Install   phase
		PreBuild  phase `yaml:"pre_build"`
		Build     phase
		PostBuild phase `yaml:"post_build"`
	}
	Reports map[string]struct {
		Files         []string
		BaseDirectory string `yaml:"base-directory"`
		DiscardPaths  string `yaml:"discard-paths"`
		FileFormat    string `yaml:"file-format"`
	}
	Artifacts struct {
		Files         []string
		Name          string
		DiscardPaths  string `yaml:"discard-paths"`
		BaseDirectory string `yaml:"base-directory"`
	}
	Cache struct{ Paths []string }
}

type phase struct {
	RunAs           string            `yaml:"run-as"`
	OnFailure       string            `yaml:"on-failure"`
	RuntimeVersions map[string]string `yaml:"runtime-versions"`
	Commands        []string
	Finally         []string
}

func TestCodeBuild(t *testing.T) {
	var b buildspec
	decodeStrictly(t, read(t, "examples/ci/buildspec.yml"), &b)
	if b.Version != "0.2" || len(b.Phases.Build.Commands) == 0 || !slices.Contains([]string{"bash", "/bin/sh"}, b.Env.Shell) {
		t.Errorf("%+v", b)
	}
	for _, p := range []phase{b.Phases.Install, b.Phases.PreBuild, b.Phases.Build, b.Phases.PostBuild} {
		if !slices.Contains([]string{"", "ABORT", "CONTINUE"}, p.OnFailure) {
			t.Errorf("on-failure: %s", p.OnFailure)
		}
	}
	for name, report := range b.Reports {
		if len(report.Files) == 0 || report.FileFormat != "JUNITXML" {
			t.Errorf("%s: %+v", name, report)
		}
	}
}
