package report

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// prometheus writes gauges in the text format that the node exporter's textfile
// collector reads. The last line makes it OpenMetrics as well; for the text
// format it is a comment.
//
// No series names a repository or an image: how many there are depends on rules,
// accounts and regions alone. None carries a timestamp, as the collector
// refuses the whole file for one; when the run judged is a gauge of its own.
type prometheus struct {
	out      output
	run      Run
	findings map[findingSeries]int
	gaps     map[gapSeries]int
	ends     map[string]time.Time // by rule, when the first of what is waived counts again
	total    int                  // of gaps
}

// findingSeries are the labels of ecraudit_findings, and gapSeries those of
// ecraudit_gaps. They hold printable text, so that two series differ in what
// is written.
type findingSeries struct{ rule, severity, status, account, region string }

type gapSeries struct{ account, region string }

func newPrometheus(w io.Writer) *prometheus {
	return &prometheus{out: newOutput(w), findings: make(map[findingSeries]int), gaps: make(map[gapSeries]int), ends: make(map[string]time.Time)}
}

// Begin makes the series that must be there though nothing is counted in them.
//
// Each active rule has one without account and region, for its severity and
// each status. They stay 0 unless a finding is on the organization, so they
// change no sum; but a sum over a rule gives 0 where it found nothing, and no
// data where it does not run. One for each account and region would say the
// same in as many times the series.
func (p *prometheus) Begin(run Run) error {
	p.run = run
	rules := run.Rules
	if run.Query != "" {
		rules = nil // what the query leaves out may not be 0
	}
	for _, rule := range rules {
		for _, status := range finding.Statuses() {
			p.findings[findingSeries{rule: shown(rule.ID), severity: rule.Severity.String(), status: string(status)}] = 0
		}
	}
	for _, target := range run.Targets {
		if target.Status != snapshot.StatusSkipped {
			p.gaps[gapSeries{shown(target.Account), shown(target.Region)}] = 0
		}
	}
	return nil
}

func (p *prometheus) Finding(f finding.Finding) error {
	p.findings[findingSeries{
		shown(f.Rule), f.Severity.String(), string(f.Status), shown(f.Account), shown(f.Region),
	}]++
	p.noteEnd(&f)
	return nil
}

func (p *prometheus) Gap(g snapshot.Gap) error {
	p.total++
	p.gaps[gapSeries{shown(g.Account), shown(g.Region)}]++
	return nil
}

func (p *prometheus) End(s Summary) error {
	p.family("ecraudit_complete", "Whether everything was read: 1, or 0 when anything was not.")
	u := unreadAfter(p.run, s, p.total)
	p.sample("ecraudit_complete", one(!u.any()))
	p.family("ecraudit_exit_code", "What the audit ended with: 0 clean, 2 findings at or above --fail-on, 3 incomplete or undecided.")
	p.sample("ecraudit_exit_code", int64(s.ExitCode))
	p.family("ecraudit_filtered", "Whether only findings that match a query are counted as findings: 1 or 0.")
	p.sample("ecraudit_filtered", one(p.run.Query != ""))
	p.family("ecraudit_findings", "Findings by rule, severity, status (fail, unknown or waived), account and region; no account and region for the organization, and for the 0 of each active rule.")
	for _, k := range slices.SortedFunc(maps.Keys(p.findings), findingSeries.compare) {
		p.sample("ecraudit_findings", int64(p.findings[k]),
			label{"rule", k.rule}, label{"severity", k.severity}, label{"status", k.status}, label{"account", k.account}, label{"region", k.region})
	}
	if s.Changes != nil {
		p.changes(s.Changes)
	}
	p.family("ecraudit_gaps", "What could not be read, by account and region; no region for an account as a whole.")
	for _, k := range slices.SortedFunc(maps.Keys(p.gaps), gapSeries.compare) {
		p.sample("ecraudit_gaps", int64(p.gaps[k]), label{"account", k.account}, label{"region", k.region})
	}
	p.family("ecraudit_images", "Images that were read.")
	p.sample("ecraudit_images", int64(s.Images))
	p.family("ecraudit_interrupted", "Whether the audit was stopped before its end: 1 or 0.")
	p.sample("ecraudit_interrupted", one(p.run.Interrupted))
	p.family("ecraudit_repositories", "Repositories that were read.")
	p.sample("ecraudit_repositories", int64(s.Repositories))
	if !p.run.Clock.IsZero() {
		p.family("ecraudit_run_timestamp_seconds", "The moment that the audit judged by, in seconds since 1970; that of the snapshot when one was audited.")
		p.sample("ecraudit_run_timestamp_seconds", p.run.Clock.Unix())
	}
	p.targets()
	p.waivers(s.Waivers)
	p.out.text("# EOF\n")
	return p.out.flush()
}

// changes compares with the baseline.
func (p *prometheus) changes(c *Changes) {
	p.family("ecraudit_findings_since_baseline", "Findings by what became of them since the baseline: fixed, known, new, not_seen (neither found nor judged again) or worsened.")
	for _, change := range []struct {
		name  string
		count int
	}{{"fixed", c.Fixed}, {"known", c.Known}, {"new", c.New}, {"not_seen", c.NotSeen}, {"worsened", c.Worsened}} {
		p.sample("ecraudit_findings_since_baseline", int64(change.count), label{"change", change.name})
	}
}

// targets counts the targets by status, each of which has its series.
func (p *prometheus) targets() {
	counts := make(map[snapshot.Status]int64)
	for _, target := range p.run.Targets {
		counts[target.Status]++
	}
	p.family("ecraudit_targets", "Accounts and regions by status: complete, partial (read, with gaps), failed or skipped.")
	for _, status := range []snapshot.Status{snapshot.StatusComplete, snapshot.StatusFailed, snapshot.StatusPartial, snapshot.StatusSkipped} {
		p.sample("ecraudit_targets", counts[status], label{"status", string(status)})
	}
}

// noteEnd notes when a waived finding counts again: at the end of the last day of
// its waiver.
func (p *prometheus) noteEnd(f *finding.Finding) {
	if f.Waiver == nil {
		return
	}
	last, err := time.Parse(time.DateOnly, f.Waiver.Until)
	if err != nil {
		return // the finding is counted, and nobody knows until when
	}
	rule, end := shown(f.Rule), last.AddDate(0, 0, 1)
	if known, there := p.ends[rule]; !there || end.Before(known) {
		p.ends[rule] = end
	}
}

// waivers says what became of the waivers, and when what they excuse counts again.
// The time is that of a rule, not of a waiver, so that the number of series does not
// follow from how many waivers there are.
func (p *prometheus) waivers(w *Waivers) {
	if len(p.ends) > 0 {
		p.family("ecraudit_waived_until_timestamp_seconds", "When the first waived finding of a rule counts again, in seconds since 1970: the end of the last day of its waiver.")
		for _, rule := range slices.Sorted(maps.Keys(p.ends)) {
			p.sample("ecraudit_waived_until_timestamp_seconds", p.ends[rule].Unix(), label{"rule", rule})
		}
	}
	if w == nil {
		return
	}
	tags := TagWaivers{}
	if w.Tags != nil {
		tags = *w.Tags
	}
	p.family("ecraudit_waivers", "Waivers by where they stand (file or tag) and state: in_force, or ended.")
	for _, of := range []struct {
		from, state string
		count       int
	}{{"file", "ended", w.Expired}, {"file", "in_force", w.InForce}, {"tag", "ended", tags.Expired}, {"tag", "in_force", tags.InForce}} {
		p.sample("ecraudit_waivers", int64(of.count), label{"from", of.from}, label{"state", of.state})
	}
	p.family("ecraudit_waivers_unmatched", "Waivers that excuse nothing, whether they are in force or have ended, by where they stand: file or tag.")
	p.sample("ecraudit_waivers_unmatched", int64(len(w.Unmatched)), label{"from", "file"})
	p.sample("ecraudit_waivers_unmatched", int64(tags.Unmatched), label{"from", "tag"})
}

// family begins the samples of one gauge.
func (p *prometheus) family(name, help string) {
	p.out.text("# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n")
}

// label is one of a sample; its value is printable.
type label struct{ name, value string }

// sample writes one sample.
func (p *prometheus) sample(name string, value int64, labels ...label) {
	p.out.text(name)
	separator := "{"
	for _, l := range labels {
		p.out.text(separator + l.name + `="` + labelEscaper.Replace(l.value) + `"`)
		separator = ","
	}
	if len(labels) > 0 {
		p.out.text("}")
	}
	p.out.text(" " + strconv.FormatInt(value, 10) + "\n")
}

// labelEscaper escapes what the text format wants escaped in a label's value.
var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func (a findingSeries) compare(b findingSeries) int {
	return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.severity, b.severity), cmp.Compare(a.status, b.status),
		cmp.Compare(a.account, b.account), cmp.Compare(a.region, b.region))
}

func (a gapSeries) compare(b gapSeries) int {
	return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.region, b.region))
}
