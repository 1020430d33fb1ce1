// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/b64"
)

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
	// A run of 16 has a byte at every 16th offset.
	for i := minBase64 - 1; i < len(src); i += minBase64 {
		if !base64Byte[src[i]] {
			continue
		}
		start := i
		for start > 0 && base64Byte[src[start-1]] {
			start--
		}
		end := i + 1
		for end < len(src) && base64Byte[src[end]] {
			end++
		}
		i = max(i, end-1)
		if end-start < minBase64 || start > 0 && src[start-1] == '.' || end < len(src) && src[end] == '.' {
			continue // a short word, or a JWT, which is the detectors'
		}
		// "key=eyJ..." and "path/eyJ..." begin behind the mark.
		if !base64Head(src[start:end]) {
			k := end - 1
			for k >= start && src[k] == '=' {
				k--
			}
			for k >= start && src[k] != '=' && src[k] != '/' {
				k--
			}
			start = max(start, k+1)
		}
		if end-start >= minBase64 && (base64Head(src[start:end]) || bytes.HasSuffix(src[:start], str(";base64,"))) {
			s.base64Word(src, start, end, c)
		}
	}
}

// minBase64 is the length of the shortest word that is looked at.
const minBase64 = 16

func base64Head(b []byte) bool {
	if b[0] != 'e' && b[0] != 'W' && b[0] != 'P' {
		return false
	}
	for _, h := range base64Heads {
		if bytes.HasPrefix(b, str(h)) {
			return true
		}
	}
	return false
}

func (s *Scratch) base64Word(src []byte, start, end int, c ctx) {
	if s.wordsLeft--; s.wordsLeft < 0 || c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < end-start {
		s.overLimit(start, end, c, "")
		return
	}
	s.nestLeft -= end - start
	c.nest++
	c.cut = c.cut && end == len(src)
	s.lv.base += start
	s.walkBase64(src[start:end], c)
	s.lv.base -= start
}

var base64Byte = func() (t [256]bool) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for _, c := range "0123456789+/-_=" {
		t[c] = true
	}
	return t
}()

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
