// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/cookie"
	"github.com/apispan/apispan/redact/internal/form"
)

// walkCookie reads the value of a Cookie field, also of several joined by commas.
func (s *Scratch) walkCookie(src []byte, c ctx) { s.cookies(src, c, false) }

// walkSetCookie reads the value of a Set-Cookie field, also of several joined by
// commas. Attributes of a cookie stay if their value can only be what the
// attribute allows; any other name is a cookie.
func (s *Scratch) walkSetCookie(src []byte, c ctx) { s.cookies(src, c, true) }

// cookieText is inspect for the value of a cookie field that stands in a body, a
// text or an attribute of another name: as the field has it, or as JSON.
func (s *Scratch) cookieText(src []byte, c ctx) {
	if c.nest >= uint8(s.p.cfg.Limits.Nested) {
		s.overLimit(0, len(src), c, "")
		return
	}
	c.nest++
	pl := placeCookie
	if c.v.cookie() == flagSetCookie {
		pl = placeSetCookie
	}
	c.v.flags &^= cookieBits
	cc := s.in(c, pl)
	if c.place == pl {
		cc.v = strongest(c.v, s.roots[pl])
	}
	s.cookies(src, cc, pl == placeSetCookie)
	s.patterns(src, c)
}

func (s *Scratch) cookies(src []byte, c ctx, set bool) {
	if o := blankPrefix(src); looksJSON(src[o:]) && c.nest < uint8(s.p.cfg.Limits.Nested) {
		c.nest++
		// Several fields, or the cookies by name, as JSON.
		if c.v == s.roots[c.place] {
			c.v = verdict{} // it means the values, which find it again
		}
		if c.v.flags |= flagCookie; set {
			c.v.flags ^= cookieBits
		}
		s.sub(o, (*Scratch).walkEmbedded, src[o:], c)
		return
	}
	first := true
	sc := cookie.Scan(src)
	free := !set && c.v == (verdict{}) && c.state == stateNone && !c.cut
	salt := cookieSalt | uint64(s.env(c.place))<<16
	if !set && (c.v == (verdict{}) || c.v.act == actMask) && c.state == stateNone && !c.cut {
		sc.SkipTo(s.plainCookies(src, c))
	}
	for ; ; first = false {
		p, ok := sc.Next()
		if !ok {
			return
		}
		var hash uint64
		if n := p.End - p.Start; free && n <= 16 && p.Full == p.End {
			k0, k1 := words(src[p.Start:p.End])
			var known bool
			if hash, known = s.quiet.Known(k0, k1, salt|uint64(n)); known {
				continue
			}
		}
		ac, skip := c, false
		if set && !first {
			ac, skip = setAttribute(src, p, c)
		}
		if skip {
			continue
		}
		vc := ac
		switch {
		case ac != c: // a free attribute
		case p.Named():
			vc = s.encodedChild(c, src[p.Start:p.Eq], false)
			if vc.v.flags&flagKeyHit != 0 {
				s.replace(p.Start, p.Eq, s.maskText())
			}
		default:
			vc = s.encodedChild(c, src[p.Val:p.End], false)
		}
		end := p.End
		if vc.v.strong() {
			end = p.Full
			sc.SkipTo(end)
		}
		if hash != 0 && vc == c && s.plainCookie(src[p.Val:p.End]) {
			s.quiet.Note(hash)
			continue
		}
		s.cookieValue(src, p, end, vc, set)
	}
}

// cookieSalt tells cookies from what else s.quiet knows.
const cookieSalt = 4 << 40

// plainCookie reports whether a value without a rule can hold nothing.
func (s *Scratch) plainCookie(value []byte) bool {
	return (len(value) < 4 || bytes.IndexByte(value, '%') < 0 && value[0] != '"' && !structured(value)) &&
		(s.p.det == nil || len(value) < s.p.detMin || !s.detects(value))
}

// plainCookies decides over cookies without quotes and escapes whose names say nothing,
// nearly all, and returns the start of the first that needs a closer look.
func (s *Scratch) plainCookies(src []byte, c ctx) int {
	vc := c
	vc.v = strongest(c.v, verdict{})
	for pos := 0; pos < len(src); {
		if src[pos] == ';' || src[pos] == ' ' {
			pos++
			continue
		}
		start := pos
		for pos < len(src) && cookieByte[src[pos]] {
			pos++
		}
		eq := pos
		if eq == start || eq == len(src) || src[eq] != '=' {
			return start
		}
		for pos++; pos < len(src) && cookieByte[src[pos]]; {
			pos++
		}
		if pos < len(src) && src[pos] != ';' || s.lookupKey(c.place, c.state, src[start:eq]) != 0 {
			return start
		}
		switch value := src[eq+1 : pos]; {
		case len(value) == 0:
		case vc.v.act == actMask:
			if rep, ef := s.leaf(vc, value, kindString); ef != Unchanged {
				s.replace(eq+1, pos, rep)
			}
		case structured(value) || s.p.det != nil && len(value) >= s.p.detMin && s.detects(value):
			return start
		}
	}
	return len(src)
}

// cookieByte has what plain names and values of cookies are made of.
var cookieByte = func() (t [256]bool) {
	for c := range byte(0x80) {
		t[c] = c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '-' || c == '.'
	}
	return t
}()

// setAttribute tells whether a pair of a Set-Cookie field is an attribute: one
// that stays, or one whose value is looked at with the returned context.
func setAttribute(src []byte, p cookie.Pair, c ctx) (ac ctx, skip bool) {
	name, value := src[p.Start:p.Eq], src[p.Val:p.End]
	if !p.Named() {
		name, value = value, nil
	}
	known, free := cookie.Attribute(name, value)
	if !known {
		return c, false
	}
	if !free || len(value) == 0 || len(value) == 1 && value[0] == '/' {
		return c, true
	}
	// The rule that masks cookie values does not mean their paths.
	if c.v.strong() {
		c.v = verdict{}
	}
	return c, false
}

func (s *Scratch) cookieValue(src []byte, p cookie.Pair, end int, vc ctx, set bool) {
	val := p.Val
	if end-val >= 2 && src[val] == '"' && src[end-1] == '"' {
		val, end = val+1, end-1
	}
	raw := src[val:end]
	vc.cut = vc.cut && end == len(src)
	if vc.cut && (vc.v.act == actNone || vc.v.act == actAllow) {
		s.truncated(src, val, vc, "")
		return
	}
	if len(raw) == 0 {
		return
	}
	dec := s.unescape(raw, false)
	if !p.Named() && vc.v.cookie() != 0 && len(dec) == len(raw) && !vc.v.strong() && !vc.cut {
		s.sub(val, (*Scratch).patterns, raw, vc) // as a cookie field it was read just now
		return
	}
	rep, ef := s.leaf(vc, dec, kindString)
	switch {
	case ef == Unchanged:
	case ef == Removed && !set:
		start := p.Start
		if end < p.End { // the closing quote
			end++
		}
		switch {
		case end < len(src):
			for end < len(src) && (src[end] == ';' || src[end] == ',' || src[end] == ' ') {
				end++
			}
		default:
			for start > 0 && (src[start-1] == ';' || src[start-1] == ',' || src[start-1] == ' ') {
				start--
			}
		}
		s.replace(start, end, nil)
	case len(dec) != len(raw) && !vc.v.strong():
		m := s.mark()
		s.arena = form.Escape(s.arena, rep, false)
		s.replaceFrom(val, end, m)
	default:
		s.replace(val, end, rep)
	}
}
