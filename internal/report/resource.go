package report

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// resource is what a finding or a gap is about. All of it is empty for the
// organization, and the repository is for a registry.
type resource struct {
	account, region, repository, digest, tag string
}

func resourceOf(f *finding.Finding) resource {
	return resource{f.Account, f.Region, f.Repository, f.Digest, f.Tag}
}

func resourceOfGap(g *snapshot.Gap) resource {
	return resource{g.Account, g.Region, g.Repository, g.Digest, ""}
}

// name is the whole name: account/region/repository[@digest][:tag], or
// "organization".
func (r resource) name() string {
	var b strings.Builder
	b.Grow(len(r.account) + len(r.region) + len(r.repository) + len(r.digest) + len(r.tag) + len("organization////"))
	b.WriteString(cmp.Or(r.account, "organization"))
	for _, part := range [...]struct {
		separator byte
		text      string
	}{{'/', r.region}, {'/', r.repository}, {'@', r.digest}, {':', r.tag}} {
		if part.text != "" {
			b.WriteByte(part.separator)
			b.WriteString(part.text)
		}
	}
	return b.String()
}

// last is the last part of the name of a registry or repository.
func (r resource) last() string { return cmp.Or(r.repository, r.region, r.account, "organization") }

// registryOrRepository is the resource without an image.
func (r resource) registryOrRepository() resource {
	r.digest, r.tag = "", ""
	return r
}

// placeText remembers what a format makes of the last registry or repository:
// findings come by place.
type placeText struct {
	place resource
	text  []byte
}

func (p *placeText) of(r resource, appended func(dst []byte, place resource) []byte) []byte {
	if r = r.registryOrRepository(); p.text == nil || r != p.place {
		p.place, p.text = r, appended(p.text[:0], r)
	}
	return p.text
}

// resourceFolder is where path has its files.
const resourceFolder = "ecr"

// path is the file that stands for the registry or repository where a service
// knows results only by their file: ecr/<account>/<region>/<repository>,
// relative to the root of the source code. The file need not exist. The path
// is part of what services know an alert by, so it has nothing that may change
// while the resource stays; and it never leads out of its folder.
func (r resource) path() string {
	parts := []string{resourceFolder, cmp.Or(r.account, "organization")}
	if r.region != "" {
		parts = append(parts, r.region)
	}
	if r.repository != "" {
		parts = append(parts, strings.Split(r.repository, "/")...)
	}
	for i, part := range parts {
		part = shown(part)
		if strings.Trim(part, ".") == "" {
			part = "_"
		}
		parts[i] = part
	}
	return strings.Join(parts, "/")
}

// uri is the path as a relative URI.
func (r resource) uri() string {
	parts := strings.Split(r.path(), "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// statement is what a finding says, as one line that is not empty. Services
// that have no word for a verdict that is unknown still show the line.
func statement(f *finding.Finding) string {
	text := cmp.Or(strings.TrimSpace(shown(f.Message)), "rule "+shown(f.Rule))
	if words := qualifiers(f); words != "" {
		text = strings.ToUpper(words[:1]) + words[1:] + ": " + text
	}
	if image := imageName(&finding.Finding{Digest: wellFormed(f.Digest), Tag: wellFormed(f.Tag)}); image != "" {
		text += " (image " + image + ")"
	}
	if why := excuse(f); why != "" {
		text += ". Reason: " + why
	}
	return text
}

// gapStatement is what a gap says, as one line.
func gapStatement(g *snapshot.Gap) string {
	return shown("Not read: " + cmp.Or(g.Operation, string(g.Need), "something") + " of " + resourceOfGap(g).name() + ": " + gapCause(g))
}

// gapCause is why something could not be read, and what would let it be.
func gapCause(g *snapshot.Gap) string {
	text := cmp.Or(g.Code, "no code given")
	if g.Message != "" {
		text += ": " + g.Message
	}
	if g.Permission != "" {
		text += "; the role needs " + g.Permission
	}
	return text
}

// prose is text of several lines, each of them shown.
func prose(text string) string {
	text = strings.TrimSpace(text)
	if unprintable(text) < 0 {
		return text // on one line
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = shown(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// inertMarkdown is prose that stays text where Markdown is expected.
func inertMarkdown(text string) string { return string(appendInertMarkdown(nil, text)) }

func appendInertMarkdown(dst []byte, text string) []byte {
	for i, line := range strings.Split(prose(text), "\n") {
		line = strings.TrimSpace(line)
		if i > 0 {
			dst = append(dst, '\n')
		}
		if line != "" && strings.IndexByte("-+=", line[0]) >= 0 {
			dst = append(dst, '\\') // else the start of a list or the line under a heading
		}
		for i := range len(line) {
			if isMarkup[line[i]] {
				dst = append(dst, '\\')
			}
			dst = append(dst, line[i])
		}
	}
	return dst
}

// isMarkup are the characters that mean something to Markdown wherever they
// stand.
var isMarkup = func() (markup [256]bool) {
	for _, c := range []byte("\\`*_{}[]<>()#|~&!$@^") {
		markup[c] = true
	}
	return markup
}()

// webLinks returns those links that are addresses of web pages.
func webLinks(links []string) []string {
	var web []string
	for _, link := range links {
		u, err := url.Parse(link)
		if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && shown(link) == link && !strings.ContainsAny(link, " <>\"{}|\\^`") {
			web = append(web, link)
		}
	}
	return web
}

// projectURL is where people read about the program.
const projectURL = "https://github.com/ecraudit/ecraudit"
