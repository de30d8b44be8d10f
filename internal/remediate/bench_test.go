package remediate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

const (
	benchAccounts     = 20
	benchRepositories = 50 // in each account, with one change each
	benchLatency      = 20 * time.Millisecond
	benchConcurrency  = 64
)

// benchWorld is an organization in which every repository needs a resource tag,
// a policy or its scanning flag.
func benchWorld(b *testing.B) *world {
	b.Helper()
	org := awssim.NewOrganization(awssim.OrganizationOptions{ID: "o-a1b2c3d4e5", ManagementAccount: management, IgnorePulls: true})
	for i := range benchAccounts {
		id := fmt.Sprintf("5%011d", i)
		org.AddAccount(awssim.Account{ID: id, Name: "member", Roles: []awssim.Role{{Name: readRole}, {Name: fixRole}}})
		for j := range benchRepositories {
			org.Account(id).Registry(region).AddRepository(sound(fmt.Sprintf("team/service-%d", j), func(r *awssim.Repository) {
				r.Images = nil
				switch j % 3 {
				case 0:
					r.Tags = nil
				case 1:
					r.Policy = ""
				case 2:
					r.ScanOnPush = false
				}
			}))
		}
	}
	server := awssim.Start(org, awssim.Options{AnySignature: true})
	b.Cleanup(server.Close)
	return &world{t: b, org: org, server: server, config: settings, now: awssim.Epoch}
}

// BenchmarkApply applies 1,000 changes over 20 accounts at 20 ms a call, and
// tells the time as a ratio to the limit, calls × latency ÷ concurrency.
func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := benchWorld(b)
		plan := w.plan(remediate.Filter{})
		j := newJournal(b)
		w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Delay: benchLatency})
		o := w.options(j, benchConcurrency)
		o.MaxErrors, o.Places = 10, 2*benchConcurrency // as the command line has them
		w.server.ResetCalls()
		b.StartTimer()
		began := time.Now()
		s, err := remediate.Apply(context.Background(), o, plan, plan.Changes)
		took := time.Since(began)
		b.StopTimer()
		if err != nil || s.Tally[remediate.Applied] != len(plan.Changes) {
			b.Fatalf("%v: %v of %d changes", err, s.Tally, len(plan.Changes))
		}
		calls := w.server.Calls().Total().Calls
		limit := time.Duration(calls) * benchLatency / benchConcurrency
		b.ReportMetric(float64(len(plan.Changes)), "changes")
		b.ReportMetric(float64(calls), "calls")
		b.ReportMetric(took.Seconds()/limit.Seconds(), "x-limit")
		b.StartTimer()
	}
}
