package main

import (
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// waiverWarnings warns of waivers that excuse nothing.
type waiverWarnings struct{ messages *messages }

// warnOfIdleWaivers warns of waivers that another makes needless.
func warnOfIdleWaivers(c *config.Config, s streams) {
	for _, warning := range c.Idle(s.clock()) {
		messagesOf(s.err).warn(warning.String())
	}
}

// warnOfNeedlessWaivers warns of waivers of one finding that the run saw another
// excuse in their place.
func warnOfNeedlessWaivers(engine *evaluate.Engine, m *messages) {
	for _, warning := range engine.NeedlessWaivers() {
		m.warn(warning.String())
	}
}

// Begin is told what ran.
func (*waiverWarnings) Begin(report.Run) error { return nil }

// Finding is told a finding.
func (*waiverWarnings) Finding(finding.Finding) error { return nil }

// Gap is told what could not be read.
func (*waiverWarnings) Gap(snapshot.Gap) error { return nil }

// End is told what became of the waivers.
func (w *waiverWarnings) End(s report.Summary) error {
	for _, warning := range s.Waivers.Warnings() {
		w.messages.warn(warning.Text)
	}
	return nil
}
