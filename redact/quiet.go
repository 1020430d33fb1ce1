// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// quietValues remembers the last values of an attribute that stayed as they are: that a
// client, a media type or a host says the same in most exchanges need not be found out
// each time. It holds hashes with a secret seed, never values.
type quietValues struct {
	policy *Policy
	scopes scopeSet
	hashes [16][2]uint64
}

// maxQuiet bounds the bytes of a value that is remembered.
const maxQuiet = 256

var quietSeed = maphash.MakeSeed()

// quietSlot is where the hash of a value is, if it is known.
type quietSlot struct {
	at   *[2]uint64
	hash uint64
}

func (q *quietValues) slot(s *Scratch, value string) quietSlot {
	if q.policy != s.p || q.scopes != s.scopes {
		*q = quietValues{policy: s.p, scopes: s.scopes}
	}
	h := maphash.String(quietSeed, value) | 1 // 0 is nothing
	return quietSlot{&q.hashes[h>>60], h}
}

func (s quietSlot) known() bool { return s.at[0] == s.hash || s.at[1] == s.hash }
func (s quietSlot) remember()   { *s.at = [2]uint64{s.hash, s.at[0]} }

// unmet remembers short values in which no detector finds anything: states, currencies
// and names of bodies repeat. It holds hashes with secret keys, never values.
type unmet struct {
	keys [4]uint64
	seen [1 << unmetBits]uint64
}

const unmetBits = 10

// hash returns what stands for a value of 4 to 32 bytes, 0 for others, and whether it was
// noted.
func (u *unmet) hash(b []byte) (hash uint64, known bool) {
	n := len(b)
	if n < 4 || n > 32 {
		return 0, false
	}
	// Words that overlap have all bytes; the length says which.
	var first, last uint64
	if n < 8 {
		first = ends(b)
	} else {
		first, last = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	}
	hi, lo := bits.Mul64(first^u.keys[0], last^u.keys[1])
	if n > 16 {
		hi2, lo2 := bits.Mul64(binary.LittleEndian.Uint64(b[8:])^u.keys[2], binary.LittleEndian.Uint64(b[n-16:])^u.keys[3])
		hi, lo = hi+lo2, lo^hi2
	}
	hash = hi ^ lo ^ uint64(n)*0x9E3779B97F4A7C15
	return hash, hash != 0 && u.seen[hash>>(64-unmetBits)] == hash
}

func (u *unmet) note(hash uint64) {
	if hash != 0 {
		u.seen[hash>>(64-unmetBits)] = hash
	}
}
