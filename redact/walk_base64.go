// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"github.com/apispan/apispan/redact/internal/b64"
)

// walkBase64 handles a string that is base64 of something structured. It reports
// whether it was. A changed document is encoded again in the same way. One that
// could not be read to its end goes as a whole: encoded again it would be read
// differently the next time.
func (s *Scratch) walkBase64(src []byte, c ctx) bool {
	v, ok := b64.Detect(src)
	if !ok {
		return false
	}
	m := s.mark()
	s.arena = b64.Decode(s.arena, src)
	dec := s.arena[m:len(s.arena):len(s.arena)]
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
	m = s.mark()
	s.arena = b64.Encode(s.arena, out, v)
	s.replaceFrom(0, len(src), m)
	return true
}
