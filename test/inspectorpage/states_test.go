// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspectorpage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// What stands on the page when something is missing, each in words.
func TestStates(t *testing.T) {
	b := open(t, 200, 1400, 900, false)
	b.wait(rows + ".length > 5")
	for _, s := range []struct{ name, want string }{
		{"dry", "DRY RUN – nothing leaves"},
		{"live", "LIVE – sending to api.moesif.net"},
		{"no_backend", "NO BACKEND"},
		{"no_redaction", "Nothing is redacted: the pipeline traces has no http_redaction"},
		{"no_bodies", "Bodies are not captured"},
		{"gated", "Everything is sampled out"},
		{"not_shown", "412 not shown: the page could not keep up"},
	} {
		b.do("scenario?name=" + s.name)
		b.text(s.want)
		b.picture("state-" + s.name)
	}
	for _, s := range []struct{ name, want string }{
		{"empty", "No exchange yet"}, {"not_http", "37 spans arrived, none was an HTTP exchange"},
	} {
		b.do("scenario?name=" + s.name)
		b.js("location.reload()")
		b.text(s.want)
		b.text("curl -s http://127.0.0.1:4318/v1/traces")
		b.picture("state-" + s.name)
	}
	sample := b.js("document.querySelector('.empty pre').innerText")
	// The shell reads it, and what it sends is JSON.
	out, err := exec.Command("sh", "-c", strings.Replace(sample, "curl ", "printf '%s\\n' ", 1)).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if !json.Valid([]byte(lines[len(lines)-1])) {
		t.Errorf("the sample is no JSON: %s", lines[len(lines)-1])
	}
	b.do("emit?n=3")
	b.wait(rows + ".length === 3")
}

// A connection that is lost is said, and what could not be seen is marked.
func TestConnectionLost(t *testing.T) {
	b := open(t, 50, 1400, 900, false)
	b.expect("503")
	b.expect("ERR_")
	b.wait(rows + ".length > 5")
	first := b.js(rows + "[0].dataset.id")
	b.do("drop?n=1500")
	b.text("Reconnecting…")
	b.picture("state-lost")
	b.wait(fmt.Sprintf("document.querySelector('.rows tr[data-id=%q]')", first))
	b.do("quiet?n=350")
	b.wait("document.querySelector('.lost').hidden")
	// One that cannot be read does not stand over the content of another.
	b.js(rows + "[0].querySelector('.c-ms').click()")
	b.wait("document.querySelector('.exchange:not([hidden], .loads) .sides')")
	b.do("drop?n=1500")
	b.js(rows + "[1].querySelector('.c-ms').click()")
	b.wait("document.querySelector('.exchange:not(.loads) h2').innerText === 'Not read' && !document.querySelector('.sides')")
	b.wait("document.querySelector('.lost').hidden")
	b.press(escape, escape)
	b.wait("document.querySelector('.exchange').hidden")
	b.wait(fmt.Sprintf("%s[0].dataset.id !== %q", rows, first))
	b.js("void (document.querySelector('.list').scrollTop = 300 * 28 - 200)")
	b.wait("document.querySelector('.rows .gap')")
	b.picture("state-gap")
}

// An exchange that is open stays when it has fallen out of the memory of the Collector.
func TestOutside(t *testing.T) {
	b := open(t, 50, 1400, 900, false)
	b.expect("404")
	b.wait(rows + ".length > 5")
	b.js(rows + "[8].querySelector('.c-ms').click()")
	b.wait("document.querySelector('.sides')")
	b.do("forget?n=2")
	time.Sleep(5 * time.Second) // it is asked every five seconds, when something happens
	b.do("emit?n=1")
	b.text("outside the window")
	b.wait("document.querySelector('.sides')")
	b.picture("state-outside")
	b.hash("#/x/00000000000000000000000000000001-0000000000000001")
	b.text("No longer in memory")
}

func TestDenied(t *testing.T) {
	b := open(t, 50, 1400, 900, false)
	b.expect("401")
	b.do("scenario?name=denied")
	b.hash("#/endpoints")
	b.text("needs the token of this start")
	b.picture("state-denied")
	b.do("scenario?name=allowed")
}

// Text that wants to be a program, to turn the line around, to reach the objects of the page
// or to fill the screen is text, in every part of an exchange and in every form.
func TestHostileText(t *testing.T) {
	b := open(t, 20, 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.do("hostile")
	b.wait("document.querySelector('.rows td.c-route').innerText.includes('<script>')")
	const hostile = 5
	for n := range hostile {
		begin := time.Now()
		b.js(fmt.Sprintf("%s[%d].querySelector('.c-ms').click()", rows, n))
		b.wait("document.querySelector('.sides') && !document.querySelector('.exchange.loads')")
		b.picture(fmt.Sprintf("hostile-%d", n))
		b.press("b", "b")
		for _, form := range []string{"Raw", "Hex", "Tree"} {
			b.js(fmt.Sprintf("document.querySelectorAll('.body .choice button').forEach((x) => x.innerText === %q && x.click())", form))
		}
		b.js("document.querySelectorAll('.panel button.link').forEach((x) => x.click())") // all of what is long
		b.press("1")
		b.wait("document.querySelector('.attempt')")
		b.picture(fmt.Sprintf("hostile-vendor-%d", n))
		for _, tab := range []string{"decisions", "attributes", ""} {
			b.js(fmt.Sprintf("document.getElementById('tab-%s').click()", tab))
			b.wait(fmt.Sprintf("document.getElementById('tab-%s').getAttribute('aria-selected') === 'true'", tab))
		}
		b.press("b") // back to after
		t.Logf("exchange %d: %v", n, time.Since(begin).Round(10*time.Millisecond))
		if got := b.js("document.querySelectorAll('body script, body img, body b b').length + document.title + ({}).polluted + [].polluted"); got != "0Exchange · apispan inspectorundefinedundefined" {
			t.Errorf("exchange %d: %s", n, got)
		}
		// No direction mark, NUL or escape is in the text of the page as it is.
		if got := b.js(`/[\0\x1b\u202e\u2066\u200b\u{e0041}]/u.test(document.body.innerText)`); got != "false" {
			t.Errorf("exchange %d: the page holds control characters as they came", n)
		}
	}
}

// What a row says, of calls whose route may be made of the URL.
func TestRoutes(t *testing.T) {
	b := open(t, 5, 1400, 900, false)
	for row, want := range map[string]string{
		`{direction: 'in', host: 'shop.example', route: '/a', path: '/a?b'}`:              "/a",
		`{direction: 'out', host: 'pay.example', route: '/charges', path: '/charges'}`:    "pay.example/charges",
		`{direction: 'out', host: '10.0.0.7:80', route: '10.0.0.7:80/charges', path: ''}`: "10.0.0.7:80/charges",
		`{direction: 'in', host: '', route: '', path: '/a?b'}`:                            "/a?b",
	} {
		if got := b.js("import('./rows.js').then((m) => m.routeOf(" + row + "))"); got != want {
			t.Errorf("%s: %s, want %s", row, got, want)
		}
	}
}

// 500 exchanges a second, and scrolling through 1,000 rows: the page goes on to answer, and none
// is lost to the count. How smooth that is, it reports: the share of frames that came late,
// beside that of the same page at rest in the same run, and the time of the page's own thread.
func TestFlow(t *testing.T) {
	b := open(t, 1000, 1400, 900, false)
	b.wait(rows + ".length > 5")
	// In time of the page's thread, which the machine's other work does not change.
	b.run(call(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}))
	cpu := func() (ms float64) {
		m, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (performance.GetMetricsResult, error) {
			return cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range m.Metrics {
			if one.Name == "TaskDuration" {
				ms = 1000 * one.Value
			}
		}
		return ms
	}
	// frames looks at three seconds of frames, in each of which step runs.
	frames := func(what, step string) {
		before := cpu()
		late := b.js(`new Promise((done) => { const gaps = []; let last = performance.now(); const end = last + 3000; requestAnimationFrame(function frame() {
			const now = performance.now(); gaps.push(now - last); last = now; ` + step + `; if (now < end) requestAnimationFrame(frame);
			else done(gaps.length + " frames, " + (100 * gaps.filter((g) => g > 25).length / gaps.length).toFixed(1) + " % later than 25 ms, the latest " + Math.round(Math.max(...gaps)) + " ms"); }); })`)
		t.Logf("%s: %s; %.0f %% of a processor", what, late, (cpu()-before)/30)
	}
	frames("at rest", "")
	frames("scrolling through 1,000 rows", "document.querySelector('.list').scrollTop += 120")
	b.wait(rows + ".length > 5")
	b.js("void (document.querySelector('.list').scrollTop = 0)")
	b.wait("document.querySelector('.list').scrollTop === 0")
	b.do("flow?n=500")
	frames("500 exchanges a second", "")
	frames("at rest again", "")
	b.wait("document.querySelector('.count').innerText.startsWith('1,000')")
	b.press("/")
	b.press("status:500", enter)
	b.wait("[...document.querySelectorAll('.rows .status')].every((s) => s.innerText === '500')")
}

// A call is on the page within two seconds, with the extension itself, and the page need not be
// loaded again. A machine may be too busy for that: how late the call is told at all, to a
// listener beside the page that draws nothing, is measured in the same run, and what the page
// adds to it is what counts then.
func TestSoon(t *testing.T) {
	b := visit(t, sample(t, "-rate", "5", "-count", "20"), 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.js(`void (() => {
		const told = new Map(), all = window.late = [];
		new EventSource('api/stream').addEventListener('exchange', (e) => {
			const { id, time } = JSON.parse(e.data);
			if (!told.has(id)) told.set(id, Date.now() - Date.parse(time));
		});
		new MutationObserver((list) => list.flatMap((m) => [...m.addedNodes]).forEach((tr) => {
			if (!told.has(tr.dataset?.id) ) return;
			all.push([told.get(tr.dataset.id), Date.now() - Date.parse(tr.querySelector('time').dateTime)]);
			told.delete(tr.dataset.id);
		})).observe(document.querySelector('.rows tbody'), { childList: true });
	})()`)
	b.wait("late.length >= 10")
	var late [][2]float64 // told, shown; in milliseconds
	if err := json.Unmarshal([]byte(b.js("JSON.stringify(late)")), &late); err != nil {
		t.Fatal(err)
	}
	middle := func(of func([2]float64) float64) float64 {
		var all []float64
		for _, l := range late {
			all = append(all, of(l))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	told, shown := middle(func(l [2]float64) float64 { return l[0] }), middle(func(l [2]float64) float64 { return l[1] })
	adds := middle(func(l [2]float64) float64 { return l[1] - l[0] })
	t.Logf("of %d calls: told after %.0f ms, on the page after %.0f ms", len(late), told, shown)
	if adds > 1000 && adds > 2*told || told < 1000 && shown > 2000 {
		t.Errorf("a call is told after %.0f ms and on the page after %.0f ms, want two seconds at most", told, shown)
	}
}

// axe-core looks at each view. It is fetched by npm for this test, and is not part of the tree.
func TestAccessibility(t *testing.T) {
	if chrome == nil {
		t.Skip("no Chromium here: apt-get install chromium")
	}
	dir := t.TempDir()
	cmd := exec.Command("npm", "pack", "axe-core@4.10.2", "--silent", "--pack-destination", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("axe-core cannot be fetched by npm here: %v %.200s", err, out)
	}
	script, err := exec.Command("tar", "-xzOf", filepath.Join(dir, "axe-core-4.10.2.tgz"), "package/axe.min.js").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dark := range []bool{false, true} {
		b := open(t, 100, 1400, 900, dark)
		b.do("scenario?name=live")
		b.wait(rows + ".length > 5")
		b.js(string(bytes.TrimSpace(script)) + "; void 0")
		look := func(name string) {
			t.Helper()
			got := b.js(`axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) =>
				v.id + ': ' + v.help + '\n' + v.nodes.slice(0, 4).map((n) => '  ' + n.html.slice(0, 160) + ' ' + n.any.concat(n.all).map((c) => c.message).join('; ').slice(0, 200)).join('\n')).join('\n'))`)
			if got != "" {
				t.Errorf("%s, dark %v:\n%s", name, dark, got)
			}
		}
		look("live")
		b.hash("#/?q=status:500")
		b.wait("document.querySelector('.rows .status').innerText === '500'")
		b.press("j", enter)
		b.wait("document.querySelector('.sides')")
		look("exchange")
		b.press("b", "b")
		look("diff")
		b.press("1")
		b.wait("document.querySelector('.attempt')")
		look("vendor")
		for _, view := range []string{"endpoints", "endpoints/e0", "consumers", "fields", "rules", "delivery"} {
			b.hash("#/" + view)
			b.wait("document.querySelector('main > section:not([hidden]):not(.loads) :is(.grid tbody a, .card, .histogram)')")
			look(view)
		}
		b.press("?")
		look("help")
	}
}
