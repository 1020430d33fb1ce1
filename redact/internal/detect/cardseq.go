// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math/bits"

// digitSeq is a piece of a sequence of digits.
type digitSeq struct {
	n    int
	open bool                  // the sequence goes on after the piece
	pos  [cardChunk]int32      // where each digit starts
	val  [cardChunk]uint8      // its value
	gap  [cardChunk + 1]uint8  // what stands before it; [n] is what follows
	sums [cardChunk + 1]uint32 // luhnAdd of the first k digits
}

// luhnAdd is what a digit adds to the two Luhn sums, by the parity of its index:
// in the low half digits at even indices count once and the others double, in the
// high half the other way round.
var luhnAdd = func() (t [2][10]uint32) {
	for d := range uint32(10) {
		double := d * 2
		if double > 9 {
			double -= 9
		}
		t[0][d] = d | double<<16
		t[1][d] = double | d<<16
	}
	return t
}()

// findCards reads the sequence at p into the queue.
func (f *finder) findCards(p int) {
	src := f.src
	q := &f.cards
	q.i, q.n = 0, 0
	first := gapShow
	if p > 0 && isDigit(src[p-1]) {
		first = gapNone // goes on inside the run of an earlier piece
	} else if p-1 > 0 && src[p-1] == '.' && isDigit(src[p-2]) {
		first = gapPoint
	}
	if isDigit(src[p]) && (first == gapNone || p+longRun <= len(src) && run(src[:p+longRun], p, chDigit) == p+longRun) {
		f.findInRun(p, first)
		return
	}
	var s digitSeq
	s.gap[0] = first
	at, group := p, 0
	for {
		d, l := uint8(0), 1
		if at < len(src) && isDigit(src[at]) {
			d = src[at] - '0'
		} else if d, l = digitAt(src, at); l == 0 {
			break
		}
		if s.n == cardChunk {
			s.open = true
			break
		}
		k := s.n
		s.val[k] = d
		s.pos[k] = int32(at)
		s.sums[k+1] = s.sums[k] + luhnAdd[k&1][d]
		s.n++
		at += l
		if at+1 < len(src) {
			if c := src[at]; isDigit(c) { // gapNone
				if s.n-group == longRun && at-int(s.pos[group]) == longRun {
					at, s.n = int(s.pos[group]), group // leave it to findInRun
					break
				}
				continue
			} else if (c == ' ' || c == '-' || c == '.') && isDigit(src[at+1]) {
				s.gap[s.n] = gapShow
				if c == '.' {
					s.gap[s.n] = gapPoint
				}
				group = s.n
				at++
				continue
			}
		}
		if at, s.gap[s.n] = gapAt(src, at); s.gap[s.n] != gapNone {
			group = s.n
		}
	}
	limit := s.n - minCard // last start that can be decided here
	if s.open {
		limit = s.n - maxCard - 1
	} else {
		s.gap[s.n] = gapShow
	}
	k, unbroken, runEnd := 0, 0, -1
	for k <= limit && q.n < len(q.spans)-1 {
		if k > runEnd {
			runEnd, unbroken = s.runAt(k)
		}
		prefix := int(s.val[k])*1000 + int(s.val[k+1])*100 + int(s.val[k+2])*10 + int(s.val[k+3])
		if !s.anyLuhn(k, iin[prefix]) {
			k++
			continue
		}
		if n := s.cardAt(k, prefix, unbroken); n > 0 {
			q.spans[q.n] = span{int(s.pos[k]), s.end(src, k+n-1), detCard}
			q.n++
			k += n
			continue
		}
		k++
	}
	switch {
	case s.open || k <= limit:
		q.end = int(s.pos[k])
	case s.n == 0:
		q.end = at
	default:
		q.end = s.end(src, s.n-1)
		if f.cut && at == len(src) {
			f.cutCard(&s)
		} else {
			f.exponentCard(&s)
		}
	}
}

// end is where digit k ends.
func (s *digitSeq) end(src []byte, k int) int {
	p := int(s.pos[k])
	if src[p] < 0x80 {
		return p + 1
	}
	return p + 3
}

// tens tells multiples of ten up to the greatest Luhn sum.
var tens = func() (t [256]bool) {
	for i := 0; i < len(t); i += 10 {
		t[i] = true
	}
	return t
}()

// luhn checks digits [k, k+n): the last one counts once.
func (s *digitSeq) luhn(k, n int) bool {
	return tens[(s.sums[k+n]-s.sums[k])>>((k+n-1)&1*16)&0xFF]
}

// anyLuhn reports whether a check digit fits for one of the lengths: the quick
// test that most starts fail.
func (s *digitSeq) anyLuhn(k int, lens uint8) bool {
	for ; lens != 0; lens &= lens - 1 {
		n := bits.TrailingZeros8(lens) + minCard
		if k+n > s.n {
			return false
		}
		if s.luhn(k, n) {
			return true
		}
	}
	return false
}

// runAt returns the last digit index of the unbroken run that holds k, and the
// run's number of digits.
func (s *digitSeq) runAt(k int) (last, n int) {
	first := k
	for first > 0 && s.gap[first] == gapNone {
		first--
	}
	last = k
	for last+1 < s.n && s.gap[last+1] == gapNone {
		last++
	}
	n = last - first + 1
	if s.gap[first] == gapNone || s.open && last == s.n-1 { // longer than the piece
		n += cardChunk
	}
	return last, n
}

// cardAt returns the number of digits of a card that starts with digit k, whose
// first four are prefix, or 0. unbroken is the number of digits of the run that
// holds k.
func (s *digitSeq) cardAt(k, prefix, unbroken int) int {
	lens := iin[prefix]
	if g := s.gap[k]; g != gapNone {
		if g == gapPoint && unbroken > 7 {
			return 0 // the decimals of a number
		}
		for lens != 0 { // longest first
			n := bits.Len8(lens) - 1 + minCard
			lens &^= 1 << (n - minCard)
			if k+n <= s.n && s.gap[k+n] != gapNone && s.luhn(k, n) && s.grouped(k, n) {
				return n
			}
		}
	}
	if unbroken < 16 {
		return 0
	}
	n := int(slideIIN[prefix])
	if n == 0 || k+n > s.n || unbroken <= n || !s.luhn(k, n) || s.timestamp(k) {
		return 0
	}
	for j := k + 1; j < k+n; j++ {
		if s.gap[j] != gapNone {
			return 0
		}
	}
	return n
}

// timestamp reports whether the run that holds k is a time in nanoseconds or a
// date with digits of the time after it, or an id made from a time: no card is
// looked for inside those.
func (s *digitSeq) timestamp(k int) bool {
	for k > 0 && s.gap[k] == gapNone {
		k--
	}
	if s.gap[k] == gapPoint {
		return true // decimals
	}
	return s.val[k] == 1 || s.val[k] == 2 && s.val[k+1] == 0
}

// grouped reports whether digits [k, k+n) are grouped as people group card
// numbers: in one run, in equal groups with a shorter or one-off last one, or as
// 4-6-5, 4-6-4, 4-4-5, 6-13.
func (s *digitSeq) grouped(k, n int) bool {
	var g [maxCard]uint8
	groups := 1
	for j := k; j < k+n; j++ {
		if j > k && s.gap[j] >= gapShow {
			groups++
		}
		g[groups-1]++
	}
	if groups == 1 {
		return true
	}
	equal := true
	for _, x := range g[1 : groups-1] {
		equal = equal && x == g[0]
	}
	last := g[groups-1]
	switch {
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

// cutCard looks for the head of a card at the end of a sequence that touches the
// end of a cut value.
func (f *finder) cutCard(s *digitSeq) {
	k := max(0, s.n-maxCard+1)
	if q := &f.cards; q.n > 0 { // not inside a whole card
		for k < s.n && int(s.pos[k]) < q.spans[q.n-1].end {
			k++
		}
	}
	for ; k+cutDigits <= s.n; k++ {
		if s.gap[k] == gapNone {
			continue
		}
		if s.gap[k] == gapPoint {
			if _, n := s.runAt(k); n > 7 {
				continue
			}
		}
		prefix := int(s.val[k])*1000 + int(s.val[k+1])*100 + int(s.val[k+2])*10 + int(s.val[k+3])
		if iin[prefix]>>max(s.n-k-minCard, 0) != 0 && s.groupedHead(k) {
			f.cards.spans[f.cards.n] = span{int(s.pos[k]), len(f.src), detCard}
			f.cards.n++
			f.cards.end = len(f.src)
			return
		}
	}
}

// groupedHead reports whether the digits from k could be the head of a grouped
// card.
func (s *digitSeq) groupedHead(k int) bool {
	var g [maxCard]uint8
	groups := 1
	for j := k; j < s.n; j++ {
		if j > k && s.gap[j] >= gapShow {
			groups++
		}
		g[groups-1]++
	}
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
	end := s.end(f.src, s.n-1)
	if f.cards.n > 0 || s.n < minCard || s.n > maxCard || s.gap[1] != gapPoint || end >= len(f.src) || lower(f.src[end]) != 'e' {
		return
	}
	e := end + 1
	if e < len(f.src) && f.src[e] == '+' {
		e++
	}
	x := 0
	b := e
	for e < len(f.src) && isDigit(f.src[e]) && e-b < 3 {
		x = x*10 + int(f.src[e]-'0')
		e++
	}
	for j := 2; j < s.n; j++ {
		if s.gap[j] != gapNone {
			return
		}
	}
	// Trailing zeros of the number may be left out of the mantissa.
	n := x + 1
	if n < s.n || n > maxCard || n < minCard {
		return
	}
	prefix := int(s.val[0])*1000 + int(s.val[1])*100 + int(s.val[2])*10 + int(s.val[3])
	if iin[prefix]>>(n-minCard)&1 != 0 && tens[s.sums[s.n]>>((n-1)&1*16)&0xFF] {
		f.cards.spans[0] = span{int(s.pos[0]), e, detCard}
		f.cards.n = 1
		f.cards.end = e
	}
}
