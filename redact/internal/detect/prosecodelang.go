// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// How other languages than English tell a one-time code. What joins words there is in
// codeWords; here are the words for "code" itself.

// codeNames are words for "code", their endings with them, the longest first.
var codeNames = [...]string{"kodunuz", "koden", "kodet", "kodas", "kode", "kodu", "kodo", "kodi", "kod", "kód", "codul", "код", "Код"}

// codeNamed looks for the value of a word for "code" that starts at p.
func (f *finder) codeNamed(p int) span {
	if p < f.proseSkip {
		return none
	}
	for _, w := range codeNames {
		if hasFold(f.src, p, w) {
			f.proseSkip = p + len(w)
			return f.codeAt(p, f.proseSkip)
		}
	}
	return none
}

// codeSigns are words for a code that lets in, in scripts without blanks.
var codeSigns = [...]string{"验证码", "校验码", "驗證碼", "認証コード", "認証番号", "인증번호"} //nolint:gosmopolitan // words of the world

// codeSigned looks for the digits behind such a word, of which some part is at p.
func (f *finder) codeSigned(p int) span {
	src := f.src
	for _, w := range codeSigns {
		i := bytes.Index(src[max(0, p-len(w)):min(len(src), p+len(w))], []byte(w))
		if i < 0 {
			continue
		}
		q := max(0, p-len(w)) + i + len(w)
		for end := min(len(src), q+32); q < end && !is(src[q], chAlnum); {
			q++
		}
		e := run(src, q, chDigit)
		if n := e - q; n > 0 && n < 9 && f.cut && e == len(src) {
			return span{q, e, detProse}
		} else if n < 4 || n > 8 || e < len(src) && is(src[e], chAlnum|chDash|chDot) && !(src[e] == '.' && (e+1 == len(src) || src[e+1] <= ' ')) {
			return none
		}
		return span{q, e, detProse}
	}
	return none
}

// labels reports whether src[p:], with a capital, begins the text, a line or an element,
// as "Code: 482113" does in mails where nothing else says what it is a code of. In small
// letters it is the key of a log or of a setting.
func (f *finder) labels(p int) bool {
	if c := f.src[p]; !is(c, chUpper) && (c != 0xD0 || f.src[p+1] > 0xAF) {
		return false
	}
	for p > 0 && (f.src[p-1] == ' ' || f.src[p-1] == '*') {
		p--
	}
	return p == 0 || f.src[p-1] == '\n' || f.src[p-1] == '>'
}

// endsLabel reports whether nothing follows the value of such a label in its line but
// the next sentence.
func (f *finder) endsLabel(e int) bool {
	if e == len(f.src) {
		return true
	}
	switch f.src[e] {
	case '\r', '\n', '<', '*':
		return true
	case '.', ',':
		return e+1 == len(f.src) || !is(f.src[e+1], chDigit)
	}
	return false
}
