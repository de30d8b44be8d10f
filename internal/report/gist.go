package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// gist is what every report for people says about a run as a whole. Its size
// is that of the organization's accounts, not of their repositories.
type gist struct {
	run   Run
	names map[string]string // of accounts, by id; Printable
	gaps  gapList
}

func (g *gist) know(run Run) {
	g.run = run
	g.names = make(map[string]string)
	for _, target := range run.Targets {
		if target.AccountName != "" {
			g.names[target.Account] = Printable(target.AccountName)
		}
	}
}

// rule describes the rule with this id, as far as the run does.
func (g *gist) rule(id string) finding.Rule {
	for _, r := range g.run.Rules {
		if r.ID == id {
			return r
		}
	}
	return finding.Rule{ID: id}
}

// controls are those of the run's framework that a rule answers to, in the
// rule's order. There are none where rules were not chosen by a framework.
func (g *gist) controls(rule finding.Rule) []string {
	if g.run.Framework == "" {
		return nil
	}
	return rule.Frameworks[g.run.Framework]
}

// audited says how much was looked at: "8 of 10 targets (4 accounts, …".
func (g *gist) audited() string {
	accounts, regions := make(map[string]bool), make(map[string]bool)
	wanted, read, repositories, images := 0, 0, 0, 0
	for _, target := range g.run.Targets {
		repositories += target.Repositories
		images += target.Images
		if target.Status == snapshot.StatusSkipped {
			continue
		}
		wanted++
		if target.Status == snapshot.StatusFailed {
			continue
		}
		read++
		accounts[target.Account] = true
		regions[target.Region] = true
	}
	targets := count(read, "target", "targets")
	if read < wanted {
		targets = fmt.Sprintf("%s of %s", number(read), count(wanted, "target", "targets"))
	}
	return fmt.Sprintf("%s (%s, %s), %s, %s", targets,
		count(len(accounts), "account", "accounts"), count(len(regions), "region", "regions"),
		count(repositories, "repository", "repositories"), count(images, "image", "images"))
}

// found is the verdict, with words for a report that has only those findings
// that match a query: of the others it says nothing.
func (g *gist) found(s Summary, complete bool) []span {
	spans := verdict(s, complete)
	switch {
	case g.run.Query == "":
	case s.Findings == 0:
		spans[0] = span{"No findings match the query", plain}
	default:
		spans[0].text = count(s.Findings, "finding matches the query", "findings match the query")
	}
	return spans
}

// sinceBaseline compares the run as a whole with its baseline.
func (g *gist) sinceBaseline(c *Changes) []span {
	name := "the baseline"
	if g.run.Baseline != nil {
		name += " " + Printable(g.run.Baseline.Name)
	}
	begin := "Since "
	if g.run.Query != "" {
		begin = "Of all findings, since "
	}
	spans := []span{
		{begin + name + ": ", plain},
		{number(c.New) + " new", boldIf(c.New > 0)}, {", ", plain},
		{number(c.Worsened) + " worsened", boldIf(c.Worsened > 0)},
		{", " + number(c.Known) + " known, " + number(c.Fixed) + " fixed", plain},
	}
	if c.NotSeen > 0 {
		spans = append(spans, span{", ", plain}, span{number(c.NotSeen) + " not seen again", alarm},
			span{", for they were not judged this time", plain})
	}
	return append(spans, span{".", plain})
}

func boldIf(yes bool) style {
	if yes {
		return bold
	}
	return plain
}

// verdict says what was found: "23 findings: 2 critical, 18 high; 3 unknown."
func verdict(s Summary, complete bool) []span {
	if s.Findings == 0 {
		look := green
		if !complete {
			look = plain
		}
		return []span{{"No findings", look}, {fmt.Sprintf(" in %s and %s of %s. ",
			count(s.Repositories, "repository", "repositories"), count(s.Images, "image", "images"),
			count(s.Targets, "target", "targets")), plain}}
	}
	unknown, waived := 0, 0
	var severities, parts []string
	for _, severity := range finding.Severities() {
		c := s.BySeverity[severity.String()]
		unknown += c.Unknown
		waived += c.Waived
		if c.Fail > 0 {
			severities = append(severities, number(c.Fail)+" "+severity.String())
		}
	}
	if len(severities) > 0 {
		parts = append(parts, strings.Join(severities, ", "))
	}
	if unknown > 0 {
		parts = append(parts, number(unknown)+" unknown")
	}
	if waived > 0 {
		parts = append(parts, number(waived)+" waived")
	}
	details := ": " + strings.Join(parts, "; ") + ". "
	switch s.Findings {
	case unknown:
		details = ", all unknown. "
	case waived:
		details = ", all waived. "
	}
	look := bold
	if s.Failing > 0 {
		look = alarm
	}
	return []span{{count(s.Findings, "finding", "findings"), look}, {details, plain}}
}

// coverage says whether everything was read.
func (g *gist) coverage(s Summary, complete bool) []span {
	switch {
	case !complete:
		why := []string{"something was not read"}
		if gaps := max(s.Gaps, g.gaps.total); gaps > 0 {
			why[0] = count(gaps, "gap", "gaps")
		}
		if g.run.Interrupted {
			why = append(why, "interrupted")
		}
		return []span{{"NOT complete", alarm}, {": " + strings.Join(why, ", ") + ". ", plain}}
	case s.Repositories == 0:
		return []span{{"There is no repository. ", bold}}
	case g.run.OrganizationUnread != "":
		return []span{{"Everything was read but the organization. ", plain}}
	default:
		return []span{{"Everything was read. ", plain}}
	}
}

// complete reports whether nothing that the table saw was left unread.
func (g *gist) complete() bool {
	u := unreadOf(g.run)
	u.gaps = g.gaps.total
	return !u.any()
}

// unread groups the targets of one status by their reason.
func (g *gist) unread(status snapshot.Status) []unreadTargets {
	var groups []unreadTargets
	for _, target := range g.run.Targets {
		if target.Status != status {
			continue
		}
		reason := Printable(cmp.Or(target.Reason, "no reason given"))
		i := slices.IndexFunc(groups, func(g unreadTargets) bool { return g.reason == reason })
		if i < 0 {
			i = len(groups)
			groups = append(groups, unreadTargets{reason: reason})
		}
		groups[i].targets = append(groups[i].targets, target)
	}
	return groups
}
