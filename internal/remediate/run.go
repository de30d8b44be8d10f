package remediate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Options say as whom changes are carried out, how fast, and when to stop.
type Options struct {
	Session *awsapi.Session
	Budget  *awsapi.Budget
	Journal *Journal
	Version string // of ecraudit
	Now     time.Time

	// Places is how many repositories are worked on at once. Changes of one
	// repository are carried out one after the other, and some of the time wait
	// for the journal, so there should be more places than calls at once.
	Places    int
	Patience  time.Duration // how long a write that only fails is repeated
	MaxErrors int           // failed changes after which no other is started; 0 is no limit

	// Protected is the pattern of tags that are protected in a repository by the
	// configuration as it is now, beside those that were when the plan was made;
	// nil for none.
	Protected func(target snapshot.Target, repository string) *regexp.Regexp

	ForcePolicy    bool          // put a policy that locks the caller out
	Allow          []Allowance   // what lifecycle policies may expire all the same
	PreviewTimeout time.Duration // how long to wait for a preview of a lifecycle policy

	// Report is told how each change ended, as soon as it has, by one goroutine
	// at a time.
	Report func(Result)
}

// Summary is how a run ended.
type Summary struct {
	Run     string // its id in the journal; empty when nothing was to be done
	Kind    RunKind
	Wrote   bool // it may have written to AWS
	Results []Result
	Tally   Tally
}

// job is a change to be carried out, in one direction or the other.
type job struct {
	Result // with what is known before
	steps  []Step
	// guard looks before the first step, and completes the steps; may be nil.
	guard func(context.Context, *place, *job) error
	// expected is what a lifecycle policy expires; nil for other kinds.
	expected *expectation
	// persist goes on with the next step where one had to be left.
	persist bool
}

// runner carries out jobs, those of one repository in order.
type runner struct {
	Options
	log         *runLog
	connections *connections

	mu       sync.Mutex
	ended    *sync.Cond // tells that a change has ended
	underWay int        // changes that were started and have not ended
	results  []Result
	tally    Tally
	broken   error // the journal cannot be written: nothing more is started
}

// run carries out jobs with a journal. When ctx ends, what is under way is
// finished and nothing more is started. The error is that the journal could not
// be written.
func (o Options) run(ctx context.Context, head RunHead, jobs []job) (*Summary, error) {
	if len(jobs) == 0 {
		return &Summary{}, nil
	}
	head.Version, head.Caller, head.Changes = o.Version, o.Session.Caller, len(jobs)
	log, err := o.Journal.begin(head, time.Now())
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.close() }() // what counts was synced
	r := &runner{Options: o, log: log, connections: newConnections(o.Session, o.Budget)}
	r.ended = sync.NewCond(&r.mu)
	var group errgroup.Group
	group.SetLimit(o.Places)
	for _, jobs := range byRepository(jobs) {
		group.Go(func() error {
			for i := range jobs {
				r.do(ctx, &jobs[i])
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	if r.broken == nil {
		r.broken = log.write(record{End: &r.tally})
	}
	return &Summary{Run: log.head.ID, Kind: head.Kind, Wrote: log.intents > 0, Results: r.results, Tally: r.tally}, r.broken
}

// byRepository puts the jobs of one repository together, in their order.
func byRepository(jobs []job) [][]job {
	type key struct {
		snapshot.Target
		repository string
	}
	at := map[key]int{}
	var groups [][]job
	for _, j := range jobs {
		k := key{j.Target, j.Repository}
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], j)
	}
	return groups
}

// do carries out a job and tells how it ended.
func (r *runner) do(ctx context.Context, j *job) {
	why := r.begin(ctx)
	if why != "" {
		j.Outcome, j.Reason = NotTried, why
	} else {
		r.attempt(context.WithoutCancel(ctx), j)
	}
	err := r.log.note(record{Result: &j.Result})
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.ended.Broadcast()
	if why == "" {
		r.underWay--
	}
	if err != nil && r.broken == nil {
		r.broken = err
	}
	r.results = append(r.results, j.Result)
	r.tally.add(j.Result)
	if r.Report != nil {
		r.Report(j.Result)
	}
}

// trust is how many more changes may be under way for each that succeeded.
const trust = 4

// begin waits until a change may be started, and says why it is not; empty when
// it is. Of changes that are under way all may fail, so at first there are no
// more of them than may fail, and more with each that succeeds.
func (r *runner) begin(ctx context.Context) (why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if why := r.stopped(ctx); why != "" {
			return why
		}
		if r.MaxErrors == 0 || r.underWay < r.MaxErrors-r.tally[Failed]+trust*(r.tally[Applied]+r.tally[Already]) {
			r.underWay++
			return ""
		}
		r.ended.Wait()
	}
}

// stopped says why no other change is started; empty when one is. The lock must
// be held.
func (r *runner) stopped(ctx context.Context) string {
	switch {
	case r.broken != nil:
		return "the journal could not be written: " + r.broken.Error()
	case ctx.Err() != nil:
		return "the run was interrupted"
	case r.MaxErrors > 0 && r.tally[Failed] >= r.MaxErrors:
		return counted(r.tally[Failed], "change has", "changes have") + " failed before (--max-errors)"
	}
	return ""
}

// attempt carries out the steps of a job.
func (r *runner) attempt(ctx context.Context, j *job) {
	j.Outcome = Already
	at, err := r.connections.enter(ctx, j.Target, j.Repository)
	if err != nil {
		j.Outcome, j.Reason = Failed, err.Error()
		return
	}
	at.forcePolicy, at.today = r.ForcePolicy, r.Now
	if r.Protected != nil {
		at.protected = r.Protected(j.Target, j.Repository)
	}
	if j.guard != nil {
		if err := j.guard(ctx, at, j); err != nil {
			j.Outcome, j.Reason = outcome(err)
			return
		}
	}
	for i := range j.steps {
		changed, err := r.step(ctx, at, j, i)
		if err == nil {
			if changed && j.Outcome == Already {
				j.Outcome = Applied
			}
			continue
		}
		how, why := outcome(err)
		if j.Outcome == Already || j.Outcome == Applied {
			j.Outcome, j.Reason = how, why
		} else {
			j.Reason += "; " + why
		}
		if !j.persist {
			return
		}
	}
}

// step takes an aspect to its new state, unless it is there already or is not
// what was seen. It reports whether it wrote.
func (r *runner) step(ctx context.Context, at *place, j *job, number int) (changed bool, err error) {
	s := j.steps[number]
	a, err := s.of()
	if err != nil {
		return false, err
	}
	current, err := a.read(ctx, at, s)
	switch {
	case err != nil:
		return false, err
	case a.same(current, s.To):
		return false, nil
	case !a.same(current, s.From):
		return false, drifted("%s is not what was seen: somebody changed it since", s.name())
	}
	s.Seen, s.From = "", current.withManifest(s.From)
	i := &intent{Change: j.Change, Kind: j.Kind, Target: j.Target, Repository: j.Repository, Summary: j.Summary, Step: s, Expected: j.expected}
	if err := r.log.write(record{Intent: i}); err != nil {
		return false, err
	}
	return true, r.write(ctx, at, a, s)
}

// name is the aspect as people call it.
func (s Step) name() string {
	words := map[Aspect]string{
		RepositoryPolicy: "the repository policy", RegistryPolicy: "the registry policy", LifecyclePolicy: "the lifecycle policy",
		RegistryScanning: "the registry's scanning configuration", ScanOnPush: "the scan-on-push flag", TagMutability: "the tag mutability",
		ResourceTag: "the resource tag ", CreationTemplate: "the creation template ", ImageTag: "the tag ",
		StorageClass: "the storage class of the image", ImageScan: "the scan of the image", ImageItself: "the image",
	}
	switch s.Aspect {
	case ResourceTag, CreationTemplate, ImageTag:
		return words[s.Aspect] + s.Name
	}
	return words[s.Aspect]
}

// withManifest keeps what the journal needs of an image beside its digest.
func (s State) withManifest(known State) State {
	if s.Image != nil && known.Image != nil && s.Image.Digest == known.Image.Digest {
		m := *s.Image
		m.MediaType, m.Text = cmp.Or(m.MediaType, known.Image.MediaType), cmp.Or(m.Text, known.Image.Text)
		s.Image = &m
	}
	return s
}

// write writes an aspect and reads it back. After each error it looks before it
// tries again: an answer may have been lost after AWS had acted, and somebody
// else may have written meanwhile.
func (r *runner) write(ctx context.Context, at *place, a aspect, s Step) error {
	began := time.Now()
	for n := 0; ; n++ {
		err := a.write(ctx, at, s)
		if err == nil && s.Aspect == ImageScan {
			return nil // it may have ended already, as the one before did
		}
		if err == nil {
			return r.readBack(ctx, at, a, s)
		}
		if n == 0 && isRefusal(err) || isMishap(err) {
			return err
		}
		current, readErr := a.read(ctx, at, s)
		switch {
		case readErr != nil:
			return fmt.Errorf("%w; whether it took effect could not be read: %s", err, awsapi.Reason(readErr))
		case a.same(current, s.To):
			return nil
		case !a.same(current, s.From):
			return drifted("%s was changed by somebody else meanwhile", s.name())
		}
		s.From = current.withManifest(s.From)
		switch awsapi.Classify(err) {
		case awsapi.Final:
			return err
		case awsapi.Expired:
			at.caller.Renew()
		}
		if time.Since(began) >= r.Patience || awsapi.IsGivenUp(err) {
			return err
		}
		if err := awsapi.Backoff(ctx, n); err != nil {
			return err
		}
	}
}

// looks is how often an aspect is read until it is what was written.
const looks = 4

func (*runner) readBack(ctx context.Context, at *place, a aspect, s Step) error {
	var current State
	for n := range looks {
		var err error
		current, err = a.read(ctx, at, s)
		switch {
		case err != nil:
			return fmt.Errorf("it was written, but could not be read back: %w", err)
		case a.same(current, s.To):
			return nil
		}
		if err := awsapi.Backoff(ctx, n); err != nil {
			return err
		}
	}
	if !a.same(current, s.From) {
		return drifted("%s was written, and changed by somebody else right after", s.name())
	}
	return errors.New(s.name() + " was written, but reads back as before")
}
