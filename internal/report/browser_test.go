package report

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browserPath finds Chromium: CHROME_PATH, or what PATH has by a usual name.
func browserPath() (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "chrome"}
	if given := os.Getenv("CHROME_PATH"); given != "" {
		names = []string{given}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser: none of %s can be run; install Chromium or set CHROME_PATH", strings.Join(names, ", "))
}

// startBrowser starts the one browser of all tests, which ends with them.
var startBrowser = sync.OnceValues(func() (context.Context, error) {
	path, err := browserPath()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which Chromium refuses to root
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	stopBrowser = stop
	ctx, _ = chromedp.NewContext(ctx)
	return ctx, chromedp.Do(ctx)
})

var stopBrowser = func() {}

func TestMain(m *testing.M) {
	m.Run()
	stopBrowser()
}

// visit is a page in a tab of its own. Whatever happens that must never happen
// fails the test: an error on the console, a breach of the page's policy, a
// dialog, a request for anything but the page.
type visit struct {
	t    testing.TB
	ctx  context.Context //nolint:containedctx // it is the tab, as long as that is open
	url  string
	mu   sync.Mutex
	seen []string

	opened bool
}

// visitPage opens a page that is written to a file of its own, in a window of a
// desk.
func visitPage(t testing.TB, body []byte) *visit {
	t.Helper()
	browser, err := startBrowser()
	if errors.Is(err, exec.ErrNotFound) || err != nil && browser == nil {
		if os.Getenv("REQUIRE_BROWSER") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	v := &visit{t: t, url: (&url.URL{Scheme: "file", Path: path}).String()}
	tab, closeTab := chromedp.NewContext(browser, chromedp.WithListener(v.notice))
	t.Cleanup(closeTab)
	v.ctx = tab
	v.do(chromedp.EmulateViewport(1440, 900))
	return v
}

// notice runs while the tab's messages are read.
func (v *visit) notice(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		v.seen = append(v.seen, fmt.Sprintf("console: %s %v", e.Type, e.Args))
	case *runtime.EventExceptionThrown:
		v.seen = append(v.seen, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *log.EventEntryAdded:
		v.seen = append(v.seen, "log: "+e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		v.seen = append(v.seen, "dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		if address := e.Request.URL; address != v.url && !strings.HasPrefix(address, "data:") && address != "about:blank" {
			v.seen = append(v.seen, "request: "+address)
		}
	}
}

func (v *visit) check() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, what := range v.seen {
		v.t.Errorf("%.600s", what)
	}
	v.seen = nil
}

func (v *visit) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	if v.first() {
		ctx = v.ctx // else the tab would end with the time limit
	}
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// first reports whether the tab is not open yet.
func (v *visit) first() bool { return chromedp.FromContext(v.ctx).Target == nil }

// open loads the page anew at an address within it.
func (v *visit) open(hash string) {
	v.t.Helper()
	if v.opened {
		eval[any](v, fmt.Sprintf("history.replaceState(null, '', %q)", v.url+hash))
		v.do(chromedp.Reload())
	} else {
		v.do(chromedp.Navigate(v.url + hash))
		v.opened = true
	}
	v.settle()
	v.check()
}

// goTo follows a link to an address within the page.
func (v *visit) goTo(hash string) {
	v.t.Helper()
	eval[any](v, fmt.Sprintf("location.hash = %q", hash))
	v.settle()
	v.check()
}

// settle waits until what was begun is drawn.
func (v *visit) settle() {
	v.t.Helper()
	eval[any](v, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { globalThis.shownAfter ??= performance.now(); done(); }, 0))))`)
}

// keys presses keys one after the other, each as a keyboard does it: what a key
// types is part of its going down, so that a page can prevent it.
func (v *visit) keys(keys string) {
	v.t.Helper()
	for _, r := range keys {
		key, known := kb.Keys[r]
		if !known {
			v.t.Fatalf("there is no key for %q", r)
		}
		press := input.DispatchKeyEventParams{
			Type: input.DispatchKeyEventTypeKeyDown, Key: key.Key, Code: key.Code, Text: key.Text,
			WindowsVirtualKeyCode: key.Windows, NativeVirtualKeyCode: key.Native,
		}
		for _, press.Type = range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, press)
				return err
			}))
			press.Text = ""
		}
	}
	v.settle()
}

// colors makes the browser prefer a scheme: dark or light.
func (v *visit) colors(scheme string) {
	v.t.Helper()
	v.emulate(emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// media makes the page look as on a medium: print, or the screen if it is empty.
func (v *visit) media(medium string) {
	v.t.Helper()
	v.emulate(emulation.SetEmulatedMediaParams{Media: medium})
	v.settle()
}

func (v *visit) emulate(media emulation.SetEmulatedMediaParams) {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return err
	}))
}

func (v *visit) size(width, height int64) {
	v.t.Helper()
	v.do(chromedp.EmulateViewport(width, height))
	v.settle()
}

// eval is the value of an expression, or of what it promises.
func eval[T any](v *visit, expression string) T {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil && !errors.Is(err, chromedp.ErrJSUndefined) && !errors.Is(err, chromedp.ErrJSNull) {
		v.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text is what a reader sees of the first element that matches.
func (v *visit) text(selector string) string {
	v.t.Helper()
	return eval[string](v, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// count is how many elements that can be seen match.
func (v *visit) count(selector string) int {
	v.t.Helper()
	return eval[int](v, fmt.Sprintf("Array.from(document.querySelectorAll(%q)).filter((one) => one.checkVisibility()).length", selector))
}
