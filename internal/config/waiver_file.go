package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/reference"
)

// WaiversName is the file of waivers that is read beside a configuration file.
const WaiversName = "waivers.yaml"

// FindWaivers returns the path of the file of waivers in a folder: waivers.yaml,
// or else waivers.yml.
func FindWaivers(dir string) (path string, ok bool) {
	return find(dir, waiversNames())
}

func waiversNames() []string { return []string{WaiversName, "waivers.yml"} }

// LoadFolder reads what holds in a folder without a configuration file: the
// defaults, and the file of waivers if there is one. The errors are those of
// [Load].
func LoadFolder(dir string) (*Config, error) {
	l := newLoader("", Packs{}, readFile, identityOf)
	l.waiversBeside(filepath.Join(dir, "ecraudit.yaml"))
	if err := joinErrors(l.c.Path, l.errs); err != nil {
		return nil, err
	}
	return l.c, nil
}

// Imagine is [Load] with the text that a file would have. An empty path is the
// working directory without a configuration file, as of [LoadFolder].
func Imagine(path string, packs Packs, file string, text []byte) (*Config, error) {
	imagined := identityOf(file)
	l := newLoader(path, packs, func(p string) ([]byte, error) {
		if identityOf(p) == imagined {
			return text, nil
		}
		return readFile(p)
	}, identityOf)
	if path == "" {
		l.waiversBeside("ecraudit.yaml")
		return l.c, joinErrors(file, l.errs)
	}
	own, err := l.read(path)
	if err != nil {
		return nil, err
	}
	return l.load(path, own)
}

// waiversBeside reads the file of waivers beside a configuration file, if there
// is one.
func (l *loader) waiversBeside(path string) {
	if l.read == nil {
		return
	}
	read := ""
	for _, name := range waiversNames() {
		beside, err := reference.Resolve(path, name)
		if err != nil {
			l.errs = append(l.errs, asMistake(path, err))
			return
		}
		text, _, err := l.readExtended(beside)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case read != "" && l.waivers[l.identity(beside)]: // named by waiver_files
			continue
		case read != "":
			l.errs = append(l.errs, rivals(read, quoteless(beside)))
		case err != nil:
			l.errs = append(l.errs, asMistake(beside, errors.New(quoteless(err.Error()))))
		default:
			l.waiversOf(beside, text)
		}
		read = beside
	}
}

// waiverFile reads a file that waiver_files names.
func (l *loader) waiverFile(r *reader, e extension) {
	if l.read == nil {
		return
	}
	text, _, err := l.readExtended(e.path)
	if err != nil {
		r.unreadable(e, err, "file of waivers")
		return
	}
	l.waiversOf(e.path, text)
}

// waiversOf reads the text of a file of waivers, once. One that is a configuration
// file, too, was read as that.
func (l *loader) waiversOf(path string, text []byte) {
	own := l.identity(path)
	if _, met := l.met[own]; met || l.waivers[own] {
		return
	}
	l.waivers[own] = true
	if len(l.waivers) > maxFiles {
		l.errs = append(l.errs, &Error{Path: path, Message: fmt.Sprintf("there are more than %d files of waivers: have fewer", maxFiles)})
		return
	}
	root, err := parseText(path, text)
	if err != nil {
		l.errs = append(l.errs, asMistake(path, err))
		return
	}
	before := len(l.c.Waivers)
	if root != nil {
		r := &reader{path: path}
		if root.Kind != yaml.MappingNode && !isNull(root) {
			r.fail("", root, "found %s: a file of waivers begins with \"waivers:\", and has a list below it", describe(root))
		} else {
			r.section("", root, []field{{"waivers", func(at string, n *yaml.Node) { l.c.Waivers = append(l.c.Waivers, r.waivers(at, n)...) }}}, func(key string) string {
				if key == "waiving" || key == "waiver_files" {
					return "it belongs in ecraudit.yaml; a file of waivers has nothing but waivers"
				}
				return ""
			})
		}
		l.c.ruleUses = append(l.c.ruleUses, r.uses...)
		l.errs = append(l.errs, inOrder(r.errs)...)
	}
	l.noteWaivers(path, text, before)
}

// noteWaivers notes that waivers were read from a file, those after so many.
func (l *loader) noteWaivers(path string, text []byte, before int) {
	waivers := len(l.c.Waivers) - before
	sum := sha256.Sum256(text)
	l.c.WaiverFiles = append(l.c.WaiverFiles, WaiverFile{Path: path, SHA256: hex.EncodeToString(sum[:]), Waivers: waivers})
}

// waivingFields are the keys of waiving that hold everywhere.
func (r *reader) waivingFields(to *Waiving) []field {
	return []field{
		{"max_days", func(at string, n *yaml.Node) {
			if days, ok := r.number(at, n); ok {
				to.MaxDays = days
			}
		}},
		{"approval", func(at string, n *yaml.Node) {
			text, ok := oneOf("severity", append(finding.SeverityNames(), "none"))(r, at, n)
			if !ok {
				return
			}
			to.Approval = nil
			if severity, err := finding.ParseSeverity(text); err == nil {
				to.Approval = &severity
			}
		}},
	}
}

func (r *reader) waivers(at string, n *yaml.Node) []Waiver {
	n = r.resolve(n)
	switch {
	case isNull(n):
		return nil
	case n.Kind != yaml.SequenceNode:
		r.fail(at, n, "found %s: write a list, each waiver after a dash", describe(n))
		return nil
	}
	all := make([]Waiver, len(n.Content))
	for i, item := range n.Content {
		all[i] = r.waiver(fmt.Sprintf("%s[%d]", at, i), item)
	}
	return all
}

// engineRules are the rules that say what is wrong with waivers.
var engineRules = []string{finding.WaiverExpired, finding.WaiverInvalid}

func (r *reader) waiver(at string, n *yaml.Node) Waiver {
	w := Waiver{at: r.place(n)}
	mistakes := len(r.errs)
	given := map[string]bool{}
	line := func(to *string) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.line(at, n) }
	}
	day := func(to *time.Time, where *column) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) {
			*to = r.day(at, n)
			*where = column{r.resolve(n).Line, r.resolve(n).Column}
		}
	}
	fields := []field{
		{"rule", func(at string, n *yaml.Node) { r.waivedRules(at, n, &w) }},
		{"match", func(at string, n *yaml.Node) { r.waiverMatch(at, n, &w) }},
		{"fingerprint", func(at string, n *yaml.Node) { w.Fingerprint = r.fingerprint(at, n) }},
		{"reason", line(&w.Reason)},
		{"owner", line(&w.Owner)},
		{"ticket", line(&w.Ticket)},
		{"until", day(&w.Until, &w.until)},
		{"approved_by", line(&w.ApprovedBy)},
		{"approved_on", day(&w.ApprovedOn, &w.approvedOn)},
	}
	for i := range fields {
		read := fields[i].read
		fields[i].read = func(at string, n *yaml.Node) {
			given[fields[i].key] = true
			read(at, n)
		}
	}
	r.section(at, n, fields, waiverHint)
	if len(r.errs) > mistakes {
		return w // more would only follow from these
	}
	r.completeWaiver(at, r.resolve(n), &w, given)
	return w
}

// completeWaiver refuses a waiver that lacks something.
func (r *reader) completeWaiver(at string, n *yaml.Node, w *Waiver, given map[string]bool) {
	for _, needed := range []struct{ key, remedy string }{
		{"rule", "write the id of the rule whose findings it excuses"},
		{"reason", "write why this may be as it is"},
		{"owner", "write who answers for it"},
		{"until", "write the last day on which it holds, such as 2027-01-31; no waiver holds for ever"},
	} {
		if !given[needed.key] {
			r.fail(at, n, "has no %s: %s", needed.key, needed.remedy)
		}
	}
	switch {
	case w.Fingerprint == "" && w.everywhere():
		r.fail(at, n, `has neither match nor fingerprint, and so would excuse everything: say where; if everywhere is meant, match: {accounts: "*"}`)
	case given["approved_by"] != given["approved_on"]:
		r.fail(at, n, "has one of approved_by and approved_on: an approval needs both")
	}
}

func (w *Waiver) everywhere() bool {
	return w.Match.empty() && len(w.Digests) == 0 && len(w.ImageTags) == 0
}

// waiverHint helps who wrote criteria straight into a waiver, or used the word of
// another tool.
func waiverHint(key string) string {
	switch {
	case key == "digests" || key == "image_tags" || slices.Contains(matchKeys(), key):
		return "it belongs below match"
	case key == "rules":
		return `did you mean "rule"? It takes one id or a list`
	case key == "expires" || key == "expiry" || key == "expiration":
		return `did you mean "until"?`
	}
	return ""
}

// waivedRules reads one id of a rule or a list of them, and remembers where they
// stand.
func (r *reader) waivedRules(at string, n *yaml.Node, w *Waiver) {
	resolved := r.resolve(n)
	w.rulesAt = column{resolved.Line, resolved.Column}
	id := func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		node := r.resolve(n)
		switch {
		case !ok:
			return "", false
		case text == "":
			r.fail(at, node, "empty: write the id of a rule; ecraudit rules lists them")
			return "", false
		case slices.Contains(engineRules, text):
			r.fail(at, node, "%s says what is wrong with waivers, and cannot be waived itself: turn it off below rules, or mend the waiver", text)
			return "", false
		}
		r.uses = append(r.uses, ruleUse{id: text, path: r.path, line: node.Line, column: node.Column})
		return text, true
	}
	if resolved.Kind == yaml.ScalarNode && !isNull(resolved) {
		if text, ok := id(r, at, n); ok {
			w.Rules = []string{text}
		}
		return
	}
	rules, ok := r.list(at, n, id)
	if ok && len(rules) == 0 {
		r.fail(at, resolved, "empty: write the id of a rule; ecraudit rules lists them")
	}
	w.Rules = rules
}

func (r *reader) waiverMatch(at string, n *yaml.Node, w *Waiver) {
	mistakes := len(r.errs)
	images := func(to *[]string, what string, valid func(string) bool) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.globs(at, n, globOf(what, valid)) }
	}
	r.section(at, n, append(r.matchFields(&w.Match),
		field{"digests", images(&w.Digests, "a digest: write sha256: and 64 hexadecimal digits, with * and ? for those left out", matchesDigest)},
		field{"image_tags", images(&w.ImageTags, "a tag of an image: write 1 to 128 letters, digits, dots, dashes, underscores, * and ?", imageTagGlob.MatchString)},
	), nil)
	if len(r.errs) == mistakes {
		r.checkAge(at, n, &w.Match)
	}
	if len(r.errs) == mistakes && w.everywhere() {
		r.fail(at, r.resolve(n), `is empty, and so would excuse everything: say where; if everywhere is meant, match: {accounts: "*"}`)
	}
}

var (
	digestGlob   = regexp.MustCompile(`^(sha256:|\*)[0-9a-f*?]*$`)
	imageTagGlob = regexp.MustCompile(`^[0-9A-Za-z._*?-]{1,128}$`)
	fingerprint  = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// digestLength is that of "sha256:" and 64 hexadecimal digits.
const digestLength = 71

func matchesDigest(glob string) bool {
	stars := strings.Count(glob, "*")
	characters := len(glob) - stars
	return digestGlob.MatchString(glob) && (characters == digestLength || stars > 0 && characters < digestLength)
}

func (r *reader) fingerprint(at string, n *yaml.Node) string {
	text, ok := r.text(at, n)
	if ok && !fingerprint.MatchString(text) {
		r.fail(at, r.resolve(n), "%s is not a fingerprint: write all 32 hexadecimal digits, as a report in JSON has them", quote(text))
	}
	return text
}

// line reads text that is not empty, as one line.
func (r *reader) line(at string, n *yaml.Node) string {
	text, ok := r.text(at, n)
	text = strings.Join(strings.Fields(text), " ")
	if ok && text == "" {
		r.fail(at, r.resolve(n), "empty: write some words, or remove the key")
	}
	return text
}

// day reads a day.
func (r *reader) day(at string, n *yaml.Node) time.Time {
	text, ok := r.text(at, n)
	if !ok {
		return time.Time{}
	}
	day, err := parseDay(text)
	if err != nil {
		r.fail(at, r.resolve(n), "%s is not a day: write one such as 2027-01-31", quote(text))
	}
	return day
}
