package main

import (
	"fmt"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// waiverWarnings warns of waivers that excuse nothing.
type waiverWarnings struct{ messages *messages }

// Begin is told what ran.
func (*waiverWarnings) Begin(report.Run) error { return nil }

// Finding is told a finding.
func (*waiverWarnings) Finding(finding.Finding) error { return nil }

// Gap is told what could not be read.
func (*waiverWarnings) Gap(snapshot.Gap) error { return nil }

// End is told what became of the waivers.
func (w *waiverWarnings) End(s report.Summary) error {
	if s.Waivers == nil {
		return nil
	}
	for _, u := range s.Waivers.Unmatched {
		w.messages.warn(fmt.Sprintf("the waiver %s excuses nothing: there is no finding of %s (%s); remove it", u.Source, strings.Join(u.Rules, ", "), u.Where))
	}
	if tags := s.Waivers.Tags; tags != nil && tags.Unmatched > 0 {
		w.messages.warn(plural(tags.Unmatched, "resource tag excuses nothing", "resource tags excuse nothing") + ": there is no finding of their rules on their repositories; remove them")
	}
	return nil
}
