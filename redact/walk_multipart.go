// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/b64"
	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/form"
	"github.com/apispan/apispan/redact/internal/markup"
	"github.com/apispan/apispan/redact/internal/multipart"
)

// walkMultipart reads multipart/*. boundary is a hint and may be "": a boundary
// that the body does not have is looked for in the body.
func (s *Scratch) walkMultipart(src []byte, c ctx, boundary string) {
	src = s.lineFeeds(src)
	sc, first, ok := multipart.Open(src, str(boundary))
	if !ok {
		s.malformed(src, 0, c, "")
		return
	}
	if c.nest > uint8(s.p.cfg.Limits.Nested) {
		s.overLimit(0, len(src), c, "")
		return
	}
	s.outsideParts(src, 0, first, c)
	plain := c.v.act == actNone && c.state == stateNone && s.p.det == nil
	for {
		p, more := sc.Next()
		if !more {
			break
		}
		if p.HeadCut {
			s.truncated(src, p.Head, c, "")
			return
		}
		if plain && !p.Cut && s.plainPart(src, &p, c) {
			continue // nearly every field of a form
		}
		s.part(src, p, c)
	}
	s.outsideParts(src, sc.Rest(), len(src), c)
}

// fieldHead is how browsers and libraries begin the header of a form field.
const fieldHead = `Content-Disposition: form-data; name="`

// plainPart reports whether a part has this one header line with a name without a
// rule, and a value with nothing to select.
func (s *Scratch) plainPart(src []byte, p *multipart.Part, c ctx) bool {
	head := src[p.Head:p.Body]
	end := len(head) - len("\"\r\n\r\n")
	if end < len(fieldHead) || string(head[:len(fieldHead)]) != fieldHead || string(head[end:]) != "\"\r\n\r\n" {
		return false
	}
	name := head[len(fieldHead):end]
	for _, b := range name {
		if !plainName[b] {
			return false
		}
	}
	own, st := s.lookup(c.place, stateNone, name)
	return own.act == actNone && own.flags&flagKeyHit == 0 && st == stateNone && !structured(src[p.Body:p.End])
}

// plainName has the bytes of names that have one reading only.
var plainName = func() (t [256]bool) {
	for c := range byte(0x80) {
		t[c] = '0' <= c && c <= '9' || 'a' <= c|32 && c|32 <= 'z' || c == '_' || c == '-' || c == '.'
	}
	return t
}()

// outsideParts replaces a preamble or epilogue: receivers ignore it (RFC 2046
// section 5.1.1), so nothing says what it is.
func (s *Scratch) outsideParts(src []byte, start, end int, c ctx) {
	start += len(src[start:end]) - len(bytes.TrimLeft(src[start:end], " \t\r\n"))
	end -= len(src[start:end]) - len(bytes.TrimRight(src[start:end], " \t\r\n"))
	if start >= end {
		return
	}
	s.count(c.place, ruleNone, actMask, outcomeMalformed)
	s.replace(start, end, str(markMalformed))
}

// partHead is what the header section of a part says.
type partHead struct {
	vc          ctx
	named       bool
	contentType []byte
	coding      []byte
}

// part decides over one part by its name.
func (s *Scratch) part(src []byte, p multipart.Part, c ctx) {
	h := s.partHead(src, p, c)
	body := src[p.Body:p.End]
	vc := h.vc
	vc.cut = c.cut && p.Cut
	if vc.v.flags&flagSoft != 0 && s.spares(&vc, body, kindString) {
		vc.v.act = actNone
	}
	switch {
	case len(body) == 0:
	case vc.v.act.whole():
		rep, _ := s.maskContent(vc, body, !p.Cut)
		s.replace(p.Body, p.End, rep)
	case p.Cut:
		s.truncated(src, p.Body, vc, "")
	case isCoding(h.coding, "base64"):
		s.codedPart(p, body, vc, true)
	case isCoding(h.coding, "quoted-printable"):
		s.codedPart(p, body, vc, false)
	case !vc.v.strong() && unreadable(body, h.contentType):
		s.sub(p.Body, (*Scratch).unsupported, body, vc)
	case len(h.contentType) == 0 || hasFold(h.contentType, "text/plain") || vc.v.strong():
		s.replaceLeaf(p.Body, p.End, body, vc)
	case hasFold(h.contentType, "application/http"), hasFold(h.contentType, "message/"):
		s.sub(p.Body, (*Scratch).walkMessage, body, vc)
	case hasFold(h.contentType, "multipart/"):
		vc.nest++
		s.lv.base += p.Body
		s.walkMultipart(body, vc, view(multipart.Boundary(h.contentType)))
		s.lv.base -= p.Body
	default:
		s.content(p.Body, body, vc, view(h.contentType))
	}
}

// unreadable reports whether a part that should be text is in another charset or
// compressed.
func unreadable(body, contentType []byte) bool {
	_, _, ok := hintOf(view(contentType))
	return !ok || wideCharset(body) || bytes.IndexByte(body, 0) >= 0 || bytes.HasPrefix(body, str("\x1f\x8b"))
}

// replaceLeaf decides over src[start:end], which is raw, as one string.
func (s *Scratch) replaceLeaf(start, end int, raw []byte, c ctx) {
	if rep, ef := s.leaf(c, raw, kindString); ef != Unchanged {
		s.replace(start, end, rep)
	}
}

// partHead reads the header section: names in Content-Disposition make the
// context of the content, other fields are header fields of the same side.
func (s *Scratch) partHead(src []byte, p multipart.Part, c ctx) partHead {
	h := partHead{vc: c}
	for pos := p.Head; pos < p.Body; {
		l := field.ReadLine(src[:p.Body], pos)
		pos = l.Next
		if l.Empty {
			break
		}
		if l.Colon < 0 { // no header line: a value without the empty line before it
			s.count(c.place, ruleNone, actMask, outcomeMalformed)
			s.replace(l.Val, l.End, s.maskText())
			continue
		}
		name, val := src[l.Name:l.Colon], src[l.Val:l.End]
		switch {
		case field.Fold(name, "content-disposition"):
			s.disposition(src, l, c, &h)
		case field.Fold(name, "content-type"):
			h.contentType = val
			s.typeName(src, l, c, &h)
		case field.Fold(name, "content-transfer-encoding"):
			h.coding = val
		default:
			s.headerLine(src, l, c)
		}
	}
	if !h.named {
		h.vc = s.child(c, nil)
	}
	return h
}

// disposition reads the parameters of Content-Disposition.
func (s *Scratch) disposition(src []byte, l field.Line, c ctx, h *partHead) {
	val := src[l.Val:l.End]
	for pos := 0; ; {
		q, ok := field.NextParam(val, pos)
		if !ok {
			return
		}
		pos = q.Next
		switch name := val[q.Name:q.Eq]; {
		case field.Fold(name, "name"):
			s.partName(l.Val, val, q, c, h)
		case field.HasPrefixFold(name, "filename"):
			s.parameter(l.Val, val, q, s.child(c, str("filename")))
		}
	}
}

// typeName reads a name parameter of Content-Type, an old place for a file name.
func (s *Scratch) typeName(src []byte, l field.Line, c ctx, h *partHead) {
	val := src[l.Val:l.End]
	for pos := 0; ; {
		q, ok := field.NextParam(val, pos)
		if !ok {
			return
		}
		pos = q.Next
		if field.Fold(val[q.Name:q.Eq], "name") {
			s.partName(l.Val, val, q, c, h)
		}
	}
}

// partName adds one spelling of the name of a part. Readers differ in which of
// several they take: the one with the strongest verdict counts.
func (s *Scratch) partName(off int, val []byte, q field.Param, c ctx, h *partHead) {
	raw := val[q.Val:q.End]
	if q.Ext {
		if i := bytes.LastIndexByte(raw, '\''); i >= 0 {
			raw = raw[i+1:] // charset'language'
		}
	}
	vc := s.encodedChild(c, raw, false)
	if bytes.IndexByte(raw, '\\') >= 0 {
		m := s.mark()
		s.arena = field.Unquote(s.arena, raw)
		vc = stronger(vc, s.encodedChild(c, s.arena[m:], false))
	}
	if markup.HasRef(raw) { // browsers write names as references
		vc = stronger(vc, s.encodedChild(c, s.references(raw), false))
	}
	if vc.v.flags&flagKeyHit != 0 {
		s.replace(off+q.Val, off+q.End, s.maskText())
	}
	if h.named {
		vc = stronger(h.vc, vc)
	}
	h.vc, h.named = vc, true
}

// parameter decides over the value of a parameter.
func (s *Scratch) parameter(off int, val []byte, q field.Param, vc ctx) {
	if rep, ef := s.leaf(withoutCut(vc), val[q.Val:q.End], kindString); ef != Unchanged {
		m := s.mark()
		s.arena = form.Escape(s.arena, rep, false)
		s.replaceFrom(off+q.Val, off+q.End, m)
	}
}

// headerLine decides over a header line that stands in a body.
func (s *Scratch) headerLine(src []byte, l field.Line, c ctx) {
	pl := placeRequestHeader
	if c.place == placeResponseBody || c.place == placeResponseHeader {
		pl = placeResponseHeader
	}
	hc := s.child(s.in(c, pl), src[l.Name:l.Colon])
	hc.cut = c.cut && l.Cut
	if l.End == l.Val {
		return
	}
	if l.Cut && !hc.v.strong() {
		s.truncated(src, l.Val, hc, "")
		return
	}
	name, val := src[l.Name:l.Colon], src[l.Val:l.End]
	switch {
	case hc.v.act.whole() || hc.v.act == actMiss:
	case field.Fold(name, "cookie"):
		s.sub(l.Val, (*Scratch).walkCookie, val, s.in(hc, placeCookie))
		return
	case field.Fold(name, "set-cookie"):
		s.sub(l.Val, (*Scratch).walkSetCookie, val, s.in(hc, placeSetCookie))
		return
	}
	s.replaceLeaf(l.Val, l.End, val, hc)
}

func isCoding(v []byte, name string) bool { return field.Fold(bytes.TrimSpace(v), name) }

// codedPart decides over a part with a transfer encoding.
func (s *Scratch) codedPart(p multipart.Part, body []byte, vc ctx, base64 bool) {
	m := s.mark()
	if base64 {
		s.arena = b64.Decode(s.arena, body)
	} else {
		s.arena = unquotePrintable(s.arena, body)
	}
	dec := s.arena[m:len(s.arena):len(s.arena)]
	if bytes.IndexByte(dec, 0) >= 0 {
		s.count(vc.place, ruleNone, actMask, outcomeUnsupported)
		s.replace(p.Body, p.End, str(markUnsupported))
		return
	}
	rep, ef := s.leaf(vc, dec, kindString)
	if ef == Unchanged {
		return
	}
	m = s.mark()
	switch v, ok := b64.Detect(body); {
	case vc.v.strong() || vc.v.act == actMiss:
		s.arena = append(s.arena, rep...) // readable: a mask or a token
	case base64 && ok:
		s.arena = b64.Encode(s.arena, rep, v)
	case base64:
		s.arena = b64.Encode(s.arena, rep, b64.Standard)
	default:
		s.arena = quotePrintable(s.arena, rep)
	}
	s.replaceFrom(p.Body, p.End, m)
}
