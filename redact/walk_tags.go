// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/apispan/apispan/redact/internal/markup"
)

// startElement reads the attributes of a start tag and opens the element, or
// passes over it with all its content if it is denied as a whole.
func (s *Scratch) startElement(w *markupWalk, t *markup.Token) bool {
	src := w.src
	top := s.top(w)
	name := src[t.Name:t.NameEnd]
	cc := top.c
	cc.cut = false // what stands at the end of a cut document is seen there
	if cc.state != stateNone {
		cc = s.elem(cc, int(top.kids))
		top.kids++
	}
	// As child does, without the copies.
	own, st := s.lookup(cc.place, cc.state, name)
	if own.flags&flagPointer != 0 { // "type" and "path" have other uses in markup
		own.flags &^= flagNameKey | flagPointer
	}
	soft := cc.v.flags&flagSoft != 0
	cc.v, cc.state = strongest(cc.v, own), st
	if soft {
		cc.v.describe(own, name)
	}
	if own.flags&flagKeyHit != 0 {
		s.malformed(src, t.Start, top.c, "")
		return false
	}
	var pair verdict
	if top.pair.says() {
		switch {
		case cc.v.flags&flagNameKey != 0:
			top.pair = verdict{} // a new pair begins
		case !w.html:
			cc.v = strongest(cc.v, top.pair)
		default: // not the attributes, which describe a control
			pair = top.pair
			if len(name) != 2 || name[1]|0x20 != 'd' { // a <label> names what is next, <th> and <dt> all cells
				top.pair = verdict{}
			}
		}
	}
	if n := len(s.elements) - 1; w.html && n >= w.base && top.c.v.flags&flagNameKey != 0 && len(name) > 4 && (hasFold(name, "input") || hasFold(name, "select") || hasFold(name, "textarea")) {
		parent := &w.root // <label>Password <input></label> names the control in it, not the next
		if n > w.base {
			parent = &s.elements[n-1]
		}
		pair, parent.pair = parent.pair, verdict{}
	}
	if w.html && len(name) == 2 {
		switch {
		case htmlName(name):
			cc.v.flags |= flagNameKey
			if hasFold(name, "th") { // a row of head cells: the one before names a column
				pair = verdict{}
			}
		case hasFold(name, "tr"):
			s.table.row()
		case hasFold(name, "td"):
			cc.v = strongest(cc.v, s.table.next())
		}
	}
	if !s.attributes(w, t, &cc, pair) {
		return false
	}
	closed, bad := w.sc.Closed()
	if bad {
		// Also when the input ends in the tag.
		s.truncated(src, t.Start, top.c, "")
		return false
	}
	void := closed && !w.html || w.html && voidElement(name)
	if void {
		return true
	}
	content := w.sc.Pos()
	if cc.v.act.whole() && !s.opens(cc.v) {
		return s.denied(w, t, content, cc)
	}
	if len(s.elements)-w.base >= s.p.cfg.Limits.Depth {
		if w.html {
			return true // unclosed elements nest without meaning
		}
		s.overLimit(t.Start, len(src), cc, "")
		return false
	}
	s.elements = append(s.elements, element{})
	e := &s.elements[len(s.elements)-1]
	e.name, e.nameEnd, e.content, e.c = int32(t.Name), int32(t.NameEnd), int32(content), cc
	if w.html {
		e.hash = s.foldHash(name)
		slot := &w.open[e.hash%openSlots]
		e.below, e.other = *slot, *slot
		if n := *slot; n > 0 && s.elements[n-1].hash == e.hash {
			e.other = s.elements[n-1].other
		}
		*slot = int32(len(s.elements))
	}
	return true
}

// attributes decides over the attributes of a start tag. One that names a field,
// as in <input name="password" value="x">, puts the others and the content under
// that field, and so does a name that stands before the tag.
func (s *Scratch) attributes(w *markupWalk, t *markup.Token, cc *ctx, named verdict) bool {
	src := w.src
	a := &w.sc.A
	for w.sc.Attr() {
		if a.Cut {
			s.truncated(src, t.Start, *cc, "")
			return false
		}
		flags := s.attribute(src, a, cc, w.html)
		if a.End > a.Val && (flags&flagNameKey != 0 || w.html && controlAttribute(src[a.Name:a.NameEnd])) {
			if v := s.nameVerdict(*cc, s.references(src[a.Val:a.End])); v.strong() && v.act > named.act || !named.says() && v.cookie() != 0 {
				named = v
			}
		}
	}
	if !named.says() {
		return true
	}
	cc.v = strongest(cc.v, named)
	for w.sc.Rewind(); w.sc.Attr(); {
		ac := s.child(*cc, src[a.Name:a.NameEnd])
		if a.End == a.Val || ac.v.flags&flagNameKey != 0 || w.html && !valueAttribute(src[a.Name:a.NameEnd]) {
			continue
		}
		if ac.v.flags&(flagSoft|flagValueKey) == flagSoft { // <testsuite name="PasswordTest" tests="3">
			ac.v.flags |= flagDescribes
		}
		s.attributeValue(src, a, ac)
	}
	return true
}

// attribute decides over one attribute by its own name and returns the flags of
// the name.
func (s *Scratch) attribute(src []byte, a *markup.Attr, cc *ctx, html bool) verdictFlags {
	name, value := src[a.Name:a.NameEnd], src[a.Val:a.End]
	own, st := s.lookup(cc.place, cc.state, name)
	if own.flags&flagPointer != 0 {
		own.flags &^= flagNameKey | flagPointer
	}
	data := html && len(name) > 5 && hasFold(name, "data-")
	if !own.says() && !cc.v.says() && own.flags&flagKeyHit == 0 && !data && s.p.det == nil &&
		plainText(value) {
		return own.flags // nearly every attribute
	}
	if own.flags&flagKeyHit != 0 {
		s.replace(a.Name, a.NameEnd, []byte("redacted"))
	}
	ac := *cc
	ac.v, ac.state = strongest(cc.v, own), st
	if cc.v.flags&flagSoft != 0 {
		ac.v.describe(own, name)
	}
	if data {
		ac = stronger(ac, s.child(*cc, name[5:]))
	}
	if len(value) > 0 {
		s.attributeValue(src, a, ac)
	}
	return own.flags
}

func (s *Scratch) attributeValue(src []byte, a *markup.Attr, ac ctx) {
	rep, ef := s.leaf(ac, s.references(src[a.Val:a.End]), kindString)
	switch {
	case ef == Unchanged:
	case a.Quote != 0:
		s.replaceMarkup(a.Val, a.End, rep, ef, true)
	default: // HTML without quotes: give it some
		m := s.mark()
		s.arena = append(s.arena, '"')
		if ef == Changed {
			s.arena = markup.Encode(s.arena, rep)
		}
		s.arena = append(s.arena, '"')
		s.replaceFrom(a.Val, a.End, m)
	}
}

// denied replaces the content of an element by one mask, or removes the element.
func (s *Scratch) denied(w *markupWalk, t *markup.Token, content int, cc ctx) bool {
	start := t.Start
	end, next, ok := s.skipElement(w, t)
	if cc.v.act != actDrop && len(bytes.TrimSpace(w.src[content:end])) == 0 {
		return ok
	}
	switch rep, ef := s.maskContent(cc, bytes.TrimSpace(w.src[content:end]), ok); ef {
	case Changed:
		m := s.mark()
		s.arena = markup.Encode(s.arena, rep)
		s.replaceFrom(content, end, m)
	case Removed:
		s.replace(start, next, nil)
	}
	return ok
}

// skipElement passes over the content of the element opened by t. Without a
// matching end tag it is the rest of the input.
func (s *Scratch) skipElement(w *markupWalk, t *markup.Token) (end, next int, ok bool) {
	src := w.src
	name := src[t.Name:t.NameEnd]
	base := len(s.elements)
	defer func() { s.elements = s.elements[:base] }()
	depth := 1 // of elements of the same name (HTML)
	for {
		tk := &w.sc.Token
		if !w.sc.Next() || tk.Cut || tk.Bad {
			return len(src), len(src), false
		}
		switch tk.Kind {
		case markup.Start:
			for w.sc.Attr() {
			}
			closed, bad := w.sc.Closed()
			if bad {
				return len(src), len(src), false
			}
			own := src[tk.Name:tk.NameEnd]
			switch {
			case w.html:
				if bytes.EqualFold(own, name) {
					depth++
				}
			case !closed:
				if len(s.elements)-w.base >= s.p.cfg.Limits.Depth {
					return len(src), len(src), false
				}
				s.elements = append(s.elements, element{name: int32(tk.Name), nameEnd: int32(tk.NameEnd)})
			}
		case markup.End:
			own := src[tk.Name:tk.NameEnd]
			if w.html {
				if bytes.EqualFold(own, name) {
					if depth--; depth == 0 {
						return tk.Start, tk.End, true
					}
				}
				continue
			}
			want := name
			if n := len(s.elements); n > base {
				e := s.elements[n-1]
				want = src[e.name:e.nameEnd]
			}
			if !bytes.Equal(own, want) {
				return len(src), len(src), false
			}
			if len(s.elements) == base {
				return tk.Start, tk.End, true
			}
			s.elements = s.elements[:len(s.elements)-1]
		}
	}
}

// endElement closes an element.
func (s *Scratch) endElement(w *markupWalk, t *markup.Token) bool {
	src := w.src
	own := src[t.Name:t.NameEnd]
	n := len(s.elements) - 1
	if !w.html {
		if n < w.base || !bytes.Equal(own, src[s.elements[n].name:s.elements[n].nameEnd]) {
			s.malformed(src, t.Start, s.top(w).c, "")
			return false
		}
	} else {
		hash := s.foldHash(own)
		n = int(w.open[hash%openSlots]) - 1
		for n >= 0 {
			e := &s.elements[n]
			if e.hash != hash {
				n = int(e.other) - 1
			} else if !bytes.EqualFold(own, src[e.name:e.nameEnd]) {
				n = int(e.below) - 1
			} else {
				break
			}
		}
		if n < 0 {
			return true // an end tag of nothing
		}
		for k := len(s.elements) - 1; k >= n; k-- {
			w.open[s.elements[k].hash%openSlots] = s.elements[k].below
		}
	}
	e := &s.elements[n]
	s.elements = s.elements[:n]
	top := s.top(w)
	if e.c.v.flags&flagNameKey == 0 && top.pair.act == actNone {
		top.prev, top.prevEnd, top.prevCtx = e.content, int32(t.Start), e.c
	} else {
		top.prevEnd = 0
	}
	return true
}

// foldHash is the same for names that bytes.EqualFold takes for equal. It has a secret
// key, so that nobody can choose names of one hash.
func (s *Scratch) foldHash(name []byte) uint32 {
	h := uint64(0)
	for i := 0; i < len(name); i++ {
		r := rune(name[i])
		switch {
		case 'a' <= r && r <= 'z':
			r -= 'a' - 'A'
		case r >= utf8.RuneSelf:
			var n int
			if r, n = utf8.DecodeRune(name[i:]); n > 1 {
				i += n - 1
			}
			least := r
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				least = min(least, f)
			}
			r = least
		}
		h = (h ^ uint64(r)) * s.hashKey
		h ^= h >> 32
	}
	return uint32(h)
}

// voidElement reports whether an HTML element has no content.
func voidElement(name []byte) bool {
	var list []string
	switch len(name) {
	case 2:
		list = voidElements[0:2]
	case 3:
		list = voidElements[2:5]
	case 4:
		list = voidElements[5:9]
	case 5:
		list = voidElements[9:13]
	case 6:
		list = voidElements[13:]
	}
	for _, w := range list {
		if hasFold(name, w) {
			return true
		}
	}
	return false
}

// voidElements are sorted by length.
var voidElements = [...]string{"br", "hr", "col", "img", "wbr", "area", "base", "link", "meta", "embed", "input", "param", "track", "source"}

// htmlName reports whether the text of an HTML element names what stands beside
// it: terms of a list and head cells of a row.
func htmlName(name []byte) bool {
	return len(name) == 2 && (hasFold(name, "dt") || hasFold(name, "th"))
}

// controlAttribute reports whether an attribute tells what a form control is for:
// type="password", autocomplete="one-time-code".
func controlAttribute(name []byte) bool {
	return len(name) == 4 && hasFold(name, "type") || len(name) == 12 && hasFold(name, "autocomplete")
}

// valueAttribute reports whether an attribute of an HTML element holds the value of a
// field and does not describe it.
func valueAttribute(name []byte) bool {
	return len(name) == 5 && hasFold(name, "value") || len(name) == 7 && hasFold(name, "content") || hasFold(name, "data")
}
