// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// walkBody finds out what a body is and walks it. The content type is a hint, the
// bytes decide.
func (s *Scratch) walkBody(src []byte, c ctx) {
	ct := s.ex.RequestContentType
	if c.place == placeResponseBody {
		ct = s.ex.ResponseContentType
	}
	s.content(0, src, c, ct)
}

// content walks src[off:end] of the running walker as a document of unknown type
// in place; contentType is a hint and may be "".
func (s *Scratch) content(off int, src []byte, c ctx, contentType string) {
	s.lv.base += off
	s.dispatch(src, c, contentType)
	s.lv.base -= off
}

func (s *Scratch) dispatch(src []byte, c ctx, contentType string) {
	if len(src) == 0 {
		return
	}
	if c.v.act.whole() || c.v.act == actHMAC || c.v.act == actEncrypt {
		rep, ef := s.leaf(c, src, kindString)
		s.removed = s.removed || ef == Removed && len(src) == len(s.lv.src)
		s.replace(0, len(src), rep)
		return
	}
	h, boundary, ok := hintOf(contentType)
	if !ok || wideCharset(src) {
		s.unsupported(src, c)
		return
	}
	if h == hintMultipart || multipartStart(src) {
		s.walkMultipart(src, c, boundary)
		return
	}
	if bytes.IndexByte(src, 0) >= 0 || bytes.HasPrefix(src, str("\x1f\x8b")) {
		s.unsupported(src, c)
		return
	}
	o := blankPrefix(src)
	if o == len(src) {
		return
	}
	switch h { // syntaxes in which any bytes are values
	case hintForm, hintCSV, hintHTML, hintSSE:
		if src[o] != '<' && hasControl(src[:min(len(src), 512)]) {
			s.unsupported(src, c)
			return
		}
	}
	if opaqueStart(src[o:]) {
		s.unsupported(src, c)
		return
	}
	if h == hintOpaque {
		// The type may lie, but only about JSON, which has a strict grammar.
		if !looksJSON(src[o:]) {
			s.unsupported(src, c)
			return
		}
		h = hintBinary
	}
	if w, skip := s.sniff(src[o:], h); w != nil {
		s.sub(o+skip, w, src[o+skip:], c)
		return
	}
	// Nothing recognised by its bytes.
	if !utf8.Valid(src) && !validButCut(src) || hasControl(src) {
		s.unsupported(src, c)
		return
	}
	switch {
	case h == hintText || h == hintNone:
		s.plainText(src, c)
	case s.p.cfg.OnUnparsable == "text" && h != hintBinary:
		s.plainText(src, c)
	case h == hintBinary:
		s.unsupported(src, c)
	default:
		s.malformed(src, 0, c, "")
	}
}

// sniff chooses the walker by the bytes, helped by the hint, and how many bytes of
// prefix to pass over (they stay as they are). src has no leading blanks.
func (s *Scratch) sniff(src []byte, h hint) (walker, int) {
	switch h {
	case hintNDJSON:
		return (*Scratch).walkNDJSON, 0
	case hintSSE:
		return (*Scratch).walkSSE, 0
	}
	if n := jsonPrefix(src); n > 0 {
		return (*Scratch).walkJSON, n
	}
	if n := jsonpPrefix(src); n > 0 {
		return (*Scratch).walkJSONP, n
	}
	b := src[0]
	switch {
	case b == 0x1E:
		return (*Scratch).walkJSON, 0
	case (b == '{' || b == '[') && (h == hintJSON || looksJSON(src)):
		if h != hintJSON && ndjsonLike(src) {
			return (*Scratch).walkNDJSON, 0
		}
		return (*Scratch).walkJSON, 0
	case b == '<' && (h == hintXML || h == hintHTML || looksMarkup(src)):
		if h == hintHTML || h != hintXML && looksHTML(src) {
			return (*Scratch).walkHTML, 0
		}
		return (*Scratch).walkXML, 0
	case h == hintHTML:
		return (*Scratch).walkHTML, 0
	case h == hintNone && b == '"':
		return (*Scratch).walkJSON, 0 // the tail of a document, if not one string
	case h == hintJSON && (b == '"' || b == '-' || '0' <= b && b <= '9' || jsonLiteral(src)):
		return (*Scratch).walkJSON, 0
	case sseStart(src) && !bytes.HasPrefix(src, str("data: |\n")) && !bytes.HasPrefix(src, str("data:\n ")): // YAML
		return (*Scratch).walkSSE, 0
	case h == hintForm:
		return (*Scratch).walkForm, 0
	case h == hintCSV:
		return (*Scratch).walkCSV, 0
	case h == hintText:
		return nil, 0
	case maybeBase64(src):
		return (*Scratch).base64Body, 0
	case looksForm(src) && (h != hintBinary || !paddedWord(src)):
		return (*Scratch).walkForm, 0
	}
	return nil, 0
}

// paddedWord reports whether "=" stands in b only as the padding of base64.
func paddedWord(b []byte) bool {
	return bytes.IndexByte(bytes.TrimRight(b, "=\r\n\t "), '=') < 0
}

// base64Body walks a body that is base64, or else text.
func (s *Scratch) base64Body(src []byte, c ctx) {
	c.nest++
	if !s.walkBase64(src, c) {
		c.nest--
		s.plainText(src, c)
	}
}

// plainText walks a body of prose, logs, YAML, key: value lines. Under an
// allowlist nothing in it has a name to be allowed by.
func (s *Scratch) plainText(src []byte, c ctx) {
	if c.v.act == actMiss {
		s.count(c.place, c.v.rule, actMiss, outcomeRule)
		s.replace(0, len(src), s.p.mask)
		return
	}
	s.walkText(src, c)
	s.walkWords(src, c)
	s.patterns(src, c)
	if c.cut {
		s.dropLastWord(src, c)
	}
}

// dropLastWord removes the unfinished word at the end of a text that was cut.
func (s *Scratch) dropLastWord(src []byte, c ctx) {
	i := len(src)
	for i > 0 && !jsonSpace[src[i-1]] {
		i--
	}
	if i == len(src) || s.covered(i, len(src)) {
		return
	}
	s.truncated(src, i, c, "")
}

// unsupported replaces all of src because its bytes cannot be read.
func (s *Scratch) unsupported(src []byte, c ctx) {
	s.fail(src, 0, c, "", markUnsupported, outcomeUnsupported)
}

// wideCharset reports a UTF-16 or UTF-32 byte order mark.
func wideCharset(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0xFE && b[1] == 0xFF || b[0] == 0xFF && b[1] == 0xFE)
}

// opaqueStart reports the first bytes of formats that begin like text.
func opaqueStart(b []byte) bool {
	switch b[0] {
	case '%':
		return bytes.HasPrefix(b, str("%PDF-")) || bytes.HasPrefix(b, str("%!PS"))
	case 'G':
		return bytes.HasPrefix(b, str("GIF87a")) || bytes.HasPrefix(b, str("GIF89a"))
	}
	return false
}

// validButCut reports whether b is valid UTF-8 up to an unfinished last character.
func validButCut(b []byte) bool {
	for i := 1; i <= 3 && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			return !utf8.FullRune(b[len(b)-i:]) && utf8.Valid(b[:len(b)-i])
		}
	}
	return false
}

func hasControl(b []byte) bool {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		t := w &^ swarHi
		x := w ^ 0x7F*swarLo
		if m := ((^(t + (0x80-0x20)*swarLo))&^w | (x-swarLo)&^x) & swarHi; m == 0 || m&^((swarHi-(t^'\n'*swarLo))|(swarHi-(t^'\r'*swarLo))) == 0 {
			continue
		}
		for _, c := range b[i : i+8] {
			if control[c] {
				return true
			}
		}
	}
	for _, c := range b[i:] {
		if control[c] {
			return true
		}
	}
	return false
}

// control has the bytes that text does not have.
var control = func() (t [256]bool) {
	for c := range byte(' ') {
		t[c] = c != '\t' && c != '\r' && c != '\n' && c != '\f' && c != 0x1E
	}
	t[0x7F] = true
	return t
}()

// jsonPrefix is the length of an anti-hijacking prefix before JSON.
func jsonPrefix(b []byte) int {
	for _, p := range [...]string{")]}'", "while(1);", "while (1);", "for(;;);", "for (;;);", "&&&START&&&", "throw 1;", "{}&&"} {
		if bytes.HasPrefix(b, str(p)) {
			i := len(p)
			for i < len(b) && (jsonSpace[b[i]] || b[i] == ',' || b[i] == ';' || b[i] == '<' || b[i] == '>') {
				i++
			}
			return i
		}
	}
	return 0
}

// jsonpPrefix is the length of "/**/callback(" before JSON.
func jsonpPrefix(b []byte) int {
	i := 0
	if bytes.HasPrefix(b, str("/**/")) {
		i = 4
	}
	for i < len(b) && jsonSpace[b[i]] {
		i++
	}
	start := i
	for i < len(b) && i-start < 128 && (b[i] == '_' || b[i] == '$' || b[i] == '.' || b[i] == '[' || b[i] == ']' ||
		'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' || '0' <= b[i] && b[i] <= '9') {
		i++
	}
	if i == start || i >= len(b) || b[i] != '(' {
		return 0
	}
	i++
	for i < len(b) && jsonSpace[b[i]] {
		i++
	}
	if i < len(b) && (b[i] == '{' || b[i] == '[') {
		return i
	}
	return 0
}

// walkJSONP walks one document and expects ");" and nothing else behind it.
func (s *Scratch) walkJSONP(src []byte, c ctx) {
	end, ok := s.jsonValue(src, 0, c)
	if !ok {
		return
	}
	i := end
	for i < len(src) && (jsonSpace[src[i]] || src[i] == ')' || src[i] == ';') {
		i++
	}
	if i < len(src) {
		s.malformed(src, i, c, "")
	}
}

func jsonLiteral(b []byte) bool {
	for _, l := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(b, str(l)) {
			rest := bytes.TrimSpace(b[len(l):])
			return len(rest) == 0
		}
	}
	return false
}

// ndjsonLike reports whether the first line is a document by itself and another
// begins on the second.
func ndjsonLike(b []byte) bool {
	i := bytes.IndexByte(b, '\n')
	if i < 2 {
		return false
	}
	last := lastNonBlank(b[:i])
	next := firstNonBlank(b[i:])
	return (b[0] == '{' && last == '}' || b[0] == '[' && last == ']') && next == b[0]
}

func sseStart(b []byte) bool {
	for _, p := range [...]string{"data:", "event:", "retry:"} {
		if bytes.HasPrefix(b, str(p)) {
			return true
		}
	}
	return false
}

// multipartStart reports whether b begins with a boundary line and a part header.
func multipartStart(b []byte) bool {
	if !bytes.HasPrefix(b, str("--")) {
		return false
	}
	i := bytes.IndexByte(b, '\n')
	return i > 2 && i < 80 && hasFold(b[i+1:], "content-")
}
