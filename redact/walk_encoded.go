// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/b64"
	"github.com/apispan/apispan/redact/internal/form"
)

// encodedText handles text that is percent-encoded as a whole, such as a URL or a
// form in a parameter that was encoded twice. It reports whether it was.
func (s *Scratch) encodedText(src []byte, c ctx) bool {
	if bytes.IndexByte(src, '%') < 0 || hasBlank(src) || !escapedMark(src) {
		return false
	}
	if c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < len(src) {
		s.overLimit(0, len(src), c, "")
		return true
	}
	s.nestLeft -= len(src)
	c.nest++
	m := s.mark()
	s.arena = form.Unescape(s.arena, src, false)
	out, changed := s.run((*Scratch).inspect, s.arena[m:len(s.arena):len(s.arena)], c)
	if changed {
		m = s.mark()
		s.arena = form.Escape(s.arena, out, false)
		s.replaceFrom(0, len(src), m)
	}
	return true
}

// escapedMark reports whether b has an escape of a byte that structures text:
// " : < = { or of "%" itself.
func escapedMark(b []byte) bool {
	for i := 0; i+2 < len(b); i++ {
		if b[i] != '%' {
			continue
		}
		switch string(b[i+1 : i+3]) {
		case "22", "25", "3A", "3a", "3C", "3c", "3D", "3d", "7B", "7b":
			return true
		}
	}
	return false
}

// base64Heads are how base64 of JSON and XML begins: {" {blank {LF [{ [" <? .
var base64Heads = [...]string{"eyJ", "eyA", "ewo", "ew0", "W3s", "WyJ", "PD9"}

// base64Words walks the words of a text that are base64 of JSON or XML, such as
// the end of a data URL.
func (s *Scratch) base64Words(src []byte, c ctx) {
	if len(src) < 16 {
		return
	}
	for _, head := range base64Heads {
		for pos := 0; ; {
			i := bytes.Index(src[pos:], str(head))
			if i < 0 {
				break
			}
			start := pos + i
			end := start
			for end < len(src) && base64Byte(src[end]) {
				end++
			}
			pos = end
			if end-start < 16 || start > 0 && (base64Byte(src[start-1]) && src[start-1] != '=' && src[start-1] != '/' || src[start-1] == '.') ||
				end < len(src) && src[end] == '.' {
				continue // inside a longer word, or a JWT, which is the detectors'
			}
			if c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < end-start {
				s.overLimit(start, end, c, "")
				continue
			}
			s.nestLeft -= end - start
			wc := c
			wc.nest++
			wc.cut = c.cut && end == len(src)
			s.sub(start, func(s *Scratch, b []byte, c ctx) { s.walkBase64(b, c) }, src[start:end], wc)
		}
	}
}

func base64Byte(c byte) bool {
	return 'a' <= c|32 && c|32 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_' || c == '='
}

// base64Text handles text that is one base64 document, also over several lines.
func (s *Scratch) base64Text(src []byte, c ctx) bool {
	start, end := trimBlanks(src)
	if !maybeBase64(src[start:end]) {
		return false
	}
	if _, ok := b64.Detect(src[start:end]); !ok {
		return false
	}
	if c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < end-start {
		s.overLimit(start, end, c, "")
		return true
	}
	s.nestLeft -= end - start
	c.nest++
	s.lv.base += start
	done := s.walkBase64(src[start:end], c)
	s.lv.base -= start
	return done
}
