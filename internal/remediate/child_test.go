package remediate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// errandVariable holds, as JSON, what a process that this test started is to do.
const errandVariable = "ECRAUDIT_TEST_ERRAND"

// errand is what a child does: a run in a process of its own, which can be
// killed as a person's can.
type errand struct {
	Deed    string         // apply, undo or lock
	Journal string         // the folder
	Plan    string         // the file, for apply
	Kind    remediate.Kind // of the changes to apply; empty for all
	Run     string         // its id, for undo
	Places  int            // 1 makes the order of calls the same each time
}

func TestMain(m *testing.M) {
	text := os.Getenv(errandVariable)
	if text == "" {
		m.Run()
		return
	}
	var e errand
	err := json.Unmarshal([]byte(text), &e)
	if err == nil {
		err = e.do(context.Background(), os.Stdin, os.Stdout) //nolint:forbidigo // the main of a child
	}
	if err != nil {
		panic(err)
	}
}

// do runs in the child. Its answer is the summary of the run, as JSON.
func (e errand) do(ctx context.Context, in io.Reader, out io.Writer) error {
	journal, err := remediate.OpenJournal(e.Journal)
	if err != nil {
		return err
	}
	if e.Deed == "lock" {
		return holdLock(ctx, journal, in, out)
	}
	o, err := openOptions(ctx, journal, e.Places)
	if err != nil {
		return err
	}
	var s *remediate.Summary
	if e.Deed == "undo" {
		s, err = undoOf(ctx, o, e.Run)
	} else {
		s, err = applyFile(ctx, o, e.Plan, e.Kind)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}

// holdLock holds the lock until its input ends.
func holdLock(ctx context.Context, j *remediate.Journal, in io.Reader, out io.Writer) error {
	release, err := j.Lock(ctx, 0)
	if err != nil {
		return err
	}
	defer release()
	if _, err := io.WriteString(out, "locked\n"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

func applyFile(ctx context.Context, o remediate.Options, name string, kind remediate.Kind) (*remediate.Summary, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := remediate.ReadPlan(file, name)
	if err != nil {
		return nil, err
	}
	changes := slices.DeleteFunc(p.Changes, func(c remediate.Change) bool { return kind != "" && c.Kind != kind })
	return remediate.Apply(ctx, o, p, changes)
}

func undoOf(ctx context.Context, o remediate.Options, id string) (*remediate.Summary, error) {
	run, err := o.Journal.Read(id)
	if err != nil {
		return nil, err
	}
	return remediate.Undo(ctx, o, run, remediate.Filter{})
}

// command is a child that has not been started.
func (w *world) command(e errand) *exec.Cmd {
	w.t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	child := exec.CommandContext(w.t.Context(), os.Args[0])
	// On one processor nothing of the client runs ahead of what wrote the request:
	// net/http now and then closes the connection under an answer that is too quick.
	child.Env = append(w.server.Environment(management, region), errandVariable+"="+string(text), "GOMAXPROCS=1")
	return child
}

// send has a child do an errand, and returns how its run went.
func (w *world) send(e errand) *remediate.Summary {
	w.t.Helper()
	child := w.command(e)
	var out, complaint bytes.Buffer
	child.Stdout, child.Stderr = &out, &complaint
	if err := child.Run(); err != nil {
		w.t.Fatalf("%s: %v: %s", e.Deed, err, complaint.String())
	}
	var s remediate.Summary
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		w.t.Fatal(err)
	}
	return &s
}

// sendToDie has a child do an errand and kills it where the fault strikes.
func (w *world) sendToDie(e errand, fault awssim.Fault) {
	w.t.Helper()
	child := w.command(e)
	var complaint bytes.Buffer
	child.Stderr = &complaint
	started, dead := make(chan struct{}), make(chan struct{})
	fault.Do = func() {
		<-started
		_ = child.Process.Kill() // the exit below tells whether it was
		<-dead
	}
	remove := w.server.Faults().Add(fault)
	if err := child.Start(); err != nil {
		w.t.Fatal(err)
	}
	close(started)
	err := child.Wait()
	close(dead)
	remove()
	if err == nil {
		w.t.Logf("%s ended before it was killed", e.Deed) // a lost answer had made the rehearsal longer by a call
	} else if child.ProcessState.Exited() {
		w.t.Fatalf("%s was not killed: %v: %s", e.Deed, err, complaint.String())
	}
}
