// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"github.com/apispan/apispan/redact/internal/form"
)

// strong reports whether a verdict takes the value away, wholly or in part, by a
// rule of its own (not for want of an allow rule).
func (v verdict) strong() bool { return v.act >= actTruncate && v.act != actMiss }

// cookie is flagCookie or flagSetCookie if the value is that of a cookie field.
func (v verdict) cookie() verdictFlags {
	if f := v.flags & cookieBits; f != cookieBits {
		return f
	}
	return 0
}

// says reports whether a verdict matters for what stands inside of the value.
func (v verdict) says() bool { return v.act != actNone || v.flags&cookieBits != 0 }

// stronger returns the context with the stronger verdict. A missing allow rule is
// the weakest: another spelling of the key may be allowed.
func stronger(a, b ctx) ctx {
	if b.v.act == actMiss || a.v.act != actMiss && b.v.act <= a.v.act {
		return a
	}
	return b
}

// in returns the context of a value that stands in place pl inside a value with
// context c, such as the query of a URL in a body.
func (s *Scratch) in(c ctx, pl place) ctx {
	if c.place == pl {
		return c
	}
	r := s.root(pl)
	r.nest, r.cut = c.nest, c.cut
	if c.v.act == actAllow && r.v.act == actMiss || c.v.strong() && (!r.v.strong() || c.v.act > r.v.act) || c.v.act == actMiss && r.v.act == actNone {
		r.v = c.v
	}
	return r
}

// inPlace reads a document or text that stands in the running walker's source
// without an encoding of its own.
func (s *Scratch) inPlace(off int, b []byte, c ctx) {
	if len(b) == 0 {
		return
	}
	switch c.v.act {
	case actNone, actAllow:
		s.sub(off, (*Scratch).inspect, b, c)
	case actMiss:
		if o := blankPrefix(b); looksJSON(b[o:]) || looksMarkup(b[o:]) || looksForm(b[o:]) {
			s.sub(off, (*Scratch).inspect, b, c)
			return
		}
		fallthrough
	default:
		if rep, ef := s.leaf(c, b, kindString); ef != Unchanged {
			s.replace(off, off+len(b), rep)
		}
	}
}

// unescape decodes %XX (and "+") into the arena if there is any, else returns raw.
func (s *Scratch) unescape(raw []byte, plus bool) []byte {
	if !form.HasEscape(raw, plus) {
		return raw
	}
	m := s.mark()
	s.arena = form.Unescape(s.arena, raw, plus)
	return s.arena[m:len(s.arena):len(s.arena)]
}

// urlMark has what a name stands behind in a URL.
var urlMark = [256]bool{'?': true, '&': true, ';': true, '/': true, '#': true}

// maxRounds is how often a key is decoded again that was encoded several times.
const maxRounds = 4

// encodedChild is child for a percent-encoded key. Every reading counts: decoded
// once, and again as long as escapes are left.
func (s *Scratch) encodedChild(c ctx, raw []byte, plus bool) ctx {
	if !hasMark(raw) {
		return s.child(c, raw)
	}
	key := s.unescape(raw, plus)
	vc := s.child(c, key)
	for n := 1; n < maxRounds && form.HasEscape(key, false); n++ {
		key = s.unescape(key, false)
		vc = stronger(vc, s.child(c, key))
	}
	i := len(key) - 1
	for i >= 0 && !urlMark[key[i]] {
		i--
	}
	if i >= 0 && i+1 < len(key) {
		vc = stronger(vc, s.child(c, key[i+1:])) // the tail of a URL or form inside
	}
	return vc
}

// hasMark reports whether a key may be encoded or the tail of a URL.
func hasMark(key []byte) bool {
	for _, b := range key {
		if urlMark[b] || b == '%' || b == '+' {
			return true
		}
	}
	return false
}
