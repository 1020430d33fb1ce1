// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspectorpage

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

var keep = flag.Bool("pictures", false, "write the pictures of the documentation, docs/images")

// sample starts the extension with its own sample of exchanges, and is the address it prints.
func sample(t *testing.T, flags ...string) string {
	t.Helper()
	if chrome == nil {
		t.Skip("no Chromium here: apt-get install chromium")
	}
	path := filepath.Join(t.TempDir(), "sample")
	if out, err := exec.Command("go", "build", "-C", module, "-o", path, "./internal/sample").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	cmd := exec.Command(path, append([]string{"-addr", address}, flags...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if url := regexp.MustCompile(`http://` + regexp.QuoteMeta(address) + `/\S*`).FindString(lines.Text()); url != "" {
			go func() {
				for lines.Scan() {
				}
			}()
			return url
		}
	}
	t.Fatal("the sample printed no address")
	return ""
}

// The page with the extension itself: token, search, the exact requests, and exports.
func TestReal(t *testing.T) {
	url := sample(t, "-rate", "0", "-count", "300")
	if !strings.Contains(url, "?t=") {
		t.Errorf("the address has no token: %s", url)
	}
	b := visit(t, url, 1280, 840, false)
	b.wait("document.querySelector('.live .count').innerText.startsWith('300')")
	if got := b.js("document.querySelector('#notices').innerText + document.querySelector('footer').innerText"); strings.Contains(got, "a sample") {
		t.Errorf("the traffic of a demo is a sample: %s", got)
	}
	if got := b.js("location.href + document.cookie"); strings.Contains(got, "t=") {
		t.Errorf("the token is in the address or for scripts: %s", got)
	}
	b.allowClipboard()
	b.press("/", "status:5xx", enter, "j", enter, "c")
	b.wait("document.querySelector('#toast').innerText.startsWith('curl copied')")
	if got := b.js("navigator.clipboard.readText()"); !strings.HasPrefix(got, "curl ") {
		t.Errorf("the clipboard has %q", got)
	}
	if got := b.js("document.querySelector('.title .status').innerText"); !strings.HasPrefix(got, "5") {
		t.Errorf("an exchange of status %q is open", got)
	}
	b.picture("real-5xx")
	b.press(escape, "/", "statsu:5xx status:20 route:/orders method:POST redacted:>0", enter)
	b.wait("document.querySelector('.under u')")
	// A file is not made of it, which is said.
	b.expect("400")
	b.js("document.querySelector('[data-do=har]').click()")
	b.wait("document.querySelector('#toast').innerText.startsWith('There is no field')")
	b.press("/", "method:POST route:/orders status:201", enter, "j", enter)
	b.wait("document.querySelector('.exchange:not([hidden], .loads) .tree .badge.d-masked')")
	b.js("[...document.querySelectorAll('.tree summary')].find((s) => s.innerText.startsWith('\"items\"')).click()")
	b.wait("!document.querySelector('#toast.on')")
	b.keep("inspector-exchange")
	b.press("b", "b")
	b.wait("document.querySelector('.tree del')")
	b.picture("real-diff")
	b.press("1")
	b.wait("document.querySelector('.attempt .tree')")
	b.picture("real-vendor")
	for _, tab := range []string{"decisions", "attributes"} {
		b.js(fmt.Sprintf("document.getElementById('tab-%s').click()", tab))
		b.wait("document.querySelector('.panel table')")
		b.picture("real-" + tab)
	}
	b.press(escape, "g", "e")
	b.wait("document.querySelector('.grid .spark')")
	b.keep("inspector-endpoints")
	b.press("j", enter)
	b.wait("document.querySelector('.histogram')")
	b.picture("real-endpoint")
	b.press("g", "c")
	b.wait("document.querySelector('main > section:not([hidden]) .grid tbody td.n')")
	b.picture("real-consumers")
	b.press("g", "f")
	b.text("Leaves unchanged")
	b.keep("inspector-fields")
	b.press("g", "r")
	b.wait("document.querySelector('main > section:not([hidden]) .grid th code')")
	b.js("document.querySelector('.sandbox textarea').value = 'version: 1\\nkeys:\\n  deny: [sku]\\n'; document.querySelector('.sandbox .main').click()")
	b.text("would look otherwise")
	b.picture("real-rules")
	b.js("document.querySelector('.sandbox').scrollIntoView()")
	b.picture("real-sandbox")
	b.press("g", "d")
	b.wait("document.querySelector('.card')")
	b.picture("real-delivery")
	dir := b.downloads()
	for _, path := range []string{"api/export?format=har", "api/export?format=ndjson", "api/fields?format=csv", "api/fields?format=json", "api/fields?format=html"} {
		if got := b.js(fmt.Sprintf("fetch(%q).then(async (r) => r.status + ' ' + r.headers.get('Content-Disposition') + ' ' + (await r.text()).length)", path)); !strings.HasPrefix(got, "200 attachment") {
			t.Errorf("%s: %s", path, got)
		}
	}
	// The page for the audit, as wide as paper: no word of its heads is broken.
	b.run(chromedp.EmulateViewport(800, 1100), chromedp.Navigate("file://"+filepath.Join(dir, "fields.html")))
	b.picture("real-audit")
	if got := b.js(`[...document.querySelectorAll('th')].filter((th) => { const all = document.createRange(); all.selectNodeContents(th);
		return all.getClientRects().length > th.innerText.split(' ').length; }).map((th) => th.innerText).join()`); got != "" {
		t.Errorf("broken words: %s", got)
	}
}

func TestRealStates(t *testing.T) {
	b := visit(t, sample(t, "-empty"), 1280, 800, false)
	b.text("No exchange yet")
	b.picture("real-empty")
	b = visit(t, sample(t, "-bare", "-rate", "0", "-count", "50"), 1280, 800, false)
	b.wait(rows + ".length > 5")
	b.text("there is no before and after")
	b.press("j", enter)
	b.wait("document.querySelector('.sides')")
	b.picture("real-bare")
}

// downloads presses what saves files, and waits until they are there by their names, and what they should be.
func (b *tab) downloads() string {
	b.Helper()
	dir := b.TempDir()
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	}); err != nil {
		b.Fatal(err)
	}
	b.hash("#/?q=status:201")
	b.wait("[...document.querySelectorAll('.rows .status')].every((s) => s.innerText === '201')")
	b.press("j", enter)
	b.wait("document.querySelector('.exchange:not([hidden], .loads) .sides')")
	id := b.js("location.hash.slice(4, 12)")
	b.press("h", "t")
	b.js("document.querySelector('[data-do=ndjson]').click()")
	b.hash("#/fields")
	b.wait("document.querySelector('[data-format=csv]')")
	b.js("document.querySelector('[data-format=csv]').click()")
	b.js("document.querySelector('[data-format=html]').click()")
	for name, begin := range map[string]string{
		"exchange-" + id + ".har": `{"log":{"version":"1.2"`, "exchange-" + id + ".fixture.json": `{"id":"`, "exchanges.ndjson": `{"schema":"apispan.event/1"`,
		"fields.csv": "service,endpoint,", "fields.html": "<!doctype html>",
	} {
		end := time.Now().Add(30 * time.Second)
		var got []byte
		for got == nil && time.Now().Before(end) {
			time.Sleep(50 * time.Millisecond)
			got, _ = os.ReadFile(filepath.Join(dir, name))
		}
		if !strings.HasPrefix(string(got), begin) {
			b.Errorf("%s: %.80q", name, got)
		}
	}
	return dir
}

// keep takes a picture that the documentation shows; the flag -pictures writes it there.
func (b *tab) keep(name string) {
	b.Helper()
	raw := b.picture("real-" + name)
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, paletted(img)); err != nil {
		b.Fatal(err)
	}
	if out.Len() > 150<<10 {
		b.Errorf("%s: %d bytes, a picture of the documentation has at most 150 KiB", name, out.Len())
	}
	if !*keep {
		return
	}
	if err := os.WriteFile(filepath.Join("../../docs/images", name+".png"), out.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
}

// paletted is a picture in 256 colours: the page has few, and their blends. Those that differ by
// little are taken together, so that a colour of a few pixels is not lost to shades of grey.
func paletted(img image.Image) *image.Paletted {
	bounds := img.Bounds()
	count := map[color.RGBA]int{}
	near := func(c color.RGBA) color.RGBA { return color.RGBA{R: c.R >> 3, G: c.G >> 3, B: c.B >> 3} }
	most := map[color.RGBA]color.RGBA{} // the most frequent of those taken together
	total := map[color.RGBA]int{}
	each := func(fn func(x, y int, c color.RGBA)) {
		for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
			for x := bounds.Min.X; x < bounds.Max.X; x++ {
				fn(x, y, color.RGBAModel.Convert(img.At(x, y)).(color.RGBA))
			}
		}
	}
	each(func(_, _ int, c color.RGBA) {
		k := near(c)
		count[c]++
		total[k]++
		if best, ok := most[k]; !ok || count[c] > count[best] {
			most[k] = c
		}
	})
	groups := slices.SortedFunc(maps.Keys(total), func(a, b color.RGBA) int { return total[b] - total[a] })
	palette := color.Palette{}
	for _, k := range groups[:min(256, len(groups))] {
		palette = append(palette, most[k])
	}
	at := map[color.RGBA]uint8{}
	out := image.NewPaletted(bounds, palette)
	each(func(x, y int, c color.RGBA) {
		i, ok := at[c]
		if !ok {
			i = uint8(palette.Index(c))
			at[c] = i
		}
		out.SetColorIndex(x, y, i)
	})
	return out
}
