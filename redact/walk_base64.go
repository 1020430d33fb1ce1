// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"github.com/apispan/apispan/redact/internal/b64"
)

// walkBase64 handles a string that is base64 of something structured. It reports
// whether it was. A changed document is encoded again in the same way; what the
// cut end of a document leaves behind goes with it.
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
	out, changed := s.run((*Scratch).inspect, dec, c)
	if !changed {
		return true
	}
	m = s.mark()
	s.arena = b64.Encode(s.arena, out, v)
	s.replaceFrom(0, len(src), m)
	return true
}
