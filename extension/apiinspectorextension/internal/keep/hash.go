// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/apispan/apispan/internal/inspect"
)

// Seeds of this process: what a stranger sends must not collide by choice.
var (
	seedA = maphash.String(maphash.MakeSeed(), "a") | 1
	seedB = maphash.String(maphash.MakeSeed(), "b") | 1
)

// mix is wyhash's: a product folded, as fast as a hash of two words can be.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	hi, lo = bits.Mul64(hi^lo^seedA, 0x8ebc6af09c88c6e3)
	return hi ^ lo
}

func hashKey(k *inspect.Key) uint64 {
	return mix(mix(binary.LittleEndian.Uint64(k.Trace[:8])^seedA, binary.LittleEndian.Uint64(k.Trace[8:])^seedB), binary.LittleEndian.Uint64(k.Span[:]))
}

// recently is a table of what was seen not long ago, of a fixed size: two places for
// each hash, the older one goes.
type recently struct{ at [][2]uint64 }

func newRecently(bits int) recently { return recently{make([][2]uint64, 1<<bits)} }

// add reports whether h is new.
func (t recently) add(h uint64) bool {
	e := &t.at[h&uint64(len(t.at)-1)]
	if e[0] == h || e[1] == h {
		return false
	}
	e[1], e[0] = e[0], h
	return true
}
