package report

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Sizes of windows: a phone, a tablet, a desk.
var windows = [][2]int64{{360, 740}, {768, 1024}, {1440, 900}}

func visitScript(t testing.TB, s script) *visit {
	t.Helper()
	return visitPage(t, written(t, "html", s, Options{}))
}

// pagesOf are addresses within a report that between them show everything.
func pagesOf(s script) []string {
	pages := []string{"", "#/coverage", "#/findings", "#/findings?group=rule", "#/findings?q=nothing-has-this", "#/repos", "#/repos?q=web", "#/nowhere", "#/finding/none", "#/rule/none", "#/repo/1/2/3"}
	for _, rule := range s.run.Rules[:min(3, len(s.run.Rules))] {
		pages = append(pages, "#/rule/"+url.PathEscape(shown(rule.ID)))
	}
	for i := 0; i < len(s.findings); i += 1 + len(s.findings)/4 {
		f := s.findings[i]
		pages = append(pages, "#/finding/"+f.Fingerprint, "#/repo/"+f.Account+"/"+f.Region+"/"+url.PathEscape(shown(f.Repository)))
	}
	for _, d := range s.details[:min(12, len(s.details))] {
		pages = append(pages, "#/repo/"+d.Account+"/"+d.Region+"/"+url.PathEscape(shown(d.Repository)))
	}
	return pages
}

func browserScripts() map[string]script {
	all := scripts()
	all["detailed"] = detailed()
	all["every field"] = everyField()
	all["hostile details"] = hostileDetails()
	all["no run"] = script{}
	return all
}

// Every page of every report loads without an error, a breach of its policy or
// a request, and fits every window.
func TestHTMLPages(t *testing.T) {
	for name, s := range browserScripts() {
		t.Run(name, func(t *testing.T) {
			v := visitScript(t, s)
			sizes := windows
			if len(s.details) == 0 {
				sizes = windows[:1] // where it is hardest
			}
			for _, page := range pagesOf(s) {
				v.open(page)
				for _, window := range sizes {
					v.size(window[0], window[1])
					if wide := eval[int64](v, "document.documentElement.scrollWidth"); wide > window[0] {
						t.Errorf("%s is %d pixels wide in a window of %d", page, wide, window[0])
					}
				}
				v.check()
				if text := v.text("main"); len(strings.TrimSpace(text)) < 10 {
					t.Errorf("%s shows nothing: %q", page, text)
				}
			}
		})
	}
}

// printedTexts are all findings as they are printed.
func (v *visit) printedTexts() []string {
	v.t.Helper()
	texts := eval[[]string](v, `(() => {
		dispatchEvent(new Event("beforeprint"));
		const texts = Array.from(document.querySelectorAll(".printed-finding"), (one) => one.textContent);
		dispatchEvent(new Event("afterprint"));
		return texts;
	})()`)
	return texts
}

// What the page says of a finding is what the run said, for all of them: what
// rows leave out is filled in again.
func TestHTMLHoldsTheRun(t *testing.T) {
	for name, s := range browserScripts() {
		v := visitScript(t, s)
		v.open("#/findings")
		texts := v.printedTexts()
		if len(texts) != len(s.findings) {
			t.Errorf("%s: %d findings became %d", name, len(s.findings), len(texts))
		}
		for _, f := range s.findings {
			place := f.Account
			if place == "" {
				place = "organization"
			}
			wants := []string{f.Severity.String(), string(f.Status), shown(f.Rule), place, shown(f.Repository), shown(f.Message), shown(f.Remediation)}
			if !slices.ContainsFunc(texts, func(text string) bool {
				return !slices.ContainsFunc(wants, func(want string) bool { return !strings.Contains(text, want) })
			}) {
				t.Errorf("%s: no line has %q", name, wants)
			}
		}
	}
}

// Text from AWS is text wherever it stands: nothing of it becomes an element,
// and all of it is there with what is invisible made visible.
func TestHTMLHostileTextStaysText(t *testing.T) {
	s := hostileDetails()
	v := visitScript(t, s)
	inert := `Array.from(document.querySelectorAll("script, iframe, img, object, embed, link, form, base, [onerror], [onclick], [style]"))
		.filter((one) => !(one.tagName === "SCRIPT" && (one.type === "module" || one.id.startsWith("data-"))) && one.tagName !== "LINK" && one.method !== "dialog" && !one.matches(".rows"))
		.map((one) => one.outerHTML.slice(0, 200))`
	for _, page := range pagesOf(s) {
		v.open(page)
		if found := eval[[]string](v, inert); len(found) > 0 {
			t.Errorf("%s has elements that nobody put there: %q", page, found)
		}
		for _, r := range eval[string](v, "document.body.innerText") {
			if r != '\n' && r != '\t' && !isEmojiSelector(r) && !showable(r) {
				t.Errorf("%s shows %U", page, r)
			}
		}
	}
	for i, f := range s.findings[:40] {
		v.goTo("#/finding/" + f.Fingerprint)
		if got := eval[string](v, `document.querySelector(".row.active + .panel-row .says")?.textContent ?? "no panel"`); got != shown(f.Message) {
			t.Errorf("finding %d says %q, not %q", i, got, shown(f.Message))
		}
		if f.Repository == "" {
			continue
		}
		v.goTo("#/repo/" + f.Account + "/" + f.Region + "/" + url.PathEscape(shown(f.Repository)))
		if got := eval[string](v, `document.querySelector("#page h1")?.textContent ?? "no heading"`); got != shown(f.Repository) {
			t.Errorf("the page of %q is headed %q", shown(f.Repository), got)
		}
		if v.count("#access-title") == 0 {
			t.Errorf("the page of %q has no details", shown(f.Repository))
		}
	}
}

func (v *visit) total() string { return v.text(".total") }

func TestHTMLFilters(t *testing.T) {
	s := detailed()
	v := visitScript(t, s)
	matching := func(match func(f *finding.Finding) bool) string {
		n := 0
		for i := range s.findings {
			if match(&s.findings[i]) {
				n++
			}
		}
		return fmt.Sprintf("%d of %d findings", n, len(s.findings))
	}
	for query, match := range map[string]func(f *finding.Finding) bool{
		"severity=critical":              func(f *finding.Finding) bool { return f.Severity == finding.Critical },
		"severity=critical,low":          func(f *finding.Finding) bool { return f.Severity == finding.Critical || f.Severity == finding.Low },
		"status=waived":                  func(f *finding.Finding) bool { return f.Status == finding.Waived },
		"change=new,worsened":            func(f *finding.Finding) bool { return f.Change != finding.Known },
		"rule=tag-convention":            func(f *finding.Finding) bool { return f.Rule == "tag-convention" },
		"account=444455556666":           func(f *finding.Finding) bool { return f.Account == "444455556666" },
		"account=organization":           func(f *finding.Finding) bool { return f.Account == "" },
		"region=us-east-1":               func(f *finding.Finding) bool { return f.Region == "us-east-1" },
		"repository=SHOP":                func(f *finding.Finding) bool { return f.Repository == "web/shop" },
		"repository=web/*":               func(f *finding.Finding) bool { return strings.HasPrefix(f.Repository, "web/") },
		"repository=%3Dshop":             func(*finding.Finding) bool { return false },
		"repository=%3Dweb/shop":         func(f *finding.Finding) bool { return f.Repository == "web/shop" },
		"q=prod-WEB scan":                func(f *finding.Finding) bool { return f.Account == "222233334444" && f.Status == finding.Unknown },
		`q="the scan has"`:               func(f *finding.Finding) bool { return strings.Contains(f.Message, "the scan has") },
		"q=" + s.findings[7].Fingerprint: func(f *finding.Finding) bool { return f.Fingerprint == s.findings[7].Fingerprint },
		"severity=low&q=build-5": func(f *finding.Finding) bool {
			return f.Severity == finding.Low && strings.Contains(f.Message, "build-5")
		},
	} {
		v.open("#/findings?" + strings.ReplaceAll(query, " ", "%20"))
		if want := matching(match); v.total() != want {
			t.Errorf("%s lists %s, not %s", query, v.total(), want)
		}
	}
}

// What one does to the list stands in its address, and the address brings it
// back.
func TestHTMLFiltersStandInTheAddress(t *testing.T) {
	v := visitScript(t, detailed())
	v.open("#/findings")
	v.keys("/")
	v.keys("shop")
	eval[any](v, `document.querySelector(".toggle.low").click()`)
	eval[any](v, `(() => { const one = document.getElementById("group"); one.value = "rule"; one.dispatchEvent(new Event("change")); })()`)
	want := v.total()
	hash := eval[string](v, "location.hash")
	if hash != "#/findings?severity=low&q=shop&group=rule" {
		t.Errorf("the address is %s", hash)
	}
	v.open(hash)
	if v.total() != want || v.count(".row.group") != 1 {
		t.Errorf("%s lists %s in %d groups, not %s in one", hash, v.total(), v.count(".row.group"), want)
	}
	eval[any](v, `document.querySelector(".row.group").click()`)
	v.settle()
	if v.count(".row.finding") == 0 {
		t.Error("a group does not fold out")
	}
}

func TestHTMLGroupsAndOrder(t *testing.T) {
	s := detailed()
	v := visitScript(t, s)
	count := func(key func(f *finding.Finding) string) int {
		groups := make(map[string]bool)
		for i := range s.findings {
			groups[key(&s.findings[i])] = true
		}
		return len(groups)
	}
	for by, key := range map[string]func(f *finding.Finding) string{
		"rule":       func(f *finding.Finding) string { return f.Rule },
		"repository": func(f *finding.Finding) string { return f.Account + f.Region + f.Repository },
		"account":    func(f *finding.Finding) string { return f.Account },
		"severity":   func(f *finding.Finding) string { return f.Severity.String() },
	} {
		v.open("#/findings?group=" + by)
		if got, want := v.count(".row.group"), count(key); got != want {
			t.Errorf("by %s there are %d groups, not %d", by, got, want)
		}
	}
	rules := func() []string {
		return eval[[]string](v, `Array.from(document.querySelectorAll(".row.finding .rule .name"), (one) => one.textContent)`)
	}
	v.open("#/findings?sort=rule")
	if got := rules(); !slices.IsSorted(got) {
		t.Errorf("sorted by rule: %q", got)
	}
	v.open("#/findings?sort=-rule")
	got := rules()
	slices.Reverse(got)
	if !slices.IsSorted(got) {
		t.Errorf("sorted by rule, descending: %q", got)
	}
	v.open("#/findings")
	severity := eval[[]string](v, `Array.from(document.querySelectorAll(".row.finding .severity"), (one) => one.textContent)`)
	if !slices.IsSortedFunc(severity, func(a, b string) int {
		return slices.Index(finding.SeverityNames(), a) - slices.Index(finding.SeverityNames(), b)
	}) {
		t.Errorf("not the worst first: %q", severity)
	}
}

// A long list is never whole in the page, and every part of it can be reached.
func TestHTMLListIsVirtual(t *testing.T) {
	s := long(5000)
	v := visitScript(t, s)
	v.open("#/findings")
	if n := v.count(".row"); n < 10 || n > 60 {
		t.Errorf("%d rows are there", n)
	}
	v.keys("j")
	v.keys(kb.End)
	if got := eval[string](v, `document.querySelector(".row.active").getAttribute("aria-rowindex")`); got != "5001" {
		t.Errorf("End goes to row %s", got)
	}
	if eval[float64](v, `document.querySelector(".row.active").getBoundingClientRect().bottom - innerHeight`) > 0 {
		t.Error("the last row is out of sight")
	}
	v.keys(kb.Enter)
	for range 6 {
		v.keys(kb.ArrowUp)
		v.keys(kb.Enter)
	}
	// However the list is scrolled, rows follow each other without a hole.
	holes := eval[[]string](v, `(async () => {
		const holes = [];
		for (let y = document.documentElement.scrollHeight; y > document.documentElement.scrollHeight - 6000; y -= 333) {
			scrollTo({ top: y, behavior: "instant" });
			await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
			const rows = Array.from(document.querySelectorAll(".rows > *"), (one) => one.getBoundingClientRect());
			const first = rows[0], last = rows.at(-1);
			if (first.top > 200 || last.bottom < Math.min(innerHeight, document.querySelector(".rows").getBoundingClientRect().bottom) - 1) holes.push([y, first.top, last.bottom].join(" "));
		}
		return holes;
	})()`)
	if len(holes) > 0 {
		t.Errorf("rows are missing: %q", holes)
	}
}

// A permalink that is opened in a fresh window shows what it names.
func TestHTMLPermalinks(t *testing.T) {
	s := detailed()
	v := visitScript(t, s)
	for _, i := range []int{0, 3, 40, len(s.findings) - 1} {
		f := s.findings[i]
		v.open("#/finding/" + f.Fingerprint)
		panel := v.text(".panel")
		if !strings.Contains(panel, f.Message) || !strings.Contains(panel, f.Fingerprint) {
			t.Errorf("the permalink of %s shows %q", f.Fingerprint, panel)
		}
		if away := eval[float64](v, `(() => { const box = document.querySelector(".row.active").getBoundingClientRect(); return Math.max(-box.top, box.bottom - innerHeight); })()`); away > 0 {
			t.Errorf("the finding %s is out of sight by %v pixels", f.Fingerprint, away)
		}
	}
	v.open("#/finding/" + s.findings[40].Fingerprint)
	eval[any](v, `document.querySelector(".panel a[href^='#/repo/']").click()`)
	v.settle()
	if got := v.text("#page h1"); got != s.findings[40].Repository {
		t.Errorf("the link to the repository shows %q", got)
	}
	eval[any](v, "history.back()")
	v.settle()
	v.settle()
	if v.count(".panel") == 0 {
		t.Error("going back does not bring the finding back")
	}
	v.open("#/finding/ffffffffffffffffffffffffffffffff")
	if !strings.Contains(v.text("main"), "not listed here") {
		t.Errorf("an unknown finding shows %q", v.text("main"))
	}
	v.open("#/rule/repository-public")
	if text := v.text("#page"); !strings.Contains(text, "No repository is open to everyone") || !strings.Contains(text, "1 fail") {
		t.Errorf("the page of a rule shows %q", text)
	}
}

func TestHTMLRepositoryPage(t *testing.T) {
	v := visitScript(t, detailed())
	v.open("#/repo/222233334444/eu-west-1/web%2Flanding")
	page := v.text("#page")
	for _, want := range []string{"everyone", "PublicRead", "unknown, at most outside", "aws:PrincipalTag/team is web", "cost-center=4711", "There is no lifecycle policy", "Images: not collected", "repository-public"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a repository lacks %q:\n%s", want, page)
		}
	}
	if n := v.count(".flow"); n != 11 {
		t.Errorf("%d lines are drawn for 11 abilities of principals", n)
	}
	if n := v.count(".flow.unknown"); n != 3 {
		t.Errorf("%d lines are drawn as unknown, not 3", n)
	}
	v.open("#/repo/222233334444/us-east-1/web%2Fshop")
	page = v.text("#page")
	for _, want := range []string{"priority 2: archives images", "never acts", "Nothing happens to 41 images until 2026-12-13", "Of 2 images it cannot be said", "74 images", "65 of them are not in this report", "41.20 USD", "Show 63 more"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a repository lacks %q:\n%s", want, page)
		}
	}
	for selector, want := range map[string]int{".due": 8, ".kind.missing": 1, ".kind.signature": 1, ".branch.about": 3, ".branch.part": 3, ".release": 2} {
		if n := v.count("svg " + selector); n != want {
			t.Errorf("%d of %s are drawn, not %d", n, selector, want)
		}
	}
	v.open("#/repo/444455556666/eu-west-1/payments%2Fledger")
	if page := v.text("#page"); !strings.Contains(page, "ecr:GetRepositoryPolicy") || !strings.Contains(page, "Access: not collected") {
		t.Errorf("what was not read is not said:\n%s", page)
	}
	v.open("#/repo/333344445555/us-east-1/web%2Fshop")
	if page := v.text("#page"); !strings.Contains(page, "there are no details") {
		t.Errorf("a repository without details shows:\n%s", page)
	}
	plain := visitScript(t, typical())
	plain.open("#/repo/222233334444/us-east-1/web%2Fshop")
	if page := plain.text("#page"); !strings.Contains(page, "--details") {
		t.Errorf("a report without details does not say how to get them:\n%s", page)
	}
}

func TestHTMLKeyboard(t *testing.T) {
	s := detailed()
	v := visitScript(t, s)
	v.open("")
	active := func() string {
		return eval[string](v, `document.querySelector(".row.active")?.getAttribute("aria-rowindex") ?? ""`)
	}
	v.keys("j")
	if v.text("#findings h1") == "" || active() != "2" {
		t.Errorf("j goes to row %q", active())
	}
	v.keys("jj")
	v.keys("k")
	v.keys(kb.ArrowDown)
	if active() != "4" {
		t.Errorf("jj k ↓ goes to row %q", active())
	}
	if got := eval[string](v, `document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.getAttribute("aria-rowindex")`); got != "4" {
		t.Errorf("the row that is announced is %q", got)
	}
	v.keys(kb.Enter)
	if v.count(".panel") != 1 || eval[string](v, `document.querySelector(".row.active").getAttribute("aria-expanded")`) != "true" {
		t.Error("Enter does not fold out")
	}
	v.keys(kb.Escape)
	if v.count(".panel") != 0 {
		t.Error("Esc does not fold in")
	}
	v.keys("/")
	if got := eval[string](v, "document.activeElement.id"); got != "search" {
		t.Errorf("/ goes to %q", got)
	}
	v.keys("jk?")
	if got := eval[string](v, "document.activeElement.value"); got != "jk?" {
		t.Errorf("keys in the search field do something: %q", got)
	}
	v.keys(kb.Escape)
	if got := eval[string](v, "document.getElementById('search').value"); got != "" {
		t.Errorf("Esc leaves %q in the search field", got)
	}
	v.keys(kb.Escape)
	v.keys("?")
	if v.count("dialog[open]") != 1 {
		t.Error("? shows no help")
	}
	v.keys(kb.Escape)
	if v.count("dialog[open]") != 0 {
		t.Error("Esc does not close the help")
	}
	v.keys("g")
	if v.count(".row.group") == 0 {
		t.Error("g does not group")
	}
	v.keys("o")
	if v.count("#overview") != 1 {
		t.Error("o does not show the overview")
	}
	// With Tab alone one comes from the skip link through the views to the list.
	v.open("#/findings")
	var stops []string
	for range 40 {
		v.keys(kb.Tab)
		stops = append(stops, eval[string](v, "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
	}
	for _, want := range []string{"skip", "theme", "search", "group", "grid"} {
		if !slices.Contains(stops, want) {
			t.Errorf("Tab does not come to %s: %q", want, stops)
		}
	}
	v.check()
}

// Every control has a name, every list of rows its roles, every view a heading.
func TestHTMLNamesAndRoles(t *testing.T) {
	v := visitScript(t, detailed())
	for _, page := range pagesOf(detailed()) {
		v.open(page)
		unnamed := eval[[]string](v, `Array.from(document.querySelectorAll("button, a, input, select, [role=img], [role=region], [role=treegrid], [role=group], dialog, nav, section"))
			.filter((one) => one.checkVisibility())
			.filter((one) => !(one.innerText?.trim() && one.matches("button, a")) && !one.getAttribute("aria-label") && !one.labels?.length &&
				!document.getElementById(one.getAttribute("aria-labelledby"))?.textContent && !one.matches(".printed"))
			.map((one) => one.outerHTML.slice(0, 160))`)
		if len(unnamed) > 0 {
			t.Errorf("%s has elements without a name: %q", page, unnamed)
		}
		if n := eval[int](v, `Array.from(document.querySelectorAll("h1")).filter((one) => one.checkVisibility()).length`); n != 1 {
			t.Errorf("%s has %d main headings", page, n)
		}
		ids := eval[[]string](v, `Array.from(document.querySelectorAll("[id]"), (one) => one.id)`)
		slices.Sort(ids)
		if unique := slices.Compact(slices.Clone(ids)); len(unique) != len(ids) {
			t.Errorf("%s has an id twice: %q", page, ids)
		}
		orphans := eval[[]string](v, `Array.from(document.querySelectorAll("[role=row]")).filter((one) => !one.closest("[role=treegrid]")).map((one) => one.outerHTML.slice(0, 160))`)
		if len(orphans) > 0 {
			t.Errorf("%s has rows outside of a grid: %q", page, orphans)
		}
	}
}

// The contrast of every text with what is behind it is at least 4.5 to 1, in
// both schemes (WCAG 2.2, 1.4.3). Large text would do with 3.
func TestHTMLContrast(t *testing.T) {
	v := visitScript(t, detailed())
	for _, scheme := range []string{"light", "dark"} {
		v.colors(scheme)
		for _, page := range pagesOf(detailed()) {
			v.open(page)
			eval[any](v, `document.querySelectorAll("details").forEach((one) => { one.open = true; })`)
			eval[any](v, `document.querySelectorAll(".toggle").forEach((one, i) => { if (i % 2) one.setAttribute("aria-pressed", "true"); })`)
			v.settle()
			if weak := eval[[]string](v, weakTexts); len(weak) > 0 {
				t.Errorf("%s %s: %s", scheme, page, strings.Join(weak, "\n"))
			}
		}
	}
}

// weakTexts lists the texts that do not stand out. What is behind a text is the
// nearest background that is not transparent; behind a text of a drawing, the
// shape that is drawn before it in its group.
const weakTexts = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const channels = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return Array.from(canvas.getImageData(0, 0, 1, 1).data);
	};
	const luminance = (color) => {
		const [r, g, b] = channels(color).slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (node) => {
		if (node instanceof SVGElement) {
			const shape = node.parentNode.querySelector(":scope > rect");
			if (node.tagName === "text" && node.parentNode.tagName === "g" && shape) return getComputedStyle(shape).fill;
		}
		for (let one = node; one; one = one.parentElement) {
			const color = getComputedStyle(one).backgroundColor;
			if (channels(color)[3] === 255) return color;
		}
		return "white";
	};
	const weak = new Map();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const node = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest("script, style, title, .unseen, noscript, option")) continue;
		const style = getComputedStyle(node);
		const color = node instanceof SVGElement ? style.fill : style.color;
		const a = luminance(color), b = luminance(behind(node));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) weak.set(node.className?.baseVal ?? node.className + " " + node.tagName, contrast.toFixed(2) + " " + color + " on " + behind(node) + ": " + node.outerHTML.slice(0, 120));
	}
	return Array.from(weak.values());
})()`

// A browser without scripts shows the overview, and says what is missing.
func TestHTMLInBrowserWithoutScript(t *testing.T) {
	v := visitScript(t, detailed())
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	for _, window := range windows {
		v.do(chromedp.EmulateViewport(window[0], window[1]), chromedp.Navigate(v.url))
		text := eval[string](v, "document.body.innerText")
		for _, want := range []string{"NOT COMPLETE", "Without JavaScript", "findings fail at or above high", "ecr:GetRepositoryPolicy"} {
			if !strings.Contains(text, want) {
				t.Errorf("without scripts the page lacks %q:\n%s", want, text)
			}
		}
		if n := v.count("nav, .truncated, #findings, button"); n > 0 {
			t.Errorf("%d elements are shown that need a script", n)
		}
		if wide := eval[int64](v, "document.documentElement.scrollWidth"); wide > window[0] {
			t.Errorf("the page is %d pixels wide in a window of %d", wide, window[0])
		}
	}
	v.check()
}

// A file of which the end is missing says so, wherever it was cut.
func TestHTMLCutShort(t *testing.T) {
	page := written(t, "html", detailed(), Options{})
	overview := bytes.Index(page, []byte("<main"))
	for name, end := range map[string]int{"in the data": overview / 2, "in the overview": overview + 5000, "before the footer": bytes.Index(page, []byte("<footer"))} {
		v := visitPage(t, page[:end])
		v.open("")
		if !strings.Contains(v.text("body"), "cut short") {
			t.Errorf("cut %s, the page does not say so:\n%s", name, v.text("body"))
		}
	}
}

func TestHTMLRepositories(t *testing.T) {
	s := detailed()
	s.details = append(s.details, detailOf("111122223333", "eu-west-1", `quiet],"`))
	v := visitScript(t, s)
	names := make(map[string]bool)
	for _, f := range s.findings {
		if f.Repository != "" {
			names[f.Account+f.Region+f.Repository] = true
		}
	}
	v.open("#/repos")
	if n := v.count("#page tbody tr"); n != len(names)+1 {
		t.Errorf("%d repositories are listed, not %d", n, len(names)+1)
	}
	eval[any](v, `document.querySelectorAll("#page tbody a").forEach((one, i, all) => { if (i === all.length - 1) one.click(); })`)
	v.settle()
	if got := v.text("#page h1"); got != `quiet],"` {
		t.Errorf("the last repository is %q", got)
	}
	v.open("#/repos?q=prod-web%20eu-west")
	if text := v.text("#page"); !strings.Contains(text, "web/landing") || strings.Contains(text, "web/shop") {
		t.Errorf("a search lists %s", text)
	}
}

func TestHTMLDarkAndLight(t *testing.T) {
	v := visitScript(t, detailed())
	paper := func() string { return eval[string](v, "getComputedStyle(document.body).backgroundColor") }
	v.colors("light")
	v.open("")
	light := paper()
	v.colors("dark")
	v.settle()
	dark := paper()
	if light == dark {
		t.Errorf("the page is %s in both schemes", light)
	}
	eval[any](v, `document.getElementById("theme").click()`)
	if paper() != light {
		t.Errorf("the button leaves the page %s", paper())
	}
	eval[any](v, `document.getElementById("theme").click()`)
	if paper() != dark {
		t.Errorf("the second press leaves the page %s", paper())
	}
}

func TestHTMLPrints(t *testing.T) {
	s := long(1500)
	v := visitScript(t, s)
	v.open("#/findings?severity=critical,high")
	texts := v.printedTexts()
	want := 0
	for _, f := range s.findings {
		if f.Severity >= finding.High {
			want++
		}
	}
	if len(texts) != min(want, 1000) {
		t.Errorf("%d findings are printed, not %d", len(texts), min(want, 1000))
	}
	v.open("#/findings")
	eval[any](v, `dispatchEvent(new Event("beforeprint"))`)
	if text := eval[string](v, `document.querySelector(".printed").textContent`); !strings.Contains(text, "Only 1,000 are printed, 500 are not") {
		t.Errorf("what is not printed is not said: %.200s", text)
	}
	eval[any](v, `dispatchEvent(new Event("afterprint"))`)
	for _, page := range []string{"", "#/findings", "#/rule/encryption"} {
		v.open(page)
		v.size(794, 1123) // a sheet of A4
		v.media("print")
		eval[any](v, `dispatchEvent(new Event("beforeprint"))`)
		if wide := eval[int](v, "document.documentElement.scrollWidth"); wide > 794 {
			t.Errorf("%s is %d pixels wide on a sheet of 794", page, wide)
		}
		eval[any](v, `dispatchEvent(new Event("afterprint"))`)
		v.media("")
		pdf, err := chromedp.Run(v.ctx, chromedp.PrintToPDF())
		if err != nil || len(pdf) < 5000 {
			t.Errorf("%s as PDF has %d bytes: %v", page, len(pdf), err)
		}
		v.check()
	}
	if v.count(".printed") != 0 {
		t.Error("what is printed stays in the page")
	}
}

// Nothing in the page makes an incomplete run look clean, on any view.
func TestHTMLIncompleteOnEveryView(t *testing.T) {
	all := incompletes()
	all["partial"] = partial()
	for name, s := range all {
		v := visitScript(t, s)
		for _, page := range []string{"", "#/findings", "#/findings?q=x", "#/rule/encryption", "#/repo/111122223333/eu-west-1/a", "#/finding/x"} {
			v.open(page)
			if !strings.Contains(v.text(".banners"), "NOT COMPLETE") {
				t.Errorf("%s: %q does not say that the run is not complete", name, page)
			}
		}
		v.open("#/findings")
		if len(s.findings) == 0 && !strings.Contains(v.text("main"), "NOT complete") {
			t.Errorf("%s: the empty list looks clean: %s", name, v.text("main"))
		}
	}
	v := visitScript(t, clean())
	v.open("#/findings")
	if diff := cmp.Diff("No findings.", v.text(".none")); diff != "" {
		t.Error(diff)
	}
}
