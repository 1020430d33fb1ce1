// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/apispan/apispan/redact/internal/form"
)

// walkForm reads form content and queries. The syntax has no grammar errors; what
// may be a prefix at the end of a cut capture goes.
func (s *Scratch) walkForm(src []byte, c ctx) {
	plainPlace := c.v.act == actNone && c.state == stateNone && !c.cut
	// Not in the for clause: there the scanner would be copied for each pair.
	sc := form.Scan(src)
	p := &sc.Pair
	fast := plainPlace && s.p.det == nil && !(c.place == placeQuery && bytes.Contains(src, str("ilter=")))
	if fast {
		if i := s.plainPairs(src, 0, c.place); i > 0 {
			sc.SkipTo(i - 1)
		}
	}
	paired := false
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
			if plainPlace && p.End-p.Start <= maxPlainWord && s.plainEncoded(src, p, c) {
				continue
			}
			vc = s.encodedChild(c, key, true)
		} else {
			own, st := s.lookup(c.place, c.state, key)
			if fast && own.act == actNone && own.flags&(flagKeyHit|flagValueOnly) == 0 && plainValue(src[p.Val:p.End], p.ValEsc) {
				if i := s.plainPairs(src, p.End+1, c.place); i > p.End+1 {
					sc.SkipTo(i - 1)
				}
				continue
			}
			vc.v, vc.state = strongest(c.v, own), st
		}
		if vc.v.flags&flagValueOnly != 0 && !paired {
			paired = true
			s.formPairs(src, c)
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

// plainPairs passes over pairs in which nothing can be selected, nearly all, and
// returns the start of the first that needs a closer look. It is what walkForm
// does to such pairs, without calls.
func (s *Scratch) plainPairs(src []byte, start int, pl place) int {
	tag := cacheTag(0, s.env(pl), stateNone)
	// mask has the bits of src[base:base+8] that were not looked at. The words do
	// not depend on where the pairs lie, so that the processor can run ahead.
	base, mask := start-8, uint64(0)
	for {
		for mask == 0 {
			if base += 8; base+8 > len(src) {
				return start
			}
			mask = formMask(binary.LittleEndian.Uint64(src[base:]))
		}
		eq := base + bits.TrailingZeros64(mask)>>3
		mask &= mask - 1
		n := eq - start
		if n > 16 || start+17 > len(src) || src[eq] != '=' || eq+1 == len(src) || formFirst[src[eq+1]] {
			return start
		}
		k0, k1 := binary.LittleEndian.Uint64(src[start:]), binary.LittleEndian.Uint64(src[start+8:])
		if n < 8 {
			k0, k1 = k0&(1<<(8*uint(n))-1), 0
		} else {
			k1 &= 1<<(8*uint(n-8)) - 1
		}
		var val packed
		t := tag | uint64(n)<<1
		if e := &s.short[2*shortSlot(k0, k1, t)]; e.k0 == k0 && e.k1 == k1 && e.tag == t {
			val = e.val
		} else {
			val = s.lookupShort(pl, stateNone, k0, k1, n, src[start:eq])
		}
		if val&(0xFF|packed(flagKeyHit|flagValueOnly)<<8) != 0 {
			return start
		}
		for end := false; !end; {
			for mask == 0 {
				if base += 8; base+8 > len(src) {
					return start
				}
				mask = formMask(binary.LittleEndian.Uint64(src[base:]))
			}
			j := base + bits.TrailingZeros64(mask)>>3
			mask &= mask - 1
			switch src[j] {
			case '&':
				start, end = j+1, true
			case '%':
				if j+2 >= len(src) || !form.IsHex(src[j+1]) || !form.IsHex(src[j+2]) {
					return start
				}
				if c := form.Byte(src[j+1], src[j+2]); c-0x3A < 4 || c == '%' || c == '\n' {
					return start
				}
			case ':', ';', '<', '=':
				return start
			}
		}
	}
}

// plainEncoded reports whether a pair with an encoded name has a name without a rule
// and a short value that can hold nothing.
func (s *Scratch) plainEncoded(src []byte, p *form.Pair, c ctx) bool {
	m := len(s.arena)
	s.arena = form.Unescape(s.arena, src[p.Start:p.Eq], true)
	key := len(s.arena)
	s.arena = form.Unescape(s.arena, src[p.Val:p.End], true)
	name, value := s.arena[m:key], s.arena[key:]
	ok := c.v == (verdict{}) && allPairBytes(name) && (len(value) < 4 || len(value) < minBase64 && allPairBytes(value)) &&
		(s.p.det == nil || len(value) < s.p.detMin || !s.detects(value)) &&
		s.lookupKey(c.place, c.state, name) == 0
	s.arena = s.arena[:m]
	return ok
}

func allPairBytes(b []byte) bool {
	for _, c := range b {
		if !pairByte[c] {
			return false
		}
	}
	return true
}

// formMask has a high bit set in each byte of w that is % & + or one of : ; < =
// and in some that mean nothing.
func formMask(w uint64) uint64 {
	t := w &^ swarHi
	return ((t+(0x80-0x25)*swarLo)&^(t+(0x80-0x2C)*swarLo) | (t+(0x80-0x3A)*swarLo)&^(t+(0x80-0x3E)*swarLo)) &^ w & swarHi
}

// formFirst has the first bytes of values that are looked at.
var formFirst = func() (t [256]bool) {
	t = nestFirst
	t['%'], t['+'] = true, true
	return t
}()

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
	if len(b) >= minBase64 && (hideFirst[b[0]] || bytes.Contains(b, str("eyJ"))) {
		return false // see mayHide
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
		if c-0x3A < 4 || c == '\n' { // : ; < =, or a line of a table
			return false
		}
	}
	return true
}

// formValue decides over src[p.Val:end].
func (s *Scratch) formValue(src []byte, p *form.Pair, end int, vc ctx) {
	raw := src[p.Val:end]
	if len(raw) > 0 && !vc.v.strong() && s.covered(p.Val, end) {
		return // found by the name in another pair
	}
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

// formPairs sees to name=password&value=x, in both orders, and to the same under a
// common prefix: field[0][name]=password&field[0][value]=x.
func (s *Scratch) formPairs(src []byte, c ctx) {
	var named verdict // of the last name
	var group, valGroup []byte
	var val form.Pair // a value whose name may follow
	nameFirst := false
	sc := form.Scan(src)
	for p := &sc.Pair; sc.Next(); {
		if !p.HasValue() {
			continue
		}
		prefix, last := lastSegment(s.unescape(src[p.Start:p.Eq], true))
		own, _ := s.lookup(c.place, stateNone, last)
		switch {
		case own.flags&flagNameKey != 0:
			named, group = s.nameVerdict(c, s.unescape(src[p.Val:p.End], true)), prefix
			if c.cut && p.End == len(src) && !named.strong() {
				break // maybe the beginning of another name
			}
			if named.strong() && val.End > val.Val && !nameFirst && bytes.Equal(valGroup, prefix) {
				s.formNamed(src, &val, c, named)
			}
			nameFirst = nameFirst || val.End == 0
			val = form.Pair{}
		case own.flags&flagValueOnly == 0:
		case named.strong() && bytes.Equal(group, prefix):
			s.formNamed(src, p, c, named)
			named = verdict{}
		default:
			val, valGroup = *p, prefix
		}
	}
	if c.cut && !nameFirst && val.End > val.Val {
		s.formNamed(src, &val, c, verdict{act: actMask}) // its name was cut off
	}
}

func (s *Scratch) formNamed(src []byte, p *form.Pair, c ctx, v verdict) {
	c.v = strongest(c.v, v)
	s.formValue(src, p, p.End, c)
}

// lastSegment splits "a[0][name]" and "a.name" before the last name.
func lastSegment(key []byte) (prefix, last []byte) {
	key = bytes.TrimRight(key, "]")
	if i := bytes.LastIndexAny(key, "[."); i >= 0 {
		return key[:i], key[i+1:]
	}
	return nil, key
}
