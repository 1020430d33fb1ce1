// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"unicode/utf8"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/form"
	"github.com/apispan/apispan/redact/internal/markup"
	"github.com/apispan/apispan/redact/internal/textkv"
	"github.com/apispan/apispan/redact/internal/urlsplit"
)

// Text may hold parts that say more when they are decoded: a URL with another one
// in a parameter, HTML with character references, a quoted string with escapes, a tag
// that names a field in one attribute and has its value in another. Each reading is one more pass; what it
// finds is replaced where it stands, and all else stays as it was written.

var percentCoding = coding{'%', func(raw []byte) (int, int) {
	if len(raw) > 2 && form.IsHex(raw[1]) && form.IsHex(raw[2]) {
		return 3, 1
	}
	return 1, 1
}, func(dst, b []byte) []byte { return form.Escape(dst, b, false) }}

var referenceCoding = coding{'&', func(raw []byte) (int, int) {
	r, n := markup.Ref(raw)
	if n == 0 {
		return 1, 1
	}
	return n, len(utf8.AppendRune(nil, r))
}, markup.Encode}

// otherReadings looks for such parts in src.
func (s *Scratch) otherReadings(src []byte, c ctx) {
	if s.outlined(src, c) {
		s.walkOutline(src, c)
	}
	quotes := bytes.IndexByte(src, '"') >= 0
	if quotes && bytes.Contains(src, str("variable \"")) {
		s.namedBlocks(src, c)
	}
	if quotes && bytes.Contains(src, str("\";s:")) {
		s.serialized(src, c)
	}
	if bytes.IndexByte(src, '(') >= 0 {
		s.tuples(src, c)
	}
	if bytes.Contains(src, str("uplicate ")) || bytes.Contains(src, str("Key (")) {
		s.databaseMessages(src, c)
	}
	if bytes.IndexByte(src, '|') >= 0 && bytes.Contains(src, str("---")) {
		s.barTables(src, c)
	}
	if bytes.IndexByte(src, '%') >= 0 {
		s.percentWords(src, c)
	}
	if i := bytes.Index(src, str("://")); i >= 0 {
		s.urlPaths(src, i, c)
	}
	if bytes.IndexByte(src, '?') >= 0 && bytes.IndexByte(src, '/') >= 0 {
		s.urlQueries(src, c)
	}
	if bytes.IndexByte(src, '\\') >= 0 {
		s.quotedStrings(src, c)
	}
	if bytes.IndexByte(src, '<') >= 0 {
		s.textTags(src, c)
	}
	if i := bytes.IndexByte(src, '&'); i >= 0 && hasReference(src[i:]) {
		s.decoded(src, 0, len(src), c, (*Scratch).inspect, &referenceCoding)
	}
}

// decoded reads src[start:end] without its escapes.
func (s *Scratch) decoded(src []byte, start, end int, c ctx, w walker, code *coding) {
	raw := src[start:end]
	if code != &referenceCoding {
		s.wordsLeft--
	}
	if s.wordsLeft < 0 || c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < 2*len(raw) { // inspect takes as much again
		switch { // nothing else reads it
		case code == &percentCoding && escapedMark(raw):
			s.overLimit(start+plainHead(raw, bytes.IndexByte(raw, '%')), end, c, "")
		case code == &jsonCoding && structured(raw):
			s.overLimit(start, end, c, "")
		case code == &referenceCoding:
			m := s.mark()
			s.arena = markup.Decode(s.arena, raw)
			if structured(s.arena[m:]) {
				s.limitReferences(src, start, end, c)
			}
		}
		return
	}
	s.nestLeft -= len(raw)
	c.nest++
	c.cut = c.cut && end == len(src)
	m := s.mark()
	switch code {
	case &percentCoding:
		s.arena = form.Unescape(s.arena, raw, bytes.IndexByte(raw, '?') >= 0 || bytes.IndexByte(raw, '&') >= 0)
	case &referenceCoding:
		s.arena = markup.Decode(s.arena, raw)
	default:
		s.arena = appendUnescaped(s.arena, raw)
	}
	s.lift(s.inner(w, s.arena[m:len(s.arena):len(s.arena)], c), raw, start, code, false)
}

// plainHead is the length of what stands before the name, value or path segment that
// has its first escape at offset at: it was read as it stands.
func plainHead(word []byte, at int) int { return bytes.LastIndexAny(word[:at], "?&=/#;") + 1 }

// limitReferences replaces the words with character references, which nothing reads any
// more, from the part on that has the first.
func (s *Scratch) limitReferences(src []byte, from, to int, c ctx) {
	for i := from; i < to; {
		j := bytes.IndexByte(src[i:to], '&')
		if j < 0 {
			return
		}
		i += j
		if _, n := markup.Ref(src[i:to]); n == 0 {
			i++
			continue
		}
		start, end := i, i
		for start > from && !endsWord[src[start-1]] {
			start--
		}
		for end < to && !endsWord[src[end]] {
			end++
		}
		if start += plainHead(src[start:end], i-start); !s.covered(start, end) {
			s.overLimit(start, end, c, "")
		}
		i = end
	}
}

func hasReference(b []byte) bool {
	for i := 0; i >= 0; {
		if _, n := markup.Ref(b); n > 0 {
			return true
		}
		if i = bytes.IndexByte(b[1:], '&'); i >= 0 {
			b = b[i+1:]
		}
	}
	return false
}

// pairByte has what plain names and values are made of.
var pairByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c < 0x80 && (identByte(byte(c)) && c != '$' || c == '-')
	}
	return t
}()

// quotedStrings reads the strings of a text that have escapes: the message of a log
// line, a literal of a script.
func (s *Scratch) quotedStrings(src []byte, c ctx) {
	for i := 0; i < len(src); i++ {
		j := bytes.IndexByte(src[i:], '"')
		if j < 0 {
			return
		}
		i += j
		if i > 0 && !opensString[src[i-1]] {
			continue
		}
		end, esc := stringEnd(src, i+1)
		if end < 0 {
			end = len(src)
		}
		if !esc {
			continue
		}
		if raw := src[i+1 : end]; len(raw) > 8 {
			s.decoded(src, i+1, end, c, (*Scratch).inspect, &jsonCoding)
		}
		i = end
	}
}

// opensString has what stands before the opening quote of a string.
var opensString = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, '=': true, ':': true, '(': true, '[': true, '{': true, ',': true, '+': true}

// endsWord has what stands round a URL in text.
var endsWord = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, '"': true, '\'': true, '<': true, '>': true, '`': true}

// maxTag bounds a tag in text.
const maxTag = 4096

// textTags reads the attributes of tags that stand in text, and tables as a whole.
func (s *Scratch) textTags(src []byte, c ctx) {
	c.nest = min(c.nest+1, uint8(s.p.cfg.Limits.Nested))
	if i := bytes.Index(src, str("<table")); i >= 0 {
		n := bytes.LastIndex(src[i:], str("</table>"))
		if n < 0 { // its end was cut off
			n = len(src) - i
		}
		if bytes.Contains(src[i:i+n], str("<th")) {
			s.sub(i, (*Scratch).walkHTML, src[i:i+n], withoutCut(c))
		}
	}
	for i := 0; i < len(src); {
		j := bytes.IndexByte(src[i:], '<')
		if j < 0 {
			return
		}
		i += j
		end, pairs := tagEnd(src, i)
		if pairs > 1 {
			s.sub(i, (*Scratch).walkHTML, src[i:end], withoutCut(c))
		}
		i = end
	}
}

// tagEnd finds the end of the tag at i and counts its attributes with values; where
// there is no tag pairs is 0.
func tagEnd(src []byte, i int) (end, pairs int) {
	b := src[i:min(len(src), i+maxTag)]
	if len(b) > 8 && urlsplit.Absolute(b[1:]) {
		return i + 1, 0 // the target of a Link field
	}
	if len(b) < 3 || b[1]|32 < 'a' || b[1]|32 > 'z' {
		return i + 1, 0
	}
	for k := 1; k < len(b); k++ {
		switch b[k] {
		case '>':
			return i + k + 1, pairs
		case '<':
			return i + k, 0
		case '=':
			pairs++
			if k+1 < len(b) && (b[k+1] == '"' || b[k+1] == '\'') {
				n := bytes.IndexByte(b[k+2:], b[k+1])
				if n < 0 {
					return i + len(b), 0
				}
				if csvLike(b[k+2 : k+2+n]) { // to a text its lines are none of a table
					pairs++
				}
				k += n + 2
			}
		}
	}
	return i + len(b), 0
}

// namedBlocks reads Terraform's variable "password" { default = "x" }.
func (s *Scratch) namedBlocks(src []byte, c ctx) {
	mark := str("variable \"")
	for pos := 0; pos < len(src); {
		i := bytes.Index(src[pos:], mark)
		if i < 0 {
			return
		}
		pos += i + len(mark)
		n := bytes.IndexByte(src[pos:], '"')
		if n < 0 || n > 64 {
			continue
		}
		vc := c
		vc.v = strongest(c.v, s.nameVerdict(c, src[pos:pos+n]))
		pos += n + 1
		open := bytes.IndexByte(src[pos:min(len(src), pos+4)], '{')
		if !vc.v.strong() || open < 0 {
			continue
		}
		end := textkv.Skip(src, pos+open)
		k := bytes.Index(src[pos:end], str("default"))
		if k >= 0 {
			at := pos + k + len("default")
			for at < end && (src[at] == ' ' || src[at] == '\t' || src[at] == '=') {
				at++
			}
			stop, _ := field.EndOfLine(src[:end], at)
			if at < stop && src[at] == '"' {
				if e, _ := stringEnd(src[:end], at+1); e > 0 {
					at, stop = at+1, e
				}
			}
			if at < stop && !s.covered(at, stop) {
				s.textValue(src, at, stop, vc)
			}
		}
		pos = end
	}
}
