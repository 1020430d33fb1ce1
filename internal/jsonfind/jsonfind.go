// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package jsonfind finds one member of a JSON document by its path, with offsets,
// so that it can be read or cut out while every other byte stays. It builds no
// document, so the document may be cut, and it never fails: what is not valid enough
// to be sure is not found. It does not validate what it skips beyond brackets and
// strings.
package jsonfind

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep containers may nest in what is skipped.
const MaxDepth = 512

// Member is a member of an object: doc[Start:End] is the member with the one comma
// that must go with it, doc[ValueStart:ValueEnd] its value.
type Member struct {
	Start, End           int
	ValueStart, ValueEnd int
}

// Value returns the text of the value.
func (m Member) Value(doc string) string { return doc[m.ValueStart:m.ValueEnd] }

// Cut returns doc without the member.
func (m Member) Cut(doc string) string { return doc[:m.Start] + doc[m.End:] }

// ParsePath splits "$.a.b" or "a.b" into names. Indexes, globs and empty names are
// refused.
func ParsePath(path string) (names []string, ok bool) {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "$"), ".")
	if path == "" {
		return nil, false
	}
	names = strings.Split(path, ".")
	for _, n := range names {
		if n == "" || strings.ContainsAny(n, "*[]") {
			return nil, false
		}
	}
	return names, true
}

// Find looks path up from the root of doc. Names are compared as they read, without
// escapes. Of members with the same name the last counts, as for nearly every reader
// of JSON; in a document that was cut, the last that is there.
func Find(doc string, path []string) (m Member, ok bool) {
	s := scanner{doc: doc}
	for i, name := range path {
		var whole bool
		if m, whole, ok = s.member(name); !ok {
			return Member{}, false
		}
		// Only what is looked for must be there to its end.
		if i == len(path)-1 && !whole {
			return Member{}, false
		}
		s.pos = m.ValueStart
	}
	return m, ok
}

// Scalar returns a string without its quotes and escapes, a number or a boolean as
// it is written, and "" for all else: objects, arrays, null, what is no JSON or not
// UTF-8.
func Scalar(value string) string {
	if value == "" || !utf8.ValidString(value) || !json.Valid([]byte(value)) {
		return ""
	}
	switch value[0] {
	case '"':
		s, _ := unquote(value)
		return s
	case '{', '[', 'n':
		return ""
	}
	return value
}

// unquote decodes a JSON string, quotes included.
func unquote(quoted string) (string, bool) {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], true
	}
	var s string
	err := json.Unmarshal([]byte(quoted), &s)
	return s, err == nil
}

// Members calls f for each member of the object doc, until f returns false. It
// returns false if doc is not an object that it can read to the end. A name with an
// escape that means nothing is given as it is written.
func Members(doc string, f func(name, value string) bool) bool {
	s := scanner{doc: doc}
	if !s.open('{') {
		return false
	}
	for first := true; ; first = false {
		name, m, ok := s.next(first)
		if !ok {
			return s.closed()
		}
		if !f(plain(name), m.Value(doc)) {
			return true
		}
	}
}

// Elements is Members for an array.
func Elements(doc string, f func(value string) bool) bool {
	s := scanner{doc: doc}
	if !s.open('[') {
		return false
	}
	for first := true; ; first = false {
		s.blank()
		if s.pos < len(doc) && doc[s.pos] == ']' {
			return true
		}
		if !first && !s.open(',') {
			return false
		}
		s.blank()
		start := s.pos
		if !s.skip() {
			return false
		}
		if !f(doc[start:s.pos]) {
			return true
		}
	}
}

// plain decodes a name that has escapes.
func plain(name string) string {
	if strings.IndexByte(name, '\\') < 0 {
		return name
	}
	if s, ok := unquote(`"` + name + `"`); ok {
		return s
	}
	return name
}

type scanner struct {
	doc string
	pos int
}

func (s *scanner) blank() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) open(c byte) bool {
	s.blank()
	if s.pos >= len(s.doc) || s.doc[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) closed() bool {
	s.blank()
	return s.pos < len(s.doc) && s.doc[s.pos] == '}'
}

// member finds the last member called name in the object at pos. whole is false if
// the document ends inside its value.
func (s *scanner) member(name string) (found Member, whole, ok bool) {
	if !s.open('{') {
		return Member{}, false, false
	}
	for first := true; ; first = false {
		got, m, next := s.next(first)
		if got != "" || next {
			if got == name || plain(got) == name {
				found, whole, ok = m, next, true
			}
		}
		if !next {
			return found, whole, ok
		}
	}
}

// next reads one member; pos is after it. If it is the first one the comma that
// follows belongs to it, else the comma before. If only the value is not there to its
// end, ok is false and m says where it starts.
func (s *scanner) next(first bool) (name string, m Member, ok bool) {
	s.blank()
	m.Start = s.pos
	if !first {
		if !s.open(',') {
			return "", m, false
		}
		s.blank()
	}
	if s.pos >= len(s.doc) || s.doc[s.pos] != '"' {
		return "", m, false
	}
	k := s.pos
	if !s.str() {
		return "", m, false
	}
	name = s.doc[k+1 : s.pos-1]
	s.blank()
	if s.pos >= len(s.doc) || s.doc[s.pos] != ':' {
		return "", m, false
	}
	s.pos++
	s.blank()
	m.ValueStart = s.pos
	if !s.skip() {
		return name, m, false
	}
	m.ValueEnd, m.End = s.pos, s.pos
	// What follows must be a comma or the end of the object: a value that touches
	// the end of a cut document may be a prefix.
	s.blank()
	if s.pos >= len(s.doc) || (s.doc[s.pos] != ',' && s.doc[s.pos] != '}') {
		return name, m, false
	}
	if first && s.doc[s.pos] == ',' {
		m.End = s.pos + 1
	}
	return name, m, true
}

// str skips the string at pos.
func (s *scanner) str() bool {
	for i := s.pos + 1; i < len(s.doc); i++ {
		switch s.doc[i] {
		case '\\':
			i++
		case '"':
			s.pos = i + 1
			return true
		}
	}
	return false
}

// skip skips the value at pos.
func (s *scanner) skip() bool {
	if s.pos >= len(s.doc) {
		return false
	}
	switch s.doc[s.pos] {
	case '"':
		return s.str()
	case '{', '[':
		return s.container()
	}
	i := s.pos
	for i < len(s.doc) && strings.IndexByte(" \t\r\n,}]:{[\"", s.doc[i]) < 0 {
		i++
	}
	ok := i > s.pos
	s.pos = i
	return ok
}

// container skips brackets that match in number; MaxDepth bounds them.
func (s *scanner) container() bool {
	depth := 0
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case '"':
			if !s.str() {
				return false
			}
			continue
		case '{', '[':
			if depth++; depth > MaxDepth {
				return false
			}
		case '}', ']':
			if depth--; depth == 0 {
				s.pos++
				return true
			}
		}
		s.pos++
	}
	return false
}
