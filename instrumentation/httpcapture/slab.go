// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// The content of a body becomes an attribute, and nobody knows how long a span is kept:
// its memory can never be used again, only collected. An allocation of its own for each
// costs more than all else that we do, so larger ones share slabs, a piece each. A slab
// is collected when all strings in it are dead.
const (
	slabPieces               = 8 // in a slab, at least
	minPieceLog, maxPieceLog = 13, 16
	// minPiece is the size from which on a content is a piece of a slab, maxPiece that up
	// to which it is. A piece is more than half as long as the largest of its slab, and at
	// least half of it is content, so that a string pins no more than 32 times its length;
	// at the default limit it is eight times.
	minPiece, maxPiece = 1 << minPieceLog, 1 << maxPieceLog
)

// slab is memory that pieces are cut from, from its beginning to its end. Whoever has
// taken it from its pool is the only one to cut.
type slab struct {
	free []byte
	size int64
	// users are the exchanges in progress that hold a piece: as long as there are any, all
	// of the slab counts against the budget.
	users atomic.Int32
}

// slabPools are the slabs that are being cut, by the size of their pieces: 64 KB to 512 KB.
var slabPools [maxPieceLog - minPieceLog + 1]sync.Pool

// inSlabs is the part of inFlight that slabs hold. It is no more than half of the budget:
// a slow exchange holds a whole slab, where by itself it holds what it has.
var inSlabs atomic.Int64

// cutSlab returns room for n bytes, or nil if they are none for a slab or the budget has
// no room for one.
func cutSlab(n int, budget int64) ([]byte, *slab) {
	if n < minPiece || n > maxPiece {
		return nil, nil
	}
	class := max(bits.Len(uint(n-1)), minPieceLog) - minPieceLog
	pool := &slabPools[class]
	s, _ := pool.Get().(*slab)
	if s == nil || len(s.free) < n {
		size := slabPieces << (minPieceLog + class)
		s = &slab{free: rawBytes(size)[:size], size: int64(size)}
	}
	defer pool.Put(s)
	if !s.hold(budget) {
		return nil, nil
	}
	piece := s.free[:0:n]
	s.free = s.free[n:]
	return piece, s
}

func (s *slab) hold(budget int64) bool {
	if s.users.Add(1) > 1 {
		return true
	}
	slabs, all := inSlabs.Add(s.size), inFlight.Add(s.size)
	if budget > 0 && (slabs > budget/2 || all > budget) {
		s.drop()
		return false
	}
	return true
}

// drop is called when a piece is no part of an exchange in progress any more.
func (s *slab) drop() {
	if s.users.Add(-1) == 0 {
		inSlabs.Add(-s.size)
		inFlight.Add(-s.size)
	}
}

// rawBytes is make([]byte, 0, n) without the zeros, which would be overwritten unread.
func rawBytes(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)[:0]
}
