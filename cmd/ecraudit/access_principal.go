package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// whereabouts is one row of the reversed question.
type whereabouts struct {
	Account    string `json:"account"`
	Region     string `json:"region"`
	Repository string `json:"repository"`
	access.Answer
}

// asker asks of every repository whether a wish comes true there.
type asker struct {
	wish   access.Wish
	config *config.Config

	accounts *config.Accounts

	mu           sync.Mutex
	organization snapshot.Organization
	rows         []whereabouts
	unread       []snapshot.Gap
}

func (a *asker) Begin(o snapshot.Organization) error {
	a.organization, a.accounts = o, config.NewAccounts(o)
	return nil
}

func (*asker) Registry(context.Context, *snapshot.Registry) error { return nil }

func (a *asker) Repository(_ context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	resource := a.accounts.Repository(r)
	settings := a.config.For(resource)
	documents, at := accessOf(a.organization, reg, r, settings)
	row := whereabouts{Account: r.Account, Region: r.Region, Repository: r.Name}
	if gap := r.Gap(snapshot.NeedPolicy); gap != nil {
		row.Answer = access.Answer{Answer: "unknown", Reason: "the policy could not be read: " + gap.Code + ": " + gap.Message}
	} else {
		row.Answer = access.Ask(documents, at, a.wish)
	}
	if row.Conditions == nil {
		row.Conditions = []string{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows = append(a.rows, row)
	if why := a.config.Undecided(resource); why != "" {
		a.unread = append(a.unread, undecidedGap(r, why))
	}
	a.unread = append(a.unread, r.Gaps...)
	return nil
}

func (a *asker) Done(t snapshot.TargetResult) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unread = append(a.unread, t.Gaps...)
	return nil
}

// ofPrincipal answers where a principal can do something.
func (f *accessFlags) ofPrincipal(command *cobra.Command, s streams) error {
	for _, name := range []string{"account", "region"} {
		if onCommandLine(command.Flags(), name) {
			return fmt.Errorf("--%s is for one repository: with --principal use --%ss", name, name)
		}
	}
	if err := f.check(command); err != nil {
		return err
	}
	wish, err := access.NewWish(f.principal, f.action)
	if err != nil {
		return fmt.Errorf("--principal, --action: %w", err)
	}
	c, err := f.load(command.Context(), messagesOf(s.err))
	if err != nil {
		return err
	}
	asked := &asker{wish: wish, config: c, rows: []whereabouts{}}
	needs := []snapshot.Need{snapshot.NeedPolicy, snapshot.NeedRegistryPolicy, snapshot.NeedAccountSettings}
	needs = append(needs, c.Needs()...)
	if err := f.visit(command.Context(), c, needs, s, asked); err != nil {
		return err
	}
	slices.SortFunc(asked.rows, func(a, b whereabouts) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Repository, b.Repository))
	})
	if f.format == "json" {
		err = writeJSON(s.out, asked.rows)
	} else {
		err = asked.show(f.principal, f.action, s)
	}
	if err != nil || len(asked.unread) == 0 {
		return err
	}
	messagesOf(s.err).notRead(asked.unread)
	return exit(audit.ExitIncomplete)
}

// show lists where the answer is yes or unknown, and counts the rest.
func (a *asker) show(principal, action string, s streams) error {
	sheet := newSheet(s)
	sheet.say("", "", "Where can %s %s? Of the resource policies of %d repositories:", principal, action, len(a.rows))
	counts := map[string]int{}
	for _, answer := range []string{"yes", "unknown"} {
		for _, row := range a.rows {
			if row.Answer.Answer != answer {
				continue
			}
			counts[answer]++
			sheet.say("", fmt.Sprintf("%-7s  ", answer), "%s/%s/%s: %s%s", row.Account, row.Region, row.Repository, row.Reason, statementPlace(row.Answer))
			if len(row.Conditions) > 0 {
				sheet.say("         ", "", "if %s", strings.Join(row.Conditions, " and "))
			}
		}
	}
	sheet.gap()
	sheet.say("", "", "%d yes, %d unknown, %d no.", counts["yes"], counts["unknown"], len(a.rows)-counts["yes"]-counts["unknown"])
	sheet.say("", "", "In its own account (%s) an identity policy can give a principal what no resource policy does; in every other account an identity policy must allow it, too.", a.wish.Account())
	return sheet.writeTo(s.out)
}

func statementPlace(a access.Answer) string {
	if a.Statement == "" {
		return ""
	}
	return fmt.Sprintf(" (statement %s of the %s)", a.Statement, strings.ReplaceAll(a.Source, "-", " "))
}
