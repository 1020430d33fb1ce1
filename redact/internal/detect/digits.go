// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// digitAt decodes a digit at p: ASCII, or full-width (U+FF10 to U+FF19). n is its
// length, 0 if there is none.
func digitAt(src []byte, p int) (d uint8, n int) {
	if p >= len(src) {
		return 0, 0
	}
	c := src[p]
	if c-'0' <= 9 {
		return c - '0', 1
	}
	if fullWidth(src, p) {
		return src[p+2] - 0x90, 3
	}
	return 0, 0
}

// fullWidth reports whether a full-width digit starts at p.
func fullWidth(src []byte, p int) bool {
	return p+2 < len(src) && src[p] == 0xEF && src[p+1] == 0xBC && src[p+2]-0x90 <= 9
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// gap kinds between two digits of a sequence.
const (
	gapNone  uint8 = iota
	gapHide        // only invisible characters
	gapShow        // a blank, dash or dot
	gapPoint       // one ASCII dot and nothing else
)

// gapAt reads up to three visible separators and any invisible ones at p.
func gapAt(src []byte, p int) (end int, kind uint8) {
	seen := 0
	for end = p; end < len(src); {
		cl, w := seqClass[src[end]], 1
		if cl == seqWide {
			if cl, w = wideAt(src, end); cl == seqOther && w > 0 {
				end = len(src)
				break
			}
		}
		switch cl {
		case seqSep:
			seen++
			kind = gapShow
		case seqHidden:
			kind = max(kind, gapHide)
		default:
			seen = 4
		}
		if seen > 3 {
			break
		}
		end += w
	}
	if end == p+1 && src[p] == '.' {
		kind = gapPoint
	}
	return end, kind
}

// wideAt reads a digit or a separator beyond ASCII at p: its class and length.
// Without one the length is 0; one that the end of src cuts is seqOther with a
// length.
func wideAt(src []byte, p int) (class uint8, n int) {
	c := src[p]
	if rest := len(src) - p; rest < 3 && (c != 0xC2 || rest < 2) {
		return seqOther, rest
	}
	x := src[p+1]
	if c == 0xC2 {
		switch x {
		case 0xA0, 0xB7: // no-break space, middle dot
			return seqSep, 2
		case 0xAD: // soft hyphen
			return seqHidden, 2
		}
		return seqOther, 0
	}
	y := src[p+2]
	switch uint16(c)<<8 | uint16(x) {
	case 0xEFBC:
		switch {
		case y-0x90 <= 9:
			return y - 0x90, 3
		case y == 0x8D || y == 0x8E: // full-width - .
			return seqSep, 3
		}
	case 0xE280:
		switch {
		case y < 0x80:
		case y <= 0x8A || y >= 0x90 && y <= 0x95 || y == 0xAF: // spaces, dashes, narrow space
			return seqSep, 3
		case y <= 0x8F || y >= 0xAA && y <= 0xAE: // zero-width, bidi
			return seqHidden, 3
		}
	case 0xE281:
		switch {
		case y == 0x9F: // mathematical space
			return seqSep, 3
		case y >= 0xA0: // word joiner ...
			return seqHidden, 3
		}
	case 0xE288:
		if y == 0x92 { // minus
			return seqSep, 3
		}
	case 0xE380:
		if y == 0x80 { // ideographic space
			return seqSep, 3
		}
	case 0xEFBB:
		if y == 0xBF { // zero-width no-break space
			return seqHidden, 3
		}
	}
	return seqOther, 0
}

// digits adds what begins with a digit at the pair at i, cards apart, and returns
// where the scan may go on.
func (f *finder) digits(i int) (next int) {
	p := i
	if !isDigit(f.src[p]) {
		p++
	}
	if p >= len(f.src) {
		return i + 2
	}
	if p >= f.runEnd {
		f.runEnd = run(f.src, p, chDigit)
	}
	if f.s.has(detIBAN) {
		f.add(f.iban(p))
	}
	if f.s.has(detIP) {
		f.add(f.ip4(p))
	}
	if f.s.has(detSSN) {
		switch f.runEnd - p {
		case 3:
			f.add(f.ssn(p))
		case 9:
			f.add(f.bareSSN(p))
		}
	}
	if f.s.has(detPhone) {
		f.add(f.phone(p))
	}
	return f.runEnd
}

// bareSSN takes nine digits behind a word that says what they are.
func (f *finder) bareSSN(p int) span {
	before := bytes.ToLower(f.src[max(0, p-24):p])
	if i := bytes.LastIndexAny(before, ",;\n{}0123456789"); i >= 0 {
		before = before[i+1:]
	}
	if !bytes.Contains(before, []byte("ssn")) && !bytes.Contains(before, []byte("social security")) {
		return none
	}
	return span{p, p + 9, detSSN}
}

// ssn looks for AAA-GG-SSSS at p, under the rules for valid numbers of the Social
// Security Administration: area not 000, 666 or 9xx, group not 00, serial not
// 0000.
func (f *finder) ssn(p int) span {
	src := f.src
	if p > 0 && (is(src[p-1], chAlnum) || p-1 > 0 && is(src[p-1], chDash|chDot) && isDigit(src[p-2])) {
		return none
	}
	num := func(at, n int) (v int) {
		for k := range n {
			if at+k >= len(src) {
				return -2
			}
			if !isDigit(src[at+k]) {
				return -1
			}
			v = v*10 + int(src[at+k]-'0')
		}
		return v
	}
	area := num(p, 3)
	if area <= 0 || area == 666 || area >= 900 {
		return none
	}
	q, kind := gapAt(src, p+3)
	if kind < gapShow || q-p > 3+3 {
		return none
	}
	group := num(q, 2)
	if group <= 0 {
		return none
	}
	r, kind2 := gapAt(src, q+2)
	if kind2 < gapShow {
		if f.cut && r == len(src) {
			return span{p, r, detSSN}
		}
		return none
	}
	serial := num(r, 4)
	switch {
	case serial == -2 && f.cut && run(src, r, chDigit) == len(src):
		return span{p, len(src), detSSN}
	case serial <= 0 || string(src[p+3:q]) != string(src[q+2:r]):
		return none
	}
	e := r + 4
	if e < len(src) && (isDigit(src[e]) || is(src[e], chDash|chDot) && e+1 < len(src) && isDigit(src[e+1])) {
		return none
	}
	return span{p, e, detSSN}
}

// phoneHead reports whether the groups of digits from p on may be those of a number
// without a plus sign: 00 first, or three and three digits, if need be behind a 1.
// It tells most digits apart that are no number.
func (f *finder) phoneHead(p int) bool {
	src, n := f.src, f.runEnd-p
	three := func(q int) bool {
		return q+3 <= len(src) && src[q]-'2' <= 7 && isDigit(src[q+1]) && isDigit(src[q+2]) && (q+3 == len(src) || !isDigit(src[q+3]))
	}
	next := func(q int) int { // over at most two separators
		for k := 0; k < 2 && q < len(src) && !isDigit(src[q]); k++ {
			q++
		}
		return q
	}
	q := p
	switch {
	case src[p] == '0':
		return n > 1 && src[p+1] == '0'
	case n == 1 && src[p] == '1':
		q = next(p + 1)
	case n != 3:
		return false
	}
	return three(q) && three(next(q+3))
}

// phone looks for +CC..., 00CC... and North American numbers at p.
func (f *finder) phone(p int) span {
	src := f.src
	if p < f.phoneSkip {
		return none
	}
	start := p
	intl := false
	for start > 0 && (src[start-1] == '(' || src[start-1] == '+') && p-start < 3 {
		start--
		intl = intl || src[start] == '+'
	}
	if start > 0 && is(src[start-1], chWord|chDash|chDot) {
		return none
	}
	if !intl && !f.phoneHead(p) {
		return none
	}
	// Digits with at most two separators in a row.
	var digits [16]uint8
	n, seps, q, end := 0, 0, p, p
	groups := [8]uint8{}
	g := -1
	inGroup := false
	for q < len(src) {
		c := src[q]
		if isDigit(c) {
			if n == 16 {
				break
			}
			if !inGroup {
				g++
				inGroup = true
			}
			if g < len(groups) {
				groups[g]++
			}
			digits[n] = c - '0'
			n++
			seps = 0
			q++
			end = q
			continue
		}
		if c != ' ' && c != '-' && c != '.' && c != '(' && c != ')' && c != '/' {
			break
		}
		if seps++; seps > 2 {
			break
		}
		inGroup = false
		q++
	}
	atEnd := f.cut && end == len(src)
	if !intl && n > 2 && digits[0] == 0 && digits[1] == 0 && groups[0] != 1 {
		intl = true
	}
	boundary := end == len(src) || !is(src[end], chWord)
	switch {
	case intl && boundary && n >= 8 && n <= 15:
		return span{start, end, detPhone}
	case intl && atEnd && n >= 5:
		return span{start, end, detPhone}
	case intl:
		f.phoneSkip = end
		return none
	}
	k := 0
	if digits[0] == 1 && groups[0] == 1 {
		k = 1
	}
	if boundary && n == 10+k && groups[k] == 3 && groups[k+1] == 3 && groups[k+2] == 4 && digits[k] >= 2 && digits[k+3] >= 2 {
		return span{start, end, detPhone}
	}
	if atEnd && n >= 6+k && n < 10+k && groups[k] == 3 && groups[k+1] == 3 && digits[k] >= 2 && digits[k+3] >= 2 {
		return span{start, end, detPhone}
	}
	return none
}
