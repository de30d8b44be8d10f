package conventions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// How many percent of the repositories must speak for something so that it is
// demanded, or worth a line that is commented out; and how many at least.
const (
	nearlyAll = 90
	many      = 25
	fewest    = 5 // repositories that must agree before anything is demanded
	maxLines  = 10
)

// Proposal is a configuration that fits.
type Proposal struct {
	Text string // of ecraudit.yaml
	// Guesses are what is in force in it, one line each with what speaks for it.
	Guesses []string
	// Doubtful is how much more stands in it commented out.
	Doubtful int
}

// writer writes the file.
type writer struct {
	b strings.Builder
	Proposal
}

// Propose writes a configuration of what was counted.
func (s *Survey) Propose() Proposal {
	w := &writer{}
	w.note("ecraudit.yaml, as ecraudit init proposes it for %s.", count(s.repositories, "repository", "repositories"))
	w.note("What is in force is what nearly all of them do; the rest is commented out.")
	if s.failed > 0 {
		w.note("Not looked at: %s that could not be read.", count(s.failed, "account or region", "accounts or regions"))
	}
	w.note("Look at every line. ecraudit config validate checks the file.")
	s.proposeOrganization(w)
	s.proposeReaders(w)
	s.proposeTrust(w)
	s.proposeReleases(w)
	s.proposeDevelopment(w)
	s.proposeTags(w)
	s.proposeEncryption(w)
	s.proposeImmutability(w)
	w.Text = w.b.String()
	return w.Proposal
}

// note writes a comment. What comes from AWS must have been quoted.
func (w *writer) note(format string, args ...any) { fmt.Fprintf(&w.b, "# "+format+"\n", args...) }

func (w *writer) gap() { w.b.WriteString("\n") }

// set writes a setting that is in force, unless it cannot stand in a
// configuration; then it is commented out.
func (w *writer) set(text, evidence string) {
	if _, err := config.Parse("ecraudit.yaml", []byte(text)); err != nil {
		w.doubt(text)
		return
	}
	w.b.WriteString(text)
	name, _, _ := strings.Cut(text, ":")
	w.Guesses = append(w.Guesses, name+": "+evidence)
}

// doubt writes a setting commented out.
func (w *writer) doubt(text string) {
	w.Doubtful++
	for line := range strings.Lines(text) {
		w.b.WriteString("# " + line)
	}
}

func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + several
}

// quote writes foreign text on one line of plain letters, as YAML reads it.
func quote(text string) string { return strconv.QuoteToASCII(text) }

// ranked is a key with how many repositories speak for it.
type ranked struct {
	key string
	n   int
}

func rank(counts map[string]int) []ranked {
	var all []ranked
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, ranked{key, counts[key]})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.n, a.n) })
	return all
}

// split are the keys that nearly all repositories have, and those that many have.
func split(counts map[string]int, of int) (sure, doubtful []ranked) {
	for _, r := range rank(counts) {
		switch percent := 100 * r.n / max(of, 1); {
		case percent >= nearlyAll && of >= fewest:
			sure = append(sure, r)
		case percent >= many && r.n > 1:
			doubtful = append(doubtful, r)
		}
	}
	return sure, doubtful[:min(len(doubtful), maxLines)]
}

func (r ranked) of(total int) string { return fmt.Sprintf("%d of %d repositories", r.n, total) }

// unread says where too little was read to guess, and reports whether it was.
func (s *Survey) unread(w *writer, n snapshot.Need, what string) bool {
	switch known := s.known[n]; {
	case !s.collected[n]:
		w.note("%s were not collected: nothing is guessed here.", what)
	case known == 0:
		w.note("%s of no repository could be read: nothing is guessed here.", what)
	default:
		if known < s.repositories {
			w.note("%s of %s could not be read.", what, count(s.repositories-known, "repository", "repositories"))
		}
		return false
	}
	return true
}

func (s *Survey) proposeOrganization(w *writer) {
	w.gap()
	w.note("The organization. Where AWS Organizations tells it, the two must agree.")
	if s.organization.ID == "" {
		w.note("Which one it is could not be read.")
		w.b.WriteString("# organization: {id: o-a1b2c3d4e5}\n")
		return
	}
	w.set("organization: {id: "+quote(s.organization.ID)+"}\n", "as AWS Organizations says")
}

// name is how people call an account, as a comment.
func (s *Survey) name(id string) string {
	for _, a := range s.organization.Accounts {
		if a.ID == id && a.Name != "" {
			return " " + quote(a.Name) + ","
		}
	}
	return ""
}

func (s *Survey) proposeReaders(w *writer) {
	w.gap()
	w.note("Accounts that must be able to pull: those of the organization that present policies let pull nearly everywhere.")
	if s.unread(w, snapshot.NeedPolicy, "Policies") {
		return
	}
	total := s.known[snapshot.NeedPolicy]
	sure, doubtful := split(s.readers, total)
	lines := func(accounts []ranked) (text string) {
		for _, r := range accounts {
			text += fmt.Sprintf("  - %s #%s can pull in %s\n", quote(r.key), s.name(r.key), r.of(total))
		}
		return text
	}
	if len(sure) > 0 {
		w.set("reader_accounts:\n"+lines(sure), fmt.Sprintf("%s can pull in at least %d%% of the repositories", count(len(sure), "account", "accounts"), nearlyAll))
	}
	if len(doubtful) > 0 {
		w.doubt("reader_accounts:\n" + lines(doubtful))
	}
	if len(sure)+len(doubtful) == 0 {
		w.note("There is none.")
	}
}

func (s *Survey) proposeTrust(w *writer) {
	w.gap()
	w.note("Accounts outside the organization that may have access. These have it now.")
	w.note("Find out who they are before you trust one: nothing here is in force.")
	if s.unread(w, snapshot.NeedPolicy, "Policies") {
		return
	}
	outsiders := rank(s.outsiders)
	if len(outsiders) == 0 {
		w.note("None was found.")
		return
	}
	w.Doubtful++
	w.note("trusted_accounts:")
	for _, r := range outsiders[:min(len(outsiders), 5*maxLines)] {
		w.note("  %s: whose is it? # has access to %s", quote(r.key), r.of(s.known[snapshot.NeedPolicy]))
	}
	if more := len(outsiders) - 5*maxLines; more > 0 {
		w.note("  and %d more", more)
	}
}

func (s *Survey) proposeReleases(w *writer) {
	w.gap()
	w.note("Tags that mark a release. Without this key they are version numbers such as v1.2.3.")
	if s.unread(w, snapshot.NeedImages, "Images") {
		return
	}
	usual := s.releases[config.DefaultReleaseTags]
	w.note("Such tags are in %s.", ranked{n: usual}.of(s.tagged))
	for _, form := range releaseForms[1:] {
		r := ranked{form.pattern, s.releases[form.pattern]}
		text := "release_tags: '" + form.pattern + "'\n"
		switch percent := 100 * r.n / max(s.tagged, 1); {
		case percent >= nearlyAll && s.tagged >= fewest && usual*10 < r.n && !strings.Contains(w.b.String(), "\nrelease_tags:"):
			w.note("%s are in %s.", upper(form.words), r.of(s.tagged))
			w.set(text, form.words+" are in "+r.of(s.tagged))
		case percent >= many && r.n > 1:
			w.note("%s are in %s.", upper(form.words), r.of(s.tagged))
			w.doubt(text)
		}
	}
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// builds are the words that builds put before a commit or a number.
var builds = []string{"pr", "mr", "gitpr", "gitmr", "sha", "gitsha", "git", "commit", "ci", "build", "branch", "feature", "dev", "snapshot", "test", "tmp", "preview"}

func (s *Survey) proposeDevelopment(w *writer) {
	w.gap()
	w.note("Tags of development images, whose images must expire: a word, and a commit or a number.")
	if s.unread(w, snapshot.NeedImages, "Images") {
		return
	}
	var sure, doubtful []string
	var evidence []string
	for _, r := range rank(s.prefixes) {
		if r.n < 2 || len(evidence) == maxLines {
			break
		}
		evidence = append(evidence, fmt.Sprintf("%s in %s", quote(r.key+"*"), r.of(s.tagged)))
		if word := strings.ToLower(strings.TrimRight(r.key, "-_.")); slices.Contains(builds, word) && r.n >= fewest {
			sure = append(sure, quote(r.key+"*"))
		} else {
			doubtful = append(doubtful, quote(r.key+"*"))
		}
	}
	if len(evidence) == 0 {
		w.note("None was found.")
		return
	}
	w.note("Found: %s.", strings.Join(evidence, "; "))
	if len(sure) > 0 {
		w.set("lifecycle:\n  dev_tags: ["+strings.Join(sure, ", ")+"]\n", "these prefixes are in at least "+count(fewest, "repository", "repositories")+" each: "+strings.Join(sure, ", "))
	}
	if len(doubtful) > 0 {
		w.doubt("lifecycle:\n  dev_tags: [" + strings.Join(slices.Concat(sure, doubtful), ", ") + "]\n")
	}
}

func (s *Survey) proposeTags(w *writer) {
	w.gap()
	w.note("Resource tags that every repository must carry, with any value.")
	if s.unread(w, snapshot.NeedTags, "Resource tags") {
		return
	}
	total := s.known[snapshot.NeedTags]
	sure, doubtful := split(s.tagKeys, total)
	lines := func(keys []ranked) (text string) {
		for _, r := range keys {
			text += fmt.Sprintf("  - %s # on %s\n", quote(r.key), r.of(total))
		}
		return text
	}
	sure = slices.DeleteFunc(sure, func(r ranked) bool { return strings.HasPrefix(r.key, "aws:") }) // set by AWS, not by people
	if len(sure) > 0 {
		w.set("required_tags:\n"+lines(sure), fmt.Sprintf("%s on at least %d%% of the repositories", count(len(sure), "key is", "keys are"), nearlyAll))
	}
	if len(doubtful) > 0 {
		w.doubt("required_tags:\n" + lines(doubtful))
	}
	if len(sure)+len(doubtful) == 0 {
		w.note("No key is on many of them.")
	}
}

func inUse(counts map[string]int) string {
	var all []string
	for _, r := range rank(counts) {
		all = append(all, fmt.Sprintf("%s in %d", quote(cmp.Or(r.key, "not known")), r.n))
	}
	return strings.Join(all, ", ")
}

func (s *Survey) proposeEncryption(w *writer) {
	w.gap()
	w.note("The least encryption that is accepted. In use: %s.", cmp.Or(inUse(s.encryption), "none"))
	stronger := s.encryption["KMS"] + s.encryption["KMS_DSSE"]
	text := "encryption: {type: KMS}\n"
	switch {
	case stronger == s.repositories && stronger >= fewest:
		w.set(text, "all repositories are encrypted with KMS")
	case stronger > 0:
		w.doubt(text)
	}
}

func (s *Survey) proposeImmutability(w *writer) {
	w.gap()
	w.note("Which tags must be immutable. In use: %s.", cmp.Or(inUse(s.mutability), "none"))
	text := "immutable: all\n"
	switch n := s.mutability["IMMUTABLE"]; {
	case n == s.repositories && n >= fewest:
		w.set(text, "all repositories are immutable")
	case n > 0:
		w.doubt(text)
	}
}
