// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

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
		if tens[once] && slideIIN[prefix4(src, start)] == n {
			q.spans[q.n] = span{start, at + 1, detCard}
			q.n++
			sum, k = 0, 0
		} else if src[start] == '3' && tens[other-luhnAdd[par][d]>>(16-par*16)&0xFFFF] && slideIIN[prefix4(src, start)] == n-1 {
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
