// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/form"
)

// walkBaggage reads the value of a Baggage field (W3C Baggage): members
// "key=value;property" joined by commas. A denied member loses its value with its
// properties; a piece without "=" behind it is read as the rest of that value. What
// is not of that form is read as any other value.
func (s *Scratch) walkBaggage(src []byte, c ctx) {
	if !baggageLike(src) {
		s.asLeaf(src, c)
		return
	}
	for pos := 0; pos < len(src); {
		end := member(src, pos)
		start, stop := pos, pos+bytes.IndexByte(src[pos:end], '=')
		if stop < pos {
			s.baggageValue(src, pos, end, c)
			pos = end + 1
			continue
		}
		val := stop + 1
		for src[start] == ' ' {
			start++
		}
		for src[stop-1] == ' ' {
			stop--
		}
		vc := s.encodedChild(c, src[start:stop], false)
		if vc.v.flags&flagKeyHit != 0 {
			s.replace(start, stop, s.maskText())
		}
		if vc.v.strong() {
			for end < len(src) {
				next := member(src, end+1)
				if bytes.IndexByte(src[end+1:next], '=') >= 0 {
					break
				}
				end = next
			}
			s.baggageValue(src, val, end, vc)
		} else {
			s.properties(src, val, end, vc, c)
		}
		pos = end + 1
	}
	s.patterns(src, c)
}

// baggageLike reports whether b begins with a named member and nothing in b sets a
// comma off from the list.
func baggageLike(b []byte) bool {
	for pos := 0; pos < len(b); {
		end := member(b, pos)
		named := false
		for i, x := range b[pos:end] {
			switch x {
			case '"', '\'', '\\', '{', '[', '(', '<', '\t', '\r', '\n':
				return false
			case '=':
				if !named && len(bytes.TrimSpace(b[pos:pos+i])) == 0 {
					return false
				}
				named = true
			case ';', ':':
				if !named {
					return false
				}
			}
		}
		if !named && pos == 0 {
			return false
		}
		pos = end + 1
	}
	return len(b) > 0
}

// member is the end of the list member at pos.
func member(src []byte, pos int) int {
	if i := bytes.IndexByte(src[pos:], ','); i >= 0 {
		return pos + i
	}
	return len(src)
}

// properties decides over the value of a member and its properties, which may
// have names of their own.
func (s *Scratch) properties(src []byte, pos, end int, vc, c ctx) {
	for first := true; pos <= end; first = false {
		stop := end
		if i := bytes.IndexByte(src[pos:end], ';'); i >= 0 {
			stop = pos + i
		}
		if eq := bytes.IndexByte(src[pos:stop], '='); !first && eq >= 0 {
			pc := s.encodedChild(c, bytes.TrimSpace(src[pos:pos+eq]), false)
			if pc.v.strong() {
				stop = end // the widest reading
			}
			s.baggageValue(src, pos+eq+1, stop, stronger(vc, pc))
		} else {
			s.baggageValue(src, pos, stop, vc)
		}
		pos = stop + 1
	}
}

// baggageValue decides over src[start:end] as one value.
func (s *Scratch) baggageValue(src []byte, start, end int, vc ctx) {
	for start < end && (src[start] == ' ' || src[start] == '\t') {
		start++
	}
	for end > start && (src[end-1] == ' ' || src[end-1] == '\t') {
		end--
	}
	if start == end {
		return
	}
	vc.cut = vc.cut && end == len(src)
	rep, ef := s.leaf(vc, s.unescape(src[start:end], false), kindString)
	if ef == Unchanged {
		return
	}
	if ef == Removed {
		rep = nil
	}
	m := s.mark()
	s.arena = form.Escape(s.arena, rep, false)
	s.replaceFrom(start, end, m)
}
