// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/binary"
	"math/bits"
)

// cardChunk is the number of digits that are looked at in one go. The last few of
// a longer sequence are read again with the next piece.
const cardChunk = 224

// digitSeq is a piece of a sequence of digits: at most three separators stand
// between two of them.
type digitSeq struct {
	n     int
	open  bool  // the sequence may go on after the piece
	first uint8 // the kind of gap before the piece, as gapAt has them
	endAt int   // where reading ended: behind the digits and what separators follow

	pos [cardChunk]int32      // where each digit starts
	val [cardChunk]uint8      // its value
	gap [cardChunk + 32]uint8 // visible separators before it, and seqHidden for invisible ones

	// Check sums modulo 10 of the first k digits, with the last one counted once or
	// doubled. Digits [k, k+n) pass the Luhn test if once[k+n] equals once[k] for even
	// n and twice[k] for odd n. Bit 7 of once is set where no gap stands before digit k.
	once, twice [cardChunk + 32]uint8
	lens        [cardChunk + 32]uint8 // prefixLens of digits k-2 to k

	cards cardQueue
}

const (
	seqSep    = 0x10
	seqHidden = 0x40
	seqOther  = 0x80
	seqWide   = 0x90 // first byte of a separator or digit beyond ASCII
)

// seqClass is the value of a digit, or one of the above.
var seqClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case isDigit(byte(c)):
			t[c] = byte(c) - '0'
		case c == ' ' || c == '-' || c == '.' || c == '\t' || c == '_' || c == '+':
			t[c] = seqSep
		case c == 0xC2 || c == 0xE2 || c == 0xE3 || c == 0xEF:
			t[c] = seqWide
		default:
			t[c] = seqOther
		}
	}
	return t
}()

// luhnAdd is what a digit adds to the sums: in the low half counted once, in the
// high half doubled.
var luhnAdd = func() (t [16]uint32) {
	for d := range uint32(10) {
		double := d * 2
		if double > 9 {
			double -= 9
		}
		t[d] = d | double<<16
	}
	return t
}()

// prefixLens has, by the first three digits of a number in four bits each, the
// lengths that iin has for any fourth one.
var prefixLens = func() (t [1 << 12]uint8) {
	for p, lens := range iin {
		t[p/1000<<8|p/100%10<<4|p/10%10] |= lens
	}
	return t
}()

// mod10 of every sum of cardChunk digits, with bit 7 set in the second half.
var mod10 = func() (t [1 << 12]uint8) {
	for i := range t {
		t[i] = uint8(i%2048%10 | i>>11<<7)
	}
	return t
}()

// read reads a piece from the digit at p: eight digits at once, else byte by byte
// without a branch on what is a digit and what a separator, which would be
// mispredicted most of the time.
func (s *digitSeq) read(src []byte, p int) {
	n, at, gap := 0, p, uint8(0)
loop:
	for {
		end := min(at+min(8, cardChunk-n), len(src))
		if end-at == 8 {
			if x := binary.LittleEndian.Uint64(src[at:]); eightDigits(x) {
				binary.LittleEndian.PutUint64(s.val[n:n+8], x&(0x0F*ones8))
				binary.LittleEndian.PutUint64(s.gap[n:n+8], uint64(gap))
				for i, pos := 0, s.pos[n:n+8]; i < 8; i++ {
					pos[i] = int32(at + i)
				}
				n, at, gap = n+8, at+8, 0
				continue
			}
		} else if end == at {
			break
		}
		for ; at < end; at++ {
			cl := seqClass[src[at]]
			if cl >= seqOther {
				break
			}
			s.pos[n], s.val[n], s.gap[n] = int32(at), cl, gap
			sep := cl >> 4
			n += int(sep ^ 1)
			if gap = (gap + sep) & -sep; gap > 3 && gap&^seqHidden > 3 {
				break loop
			}
		}
		if at == end {
			continue
		}
		if seqClass[src[at]] == seqOther {
			break
		}
		switch cl, w := wideAt(src, at); {
		case w == 0:
			break loop
		case cl == seqOther:
			at = len(src)
			break loop
		case cl == seqHidden:
			gap |= seqHidden
			at += w
		case cl == seqSep:
			if gap++; gap&^seqHidden > 3 {
				break loop
			}
			at += w
		default:
			s.pos[n], s.val[n], s.gap[n] = int32(at), cl, gap
			n, at, gap = n+1, at+w, 0
		}
	}
	s.n, s.endAt, s.open = n, at, n == cardChunk
	s.first = gapShow
	switch {
	case p == 0:
	case isDigit(src[p-1]), p > 2 && seqClass[src[p-3]] == seqWide && fullWidth(src, p-3):
		s.first = gapNone // goes on inside the run of an earlier piece
	case p > 1 && src[p-1] == '.' && isDigit(src[p-2]):
		s.first = gapPoint
	}
	s.gap[0] = min(s.first, 1)
}

// eightDigits reports whether all bytes of x are ASCII digits.
func eightDigits(x uint64) bool {
	return x&(0xF0*ones8)|(x+0x06*ones8)&(0xF0*ones8)>>4 == 0x33*ones8
}

// sum fills in the check sums and lengths.
func (s *digitSeq) sum() {
	n := s.n
	if n > cardChunk {
		return // cannot be; spares the checks of each index
	}
	val, gap, once, twice, lens := s.val[:n], s.gap[:n], s.once[:n], s.twice[:n], s.lens[:n]
	sum, prefix := uint32(0), uint(0)
	for j := range n {
		none := (uint32(gap[j]) - 1) >> 31 << 11
		once[j], twice[j] = mod10[sum&0x7FF|none], mod10[sum>>16&0x7FF]
		v := val[j] & 15
		sum = bits.RotateLeft32(sum, 16) + luhnAdd[v]
		prefix = prefix<<4&0xFF0 | uint(v)
		lens[j] = prefixLens[prefix]
	}
	s.once[n], s.twice[n] = mod10[sum&0x7FF], mod10[sum>>16&0x7FF]
}

// findCards reads a piece of the sequence at p and puts its cards into the queue.
// It reports whether there are any.
func (f *finder) findCards(s *digitSeq, p int) bool {
	src, q := f.src, &s.cards
	q.i, q.n = 0, 0
	if isDigit(src[p]) && p+longRun <= len(src) && run(src[:p+longRun], p, chDigit) == p+longRun {
		first := gapShow
		if p > 0 && isDigit(src[p-1]) {
			first = gapNone
		} else if p > 1 && src[p-1] == '.' && isDigit(src[p-2]) {
			first = gapPoint
		}
		f.findInRun(s, p, first)
		return q.n > 0
	}
	s.read(src, p)
	q.end = s.endAt
	atEnd := f.cut && s.endAt == len(src)
	if s.n < minCard && !(atEnd && s.n >= cutDigits) {
		return false
	}
	limit := s.n - minCard // last start that can be decided here
	if s.open {
		limit = s.n - maxCard - 1
	}
	next := 0
	if limit >= 0 {
		next = f.match(s, limit)
	}
	switch {
	case s.open || next <= limit:
		q.end = int(s.pos[next])
		if s.gap[next] == 0 && s.decimals(src, next) {
			q.end = run(src, q.end, chDigit)
		}
	default:
		q.end = s.end(src, s.n-1)
		if atEnd {
			f.cutCard(s)
		} else {
			f.exponentCard(s)
		}
	}
	return q.n > 0
}

const (
	ones8 = 0x0101010101010101
	low7  = 0x7F * ones8
	high1 = 0x80 * ones8
)

// nonzero has bit 7 of each byte of x that is not 0.
func nonzero(x uint64) uint64 { return (x&low7 + low7) | x }

// match queues the cards of the piece that start at limit or before. It returns the
// digit behind the last one; that is not above limit only if the queue is full.
func (f *finder) match(s *digitSeq, limit int) (next int) {
	q := &s.cards
	s.sum()
	at := func(b *[cardChunk + 32]uint8, k int) uint64 { return binary.LittleEndian.Uint64(b[k : k+8]) }
	for k := 0; k <= limit; k += 8 {
		e0, e15, e16 := at(&s.once, k), at(&s.once, k+15), at(&s.once, k+16)
		// Bit 7 is in the way of the other end unless both ends have gaps.
		inside := e0 & high1 >> 1
		once, twice := e0&low7|inside, at(&s.twice, k)|inside
		not := ^at(&s.lens, k+2) // bit i of each byte: no card of 13+i digits starts so
		miss := nonzero(twice^at(&s.once, k+13)|not&ones8) & nonzero(once^at(&s.once, k+14)|not>>1&ones8) &
			nonzero(twice^e15|not>>2&ones8) & nonzero(once^e16|not>>3&ones8) & nonzero(twice^at(&s.once, k+17)|not>>4&ones8) &
			nonzero(once^at(&s.once, k+18)|not>>5&ones8) & nonzero(twice^at(&s.once, k+19)|not>>6&ones8)
		// Digits glued to a grouped card: 4-4-4-4 and 4-6-5 between gaps.
		e4 := at(&s.once, k+4)
		sum15, sum16 := (twice^e15)&(0x0F*ones8)|not>>2&ones8, (e0^e16)&(0x0F*ones8)|not>>3&ones8
		miss &= nonzero(sum16|(e4|at(&s.once, k+8)|at(&s.once, k+12))&high1) & nonzero(sum15|(e4|at(&s.once, k+10))&high1)
		if at(&s.gap, k+8)<<8 == 0 { // no gap in the middle of any of the eight
			miss &= nonzero(sum16) & nonzero(sum15)
		}
		for hit := ^miss & high1; hit != 0; hit &= hit - 1 {
			i := k + bits.TrailingZeros64(hit)>>3
			if i < next {
				continue
			}
			if i > limit {
				break
			}
			if n := s.cardAt(f.src, i); n > 0 {
				next = i + n
				if q.add(int(s.pos[i]), s.end(f.src, next-1)) {
					return next
				}
			}
		}
	}
	return max(next, limit+1)
}

// end is where digit k ends.
func (s *digitSeq) end(src []byte, k int) int {
	p := int(s.pos[k])
	if src[p] < 0x80 {
		return p + 1
	}
	return p + 3
}
