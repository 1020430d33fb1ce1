// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// What databases say about a value that is there already has it beside the name of an
// index or of its columns:
//
//	Duplicate entry 'S' for key 'users.api_token'                  MySQL
//	Key (email, token)=(ada@x.test, S) already exists.              PostgreSQL
//	... constraint 'UQ_users_token'. ... The duplicate key value is (S).   SQL Server

// databaseMessages reads such messages in a text.
func (s *Scratch) databaseMessages(src []byte, c ctx) {
	unnamed := false // there is no name of an index any more
	told := 0        // where the message before ends
	for pos := 0; pos < len(src); {
		i := bytes.Index(src[pos:], str("uplicate "))
		if i < 0 {
			break
		}
		pos += i + len("uplicate ")
		switch rest := src[pos:]; {
		case bytes.HasPrefix(rest, str("entry '")):
			start := pos + len("entry '")
			n := -1
			if !unnamed {
				n = bytes.Index(src[start:], str("' for key '"))
			}
			if n < 0 {
				n, unnamed = len(src)-start, true
			}
			name := quotedName(src, start+n, "' for key '")
			if name == nil && !c.cut {
				continue
			}
			s.indexedValue(src, name, start, start+n, c)
			pos = start + n
		case bytes.HasPrefix(rest, str("key value is (")):
			start := pos + len("key value is (")
			n := bytes.IndexByte(src[start:], ')')
			if n < 0 {
				n = len(src) - start
			}
			for _, mark := range [...]string{"constraint '", "index '"} {
				from := max(told, pos-maxMessage)
				if at := bytes.LastIndex(src[from:pos], str(mark)); at >= 0 {
					s.indexedValue(src, quotedName(src, from+at, mark), start, start+n, c)
					break
				}
			}
			pos = start + n
			told = pos
		}
	}
	s.keyedValues(src, c)
}

const (
	maxIndexName = 128  // bytes of the name of an index
	maxMessage   = 1024 // bytes in which a message has the names
)

// quotedName is what stands behind mark, which is at i, up to the next quote.
func quotedName(src []byte, i int, mark string) []byte {
	if i += len(mark); i > len(src) {
		return nil
	}
	name, _, _ := bytes.Cut(src[i:min(len(src), i+maxIndexName)], str("'")) // its end may be cut off
	return name
}

// indexedValue decides over a value by the name of its index, which has that of a column
// in it, or of several: users.api_token, users_token_key, token_1. Where the name was cut
// off it is any.
func (s *Scratch) indexedValue(src, name []byte, start, end int, c ctx) {
	vc := c
	if name == nil {
		vc = s.child(c, str("password"))
	}
	for i := len(name); i > 0; i = bytes.LastIndexByte(name[:i], '_') {
		if vc = stronger(vc, s.child(c, name[:i])); vc.v.strong() {
			break
		}
	}
	if vc.v.strong() && start < end && !s.covered(start, end) {
		s.textValue(src, start, end, vc)
	}
}

// keyedValues reads "Key (a, b)=(x, y)". If there are not as many values as columns, for
// one has a comma, all go by each name.
func (s *Scratch) keyedValues(src []byte, c ctx) {
	for pos := 0; pos < len(src); {
		i := bytes.Index(src[pos:], str("Key ("))
		if i < 0 {
			return
		}
		pos += i + len("Key (")
		n := bytes.Index(src[pos:min(len(src), pos+maxMessage/2)], str(")=("))
		if n < 0 {
			continue
		}
		names, start := src[pos:pos+n], pos+n+len(")=(")
		end := len(src)
		if k := bytes.Index(src[start:], str("Key (")); k >= 0 { // the next message
			end = start + k
		}
		all := src[start:end]
		for _, mark := range [...]string{") already exists", ") is not present", ") is still referenced", ") conflicts with", ")"} {
			if k := bytes.Index(all, str(mark)); k >= 0 {
				end = start + k
				break
			}
		}
		pos = end
		values := src[start:end]
		same := bytes.Count(names, str(", ")) == bytes.Count(values, str(", "))
		for at := start; len(names) > 0; {
			name, more, _ := bytes.Cut(names, str(", "))
			names = more
			from, to := start, end
			if same {
				value, _, _ := bytes.Cut(src[at:end], str(", "))
				from, to = at, at+len(value)
				at = min(end, to+len(", "))
			}
			if vc := s.child(c, columnOf(name)); vc.v.strong() && from < to && !s.covered(from, to) {
				s.textValue(src, from, to, vc)
			}
		}
	}
}

// columnOf is the column of an indexed expression: lower(api_key::text).
func columnOf(name []byte) []byte {
	if i := bytes.LastIndexByte(name, '('); i >= 0 {
		name, _, _ = bytes.Cut(name[i+1:], str(")"))
	}
	name, _, _ = bytes.Cut(name, str("::"))
	return bytes.Trim(name, "\"' ")
}
