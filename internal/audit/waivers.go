package audit

import (
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// SeesAllRegions notes that all regions are read that the accounts have enabled.
func (a *Audit) SeesAllRegions(all bool) { a.allRegions = all }

// waivers says what became of the waivers, or nil where there can be none.
func (a *Audit) waivers(run report.Run) *report.Waivers {
	uses := a.engine.Waivers()
	tags, mayBeTags := a.engine.TagWaivers()
	if len(uses) == 0 && !mayBeTags {
		return nil
	}
	w := &report.Waivers{Files: []report.WaiverFile{}, Unmatched: []report.UnmatchedWaiver{}}
	for _, file := range a.engine.WaiverFiles() {
		w.Files = append(w.Files, report.WaiverFile{Path: file.Path, SHA256: file.SHA256, Waivers: file.Waivers})
	}
	if mayBeTags {
		w.Tags = &report.TagWaivers{InForce: tags.InForce, Expired: tags.Expired, Unmatched: tags.Unmatched, Invalid: tags.Invalid}
	}
	reach := a.reach(run)
	for _, use := range uses {
		if use.Expired {
			w.Expired++
		} else {
			w.InForce++
		}
		if reach != nil && use.Findings == 0 && !use.Doubted && use.Judged && reach.Within(use.Waiver) {
			w.Unmatched = append(w.Unmatched, report.UnmatchedWaiver{
				Source: use.Place().String(), Rules: use.Rules, Where: use.Where(), Expired: use.Expired,
			})
		}
	}
	return w
}

// reach is what the run looked at, or nil where rules did not judge all that was
// read: then what excused nothing may have something to excuse.
func (a *Audit) reach(run report.Run) *config.Reach {
	if run.Interrupted || a.engine.Failures() > 0 || a.engine.Doubted() {
		return nil
	}
	reach := &config.Reach{
		Accounts: a.engine.Accounts(), Everyone: config.Everyone(a.organization), AllRegions: a.allRegions,
		Read: map[string][]string{}, Unread: map[string][]string{},
	}
	for _, t := range a.targets {
		of := reach.Unread
		if t.Status == snapshot.StatusComplete {
			of = reach.Read
		}
		of[t.Account] = append(of[t.Account], t.Region)
	}
	return reach
}
