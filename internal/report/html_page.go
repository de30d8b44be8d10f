package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"
)

// htmlAssets is what pages are made of, as it stands in the folder html.
//
//go:embed html
var htmlAssets embed.FS

// htmlPage is one page that needs nothing but itself: styles, data and script
// are in it, and a policy in its head lets nothing else in, neither from the
// network nor from the text that it shows.
//
// Data stands before what is shown, so that a page can be written as its data
// comes. A page that is cut short says so.
type htmlPage struct {
	list
	style, script string
}

// htmlScripts are the parts of the script of a report, in order. The first three
// know nothing of reports.
var htmlScripts = []string{
	"dom.js", "shell.js", "charts.js",
	"data.js", "query.js", "list.js", "finding.js", "table.js",
	"access.js", "lifecycle.js", "images.js", "repository.js", "repositories.js", "rule.js", "app.js",
}

func htmlAsset(name string) string {
	text, err := htmlAssets.ReadFile("html/" + name)
	if err != nil {
		panic(err) // never: it is part of the program
	}
	return string(text)
}

// htmlTemplates are the parts of a page that a browser without scripts shows.
func htmlTemplates() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"number": number, "shown": shown,
	}).ParseFS(htmlAssets, "html/*.tmpl"))
}

func (p *htmlPage) load(scripts []string) {
	p.style = htmlAsset("page.css")
	var b strings.Builder
	for _, name := range scripts {
		b.WriteString("\n// " + name + "\n" + htmlAsset(name))
	}
	p.script = b.String()
}

// open writes the head of the page. After it come blocks of data.
func (p *htmlPage) open(title string) {
	p.out.text(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="` + p.policy() + `">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>` + template.HTMLEscapeString(shown(title)) + `</title>
<link rel="icon" href="` + htmlIcon + `">
<style>` + p.style + `</style>
</head>
<body>
<p class="truncated" role="alert">This file is cut short: it is no whole report, and what it lacks is unknown. Write it again.</p>
`)
}

// htmlIcon is the sign of the page in the tabs of a browser.
const htmlIcon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
	"%3Crect width='16' height='16' rx='4' fill='%23274690'/%3E%3Cpath d='M4.5 8.5l2.5 2.5 4.5-5.5' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E"

// policy is what the page may do: run the script and apply the style that
// have these hashes, and show its icon.
func (p *htmlPage) policy() string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; script-src " + hash(p.script) + "; style-src " + hash(p.style) +
		"; img-src data:; base-uri 'none'; form-action 'none'"
}

// block opens the block of data with this name, which is an array.
func (p *htmlPage) block(name string) {
	p.out.text(`<script type="application/json" id="data-` + name + `">[`)
}

func (p *htmlPage) endBlock() {
	p.end("")
	p.out.text("</script>\n")
}

// value writes a block that is one value.
func (p *htmlPage) value(name string, v any) error {
	body, err := p.enc.encode(v)
	if err != nil {
		return err
	}
	p.out.text(`<script type="application/json" id="data-` + name + `">`)
	p.out.bytes(appendShown(nil, body))
	p.out.text("</script>\n")
	return p.out.err()
}

// item writes an element of the array of the open block.
func (p *htmlPage) item(v any) error {
	body, err := p.enc.encode(v)
	if err != nil {
		return err
	}
	return p.add("", appendShown(nil, body))
}

// close writes what is shown and the script, and ends the page.
func (p *htmlPage) close(content string) error {
	p.out.text(content)
	p.out.text("<script type=\"module\">" + p.script + "</script>\n</body>\n</html>\n")
	return p.out.flush()
}
