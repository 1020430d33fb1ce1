// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "hash/maphash"

// quietValues remembers the last values of an attribute that stayed as they are: that a
// client, a media type or a host says the same in most exchanges need not be found out
// each time. It holds hashes with a secret seed, never values.
type quietValues struct {
	policy *Policy
	scopes scopeSet
	hashes [16]uint64
}

// maxQuiet bounds the bytes of a value that is remembered.
const maxQuiet = 256

var quietSeed = maphash.MakeSeed()

// quietSlot is where the hash of a value is, if it is known.
type quietSlot struct {
	at   *uint64
	hash uint64
}

func (q *quietValues) slot(s *Scratch, value string) quietSlot {
	if q.policy != s.p || q.scopes != s.scopes {
		*q = quietValues{policy: s.p, scopes: s.scopes}
	}
	h := maphash.String(quietSeed, value) | 1 // 0 is nothing
	return quietSlot{&q.hashes[h>>60], h}
}

func (s quietSlot) known() bool { return *s.at == s.hash }
func (s quietSlot) remember()   { *s.at = s.hash }
