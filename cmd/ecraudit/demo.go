package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/report"
)

// demoConfig is what the demonstration demands of its registries.
//
//go:embed demo.yaml
var demoConfig []byte

// demoFlags are the flags of the demonstration.
type demoFlags struct {
	reportFlags
	targetFlags
	serve       bool
	listen      string
	printConfig bool
}

func newDemo(s streams) *cobra.Command {
	var f demoFlags
	command := &cobra.Command{
		Use:   "demo",
		Short: "Audit a simulated organization on this machine",
		Long: `Starts a simulated AWS organization on the loopback interface, audits it as if it
were AWS and shows the report. It has five accounts in two regions, one of which
cannot be entered, and every defect that the default rules know, each beside a
sound twin. No AWS account, credentials or network are needed.

The exit code is 0; the last line says which one ecraudit audit would have given.`,
		Example: `  ecraudit demo
  ecraudit demo --format json -o report.json
  ecraudit demo --print-config > ecraudit.yaml
  ecraudit demo --serve`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			switch {
			case f.printConfig:
				_, err := s.out.Write(demoConfig)
				return err
			case f.serve:
				unserved := append([]string{"format", "output", "query", "fail-on", "allow-incomplete"}, tableFlagNames...)
				if err := refuse(command.Flags(), "with --serve: use it with the audit of what is served", unserved...); err != nil {
					return err
				}
				return f.serveDemo(command.Context(), s)
			}
			return f.runDemo(command.Context(), s)
		},
	}
	f.reportFlags.add(command.Flags())
	flags := command.Flags()
	flags.BoolVar(&f.serve, "serve", false, "keep the simulated organization up, and print the environment with which any AWS client talks to it")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "`ADDRESS` on the loopback interface to serve on; port 0 is any free one")
	flags.BoolVar(&f.printConfig, "print-config", false, "print the configuration that the demonstration uses")
	flags.BoolVar(&f.progress, "progress", false, "show progress even where standard error is no terminal")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log each slow or retried call to standard error")
	complete(command, "format", report.Formats())
	f.tableFlags.complete(command)
	complete(command, "fail-on", failOnNames())
	return command
}

// runDemo audits the simulated organization as its management account.
func (f *demoFlags) runDemo(ctx context.Context, s streams) error {
	if err := f.reportFlags.check(); err != nil {
		return err
	}
	c, err := config.Parse("demo.yaml", demoConfig)
	if err != nil {
		return err
	}
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		return err
	}
	engine, err := evaluate.New(rules, c, evaluate.Options{Clock: awssim.Epoch})
	if err != nil {
		return err
	}
	server := awssim.Start(awssim.Demo(), awssim.Options{})
	defer server.Close()
	restore := useEnvironment(server.Environment(awssim.DemoManagement, awssim.DemoRegions()[0]))
	defer restore()
	f.options = collect.Options{
		Selection:   collect.Selection{Organization: true},
		Roles:       awsapi.Roles{Name: awssim.DemoRole},
		Regions:     awssim.DemoRegions(),
		Concurrency: awsapi.DefaultConcurrency, Patience: awsapi.DefaultPatience, CallTimeout: awsapi.DefaultCallTimeout,
	}
	m := messagesOf(s.err)
	m.summary.beginReading()
	code, err := f.judge(ctx, engine, s, &baselineFlags{}, func(a *audit.Audit) error {
		return f.collect(ctx, f.collectOptions(c, engine, s.err), a, s.err)
	})
	if err != nil {
		return err
	}
	m.note(fmt.Sprintf("this was a simulated organization: of a real one, ecraudit audit would have ended with exit code %d", code))
	return nil
}

// serveDemo keeps the simulated organization up until it is interrupted.
func (f *demoFlags) serveDemo(ctx context.Context, s streams) error {
	host, _, err := net.SplitHostPort(f.listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %q: use an address of the loopback interface with a port, such as 127.0.0.1:4566", f.listen)
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w; choose another port", err)
	}
	server := awssim.StartOn(awssim.Demo(), listener, awssim.Options{})
	defer server.Close()
	text := fmt.Sprintf("# A simulated AWS organization is at %s until this is interrupted.\n# In another terminal:\n", server.URL())
	for _, setting := range server.Environment(awssim.DemoManagement, awssim.DemoRegions()[0]) {
		text += "export " + setting + "\n"
	}
	text += fmt.Sprintf("ecraudit demo --print-config > ecraudit.yaml\necraudit audit --org --role-name %s --regions %s\n", awssim.DemoRole, strings.Join(awssim.DemoRegions(), ","))
	text += fmt.Sprintf("ecraudit plan --org --role-name %s --regions %s -o plan.json\necraudit apply plan.json --fix-role-name %s\n", awssim.DemoRole, strings.Join(awssim.DemoRegions(), ","), awssim.DemoFixRole)
	if _, err := io.WriteString(s.out, text); err != nil {
		return fmt.Errorf("telling where the simulated organization is: %w", err)
	}
	<-ctx.Done()
	return nil
}

// useEnvironment sets variables for the AWS client, and returns what puts them
// back.
func useEnvironment(settings []string) (restore func()) {
	before := os.Environ()
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		os.Setenv(name, value) //nolint:errcheck // the names are valid
	}
	return func() {
		os.Clearenv()
		for _, setting := range before {
			name, value, _ := strings.Cut(setting, "=")
			os.Setenv(name, value) //nolint:errcheck // the names are valid
		}
	}
}
