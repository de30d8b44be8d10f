package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// rendered is what a forge makes of Markdown.
type rendered struct {
	elements map[string]int
	text     string // of everything
	prose    string // of everything that is not code
	columns  []int  // cells of each row of each table
}

// render renders Markdown as GitHub does: with tables, links made of bare
// addresses, and HTML as it is. The result must be balanced.
func render(t *testing.T, markdown []byte) rendered {
	t.Helper()
	var page bytes.Buffer
	forge := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe(), html.WithXHTML()))
	if err := forge.Convert(markdown, &page); err != nil {
		t.Fatal(err)
	}
	r := rendered{elements: map[string]int{}}
	var text, prose strings.Builder
	var open []string
	decoder := xml.NewDecoder(io.MultiReader(strings.NewReader("<page>"), &page, strings.NewReader("</page>")))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			open = append(open, name)
			r.elements[name]++
			for _, a := range token.Attr {
				if a.Name.Local != "align" || name != "td" && name != "th" {
					r.elements[name+" "+a.Name.Local]++
				}
			}
			switch name {
			case "tr":
				r.columns = append(r.columns, 0)
			case "td", "th":
				r.columns[len(r.columns)-1]++
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			text.Write(token)
			if slices.Contains(open, "code") {
				prose.WriteByte('`') // so that what stands around it is not joined
				continue
			}
			prose.Write(token)
		}
	}
	r.text, r.prose = text.String(), prose.String()
	return r
}

// plainElements are those that a report consists of.
var plainElements = strings.Fields("page h2 h3 p strong code table thead tbody tr th td ul li details summary")

// active is what GitHub or GitLab make a link, a mention or a picture of when
// it is not code.
var active = regexp.MustCompile(`[@#<>\[\]~^$%&*_]|[!/]\w|://|www\.\w|:\w+:|\w[-]\d|(?i)\b[0-9a-f]{7,}\b`)

func (r rendered) check(t *testing.T) {
	t.Helper()
	for name := range r.elements {
		if !slices.Contains(plainElements, name) {
			t.Errorf("there is an element %s", name)
		}
	}
	if found := active.FindString(strings.ReplaceAll(r.prose, "2026-09-14 08:30 UTC", "")); found != "" {
		t.Errorf("%q is not code in %q", found, r.prose)
	}
}

func TestMarkdownRendersAsText(t *testing.T) {
	for name, s := range scripts() {
		t.Run(name, func(t *testing.T) {
			out := written(t, "markdown", s, Options{})
			if !bytes.HasPrefix(out, []byte(markdownMarker+"\n")) {
				t.Errorf("does not begin with the marker: %.40q", out)
			}
			r := render(t, out)
			r.check(t)
			// Whatever the width of a row in Markdown, it has the cells of its
			// header in HTML; so the pipes must be right, too.
			columns := 0
			for line := range strings.Lines(string(out)) {
				if !strings.HasPrefix(line, "|") {
					columns = 0
					continue
				}
				if columns == 0 {
					columns = strings.Count(line, "|")
				}
				if n := strings.Count(line, "|"); n != columns {
					t.Errorf("%d pipes and not %d in %s", n, columns, line)
				}
			}
			for _, n := range r.columns {
				if n < 3 || n > 7 {
					t.Errorf("a row has %d cells", n)
				}
			}
			if tables := r.elements["table"]; tables != map[string]int{"typical": 2, "hostile": 3, "partial": 3, "changes": 2, "filtered": 2, "waivers": 2}[name] {
				t.Errorf("there are %d tables", tables)
			}
			s.checkShown(t, r.text)
		})
	}
}

// checkShown looks for what every report must show of the run.
func (s script) checkShown(t *testing.T, text string) {
	t.Helper()
	spaceless := func(text string) string { return strings.Join(strings.Fields(text), "") }
	text = spaceless(text)
	for _, r := range s.run.Rules {
		if s.summary().ByRule[r.ID] == (Counts{}) {
			continue
		}
		if !strings.Contains(text, spaceless(Printable(r.ID))) || !strings.Contains(text, spaceless(Printable(r.Title))) {
			t.Errorf("lacks the rule %q", r.ID)
		}
	}
	if !strings.Contains(text, "leftout") && !strings.Contains(text, "andmore") {
		for _, f := range s.findings {
			if f.Digest == "" && f.Status == finding.Fail && !strings.Contains(text, spaceless(quoted(f.Message))) {
				t.Errorf("lacks the message %q", f.Message)
			}
		}
	}
	for _, g := range s.gaps {
		if !strings.Contains(text, spaceless(Printable(g.Permission))) || !strings.Contains(text, spaceless(quoted(g.Code))) {
			t.Errorf("lacks the gap %+v", g)
		}
	}
}

// hostileMarkdown is text that Markdown, GitHub or GitLab would make more of.
var hostileMarkdown = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</details></summary>", "<!-- ecraudit -->", "&lt;b&gt; &amp; &#64;",
	"[click](http://evil.example)", "![x](http://evil.example/x.png)", "[x]: http://evil.example", "<http://evil.example>", "[^1]",
	"http://evil.example", "https://evil.example/a_b_c", "www.evil.example", "mail@evil.example", "mailto:mail@evil.example", "ftp://evil.example",
	"@octocat", `\@octocat`, "(@octocat)", "@org/team", "#123", "GH-123", "owner/repo#123", "org/repo@deadbeef", "!45", "~bug", "%milestone", "&epic", "$x$", "$`x`$",
	"deadbeef", "(deadbeef)", "deadbeef-word", "word'deadbeef", "A\u02ccAAAAAAAAAAAA", "DEADBEEFCAFE", "3215f1df04fcdb3f7cdfa080e1547910", "1234567", "fixes #1, closes GH-2", "PROJ-12", ":tada:", ":+1:",
	"**bold**", "__bold__", "*i*", "_i_", "~~gone~~", "# head", "## head", "- item", "+ item", "1. item", "> quote", "---", "===", "    code", "\tcode",
	"`", "``", "` `", "`code`", "``co`de``", "a`b``c```d", "`@octocat`", "` @octocat", "@octocat `", "```\n@octocat\n```", "~~~", `\`, `\\`, "\\`@octocat\\`", "a\\", "``\\",
	"|", "||", "a|b", `a\|b`, `a\\|b`, "`|`", "`a|b`", "|`", "`|", "| --- | --- |", "|@octocat|", "| `a` | @b |",
	"/close", "/assign @me", "[TOC]", "[[_TOC_]]", "{{template}}", "line\n@octocat", "line\r\n\r\n# head", "x  \ny", "word- -word", "it's", "don't-do", `"quoted"`, "(paren)", "a,b", "1,204", "12.", "(12)",
	"漢字", "Z\u0301\u0302\u0303", "a\u202eb", "a\u00a0b", "🚀", "\xff\xfe", "", " ", "  x  ", "!", "![", "](", "!`x`", "$", "$ `x` $",
}

func TestMarkdownQuotes(t *testing.T) {
	for _, text := range hostileMarkdown {
		checkQuotes(t, text, text)
		checkQuotes(t, text, "`")
		checkQuotes(t, "word "+text+" word", "|")
	}
	for _, a := range hostileMarkdown {
		for _, b := range []string{"`", "|", "@b", "word", `\`} {
			checkQuotes(t, a+b, b+" "+a)
		}
	}
}

// Whichever text of a run is hostile, its report is no more than text.
func TestMarkdownOfHostileRuns(t *testing.T) {
	for i, text := range hostileMarkdown {
		s := partial()
		f := s.found("111122223333/eu-west-1/"+text, "", text)
		f.Rule, f.Tag, f.Digest, f.Remediation, f.Severity = text, text, text, text, finding.High
		s.run.Rules = append(s.run.Rules, finding.Rule{ID: text, Title: text, Remediation: text, Frameworks: map[string][]string{text: {text}}})
		waived := *f
		waived.Status, waived.Change = finding.Waived, finding.New
		waived.Waiver = &finding.Waiver{Verdict: finding.Unknown, Reason: text, Owner: text, Ticket: text, Until: text}
		s.findings = append(s.findings, waived)
		s.run.Query, s.run.Baseline, s.changes = text, &Baseline{Name: text}, &Changes{New: 1, NotSeen: 1}
		source := finding.Source{Reference: text, Kind: finding.SourceKind(text), Digest: text, Signature: finding.Verified, Key: text}
		s.run.RuleSources = []finding.RuleSource{{Source: source, Rules: []string{text}}}
		source.Kind = finding.FromBundle
		s.run.ConfigSources = []finding.Source{source}
		s.run.Version, s.run.OrganizationID, s.run.OrganizationUnread, s.run.Framework = text, text, text, text
		for j := range s.run.Targets {
			s.run.Targets[j].AccountName = text
			if s.run.Targets[j].Reason != "" {
				s.run.Targets[j].Reason = text
			}
		}
		g := s.gaps[i%len(s.gaps)]
		g.Repository, g.Operation, g.Code, g.Permission, g.Message, g.Digest = text, text, text, text, text, text
		unpermitted := g
		unpermitted.Permission = ""
		s.gaps = append(s.gaps, g, unpermitted)
		render(t, written(t, "markdown", s, Options{})).check(t)
		if t.Failed() {
			t.Fatalf("of %q", text)
		}
	}
}

func FuzzMarkdownQuotes(f *testing.F) {
	for i, text := range hostileMarkdown {
		f.Add(text, hostileMarkdown[len(hostileMarkdown)-1-i])
	}
	f.Fuzz(checkQuotes)
}

// checkQuotes renders two texts next to each other in all places where a
// report has foreign text.
func checkQuotes(t *testing.T, a, b string) {
	t.Helper()
	document := "- " + markdownCode(a) + " (" + markdownText(b) + "): " + markdownText(a) + " **Fix**: " + markdownText(b) + "\n\n" +
		"**Fix**: " + markdownText(a) + "\n\n| A | B | C |\n| --- | --- | --- |\n" +
		markdownRow(markdownCode(a), markdownCode(b)+": "+markdownText(a), markdownText(b)) +
		markdownRow(markdownText(b), markdownText(a), "end")
	r := render(t, []byte(document))
	for name := range r.elements {
		if !slices.Contains(plainElements, name) {
			t.Fatalf("%q and %q: there is an element %s:\n%s", a, b, name, document)
		}
	}
	if found := active.FindString(r.prose); found != "" {
		t.Fatalf("%q and %q: %q is not code:\n%s", a, b, found, document)
	}
	spaceless := func(text string) string { return strings.Join(strings.Fields(text), "") }
	a, b = quoted(a), quoted(b)
	want := spaceless(a + "(" + b + "):" + a + "Fix:" + b + "Fix:" + a + "ABC" + a + b + ":" + a + b + b + a + "end")
	if got := spaceless(r.text); got != want {
		t.Fatalf("shows %q, not %q:\n%s", got, want, document)
	}
	if !slices.Equal(r.columns, []int{3, 3, 3}) {
		t.Fatalf("%q and %q: rows of %v cells:\n%s", a, b, r.columns, document)
	}
}

// However much was found, a comment takes it, whole to its last tag, and it
// tells how much is left out.
func TestMarkdownFitsAComment(t *testing.T) {
	huge := long(20_000)
	huge.run.Complete = false
	for i := range 300 {
		huge.run.Rules = append(huge.run.Rules, finding.Rule{ID: fmt.Sprintf("rule|%d|", i), Title: strings.Repeat("|`@x", 100), Remediation: strings.Repeat("<|", 400)})
		f := huge.found("111122223333/eu-west-1/"+strings.Repeat("|", 400), huge.run.Rules[len(huge.run.Rules)-1].ID, strings.Repeat("|`", 1_000))
		f.Remediation = strings.Repeat("漢|", 200)
		g := hostile().gaps[i%14]
		g.Account, g.Code = fmt.Sprintf("%012d", i), strings.Repeat("|", 500)
		huge.gaps = append(huge.gaps, g)
		huge.run.Targets = append(huge.run.Targets, Target{Account: fmt.Sprintf("%012d", i), Status: "failed", Reason: fmt.Sprint(i, strings.Repeat("|", 400))},
			Target{Account: fmt.Sprintf("%012d", 1_000+i), Status: "skipped", Reason: fmt.Sprint(i, strings.Repeat("|", 400))})
	}
	huge.run.Version, huge.run.OrganizationID, huge.run.OrganizationUnread = strings.Repeat("|", 1_000), strings.Repeat("|", 1_000), strings.Repeat("|", 1_000)
	for name, s := range map[string]script{"long": long(20_000), "huge": huge} {
		s.run.Targets[0].AccountName = strings.Repeat("e\u0301\u0302\u0303", 1_000)
		out := written(t, "markdown", s, Options{})
		if len(out) > markdownRoom {
			t.Errorf("%s: %d bytes", name, len(out))
		}
		r := render(t, out)
		r.check(t)
		if sections := r.elements["details"]; sections < 5 {
			t.Errorf("%s: only %d rules have findings", name, sections)
		}
		match := regexp.MustCompile(`([\d,]+) findings are left out here`).FindStringSubmatch(r.text)
		if match == nil {
			t.Fatalf("%s does not say what is left out", name)
		}
		left, err := strconv.Atoi(strings.ReplaceAll(match[1], ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		// No two findings of the long run share an entry.
		if shown := strings.Count(r.text, ": finding "); name == "long" && left != len(s.findings)-shown {
			t.Errorf("%s: %d are left out and %d shown of %d", name, left, shown, len(s.findings))
		}
	}
}

func TestMarkdownIncompleteIsLoud(t *testing.T) {
	for name, s := range incompletes() {
		for _, findings := range []int{0, 1_000} {
			s.findings = long(findings).findings
			out := string(written(t, "markdown", s, Options{}))
			if !strings.Contains(out, "\n## ecraudit: NOT COMPLETE") || !strings.Contains(out, "**NOT COMPLETE**") || strings.Contains(out, "Everything was read") {
				t.Errorf("%s looks clean:\n%.600s", name, out)
			}
		}
	}
	if out := string(written(t, "markdown", clean(), Options{})); !strings.Contains(out, "## ecraudit: no findings\n") || !strings.Contains(out, "Everything was read") {
		t.Errorf("a clean run does not say so:\n%s", out)
	}
	empty := script{run: Run{Complete: true}}
	if out := string(written(t, "markdown", empty, Options{})); !strings.Contains(out, "## ecraudit: there is no repository\n") {
		t.Errorf("a run without repositories does not say so:\n%s", out)
	}
}
