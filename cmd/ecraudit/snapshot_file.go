package main

import (
	"fmt"
	"os"

	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// snapshotFile is the file of --snapshot.
type snapshotFile struct {
	*snapshot.Reader
	file *os.File
}

func openSnapshot(path string) (*snapshotFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--snapshot: %s: %w; make one with: ecraudit snapshot -o FILE", path, snapshot.Cause(err))
	}
	reader, err := snapshot.NewReader(file, path)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &snapshotFile{reader, file}, nil
}

func (s *snapshotFile) Close() {
	s.Reader.Close()
	_ = s.file.Close() // it was only read
}

// reconcile completes what the snapshot knows of the organization by the configuration.
// That of another organization is refused, as by a run that asks AWS: who is outside,
// and may have access, would be judged by the wrong one.
func (s *snapshotFile) reconcile(c *config.Config) error {
	o, err := collect.Completed(s.Header.Organization, configured(c.Organization))
	if err == nil {
		s.Header.Organization = o
		return nil
	}
	is := "is of " + o.ID
	if o.None {
		is = "is of accounts that belong to none"
	}
	return fmt.Errorf("%s says that the organization is %s (organization.id), but the snapshot %s %s: correct organization.id, or use the configuration of that organization",
		c.Path, c.Organization.ID, s.file.Name(), is)
}

func (s *snapshotFile) collected() snapshot.Needs {
	collected := snapshot.Needs{}
	for _, need := range s.Header.Needs {
		collected[need] = true
	}
	return collected
}

// engine judges the snapshot as of when it was collected. Rules for which it was
// not collected are refused.
func (s *snapshotFile) engine(c *config.Config, rules *evaluate.Rules, f conductFlags) (*evaluate.Engine, error) {
	if err := s.reconcile(c); err != nil {
		return nil, err
	}
	engine, err := evaluate.New(rules, c, f.judgingAt(s.Header.Clock))
	if err != nil {
		return nil, err
	}
	collected := s.collected()
	for need := range engine.Needs() {
		if need != snapshot.NeedAccounts && !collected[need] { // what is known of the accounts is in every snapshot
			return nil, fmt.Errorf("%s was collected without %s, which the active rules and scopes need: collect it again with the same --config and --rules, or turn those rules off", s.file.Name(), need)
		}
	}
	return engine, nil
}
