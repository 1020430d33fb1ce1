// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/field"
	"github.com/apispan/apispan/redact/internal/form"
)

// walkMessage reads an HTTP message written as text (application/http, a part of
// a batch): start line, header lines, content.
func (s *Scratch) walkMessage(src []byte, c ctx) {
	pos := 0
	var contentType []byte
	for first := true; pos < len(src); {
		l := field.ReadLine(src, pos)
		pos = l.Next
		if l.Empty {
			if first {
				continue
			}
			break
		}
		line := src[l.Name:l.End]
		if first && startLine(line) {
			s.startLine(l.Name, line, c)
			first = false
			continue
		}
		first = false
		if l.Colon < 0 {
			s.inPlace(l.Val, src[l.Val:l.End], c)
			continue
		}
		if field.Fold(src[l.Name:l.Colon], "content-type") {
			contentType = src[l.Val:l.End]
			continue
		}
		s.headerLine(src, l, c)
	}
	if pos < len(src) {
		s.content(pos, src[pos:], c, view(contentType))
	}
}

// startLine reports whether line is a request or status line. The inner part of
// a batch may lack the version.
func startLine(line []byte) bool {
	if hasFold(line, "http/") {
		return true
	}
	i := bytes.IndexByte(line, ' ')
	if i < 3 || i > 16 || i+1 >= len(line) || line[i+1] != '/' && !hasFold(line[i+1:], "http") {
		return false
	}
	for _, b := range line[:i] {
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// startLine reads the target of a request line.
func (s *Scratch) startLine(off int, line []byte, c ctx) {
	if hasFold(line, "http/") {
		return
	}
	i := bytes.IndexByte(line, ' ') + 1
	end := len(line)
	if j := bytes.LastIndex(line[i:], []byte(" HTTP/")); j >= 0 {
		end = i + j
	}
	s.sub(off+i, (*Scratch).walkURL, line[i:end], withoutCut(c))
	s.sub(off, (*Scratch).patterns, line, withoutCut(c))
}

// unquotePrintable decodes quoted-printable; bad escapes stay.
func unquotePrintable(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			dst = append(dst, b[i])
			continue
		}
		switch rest := b[i+1:]; {
		case len(rest) == 0:
		case rest[0] == '\n':
			i++
		case rest[0] == '\r' && len(rest) > 1 && rest[1] == '\n':
			i += 2
		case len(rest) > 1 && form.IsHex(rest[0]) && form.IsHex(rest[1]):
			dst = form.Unescape(dst, []byte{'%', rest[0], rest[1]}, false)
			i += 2
		default:
			dst = append(dst, '=')
		}
	}
	return dst
}

// quotePrintable encodes what must not stand raw in quoted-printable, in one line
// per line of b.
func quotePrintable(dst, b []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, x := range b {
		if x == '=' || x > '~' || x < ' ' && x != '\n' && x != '\r' && x != '\t' {
			dst = append(dst, '=', hex[x>>4], hex[x&15])
			continue
		}
		dst = append(dst, x)
	}
	return dst
}
