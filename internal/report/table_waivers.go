package report

import (
	"cmp"
	"strings"
)

// waivers says how many waivers were applied, and which excused nothing.
func (t *table) waivers(w *Waivers) {
	if w == nil {
		return
	}
	t.out.text("\n")
	t.write(span{}, 4, span{"WAIVERS", bold}, span{"  " + w.words(), plain})
	shown := len(w.Unmatched)
	if !t.all {
		shown = min(shown, mostUnmatched)
	}
	for _, u := range w.Unmatched[:shown] {
		t.write(span{"  ", plain}, 6, span{Printable(u.Source), plain}, span{" excuses nothing: no finding of " + Printable(u.words()), plain})
	}
	if more := len(w.Unmatched) - shown; more > 0 {
		t.write(span{"  ", plain}, 6, span{"and " + count(more, "more that excuses nothing", "more that excuse nothing") + "; --all lists them", plain})
	}
}

// mostUnmatched is how many waivers that excuse nothing are listed.
const mostUnmatched = 20

// words sums up.
func (w *Waivers) words() string {
	parts := []string{number(w.InForce) + " in force", number(w.Expired) + " ended"}
	if n := len(w.Unmatched); n > 0 {
		parts = append(parts, number(n)+" "+cmp.Or(map[int]string{1: "excuses"}[n], "excuse")+" nothing")
	}
	text := strings.Join(parts, ", ")
	if tags := w.Tags; tags != nil {
		text += "; as tags: " + number(tags.InForce) + " in force, " + number(tags.Expired) + " ended, " + number(tags.Unmatched) + " for no finding, " + number(tags.Invalid) + " not valid"
	}
	return text
}

// words says what a waiver was for.
func (u *UnmatchedWaiver) words() string {
	return strings.Join(u.Rules, ", ") + " (" + u.Where + ")"
}

// sources are where the first waivers stand that excuse nothing.
func (w *Waivers) sources() string {
	const most = 3
	var sources []string
	for _, u := range w.Unmatched[:min(most, len(w.Unmatched))] {
		sources = append(sources, u.Source)
	}
	if len(w.Unmatched) > most {
		sources = append(sources, "…")
	}
	return strings.Join(sources, ", ")
}
