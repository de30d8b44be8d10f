package portrait

import (
	"time"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/report"
)

const (
	day         = 24 * time.Hour
	horizonDays = 90
	mostDues    = 120
)

func drawLifecycle(e *evaluate.Evidence, at time.Time) *report.DetailLifecycle {
	known := e.Lifecycle
	d := &report.DetailLifecycle{Present: e.Repository.Lifecycle != "", Problems: known.Problems}
	switch {
	case known.Policy != nil:
		d.Rules = known.Policy.Describe()
		d.Problems = append(d.Problems, known.Policy.Doubts()...)
		for _, insight := range known.Insights {
			d.Problems = append(d.Problems, insight.Message)
		}
		if e.ImagesRead {
			drawTimeline(d, known.Policy.Timeline(known.Images, at, horizonDays), at)
		}
	case !d.Present && e.ImagesRead:
		d.Horizon, d.Stay = at.Add(horizonDays*day).UTC(), len(e.Repository.Images)
	}
	return d
}

func drawTimeline(d *report.DetailLifecycle, timeline lifecycle.Timeline, at time.Time) {
	d.Horizon, d.Stay, d.Undecided = timeline.Until.UTC(), timeline.Stay, timeline.Undecided
	d.Timeline = joinDues(timeline.Due, at, 1)
	for days := 2; len(d.Timeline) > mostDues; days++ {
		d.Timeline = joinDues(timeline.Due, at, days)
	}
}

// joinDues puts together what one rule acts on within so many days, at the first
// of them. What is due now is never put together with what is not.
func joinDues(dues []lifecycle.Due, at time.Time, days int) (joined []report.DetailDue) {
	type span struct{ rule, number int }
	places := map[span]int{}
	for _, due := range dues {
		number := 0
		if after := int(due.At.Sub(at) / day); after > 0 {
			number = 1 + (after-1)/days
		}
		place, there := places[span{due.Rule, number}]
		if !there {
			places[span{due.Rule, number}] = len(joined)
			joined = append(joined, report.DetailDue{
				At: due.At.UTC(), Rule: due.Rule, Action: actionWord(due.Action), Images: due.Images, Bytes: due.Bytes, Tags: due.Tags,
			})
			continue
		}
		joined[place].Images += due.Images
		joined[place].Bytes += due.Bytes
		if len(joined[place].Tags) == 0 {
			joined[place].Tags = due.Tags
		}
	}
	return joined
}

func actionWord(action string) string {
	if action == lifecycle.Transition {
		return "archive"
	}
	return "expire"
}
