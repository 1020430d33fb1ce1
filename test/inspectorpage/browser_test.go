// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package inspectorpage looks at the inspector's page in a real browser: each view, each state,
// the keys, narrow and wide, light and dark. What the browser's console has to say against the
// page, as of a violation of its Content-Security-Policy, fails the test.
//
// The tests want a Chromium (apt-get install chromium) and are skipped where there is none.
// Pictures of all that was looked at are in test/_build_inspector.
package inspectorpage

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	module   = "../../extension/apiinspectorextension"
	pictures = "../_build_inspector"
)

var (
	chrome  context.Context // nil without a Chromium
	rigPath string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "inspectorpage")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	rigPath = filepath.Join(dir, "rig")
	build := exec.Command("go", "build", "-C", module, "-o", rigPath, "./internal/page/rig")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the rig: %w\n%s", err, out)
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return 0, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.WSURLReadTimeout(60*time.Second))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, stop := chromedp.NewContext(alloc)
	defer stop()
	if err := chromedp.Do(ctx); err != nil {
		return 0, fmt.Errorf("start %s: %w", path, err)
	}
	chrome = ctx //nolint:fatcontext // of all tests, until they are over
	return m.Run(), nil
}

// tab is a page that is looked at, and the rig that serves it.
type tab struct {
	*testing.T

	ctx context.Context
	url string

	mu       sync.Mutex
	console  []string
	expected []string // parts of messages that a test provokes
}

// open starts a rig with n exchanges and shows its page.
func open(t *testing.T, n, width, height int, dark bool) *tab {
	t.Helper()
	if chrome == nil {
		t.Skip("no Chromium here: apt-get install chromium")
	}
	cmd := exec.Command(rigPath, "-n", fmt.Sprint(n))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return visit(t, strings.TrimSpace(line), width, height, dark)
}

// visit shows the page at an address.
func visit(t *testing.T, url string, width, height int, dark bool) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chrome)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx, url: url}
	if _, err := chromedp.Run(ctx, chromedp.Location()); err != nil { // makes the tab
		t.Fatal(err)
	}
	// Its own context: the messages are read until the tab is closed.
	go b.listen(chromedp.Console(ctx))
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.run(chromedp.EmulateViewport(int64(width), int64(height)), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		call(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "UTC"}), chromedp.Navigate(url))
	b.wait(`document.querySelector('.banner:not([hidden]) b')`)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, text := range b.console {
			if !slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(text, part) }) {
				t.Errorf("console: %s", text)
			}
		}
	})
	return b
}

func (b *tab) listen(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
			b.mu.Lock()
			b.console = append(b.console, m.String()+" "+m.URL)
			b.mu.Unlock()
		}
	}
}

// call is a command of the protocol.
func call[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

// expect lets messages with a part of text pass: the test provokes them.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// js is the value of an expression, as text.
func (b *tab) js(expression string) string {
	b.Helper()
	out, err := b.eval(expression)
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return out
}

func (b *tab) eval(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute) // axe takes long on a busy machine
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[any](expression, chromedp.EvalAwaitPromise))
	if err != nil || out == nil {
		return "", err
	}
	return fmt.Sprint(out), nil
}

// wait waits until an expression is true.
func (b *tab) wait(expression string) {
	b.Helper()
	end := time.Now().Add(time.Minute)
	for time.Now().Before(end) {
		// While a page is loaded anew there is none to ask.
		if out, err := b.eval("Boolean(" + expression + ")"); err == nil && out == "true" {
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
	b.picture("failed")
	b.Fatalf("not in 30 s: %s\nthe page says: %.600s", expression, b.js("document.body.innerText"))
}

// text waits until the page shows a text.
func (b *tab) text(want string) {
	b.Helper()
	b.wait(fmt.Sprintf("document.body.innerText.includes(%q)", want))
}

// go shows another address of the page.
func (b *tab) hash(hash string) {
	b.Helper()
	b.js(fmt.Sprintf("void (location.hash = %q)", hash))
}

// press types keys as a user does: what a key writes can be prevented by who hears it.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, r := range strings.Join(keys, "") {
		var down *input.DispatchKeyEventParams
		for _, k := range kb.Encode(r) {
			switch k.Type {
			case kb.KeyDown:
				down = k
			case kb.KeyChar:
				down.Text, down.UnmodifiedText = k.Text, k.UnmodifiedText
			default:
				b.run(call(input.DispatchKeyEvent, *down), call(input.DispatchKeyEvent, *k))
			}
		}
	}
}

// do tells the rig something.
func (b *tab) do(what string) {
	b.Helper()
	res, err := http.Post(b.url+"rig/"+what, "", nil)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Fatalf("rig: %s: %s", what, res.Status)
	}
}

// picture writes what is seen, and holds that nothing stands beyond the right edge.
func (b *tab) picture(name string) []byte {
	b.Helper()
	b.js("new Promise((r) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(r)), 120))")
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
	if wide := b.js("document.documentElement.scrollWidth - innerWidth"); !strings.HasPrefix(wide, "-") && wide != "0" {
		b.Errorf("%s: the page is %s px wider than the window", name, wide)
	}
	if cut := b.js("innerWidth < 1280 ? 0 : Math.max(0, ...[...document.querySelectorAll('.wide')].map((w) => w.scrollWidth - w.clientWidth))"); cut != "0" {
		b.Errorf("%s: a table is %s px wider than there is room", name, cut)
	}
	return png
}

const enter, escape = kb.Enter, kb.Escape
