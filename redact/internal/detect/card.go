// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math/bits"

// iin maps the first four digits of a card number to the lengths that its issuer
// uses, as bits (length 13 = bit 0). slideIIN has the one length that is looked
// for inside a longer run of digits, where chance hits are frequent.
var iin, slideIIN = func() (t [10000]uint8, slide [10000]uint8) {
	set := func(from, to int, lens ...int) {
		for p := from; p <= to; p++ {
			for _, l := range lens {
				t[p] |= 1 << (l - 13)
			}
		}
	}
	set(4000, 4999, 13, 16, 19)                 // Visa
	set(5100, 5599, 16)                         // Mastercard
	set(2221, 2720, 16)                         // Mastercard
	set(2200, 2204, 16, 17, 18, 19)             // Mir
	set(3400, 3499, 15)                         // American Express
	set(3700, 3799, 15)                         // American Express
	set(3000, 3059, 14, 16)                     // Diners Club
	set(3095, 3095, 14, 16)                     // Diners Club
	set(3600, 3699, 14, 16, 19)                 // Diners Club
	set(3800, 3999, 14, 16, 19)                 // Diners Club
	set(3528, 3589, 16, 17, 18, 19)             // JCB
	set(6011, 6011, 16, 19)                     // Discover
	set(6440, 6599, 16, 19)                     // Discover
	set(6200, 6299, 16, 17, 18, 19)             // UnionPay
	set(8100, 8171, 16, 17, 18, 19)             // UnionPay
	set(5000, 5099, 13, 14, 15, 16, 17, 18, 19) // Maestro, Verve, RuPay
	set(5600, 5899, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6304, 6304, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6700, 6799, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6360, 6399, 16, 17, 18, 19)             // InterPayment, InstaPayment
	set(6054, 6062, 16, 19)                     // NPS, RuPay, Hipercard
	set(6000, 6010, 16)                         // RuPay and others
	set(6521, 6522, 16)                         // RuPay
	set(8200, 8299, 16)                         // RuPay
	set(8600, 8600, 16)                         // Uzcard
	set(9792, 9792, 16)                         // Troy
	set(9860, 9860, 16)                         // Humo
	for p := range slide {
		switch {
		case p/1000 == 4, p >= 5100 && p <= 5599, p >= 2221 && p <= 2720, p >= 3528 && p <= 3589, p == 6011, p >= 6440 && p <= 6599,
			p >= 6200 && p <= 6299:
			slide[p] = 16
		case p/100 == 34, p/100 == 37:
			slide[p] = 15
		}
	}
	return t, slide
}()

const (
	minCard   = 13
	maxCard   = 19
	cardChunk = 128 // digits that are looked at in one go
	cutDigits = 7   // of a cut card: one more than the issuer prefix that may be shown
)

// cardQueue holds the cards of the digit sequence that was read last, which ends
// (or was read) up to end.
type cardQueue struct {
	spans [8]span
	n, i  int
	end   int
}

// nextCard returns the first card that starts at from or later; none has
// start = len(src) and end = 0.
//
// A card has at least 13 bytes, all of them digits or separators. So one byte in
// 13 is looked at; unless it is one of those, no card covers it.
func (f *finder) nextCard(from int) span {
	src, q := f.src, &f.cards
	for {
		for ; q.i < q.n; q.i++ {
			if c := q.spans[q.i]; c.start >= from {
				q.i++
				return c
			}
		}
		p := max(from, q.end)
		for p+minCard <= len(src) {
			at := p + minCard - 1
			if !cardBytes[src[at]] {
				p = at + 1
				continue
			}
			l := at
			for l > p && cardBytes[src[l-1]] {
				l--
			}
			// All from l to at is in the class; go on to 13 bytes.
			r := at + 1
			for r < len(src) && r < l+minCard && cardBytes[src[r]] {
				r++
			}
			if r < l+minCard {
				if p = r; r == len(src) {
					p = l // perhaps a cut card
					break
				}
				continue
			}
			p = f.digitFrom(l)
			if p == len(src) || p >= r { // nothing but separators or letters beyond ASCII
				continue
			}
			n, end := f.countDigits(p)
			if n >= minCard || f.cut && n >= cutDigits && end == len(src) {
				break
			}
			p = end
		}
		if p+minCard > len(src) {
			if !f.cut || q.end == len(src) {
				q.end = len(src)
				return span{start: len(src)}
			}
			p = f.tailDigits(p)
			if p < 0 {
				q.end = len(src)
				return span{start: len(src)}
			}
		}
		f.findCards(p)
	}
}

// cardBytes are the bytes that a card can have: digits, separators, and those of
// separators and digits beyond ASCII.
var cardBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x80 || isDigit(byte(c)) || c == ' ' || c == '-' || c == '.' || c == '\t' || c == '_'
	}
	return t
}()

// digitFrom returns the position of the first digit at p or later among bytes
// that a card can have, or where those end.
func (f *finder) digitFrom(p int) int {
	for ; p < len(f.src) && cardBytes[f.src[p]]; p++ {
		if isDigit(f.src[p]) {
			return p
		}
		if f.src[p] == 0xEF {
			if _, n := digitAt(f.src, p); n > 0 {
				return p
			}
		}
	}
	return p
}

// countDigits counts the digits of the sequence at p up to 13 and returns where
// they, or if there are fewer and the value is cut also the separators after
// them, end.
func (f *finder) countDigits(p int) (n, end int) {
	src := f.src
	for end = p; n < minCard; {
		for n < minCard {
			_, l := digitAt(src, end)
			if l == 0 {
				break
			}
			end += l
			n++
		}
		at, _ := gapAt(src, end)
		if _, l := digitAt(src, at); l == 0 {
			if at == len(src) {
				end = at
			}
			break
		}
		end = at
	}
	return n, end
}

// tailDigits returns the start of the digit sequence that touches the end of a
// cut value and does not start before from, or -1.
func (f *finder) tailDigits(from int) int {
	src := f.src
	l := len(src)
	for l > from && cardBytes[src[l-1]] {
		l--
	}
	for p := f.digitFrom(l); p < len(src); p = f.digitFrom(p) {
		n, end := f.countDigits(p)
		if end == len(src) {
			if n >= cutDigits {
				return p
			}
			return -1
		}
		p = end
	}
	return -1
}

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
		n := 0
		if iin[prefix] != 0 {
			n = s.cardAt(k, prefix, unbroken)
		}
		if n > 0 {
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

// longRun is the number of digits in one run from which on only slideIIN counts.
const longRun = 20

// findInRun looks for cards inside the long run of digits at p, which stands
// after a gap of kind before.
func (f *finder) findInRun(p int, before uint8) {
	src, q := f.src, &f.cards
	if before == gapPoint || before != gapNone && isTimestamp(src, p) {
		q.end = run(src, p, chDigit)
		return
	}
	const n = 16
	var sum uint32
	k := 0 // digits in the window
	at := p
	for ; at < len(src) && src[at]-'0' <= 9 && q.n < len(q.spans)-1; at++ {
		d := src[at] - '0'
		par := at & 1
		sum += luhnAdd[par][d]
		if k < n {
			if k++; k < n {
				continue
			}
		} else {
			sum -= luhnAdd[par][src[at-n]-'0'] // n is even: same parity
		}
		once, other := sum>>(par*16)&0xFFFF, sum>>(16-par*16)&0xFFFF
		start := at - n + 1
		if once%10 == 0 && slideIIN[prefix4(src, start)] == n {
			q.spans[q.n] = span{start, at + 1, detCard}
			q.n++
			sum, k = 0, 0
		} else if src[start] == '3' && (other-(luhnAdd[par][d]>>(16-par*16)&0xFFFF))%10 == 0 && slideIIN[prefix4(src, start)] == n-1 {
			q.spans[q.n] = span{start, at, detCard}
			q.n++
			sum, k = luhnAdd[par][d], 1
		}
	}
	q.end = at
	if q.n == 0 {
		return
	}
	if last := q.spans[q.n-1].end; at < len(src) && isDigit(src[at]) { // the queue is full
		q.end = last
	} else if f.cut && at == len(src) && at-last >= cutDigits && iin[prefix4(src, last)] != 0 {
		q.spans[q.n] = span{last, at, detCard}
		q.n++
	}
}

// prefix4 is the number of the four ASCII digits at p.
func prefix4(src []byte, p int) int {
	return int(src[p]-'0')*1000 + int(src[p+1]-'0')*100 + int(src[p+2]-'0')*10 + int(src[p+3]-'0')
}

// isTimestamp reports whether the long run at p is a date and time with digits of
// the second after it.
func isTimestamp(src []byte, p int) bool {
	return (p+longRun == len(src) || !isDigit(src[p+longRun])) && (src[p] == '1' || src[p] == '2' && src[p+1] == '0')
}

// luhn checks digits [k, k+n).
func (s *digitSeq) luhn(k, n int) bool {
	return (s.sums[k+n]-s.sums[k])>>((k+n-1)&1*16)&0xFFFF%10 == 0 // the last digit counts once
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
	if iin[prefix]>>(n-minCard)&1 != 0 && s.sums[s.n]>>((n-1)&1*16)&0xFFFF%10 == 0 {
		f.cards.spans[0] = span{int(s.pos[0]), e, detCard}
		f.cards.n = 1
		f.cards.end = e
	}
}
