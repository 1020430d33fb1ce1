// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/textkv"
)

// maxTiny bounds the texts that tinyText looks at.
const maxTiny = 64

// tinyText reports whether walkText finds nothing in a short text, because it has names
// and values without any mark but separators, and no rule takes one of the names.
func (s *Scratch) tinyText(b []byte, c ctx) bool {
	if c.v != (verdict{}) || c.cut || c.state != stateNone {
		return false
	}
	var hash uint64
	if len(b) <= 16 {
		k0, k1 := words(b)
		var known bool
		if hash, known = s.quiet.Known(k0, k1, tinySalt|uint64(s.env(c.place))<<16|uint64(len(b))); known {
			return true
		}
	}
	run := 0
	for _, x := range b {
		if !tinyByte[x] {
			return false
		}
		if run++; !base64Byte[x] {
			run = 0
		} else if run == minBase64 {
			return false
		}
	}
	sc := textkv.Scan(b)
	for cand := &sc.Candidate; sc.Next(); {
		if !cand.Plain || cand.Secret != 0 {
			return false
		}
		if v, _ := s.textVerdict(b, cand, c); v.strong() || v.cookie() != 0 {
			return false
		}
	}
	if hash != 0 {
		s.quiet.Note(hash)
	}
	return true
}

// tinySalt tells tiny texts from what else s.quiet knows.
const tinySalt = 1 << 40

// tinyLeaf reports whether a short value that is structured surely is a text without a
// name that a rule takes; it is inspect for nearly all of them.
func (s *Scratch) tinyLeaf(b []byte, c ctx) bool {
	c.state = s.restart(c.state) // as in a document inside
	if len(b) > maxTiny || !pairByte[b[0]] || b[0] == '-' || c.nest >= uint8(s.p.cfg.Limits.Nested) || s.nestLeft < len(b) || !s.tinyText(b, c) {
		return false
	}
	// Those are read as a form or a URL.
	if bytes.IndexByte(b, ' ') < 0 && (bytes.IndexByte(b, '=') >= 0 || bytes.IndexByte(b, '/') >= 0) {
		return false
	}
	s.nestLeft -= len(b)
	return true
}

// tinyByte has what names and values in a tinyText are made of, and what separates
// them.
var tinyByte = withBytes(pairByte, " :=,;/+@")

// withBytes is a set of bytes with some more.
func withBytes(set [256]bool, more string) [256]bool {
	for _, c := range []byte(more) {
		set[c] = true
	}
	return set
}
