// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cookie

import (
	"bytes"
	"strings"
)

// Pair is one cookie or attribute: src[Start:Eq] is the name, src[Val:End] the
// value, blanks round both left out. Without "=", Start, Eq and Val are equal and
// the piece is a value.
type Pair struct {
	Start, Eq, Val, End int
	// Full is where the value ends for the reader that takes the most: one that
	// knows quoted strings and does not split at a comma. A denied value reaches
	// that far.
	Full int
}

// Named reports whether the pair has "=".
func (p Pair) Named() bool { return p.Val > p.Eq }

// Scanner reads pairs.
type Scanner struct {
	src []byte
	pos int
}

// Scan returns a Scanner over src.
func Scan(src []byte) Scanner { return Scanner{src: src} }

// SkipTo goes on at offset i.
func (s *Scanner) SkipTo(i int) {
	if i > s.pos {
		s.pos = i
	}
}

// Next reads the next pair; pieces of blanks and separators only are passed over.
func (s *Scanner) Next() (p Pair, ok bool) {
	src := s.src
	for s.pos < len(src) && (src[s.pos] == ';' || src[s.pos] == ',' || blank(src[s.pos])) {
		s.pos++
	}
	if s.pos >= len(src) {
		return p, false
	}
	start := s.pos
	end, comma := pieceEnd(src, start)
	s.pos = end
	if end < len(src) {
		s.pos++
	}
	p.Start, p.Eq, p.Val = start, start, start
	if i := bytes.IndexByte(src[start:end], '='); i >= 0 {
		p.Eq = trimRight(src, start, start+i)
		p.Val = start + i + 1
		for p.Val < end && blank(src[p.Val]) {
			p.Val++
		}
	}
	p.End = trimRight(src, p.Val, end)
	p.Full = p.fullEnd(src, end, comma)
	return p, true
}

// pieceEnd finds the next separator: ";" or line end, or a comma that a new
// "name=" follows. comma is 1 for a comma with a blank after it, 2 for one
// without, 0 else.
func pieceEnd(src []byte, i int) (end, comma int) {
	for ; i < len(src); i++ {
		switch src[i] {
		case ';', '\n', '\r':
			return i, 0
		case ',':
			j := i + 1
			for j < len(src) && blank(src[j]) {
				j++
			}
			k := j
			for k < len(src) && tokenByte[src[k]] {
				k++
			}
			if k > j && k < len(src) && src[k] == '=' {
				if j > i+1 {
					return i, 1
				}
				return i, 2
			}
			// The bytes just looked at are no separators: go on behind them.
			i = k - 1
		}
	}
	return len(src), 0
}

func (p Pair) fullEnd(src []byte, end, comma int) int {
	if p.Val < len(src) && src[p.Val] == '"' {
		for i := p.Val + 1; i < len(src); i++ {
			switch src[i] {
			case '\\':
				i++
			case '"':
				if i+1 >= end {
					return plainEnd(src, i+1)
				}
				return p.End
			}
		}
		return len(src)
	}
	if comma == 2 {
		return plainEnd(src, end)
	}
	return p.End
}

// plainEnd is the end of the piece that i stands in, if only ";" separates.
func plainEnd(src []byte, i int) int {
	if j := bytes.IndexByte(src[i:], ';'); j >= 0 {
		return i + j
	}
	return len(src)
}

func trimRight(src []byte, start, end int) int {
	for end > start && blank(src[end-1]) {
		end--
	}
	return end
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// tokenByte marks the bytes of an RFC 9110 token, which cookie names are.
var tokenByte = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// Attribute reports whether a Set-Cookie pair is an attribute that may stay as it
// is: its name is known and its value can only be what that name allows. Path and
// Domain are attributes too, but their values are free (free = true).
func Attribute(name, value []byte) (known, free bool) {
	switch {
	case fold(name, "path"), fold(name, "domain"):
		return true, true
	case fold(name, "secure"), fold(name, "httponly"), fold(name, "partitioned"):
		return len(value) == 0, false
	case fold(name, "max-age"):
		return only(value, "-0123456789", 16), false
	case fold(name, "samesite"):
		return fold(value, "lax") || fold(value, "strict") || fold(value, "none"), false
	case fold(name, "priority"):
		return fold(value, "low") || fold(value, "medium") || fold(value, "high"), false
	case fold(name, "version"):
		return only(value, "01", 1), false
	case fold(name, "expires"):
		return date(value), false
	}
	return false, false
}

// date accepts dates in any of the forms of RFC 6265: words of a date only.
func date(v []byte) bool {
	if len(v) > 40 {
		return false
	}
	for len(v) > 0 {
		n := 0
		for n < len(v) && (v[n]|32 >= 'a' && v[n]|32 <= 'z') {
			n++
		}
		if n > 0 && !dateWord(v[:n]) {
			return false
		}
		for n < len(v) && strings.IndexByte(" ,:-+0123456789", v[n]) >= 0 {
			n++
		}
		if n == 0 {
			return false
		}
		v = v[n:]
	}
	return true
}

func dateWord(w []byte) bool {
	const words = " mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday " +
		"jan feb mar apr may jun jul aug sep oct nov dec gmt utc "
	for i := 0; i+len(w) < len(words); i++ {
		if words[i] == ' ' && i+1+len(w) < len(words) && words[i+1+len(w)] == ' ' && fold(w, words[i+1:i+1+len(w)]) {
			return true
		}
	}
	return false
}

func only(v []byte, set string, most int) bool {
	if len(v) > most {
		return false
	}
	for _, c := range v {
		if strings.IndexByte(set, c) < 0 {
			return false
		}
	}
	return true
}

// fold compares b with a lower-case ASCII word.
func fold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 32
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
