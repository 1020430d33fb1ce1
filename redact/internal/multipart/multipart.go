// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/field"
)

// maxBoundary is the longest boundary taken from a body. RFC 2046 allows 70.
const maxBoundary = 256

// Part is one part. The header section is src[Head:Body] with the empty line, the
// content src[Body:End], without the line end that belongs to the delimiter.
type Part struct {
	Head, Body, End int
	// HeadCut is set if the input ends inside the header section: then Body and
	// End are the end of input.
	HeadCut bool
	// Cut is set if no delimiter follows.
	Cut bool
}

// Scanner reads parts.
type Scanner struct {
	src      []byte
	boundary []byte
	pos      int
	done     bool
}

// Boundary returns the boundary parameter of a Content-Type, or nil.
func Boundary(contentType []byte) []byte {
	for pos := 0; ; {
		p, ok := field.NextParam(contentType, pos)
		if !ok {
			return nil
		}
		if field.Fold(contentType[p.Name:p.Eq], "boundary") && p.End > p.Val {
			return contentType[p.Val:p.End]
		}
		pos = p.Next
	}
}

// Open looks for the first delimiter. boundary is a hint and may be nil; if no
// delimiter with it exists the boundary is read off the body. ok is false if
// there is none, or more than sane bytes of it. Preamble is where the first
// delimiter starts.
func Open(src, boundary []byte) (sc Scanner, preamble int, ok bool) {
	if len(boundary) > 0 {
		if start, next, last, found := find(src, boundary, 0); found {
			return Scanner{src: src, boundary: boundary, pos: next, done: last}, start, true
		}
	}
	start := sniff(src)
	if start < 0 {
		return sc, 0, false
	}
	end, _ := field.EndOfLine(src, start)
	for end > start && (src[end-1] == ' ' || src[end-1] == '\t') {
		end--
	}
	boundary = src[start+2 : end]
	if len(boundary) == 0 || len(boundary) > maxBoundary {
		return sc, 0, false
	}
	start, next, last, found := find(src, boundary, start)
	if !found {
		return sc, 0, false
	}
	return Scanner{src: src, boundary: boundary, pos: next, done: last}, start, true
}

// sniff finds a line that starts with "--" and has a header line after it.
func sniff(src []byte) int {
	for pos := 0; pos < len(src); {
		end, next := field.EndOfLine(src, pos)
		if end > pos+2 && src[pos] == '-' && src[pos+1] == '-' && (next >= len(src) || headerLike(src[next:])) {
			return pos
		}
		pos = next
		if next == end {
			break
		}
	}
	return -1
}

// headerLike reports whether b starts with "name:", an empty line, or what may be
// the beginning of either.
func headerLike(b []byte) bool {
	for i, c := range b {
		switch {
		case c == ':':
			return i > 0
		case c == '\r', c == '\n':
			return i == 0
		case c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|32 && c|32 <= 'z':
		default:
			return false
		}
		if i > 80 {
			return false
		}
	}
	return true
}

// find returns the first delimiter line at or after pos: where it starts, with
// the line end before it, and where the line after it starts. last is set for the
// closing delimiter.
func find(src, boundary []byte, pos int) (start, next int, last, ok bool) {
	for i := pos; ; {
		j := bytes.Index(src[i:], boundary)
		if j < 0 {
			return 0, 0, false, false
		}
		at := i + j - 2 // of "--"
		i += j + 1
		if at < pos || src[at] != '-' || src[at+1] != '-' || at > 0 && src[at-1] != '\n' {
			continue
		}
		next = at + 2 + len(boundary)
		if bytes.HasPrefix(src[next:], []byte("--")) {
			last = true
			next += 2
		}
		for next < len(src) && (src[next] == ' ' || src[next] == '\t' || src[next] == '\r') {
			next++
		}
		if next < len(src) && src[next] != '\n' {
			last = false
			continue // a longer boundary that starts like ours
		}
		next = min(next+1, len(src))
		start = at
		if start > pos && src[start-1] == '\n' {
			start--
			if start > pos && src[start-1] == '\r' {
				start--
			}
		}
		return start, next, last, true
	}
}

// Next reads the next part.
func (s *Scanner) Next() (p Part, ok bool) {
	src := s.src
	if s.done || s.pos >= len(src) {
		return p, false
	}
	p.Head = s.pos
	start, next, last, found := find(src, s.boundary, s.pos)
	limit := start
	if !found {
		p.Cut, s.done = true, true
		limit, next = len(src), len(src)
	}
	s.pos = next
	if last {
		s.done = true
	}
	p.Body, p.End, p.HeadCut = headEnd(src, p.Head, limit, p.Cut)
	return p, true
}

// Rest is the offset behind the last delimiter read; behind it stands the
// epilogue once Next has returned false.
func (s *Scanner) Rest() int { return s.pos }

// headEnd finds the empty line. Without one before the delimiter the part has a
// header section only.
func headEnd(src []byte, pos, limit int, cut bool) (body, end int, headCut bool) {
	for pos < limit {
		lend, next := field.EndOfLine(src[:limit], pos)
		if lend == pos && next > pos {
			return next, limit, false
		}
		pos = next
	}
	return limit, limit, cut
}
