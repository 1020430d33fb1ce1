// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// at tries what an @ in the pair at i gives away.
func (f *finder) at(i int) (m span) {
	for p := max(i-1, 0); p < min(i+2, len(f.src)); p++ {
		if f.src[p] != '@' {
			continue
		}
		if f.s.has(detEmail) {
			m = m.or(f.email(p, 1))
		}
		if f.s.has(detUserinfo) {
			m = m.or(f.dsn(p))
		}
	}
	return m
}

// pctAt tries a percent-encoded @ around the pair at i.
func (f *finder) pctAt(i int) span {
	for p := max(i-1, 0); p <= i; p++ {
		if has(f.src, p, "%40") {
			return f.email(p, 3)
		}
	}
	return none
}

// email looks for an address (RFC 5321, RFC 6531) around the @ at p, which is n
// bytes long. Between two @ each byte is read at most twice.
func (f *finder) email(p, n int) span {
	src := f.src
	start := p
	floor := max(f.floor, f.mailSkip)
	f.mailSkip = p + n
	if p > floor && src[p-1] == '"' { // quoted local part
		start = p - 1
		for start > floor && p-start < 66 && src[start-1] != '"' && src[start-1] != '@' && src[start-1] >= ' ' {
			start--
		}
		if start == floor || src[start-1] != '"' {
			return none
		}
		start--
	} else {
		for start > floor && is(src[start-1], chLocal) {
			start--
		}
		for start < p && (src[start] == '.' || src[start] == '\'' || src[start] == '*') {
			start++
		}
	}
	if start == p {
		return none
	}
	d := p + n
	e, dot := d, 0
	if e < len(src) && src[e] == '[' { // address literal
		e++
		for e < len(src) && (is(src[e], chAlnum|chDot) || src[e] == ':') {
			e++
		}
		if e < len(src) && src[e] == ']' && e-d >= 4 {
			return span{start, e + 1, detEmail}
		}
		if e < len(src) || !f.cut {
			return none
		}
	}
	for e < len(src) && (is(src[e], chAlnum|chDash|chDot) || src[e] >= 0x80) {
		if src[e] == '.' {
			dot = e
		}
		e++
	}
	if e == len(src) && f.cut {
		return span{start, e, detEmail}
	}
	for e > d && (src[e-1] == '.' || src[e-1] == '-') {
		e--
		if dot >= e {
			dot = max(bytes.LastIndexByte(src[d:e], '.'), 0)
			if dot > 0 {
				dot += d
			}
		}
	}
	if dot <= d { // no top-level domain
		if e-d == len("localhost") && hasFold(src, d, "localhost") {
			return span{start, e, detEmail}
		}
		return none
	}
	tld := src[dot+1 : e]
	if len(tld) < 2 || isDigit(tld[0]) || !is(tld[0], chAlpha) && tld[0] < 0x80 {
		return none
	}
	return span{start, e, detEmail}
}

// dsn looks for user:password@tcp(...) and user:password@unix(...), the form of
// Go's MySQL driver, around the @ at p.
func (f *finder) dsn(p int) span {
	src := f.src
	if !has(src, p+1, "tcp(") && !has(src, p+1, "unix(") {
		return none
	}
	start, colon := p, false
	for start > f.floor && !is(src[start-1], chAuthEnd) && src[start-1] != '@' {
		start--
		colon = colon || src[start] == ':'
	}
	if !colon || src[start] == ':' && start+1 == p {
		return none
	}
	return span{start, p, detUserinfo}
}

// userinfo looks for the user information of a URL (RFC 3986 section 3.2.1) whose
// slashes are around i. Browsers take backslashes and any number of slashes.
func (f *finder) userinfo(i int) span {
	src := f.src
	// Where do the slashes start?
	p := i
	for p < len(src) && p < i+2 && !slash(src[p]) {
		p++
	}
	if p < f.urlSkip || p >= len(src) || !slash(src[p]) {
		return none
	}
	if p+1 < len(src) && is(src[p+1], chAlnum) && (p == 0 || src[p-1] != ':' && !slash(src[p-1])) {
		return none // a path
	}
	for p > f.floor && slash(src[p-1]) && i-p < 4 {
		p--
	}
	a := p
	for a < len(src) && slash(src[a]) {
		a++
	}
	f.urlSkip = a
	scheme := p > f.floor && src[p-1] == ':' && p > 1 && is(src[p-2], chAlnum)
	if !scheme && (a-p < 2 || p > f.floor && is(src[p-1], chWord|chDot|chDash)) || a-p == 1 && (p < 3 || !is(src[p-3], chAlnum)) {
		return none
	}
	e, at, colon := a, -1, -1
	for e < len(src) && !is(src[e], chAuthEnd) {
		switch src[e] {
		case '@':
			at = e
		case ':':
			if colon < 0 && at < 0 {
				colon = e
			}
		}
		e++
	}
	if at < 0 && colon >= 0 && src[a] != '[' && e < len(src) && src[e] > ' ' && !digitsOnly(src[colon+1:e]) {
		// A password with a slash in it: http://u:p/w@host. The port is no number.
		at = f.lastAtOfToken(e)
	}
	switch {
	case at > a:
		return span{a, at, detUserinfo}
	case e == len(src) && f.cut && at < 0 && e > a && (colon < 0 && scheme || colon >= 0 && !digitsOnly(src[colon+1:])):
		return span{a, e, detUserinfo}
	}
	return none
}

func slash(c byte) bool { return c == '/' || c == '\\' }

func digitsOnly(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// lastAtOfToken returns the last @ before the next blank or quote after p, or -1.
// The result is kept, so that a value full of URLs is read once.
func (f *finder) lastAtOfToken(p int) int {
	if p >= f.tokenEnd {
		e := p
		f.lastAt = -1
		for e < len(f.src) && f.src[e] > ' ' && f.src[e] != '"' && f.src[e] != '<' && f.src[e] != '>' {
			if f.src[e] == '@' {
				f.lastAt = e
			}
			e++
		}
		f.tokenEnd = e
	}
	if f.lastAt > p {
		return f.lastAt
	}
	return -1
}
