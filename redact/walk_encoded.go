// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/b64"
	"github.com/apispan/apispan/redact/internal/form"
)

// escapedMark reports whether b has an escape of a byte that structures text:
// " : < = { or of "%" itself.
func escapedMark(b []byte) bool {
	for i := 0; i+2 < len(b); i++ {
		if b[i] != '%' {
			continue
		}
		switch b[i+1] {
		case '2':
			if b[i+2] == '2' || b[i+2] == '5' {
				return true
			}
		case '3':
			if x := b[i+2] | 0x20; x == 'a' || x == 'c' || x == 'd' {
				return true
			}
		case '7':
			if b[i+2]|0x20 == 'b' {
				return true
			}
		}
	}
	return false
}

// percentWords reads the words of a text that are percent-encoded.
func (s *Scratch) percentWords(src []byte, c ctx) {
	nested := c.nest < uint8(s.p.cfg.Limits.Nested)
	simple := c.state == stateNone && !c.v.says() && !c.cut
	for i := 0; i < len(src); {
		j := bytes.IndexByte(src[i:], '%')
		if j < 0 {
			return
		}
		i += j
		for i+2 < len(src) && src[i] == '%' && (!form.IsHex(src[i+1]) || !form.IsHex(src[i+2])) {
			i++
		}
		if i+2 >= len(src) {
			return
		}
		if src[i] != '%' {
			continue
		}
		start, end := i, i+3
		for start > 0 && !endsWord[src[start-1]] {
			start--
		}
		for end < len(src) && !endsWord[src[end]] {
			end++
		}
		word := src[start:end]
		if simple && len(word) <= maxPlainWord && s.plainPair(word, c) {
			i = end
			continue
		}
		uc := c
		uc.nest++
		uc.cut = c.cut && end == len(src)
		switch {
		case !nested:
		case (word[0] == '/' || bytes.IndexByte(word, ':') > 0) && len(word) > 4 && looksURL(word):
			s.sub(start, (*Scratch).walkURL, word, uc)
		case bytes.IndexByte(word, '&') > 0 && looksForm(word):
			s.sub(start, (*Scratch).walkForm, word, uc)
		}
		switch {
		case escapedMark(src[i:end]):
			s.decoded(src, start, end, c, (*Scratch).inspect, &percentCoding)
		case s.p.det != nil:
			s.decoded(src, start, end, c, (*Scratch).patterns, &percentCoding)
		}
		i = end
	}
}

// maxPlainWord bounds the words that plainPair looks at.
const maxPlainWord = 40

// encodedSalt tells encoded words from what else s.quiet knows.
const encodedSalt = 2 << 40

// plainPair reports whether a percent-encoded word is a name that no rule takes and a
// short value, and nothing else, as nearly all are.
func (s *Scratch) plainPair(word []byte, c ctx) bool {
	var hash uint64
	if len(word) <= 16 {
		k0, k1 := words(word)
		var known bool
		if hash, known = s.quiet.Known(k0, k1, encodedSalt|uint64(s.env(c.place))<<16|uint64(c.nest)<<8|uint64(len(word))); known {
			return true
		}
	}
	m := len(s.arena)
	s.arena = form.Unescape(s.arena, word, false)
	dec := s.arena[m:]
	s.arena = s.arena[:m]
	k := 0
	for k < len(dec) && pairByte[dec[k]] {
		k++
	}
	if k == 0 || k == len(dec) || dec[k] != '=' && dec[k] != ':' || len(dec)-k-1 >= minBase64 {
		return false
	}
	value := &pairByte
	if c.nest+2 < uint8(s.p.cfg.Limits.Nested) { // else even the shape of a document goes
		value = &plainByte
	}
	for i := k + 1; i < len(dec); i++ {
		if b := dec[i]; !value[b] || (b == '[' || b == '{') && (i+1 == len(dec) || !pairByte[dec[i+1]]) {
			return false
		}
	}
	if s.textName(c, dec[:k], false) != 0 || s.p.det != nil && len(dec) >= s.p.detMin && s.detects(dec) {
		return false
	}
	if hash != 0 {
		s.quiet.Note(hash)
	}
	return true
}

// plainByte has what values of a plainPair are made of: nothing that a document or a
// name in a text begins or ends with, but for brackets round words.
var plainByte = withBytes(pairByte, "()[]{}!*~|,@$")

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
