// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// bearerProtocol is how Kubernetes sends a token to a WebSocket.
const bearerProtocol = "base64url.bearer.authorization."

// walkProtocols reads the value of Sec-WebSocket-Protocol. Browsers cannot set other
// fields, so that servers take a token as one of the protocols: what follows one
// that names a credential, and what looks like one, goes.
func (s *Scratch) walkProtocols(src []byte, c ctx) {
	vc := s.child(c, str("access_token"))
	named := false
	for pos := 0; pos <= len(src); {
		end := member(src, pos)
		a, b := trimBlanks(src[pos:end])
		start, stop := pos+a, pos+b
		item := src[start:stop]
		switch {
		case len(item) == 0:
		case named || shape.Random(item):
			s.replaceLeaf(start, stop, item, vc)
			named = false
		case hasFold(item, bearerProtocol):
			if i := bytes.LastIndexByte(item, '.') + 1; i < len(item) {
				s.replaceLeaf(start+i, stop, item[i:], vc)
			}
		default:
			named = shape.Scheme(item) || s.child(c, item).v.strong()
		}
		pos = end + 1
	}
	s.patterns(src, c)
}
