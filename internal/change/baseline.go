package change

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// BaselineSchema names the file of a baseline and its version. It is on the
// first line of the file.
const BaselineSchema = "ecraudit.baseline/v1"

// A baseline is a file of lines that version control can merge one by one:
//
//	# ecraudit.baseline/v1
//	# …
//	organization o-a1b2c3d4e5
//	read 222233334444/eu-west-1
//	3215f1df04fcdb3f7cdfa080e1547910 critical fail repository-public 222233334444/eu-west-1/access/public
//	8b0a77d35a1df1d5a0c37e02c2c4b3a9 high fail release-vulnerabilities 222233334444/eu-west-1/shop @sha256:… :1.2.0
//
// A line of a finding is its fingerprint, severity, status, rule and place, and
// where it is on an image its digest and tag. The lines are sorted by place. A
// read line says which account and region the findings come from. Nothing in
// the file counts, and nothing is a time.
//
// Whatever is no plain character of ASCII is written as its bytes: %20.
const baselineHead = "# " + BaselineSchema + `
# Findings that are known: with --baseline, an audit fails on what is new or worse only.
# Written by ecraudit baseline. Sorted by place, a finding on each line, to be merged line by line.
`

// WriteBaseline writes findings as a baseline. Waived ones are left out: they
// are excused by their waiver, and count again when it ends.
func WriteBaseline(w io.Writer, k *Known) error {
	out := bufio.NewWriter(w)
	_, _ = out.WriteString(baselineHead)
	if k.Organization != "" {
		_, _ = out.WriteString("organization " + escaped(k.Organization, "") + "\n")
	}
	for _, t := range k.Targets() {
		_, _ = out.WriteString("read " + placeText(Place{Account: t.Account, Region: t.Region}) + "\n")
	}
	for _, number := range k.sorted() {
		if k.Verdict(number).Status != finding.Waived {
			_, _ = out.WriteString(k.line(number) + "\n")
		}
	}
	return out.Flush() // with the first error
}

// sorted are the numbers of all findings, by place, then rule and image.
func (k *Known) sorted() []int {
	numbers := make([]int, len(k.records))
	for i := range numbers {
		numbers[i] = i
	}
	slices.SortFunc(numbers, func(i, j int) int {
		a, b := &k.records[i], &k.records[j]
		return cmp.Or(comparePlaces(k.Place(i), k.Place(j)), cmp.Compare(k.rules.list[a.rule], k.rules.list[b.rule]),
			cmp.Compare(a.digest, b.digest), cmp.Compare(a.tag, b.tag), slices.Compare(a.fingerprint[:], b.fingerprint[:]))
	})
	return numbers
}

func (k *Known) line(number int) string {
	r, v := &k.records[number], k.Verdict(number)
	text := strings.Join([]string{
		r.fingerprint.String(), v.Severity.String(), string(v.Status), escaped(k.rules.list[r.rule], ""), placeText(k.Place(number)),
	}, " ")
	if r.digest != "" {
		text += " @" + escaped(r.digest, "")
	}
	if r.tag != "" {
		text += " :" + escaped(r.tag, "")
	}
	return text
}

// organizationPlace stands for findings on the organization as a whole.
const organizationPlace = "organization"

func placeText(p Place) string {
	account := escaped(p.Account, "/")
	switch account {
	case "":
		account = organizationPlace
	case organizationPlace:
		account = "%6F" + organizationPlace[1:] // an account that only looks like it
	}
	text := account
	if p.Region != "" || p.Repository != "" {
		text += "/" + escaped(p.Region, "/")
	}
	if p.Repository != "" {
		text += "/" + escaped(p.Repository, "")
	}
	return text
}

func parsePlace(text string) (p Place, err error) {
	account, rest, _ := strings.Cut(text, "/")
	region, repository, _ := strings.Cut(rest, "/")
	if account != organizationPlace {
		p.Account, err = unescaped(account)
	}
	if err == nil {
		p.Region, err = unescaped(region)
	}
	if err == nil {
		p.Repository, err = unescaped(repository)
	}
	return p, err
}

// escaped writes whatever is not a plain character of ASCII as %XX, and what
// else must not be there.
func escaped(text, besides string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c >= 0x7f || c == '%' || strings.IndexByte(besides, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func unescaped(text string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		c, err := strconv.ParseUint(text[i+1:min(i+3, len(text))], 16, 8)
		if err != nil || i+2 >= len(text) {
			return "", fmt.Errorf("%q has no two hexadecimal digits after a percent sign: write %%25 for the sign itself", text)
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

// ReadBaseline reads a baseline. Errors name the line. A finding that is there
// twice, as after a merge that keeps the lines of both sides, is known as the
// worse of the two: somebody accepted either.
func ReadBaseline(r io.Reader) (*Known, error) {
	const longest = 64 << 10 // bytes of a line; no place is as long
	k := NewKnown()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	number, headed := 0, false
	for lines.Scan() {
		number++
		line := strings.TrimRight(lines.Text(), " \t\r")
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
			if err := checkHead(line); err != nil {
				return nil, err
			}
			headed = true
		}
		if err := k.readLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d is longer than any line of a baseline; write the file again with ecraudit baseline", number+1)
	} else if err != nil {
		return nil, err
	}
	if !headed {
		return nil, errors.New("the file is empty; write a baseline with ecraudit baseline REPORT -o FILE")
	}
	return k, nil
}

// checkHead tells what the file is if it is no baseline.
func checkHead(line string) error {
	switch name := strings.TrimSpace(strings.TrimPrefix(line, "#")); {
	case strings.HasPrefix(line, "#") && name == BaselineSchema:
		return nil
	case strings.HasPrefix(name, "ecraudit.baseline/"):
		return fmt.Errorf("line 1: its format is %q and this ecraudit reads %q: use the version of ecraudit that wrote it, or a newer one", name, BaselineSchema)
	case strings.HasPrefix(line, "{"):
		return errors.New("this looks like a report, not like a baseline; make a baseline of it with ecraudit baseline REPORT -o FILE")
	case isConflict(line):
		return fmt.Errorf("line 1: %w", errConflict)
	}
	return fmt.Errorf("line 1: this is no baseline: its first line is not %q; write one with ecraudit baseline REPORT -o FILE", "# "+BaselineSchema)
}

func isConflict(line string) bool {
	for _, mark := range []string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"} {
		if line == mark || strings.HasPrefix(line, mark+" ") {
			return true
		}
	}
	return false
}

var errConflict = errors.New("a merge left a conflict: take out the lines with the markers <<<<<<<, ======= and >>>>>>>, and keep of those between them what both sides have; " +
	"with \"FILE merge=union\" in .gitattributes git does so by itself")

func (k *Known) readLine(line string) error {
	words := strings.Fields(line)
	switch {
	case len(words) == 0, strings.HasPrefix(line, "#"):
		return nil
	case isConflict(line):
		return errConflict
	case words[0] == "organization" && len(words) == 2:
		id, err := unescaped(words[1])
		k.Organization = cmp.Or(k.Organization, id)
		return err
	case words[0] == "read" && len(words) == 2:
		place, err := parsePlace(words[1])
		if err == nil && place.Repository != "" {
			err = fmt.Errorf("%q is not an account and a region", words[1])
		}
		k.read[Target{place.Account, place.Region}] = true
		return err
	}
	f, err := parseFinding(words)
	if err != nil {
		return err
	}
	return k.addKnown(f)
}

// addKnown adds a finding of a baseline, where it may be twice.
func (k *Known) addKnown(f *finding.Finding) error {
	fingerprint, err := ParseFingerprint(f.Fingerprint)
	if err != nil {
		return err
	}
	number, twice := k.Find(fingerprint)
	if !twice {
		_, err := k.Add(f)
		return err
	}
	worse := k.Verdict(number)
	worse.Severity = max(worse.Severity, f.Severity)
	if f.Status == finding.Fail {
		worse.Status = finding.Fail
	}
	k.Renew(number, worse)
	return nil
}

// parseFinding reads the words of a finding's line.
func parseFinding(words []string) (*finding.Finding, error) {
	const fewest = 5
	if len(words) < fewest {
		return nil, fmt.Errorf("a finding is a fingerprint, severity, status, rule and place, here are only %s; "+
			"take the line out, or write the file again with ecraudit baseline", report.Count(len(words), "word", "words"))
	}
	f := &finding.Finding{Fingerprint: words[0], Status: finding.Status(words[2])}
	var err error
	if f.Severity, err = finding.ParseSeverity(words[1]); err != nil {
		return nil, err
	}
	if f.Status != finding.Fail && f.Status != finding.Unknown {
		return nil, fmt.Errorf("unknown status %q: use one of fail, unknown", words[2])
	}
	if f.Rule, err = unescaped(words[3]); err != nil {
		return nil, err
	}
	place, err := parsePlace(words[4])
	if err != nil {
		return nil, err
	}
	f.Account, f.Region, f.Repository = place.Account, place.Region, place.Repository
	for _, word := range words[fewest:] {
		part, err := unescaped(word[1:])
		if err == nil && part == "" {
			err = fmt.Errorf("%q says nothing", word)
		}
		switch {
		case word[0] == '@' && f.Digest == "" && f.Tag == "":
			f.Digest = part
		case word[0] == ':' && f.Tag == "":
			f.Tag = part
		default:
			err = fmt.Errorf("%q is one word too many: after the place come the @digest and the :tag of an image", word)
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Revision says what became of a baseline that was held against a report.
type Revision struct {
	Added   int // findings that the baseline did not have
	Raised  int // findings that became worse
	Lowered int // findings that became less severe
	Waived  int // findings that are excused now, and dropped
	Fixed   int // findings that were judged again and are gone, and dropped
	NotSeen int // findings that were not judged again, and kept
	Refused int // findings that are new or worse, and were not taken into a baseline that shrinks
}

// Taken is a baseline that was made of a report.
type Taken struct {
	Known    *Known
	Source   Source
	Waived   int      // findings that are left out because they are waived
	Revision Revision // of the baseline before, if there was one
}

// Take makes a baseline of a report that was saved as JSON or NDJSON.
//
// before is the baseline that it follows, or nil. What that knows stays known
// until it is judged again, and is dropped when it is fixed or waived. Where
// shrink is true nothing is added to it, and nothing becomes worse.
func Take(name string, in io.Reader, before *Known, shrink bool) (*Taken, error) {
	t := &taker{name: name, before: before, shrink: shrink, taken: Taken{Known: NewKnown()}}
	if before != nil {
		t.comparison = before.Compare()
		t.taken.Known.Organization = before.Organization
		for target := range before.read {
			t.taken.Known.read[target] = true
		}
	}
	if err := report.Replay(in, t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.finish()
	return &t.taken, nil
}

// taker receives the report that a baseline is made of.
type taker struct {
	name       string
	before     *Known
	shrink     bool
	comparison *Comparison // with before, if that is there
	taken      Taken
}

func (t *taker) Begin(run report.Run) error {
	t.taken.Source = sourceOf(t.name, &run)
	if err := RefuseFiltered(&run); err != nil {
		return err
	}
	if t.comparison == nil {
		t.taken.Known.Came(run)
		return nil
	}
	t.comparison.Run(run)
	if a, b := t.before.Organization, run.OrganizationID; a != "" && b != "" && a != b {
		return fmt.Errorf("it is of the organization %s, and the baseline is of %s: use the report of the same organization", b, a)
	}
	if !t.shrink {
		t.taken.Known.Came(run)
	}
	return nil
}

func (t *taker) Finding(f finding.Finding) error {
	t.taken.Source.Findings++
	if f.Status == finding.Waived {
		t.taken.Waived++
	}
	kept := Verdict{f.Severity, f.Status}
	if t.comparison != nil {
		kind, was, err := t.comparison.Finding(&f)
		if err != nil {
			return err
		}
		if kept = t.revised(kind, was, kept); kept.Status == "" {
			return nil
		}
	}
	if kept.Status == finding.Waived {
		return nil
	}
	f.Severity, f.Status = kept.Severity, kept.Status
	if _, err := t.taken.Known.Add(&f); err != nil {
		return fmt.Errorf("reading the report: another program rewrote it: %w; use the file as ecraudit wrote it", err)
	}
	return nil
}

// revised is what a baseline says of a finding after it was found again; no
// status where it does not know it.
func (t *taker) revised(kind Kind, was *Verdict, is Verdict) Verdict {
	r := &t.taken.Revision
	switch {
	case kind == Waived:
		if was != nil {
			r.Waived++
		}
		return Verdict{}
	case kind == New && t.shrink:
		r.Refused++
		return Verdict{}
	case kind == New:
		r.Added++
	case kind == Worsened && t.shrink:
		r.Refused++
		return *was
	case kind == Worsened:
		r.Raised++
	case kind == Improved:
		r.Lowered++
	default:
		return *was // what fails and is unknown for once may fail again
	}
	return is
}

func (t *taker) Gap(g snapshot.Gap) error {
	if t.comparison != nil {
		t.comparison.Gap(&g)
	}
	return nil
}

func (*taker) End(report.Summary) error { return nil }

// finish keeps what was known and not judged again.
func (t *taker) finish() {
	if t.comparison == nil {
		return
	}
	t.comparison.Gone(func(number int, why string) {
		if why == "" {
			t.taken.Revision.Fixed++
			return
		}
		t.taken.Revision.NotSeen++
		f := t.before.Finding(number)
		_, _ = t.taken.Known.Add(&f) // it is there once, and was not found
	})
}
