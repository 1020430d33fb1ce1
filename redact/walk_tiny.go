// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "github.com/apispan/apispan/redact/internal/textkv"

// maxTiny bounds the texts that tinyText looks at.
const maxTiny = 64

// tinyText reports whether walkText finds nothing in a short text, because it has names
// and values without any mark but separators, and no rule takes one of the names.
func (s *Scratch) tinyText(b []byte, c ctx) bool {
	if c.v != (verdict{}) || c.cut || c.state != stateNone {
		return false
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
		if v, _ := s.textVerdict(b, cand, c); v.strong() || v.flags&cookieBits != 0 {
			return false
		}
	}
	return true
}

// tinyByte has what names and values in a tinyText are made of, and what separates
// them.
var tinyByte = func() (t [256]bool) {
	t = pairByte
	for _, c := range " :=,;/+@" {
		t[c] = true
	}
	return t
}()
