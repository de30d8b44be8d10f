package report

import (
	"errors"
	"sync"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Tee hands one run to several handlers, which work at the same time. One that
// fails is told nothing more and does not stop the others: its error is returned
// at the end, joined with those of others. Only where all have failed is that
// said soon.
func Tee(handlers ...Handler) Handler { return &tee{handlers: handlers} }

// tee collects findings and gaps, so that handing them over is worth a
// goroutine for each handler. All of them have ended when a method returns:
// nothing is left running by a run that ends early.
type tee struct {
	handlers []Handler // those that have not failed
	failures []error
	findings []finding.Finding // not handed over yet, at most teeBatch
	gaps     []snapshot.Gap    // the same
}

// teeBatch is how many findings or gaps are held. A batch takes a handler about
// as long as a time slice, and less than a megabyte.
const teeBatch = 512

// each tells something to all handlers at once.
func (t *tee) each(tell func(Handler) error) error {
	errs := make([]error, len(t.handlers))
	if len(t.handlers) == 1 {
		errs[0] = tell(t.handlers[0])
	} else {
		var working sync.WaitGroup
		for i, h := range t.handlers {
			working.Go(func() { errs[i] = tell(h) })
		}
		working.Wait()
	}
	kept := t.handlers[:0]
	for i, h := range t.handlers {
		if errs[i] != nil {
			t.failures = append(t.failures, errors.Join(errs[i], Close(h)))
			continue
		}
		kept = append(kept, h)
	}
	t.handlers = kept
	if len(kept) == 0 {
		return errors.Join(t.failures...)
	}
	return nil
}

// handOver tells what is held.
func (t *tee) handOver() error {
	if len(t.findings) == 0 && len(t.gaps) == 0 {
		return nil
	}
	err := t.each(func(h Handler) error {
		for _, f := range t.findings {
			if err := h.Finding(f); err != nil {
				return err
			}
		}
		for _, g := range t.gaps {
			if err := h.Gap(g); err != nil {
				return err
			}
		}
		return nil
	})
	clear(t.findings) // what they point to may go
	t.findings, t.gaps = t.findings[:0], t.gaps[:0]
	return err
}

func (t *tee) Begin(r Run) error {
	return t.each(func(h Handler) error { return h.Begin(r) })
}

func (t *tee) Finding(f finding.Finding) error {
	if len(t.gaps) > 0 { // they come last, so a handler will object
		if err := t.handOver(); err != nil {
			return err
		}
	}
	if len(t.handlers) == 1 && len(t.findings) == 0 { // with nobody to work beside
		if err := t.handlers[0].Finding(f); err != nil {
			return t.each(func(Handler) error { return err })
		}
		return nil
	}
	if t.findings = append(t.findings, f); len(t.findings) < teeBatch {
		return nil
	}
	return t.handOver()
}

func (t *tee) Gap(g snapshot.Gap) error {
	if t.gaps = append(t.gaps, g); len(t.gaps) < teeBatch {
		return nil
	}
	return t.handOver()
}

// Detail tells those of the handlers that are DetailHandlers.
func (t *tee) Detail(d Detail) error {
	if err := t.handOver(); err != nil {
		return err
	}
	return t.each(func(h Handler) error { return TellDetail(h, d) })
}

// End ends those that are left. Its error is that some handler has failed, at any
// time.
func (t *tee) End(s Summary) error {
	if err := t.handOver(); err != nil {
		return err
	}
	if err := t.each(func(h Handler) error { return h.End(s) }); err != nil {
		return err
	}
	return errors.Join(t.failures...)
}

// Close releases what the handlers hold.
func (t *tee) Close() error {
	var failures []error
	for _, h := range t.handlers {
		failures = append(failures, Close(h))
	}
	return errors.Join(failures...)
}
