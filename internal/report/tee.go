package report

import (
	"errors"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Tee hands one run to several handlers. One that fails is told nothing more and
// does not stop the others: its error is returned at the end, joined with those
// of others. Only where all have failed is that said at once.
func Tee(handlers ...Handler) Handler { return &tee{handlers: handlers} }

type tee struct {
	handlers []Handler // those that have not failed
	failures []error
}

func (t *tee) each(tell func(Handler) error) error {
	kept := t.handlers[:0]
	for _, h := range t.handlers {
		if err := tell(h); err != nil {
			t.failures = append(t.failures, errors.Join(err, Close(h)))
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

func (t *tee) Begin(r Run) error {
	return t.each(func(h Handler) error { return h.Begin(r) })
}

func (t *tee) Finding(f finding.Finding) error {
	return t.each(func(h Handler) error { return h.Finding(f) })
}

func (t *tee) Gap(g snapshot.Gap) error {
	return t.each(func(h Handler) error { return h.Gap(g) })
}

// Detail tells those of the handlers that are DetailHandlers.
func (t *tee) Detail(d Detail) error {
	return t.each(func(h Handler) error { return TellDetail(h, d) })
}

// End ends those that are left. Its error is that some handler has failed, at any
// time.
func (t *tee) End(s Summary) error {
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
