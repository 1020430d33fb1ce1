// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspectorpage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

const rows = "document.querySelectorAll('.rows tr[data-id]')"

// allowClipboard lets the page write the clipboard, and the test read it.
func (b *tab) allowClipboard() {
	b.Helper()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// Six keystrokes from the page to a curl of a failing call: /status:5xx Enter j Enter c.
func TestKeyboardWalk(t *testing.T) {
	b := open(t, 400, 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.allowClipboard()
	b.press("/")
	if id := b.js("document.activeElement.id"); id != "search" {
		t.Fatalf("/ puts the focus on %q", id)
	}
	b.press("status:5xx", enter, "j", enter, "c")
	b.wait("document.querySelector('#toast').innerText.startsWith('curl copied')")
	if got := b.js("navigator.clipboard.readText()"); !strings.HasPrefix(got, "curl -X POST 'https://shop.example/orders") {
		t.Errorf("the clipboard has %q", got)
	}
	if got := b.js("document.querySelector('.title .status').innerText"); got != "500" {
		t.Errorf("an exchange of status %q is open", got)
	}
	if got := b.js("location.hash"); !strings.HasPrefix(got, "#/x/") || !strings.HasSuffix(got, "?q=status:5xx") {
		t.Errorf("the address is %q", got)
	}

	// The rest of the keys, each without a pointer.
	first := b.js("location.hash")
	b.press("j")
	b.wait(fmt.Sprintf("location.hash !== %q", first))
	b.press("k")
	b.wait(fmt.Sprintf("location.hash === %q", first))
	b.press("b")
	b.wait("document.querySelector('.mods [aria-pressed=true]').innerText === 'Before'")
	b.press("b", "b", "2")
	b.wait("document.querySelector('[role=tab][aria-selected=true]').innerText.startsWith('readme')")
	b.press("0", "p")
	b.wait("document.querySelector('#toast').innerText.startsWith('Pinned')")
	b.press(escape)
	b.wait("document.querySelector('.exchange').hidden && document.querySelector('.rows [aria-current]')")
	b.press(escape)
	b.wait("!document.querySelector('.rows [aria-current]')")
	for key, view := range map[string]string{"e": "Endpoints", "c": "Consumers", "f": "Fields", "r": "Rules", "d": "Delivery", "l": "Live"} {
		b.press("g", key)
		b.wait(fmt.Sprintf("document.querySelector('nav [aria-current]').innerText.startsWith(%q)", view))
	}
	b.press("?")
	b.wait("document.querySelector('dialog[open]')")
	b.press(escape)
	b.wait("!document.querySelector('dialog[open]')")
	b.press("f")
	b.wait("document.querySelector('.freeze').innerText.startsWith('Resume')")
	b.press("f")
	b.wait("!document.querySelector('.freeze').innerText.startsWith('Resume')")

	// No shortcut acts within an input.
	b.hash("#/")
	b.wait("document.querySelector('nav [aria-current]').innerText.startsWith('Live')")
	b.press("/")
	b.wait("document.activeElement.matches('input')")
	b.press("gfnjkb?")
	b.wait("document.activeElement.value.endsWith('gfnjkb?') && !document.querySelector('dialog[open]')")
	b.press(escape)

	// In tables the keys go from row to row.
	b.press("g", "e")
	b.wait("document.querySelector('.grid tbody th a')")
	b.press("j", "j")
	if got := b.js("[...document.querySelectorAll('.grid tbody th a')].indexOf(document.activeElement)"); got == "-1" { // which row that is by now, the calls of this moment decide
		t.Errorf("j j in a table: the focus is on row %s", got)
	}
	b.press(enter)
	b.wait("document.querySelector('.histogram')")
}

// Keys act on what will be there: while a list is empty, as what is typed so far finds nothing,
// Enter leaves the line of the search all the same.
func TestKeysBeforeRows(t *testing.T) {
	b := open(t, 400, 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.press("/")
	b.press("status:9")
	b.text("status:9 alone takes none")
	b.js("void (document.querySelector('#search').value = 'status:5xx')")
	b.press(enter, "j", enter)
	b.wait("document.querySelector('.title .status')?.innerText === '500'")
	if got := b.js("document.querySelector('#search').value"); got != "status:5xx" {
		t.Errorf("a key was written into the search: %q", got)
	}
}

// What comes later moves neither a selection nor what is scrolled to.
func TestLiveUpdateMovesNothing(t *testing.T) {
	b := open(t, 400, 1400, 900, false)
	b.wait(rows + ".length > 5")
	top := rows + "[0].dataset.id"
	before := b.js(top)
	b.do("emit?n=3")
	b.wait(fmt.Sprintf("%s !== %q", top, before)) // at the top, nothing selected: rows flow

	b.press("j", "j", "j")
	b.wait("document.querySelector('.rows [aria-current]')")
	at := "(() => { const r = document.querySelector('.rows [aria-current]'); return r.dataset.id + ' ' + r.getBoundingClientRect().top })()"
	selected, first := b.js(at), b.js(top)
	b.do("emit?n=12")
	b.wait("!document.querySelector('.fresh').hidden && document.querySelector('.fresh').innerText.startsWith('12 new')")
	b.picture("live-12-new")
	if got := b.js(at); got != selected {
		t.Errorf("selected and where: %s, was %s", got, selected)
	}
	if got := b.js(top); got != first {
		t.Errorf("the first row is %s, was %s", got, first)
	}
	if got := b.js("document.querySelector('.live > [role=status]').innerText"); !strings.Contains(got, "new exchange") {
		t.Errorf("the live region says %q", got)
	}
	b.press("n")
	b.wait("document.querySelector('.fresh').hidden")
	if got, want := strings.Fields(b.js(at))[0], strings.Fields(selected)[0]; got != want {
		t.Errorf("after n %s is selected, was %s", got, want)
	}

	// Scrolled, nothing selected.
	b.press(escape)
	b.wait("!document.querySelector('.rows [aria-current]')")
	b.js("void (document.querySelector('.list').scrollTop = 2000)")
	b.wait("document.querySelector('.list').scrollTop === 2000")
	b.do("emit?n=5")
	b.wait("document.querySelector('.fresh').innerText.startsWith('5 new')")
	if got := b.js("document.querySelector('.list').scrollTop"); got != "2000" {
		t.Errorf("the list is scrolled to %s", got)
	}
	b.js("document.querySelector('.fresh').click()")
	b.wait("document.querySelector('.list').scrollTop === 0")

	// Frozen.
	b.press("f")
	first = b.js(top)
	b.do("emit?n=2")
	b.wait("document.querySelector('.fresh').innerText.startsWith('2 new')")
	b.press("f")
	b.wait(fmt.Sprintf("%s !== %q", top, first))
}

// A click on what was searched by, the history, and an address that is shared.
func TestAddress(t *testing.T) {
	b := open(t, 400, 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.js("document.querySelector('td.c-status').dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))")
	b.js("document.querySelector('.c-status .only').click()")
	b.wait("location.hash.startsWith('#/?q=status:')")
	b.wait("document.querySelector('#search').value === decodeURIComponent(location.hash.slice(5))")
	b.js(rows + "[2].querySelector('.c-ms').click()")
	b.wait("document.querySelector('.exchange:not([hidden]) .sides')")
	b.press("1")
	b.wait("document.querySelector('.attempt')")
	shared := b.js("location.href")
	b.js("history.back()")
	b.wait("document.querySelector('.exchange').hidden && location.hash.startsWith('#/?q=status:')")
	b.js("history.back()")
	b.wait("document.querySelector('#search').value === ''")

	other := visit(t, shared, 1400, 900, false)
	other.wait("document.querySelector('.attempt') && document.querySelector('#search').value.startsWith('status:')")
}

// A bad term is underlined and told in a sentence, and the term that empties the list is named.
func TestSearch(t *testing.T) {
	b := open(t, 400, 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.press("/")
	b.press("statsu:5xx status:201")
	b.wait("document.querySelector('.under u')?.textContent === 'statsu:5xx'")
	b.text(`There is no field "statsu"`)
	b.wait("[...document.querySelectorAll('.rows .status')].every((s) => s.innerText === '201')")
	b.picture("search-bad-term")
	b.press(escape)
	b.press("/")
	b.press("status:201 method:PATCH", enter)
	b.text("method:PATCH alone takes none")
	b.picture("search-empty")
	b.js("document.querySelector('.empty button').click()")
	b.wait("document.querySelector('#search').value === 'status:201' && " + rows + ".length > 5")
}

// Where the browser lets no page write the clipboard, what was to be copied is shown, selected.
func TestCopyByHand(t *testing.T) {
	b := open(t, 50, 1400, 900, false)
	b.wait(rows + ".length > 5")
	b.js("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
	b.press("j", "c")
	b.wait("document.querySelector('#copy[open]')")
	if got := b.js("getSelection() + document.activeElement.value"); !strings.Contains(got, "curl -X ") {
		t.Errorf("shown is %q", got)
	}
	b.picture("copy-by-hand")
	b.press(escape)
	b.wait("!document.querySelector('dialog[open]')")
	b.press("k") // the keys act again
	b.wait("document.querySelector('.rows [aria-current]')")
}
