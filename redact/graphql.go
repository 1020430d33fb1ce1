// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// The arguments of a GraphQL operation often come as variables, whose names are the
// client's choice: mutation($p: String!) { login(password: $p) }. A variable that is
// given to a denied argument is under the name of that argument.

// maxVariables bounds how many such variables a document has.
const maxVariables = 8

// boundVariable is a variable that the running document gives to a denied argument.
type boundVariable struct {
	name []byte
	v    verdict
}

// variablesOf finds those of the running document and of the value as a whole, each
// once, and reports whether there are any.
func (s *Scratch) variablesOf(c ctx) bool {
	s.asked++
	if s.docs>>docBound&3 == 0 {
		s.docs |= 1 << docBound
		s.docBound = s.bindVariables(s.docBound[:0], s.doc, c)
		s.docs &^= 3 << docParameters
		s.parametersOf(c)
	}
	if lv := &s.lv; !lv.bound {
		lv.bound, lv.from = true, len(s.bound)
		if len(lv.src) > 0 && &lv.src[0] != &s.doc[0] {
			s.bound = s.bindVariables(s.bound, lv.src, c)
		}
	}
	return len(s.docBound) > 0 || len(s.bound) > s.lv.from
}

func (s *Scratch) bindVariables(dst []boundVariable, doc []byte, c ctx) []boundVariable {
	room := len(dst) + maxVariables
	for _, mark := range [...]string{"$", "%24"} {
		for i := 0; len(dst) < room; {
			j := bytes.Index(doc[i:], str(mark))
			if j < 0 {
				break
			}
			at := i + j
			i = at + len(mark)
			end := i
			for end < len(doc) && nameByte(doc[end]) {
				end++
			}
			arg := argument(doc[max(0, at-maxArgument):at])
			if end == i || len(arg) == 0 {
				continue
			}
			if v := s.nameVerdict(ctx{place: c.place}, arg); v.strong() {
				dst = append(dst, boundVariable{doc[i:end], v})
			}
		}
	}
	return dst
}

// maxArgument bounds the name of an argument with the blanks behind it.
const maxArgument = 80

// argument is the name at the end of b, in front of a colon.
func argument(b []byte) []byte {
	blanks := func() {
		for n := len(b); ; n = len(b) {
			b = bytes.TrimRight(b, " \t\r\n+")
			b = bytes.TrimSuffix(bytes.TrimSuffix(b, str("%20")), str(`\n`))
			if len(b) == n {
				return
			}
		}
	}
	blanks()
	switch {
	case bytes.HasSuffix(b, str(":")):
		b = b[:len(b)-1]
	case bytes.HasSuffix(b, str("%3A")), bytes.HasSuffix(b, str("%3a")):
		b = b[:len(b)-3]
	default:
		return nil
	}
	blanks()
	i := len(b)
	for i > 0 && nameByte(b[i-1]) {
		i--
	}
	if i > 0 && b[i-1] == '%' && len(b)-i > 2 {
		i += 2 // the end of an escape: "%28password"
	}
	return b[i:]
}

// variable is what is known about a variable by its name.
func (s *Scratch) variable(name []byte) (v verdict) {
	for _, list := range [...][]boundVariable{s.docBound, s.bound[s.lv.from:]} {
		for i := range list {
			if bytes.Equal(list[i].name, name) {
				v = strongest(v, list[i].v)
			}
		}
	}
	return v
}

func nameByte(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_'
}
