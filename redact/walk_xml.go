// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/markup"
)

// element is an open element. Elements of nested walks share one stack.
type element struct {
	name, nameEnd int // of the start tag's name, in the walker's source
	content       int // where its content starts
	c             ctx // of its content
	kids          int // element children so far
	// pair is the verdict that a name child gave to its siblings, as in
	// <name>password</name><value>x</value>.
	pair verdict
	// prev and prevEnd are the content of the last child that was no name, which a
	// later name child may be about; prevEnd is 0 if there is none.
	prev, prevEnd int
	prevCtx       ctx
}

// markupWalk is the state of one walk over XML or HTML.
type markupWalk struct {
	src  []byte
	html bool
	sc   markup.Scanner
	base int // index of the first own element in Scratch.elements
	root element
}

// walkXML reads XML. Element and attribute names are keys, with and without
// prefix; an element that a name attribute or a name sibling describes is under
// that name, too. Tags must match: behind the first that does not all goes.
func (s *Scratch) walkXML(src []byte, c ctx) { s.walkTags(src, c, false) }

// walkHTML reads HTML. Tags need not match; scripts are read as text.
func (s *Scratch) walkHTML(src []byte, c ctx) { s.walkTags(src, c, true) }

func (s *Scratch) walkTags(src []byte, c ctx, html bool) {
	w := markupWalk{src: src, html: html, sc: markup.Scan(src, html), base: len(s.elements)}
	w.root.c = c
	for s.markupToken(&w) {
	}
	s.elements = s.elements[:w.base]
}

// top is the innermost open element. It is valid until the next push.
func (s *Scratch) top(w *markupWalk) *element {
	if len(s.elements) == w.base {
		return &w.root
	}
	return &s.elements[len(s.elements)-1]
}

// markupToken handles one token; it returns false at the end.
func (s *Scratch) markupToken(w *markupWalk) bool {
	if !w.sc.Next() {
		return false
	}
	t := &w.sc.Token
	c := &s.top(w).c
	if t.Cut && t.Kind != markup.Raw && t.Kind != markup.RawRefs {
		s.truncated(w.src, t.Start, *c, "")
		return false
	}
	if t.Bad {
		s.malformed(w.src, t.Start, *c, "")
		return false
	}
	switch t.Kind {
	case markup.Start:
		return s.startElement(w, t)
	case markup.End:
		return s.endElement(w, t)
	case markup.Text:
		if t.End == len(w.src) && (c.cut || len(s.elements) > w.base) && len(bytes.TrimSpace(w.src[t.Start:])) > 0 {
			s.truncated(w.src, t.Start, *c, "")
			return false
		}
		s.textNode(w, t)
	case markup.CData:
		s.textNode(w, t)
	case markup.Comment, markup.PI:
		s.aside(w, t, *c)
	case markup.Doctype:
		s.doctype(w, t, *c)
	case markup.Raw:
		rc := *c
		if t.Cut {
			rc.cut = true
		}
		s.inPlace(t.Body, w.src[t.Body:t.BodyEnd], rc)
	case markup.RawRefs:
		if t.Cut {
			s.truncated(w.src, t.Start, *c, "")
			return false
		}
		s.textNode(w, t)
	}
	return true
}

// textNode decides over character data.
func (s *Scratch) textNode(w *markupWalk, t *markup.Token) {
	raw := w.src[t.Body:t.BodyEnd]
	start, end := trimBlanks(raw)
	if start == end {
		return
	}
	start, end = start+t.Body, end+t.Body
	dec := w.src[start:end]
	refs := t.Kind != markup.CData
	if refs {
		dec = s.references(dec)
	}
	top := s.top(w)
	if top.c.v.flags&flagNameKey != 0 {
		s.nameSibling(w, dec)
	}
	rep, ef := s.leaf(top.c, dec, kindString)
	if ef != Unchanged {
		s.replaceMarkup(start, end, rep, ef, refs)
	}
}

// replaceMarkup writes rep as character data or an attribute value (refs), or as
// CDATA content, where "]]>" must not appear.
func (s *Scratch) replaceMarkup(start, end int, rep []byte, ef Effect, refs bool) {
	if ef == Removed {
		s.replace(start, end, nil)
		return
	}
	m := s.mark()
	if refs {
		s.arena = markup.Encode(s.arena, rep)
	} else {
		for {
			i := bytes.Index(rep, []byte("]]>"))
			if i < 0 {
				break
			}
			s.arena = append(append(s.arena, rep[:i]...), "]]]]><![CDATA[>"...)
			rep = rep[i+3:]
		}
		s.arena = append(s.arena, rep...)
	}
	s.replaceFrom(start, end, m)
}

// references decodes character references into the arena if there are any.
func (s *Scratch) references(raw []byte) []byte {
	if !markup.HasRef(raw) {
		return raw
	}
	m := s.mark()
	s.arena = markup.Decode(s.arena, raw)
	return s.arena[m:len(s.arena):len(s.arena)]
}

func trimBlanks(b []byte) (start, end int) {
	end = len(b)
	for start < end && b[start] <= ' ' {
		start++
	}
	for end > start && b[end-1] <= ' ' {
		end--
	}
	return start, end
}

// nameSibling handles the content of a name element: the field it names is what
// stands in the siblings.
func (s *Scratch) nameSibling(w *markupWalk, name []byte) {
	parent := &w.root
	if n := len(s.elements) - 1; n > w.base {
		parent = &s.elements[n-1]
	}
	parent.pair = s.nameVerdict(parent.c, name)
	if !parent.pair.strong() {
		parent.pair = verdict{}
		return
	}
	if parent.prevEnd > parent.prev { // value first
		vc := parent.prevCtx
		vc.v = strongest(vc.v, parent.pair)
		s.subtree(w, parent.prev, parent.prevEnd, vc)
	}
}

// subtree replaces the content src[start:end] of an element, markup and all.
func (s *Scratch) subtree(w *markupWalk, start, end int, c ctx) {
	if start >= end {
		return
	}
	if !c.v.act.whole() {
		raw := w.src[start:end]
		if bytes.IndexByte(raw, '<') < 0 {
			rep, ef := s.leaf(c, s.references(raw), kindString)
			if ef != Unchanged {
				s.replaceMarkup(start, end, rep, ef, true)
			}
			return
		}
		c.v.act = actMask
	}
	rep, ef := s.maskOf(c)
	s.replaceMarkup(start, end, rep, ef, true)
}

// aside handles comments and processing instructions.
func (s *Scratch) aside(w *markupWalk, t *markup.Token, c ctx) {
	body := w.src[t.Body:t.BodyEnd]
	if t.Kind == markup.PI && len(body) > 4 && hasFold(body, "xml") && body[3] <= ' ' && len(body) < 80 && bytes.Contains(body, []byte("version")) {
		return // the XML declaration
	}
	start, end := trimBlanks(body)
	s.inPlace(t.Body+start, body[start:end], c)
}

// doctype keeps a document type without its internal subset: an entity in it may
// hold the value of any element.
func (s *Scratch) doctype(w *markupWalk, t *markup.Token, c ctx) {
	if head := w.src[t.Start:t.Body]; len(head) > 9 {
		s.inPlace(t.Start+9, head[9:], c)
	}
	if len(bytes.TrimSpace(w.src[t.Body:t.BodyEnd])) == 0 {
		return
	}
	s.count(c.place, ruleNone, actMask, outcomeUnsupported)
	s.replace(t.Body, t.BodyEnd, []byte("<!--"+markUnsupported+"-->"))
}
