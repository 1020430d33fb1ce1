// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"github.com/apispan/apispan/redact/internal/form"
)

// walkForm reads form content and queries. The syntax has no grammar errors; what
// may be a prefix at the end of a cut capture goes.
func (s *Scratch) walkForm(src []byte, c ctx) {
	plainPlace := c.v.act == actNone && c.state == stateNone && !c.cut
	// Not in the for clause: there the scanner would be copied for each pair.
	sc := form.Scan(src)
	p := &sc.Pair
	for sc.Next() {
		if p.End == p.Start {
			continue
		}
		if !p.HasValue() {
			if c.cut && p.End == len(src) {
				s.truncated(src, p.Start, c, "")
				return
			}
			s.formBare(src, p, c)
			continue
		}
		key := src[p.Start:p.Eq]
		vc := c
		if p.KeyEsc || c.state != stateNone {
			vc = s.encodedChild(c, key, true)
		} else {
			own, st := s.lookup(c.place, c.state, key)
			if plainPlace && own.act == actNone && own.flags&flagKeyHit == 0 && s.p.det == nil && plainValue(src[p.Val:p.End], p.ValEsc) {
				continue // nearly every pair
			}
			vc.v, vc.state = strongest(c.v, own), st
		}
		if vc.v.flags&flagKeyHit != 0 {
			s.replace(p.Start, p.Eq, s.maskText())
		}
		end := p.End
		if vc.v.strong() && p.Sep == ';' {
			// Most servers do not split at ";": then all up to "&" is the value.
			end = form.ValueEnd(src, p)
			sc.SkipTo(end)
		}
		s.formValue(src, p, end, vc)
	}
}

// plainValue reports whether a value can hold no key, encoded or not, see
// structured. It may say no where the answer is yes.
func plainValue(b []byte, escaped bool) bool {
	if !escaped {
		return !structured(b)
	}
	switch b[0] {
	case '{', '[', '"', 'e', 'W', 'P', '%', '+', ' ', '\t', '\r', '\n', 0xEF:
		return false
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' {
			if i+2 >= len(b) || !form.IsHex(b[i+1]) || !form.IsHex(b[i+2]) {
				return false
			}
			c = form.Byte(b[i+1], b[i+2])
			if c == '%' {
				return false
			}
			i += 2
		}
		if c-0x3A < 4 { // : ; < =
			return false
		}
	}
	return true
}

// formValue decides over src[p.Val:end].
func (s *Scratch) formValue(src []byte, p *form.Pair, end int, vc ctx) {
	raw := src[p.Val:end]
	if vc.cut = vc.cut && end == len(src); vc.cut {
		if vc.v.act == actNone || vc.v.act == actAllow {
			s.truncated(src, p.Val, vc, "")
			return
		}
	}
	if len(raw) == 0 {
		return
	}
	dec := raw
	if p.ValEsc || p.Sep == ';' {
		dec = s.unescape(raw, true)
	}
	rep, ef := s.leaf(vc, dec, kindString)
	switch ef {
	case Changed:
		m := s.mark()
		s.arena = form.Escape(s.arena, rep, true)
		s.replaceFrom(p.Val, end, m)
	case Removed:
		start := p.Start
		switch {
		case end < len(src):
			end++
		case start > 0:
			start--
		}
		s.replace(start, end, nil)
	}
}

// formBare decides over a piece without "=": a name without a value, or a value
// without a name.
func (s *Scratch) formBare(src []byte, p *form.Pair, c ctx) {
	vc := s.encodedChild(c, src[p.Start:p.End], true)
	rep, ef := s.leaf(vc, s.unescape(src[p.Start:p.End], true), kindString)
	if ef != Unchanged {
		m := s.mark()
		s.arena = form.Escape(s.arena, rep, true)
		s.replaceFrom(p.Start, p.End, m)
	}
}
