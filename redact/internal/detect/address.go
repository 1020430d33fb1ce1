// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// at adds what an @ in the pair at i, or just before it, gives away.
func (f *finder) at(i int) {
	for p := max(i-1, 0); p < min(i+2, len(f.src)); p++ {
		if f.src[p] != '@' {
			continue
		}
		if f.s.has(detEmail) && p >= f.mailSkip {
			f.add(f.email(p, 1))
		}
		if f.s.has(detUserinfo) {
			f.add(f.dsn(p))
		}
	}
}

// pctAt tries a percent-encoded or full-width @ around the pair at i.
func (f *finder) pctAt(i int) span {
	for p := max(i-1, 0); p <= i; p++ {
		if p >= f.mailSkip && (has(f.src, p, "%40") || has(f.src, p, "＠")) {
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
	if p == f.hostAt {
		return none // the @ of a URL's authority
	}
	// The local part does not reach back over an earlier @.
	floor := f.mailSkip
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
	e := d
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
	// The domain ends with the last label, but not the first, that could be a
	// top-level domain: two characters or more and no digit in front.
	end, label, labels := 0, e, 0
	for ; ; e++ {
		if e < len(src) && (is(src[e], chAlnum|chDash) || src[e] >= 0x80 && (src[e] != 0xEF || !has(src, e, "＠"))) {
			continue
		}
		if labels++; labels > 1 && e-label >= 2 && !isDigit(src[label]) && src[label] != '-' {
			if end = e; src[e-1] == '-' {
				end--
			}
		}
		if e == len(src) || src[e] != '.' {
			break
		}
		label = e + 1
	}
	switch {
	case e == len(src) && f.cut:
		return span{start, e, detEmail}
	case end > 0:
		return span{start, end, detEmail}
	case labels == 1 && e-d == len("localhost") && hasFold(src, d, "localhost"):
		return span{start, e, detEmail}
	}
	return none
}

// dsn looks for user:password@tcp(...) and user:password@unix(...), the form of
// Go's MySQL driver, around the @ at p.
func (f *finder) dsn(p int) span {
	src := f.src
	if !has(src, p+1, "tcp(") && !has(src, p+1, "unix(") {
		return none
	}
	start, colon := p, false
	for start > 0 && !is(src[start-1], chAuthEnd) && src[start-1] != '@' {
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
	for p > 0 && slash(src[p-1]) && i-p < 4 {
		p--
	}
	a := p
	for a < len(src) && slash(src[a]) {
		a++
	}
	f.urlSkip = a
	scheme := p > 0 && src[p-1] == ':' && p > 1 && is(src[p-2], chAlnum)
	if !scheme && (a-p < 2 || p > 0 && is(src[p-1], chWord|chDot|chDash)) || a-p == 1 && (p < 3 || !is(src[p-3], chAlnum) || lower(src[p-2]) != 's' && lower(src[p-2]) != 'p') {
		return none
	}
	if a+1 < len(src) && (is(src[a], chAuthEnd) || src[a] == ':' && is(src[a+1], chAuthEnd)) {
		return none // no authority
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
		if at = f.lastAtOfToken(e); at < 0 && f.cut && f.tokenEnd == len(src) {
			return span{a, len(src), detUserinfo}
		}
	}
	switch {
	case at > a:
		f.hostAt = at
		return span{a, at, detUserinfo}
	case e == len(src) && f.cut && at < 0 && e > a && (scheme || colon >= 0):
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
