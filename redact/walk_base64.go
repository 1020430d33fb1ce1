// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/b64"
)

// walkBase64 handles a string that is base64 of something structured. It reports
// whether it was. A changed document is encoded again in the same way. One that
// could not be read to its end goes as a whole: encoded again it would be read
// differently the next time.
func (s *Scratch) walkBase64(src []byte, c ctx) bool {
	v, ok := b64.Detect(src)
	if !ok && !wideHead(src) {
		return false
	}
	m := s.mark()
	s.arena = b64.Decode(s.arena, src)
	dec := s.arena[m:len(s.arena):len(s.arena)]
	if wideText(dec) { // UTF-16: what is read is replaced as a whole
		n := 0
		for _, b := range dec {
			if b != 0 {
				dec[n] = b
				n++
			}
		}
		if _, changed := s.run((*Scratch).inspect, dec[:n], c); changed {
			s.replace(0, len(src), s.p.mask)
		}
		return true
	}
	if !structured(dec) {
		return false
	}
	c.cut = c.cut || v.Cut
	failed := s.stats.FailedClosed
	out, changed := s.run((*Scratch).inspect, dec, c)
	if !changed {
		return true
	}
	if s.stats.FailedClosed != failed {
		s.replace(0, len(src), str(markMalformed))
		return true
	}
	if looksForm(dec) { // its names are in it, and nothing else of use
		s.replace(0, len(src), s.p.mask)
		return true
	}
	m = s.mark()
	s.arena = b64.Encode(s.arena, out, v)
	s.replaceFrom(0, len(src), m)
	return true
}

// wideText reports whether b is ASCII in UTF-16.
func wideText(b []byte) bool {
	if len(b) < 8 || b[1] != 0 && b[0] != 0 && b[0] < 0xFE {
		return false
	}
	zeros := 0
	for _, c := range b[:min(len(b), 64)] {
		if c == 0 {
			zeros++
		}
	}
	return zeros*5 > min(len(b), 64)*2
}

// wideHead reports whether b begins like base64 of JSON or markup in UTF-16.
func wideHead(b []byte) bool {
	for _, h := range [...]string{"ewAiA", "ewAKA", "ewANA", "ewAgA", "WwB7A", "PAA", "//57A", "//5bA", "//48A", "/v8A", "AHsA", "AFsA"} {
		if bytes.HasPrefix(b, str(h)) {
			return true
		}
	}
	return false
}
