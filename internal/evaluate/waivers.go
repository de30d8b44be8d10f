package evaluate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// waiverRules are the rules of the engine itself: they judge waivers, which no
// rule in Rego sees. They are active where there are waivers.
func waiverRules() []*Rule {
	return []*Rule{
		{Rule: finding.Rule{
			ID: finding.WaiverExpired, Severity: finding.Medium, Scope: finding.ScopeRepository,
			Title:       "No waiver has ended while what it excused is still there",
			Description: "Finds waivers whose last day is over and that would excuse findings if it were not. Those findings count again.",
			Why:         "A waiver is a promise to mend something by a day. One that ended unnoticed is either a promise that was not kept or a risk that nobody decided to keep.",
			Remediation: "Mend what it excused and remove the waiver, or decide anew and set its until to a day to come.",
		}, builtin: true, engine: true},
		{Rule: finding.Rule{
			ID: finding.WaiverInvalid, Severity: finding.Medium, Scope: finding.ScopeRepository,
			Title:       "Waivers can excuse what they are for",
			Description: "Finds waivers that excuse nothing although they are for a finding: they lack the approval that its severity takes, or are resource tags that cannot be read as a waiver, hold for too long or stand where tags may not excuse. It cannot tell where it is not known whether a waiver is for a finding.",
			Why:         "Who wrote the waiver believes that the finding is excused. It is not, and somebody must know.",
			Remediation: "Write the waiver as its message says, or remove it.",
		}, builtin: true, engine: true},
	}
}

func waiverRuleIDs() []string { return []string{finding.WaiverExpired, finding.WaiverInvalid} }

// waiving excuses findings. Its counters are those of what was really judged, not
// of what is only imagined.
type waiving struct {
	*config.Waivers
	clock time.Time
	known []string // ids of all rules
	chose []string // ids of those that were chosen among them
	used  []waiverCount
	tags  tagCounts
}

// waiverCount is what became of a waiver.
type waiverCount struct {
	findings atomic.Int64 // that it excuses, or would if it had not ended or were approved
	doubted  atomic.Bool  // it was not known whether it is for some finding
	decided  atomic.Bool  // it excused some finding, and not another in its place
	lostTo   atomic.Int64 // 1 + the number of one that excused a finding in its place
}

// tagCounts are numbers of waivers that are resource tags.
type tagCounts struct{ inForce, expired, unmatched, invalid atomic.Int64 }

func newWaiving(c *config.Config, rules *Rules, clock time.Time) *waiving {
	w := &waiving{Waivers: c.CompileWaivers(), clock: clock, known: rules.known, chose: rules.IDs()}
	if w.known == nil {
		w.known = w.chose
	}
	w.used = make([]waiverCount, w.Len())
	return w
}

// excusing decides over the findings on one resource.
type excusing struct {
	*waiving
	resource   config.Resource
	repository *snapshot.Repository // nil for a registry or the organization
	counts     bool
	guessed    bool // how severe a finding is depends on what is not known

	byTags      bool   // whether tags of the repository can excuse
	byTagsDoubt string // why that is not known; empty where it is

	verdicts []asked // of each waiver
	tags     []tagWaiver
	byDigest map[string][]string // tags of images, once somebody asks
	troubles map[trouble]*troubled
}

// asked is a verdict, once it is known.
type asked struct {
	known   bool
	verdict config.Holds
}

// trouble is a waiver that does not excuse something, by its place in the order
// of waivers, and why.
type trouble struct {
	waiver int // -1-i for the tag i
	kind   troubleKind
}

type troubleKind int8

const (
	expired troubleKind = iota
	unapproved
	doubtful
)

// troubled are the findings that a waiver does not excuse.
type troubled struct {
	findings int
	rules    []string
}

func (t *troubled) add(f *finding.Finding) {
	t.findings++
	if !slices.Contains(t.rules, f.Rule) {
		t.rules = append(t.rules, f.Rule)
	}
}

// tagWaiver is a resource tag that excuses.
type tagWaiver struct {
	config.TagWaiver
	key, rule string
	mistake   string // why it cannot excuse; empty where it can
	used      bool
}

// waive marks the findings that are excused, and returns them with what is wrong
// with waivers.
func (j *judgement) waive(findings []finding.Finding, resource config.Resource, counts bool) []finding.Finding {
	w := j.engine.waiving
	if w == nil || len(findings) == 0 && !w.ByTags {
		return findings
	}
	e := &excusing{waiving: w, resource: resource, repository: j.repository, counts: counts, guessed: j.guessed, troubles: map[trouble]*troubled{}}
	if w.ByTags && j.repository != nil {
		e.byTags, e.byTagsDoubt = j.engine.config.WaivedByTags(resource)
		e.readTags(j.settings)
	}
	for i := range findings {
		e.excuse(&findings[i])
	}
	e.countTags()
	if len(e.troubles) == 0 && !slices.ContainsFunc(e.tags, func(t tagWaiver) bool { return t.mistake != "" }) && !e.tagsUnread(findings) {
		return findings
	}
	about := &judgement{engine: j.engine, target: j.target, repository: j.repository, settings: j.settings}
	e.complain(about, findings)
	all := slices.Concat(findings, about.finish())
	slices.SortStableFunc(all, func(a, b finding.Finding) int { return cmp.Compare(a.Rule, b.Rule) })
	return all
}

// excuse marks a finding where a waiver holds: the one that holds longest, and of
// those the first.
func (e *excusing) excuse(f *finding.Finding) {
	best, until := -1, time.Time{}
	var others []trouble
	var ofOne []int // that hold, and are for this finding alone
	e.For(f, func(i int) {
		verdict := e.of(i)
		if verdict == config.HoldsNot || !e.OfImage(i, f, e.tagsOf) {
			return
		}
		w := e.At(i)
		if e.counts {
			e.count(i, verdict)
		}
		switch {
		case verdict == config.HoldsUnsure:
			if !w.Expired(e.clock) {
				others = append(others, trouble{i, doubtful})
			}
		case w.Expired(e.clock):
			others = append(others, trouble{i, expired})
		case e.takesApproval(f) && !w.Approved():
			others = append(others, trouble{i, unapproved})
		default:
			if w.Fingerprint != "" {
				ofOne = append(ofOne, i)
			}
			if best < 0 || w.Until.After(until) || w.Until.Equal(until) && i < best {
				best, until = i, w.Until
			}
		}
	})
	tag := e.tagFor(f, until, &others)
	if e.counts {
		e.compete(ofOne, best, tag)
	}
	switch {
	case tag != nil:
		mark(f, finding.Waiver{Reason: tag.Reason, Owner: tag.Owner, Ticket: tag.Ticket, Until: config.Day(tag.Until), Source: finding.SourceTag(tag.key)})
	case best >= 0:
		w := e.At(best)
		mark(f, finding.Waiver{Reason: w.Reason, Owner: w.Owner, Ticket: w.Ticket, Until: config.Day(w.Until), Source: w.Place().String()})
	default:
		e.note(f, others)
	}
}

func (e *excusing) count(i int, verdict config.Holds) {
	if verdict == config.HoldsSurely {
		e.used[i].findings.Add(1)
	} else {
		e.used[i].doubted.Store(true)
	}
}

// compete notes which waivers of one finding decided, and which another displaced.
func (e *excusing) compete(ofOne []int, best int, tag *tagWaiver) {
	for _, i := range ofOne {
		if i == best || tag != nil {
			e.used[i].decided.Store(true)
		} else {
			e.used[i].lostTo.Store(int64(best) + 1)
		}
	}
}

func mark(f *finding.Finding, w finding.Waiver) {
	w.Verdict = f.Status
	f.Status, f.Waiver = finding.Waived, &w
}

func (e *excusing) note(f *finding.Finding, others []trouble) {
	for _, t := range others {
		of := e.troubles[t]
		if of == nil {
			of = &troubled{}
			e.troubles[t] = of
		}
		of.add(f)
	}
}

func (e *excusing) takesApproval(f *finding.Finding) bool {
	return e.Waiving.TakesApproval(f.Severity) || e.guessed && e.Waiving.Approval != nil
}

// of remembers whether a waiver is for the resource.
func (e *excusing) of(i int) config.Holds {
	if e.verdicts == nil {
		e.verdicts = make([]asked, e.Len())
	}
	if !e.verdicts[i].known {
		e.verdicts[i] = asked{true, e.Of(i, &e.resource)}
	}
	return e.verdicts[i].verdict
}

// tagsOf are the tags of an image of the repository.
func (e *excusing) tagsOf(digest string) []string {
	if e.byDigest == nil {
		e.byDigest = map[string][]string{}
		if e.repository != nil {
			for i := range e.repository.Images {
				e.byDigest[e.repository.Images[i].Digest] = e.repository.Images[i].Tags
			}
		}
	}
	return e.byDigest[digest]
}

// readTags reads the repository's tags that excuse, by their keys.
func (e *excusing) readTags(settings *config.Effective) {
	for _, key := range slices.Sorted(maps.Keys(e.repository.Tags)) {
		rule, ours := strings.CutPrefix(key, config.TagWaiverPrefix)
		if !ours {
			continue
		}
		t := tagWaiver{key: key, rule: rule}
		var err error
		t.TagWaiver, err = config.ParseTagWaiver(e.repository.Tags[key])
		switch {
		case !e.byTags && e.byTagsDoubt == "":
			t.mistake = fmt.Sprintf("repositories cannot be excused by tags here (waiving.tags, %s)", settings.Origin("waiving.tags"))
		case !slices.Contains(e.known, rule):
			t.mistake = fmt.Sprintf("there is no rule %q%s", rule, didYouMean(rule, e.known))
		case rule == finding.WaiverExpired || rule == finding.WaiverInvalid:
			t.mistake = "what is wrong with waivers cannot be waived"
		case err != nil:
			t.mistake = err.Error()
		default:
			t.mistake = e.Waiving.TooFar(t.Until, e.clock)
		}
		e.tags = append(e.tags, t)
	}
}

// tagFor is the tag that excuses a finding for longer than until, or nil.
func (e *excusing) tagFor(f *finding.Finding, until time.Time, others *[]trouble) *tagWaiver {
	for i := range e.tags {
		t := &e.tags[i]
		if t.rule != f.Rule || t.mistake != "" {
			continue
		}
		t.used = true
		switch {
		case e.byTagsDoubt != "":
			*others = append(*others, trouble{-1 - i, doubtful})
		case config.DayOf(e.clock).After(t.Until):
			*others = append(*others, trouble{-1 - i, expired})
		case e.takesApproval(f): // whoever can set the tag would approve of himself
			*others = append(*others, trouble{-1 - i, unapproved})
		case t.Until.After(until):
			return t
		}
	}
	return nil
}

func (e *excusing) countTags() {
	if !e.counts {
		return
	}
	for i := range e.tags {
		t := &e.tags[i]
		switch {
		case t.mistake != "":
			e.waiving.tags.invalid.Add(1)
			continue
		case e.byTagsDoubt != "":
			continue
		}
		if config.DayOf(e.clock).After(t.Until) {
			e.waiving.tags.expired.Add(1)
		} else {
			e.waiving.tags.inForce.Add(1)
		}
		if !t.used {
			e.waiving.tags.unmatched.Add(1)
		}
	}
}

// tagsUnread reports whether findings may be excused by tags that could not be
// read.
func (e *excusing) tagsUnread(findings []finding.Finding) bool {
	return (e.byTags || e.byTagsDoubt != "") && e.repository.Gap(snapshot.NeedTags) != nil && slices.ContainsFunc(findings, isOpen)
}

func isOpen(f finding.Finding) bool { return f.Status != finding.Waived }

// complain says what is wrong with waivers: once for each, whatever the number
// of findings that it does not excuse.
func (e *excusing) complain(about *judgement, findings []finding.Finding) {
	for t, of := range e.troubles {
		e.complainOf(t, of, about)
	}
	for i := range e.tags {
		if t := &e.tags[i]; t.mistake != "" {
			about.complain(finding.WaiverInvalid, finding.Fail, t.key, "the tag %s excuses nothing: %s", t.key, t.mistake)
		}
	}
	if e.tagsUnread(findings) {
		open := &troubled{}
		for i := range findings {
			if isOpen(findings[i]) {
				open.add(&findings[i])
			}
		}
		about.complain(finding.WaiverInvalid, finding.Unknown, "tags", "cannot tell whether a tag of the repository excuses %s: %s",
			open.words(), strings.TrimPrefix(cannotTell(e.repository.Gap(snapshot.NeedTags)), "cannot tell: "))
	}
}

func (e *excusing) complainOf(t trouble, of *troubled, about *judgement) {
	name, key, until := e.describe(t.waiver)
	switch t.kind {
	case expired:
		about.complain(finding.WaiverExpired, finding.Fail, key, "the waiver %s ended on %s, and %s still there", name, until, of.words()+are(of.findings))
	case unapproved:
		remedy := ": approved_by and approved_on"
		if t.waiver < 0 {
			remedy = ", which a tag cannot give; write it in " + config.WaiversName
		}
		about.complain(finding.WaiverInvalid, finding.Fail, key, "the waiver %s does not excuse %s: from %s on a waiver takes an approval (waiving.approval)%s",
			name, of.words(), e.Waiving.Approval, remedy)
	case doubtful:
		about.complain(finding.WaiverInvalid, finding.Unknown, key+" unknown", "cannot tell whether the waiver %s excuses %s: that depends on %s",
			name, of.words(), e.doubtOf(t.waiver))
	}
}

// doubtOf is what it depends on whether a waiver excuses.
func (e *excusing) doubtOf(waiver int) string {
	if waiver < 0 {
		return e.byTagsDoubt
	}
	return e.Doubt(waiver, &e.resource)
}

// complain adds a finding of one of the engine's own rules, where it is on.
func (j *judgement) complain(id string, status finding.Status, key, format string, args ...any) {
	if rule := j.engine.engineRule(id); rule != nil && j.settings.Enabled(id, true) {
		j.add(rule, status, answer{Message: fmt.Sprintf(format, args...), Key: key})
	}
}

// describe names a waiver, and returns what stays the same of it.
func (e *excusing) describe(waiver int) (name, key, until string) {
	if waiver < 0 {
		t := &e.tags[-1-waiver]
		return "in the tag " + t.key, t.key, config.Day(t.Until)
	}
	w := e.At(waiver)
	return w.Place().String(), w.Identity(), config.Day(w.Until)
}

// words says which findings, of at most a few rules.
func (t *troubled) words() string {
	const most = 3
	slices.Sort(t.rules)
	rules := strings.Join(t.rules[:min(most, len(t.rules))], ", ")
	if more := len(t.rules) - most; more > 0 {
		rules += fmt.Sprintf(" and %d more", more)
	}
	if t.findings == 1 {
		return "a finding of " + rules
	}
	return fmt.Sprintf("%d findings of %s", t.findings, rules)
}

func are(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// engineRule is one of the engine's own rules, or nil where it is off.
func (e *Engine) engineRule(id string) *Rule {
	for _, rule := range e.rules {
		if rule.engine && rule.ID == id {
			return rule
		}
	}
	return nil
}

// WaiverUse is what became of a waiver of the configuration.
type WaiverUse struct {
	*config.Waiver
	Findings int  // that it excuses, or would if it had not ended or were approved
	Expired  bool // at the moment that rules judge by
	Doubted  bool // whether it is for some finding is not known
	Judged   bool // all its rules were among those that were chosen
}

// Waivers are the waivers of the configuration, in their order, and what became
// of them so far.
func (e *Engine) Waivers() []WaiverUse {
	if e.waiving == nil {
		return nil
	}
	all := make([]WaiverUse, e.waiving.Len())
	for i := range all {
		w := e.waiving.At(i)
		all[i] = WaiverUse{
			Waiver: w, Findings: int(e.waiving.used[i].findings.Load()), Doubted: e.waiving.used[i].doubted.Load(), Expired: w.Expired(e.options.Clock),
			Judged: !slices.ContainsFunc(w.Rules, func(id string) bool { return !slices.Contains(e.waiving.chose, id) }),
		}
	}
	return all
}

// NeedlessWaivers are the waivers of one finding each that decided nothing so far,
// because another excuses the finding and holds as long. Those of which the
// configuration alone tells it are left out: [config.Config.Idle] are these.
func (e *Engine) NeedlessWaivers() (warnings []config.Warning) {
	if e.waiving == nil {
		return nil
	}
	for i := range e.waiving.used {
		used := &e.waiving.used[i]
		if used.lostTo.Load() == 0 || used.decided.Load() {
			continue
		}
		if warning, needless := e.waiving.At(i).NeedlessBeside(e.waiving.At(int(used.lostTo.Load()) - 1)); needless {
			warnings = append(warnings, warning)
		}
	}
	return warnings
}

// TagWaiverUse counts waivers that are resource tags.
type TagWaiverUse struct {
	InForce, Expired int
	Unmatched        int // of either, those that excuse nothing
	Invalid          int // those that cannot excuse
}

// TagWaivers counts the waivers that are resource tags. on says whether there can
// be some.
func (e *Engine) TagWaivers() (use TagWaiverUse, on bool) {
	if e.waiving == nil || !e.waiving.ByTags {
		return TagWaiverUse{}, false
	}
	t := &e.waiving.tags
	return TagWaiverUse{int(t.inForce.Load()), int(t.expired.Load()), int(t.unmatched.Load()), int(t.invalid.Load())}, true
}

// WaiverFiles are the files that waivers were read from.
func (e *Engine) WaiverFiles() []config.WaiverFile { return e.config.WaiverFiles }

// Accounts is what is known of the accounts, once Begin has been called.
func (e *Engine) Accounts() *config.Accounts { return e.accounts }

// Doubted reports whether it is not known somewhere which settings hold.
func (e *Engine) Doubted() bool { return e.doubted.Load() != nil }
