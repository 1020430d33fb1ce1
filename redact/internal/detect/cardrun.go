// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math/bits"

// longRun is the number of digits in one run from which on it is no card alone.
const longRun = 20

// findInRun looks for cards in the long run of digits at p, which stands after a
// gap of kind before: one behind zeros, as fields of fixed width have it, or two
// and no other digit. Any window of a long number passes the check digit by chance
// one time in ten, so nothing else is looked for.
func (f *finder) findInRun(s *digitSeq, p int, before uint8) {
	src, q := f.src, &s.cards
	end := run(src, p, chDigit)
	q.end = end
	if before == gapPoint || before == gapNone {
		return
	}
	b := p
	for b < end && src[b] == '0' {
		b++
	}
	switch n := end - b; {
	case b == p && f.cut && end == len(src) && cardRunAt(src[p:p+max(15, int(slideIIN[prefix4(src, p)]))]):
		q.add(p, end) // perhaps two
		return
	case b > p && n >= minCard && n <= maxCard && cardRunAt(src[b:end]):
		q.add(b, end)
	case b == p && n >= 30 && n <= 32:
		first := int(slideIIN[prefix4(src, p)])
		if first > 0 && cardRunAt(src[p:p+first]) && cardRunAt(src[p+first:end]) {
			q.add(p, p+first)
			q.add(p+first, end)
		}
	}
	if f.cut && end == len(src) {
		f.cutRun(s)
	}
}

// cardRunAt reports whether the digits b are a card.
func cardRunAt(b []byte) bool {
	if len(b) < minCard || len(b) > maxCard || bareIIN[prefix4(b, 0)]>>(len(b)-minCard)&1 == 0 {
		return false
	}
	sum := uint32(0)
	for _, c := range b {
		sum = bits.RotateLeft32(sum, 16) + luhnAdd[c&15]
	}
	return sum&0xFFFF%10 == 0
}

// cutRun adds what may be the head of a card behind the last one, if nothing but
// digits follows that in a cut value.
func (f *finder) cutRun(s *digitSeq) bool {
	src, q := f.src, &s.cards
	if q.last == 0 || len(src)-q.last < cutDigits || run(src, q.last, chDigit) < len(src) || iin[prefix4(src, q.last)] == 0 {
		return false
	}
	q.add(q.last, len(src))
	return true
}

// byteAt is src[p], or 0 behind its end.
func byteAt(src []byte, p int) byte {
	if p < len(src) {
		return src[p]
	}
	return 0
}

// prefix4 is the number of the four ASCII digits at p.
func prefix4(src []byte, p int) int {
	return int(src[p]-'0')*1000 + int(src[p+1]-'0')*100 + int(src[p+2]-'0')*10 + int(src[p+3]-'0')
}
