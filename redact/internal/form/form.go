// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package form

import "bytes"

// Pair is one "key=value" piece: src[Start:Eq] is the key, src[Val:End] the
// value, both still encoded. Without "=", Eq and Val equal End.
type Pair struct {
	Start, Eq, Val, End int
	// Sep is the separator after the pair: '&', ';', or 0 at the end of input.
	Sep byte
	// Esc tells that the pair may hold "%" or "+"; false is certain.
	Esc bool
}

// HasValue reports whether the pair has "=".
func (p Pair) HasValue() bool { return p.Val > p.Eq }

// Scanner reads pairs. Whether ";" and escapes occur at all is found once for
// the whole input, so that common input costs two byte searches a pair.
type Scanner struct {
	src       []byte
	pos       int
	semi, esc bool
}

// Scan returns a Scanner over src.
func Scan(src []byte) Scanner {
	return Scanner{
		src:  src,
		semi: bytes.IndexByte(src, ';') >= 0,
		esc:  bytes.IndexByte(src, '%') >= 0 || bytes.IndexByte(src, '+') >= 0,
	}
}

// Next reads the next pair. The empty input has one empty pair.
func (s *Scanner) Next() (p Pair, ok bool) {
	if s.pos > len(s.src) {
		return p, false
	}
	p.Start = s.pos
	rest := s.src[s.pos:]
	if i := bytes.IndexByte(rest, '&'); i >= 0 {
		rest, p.Sep = rest[:i], '&'
	}
	if s.semi {
		if i := bytes.IndexByte(rest, ';'); i >= 0 {
			rest, p.Sep = rest[:i], ';'
		}
	}
	p.End = p.Start + len(rest)
	p.Eq, p.Val = p.End, p.End
	if i := bytes.IndexByte(rest, '='); i >= 0 {
		p.Eq = p.Start + i
		p.Val = p.Eq + 1
	}
	p.Esc = s.esc
	s.pos = p.End + 1
	return p, true
}

// SkipTo goes on with the pair after the separator at offset end.
func (s *Scanner) SkipTo(end int) { s.pos = end + 1 }

// ValueEnd returns where the value of a pair ends for a reader that separates
// by "&" only. A denied value reaches that far: under that reading the ";" and
// what follows it are part of the secret.
func ValueEnd(src []byte, p Pair) int {
	if p.Sep != ';' {
		return p.End
	}
	if i := bytes.IndexByte(src[p.End:], '&'); i >= 0 {
		return p.End + i
	}
	return len(src)
}
