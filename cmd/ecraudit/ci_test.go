package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/config"
)

// What ecraudit gives to CI systems is run here as they would run it, against
// the simulated organization: the scripts by a shell in this process, in which
// ecraudit is this program. That the systems can read the files is tested in
// tools/ciexamples.

// job is a world in which scripts run.
type job struct {
	world
	environment map[string]string
	ran         []string        // commands that are not run, but noted
	audits      map[string]bool // files that audits wrote
	output      strings.Builder
	wrong       bool // an audit ended with exit code 1
	mu          sync.Mutex
}

func newJob(t *testing.T, in *world, environment map[string]string) *job {
	t.Helper()
	j := &job{world: *in, audits: map[string]bool{}}
	j.t = t
	j.environment = map[string]string{"PATH": os.Getenv("PATH"), "TMPDIR": t.TempDir()}
	maps.Copy(j.environment, environment)
	return j
}

// shell runs a script and returns its exit code.
func (j *job) shell(script string) int {
	j.t.Helper()
	return j.interpret(j.t.Context(), script, nil)
}

func (j *job) interpret(ctx context.Context, script string, args []string) int {
	j.t.Helper()
	file, err := syntax.NewParser().Parse(strings.NewReader(script), "script")
	if err != nil {
		j.t.Fatalf("%v\n%s", err, script)
	}
	var environment []string
	for name, value := range j.environment {
		environment = append(environment, name+"="+value)
	}
	runner, err := interp.New(
		interp.Dir(j.dir), interp.Env(expand.ListEnviron(environment...)), interp.Params(append([]string{"-e", "--"}, args...)...),
		interp.StdIO(nil, &j.output, &j.output), interp.ExecHandlers(j.command))
	if err != nil {
		j.t.Fatal(err)
	}
	err = runner.Run(ctx, file)
	var code interp.ExitStatus
	if err != nil && !errors.As(err, &code) {
		j.t.Fatalf("%v\n%s", err, script)
	}
	return int(code)
}

// command runs ecraudit here and scripts of the repository in a shell like
// this. What needs a network or a CI system is noted, and taken for done.
func (j *job) command(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		switch filepath.Base(args[0]) {
		case "ecraudit":
			return exitStatus(j.audit(ctx, args[1:]))
		case "bash":
			script, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			return exitStatus(j.interpret(ctx, string(script), args[2:]))
		case "uname":
			_, err := fmt.Fprintln(interp.HandlerCtx(ctx).Stdout, "x86_64")
			return err
		case "grep":
			if args[len(args)-1] != "checksums.txt" {
				return next(ctx, args)
			}
			fallthrough
		case "curl", "wget", "tar", "sha256sum", "buildkite-agent", "sh", "go":
			j.mu.Lock() // the commands of a pipe run at once
			defer j.mu.Unlock()
			j.ran = append(j.ran, strings.Join(args, " "))
			return nil
		}
		return next(ctx, args)
	}
}

func exitStatus(code int) error {
	if code == 0 {
		return nil
	}
	return interp.ExitStatus(code)
}

// audit runs a command line of an example.
func (j *job) audit(ctx context.Context, args []string) int {
	j.t.Helper()
	files := outputFiles(args)
	for _, file := range files {
		if err := os.RemoveAll(file); err != nil {
			j.t.Fatal(err)
		}
	}
	code := run(ctx, args, streams{out: &j.output, err: &j.output})
	if code == exitError {
		j.wrong = true
		return code
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			j.t.Error(err)
		}
		j.audits[file] = true
	}
	return code
}

// outputFiles are those that a command line names with -o or --output=.
func outputFiles(args []string) (files []string) {
	for i, arg := range args {
		file, joined := strings.CutPrefix(arg, "--output=")
		if !joined && (i == 0 || args[i-1] != "-o") {
			continue
		}
		if _, path, named := strings.Cut(file, "="); named {
			file = path
		}
		if file != "-" {
			files = append(files, file)
		}
	}
	return files
}

// ended checks an exit code.
func (j *job) ended(code, want int) {
	j.t.Helper()
	if code != want || j.wrong {
		j.t.Errorf("exit code %d, not %d\n%s", code, want, j.output.String())
	}
}

// wrote checks which reports the audits wrote.
func (j *job) wrote(names ...string) {
	j.t.Helper()
	slices.Sort(names)
	if diff := gocmp.Diff(names, slices.Sorted(maps.Keys(j.audits))); diff != "" {
		j.t.Errorf("the reports (-want +got):\n%s", diff)
	}
}

// fetched checks that the archive of this version is fetched and verified before
// it is unpacked, under the name that .goreleaser.yaml gives it.
func (j *job) fetched(with string) {
	j.t.Helper()
	archive := "ecraudit_" + version + "_linux_amd64.tar.gz"
	release := "https://github.com/ecraudit/ecraudit/releases/download/v" + version + "/"
	want := []string{"curl -fsSLO " + release + archive, "curl -fsSLO " + release + "checksums.txt"}
	if with == "wget" {
		want = []string{"wget -q " + release + archive + " " + release + "checksums.txt"}
	}
	want = append(want, "grep  "+archive+"$ checksums.txt", "sha256sum -c -", "tar -xzf "+archive+" ecraudit")
	got := slices.Clone(j.ran)
	if at := slices.Index(got, "sha256sum -c -"); at > 0 && strings.HasPrefix(got[at+1], "grep") { // both ends of a pipe
		got[at], got[at+1] = got[at+1], got[at]
	}
	if diff := gocmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
		j.t.Errorf("what is fetched (-want +got):\n%s", diff)
	}
}

func TestCIExamples(t *testing.T) {
	w := reader(t)
	for name, test := range map[string]func(*testing.T, *world){
		"Jenkinsfile": testJenkinsfile, "Buildkite": testBuildkitePipeline, "CodeBuild": testBuildspec,
		"GitLab": testGitLabComponent, "Kubernetes": testKubernetesCronJob, "ECS": testECSScheduledTask,
	} {
		t.Run(name, func(t *testing.T) { test(t, w) })
	}
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readRoot(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func readRoot(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func testJenkinsfile(t *testing.T, w *world) {
	t.Helper()
	text := readRoot(t, "examples/ci/Jenkinsfile")
	environment := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^ +([A-Z_]+) = '(.*)'$`).FindAllStringSubmatch(text, -1) {
		environment[found[1]] = found[2]
	}
	j := newJob(t, w, environment)
	code := 0
	for _, found := range regexp.MustCompile(`(?s)'''(.*?)'''`).FindAllStringSubmatch(text, -1) {
		script := strings.NewReplacer(`\\`, `\`, "\\\n", "").Replace(found[1]) // as Groovy reads it
		code = j.shell(script)
	}
	j.ended(code, 2)
	j.fetched("curl")
	j.wrote("report.json", "report.sarif", "report.xml", "report.md")
}

func testBuildkitePipeline(t *testing.T, w *world) {
	t.Helper()
	var pipeline struct {
		Env   map[string]string
		Steps []struct{ Commands []string }
	}
	readYAML(t, "examples/ci/buildkite.yml", &pipeline)
	j := newJob(t, w, pipeline.Env)
	audit := strings.Join(pipeline.Steps[0].Commands, "\n")
	j.ended(j.shell(strings.ReplaceAll(audit, "$$", "$")), 2)
	j.fetched("curl")
	j.wrote("report.json", "report.xml", "report.md")
	j.ended(j.shell(strings.Join(pipeline.Steps[1].Commands, "\n")), 0)
}

func testBuildspec(t *testing.T, w *world) {
	t.Helper()
	var spec struct {
		Env     struct{ Variables map[string]string }
		Phases  struct{ Install, Build struct{ Commands []string } }
		Reports map[string]struct{ Files []string }
	}
	readYAML(t, "examples/ci/buildspec.yml", &spec)
	j := newJob(t, w, spec.Env.Variables)
	j.ended(j.shell(strings.Join(slices.Concat(spec.Phases.Install.Commands, spec.Phases.Build.Commands), "\n")), 2)
	j.fetched("curl")
	j.wrote("report.json", "report.sarif", "report.xml")
	for _, file := range spec.Reports["ecraudit"].Files {
		if !j.audits[file] {
			t.Errorf("the report %s is not written", file)
		}
	}
}

func testGitLabComponent(t *testing.T, w *world) {
	t.Helper()
	header, body, _ := strings.Cut(readRoot(t, "templates/ecraudit.yml"), "\n---\n")
	var component struct {
		Spec struct {
			Inputs map[string]struct{ Default string }
		}
	}
	if err := yaml.Unmarshal([]byte(header), &component); err != nil {
		t.Fatal(err)
	}
	if got := component.Spec.Inputs["version"].Default; got != version {
		t.Errorf("the component installs %s", got)
	}
	var example struct {
		Include []struct{ Inputs map[string]string }
	}
	readYAML(t, "examples/ci/gitlab-ci.yml", &example)
	for _, include := range example.Include {
		name := include.Inputs["job-name"]
		t.Run(name, func(t *testing.T) {
			text := regexp.MustCompile(`\$\[\[ inputs\.([\w-]+) \]\]`).ReplaceAllStringFunc(body, func(expression string) string {
				input := strings.Fields(expression)[1][len("inputs."):]
				if value, given := include.Inputs[input]; given {
					return value
				}
				return component.Spec.Inputs[input].Default
			})
			var jobs map[string]struct {
				Variables    map[string]string
				BeforeScript []string `yaml:"before_script"`
				Script       []string
				Artifacts    struct{ Reports map[string]string }
			}
			if err := yaml.Unmarshal([]byte(text), &jobs); err != nil {
				t.Fatal(err)
			}
			j := newJob(t, w, jobs[name].Variables)
			j.environment["AWS_IDENTITY_TOKEN"] = "token"
			script := strings.Join(slices.Concat(jobs[name].BeforeScript, jobs[name].Script), "\n")
			want := map[string]int{"audit": 2, "judge": 0}[name]
			j.ended(j.shell(script), want)
			j.fetched("wget")
			for kind, file := range jobs[name].Artifacts.Reports {
				if !j.audits[file] {
					t.Errorf("the report %s, %s, is not written", kind, file)
				}
			}
		})
	}
}

// runs an audit whose arguments a scheduler gives to the image, with its folders
// in the working directory.
func (j *job) runs(args []string) int {
	j.t.Helper()
	for i := range args {
		for _, folder := range []string{"/config/", "/reports/"} {
			args[i] = strings.ReplaceAll(args[i], folder, j.dir+folder)
		}
	}
	return j.audit(j.t.Context(), args)
}

func testKubernetesCronJob(t *testing.T, w *world) {
	t.Helper()
	j := newJob(t, w, nil)
	var args []string
	for document := range strings.SplitSeq(readRoot(t, "examples/ci/kubernetes.yaml"), "\n---\n") {
		var object struct {
			Kind string
			Data map[string]string
			Spec struct {
				JobTemplate struct {
					Spec struct {
						Template struct {
							Spec struct {
								Containers []struct {
									Image string
									Args  []string
								}
							}
						}
					}
				} `yaml:"jobTemplate"`
			}
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		for name, text := range object.Data {
			if _, err := config.Parse(name, []byte(text)); err != nil {
				t.Error(err)
			}
			j.write("config/"+name, text)
		}
		for _, container := range object.Spec.JobTemplate.Spec.Template.Spec.Containers {
			args = container.Args
			if want := "ghcr.io/ecraudit/ecraudit:" + version; container.Image != want {
				t.Errorf("the image is %s, not %s", container.Image, want)
			}
		}
	}
	// The example's organization is another one than the simulated.
	j.write("config/ecraudit.yaml", string(demoConfig))
	j.write("reports/.keep", "")
	j.ended(j.runs(args), 2)
	j.wrote(j.dir+"/reports/report.json", j.dir+"/reports/report.sarif", j.dir+"/reports/report.csv")
}

func testECSScheduledTask(t *testing.T, w *world) {
	t.Helper()
	var template struct {
		Resources struct {
			Task struct {
				Properties struct {
					ContainerDefinitions []struct {
						Command []string `yaml:"Command"`
					} `yaml:"ContainerDefinitions"`
				} `yaml:"Properties"`
			} `yaml:"Task"`
			TaskRole struct {
				Properties struct {
					Policies []struct {
						PolicyDocument struct {
							Statement []struct {
								Action any `yaml:"Action"`
							} `yaml:"Statement"`
						} `yaml:"PolicyDocument"`
					} `yaml:"Policies"`
				} `yaml:"Properties"`
			} `yaml:"TaskRole"`
		} `yaml:"Resources"`
	}
	var parameters struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
	}
	readYAML(t, "examples/ci/ecs-scheduled-task.yaml", &template)
	readYAML(t, "examples/ci/ecs-scheduled-task.yaml", &parameters)
	args := template.Resources.Task.Properties.ContainerDefinitions[0].Command
	for i, arg := range args { // a !Ref is read as the name it refers to
		if parameter, ok := parameters.Parameters[arg]; ok {
			args[i] = parameter.Default
		}
	}
	if want := "ghcr.io/ecraudit/ecraudit:" + version; parameters.Parameters["Image"].Default != want {
		t.Errorf("the image is %s, not %s", parameters.Parameters["Image"].Default, want)
	}
	j := newJob(t, w, nil)
	j.ended(j.runs(args), 2)
	// Both streams go to one log: each line is an object.
	summaries := 0
	for line := range strings.Lines(j.output.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is %s", line)
		}
		if strings.HasPrefix(line, `{"type":"summary"`) {
			summaries++
		}
	}
	if summaries != 1 {
		t.Errorf("the log has %d summaries of a report", summaries)
	}

	// The task may do what the caller must be allowed whose own account is not read.
	var caller granted
	w.decodeJSON("permissions --org --hub-account "+awssim.DemoManagement+" --exclude-accounts "+awssim.DemoManagement, &caller)
	want := map[string]bool{}
	for _, action := range caller.actionsOf(t, "caller") {
		want[action] = true
	}
	got := map[string]bool{}
	for _, statement := range template.Resources.TaskRole.Properties.Policies[0].PolicyDocument.Statement {
		switch action := statement.Action.(type) {
		case string:
			got[action] = true
		case []any:
			for _, a := range action {
				got[a.(string)] = true
			}
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the task's role (-documented +template):\n%s", diff)
	}
}
