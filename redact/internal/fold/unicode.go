// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// appendUnicode is AppendKey for keys with bytes above 0x7F: compatibility
// decomposition, case folding, and removal of all that a reader does not see or
// that only decorates a letter. Dropping marks after a decomposition makes the
// composed and the decomposed spelling equal, and `é` equal to `e`. Since marks
// are dropped their order does not matter, so the decomposition is done rune by
// rune: norm.Iter would allocate. TestQuickKey proves it equal to norm.NFKD.
func appendUnicode(dst, key []byte) []byte {
	for len(key) > 0 {
		if c := key[0]; c < 0x80 {
			if classes[c]&classDrop == 0 {
				dst = append(dst, lowered[c])
			}
			key = key[1:]
			continue
		}
		r, n := utf8.DecodeRune(key)
		if n == 1 {
			r, n = overlong(key)
		}
		if r < maxPaged {
			p := pages[r/pageRunes].Load()
			if p == nil {
				p = newPage(r / pageRunes)
			}
			k := r % pageRunes
			dst = append(dst, p.text[p.end[k]:p.end[k+1]]...)
		} else {
			dst = appendComposed(dst, r)
		}
		key = key[n:]
	}
	return dst
}

// overlong reads a character that is written with more bytes than UTF-8 allows, as
// lenient decoders do ("p\xC1\xA1ssword"). What is none is one invalid byte.
func overlong(b []byte) (r rune, n int) {
	switch c := b[0]; {
	case c == 0xC0 || c == 0xC1:
		n, r = 2, rune(c&1)
	case c == 0xE0:
		n = 3
	case c == 0xF0:
		n = 4
	}
	if n == 0 || len(b) < n {
		return utf8.RuneError, 1
	}
	for _, c := range b[1:n] {
		if c&0xC0 != 0x80 {
			return utf8.RuneError, 1
		}
		r = r<<6 | rune(c&0x3F)
	}
	return r, n
}

// Folded forms are kept by pages, made when the first rune of one is met: a client
// chooses its keys, and each would cost a decomposition. All pages are some 600 KB.
const (
	pageRunes = 64
	maxPaged  = 0x20000
)

// page has the folded forms of its runes one behind the other.
type page struct {
	end  [pageRunes + 1]uint16
	text []byte
}

var pages [maxPaged / pageRunes]atomic.Pointer[page]

func newPage(n rune) *page {
	p := &page{}
	for k := range rune(pageRunes) {
		p.text = appendComposed(p.text, n*pageRunes+k)
		p.end[k+1] = uint16(len(p.text))
	}
	pages[n].Store(p)
	return p
}

// appendComposed folds one rune.
func appendComposed(dst []byte, r rune) []byte {
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	switch d := norm.NFKD.Properties(buf[:n]).Decomposition(); {
	case 0xAC00 <= r && r <= 0xD7A3: // Hangul syllables decompose by arithmetic
		s := r - 0xAC00
		dst = utf8.AppendRune(dst, 0x1100+s/588)
		dst = utf8.AppendRune(dst, 0x1161+s%588/28)
		if t := s % 28; t != 0 {
			dst = utf8.AppendRune(dst, 0x11A7+t)
		}
	case d == nil:
		dst = appendRune(dst, r)
	default:
		for len(d) > 0 {
			r, m := utf8.DecodeRune(d)
			dst = appendRune(dst, r)
			d = d[m:]
		}
	}
	return dst
}

// appendRune folds one decomposed rune.
func appendRune(dst []byte, r rune) []byte {
	if r < 0x80 {
		if classes[r]&classDrop == 0 {
			dst = append(dst, lowered[r])
		}
		return dst
	}
	if dropped(r) {
		return dst
	}
	r = simpleFold(r)
	if r == 'ß' {
		return append(dst, "ss"...)
	}
	if l := lookalike(r); l != 0 {
		return append(dst, l)
	}
	if r < 0x80 {
		if classes[r]&classDrop == 0 {
			dst = append(dst, lowered[r])
		}
		return dst
	}
	return utf8.AppendRune(dst, r)
}

// dropped reports whether r is invisible, a separator or a mark: invalid bytes
// (U+FFFD, which a lone surrogate becomes too), controls, format characters,
// blanks, dashes, connectors, marks, default-ignorable and unassigned code
// points.
func dropped(r rune) bool {
	return r == utf8.RuneError ||
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Z, unicode.M, unicode.Pd, unicode.Pc,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}

// simpleFold is the smallest rune that simple case folding makes equal to r, in
// lower case.
func simpleFold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if f < least && !unicode.Is(unicode.M, f) { // U+0345 folds to iota
			least = f
		}
	}
	return unicode.ToLower(least)
}

// lookalike returns the Latin letter that a folded Cyrillic, Greek or other
// letter is drawn like, or 0.
func lookalike(r rune) byte {
	if c, ok := smallCapitals[r]; ok {
		return c
	}
	switch r {
	case 'а', 'α', 'ɑ':
		return 'a'
	case 'в', 'β':
		return 'b'
	case 'с', 'ϲ':
		return 'c'
	case 'ԁ':
		return 'd'
	case 'е', 'ε', 'ҽ':
		return 'e'
	case 'ɡ':
		return 'g'
	case 'һ', 'н', 'η':
		return 'h'
	case 'і', 'ι', 'ı', 'ӏ':
		return 'i'
	case 'ј', 'ϳ':
		return 'j'
	case 'к', 'κ':
		return 'k'
	case 'м', 'μ':
		return 'm'
	case 'ո':
		return 'n'
	case 'о', 'ο', 'օ', 'σ':
		return 'o'
	case 'р', 'ρ':
		return 'p'
	case 'ԛ':
		return 'q'
	case 'г':
		return 'r'
	case 'ѕ':
		return 's'
	case 'т', 'τ':
		return 't'
	case 'υ', 'ս':
		return 'u'
	case 'ѵ', 'ν':
		return 'v'
	case 'ԝ', 'ѡ', 'ω':
		return 'w'
	case 'х', 'χ':
		return 'x'
	case 'у', 'γ', 'ү':
		return 'y'
	case 'ᴢ', 'ζ':
		return 'z'
	}
	return 0
}

// smallCapitals are letters of their own in Unicode, without a decomposition.
var smallCapitals = map[rune]byte{
	'ᴀ': 'a', 'ʙ': 'b', 'ᴄ': 'c', 'ᴅ': 'd', 'ᴇ': 'e', 'ꜰ': 'f', 'ɢ': 'g', 'ʜ': 'h', 'ɪ': 'i', 'ᴊ': 'j', 'ᴋ': 'k', 'ʟ': 'l', 'ᴍ': 'm',
	'ɴ': 'n', 'ᴏ': 'o', 'ᴘ': 'p', 'ꞯ': 'q', 'ʀ': 'r', 'ꜱ': 's', 'ᴛ': 't', 'ᴜ': 'u', 'ᴠ': 'v', 'ᴡ': 'w', 'ʏ': 'y', 'ᴢ': 'z',
}
