package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Idle are the waivers that never decide anything, because another excuses all that
// they do and holds as long: those that say the same twice, and those that are for a
// part of what another is for. What has ended is told by [Config.EndedWaivers].
func (c *Config) Idle(at time.Time) []Warning {
	byRule := map[string][]int{}
	for i := range c.Waivers {
		for _, rule := range c.Waivers[i].Rules {
			byRule[rule] = append(byRule[rule], i)
		}
	}
	var warnings []Warning
	for i := range c.Waivers {
		w := &c.Waivers[i]
		if len(w.Rules) == 0 {
			continue
		}
		for _, j := range byRule[w.Rules[0]] {
			if j == i || !c.prevails(j, i) {
				continue
			}
			if message := w.idleBeside(&c.Waivers[j], at); message != "" {
				warnings = append(warnings, Warning{w.at, message})
				break
			}
		}
	}
	return warnings
}

// prevails reports whether one waiver decides wherever another could: it holds longer,
// or as long and stands before it, has an approval if the other has one, and is for
// all that the other is for.
func (c *Config) prevails(one, other int) bool {
	a, b := &c.Waivers[one], &c.Waivers[other]
	longer := a.Until.After(b.Until) || a.Until.Equal(b.Until) && one < other
	return longer && (a.Approved() || !b.Approved()) && a.excusesAllOf(b)
}

// excusesAllOf reports whether a waiver is surely for all that another is for.
func (w *Waiver) excusesAllOf(o *Waiver) bool {
	for _, rule := range o.Rules {
		if !slices.Contains(w.Rules, rule) {
			return false
		}
	}
	if w.Fingerprint != "" && w.Fingerprint != o.Fingerprint {
		return false
	}
	for _, c := range Criteria() {
		if w.Match.given(c) && !w.Match.coversBy(c, &o.Match) {
			return false
		}
	}
	return coversImages(w.Digests, o.Digests) && coversImages(w.ImageTags, o.ImageTags)
}

// coversImages reports whether globs over images match whatever others do; none match
// everything.
func coversImages(wide, narrow []string) bool {
	return len(wide) == 0 || len(narrow) > 0 && coverAll(wide, narrow)
}

// idleBeside says why a waiver decides nothing beside one that prevails, or nothing
// where that is told otherwise.
func (w *Waiver) idleBeside(o *Waiver, at time.Time) string {
	switch {
	case w.excusesAllOf(o) && w.Until.Equal(o.Until):
		return fmt.Sprintf("the waiver excuses what %s does, until the same day: remove one of the two", o.at)
	case w.Expired(at):
		return ""
	case w.excusesAllOf(o):
		return fmt.Sprintf("the waiver excuses what %s does, which holds longer, until %s: remove one of the two", o.at, Day(o.Until))
	}
	return fmt.Sprintf("the waiver has no effect: %s excuses all that it does, and more, until %s; remove it, or let that one be for less", o.at, Day(o.Until))
}

// NeedlessBeside warns that a waiver of one finding decides nothing, because another
// excuses that finding, and holds as long. It does not where the waivers themselves
// say so, as [Config.Idle] tells, nor where only the shorter one has an approval.
func (w *Waiver) NeedlessBeside(o *Waiver) (warning Warning, needless bool) {
	if o.excusesAllOf(w) || w.Approved() && !o.Approved() {
		return Warning{}, false
	}
	return Warning{w.at, fmt.Sprintf("the waiver has no effect: %s excuses the finding, too, until %s; remove it, or let that one be for less", o.at, Day(o.Until))}, true
}

// prevailingFor is, for each rule, the waiver that excuses all findings of it on a
// resource and holds longest.
func (c *Config) prevailingFor(compiled *Waivers, r Resource, today time.Time) map[string]int {
	prevailing := map[string]int{}
	for i := range c.Waivers {
		w := &c.Waivers[i]
		narrow := w.Fingerprint != "" || len(w.Digests) > 0 || len(w.ImageTags) > 0
		if narrow || w.Expired(today) || compiled.Of(i, &r) != HoldsSurely {
			continue
		}
		for _, rule := range w.Rules {
			if best, there := prevailing[rule]; !there || w.Until.After(c.Waivers[best].Until) {
				prevailing[rule] = i
			}
		}
	}
	return prevailing
}

// yields says which other waivers excuse the same findings in a waiver's place,
// because they hold longer.
func (c *Config) yields(i int, prevailing map[string]int) string {
	w := &c.Waivers[i]
	var to []string
	for _, rule := range w.Rules {
		best, there := prevailing[rule]
		if !there || best == i || w.Until.After(c.Waivers[best].Until) || w.Approved() && !c.Waivers[best].Approved() {
			continue
		}
		o := &c.Waivers[best]
		to = append(to, fmt.Sprintf("%s by %s, until %s", rule, o.at, Day(o.Until)))
	}
	if len(to) == 0 {
		return ""
	}
	return "which holds longest counts: findings of " + strings.Join(to, "; of ")
}
