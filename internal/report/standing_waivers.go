package report

import (
	"strconv"
	"strings"
)

// WaiverWarning says that a waiver excuses nothing.
type WaiverWarning struct {
	File string // in which the waiver stands; empty for resource tags
	Line int    // from 1
	Text string // "the waiver waivers.yaml:12 excuses nothing: …; remove it"

	about string // what it would excuse, wherever in the file it stands; no two are about the same
}

// Warnings are about the waivers that excuse nothing.
func (w *Waivers) Warnings() (all []WaiverWarning) {
	if w == nil {
		return nil
	}
	alike := map[string]int{}
	for i := range w.Unmatched {
		u := &w.Unmatched[i]
		file, line := u.place()
		about := file + "\x00" + u.words()
		alike[about]++
		all = append(all, WaiverWarning{
			File: file, Line: line, about: about + "\x00" + strconv.Itoa(alike[about]),
			Text: "the waiver " + shown(u.Source) + " excuses nothing: there is no finding of " + shown(u.words()) + "; remove it",
		})
	}
	if w.Tags != nil && w.Tags.Unmatched > 0 {
		text := count(w.Tags.Unmatched, "resource tag excuses nothing", "resource tags excuse nothing")
		all = append(all, WaiverWarning{Text: text + ": there is no finding of their rules on their repositories; remove them"})
	}
	return all
}

// place is where the waiver begins.
func (u *UnmatchedWaiver) place() (file string, line int) {
	colon := strings.LastIndexByte(u.Source, ':')
	if colon < 0 {
		return u.Source, 1
	}
	line, err := strconv.Atoi(u.Source[colon+1:])
	if err != nil || line < 1 {
		return u.Source, 1
	}
	return u.Source[:colon], line
}

// unmatchedCheck is what warnings of waivers are filed under where a format has
// names of checks.
const unmatchedCheck = "waiver-unmatched"

// Statement is the warning as a sentence of its own.
func (w WaiverWarning) Statement() string { return "Warning: " + w.Text + "." }
