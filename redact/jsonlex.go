// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/binary"
	"math/bits"
)

// The lexical level of the JSON walker: strings, numbers, white space, and the
// rough skipping of what a rule takes away whole.

const (
	swarLo = 0x0101010101010101
	swarHi = 0x8080808080808080
)

// quoteMask has the high bit set in the first byte of w that is '"' or '\' (and
// maybe in later bytes); 0 if there is none.
func quoteMask(w uint64) uint64 {
	q := w ^ '"'*swarLo
	b := w ^ '\\'*swarLo
	return ((q-swarLo)&^q | (b-swarLo)&^b) & swarHi
}

// equalMask has the high bit set in the first byte of w that is b, and maybe in later
// ones; 0 if there is none.
func equalMask(w uint64, b byte) uint64 {
	x := w ^ uint64(b)*swarLo
	return (x - swarLo) &^ x & swarHi
}

// notNumeric has the high bit set in each byte of w that is neither a digit nor a dot.
func notNumeric(w uint64) uint64 {
	d := w ^ '0'*swarLo // 0 to 9 for digits
	p := w ^ '.'*swarLo // 0 for dots
	notDigit := (d&^swarHi + (0x80-10)*swarLo) | d
	notDot := (p&^swarHi + 0x7F*swarLo) | p
	return notDigit & notDot & swarHi
}

// below has the bits of the bytes before the first one that is marked in m.
func below(m uint64) uint64 { return (m - 1) &^ m }

// keyMask has a high bit set in each byte of w that is one of ':' ';' '<' '=' or
// '%', without which a string cannot hold a key (see structured). A byte behind a
// '%' may be marked too.
func keyMask(w uint64) uint64 {
	t := w &^ swarHi
	x := w ^ '%'*swarLo
	return ((t+(0x80-0x3A)*swarLo)&^(t+(0x80-0x3E)*swarLo)&^w | (x-swarLo)&^x) & swarHi
}

// nestFirst has the first bytes of strings that may be a document although they
// have none of the bytes of keyMask.
var nestFirst = [256]bool{'{': true, '[': true, '"': true, 'e': true, 'W': true, 'P': true, ' ': true, '\t': true, '\r': true, '\n': true, 0xEF: true}

type stringFlags uint8

const (
	stringEscaped stringFlags = 1 << iota
	stringKeyed               // has a byte of keyMask
)

// scanString is stringEnd that also looks for the bytes of keyMask, unless there
// are escapes: then the string is decoded and looked at anyway.
func scanString(src []byte, i int) (end int, fl stringFlags) {
	var acc uint64
	for i+8 <= len(src) {
		w := binary.LittleEndian.Uint64(src[i:])
		m := quoteMask(w)
		if m == 0 {
			acc |= keyMask(w)
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if src[i] == '"' {
			if acc|keyMask(w)&below(m) != 0 {
				fl = stringKeyed
			}
			return i, fl
		}
		break
	}
	end, esc := stringEnd(src, i)
	fl = stringKeyed // not looked at to the end
	if esc {
		fl |= stringEscaped
	}
	return end, fl
}

// skipSpace returns the offset of the next byte that is not white space.
func skipSpace(src []byte, i int) int {
	for i < len(src) && jsonSpace[src[i]] {
		i++
	}
	return i
}

// stringEnd returns the offset of the quote that ends the string whose content
// begins at i, or -1, and whether there are escapes.
func stringEnd(src []byte, i int) (end int, esc bool) {
	for i+8 <= len(src) {
		m := quoteMask(binary.LittleEndian.Uint64(src[i:]))
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if src[i] == '"' {
			return i, esc
		}
		esc = true
		i += 2
		for i+1 < len(src) && src[i] == '\\' {
			i += 2
		}
	}
	for i < len(src) {
		switch src[i] {
		case '"':
			return i, esc
		case '\\':
			esc = true
			i++
		}
		i++
	}
	return -1, esc
}

// jsonStray reports whether no JSON value begins with b.
func jsonStray(b byte) bool {
	switch b {
	case '{', '[', '"', '-', 't', 'f', 'n':
		return false
	}
	return b < '0' || b > '9'
}

var jsonSpace = [256]bool{' ': true, '\t': true, '\r': true, '\n': true}

// numberEnd reads a number by the strict grammar.
func numberEnd(src []byte, i int) (end int, st numberState) {
	n := len(src)
	if src[i] == '-' {
		i++
		if i >= n {
			return n, numberCut
		}
	}
	switch {
	case src[i] == '0':
		i++
	case '1' <= src[i] && src[i] <= '9':
		for i < n && src[i]-'0' < 10 {
			i++
		}
	default:
		return i, numberBad
	}
	if i < n && src[i] == '.' {
		i++
		j := i
		for i < n && src[i]-'0' < 10 {
			i++
		}
		if i == j && i < n {
			return i, numberBad
		}
	}
	if i < n && src[i]|0x20 == 'e' {
		i++
		if i < n && (src[i] == '+' || src[i] == '-') {
			i++
		}
		j := i
		for i < n && src[i]-'0' < 10 {
			i++
		}
		if i == j && i < n {
			return i, numberBad
		}
	}
	if i >= n {
		return n, numberCut
	}
	switch src[i] {
	case ',', '}', ']', ' ', '\t', '\r', '\n', 0x1E:
		return i, numberOK
	}
	return i, numberBad
}

type numberState uint8

const (
	numberOK numberState = iota
	numberCut
	numberBad
)

// skipJSON skips a container under a denied key by brackets and strings only. Any
// imbalance eats to the end.
func skipJSON(src []byte, i int) (end int, ok bool) {
	var stack [maxDepth / 64]uint64
	d := 0
	for i < len(src) {
		switch b := src[i]; b {
		case '"':
			e, _ := stringEnd(src, i+1)
			if e < 0 {
				return len(src), false
			}
			i = e
		case '{', '[':
			if d >= maxDepth {
				return len(src), false
			}
			if b == '{' {
				stack[d>>6] |= 1 << (d & 63)
			} else {
				stack[d>>6] &^= 1 << (d & 63)
			}
			d++
		case '}', ']':
			d--
			if d < 0 || stack[d>>6]>>(d&63)&1 == 1 != (b == '}') {
				return len(src), false
			}
			if d == 0 {
				return i + 1, true
			}
		}
		i++
	}
	return len(src), false
}
