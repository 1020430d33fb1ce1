// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

const (
	chJWT      = chB64URL | chB64
	minJWTHead = 16 // characters of a header: {"alg":"x"} and more
)

// jwt looks for a compact JWS or JWE (RFC 7515 and 7516 section 3.1) whose header
// starts at p: base64url of an object, then one to four more segments, some of
// which may be empty. One more segment is enough only if it is an object too.
func (f *finder) jwt(p int) span {
	src := f.src
	if p < 0 || p < f.jwtSkip || p+3 > len(src) || !jwtStart(src, p) || !f.jsonHead(p) {
		return none
	}
	set := chJWT
	if p > 0 && src[p-1] == '/' {
		set = chB64URL // in a path, "/" ends the token
	}
	e := run(src, p, set)
	atEnd := e == len(src) && f.cut
	if !atEnd && (e-p < minJWTHead || e == len(src) || src[e] != '.') {
		f.jwtSkip = e
		f.option = f.option || e-p >= minJWTHead // base64 of JSON, which is for others to read
		return none
	}
	dots := 0
	body := e + 1
	for dots < 4 && e < len(src) && src[e] == '.' {
		if dots >= 2 && (e+1 == len(src) || !is(src[e+1], set)) && !(f.cut && e+1 == len(src)) {
			break // the full stop of a sentence
		}
		dots++
		e = run(src, e+1, set)
	}
	if dots >= 2 || f.cut && e == len(src) || dots == 1 && e-body >= 4 && jwtStart(src, body) {
		if p < f.jwtEnd && e <= f.jwtEnd+1 {
			return none // a segment of the token before, and a full stop
		}
		f.jwtSkip, f.jwtEnd = body, e // the next segment may start a token of its own
		return span{p, e, detJWT}
	}
	f.jwtSkip = e
	return none
}

// jwtStart reports whether p is the base64 of `{` and a quote or white space.
func jwtStart(src []byte, p int) bool {
	if p+3 > len(src) || src[p] != 'e' {
		return false
	}
	switch c := src[p+2]; src[p+1] {
	case 'y':
		return c == 'J' || c == 'I' || c == 'A' || c == 'B'
	case 'w':
		return c == 'o' || c == 'p' || c == '0' || c == '1' || c == 'k' || c == 'l'
	}
	return false
}

// jsonHead reports whether the first characters at p decode to printable text.
func (f *finder) jsonHead(p int) bool {
	end := min(p+12, len(f.src))
	acc, bits := uint32(0), 0
	for _, c := range f.src[p:end] {
		v, ok := sextet(c)
		if !ok {
			return c == '=' || c == '.'
		}
		acc = acc<<6 | uint32(v)
		if bits += 6; bits >= 8 {
			bits -= 8
			if b := byte(acc >> bits); b < ' ' && b != '\n' && b != '\r' && b != '\t' || b == 0x7F {
				return false
			}
		}
	}
	return true
}

// sextet decodes a character of base64 or base64url.
func sextet(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
