// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonString decides over the string with content src[a:b]. It returns where to go
// on if that is not behind the closing quote (a dropped member), else 0.
func (s *Scratch) jsonString(src []byte, a, b int, esc bool, c ctx, f *frame, keyStart int) int {
	if f != nil {
		s.jsonPair(src, a, b, esc, &c, f)
	}
	v := c.v
	switch v.act {
	case actNone, actAllow:
		keep(f)
		s.jsonInspect(src[a:b], a, esc, c)
		return 0
	case actHMAC, actEncrypt, actTruncate:
		m := s.mark()
		dec := src[a:b]
		if esc {
			s.arena = appendUnescaped(s.arena, dec)
			dec = s.arena[m:]
		}
		keep(f)
		if rep, ef := s.leaf(c, dec, kindString); ef != Unchanged {
			s.jsonQuoted(a-1, b+1, rep)
		}
		return 0
	}
	return s.jsonMask(src, a-1, b+1, kindString, c, f, keyStart)
}

// jsonScalar decides over the number or literal src[i:end] and returns where to go
// on.
func (s *Scratch) jsonScalar(src []byte, i, end int, k kind, c ctx, f *frame, keyStart int) int {
	if c.v.flags&flagValueKey != 0 && f != nil && f.flags&frameObject != 0 && f.kv.act == actNone {
		s.pend = append(s.pend, span{int32(i), int32(end), c.v.flags&flagValueOnly != 0})
	}
	switch c.v.act {
	case actNone, actAllow, actHMAC, actEncrypt, actTruncate:
		keep(f)
		if rep, ef := s.leaf(c, src[i:end], k); ef != Unchanged {
			s.jsonQuoted(i, end, rep)
		}
		return end
	}
	if e := s.jsonMask(src, i, end, k, c, f, keyStart); e > 0 {
		return e
	}
	return end
}

func keep(f *frame) {
	if f != nil {
		f.flags |= frameKept
	}
}

// jsonQuoted replaces src[start:end] by rep as a JSON string.
func (s *Scratch) jsonQuoted(start, end int, rep []byte) {
	m := s.mark()
	s.arena = append(s.arena, '"')
	s.arena = appendEscaped(s.arena, rep)
	s.arena = append(s.arena, '"')
	s.replaceFrom(start, end, m)
}

// jsonMask writes the mask for the scalar src[start:end] or drops its member. It
// returns where to go on, 0 for end.
func (s *Scratch) jsonMask(src []byte, start, end int, k kind, c ctx, f *frame, keyStart int) int {
	if c.v.act == actDrop && f != nil {
		s.count(c.place, c.v.rule, actDrop, outcomeRule)
		if k == kindString {
			s.noteSecret(c, src[start+1:end-1])
		}
		return s.jsonDrop(src, end, f, keyStart)
	}
	keep(f)
	raw := src[start:end]
	if k == kindString {
		raw = src[start+1 : end-1]
	}
	rep, _ := s.leaf(c, raw, k)
	s.jsonQuoted(start, end, rep)
	return 0
}

// jsonReplaceWhole writes the mask for a container or drops its member.
func (s *Scratch) jsonReplaceWhole(src []byte, start, end int, c ctx, f *frame, keyStart int, ok bool) int {
	o := outcomeRule
	if !ok {
		o = outcomeTruncated
	}
	s.count(c.place, c.v.rule, c.v.act, o)
	if c.v.act == actDrop && f != nil && ok {
		return s.jsonDrop(src, end, f, keyStart)
	}
	keep(f)
	s.replace(start, end, s.p.maskJSON)
	return end
}

// jsonBroken replaces a value that cannot be read, and all behind it: by the mask
// if a rule masks it anyway, which is what a second pass over the result would do.
func (s *Scratch) jsonBroken(src []byte, i int, c ctx, v verdict, text string) {
	o := outcomeTruncated
	if text == markMalformed {
		o = outcomeMalformed
	}
	if v.act.whole() || v.act == actMiss {
		s.count(c.place, v.rule, v.act, o)
		s.replace(i, len(src), s.p.maskJSON)
		return
	}
	s.fail(src, i, c, `"`, text, o)
}

// jsonDrop removes the member or element from keyStart to end together with one
// comma, and returns where to go on: at the next comma or bracket, or at the next
// key if the comma behind went.
func (s *Scratch) jsonDrop(src []byte, end int, f *frame, keyStart int) int {
	if f.flags&frameKept != 0 {
		s.replace(int(f.comma), end, nil)
		return end
	}
	i := end
	for i < len(src) && jsonSpace[src[i]] {
		i++
	}
	if i < len(src) && src[i] == ',' {
		s.replace(keyStart, i+1, nil)
	} else {
		s.replace(keyStart, end, nil)
	}
	return end
}

// jsonPair sees to key/value pairs: {"name":"password","value":"x"} in both
// orders, and ["password","x"] as well as flat lists of names and values.
func (s *Scratch) jsonPair(src []byte, a, b int, esc bool, c *ctx, f *frame) {
	if f.flags&frameObject == 0 {
		if f.idx&1 == 1 && b-a <= 64 && c.v.act < actMask { // idx counts this element
			f.kv = s.nameOf(src[a:b], esc, *c)
		}
		return
	}
	if c.v.flags&flagNameKey != 0 && b-a <= 64*6 {
		if nv := s.nameOf(src[a:b], esc, *c); nv.act > f.kv.act {
			f.kv = nv
			for _, p := range s.pend[f.pend:] {
				s.jsonRetro(src, p, ctx{v: nv, place: c.place, nest: c.nest})
			}
			s.pend = s.pend[:f.pend]
		}
	}
	if c.v.flags&flagValueKey != 0 && f.kv.act == actNone {
		s.pend = append(s.pend, span{int32(a - 1), int32(b + 1), c.v.flags&flagValueOnly != 0})
	}
}

func (s *Scratch) nameOf(raw []byte, esc bool, c ctx) verdict {
	if !esc {
		return s.nameVerdict(c, raw)
	}
	m := s.mark()
	s.arena = appendUnescaped(s.arena, raw)
	v := s.nameVerdict(c, s.arena[m:])
	s.arena = s.arena[:m]
	return v
}

// jsonRetro replaces a value whose name came after it.
func (s *Scratch) jsonRetro(src []byte, p span, c ctx) {
	raw := src[p.start:p.end]
	if c.v.act == actHMAC || c.v.act == actEncrypt {
		k := kindNumber
		switch raw[0] {
		case '{', '[':
			k = kindNull
			c.v.act = actMask
		case '"':
			k = kindString
			raw = raw[1 : len(raw)-1]
			if bytes.IndexByte(raw, '\\') >= 0 {
				m := s.mark()
				s.arena = appendUnescaped(s.arena, raw)
				raw = s.arena[m:]
			}
		}
		if rep, ef := s.leaf(c, raw, k); ef != Unchanged {
			s.jsonQuoted(int(p.start), int(p.end), rep)
		}
		return
	}
	s.count(c.place, c.v.rule, actMask, outcomeRule)
	s.replace(int(p.start), int(p.end), s.p.maskJSON)
}

// jsonInspect looks into a string that no key rule selects and moves the edits
// that result from the decoded text into the raw one, so that everything between
// them stays byte for byte.
func (s *Scratch) jsonInspect(raw []byte, at int, esc bool, c ctx) {
	dec := raw
	if esc {
		m := s.mark()
		s.arena = appendUnescaped(s.arena, raw)
		dec = s.arena[m:len(s.arena):len(s.arena)]
	}
	if (s.p.det == nil || len(dec) < s.p.detMin && !c.cut) && !structured(dec) {
		return
	}
	saved, first := s.lv, len(s.edits)
	pend, fb := len(s.pend), s.frameBase
	s.lv = level{src: dec, first: first}
	s.inspect(dec, c)
	s.lv = saved
	s.pend, s.frameBase = s.pend[:pend], fb
	es := s.edits[first:]
	if len(es) == 0 {
		return
	}
	off := int32(at + saved.base)
	m := rawMap{raw: raw, plain: !esc}
	for j := range es {
		e := &es[j]
		e.start = m.start(int(e.start)) + off
		e.end = m.end(int(e.end)) + off
		s.escapeEdit(e)
	}
}

// escapeEdit makes the replacement fit for a JSON string.
func (s *Scratch) escapeEdit(e *edit) {
	with := s.arena[e.off : e.off+e.n]
	for _, b := range with {
		if b < ' ' || b == '"' || b == '\\' {
			m := len(s.arena)
			s.arena = appendEscaped(s.arena, with)
			e.off, e.n = int32(m), int32(len(s.arena)-m)
			return
		}
	}
}

// rawMap maps offsets in the decoded content of a string to its raw content. It
// goes forward only.
type rawMap struct {
	raw   []byte
	plain bool
	r, d  int // a unit begins at raw offset r and decoded offset d
}

// seek moves to the unit that contains decoded offset to, or begins there, and
// returns the sizes of that unit.
func (m *rawMap) seek(to int) (rn, dn int) {
	raw, r, d := m.raw, m.r, m.d
	defer func() { m.r, m.d = r, d }()
	for r < len(raw) {
		n := 0 // plain bytes from r
		for r+n+8 <= len(raw) {
			x := binary.LittleEndian.Uint64(raw[r+n:]) ^ '\\'*swarLo
			if b := (x - swarLo) &^ x & swarHi; b != 0 {
				n += bits.TrailingZeros64(b) >> 3
				break
			}
			n += 8
		}
		for r+n < len(raw) && raw[r+n] != '\\' {
			n++
		}
		if to < d+n {
			r += to - d
			d = to
			return 1, 1
		}
		r += n
		d += n
		if r >= len(raw) {
			break
		}
		rn, dn, _ = unescapeOne(raw[r:])
		if to < d+dn {
			return rn, dn
		}
		r += rn
		d += dn
	}
	return 0, 0
}

func (m *rawMap) start(to int) int32 {
	if m.plain {
		return int32(to)
	}
	m.seek(to)
	return int32(m.r)
}

func (m *rawMap) end(to int) int32 {
	if m.plain {
		return int32(to)
	}
	rn, _ := m.seek(to)
	if m.d < to { // in the middle of a unit
		return int32(m.r + rn)
	}
	return int32(m.r)
}

// unescapeOne decodes the escape at the beginning of raw: its raw and decoded
// sizes and the character. A lone surrogate is U+FFFD, an unknown escape stands for
// the character itself.
func unescapeOne(raw []byte) (rn, dn int, r rune) {
	if len(raw) < 2 {
		return 1, 1, '\\'
	}
	switch raw[1] {
	case 'b':
		return 2, 1, '\b'
	case 'f':
		return 2, 1, '\f'
	case 'n':
		return 2, 1, '\n'
	case 'r':
		return 2, 1, '\r'
	case 't':
		return 2, 1, '\t'
	case 'u':
		h, ok := hex4(raw[2:])
		if !ok {
			return 2, 1, 'u'
		}
		if utf16.IsSurrogate(h) {
			if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
				if l, ok := hex4(raw[8:]); ok {
					if c := utf16.DecodeRune(h, l); c != utf8.RuneError {
						return 12, 4, c
					}
				}
			}
			return 6, 3, utf8.RuneError
		}
		return 6, utf8.RuneLen(h), h
	}
	if raw[1] < utf8.RuneSelf {
		return 2, 1, rune(raw[1])
	}
	return 1, 1, '\\' // a backslash before a multi-byte character
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnescaped appends the decoded content of a JSON string. It moves eight
// bytes at a time up to the next backslash.
func appendUnescaped(dst, raw []byte) []byte {
	j := len(dst)
	dst = slices.Grow(dst, len(raw)+8) // decoding never makes it longer
	dst = dst[:cap(dst)]
	i := 0
	for i+8 <= len(raw) {
		w := binary.LittleEndian.Uint64(raw[i:])
		binary.LittleEndian.PutUint64(dst[j:], w)
		x := w ^ '\\'*swarLo
		m := (x - swarLo) &^ x & swarHi
		if m == 0 {
			i += 8
			j += 8
			continue
		}
		k := bits.TrailingZeros64(m) >> 3
		i += k
		j += k
		if i+1 < len(raw) {
			c := raw[i+1]
			for c == '"' || c == '\\' || c == '/' {
				dst[j] = c
				i += 2
				j++
				if i+1 >= len(raw) || raw[i] != '\\' {
					break
				}
				c = raw[i+1]
			}
			if i >= len(raw) || raw[i] != '\\' {
				continue
			}
		}
		i, j = unescapeAt(dst, j, raw, i)
	}
	for i < len(raw) {
		if raw[i] != '\\' {
			dst[j] = raw[i]
			i++
			j++
			continue
		}
		i, j = unescapeAt(dst, j, raw, i)
	}
	return dst[:j]
}

// unescapeAt decodes the escape at raw[i:] to dst[j:] and returns both offsets
// behind it.
func unescapeAt(dst []byte, j int, raw []byte, i int) (int, int) {
	rn, dn, r := unescapeOne(raw[i:])
	if dn == 1 {
		dst[j] = byte(r)
		return i + rn, j + 1
	}
	return i + rn, j + utf8.EncodeRune(dst[j:j+4], r)
}

// appendEscaped appends text as the content of a JSON string.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	for _, b := range text {
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b == '\n':
			dst = append(dst, '\\', 'n')
		case b < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return dst
}
