// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// ip4 looks for a dotted quad at p. Version numbers look the same: they are told
// apart by what stands around them.
func (f *finder) ip4(p int) span {
	src := f.src
	if p < f.ipSkip {
		return none
	}
	all := run(src, p, chDigit|chDot)
	f.ipSkip = all
	if p > 0 && (is(src[p-1], chWord) || src[p-1] == '.' && p-1 > 0 && is(src[p-2], chAlnum)) {
		return none
	}
	q, dots := p, 0
	for {
		v, b := 0, q
		for q < all && isDigit(src[q]) && q-b < 4 {
			v = v*10 + int(src[q]-'0')
			q++
		}
		if q == b || q-b > 3 || v > 255 {
			if q == b && q == len(src) && f.cut && dots >= 2 {
				break // cut after a dot
			}
			return none
		}
		if dots == 3 || q == all {
			break
		}
		dots++
		q++ // the dot
	}
	switch {
	case q == len(src) && f.cut && dots >= 2:
	case dots < 3:
		return none
	case q < all && (q+1 < all || q+1 < len(src) && is(src[q+1], chAlnum)): // a fifth part, or a name
		return none
	case q < len(src) && is(src[q], chWord):
		return none
	case q+1 < len(src) && (src[q] == '-' || src[q] == '+') && is(src[q+1], chAlpha): // 1.2.3.4-beta
		return none
	}
	if f.versionBefore(p) {
		return none
	}
	return span{p, q, detIP}
}

// versionBefore reports whether what stands before p names a version: the word
// itself, or a product token such as Chrome/.
func (f *finder) versionBefore(p int) bool {
	src := f.src
	if p > 1 && src[p-1] == '/' && is(src[p-2], chAlnum) {
		b := p - 1
		for b > 0 && p-b < 40 && (is(src[b-1], chWord|chDash|chDot)) {
			b--
		}
		return b == 0 || src[b-1] == ' ' || src[b-1] == '(' || src[b-1] == ';' || src[b-1] == '"'
	}
	for k := 0; k < 3 && p > 0; k++ {
		if c := src[p-1]; c == ' ' || c == ':' || c == '=' || c == '"' || c == '.' {
			p--
		}
	}
	for _, w := range [...]string{"version", "ver", "release", "build", "rev", "firmware", "driver"} {
		if hasFold(src, p-len(w), w) {
			return true
		}
	}
	return false
}

// ip6 looks for an IPv6 address around the colon in the pair at i.
func (f *finder) ip6(i int) span {
	src := f.src
	p := i
	if src[p] != ':' {
		p++
	}
	if p >= len(src) || src[p] != ':' || p < f.colonSkip {
		return none
	}
	start := p
	for start > 0 && start > f.colonSkip && (is(src[start-1], chHex) || src[start-1] == ':') {
		start--
	}
	e := p
	for e < len(src) && (is(src[e], chHex|chDot) || src[e] == ':') {
		e++
	}
	f.colonSkip = e
	if start > 0 && is(src[start-1], chWord|chDot) {
		return none
	}
	end := e
	for end > start && (src[end-1] == '.' || src[end-1] == ':' && !(end-start >= 2 && src[end-2] == ':')) {
		end-- // the end of a sentence or a label
	}
	if end < len(src) && is(src[end], chWord) && end == e {
		return none
	}
	if valid6(src[start:end]) {
		if end < len(src) && src[end] == '%' { // zone
			if z := run(src, end+1, chWord|chDot|chDash); z > end+1 {
				end = z
			}
		}
		return span{start, end, detIP}
	}
	if f.cut && e == len(src) && head6(src[start:e]) {
		return span{start, e, detIP}
	}
	return none
}

// valid6 checks the text of an IPv6 address (RFC 4291 section 2.2) that has a
// digit and is not eight pairs of hex digits, as EUI-64 and fingerprints are.
func valid6(b []byte) bool {
	groups, double, digit, pairs := 0, -1, false, true
	i := 0
	if len(b) < 3 {
		return false
	}
	if b[0] == ':' {
		if b[1] != ':' {
			return false
		}
		double, i = 0, 2
	}
	for i < len(b) {
		g := i
		for i < len(b) && is(b[i], chHex) {
			digit = digit || isDigit(b[i])
			i++
		}
		if i < len(b) && b[i] == '.' { // IPv4 tail
			return quad(b[g:]) && (double >= 0 && groups <= 6 || groups == 6)
		}
		n := i - g
		if n == 0 || n > 4 {
			return false
		}
		pairs = pairs && n == 2
		groups++
		if i == len(b) {
			break
		}
		i++ // the colon
		if i < len(b) && b[i] == ':' {
			if double >= 0 {
				return false
			}
			double = groups
			i++
		} else if i == len(b) {
			return false
		}
	}
	if double >= 0 {
		return groups <= 7 && digit
	}
	return groups == 8 && digit && !pairs
}

// head6 reports whether b, cut at its end, could go on to be an IPv6 address:
// three groups with one of more than two digits, or a double colon.
func head6(b []byte) bool {
	groups, n, long, double := 0, 0, false, false
	for k, c := range b {
		switch {
		case c == '.':
			return groups >= 2 && double // the IPv4 tail of a mapped address
		case c == ':':
			if k > 0 && b[k-1] == ':' {
				double = true
			}
			groups++
			n = 0
		default:
			if n++; n > 4 {
				return false
			}
			long = long || n > 2
		}
	}
	return groups >= 2 && groups < 8 && (long || double && len(b) > 3)
}

// quad reports whether b is a dotted quad.
func quad(b []byte) bool {
	parts, v, n := 0, 0, 0
	for _, c := range b {
		switch {
		case isDigit(c):
			v = v*10 + int(c-'0')
			if n++; n > 3 || v > 255 {
				return false
			}
		case c == '.' && n > 0:
			parts, v, n = parts+1, 0, 0
		default:
			return false
		}
	}
	return parts == 3 && n > 0
}
