package report

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// WritePageOf writes a page for a browser in the manner of the html format: one
// file that needs nothing but itself, under a policy that lets nothing else in.
//
// The assets are templates, of which content.tmpl is executed with the content
// and becomes what stands between the top and the foot, and styles in page.css,
// which come after those that all pages have. Their templates can use the
// functions number and shown, the latter for every foreign text, and the
// template banners.tmpl. They need no script, and can have none.
func WritePageOf(w io.Writer, title string, assets fs.FS, content any) error {
	styles, err := fs.ReadFile(assets, "page.css")
	if err != nil {
		return fmt.Errorf("laying out the page: %w", err)
	}
	templates, err := htmlTemplates().ParseFS(assets, "*.tmpl")
	if err != nil {
		return fmt.Errorf("laying out the page: %w", err)
	}
	var b strings.Builder
	for _, part := range []struct {
		name string
		data any
	}{{"top.tmpl", []htmlLink(nil)}, {"content.tmpl", content}, {"foot.tmpl", nil}} {
		if err := templates.ExecuteTemplate(&b, part.name, part.data); err != nil {
			return fmt.Errorf("laying out the page: %w", err)
		}
	}
	page := htmlPage{list: newList(w)}
	page.load([]string{"dom.js", "shell.js"})
	page.style += string(styles)
	page.open(title)
	return page.close(b.String())
}
