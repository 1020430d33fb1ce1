// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Byte classes inside tags.
const (
	nameByte = iota // anything else
	spaceByte
	endByte   // > / and what ends a name
	quoteByte // " ' and =
	badByte   // < and NUL
)

var class = [256]uint8{
	' ': spaceByte, '\t': spaceByte, '\n': spaceByte, '\r': spaceByte, '\f': spaceByte,
	'>': endByte, '/': endByte,
	'"': quoteByte, '\'': quoteByte, '=': quoteByte,
	'<': badByte, 0: badByte,
}

// xmlClass is class for XML, where no other ASCII byte stands in a name.
var xmlClass = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		switch {
		case class[c] != nameByte:
			t[c] = class[c]
		case c >= 0x80, letter(c), '0' <= c && c <= '9', c == ':', c == '_', c == '-', c == '.':
		default:
			t[c] = badByte
		}
	}
	return t
}()

// Leaf reads "<name>text</name>" without attributes, references and blanks round
// it, if that stands at the current position: src[Name:NameEnd] and src[Body:BodyEnd]
// of Token. It is the most frequent content of documents. The position stays; Accept
// takes it, else Next reads the start tag. Raw text elements are no leaves.
func (s *Scanner) Leaf() bool {
	src, class := s.src, s.class
	i := s.pos
	if s.inTag || s.raw || i+4 > len(src) || src[i] != '<' {
		return false
	}
	i++
	t := &s.Token
	t.Name = i
	for i < len(src) && class[src[i]] == nameByte {
		i++
	}
	if i == len(src) || src[i] != '>' || i == t.Name {
		return false
	}
	n := i - t.Name
	if s.html && (!letter(src[t.Name]) || mayBeRaw[src[t.Name]] && rawKind(src[t.Name:i]) != Text) {
		return false
	}
	t.NameEnd, t.Body = i, i+1
	i = lessFrom(src, i+1)
	if i+n+3 > len(src) || src[i+1] != '/' || src[i+2+n] != '>' || string(src[i+2:i+2+n]) != string(src[t.Name:t.NameEnd]) {
		return false
	}
	t.BodyEnd, t.End = i, i+n+3
	return true
}

// Accept goes on behind what Leaf has read.
func (s *Scanner) Accept() { s.pos = s.Token.End }

// lessFrom is the offset of "<" at or behind i, or len(src). Most text is short:
// words come before a call.
func lessFrom(src []byte, i int) int {
	for range 4 {
		if i+8 > len(src) {
			break
		}
		x := binary.LittleEndian.Uint64(src[i:]) ^ '<'*lo
		if m := (x - lo) &^ x & hi; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	if j := bytes.IndexByte(src[i:], '<'); j >= 0 {
		return i + j
	}
	return len(src)
}

const (
	lo = 0x0101010101010101
	hi = 0x8080808080808080
)

// mayBeRaw has the first letters of raw text elements.
var mayBeRaw = [256]bool{
	's': true, 'x': true, 'i': true, 'n': true, 'p': true, 't': true,
	'S': true, 'X': true, 'I': true, 'N': true, 'P': true, 'T': true,
}

func (s *Scanner) endTag(t *Token) {
	t.Kind, t.Name = End, s.pos+2
	src := s.src
	i := t.Name
	class := s.class
	for i < len(src) && class[src[i]] == nameByte {
		i++
	}
	t.NameEnd = i
	j := 0
	if i < len(src) && src[i] != '>' {
		j = bytes.IndexByte(src[i:], '>')
	}
	if j < 0 || i == len(src) {
		t.Cut = true
		s.pos = len(src)
		return
	}
	if !s.html {
		t.Bad = t.NameEnd == t.Name || len(bytes.TrimSpace(src[i:i+j])) > 0
	}
	s.pos = i + j + 1
}

func (s *Scanner) startTag(t *Token) {
	t.Kind, t.Name = Start, s.pos+1
	src := s.src
	i := t.Name
	class := s.class
	for i < len(src) && class[src[i]] == nameByte {
		i++
	}
	t.NameEnd, t.End = i, i
	t.Cut = i == len(src)
	t.Bad = !s.html && (i == t.Name || i < len(src) && class[src[i]] >= quoteByte)
	s.pos = i
	s.inTag, s.selfClose, s.bad = true, false, false
	s.name, s.nameEnd = t.Name, t.NameEnd
}

// Attr is one attribute: src[Name:NameEnd] and its value src[Val:End], still with
// references. Quote is the quote round the value, or 0; without a value Val and
// End equal NameEnd.
type Attr struct {
	Name, NameEnd, Val, End int
	Quote                   byte
	// Cut is set if the input ends inside the attribute.
	Cut bool
}

// Attr reads the next attribute of the start tag read last into A. It returns
// false at the end of the tag; then Closed tells how it ended.
func (s *Scanner) Attr() bool {
	src, class := s.src, s.class
	a := &s.A
	a.Quote, a.Cut = 0, false
	i := s.pos
	if s.inTag {
		slash := false
		for i < len(src) && (class[src[i]] == spaceByte || src[i] == '/') {
			slash = src[i] == '/'
			i++
		}
		if i >= len(src) {
			return s.endOfTag(i, false, true)
		}
		if src[i] == '>' {
			return s.endOfTag(i+1, slash, s.bad)
		}
		a.Name = i
		if s.html && src[i] == '=' {
			i++ // HTML takes a leading "=" into the name
		}
		for i < len(src) && (class[src[i]] == nameByte || s.html && class[src[i]] == quoteByte && src[i] != '=' || s.html && class[src[i]] == badByte) {
			i++
		}
		if i == a.Name { // XML: a quote, "=" or "<" where a name must stand
			s.bad = true
			return s.endOfTag(i, false, true)
		}
		a.NameEnd, a.Val, a.End = i, i, i
		j := i
		for j < len(src) && class[src[j]] == spaceByte {
			j++
		}
		if j >= len(src) || src[j] != '=' {
			if !s.html && j < len(src) {
				s.bad = true
			}
			a.Cut = j >= len(src)
			s.pos = i
			return true
		}
		for j++; j < len(src) && class[src[j]] == spaceByte; j++ {
		}
		s.value(a, j)
		return true
	}
	return false
}

// value reads an attribute value that starts at j.
func (s *Scanner) value(a *Attr, j int) {
	src := s.src
	if j < len(src) && (src[j] == '"' || src[j] == '\'') {
		a.Quote = src[j]
		a.Val = j + 1
		if k := quoteFrom(src[a.Val:], a.Quote); k >= 0 {
			a.End = a.Val + k
			s.pos = a.End + 1
			return
		}
		a.End, a.Cut = len(src), true
		s.pos = len(src)
		return
	}
	if !s.html {
		s.bad = true
	}
	a.Val = j
	for j < len(src) && class[src[j]] != spaceByte && src[j] != '>' {
		j++
	}
	a.End, a.Cut = j, j >= len(src)
	s.pos = j
}

// quoteFrom is bytes.IndexByte for values, most of which are short.
func quoteFrom(b []byte, quote byte) int {
	for k := range min(len(b), 8) {
		if b[k] == quote {
			return k
		}
	}
	return bytes.IndexByte(b, quote)
}

func (s *Scanner) endOfTag(pos int, selfClose, bad bool) bool {
	s.inTag = false
	s.pos = pos
	s.selfClose, s.bad = selfClose, bad
	if s.html && !bad && mayBeRaw[s.src[s.name]] {
		s.raw = rawKind(s.src[s.name:s.nameEnd]) != Text
	}
	return false
}

// Rewind goes back to the first attribute of the start tag read last.
func (s *Scanner) Rewind() {
	s.pos, s.inTag = s.nameEnd, true
	s.raw, s.selfClose, s.bad = false, false, false
}

// Closed tells how the start tag ended whose attributes were all read: whether it
// was self-closing, and whether it broke the grammar or the input ended in it.
func (s *Scanner) Closed() (selfClose, bad bool) { return s.selfClose, s.bad }

// rawKind is the kind of the content of an HTML element, Text if it is markup.
func rawKind(name []byte) Kind {
	if len(name) < 3 || len(name) > 9 {
		return Text
	}
	for _, w := range [...]string{"script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext"} {
		if len(name) == len(w) && bytes.EqualFold(name, []byte(w)) {
			return Raw
		}
	}
	for _, w := range [...]string{"textarea", "title"} {
		if len(name) == len(w) && bytes.EqualFold(name, []byte(w)) {
			return RawRefs
		}
	}
	return Text
}

// rawText reads the content of a raw text element up to its end tag; ok is false
// if it is empty.
func (s *Scanner) rawText() bool {
	src := s.src
	name := src[s.name:s.nameEnd]
	t := &s.Token
	*t = Token{Kind: rawKind(name), Start: s.pos, Body: s.pos, Name: s.name, NameEnd: s.nameEnd}
	i := s.pos
	for {
		j := bytes.Index(src[i:], []byte("</"))
		if j < 0 {
			i = len(src)
			t.Cut = true
			break
		}
		i += j
		k := i + 2 + len(name)
		if k <= len(src) && bytes.EqualFold(src[i+2:k], name) && (k == len(src) || class[src[k]] == spaceByte || class[src[k]] == endByte) {
			break
		}
		i += 2
	}
	t.BodyEnd, t.End = i, i
	s.pos = i
	return i > t.Start
}
