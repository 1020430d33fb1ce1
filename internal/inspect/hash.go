// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Seeds of this process: what a stranger sends must not collide by choice.
var (
	seed  = maphash.MakeSeed()
	seedA = maphash.String(maphash.MakeSeed(), "a") | 1
	seedB = maphash.String(maphash.MakeSeed(), "b") | 1
)

// Fingerprint names the bytes of an event for as long as this process runs.
func Fingerprint(item []byte) uint64 { return maphash.Bytes(seed, item) }

// Mix is wyhash's: a product folded, as fast as a hash of two words can be.
func Mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	hi, lo = bits.Mul64(hi^lo^seedA, 0x8ebc6af09c88c6e3)
	return hi ^ lo
}

// Key names one exchange in all components: the span that carries it. It is read word by
// word, and not copied as a whole more often than needed: a processor waits for what was
// just written in other pieces.
type Key struct {
	Trace [16]byte
	Span  [8]byte
}

// None reports whether it is the key of no span.
func (k *Key) None() bool {
	return binary.LittleEndian.Uint64(k.Trace[:8])|binary.LittleEndian.Uint64(k.Trace[8:])|binary.LittleEndian.Uint64(k.Span[:]) == 0
}

// HashTrace is a hash of the trace, which no stranger foresees.
func (k *Key) HashTrace() uint64 {
	return Mix(binary.LittleEndian.Uint64(k.Trace[:8])^seedA, binary.LittleEndian.Uint64(k.Trace[8:])^seedB)
}

// Hash is a hash of all of it; 0 is that of none.
func (k *Key) Hash() uint64 {
	if k.None() {
		return 0
	}
	return max(1, Mix(k.HashTrace(), binary.LittleEndian.Uint64(k.Span[:])))
}
