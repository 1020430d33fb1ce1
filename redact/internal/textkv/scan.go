// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"encoding/binary"
	"math/bits"
)

// maxKey is the longest key looked at, and maxWords the most words in one.
const (
	maxKey   = 256
	maxWords = 4
)

// Candidate is a possible key before a separator.
type Candidate struct {
	// src[Key:KeyEnd] is the key without quotes.
	Key, KeyEnd int
	// Words[:N] are further places where the key may start: to the left, nearest
	// first, if it may be a phrase ("card number: 1"), or to the right, behind an
	// escaped byte ("https%3A%2F%2Fh%2F%3Ftoken").
	Words [maxWords - 1]int
	N     int
	// Sep is ':', '=', '>' (an XML-like tag) or ' ' (a command-line flag).
	Sep byte
	// Val is where the value starts, behind blanks on the same line.
	Val int
	// Plain is set if the key surely has no escape or reference in it.
	Plain bool
	// line is where the line with the key starts; first is set if nothing but
	// blanks and list marks stands before the key in it.
	line  int
	first bool
	// Secret is where the password starts if the key is a command-line option for
	// "user:password" (curl -u), else 0.
	Secret int
	// outer is the quote that opens right before an unquoted key, or 0.
	outer byte
	// patience is how many bytes may still be looked at for ends of values that have
	// none.
	patience int
}

// Scanner finds candidates from left to right. The embedded one is the last found.
type Scanner struct {
	Candidate

	src []byte
	pos int
	// mask has the high bit of each byte of src[base:base+8] that may be a mark and was
	// not looked at. Words do not depend on where keys lie, so that the processor can
	// run ahead.
	mask uint64
	base int
	bol  int // start of the current line
	// lead is how far the line has nothing but marks of lists and comments, if not
	// before bol.
	lead int
	tag  int // offset of the last "<" on it, or -1
	low  int // keys do not start before it
	// tools were seen so far.
	tools Tools

	// quiet has what was before marks and is of no interest; nil: nobody knows.
	quiet *Quiet
	salt  uint64
	// hash is that of what stands before the last mark, 0 if it has none; start was low
	// then.
	hash  uint64
	start int
	// flagged is set if hash is that of an option.
	flagged bool
	// Until is how far marks may be passed over, see Hush.
	Until int
}

// Scan returns a Scanner over src.
func Scan(src []byte) Scanner {
	return Scanner{src: src, tag: -1, base: -8, Candidate: Candidate{patience: Patience(src)}}
}

// Patience is how many bytes of a text may be read more than once for what its keys
// leave open: enough for any text that people write, and in proportion to its length.
func Patience(src []byte) int { return 16*len(src) + 16<<10 }

// SkipTo goes on at offset i, behind a value.
func (s *Scanner) SkipTo(i int) {
	for j := s.pos; j < i; j++ {
		if s.src[j] == '\n' {
			s.bol = j + 1
		}
	}
	s.pos, s.low = max(s.pos, i), max(s.low, i)
	s.tag = -1
	if i >= s.base+8 {
		s.base, s.mask = i-8, 0
	}
}

// Byte classes for the search of separators.
const (
	dull = iota
	newline
	separator
	lessThan
	greaterThan
	percent
	dash
	wide
)

var class = [256]uint8{
	'\n': newline, ':': separator, '=': separator, '<': lessThan, '>': greaterThan, '%': percent, '-': dash, 0xEF: wide,
}

const (
	lo = 0x0101010101010101
	hi = 0x8080808080808080
)

// marked has a high bit set in each byte of w that class tells from dull ones: LF,
// %, -, : ; < = >, 0xEF, and in some that are dull.
func marked(w uint64) uint64 {
	t := w &^ hi
	ascii := (t+(0x80-0x3A)*lo)&^(t+(0x80-0x3F)*lo) | (hi - (t ^ '%'*lo)) | (hi - (t ^ '-'*lo)) | (hi - (t ^ '\n'*lo))
	return (ascii&^w | (hi-(t^0x6F*lo))&w) & hi
}

// load reads the eight bytes at i; what lies behind the end is zero.
func load(src []byte, i int) uint64 {
	if i+8 <= len(src) {
		return binary.LittleEndian.Uint64(src[i:])
	}
	var w uint64
	for k := len(src) - 1; k >= i; k-- {
		w = w<<8 | uint64(src[k])
	}
	return w
}

// Next finds the next candidate.
func (s *Scanner) Next() bool {
	src, base, mask := s.src, s.base, s.mask
	for {
		for mask == 0 {
			if base += 8; base >= len(src) {
				s.pos, s.base, s.mask = len(src), len(src), 0
				return false
			}
			mask = marked(load(src, base))
		}
		i := base + bits.TrailingZeros64(mask)>>3
		mask &= mask - 1
		if i < s.pos {
			continue
		}
		cl := class[src[i]]
		found := false
		switch cl {
		case newline:
			s.bol = i + 1
			s.tag = -1
		case separator:
			if i <= s.low || !endsKey[src[i-1]] || src[i-1] == '/' && src[max(i-2, 0)] != '*' ||
				src[i-1] == ')' && (i+1 >= len(src) || src[i+1] != '(') {
				continue // nothing that could be a key
			}
			if s.quiet != nil && s.hushed(i, i+1, src[i]) {
				continue
			}
			found = s.before(i, i+1, src[i])
		case lessThan:
			s.tag = i
		case greaterThan:
			s.hash = 0
			switch {
			case s.tag >= 0:
				found = s.element(i)
			case i > 2 && src[i-1] == '-' && src[i-2] == ' ' && i+1 < len(src) && src[i+1] == ' ': // key -> value
				found = s.before(i-1, i+1, '=')
			}
		case percent:
			if h, n := escaped(src, i); h == '=' || h == ':' {
				if s.quiet != nil && s.hushed(i, i+n, h) {
					continue
				}
				found = s.before(i, i+n, h)
			}
		case dash:
			if i > 0 && !beforeFlag[src[i-1]] || i+3 < len(src) && src[i+3] == '\n' && src[i+1] == '-' && src[i+2] == '-' { // "---"
				continue
			}
			s.hash = 0
			found = s.flag(i)
		case wide: // full-width ":" and "="
			s.hash = 0
			if i+2 < len(src) && src[i+1] == 0xBC {
				switch src[i+2] {
				case 0x9A:
					found = s.before(i, i+3, ':')
				case 0x9D:
					found = s.before(i, i+3, '=')
				}
			}
		}
		if found {
			s.base, s.mask = base, mask
			s.pos = max(s.Val, i+1)
			if cl != dash {
				s.low = i + 1
			} else {
				s.pos = i + 1
			}
			return true
		}
	}
}
