// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"encoding/binary"
	"math/bits"
)

// Quiet remembers what stood before marks and was no key that the reader wants, so that
// a Scanner passes over it where it stands again. It keeps hashes with a secret key, and
// no text.
type Quiet struct {
	seen [1 << quietBits]uint64
	a, b uint64
}

const (
	quietBits = 9
	// window is how much of the text before a mark is compared.
	window = 16
)

// Reset forgets everything and takes a key.
func (q *Quiet) Reset(a, b uint64) { *q = Quiet{a: a, b: b} }

// Known reports whether two words, which a salt tells from others, were noted. hash is
// what to note.
func (q *Quiet) Known(w0, w1, salt uint64) (hash uint64, ok bool) {
	hi, lo := bits.Mul64(w0^q.a, w1^q.b)
	hash = hi ^ lo ^ salt*0x9E3779B97F4A7C15
	return hash, q.seen[hash>>(64-quietBits)] == hash && hash != 0
}

// Note remembers a hash of Known.
func (q *Quiet) Note(hash uint64) { q.seen[hash>>(64-quietBits)] = hash }

// Hush makes the Scanner use q. salt, of 16 bits, tells apart readers that want
// different keys. A mark behind s.Until is not passed over, unless that is -1.
func (s *Scanner) Hush(q *Quiet, salt uint64) {
	s.quiet, s.salt, s.Until = q, salt<<16, -1
}

// hushed reports whether what stands before the mark sep at src[i:after] is known as
// quiet.
func (s *Scanner) hushed(i, after int, sep byte) bool {
	n := i - s.low
	if i < window || n < 0 || uint(i) > uint(s.Until) { //nolint:gosec // -1 is the largest
		s.hash = 0
		return false
	}
	w0, w1 := binary.LittleEndian.Uint64(s.src[i-16:]), binary.LittleEndian.Uint64(s.src[i-8:])
	if n < 8 {
		w0, w1 = 0, w1&(^uint64(0)<<(64-8*n))
	} else if n < window {
		w0 &= ^uint64(0) << (128 - 8*n)
	}
	s.start, s.flagged = s.low, false
	var known bool
	if s.hash, known = s.quiet.Known(w0, w1, s.salt|uint64(min(n, window))<<8|uint64(sep)); !known { //nolint:gosec // small
		return false
	}
	for after < len(s.src) && longMark[s.src[after]] {
		after++
	}
	if s.src[after-1] == '>' {
		return false // its value may be on the next line
	}
	s.pos, s.low = after, i+1
	return true
}

// hushedFlag reports whether the option of the candidate, whose dash is at i, is known
// as quiet.
func (s *Scanner) hushedFlag(i int) bool {
	n := s.KeyEnd - s.Key
	if s.quiet == nil || n > window || uint(i) > uint(s.Until) { //nolint:gosec // -1 is the largest
		return false
	}
	w0, w1 := load(s.src, s.Key), uint64(0)
	if n < 8 {
		w0 &= 1<<(8*n) - 1
	} else {
		w1 = load(s.src, s.Key+8) & (1<<(8*(n-8)) - 1)
	}
	var known bool
	s.hash, known = s.quiet.Known(w0, w1, s.salt|uint64(n)<<8|'-')
	s.flagged = true
	return known
}

// longMark has what makes a mark a longer one: "=>", ":=", "==", "::".
var longMark = [256]bool{'=': true, '>': true, ':': true, '~': true}

// Quieten remembers that the last candidate is not wanted.
func (s *Scanner) Quieten() {
	if s.hash == 0 || s.Secret != 0 {
		return
	}
	if s.Sep == ' ' {
		if s.flagged {
			s.quiet.Note(s.hash)
		}
		return
	}
	mark := s.low - 1
	left := s.Key
	if s.N > 0 {
		left = min(left, s.Words[s.N-1])
	}
	// What was looked at to find the key must lie in the window.
	margin := 8
	if c := s.src[mark-1]; nameByte[c] || c == '"' || c == '\'' {
		margin = 2
	}
	if left-margin < mark-window && mark-s.start >= window {
		return
	}
	s.quiet.Note(s.hash)
}
