package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// gapList counts gaps by what is missing where and why, in the order of their
// first appearance. Its size is that of the organization's accounts, not of
// their repositories.
type gapList struct {
	total  int
	groups []*gapGroup
	index  map[gapKey]*gapGroup
}

type gapKey struct {
	account, operation, code, permission string
	need                                 snapshot.Need
}

type gapGroup struct {
	gapKey
	first   snapshot.Gap
	count   int
	regions []string
}

func (l *gapList) add(g snapshot.Gap) {
	l.total++
	key := gapKey{g.Account, g.Operation, g.Code, g.Permission, g.Need}
	if g.Operation != "" {
		key.need = "" // one operation may serve several
	}
	group := l.index[key]
	if group == nil {
		group = &gapGroup{gapKey: key, first: g}
		if l.index == nil {
			l.index = make(map[gapKey]*gapGroup)
		}
		l.index[key] = group
		l.groups = append(l.groups, group)
	}
	group.count++
	if g.Region != "" && !slices.Contains(group.regions, g.Region) {
		group.regions = append(group.regions, g.Region)
	}
}

// notRead writes the gaps, and the targets that failed or were skipped.
func (t *table) notRead() {
	failed, skipped := t.unread(snapshot.StatusFailed), t.unread(snapshot.StatusSkipped)
	if t.gaps.total > 0 || len(failed) > 0 || t.run.Interrupted {
		t.out.text("\n")
		head := []span{{"NOT READ", alarm}}
		if t.gaps.total > 0 {
			head = append(head, span{"  " + count(t.gaps.total, "gap", "gaps") + ": what depends on them is unknown", plain})
		}
		t.write(span{}, 4, head...)
	}
	if t.run.Interrupted {
		t.write(span{"  ", plain}, 6, span{"The audit was interrupted: what was not reached by then is missing here.", plain})
	}
	for _, f := range failed {
		t.write(span{"  ", plain}, 6, append(t.accounts(f), span{": nothing could be read: " + f.reason, plain})...)
	}
	for _, g := range t.gaps.groups {
		t.gap(g)
	}
	if len(skipped) > 0 {
		t.out.text("\n")
		t.write(span{}, 4, span{"SKIPPED", bold}, span{"  on purpose, not judged", plain})
		for _, s := range skipped {
			t.write(span{"  ", plain}, 6, append([]span{{s.reason + ": ", plain}}, t.accounts(s)...)...)
		}
	}
}

func (t *table) gap(g *gapGroup) {
	repository, region := "", g.first.Region
	if g.count == 1 {
		repository = g.first.Repository
	} else if len(g.regions) > 1 {
		region = ""
	}
	spans := append(t.place(g.account, region, repository), span{": ", dim})
	what := cmp.Or(g.operation, string(g.first.Need))
	if g.count == 1 && g.first.Digest != "" {
		what += " of " + imageName(&finding.Finding{Digest: g.first.Digest})
	}
	spans = append(spans, span{Printable(what) + ": " + Printable(g.code), plain})
	if g.count > 1 {
		times := fmt.Sprintf(", %s times", number(g.count))
		if len(g.regions) > 1 {
			times += " in " + Printable(strings.Join(g.regions, ", "))
		}
		if g.first.Repository != "" {
			times += ", e.g. " + Printable(g.first.Region+"/"+g.first.Repository)
		}
		spans = append(spans, span{times, plain})
	}
	if g.permission != "" {
		spans = append(spans, span{"; the role needs ", plain}, span{Printable(g.permission), bold})
	} else if g.first.Message != "" {
		spans = append(spans, span{": " + Printable(g.first.Message), plain})
	}
	t.write(span{"? ", purple}, 6, spans...)
}

// unreadTargets is the targets of one status that share a reason.
type unreadTargets struct {
	reason  string
	targets []Target
}

// maxTargets is how many targets a line for many names.
const maxTargets = 10

func (t *table) accounts(g unreadTargets) []span {
	var spans []span
	for i, target := range g.targets {
		if i == maxTargets && !t.all {
			return append(spans, span{fmt.Sprintf(" and %s more", number(len(g.targets)-i)), plain})
		}
		if i > 0 {
			spans = append(spans, span{", ", plain})
		}
		spans = append(spans, t.place(target.Account, target.Region, "")...)
	}
	return spans
}
