// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

var bear, arer, basi, cret = le4("bear"), le4("arer"), le4("basi"), le4("cret")

// bearer looks for `Bearer <credential>` (RFC 6750) whose word starts at p; the
// match is the credential. In running text the word is also an ordinary one, so
// there what follows must look like a credential.
func (f *finder) bearer(p int) span {
	if p < 0 || !fold4(f.src, p+2, arer) || !fold4(f.src, p, bear) || !f.wordStart(p) {
		return none
	}
	ts, ok := f.afterScheme(p + len("bearer"))
	if !ok {
		return none
	}
	src := f.src
	if ts < f.bearerSkip {
		return none // inside a credential
	}
	te := run(src, ts, chCred)
	f.bearerSkip = te
	if te == len(src) && f.cut && te > ts {
		return span{ts, te, detBearer}
	}
	for te > ts && (src[te-1] == '.' || src[te-1] == ':' || src[te-1] == '!' || src[te-1] == '*') {
		te--
	}
	n := te - ts
	if n > 0 && src[ts] == '+' && (src[ts-1] == '"' || src[ts-1] == '\'' || src[ts-1] == '`') {
		return none // "Bearer " + token
	}
	if n == 0 || src[ts] == '$' && n > 1 && all(src[ts+1:te], chUpper|chUnderscore) { // $TOKEN
		return none
	}
	if !f.alone(p, te) && !f.afterAuthorization(p) {
		digit, param := false, false
		for i, c := range src[ts:te] {
			digit = digit || isDigit(c)
			param = param || c == '=' && i+1 < n && src[ts+i+1] != '='
		}
		if n < 8 || n < 20 && (!digit || param) {
			return none
		}
	}
	return span{ts, te, detBearer}
}

// basic looks for `Basic <base64>` (RFC 7617); the match is the base64. It must
// decode to text with a colon, unless it stands after "authorization".
func (f *finder) basic(p int) span {
	if p < 0 || !fold4(f.src, p, basi) || !hasFold(f.src, p+4, "c") || !f.wordStart(p) {
		return none
	}
	ts, ok := f.afterScheme(p + len("basic"))
	if !ok {
		return none
	}
	src := f.src
	if ts < f.basicSkip {
		return none
	}
	te := run(src, ts, chAlnum|chB64|chUnderscore|chDash)
	f.basicSkip = te
	n := te - ts
	colon, text := basicPair(src[ts:te])
	switch {
	case n < 4:
		return none
	case colon && text:
	case te == len(src) && f.cut && (text || f.afterAuthorization(p)):
	case n >= 8 && f.afterAuthorization(p):
	default:
		return none
	}
	return span{ts, te, detBasic}
}

// basicPair reports whether b is base64 of something with a colon and nothing but
// text before it.
func basicPair(b []byte) (colon, text bool) {
	acc, bits := uint32(0), 0
	for _, c := range b {
		v, ok := sextet(c)
		if !ok {
			return false, c == '='
		}
		acc = acc<<6 | uint32(v)
		if bits += 6; bits >= 8 {
			bits -= 8
			switch x := byte(acc >> bits); {
			case x == ':':
				return true, true
			case x < ' ' || x == 0x7F:
				return false, false
			}
		}
	}
	return false, true
}

// wordStart reports whether a word may start at p: no letter before it, other
// than that of an escape such as \n.
func (f *finder) wordStart(p int) bool {
	return p == 0 || !is(f.src[p-1], chAlpha|chUnderscore|chDash) || p > 1 && f.src[p-2] == '\\' ||
		p > 2 && f.src[p-3] == '%' && is(f.src[p-1], chHex)
}

// afterScheme skips what separates the name of a scheme from its credential: at
// least one blank, colon, equals sign or plus, raw or percent-encoded, then
// quotes.
func (f *finder) afterScheme(p int) (int, bool) {
	src := f.src
	start := p
loop:
	for p < len(src) {
		switch c := src[p]; {
		case c == ' ':
			p++
		case is(c, chAlnum|chUnderscore|chDash):
			break loop
		case c == '\t' || c == '+' || c == ':' || c == '=':
			p++
		case (c == '\r' || c == '\n') && p+1 < len(src) && (src[p+1] == ' ' || src[p+1] == '\t' || src[p+1] == '\n'):
			p += 2
		case c == 0xC2 && p+1 < len(src) && src[p+1] == 0xA0:
			p += 2
		case has(src, p, "%20") || has(src, p, "%09"):
			p += 3
		default:
			break loop
		}
	}
	if p == start {
		return 0, false
	}
	if p < len(src) && (src[p] == '"' || src[p] == '\'') {
		p++
	}
	return p, p < len(src)
}

// alone reports whether src[p:e] is the whole value but for blanks.
func (f *finder) alone(p, e int) bool {
	for f.textAt < p { // read once
		if f.src[f.textAt] > ' ' {
			return false
		}
		f.textAt++
	}
	for _, c := range f.src[e:] {
		if c > ' ' {
			return false
		}
	}
	return true
}

// afterAuthorization reports whether the word at p follows "authorization" and a
// separator.
func (f *finder) afterAuthorization(p int) bool {
	for k := 0; k < 4 && p > 0; k++ {
		switch f.src[p-1] {
		case ' ', '\t', ':', '=', '"', '\'':
			p--
			continue
		}
		break
	}
	return hasFold(f.src, p-len("authorization"), "authorization")
}

// awsSecret looks for an AWS secret access key after its name, whose "secret"
// starts at p. Forty characters of base64 alone are too common.
func (f *finder) awsSecret(p int) span {
	src := f.src
	if p < 0 || !fold4(src, p+2, cret) || !hasFold(src, p, "se") {
		return none
	}
	q := p + len("secret")
	named := false
	for _, w := range [...]string{"_access_key", "accesskey", "-access-key", " access key"} {
		if hasFold(src, q, w) {
			q += len(w)
			named = true
			break
		}
	}
	if !named {
		if !hasFold(src, p-4, "aws_") && !hasFold(src, p-4, "aws-") && !hasFold(src, p-3, "aws") {
			return none
		}
		for q < len(src) && is(src[q], chAlpha|chUnderscore|chDash) {
			if q++; q-p > 20 {
				return none
			}
		}
	}
	for k := 0; k < 6 && q < len(src); k++ {
		switch src[q] {
		case ' ', '\t', ':', '=', '"', '\'', '>', '\\', ',':
			q++
			continue
		}
		break
	}
	e := q
	for e < len(src) && e-q < 41 && is(src[e], chAlnum|chB64) {
		e++
	}
	if e-q == 40 || e == len(src) && f.cut && e-q >= 8 && e-q < 40 {
		return span{q, e, detAWSSecret}
	}
	return none
}
