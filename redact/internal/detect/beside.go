// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// besideKey is how far from a key id its secret is looked for.
const besideKey = 96

// secretBeside finds an AWS secret access key, which has no form of its own, beside
// the key id src[start:end]: 40 characters of base64 with letters of both cases and
// digits.
func (f *finder) secretBeside(start, end int) {
	src := f.src
	from, to := max(start-besideKey, f.besideAt), min(len(src), end+besideKey)
	for i := max(from, 0); i < to; {
		if !is(src[i], chAlnum|chB64) || src[i] == '=' {
			i++
			continue
		}
		e := i
		for e < len(src) && e-i <= 40 && is(src[e], chAlnum|chB64) && src[e] != '=' {
			e++
		}
		if e-i == 40 && mixed(src[i:e]) && (i == 0 || !is(src[i-1], chAlnum|chB64) || src[i-1] == '=') {
			f.emit(span{i, e, detAWSSecret})
		}
		for i = e; i < to && is(src[i], chAlnum|chB64) && src[i] != '='; {
			i++
		}
	}
	f.besideAt = to
}

// discord looks for a token of a Discord bot that starts at p: base64 of its number, a
// dot, six characters of time, a dot, 27 and more. The anchor is how base64 of digits
// begins.
func (f *finder) discord(p int) span {
	src := f.src
	if p < 0 || p+59 > len(src) || src[p] < 'M' || src[p] > 'O' || p > 0 && is(src[p-1], chWord|chDash|chDot) {
		return none
	}
	a := p + 23
	for a < p+29 && src[a] != '.' {
		a++
	}
	if src[a] != '.' || a+8 >= len(src) || !mixed(src[p:a]) {
		return none
	}
	b := a + 7
	if src[b] != '.' {
		b++
	}
	if src[b] != '.' || run(src, p, chB64URL) != a || run(src, a+1, chB64URL) != b {
		return none
	}
	if e := run(src, b+1, chB64URL); e-b > 27 {
		return span{p, e, detVendor}
	}
	return none
}

// asana looks for a personal access token of Asana around the number at p, which
// stands behind a slash: 2/<number>/<number>:<32 hex digits>, or with one number.
func (f *finder) asana(p int) span {
	src := f.src
	e := run(src, p, chDigit)
	if e-p < 10 || e+33 > len(src) && !f.cut || e >= len(src) || src[e] != ':' {
		return none
	}
	end := run(src, e+1, chHex)
	if end-e != 33 && !(f.cut && end == len(src) && end-e > 1) {
		return none
	}
	start := p
	for start > 0 && p-start < 24 && (isDigit(src[start-1]) || src[start-1] == '/') {
		start--
	}
	if start+1 >= p || src[start] > '2' || src[start+1] != '/' {
		return none
	}
	return span{start, end, detVendor}
}
