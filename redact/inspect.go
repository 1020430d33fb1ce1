// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"

	"github.com/apispan/apispan/redact/internal/b64"
	"github.com/apispan/apispan/redact/internal/urlsplit"
)

// structured is the filter in front of inspect: it reports whether a string can
// hold a key at all, that is, whether it has one of ':' ';' '<' '=' (JSON, text,
// forms, markup) or '%' (any of them, percent-encoded), or begins like JSON or
// like base64 of JSON or XML, or has lines like a table.
func structured(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	if nestFirst[b[0]] {
		return true
	}
	return hasKeyByte(b) || bytes.IndexByte(b, '\n') >= 0 && (csvLike(b) || bytes.Contains(b, str("---"))) || mayHide(b) ||
		len(b) > minBase64+4 && bytes.Contains(b, str(" eyJ")) // a word that is base64 of JSON
}

// longText is the length from which on five searches by the runtime, which takes
// many bytes at a time, beat a loop over words.
const longText = 192

// hasKeyByte reports whether b, of four bytes or more, has a byte of keyMask.
func hasKeyByte(b []byte) bool {
	n := len(b)
	switch {
	case n < 8:
		return keyMask(ends(b)) != 0
	case n >= longText:
		return bytes.IndexByte(b, ':') >= 0 || bytes.IndexByte(b, '=') >= 0 || bytes.IndexByte(b, '%') >= 0 ||
			bytes.IndexByte(b, ';') >= 0 || bytes.IndexByte(b, '<') >= 0
	}
	acc := keyMask(binary.LittleEndian.Uint64(b[n-8:]))
	for i := 0; i+8 < n; i += 8 {
		acc |= keyMask(binary.LittleEndian.Uint64(b[i:]))
	}
	return acc != 0
}

// ends is a word of the first and the last four bytes of b, which has at least
// four.
func ends(b []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))<<32
}

// inspect is the walker for a decoded string that no key rule selects: it finds
// out what the string is by its first bytes, walks that, and then runs the
// detectors over all of it.
func (s *Scratch) inspect(src []byte, c ctx) {
	if structured(src) {
		s.nested(src, c)
	}
	if wordy(src, c) {
		s.walkWords(src, c)
	}
	s.patterns(src, c)
}

// nested walks a string as the document that it seems to be.
func (s *Scratch) nested(src []byte, c ctx) {
	o := blankPrefix(src)
	b := src[o:]
	if len(b) == 0 {
		return
	}
	var w walker
	tiny := false
	switch c0 := b[0]; {
	case string(b) == string(s.p.mask): // "[REDACTED]" is no list
		return
	case (c0 == '{' || c0 == '[') && (looksJSON(b) || scalarArray(b)):
		w = (*Scratch).walkEmbedded
	case c0 == '"' && oneString(b):
		w = (*Scratch).walkEmbedded
	case c0 == '-' && multipartStart(b):
		w = walkParts
	case sseStart(b) && b[len(b)-1] == '\n':
		w = (*Scratch).walkSSE
	case c0 == '<' && looksMarkup(b):
		w = (*Scratch).walkMarkup
	case maybeBase64(b) || paddedBase64(b) || len(b) >= minBase64 && b64.Text(b):
		if c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < len(b) {
			w = (*Scratch).walkText
			break
		}
		inner := c
		inner.nest++
		s.lv.base += o
		done := s.walkBase64(b, inner)
		s.lv.base -= o
		if done {
			s.nestLeft -= len(b)
			return
		}
		w = (*Scratch).walkText
	case bytes.HasPrefix(b, str("arn:aws")) && !hasBlank(b):
		return // the name of a resource is no pair of a key and a value
	case looksURL(b):
		w = (*Scratch).walkURL
	case looksForm(b):
		w = (*Scratch).walkForm
	default:
		w = (*Scratch).walkText
		tiny = len(b) <= maxTiny
	}
	if c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < len(b) {
		s.overLimit(o, len(src), c, "")
		return
	}
	s.nestLeft -= len(b)
	c.nest++
	c.state = s.restart(c.state)
	if tiny && s.tinyText(b, c) {
		return
	}
	if c.v.act == actAllow && !c.v.except() && b[0] == '{' && looksJSON(b) {
		if r := s.roots[c.place]; r.act == actMiss {
			c.v = r // the members of a document ask to be allowed by themselves
		}
	}
	s.sub(o, w, b, c)
}

// oneString reports whether all of b is one JSON string.
func oneString(b []byte) bool {
	end, _ := stringEnd(b, 1)
	return end > 1 && len(bytes.TrimSpace(b[end+1:])) == 0
}

// walkParts walks a multipart document that nothing but its first line announces.
func walkParts(s *Scratch, src []byte, c ctx) { s.walkMultipart(src, c, "") }

// walkMarkup is walkXML or walkHTML by content.
func (s *Scratch) walkMarkup(src []byte, c ctx) {
	if looksHTML(src) {
		s.walkHTML(src, c)
		return
	}
	s.walkXML(src, c)
}

// walkEmbedded walks JSON that stands at the beginning of a string: what follows
// a complete document is read as text.
func (s *Scratch) walkEmbedded(src []byte, c ctx) {
	end, ok := s.jsonValue(src, 0, c)
	if !ok {
		return
	}
	if rest := src[end:]; len(bytes.TrimSpace(rest)) > 0 {
		if o := blankPrefix(rest); looksJSON(rest[o:]) {
			s.sub(end, (*Scratch).walkJSON, rest, c)
			return
		}
		s.sub(end, (*Scratch).walkText, rest, c)
	}
}

// blankPrefix is the length of blanks and byte order marks at the beginning.
func blankPrefix(b []byte) int {
	i := 0
	for i < len(b) {
		switch {
		case b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n':
			i++
		case len(b)-i >= 3 && b[i] == 0xEF && b[i+1] == 0xBB && b[i+2] == 0xBF:
			i += 3
		default:
			return i
		}
	}
	return i
}

func lastNonBlank(b []byte) byte {
	for i := len(b) - 1; i >= 0; i-- {
		if c := b[i]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

func firstNonBlank(b []byte) byte {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// looksJSON reports whether b, which has no leading blanks, begins like a JSON
// object or array with something inside. "[INFO]", "{id}" and "[1]" do not: they
// have no key.
func looksJSON(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch next := firstNonBlank(b[1:]); b[0] {
	case '{':
		return next == '"' || next == '}' || next == 0
	case '[':
		return next == '{' || next == '[' && !tableHead(b) || next == '"' || next == ']' || next == 0
	}
	return false
}

// tableHead reports whether b begins like a table of TOML: [[items]].
func tableHead(b []byte) bool {
	if len(b) < 6 || b[1] != '[' || b[2]|0x20 < 'a' || b[2]|0x20 > 'z' {
		return false
	}
	line, _, _ := bytes.Cut(b[:min(len(b), 128)], str("\n"))
	return bytes.HasSuffix(bytes.TrimRight(line, " \t\r"), str("]]")) && bytes.IndexByte(line, ',') < 0
}

// scalarArray reports whether b is an array that begins with a number or literal
// and has a string further on. "[12:30:01] GET" and "[1] see" are not.
func scalarArray(b []byte) bool {
	if b[0] != '[' || lastNonBlank(b) != ']' || bytes.IndexByte(b, '"') < 0 {
		return false
	}
	i := skipSpace(b, 1)
	switch {
	case i == len(b):
		return false
	case b[i] == '-' || b[i]-'0' < 10:
		end, st := numberEnd(b, i)
		if st != numberOK {
			return false
		}
		i = end
	default:
		k := i
		for i < len(b) && 'a' <= b[i] && b[i] <= 'z' {
			i++
		}
		if !jsonLiteral(b[k:i]) {
			return false
		}
	}
	i = skipSpace(b, i)
	return i < len(b) && b[i] == ','
}

func looksMarkup(b []byte) bool {
	if len(b) < 3 || b[0] != '<' || bytes.HasPrefix(b, str("<?php")) {
		return false
	}
	if urlsplit.Absolute(b[1:]) {
		return false // the target of a Link field
	}
	c := b[1]
	return c == '?' || c == '!' || c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}

func looksHTML(b []byte) bool {
	if len(b) > 1024 {
		b = b[:1024]
	}
	for i := bytes.IndexByte(b, '<'); i >= 0; {
		for _, t := range [...]string{
			"!doctype html", "html", "head", "body", "script", "div", "p>", "p ", "form", "input", "span", "table",
			"a ", "br", "h1", "meta", "style", "title>", "ul", "li>", "img", "button", "textarea", "label",
		} {
			if hasFold(b[i+1:], t) {
				return true
			}
		}
		n := bytes.IndexByte(b[i+1:], '<')
		if n < 0 {
			return false
		}
		i += 1 + n
	}
	return false
}

// hasFold reports whether b begins with prefix, which is lower case ASCII.
func hasFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := 0; i < len(prefix); i++ {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// maybeBase64 reports whether b is one word of the base64 alphabets that begins
// like the encoding of '{', '[', '<' or a byte order mark.
func maybeBase64(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	switch {
	case b[0] == 'e' && (b[1] == 'y' || b[1] == 'w' || b[1] == '3' || b[1] == 'g'):
	case b[0] == 'W' && (b[1] >= 'w' && b[1] <= 'z' || b[1] >= '0' && b[1] <= '3' || b[1] >= 'a' && b[1] <= 'z' || b[1] == 'y'):
	case b[0] == 'P' && b[1] >= 'A' && b[1] <= 'H':
	case b[0] == '7' && b[1] == '7', b[0] == '/' && (b[1] == '/' || b[1] == 'v'), b[0] == 'A' && b[1] == 'H':
	case b[0] == 'I' && (b[1] == 'C' || b[1] == 'n' || b[1] == 'H'):
	case b[0] == 'C' && (b[1] == 'n' || b[1] == 'g' || b[1] == 'X'):
	case b[0] == 'D' && b[1] == 'Q':
	case b[0] == 'Z' && (b[1] == 'X' || b[1] == 'W' || b[1] == '3'): // base64 of base64
	default:
		return false
	}
	for _, c := range b {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '-', c == '_', c == '=', c == '\r', c == '\n':
		default:
			return false
		}
	}
	return true
}

// paddedBase64 reports whether b may be base64 of anything, a form for example,
// because it is padded.
func paddedBase64(b []byte) bool { return len(b) >= 16 && len(b)%4 == 0 && b[len(b)-1] == '=' }

// looksURL reports whether all of b is one absolute URL, or a path with a query.
func looksURL(b []byte) bool {
	if b[0] == '/' {
		return len(b) > 1 && (bytes.IndexByte(b, '?') > 0 || bytes.IndexByte(b, '#') > 0) && !hasBlank(b)
	}
	i := bytes.Index(b, str("://"))
	if i <= 0 || i > 16 || hasBlank(b) {
		return false
	}
	for _, c := range b[:i] {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

func hasBlank(b []byte) bool {
	if len(b) > 48 {
		return bytes.ContainsAny(b, " \t\r\n\"<>")
	}
	for _, c := range b {
		if blankByte[c] {
			return true
		}
	}
	return false
}

var blankByte = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, '"': true, '<': true, '>': true}

// looksForm reports whether all of b reads as name=value pairs joined by '&' (or
// one such pair) without blanks or quotes.
func looksForm(b []byte) bool {
	eq := bytes.IndexByte(b, '=')
	if eq <= 0 || hasBlank(b) {
		return false
	}
	for _, c := range b[:eq] {
		if c <= ' ' || c == '{' || c == '/' || c == ':' || c == ',' || c == ';' || c == '(' {
			return false
		}
	}
	return bytes.IndexByte(b, ';') < 0 || bytes.IndexByte(b, '&') >= 0
}
