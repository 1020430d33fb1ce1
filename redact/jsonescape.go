// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apispan/apispan/redact/internal/edit"
)

// coding is a way to write any byte with others: escapes that begin with one mark.
type coding struct {
	mark byte
	// unit returns the raw and the decoded size of what begins with a mark.
	unit   func(raw []byte) (rn, dn int)
	encode func(dst, b []byte) []byte
}

var jsonCoding = coding{'\\', func(raw []byte) (int, int) { rn, dn, _ := unescapeOne(raw); return rn, dn }, appendEscaped}

// rawMap maps offsets in the decoded content of a string to its raw content. It
// goes forward only.
type rawMap struct {
	raw   []byte
	code  *coding
	plain bool
	r, d  int // a unit begins at raw offset r and decoded offset d
}

// lift brings the edits of a decoded text, which inner returned, to where they
// stand in the raw text that begins at offset at of the running walker's source.
func (s *Scratch) lift(es []edit.Edit, raw []byte, at int, code *coding, plain bool) {
	m := rawMap{raw: raw, code: code, plain: plain}
	for _, e := range es {
		e.Start = m.start(int(e.Start)) + int32(at+s.lv.base)
		e.End = m.end(int(e.End)) + int32(at+s.lv.base)
		if s.edits.Covered(e.Start, e.End) {
			continue // by a rule for the key
		}
		o := len(s.arena)
		s.arena = code.encode(s.arena, s.arena[e.Off:e.Off+e.N])
		e.Off, e.N = int32(o), int32(len(s.arena)-o)
		s.explainAt(int(e.Start))
		s.edits.Put(e)
	}
}

// seek moves to the unit that contains decoded offset to, or begins there, and
// returns the sizes of that unit.
func (m *rawMap) seek(to int) (rn, dn int) {
	raw, r, d := m.raw, m.r, m.d
	mark := uint64(m.code.mark) * swarLo
	defer func() { m.r, m.d = r, d }()
	for r < len(raw) {
		n := 0                                 // plain bytes from r
		near := raw[r:min(len(raw), r+to-d+1)] // what lies beyond does not matter
		for n+8 <= len(near) {
			x := binary.LittleEndian.Uint64(near[n:]) ^ mark
			if b := (x - swarLo) &^ x & swarHi; b != 0 {
				n += bits.TrailingZeros64(b) >> 3
				break
			}
			n += 8
		}
		for n < len(near) && near[n] != m.code.mark {
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
		rn, dn = m.code.unit(raw[r:])
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
