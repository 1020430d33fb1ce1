// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Pair is one "key=value" piece: src[Start:Eq] is the key, src[Val:End] the
// value, both still encoded. Without "=", Eq and Val equal End.
type Pair struct {
	Start, Eq, Val, End int
	// Sep is the separator after the pair: '&', ';', or 0 at the end of input.
	Sep byte
	// KeyEsc and ValEsc tell that the key or the value has "%" or "+".
	KeyEsc, ValEsc bool
}

// HasValue reports whether the pair has "=".
func (p *Pair) HasValue() bool { return p.Val > p.Eq }

// Scanner reads pairs, eight bytes at a time.
type Scanner struct {
	// Pair is the pair that Next has read. It is a field because returning it
	// costs as much as reading it.
	Pair

	src []byte
	pos int // start of the next pair
	// mask has the high bit set of each byte of src[base:base+8] that may mean
	// something and has not been looked at.
	mask uint64
	base int
}

// Scan returns a Scanner over src.
func Scan(src []byte) Scanner { return Scanner{src: src, base: -8} }

const (
	lo = 0x0101010101010101
	hi = 0x8080808080808080
)

// special marks the bytes 0x25..0x2B and 0x3B..0x3D of w: % & + ; = and some that
// mean nothing.
func special(w uint64) uint64 {
	t := w &^ hi
	a := (t + (0x80-0x25)*lo) &^ (t + (0x80-0x2C)*lo)
	b := (t + (0x80-0x3B)*lo) &^ (t + (0x80-0x3E)*lo)
	return (a | b) &^ w & hi
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

// Next reads the next pair into Pair. The empty input has one empty pair.
func (s *Scanner) Next() bool {
	src := s.src
	if s.pos > len(src) {
		return false
	}
	start, mask, base, eq := s.pos, s.mask, s.base, -1
	keyEsc, esc := false, false
	for {
		for mask != 0 {
			j := base + bits.TrailingZeros64(mask)>>3
			mask &= mask - 1
			switch src[j] {
			case '=':
				if eq < 0 {
					eq = j
					keyEsc, esc = esc, false
				}
			case '&', ';':
				s.mask, s.base, s.pos = mask, base, j+1
				s.set(start, eq, j, src[j], keyEsc, esc)
				return true
			case '%', '+':
				esc = true
			}
		}
		base += 8
		if base >= len(src) {
			break
		}
		mask = special(load(src, base))
	}
	s.mask, s.base, s.pos = 0, base, len(src)+1
	s.set(start, eq, len(src), 0, keyEsc, esc)
	return true
}

func (s *Scanner) set(start, eq, end int, sep byte, keyEsc, esc bool) {
	s.Start, s.End, s.Sep = start, end, sep
	if eq < 0 {
		s.Eq, s.Val, s.KeyEsc, s.ValEsc = end, end, esc, false
		return
	}
	s.Eq, s.Val, s.KeyEsc, s.ValEsc = eq, eq+1, keyEsc, esc
}

// SkipTo goes on with the pair after the separator at offset end.
func (s *Scanner) SkipTo(end int) {
	s.pos, s.mask, s.base = end+1, 0, end+1-8
}

// ValueEnd returns where the value of a pair ends for a reader that separates
// by "&" only. A denied value reaches that far: under that reading the ";" and
// what follows it are part of the secret.
func ValueEnd(src []byte, p *Pair) int {
	if p.Sep != ';' {
		return p.End
	}
	if i := bytes.IndexByte(src[p.End:], '&'); i >= 0 {
		return p.End + i
	}
	return len(src)
}
