// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "math/bits"

// longRun is the number of digits in one run from which on only slideIIN counts.
const longRun = 20

// slidePair has bit 0 set for the first two digits, in the low half of a byte each,
// of cards of 16 digits that are looked for inside runs, and bit 1 for 15 digits.
var slidePair = func() (t [256]uint8) {
	for p, n := range slideIIN {
		if n > 0 {
			t[p/1000|p/100%10<<4] |= 1 << (16 - n)
		}
	}
	return t
}()

// findInRun looks for cards inside the long run of digits at p, which stands
// after a gap of kind before.
func (f *finder) findInRun(s *digitSeq, p int, before uint8) {
	src, q := f.src, &s.cards
	if before == gapPoint || before != gapNone && !isDigit(byteAt(src, p+longRun)) && timestamp(src, p) {
		q.end = run(src, p, chDigit)
		return
	}
	const n = 16
	sum := uint32(0)
	k := 0 // digits in the window
	at := p
	for ; at < len(src) && src[at]-'0' <= 9 && q.n < len(q.spans)-1; at++ {
		add := luhnAdd[src[at]&15]
		sum = bits.RotateLeft32(sum, 16) + add // low half: the last digit counts once
		if k < n {
			if k++; k < n {
				continue
			}
		} else {
			sum -= luhnAdd[src[at-n]&15] // n is even: counted the same way
		}
		start := at - n + 1
		pair := slidePair[src[start]&15|src[start+1]<<4]
		fit := tens[sum&0xFF] | tens[(sum-add)>>16&0xFF]<<1
		if pair&fit == 0 {
			continue
		}
		switch l := int(slideIIN[prefix4(src, start)]); {
		case l == n && fit&1 != 0:
			q.add(start, at+1)
			sum, k = 0, 0
		case l == n-1 && fit&2 != 0:
			q.add(start, at)
			sum, k = add, 1
		}
	}
	q.end = at
	if at < len(src) && isDigit(src[at]) { // the queue is full
		q.end = q.last
	} else if f.cut && at == len(src) {
		f.cutRun(s)
	}
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

// tens is 1 for multiples of ten.
var tens = func() (t [256]uint8) {
	for i := 0; i < len(t); i += 10 {
		t[i] = 1
	}
	return t
}()

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
