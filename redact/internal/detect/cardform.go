// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// luhn checks digits [k, k+n): the last one counts once.
func (s *digitSeq) luhn(k, n int) bool {
	start := s.once[k]
	if n&1 != 0 {
		start = s.twice[k]
	}
	return (start^s.once[k+n])&0x0F == 0
}

// fits returns the lengths, as bits like those of iin, at which a gap follows and the
// Luhn test passes. Those beyond the last digit mean nothing.
func (s *digitSeq) fits(k int) uint8 {
	const other = 0x00FF00FF00FF00FF // the odd lengths
	once, twice := uint64(s.once[k]&0x0F)*ones8, uint64(s.twice[k]&0x0F)*ones8
	x := binary.LittleEndian.Uint64(s.once[k+minCard:k+minCard+8]) ^ (twice&other | once&^uint64(other))
	zero := ^nonzero(x) & high1 >> 7
	return uint8(zero * 0x0102040810204080 >> 56)
}

// point reports whether one dot, and a digit, stands before digit k.
func (s *digitSeq) point(src []byte, k int) bool {
	if k == 0 {
		return s.first == gapPoint
	}
	return s.gap[k] == 1 && src[s.pos[k]-1] == '.'
}

func (s *digitSeq) prefix(k int) int {
	return int(s.val[k])*1000 + int(s.val[k+1])*100 + int(s.val[k+2])*10 + int(s.val[k+3])
}

// runAt returns where the unbroken run that holds digit k starts, and its number of
// digits, also those before and after the piece. More than longRun are as good as
// any.
func (s *digitSeq) runAt(src []byte, k int) (start, n int) {
	first, last := k, k
	for first > 0 && s.gap[first] == 0 && k-first <= longRun {
		first--
	}
	for last+1 < s.n && s.gap[last+1] == 0 && last-k <= longRun {
		last++
	}
	start, end := int(s.pos[first]), s.end(src, last)
	n = last - first + 1
	for n <= longRun && start > 0 && isDigit(src[start-1]) {
		start--
		n++
	}
	for n <= longRun && end < len(src) && isDigit(src[end]) {
		end++
		n++
	}
	if n <= longRun && first == 0 && s.first == gapNone && src[start] >= 0x80 {
		n = longRun + 1 // full-width digits before the piece
	}
	return start, n
}

// cardAt returns the number of digits of a card that starts with digit k, or 0.
func (s *digitSeq) cardAt(src []byte, k int) int {
	prefix := s.prefix(k)
	lens := iin[prefix]
	if lens == 0 {
		return 0
	}
	if s.gap[k] != 0 {
		for lens &= s.fits(k); lens != 0; { // longest first
			n := bits.Len8(lens) - 1 + minCard
			lens &^= 1 << (n - minCard)
			if k+n <= s.n && s.grouped(k, n) {
				if bareIIN[prefix]>>(n-minCard)&1 == 0 && s.oneRun(k, n) && !namesCard(src, int(s.pos[k])) {
					continue
				}
				if s.point(src, k) {
					if _, n := s.runAt(src, k); n > 7 {
						return 0 // the decimals of a number
					}
				}
				return n
			}
		}
	}
	n := int(slideIIN[prefix])
	if n == 0 || k+n > s.n || !s.luhn(k, n) {
		return 0
	}
	if s.fours(src, k, k+n) {
		return n
	}
	if !s.oneRun(k, n) {
		return 0
	}
	// Zeros in front of it, to the end of the run: a field of fixed width.
	if k+n < s.n && s.gap[k+n] == 0 || k+n == s.n && isDigit(byteAt(src, s.end(src, s.n-1))) || s.decimals(src, k) {
		return 0
	}
	for j := k; j > 0 && s.gap[j] == 0; j-- {
		if s.val[j-1] != 0 {
			return 0
		}
	}
	return n
}

// decimals reports whether digit k stands behind the point of a number.
func (s *digitSeq) decimals(src []byte, k int) bool {
	for k > 0 && s.gap[k] == 0 {
		k--
	}
	return s.point(src, k)
}

// fours reports whether digits [k, e) are grouped as printed on a card, 4-4-4-4 or
// 4-6-5 with one separator, or are the head of it.
func (s *digitSeq) fours(src []byte, k, e int) bool {
	groups := uint32(1<<4 | 1<<8 | 1<<12)
	if c := s.val[k]; c == 3 && s.val[k+1] != 5 {
		groups = 1<<4 | 1<<10
	}
	var sep []byte
	for j := k + 1; j < e; j++ {
		if groups>>(j-k)&1 == 0 {
			if s.gap[j]&^seqHidden != 0 {
				return false
			}
			continue
		}
		g := src[s.end(src, j-1):s.pos[j]]
		if s.gap[j]&^seqHidden == 0 || sep != nil && !bytes.Equal(sep, g) {
			return false
		}
		sep = g
	}
	return true
}

// grouped reports whether digits [k, k+n) are grouped as people group card
// numbers: in one run, in equal groups with a shorter or one-off last one, or as
// 4-6-5, 4-6-4, 4-4-5, 6-13.
func (s *digitSeq) grouped(k, n int) bool {
	if s.oneRun(k, n) {
		return true
	}
	var g [maxCard]uint8
	groups := s.groups(&g, k, k+n)
	if groups == 1 { // with invisible separators
		return true
	}
	equal := true
	for _, x := range g[1 : groups-1] {
		equal = equal && x == g[0]
	}
	last := g[groups-1]
	switch {
	case equal && g[0] >= 7: // orders, 7-7
		return false
	case equal && last <= g[0]:
		return true
	case equal && groups == 3 && g[0] == 4 && last == 5:
		return true
	case groups == 3 && g[0] == 4 && g[1] == 6 && (last == 5 || last == 4):
		return true
	case groups == 2 && g[0] == 6 && last > 6:
		return true
	}
	return false
}

// oneRun reports whether no gap stands between digits [k, k+n), of which there are
// as many as a card has.
func (s *digitSeq) oneRun(k, n int) bool {
	at := func(k int) uint64 { return binary.LittleEndian.Uint64(s.gap[k : k+8]) }
	return at(k+1) == 0 && at(k+n-8) == 0 && (n <= 17 || at(k+6) == 0)
}

// groups counts the digits of each group of [k, e) between visible gaps.
func (s *digitSeq) groups(g *[maxCard]uint8, k, e int) int {
	n := 0
	g[0] = 1
	for j := k + 1; j < e; j++ {
		if s.gap[j]&^seqHidden != 0 {
			n++
		}
		g[n]++
	}
	return n + 1
}

// cutCard looks for the head of a card at the end of a sequence that touches the
// end of a cut value.
func (f *finder) cutCard(s *digitSeq) {
	if f.cutRun(s) {
		return
	}
	q := &s.cards
	k := max(0, s.n-maxCard+1)
	for k < s.n && int(s.pos[k]) < q.last { // not inside a whole card
		k++
	}
	if n := s.n - k; q.n > 0 && n <= maxCard-16 && s.unbroken(k) {
		q.spans[q.n-1].end = len(f.src) // perhaps a longer card
		return
	}
	for ; k+cutDigits <= s.n; k++ {
		prefix, n := s.prefix(k), s.n-k
		switch {
		case s.gap[k] == 0:
			if n <= 8 || int(slideIIN[prefix]) <= n || !s.fours(f.src, k, s.n) {
				continue
			}
		case iin[prefix]>>max(n-minCard, 0) == 0 || !s.groupedHead(k):
			continue
		case s.point(f.src, k):
			if _, n := s.runAt(f.src, k); n > 7 {
				continue
			}
		}
		q.add(int(s.pos[k]), len(f.src))
		q.end = len(f.src)
		return
	}
}

// unbroken reports whether no gap stands before digit k or one after it.
func (s *digitSeq) unbroken(k int) bool {
	return bytes.Count(s.gap[k:s.n], []byte{0}) == s.n-k
}

// groupedHead reports whether the digits from k could be the head of a grouped
// card.
func (s *digitSeq) groupedHead(k int) bool {
	var g [maxCard]uint8
	groups := s.groups(&g, k, s.n)
	if groups <= 1 {
		return true
	}
	if g[0] == 4 && g[1] <= 6 || g[0] == 6 {
		return true
	}
	for _, x := range g[1 : groups-1] {
		if x != g[0] {
			return false
		}
	}
	return g[groups-1] <= g[0]
}

// exponentCard looks for a card that was written as a number with an exponent:
// 4.111111111111111e15.
func (f *finder) exponentCard(s *digitSeq) {
	src, q := f.src, &s.cards
	end := s.end(src, s.n-1)
	if end >= len(src) || lower(src[end]) != 'e' || s.n < minCard {
		return
	}
	k := s.n - 1
	for k > 0 && s.gap[k] == 0 {
		k--
	}
	k-- // the digit before the point
	m := s.n - k
	if k < 0 || m < minCard || m > maxCard || s.gap[k] == 0 || !s.point(src, k+1) || int(s.pos[k]) < q.last {
		return
	}
	e := end + 1
	if e < len(src) && src[e] == '+' {
		e++
	}
	x := 0
	for b := e; e < len(src) && isDigit(src[e]) && e-b < 3; e++ {
		x = x*10 + int(src[e]-'0')
	}
	// Trailing zeros of the number may be left out of the mantissa.
	n := x + 1
	if n < m || n > maxCard || iin[s.prefix(k)]>>(n-minCard)&1 == 0 {
		return
	}
	before, sum := s.once[k], s.once[s.n]
	if n&1 != 0 {
		before = s.twice[k]
	}
	if (n-m)&1 != 0 {
		sum = s.twice[s.n]
	}
	if (before^sum)&0x0F == 0 {
		q.add(int(s.pos[k]), e)
		q.end = e
	}
}
