package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// unread counts what a command needed and could not be read, by what is missing
// in which account and why. It does not grow with the number of repositories.
type unread struct {
	needs []snapshot.Need

	mu     sync.Mutex
	groups map[unreadKey]*unreadGroup
}

type unreadKey struct {
	account, operation, code, permission string
	need                                 snapshot.Need
}

// unreadGroup is gaps of one kind, with the first of them in order of place.
type unreadGroup struct {
	snapshot.Gap
	Count int `json:"count"`
}

func newUnread(needs []snapshot.Need) *unread {
	return &unread{needs: append(slices.Clone(needs), snapshot.NeedRepositories), groups: map[unreadKey]*unreadGroup{}}
}

// add counts those of the gaps that concern the command.
func (u *unread) add(gaps []snapshot.Gap) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, g := range gaps {
		if !slices.Contains(u.needs, g.Need) {
			continue
		}
		key := unreadKey{g.Account, g.Operation, g.Code, g.Permission, g.Need}
		group := u.groups[key]
		if group == nil {
			group = &unreadGroup{Gap: g}
			u.groups[key] = group
		}
		group.Count++
		if compareGaps(g, group.Gap) < 0 {
			group.Gap = g
		}
	}
}

// undecidedGap stands for not knowing which settings hold for a repository.
func undecidedGap(r *snapshot.Repository, why string) snapshot.Gap {
	return snapshot.Gap{Target: r.Target, Repository: r.Name, Need: snapshot.NeedRepositories, Code: "Undecided", Message: why}
}

func compareGaps(a, b snapshot.Gap) int {
	return cmp.Or(a.Target.Compare(b.Target), strings.Compare(a.Repository, b.Repository), strings.Compare(a.Digest, b.Digest),
		cmp.Compare(a.Need, b.Need), strings.Compare(a.Operation, b.Operation), strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message))
}

// sorted returns the groups in order of place.
func (u *unread) sorted() []unreadGroup {
	groups := make([]unreadGroup, 0, len(u.groups))
	for _, g := range u.groups {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b unreadGroup) int { return compareGaps(a.Gap, b.Gap) })
	return groups
}

// String says what is missing, as text that a terminal can show.
func (g unreadGroup) String() string {
	place := g.Account
	if g.Count == 1 && g.Region != "" {
		place += "/" + g.Region
	}
	if g.Count == 1 && g.Repository != "" {
		place += "/" + g.Repository
	}
	text := fmt.Sprintf("%s: %s: %s", place, cmp.Or(g.Operation, string(g.Need)), g.Code)
	if g.Count > 1 {
		text += fmt.Sprintf(", %d times, e.g. %s", g.Count, strings.TrimSuffix(g.Region+"/"+g.Repository, "/"))
	}
	if g.Permission != "" {
		text += "; the role needs " + g.Permission
	} else if g.Message != "" {
		text += ": " + g.Message
	}
	return report.Printable(text)
}
