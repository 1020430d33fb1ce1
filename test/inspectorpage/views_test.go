// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspectorpage

import "testing"

// size is a window that is looked at.
var sizes = []struct {
	name          string
	width, height int
	dark          bool
}{{"wide", 1400, 900, false}, {"dark", 1400, 900, true}, {"middle", 900, 900, false}, {"narrow", 360, 740, false}, {"narrow-dark", 360, 740, true}}

func TestViews(t *testing.T) {
	for _, s := range sizes {
		t.Run(s.name, func(t *testing.T) {
			b := open(t, 400, s.width, s.height, s.dark)
			b.do("scenario?name=live")
			b.do("emit?n=20")
			shoot := func(name string) { b.picture(name + "-" + s.name) }
			b.wait("document.querySelectorAll('.rows tr[data-id]').length > 5")
			shoot("live")
			// As many backends as there are have room for their marks.
			if cut := b.js(`(() => { const td = document.querySelector('.rows td.c-backends'), all = [...td.childNodes];
				if (!td.offsetWidth) return 0;
				td.append(...Array.from({ length: 8 - all.length }, () => all[0].cloneNode(true)));
				const cut = td.scrollWidth - td.clientWidth; td.replaceChildren(...all); return cut; })()`); cut != "0" {
				t.Errorf("the marks of eight backends are %s px wider than their column", cut)
			}
			b.hash("#/?q=status:500")
			b.wait("document.querySelector('.rows tr[data-id] .status').innerText === '500'")
			b.press("j", enter)
			b.wait("document.querySelector('.exchange:not([hidden]) .sides')")
			shoot("exchange")
			b.press("b")
			shoot("exchange-before")
			b.press("b")
			shoot("exchange-diff")
			b.press("1")
			b.wait("document.querySelector('.attempt')")
			shoot("exchange-vendor")
			b.hash("#/endpoints")
			b.wait("document.querySelector('.grid .spark')")
			shoot("endpoints")
			b.hash("#/endpoints/e0")
			b.wait("document.querySelector('.histogram')")
			shoot("endpoint")
			b.hash("#/consumers")
			b.text("u-grace")
			shoot("consumers")
			b.hash("#/fields")
			b.text("Leaves unchanged")
			b.text("string, null")
			shoot("fields")
			b.hash("#/rules")
			b.text("never hit")
			shoot("rules")
			b.hash("#/delivery")
			b.text("the backend is down")
			shoot("delivery")
			b.press("?")
			b.wait("document.querySelector('dialog[open]')")
			shoot("help")
		})
	}
}
