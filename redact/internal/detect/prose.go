// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// proseAnchors are three letters of each word that prose knows a secret by, those that
// text has least.
var proseAnchors = [...]string{"ssw", "oke", "ecr", "cvv", "key", "ode", "nnw", "pin", "otp", "sse", "enh", "pwd", "htw", "odi", "rif", "ign", "kod"}

// proseName is a word for a secret.
type proseName struct {
	word   string
	anchor int // where its anchor is
	digits int // how many digits alone are a value
}

var (
	prosePassword = proseName{"password", 2, 6}
	prosePasswort = proseName{"passwort", 2, 6}
	proseToken    = proseName{"token", 1, 99}
	proseSecret   = proseName{"secret", 1, 99}
	proseKey      = proseName{"key", 0, 99}
	proseCVV      = proseName{"cvv", 0, 3}
	prosePIN      = proseName{"pin", 0, 4}
	proseOTP      = proseName{"otp", 0, 4}
	proseKennwort = proseName{"kennwort", 2, 6}
	prosePwd      = proseName{"pwd", 0, 6}
	proseWacht    = proseName{"wachtwoord", 3, 6}
	proseTAN      = proseName{"tan", 0, 4}
	prosePasse    = proseName{"mot de passe", 9, 6}
	proseSenha    = proseName{"senha", 1, 6}
	proseContra   = proseName{"contraseña", 8, 6}
)

// password reports whether n is a word for a password.
func (n *proseName) password() bool { return n.digits == 6 }

// prose looks for what a sentence tells about a secret whose name has its anchor at the
// pair at i, or one byte before it: "my password is hunter2", "set the password to
// S", "use password S-1".
func (f *finder) prose(i int) span {
	src := f.src
	for p := max(i-1, 0); p <= i && p+2 < len(src); p++ {
		b := src[p+1]
		switch src[p] {
		case 's', 'S':
			switch {
			case b|0x20 != 's':
			case src[p+2]|0x20 == 'w':
				if m := f.named(p, &prosePassword); m.end > 0 {
					return m
				}
				return f.named(p, &prosePasswort)
			case src[p+2]|0x20 == 'e':
				return f.named(p, &prosePasse)
			}
		case 'o', 'O':
			switch {
			case b|0x20 == 'k' && src[p+2]|0x20 == 'e':
				return f.named(p, &proseToken)
			case b|0x20 == 't' && src[p+2]|0x20 == 'p':
				return f.named(p, &proseOTP)
			case b|0x20 == 'd' && p > 0 && src[p-1]|0x20 == 'k':
				return f.codeNamed(p - 1)
			case b|0x20 == 'd' && src[p+2]|0x20 == 'e' && p > 0:
				return f.code(p - 1)
			case b|0x20 == 'd' && hasFold(src, p-1, "codice"):
				return f.codeAt(p-1, p+len("odice"))
			}
		case 'h', 'H':
			if b|0x20 == 't' && src[p+2]|0x20 == 'w' {
				return f.named(p, &proseWacht)
			}
		case 'r', 'R':
			if b|0x20 == 'i' && src[p+2]|0x20 == 'f' && p > 2 {
				return f.purpose(p-2, "verify ")
			}
		case 'i', 'I':
			if b|0x20 == 'g' && src[p+2]|0x20 == 'n' && p > 1 {
				return f.purpose(p-1, "sign in")
			}
		case 'T':
			if b == 'A' && src[p+2] == 'N' {
				return f.named(p, &proseTAN)
			}
		case 'n', 'N':
			if b|0x20 == 'n' && src[p+2]|0x20 == 'w' {
				return f.named(p, &proseKennwort)
			}
		case 0xC3:
			switch {
			case b == 0xB1:
				return f.named(p, &proseContra)
			case b == 0xB3 && p > 0 && hasFold(src, p-1, "códig") && hasFold(src, p+5, "o"):
				return f.codeAt(p-1, p+len("ódigo"))
			case b == 0xB3 && p > 0 && hasFold(src, p-1, "kód"):
				return f.codeNamed(p - 1)
			}
		case 0xBA, 0x9A:
			if b == 0xD0 && src[p+2] == 0xBE && p > 0 && src[p-1] == 0xD0 {
				return f.codeNamed(p - 1)
			}
		case 0x81, 0x89, 0x8C, 0x8D, 0x9D:
			if b >= 0xE7 {
				return f.codeSigned(p)
			}
		case 'e', 'E':
			switch {
			case b|0x20 == 'c' && src[p+2]|0x20 == 'r':
				return f.named(p, &proseSecret)
			case b|0x20 == 'n' && src[p+2]|0x20 == 'h':
				return f.named(p, &proseSenha)
			}
		case 'k', 'K':
			switch {
			case b|0x20 == 'e' && src[p+2]|0x20 == 'y' && byteAt(src, p+3) == ' ' && f.keyOf(p):
				return f.named(p, &proseKey)
			case b|0x20 == 'o' && src[p+2]|0x20 == 'd':
				return f.codeNamed(p)
			}
		case 'c', 'C':
			if b|0x20 == 'v' && src[p+2]|0x20 == 'v' {
				return f.named(p, &proseCVV)
			}
		case 'p', 'P':
			switch {
			case b|0x20 == 'i' && src[p+2]|0x20 == 'n':
				return f.named(p, &prosePIN)
			case b|0x20 == 'w' && src[p+2]|0x20 == 'd':
				return f.named(p, &prosePwd)
			}
		}
	}
	return none
}

// named looks for the value of the word n whose anchor is at p.
func (f *finder) named(p int, n *proseName) span {
	start := p - n.anchor
	after := n.digits == 4 || n.password() // 482113 is your one-time password
	if end := start + len(n.word); !after && (end+2 > len(f.src) || f.src[end] != ' ') {
		return none // as in told
	}
	if start < 0 || start < f.proseSkip || !hasFold(f.src, start, n.word) || start > 0 && is(f.src[start-1], chWord|chDash) {
		return none
	}
	f.proseSkip = start + len(n.word)
	m := f.told(f.proseSkip, n)
	if m.end == 0 && after && start > 12 {
		_, m = f.before(start, codeStrong)
	}
	return m
}

// keyOf reports whether a word before the one at p says that a key is a secret.
func (f *finder) keyOf(p int) bool {
	for _, w := range [...]string{"api ", "api-", "access ", "secret ", "private ", "license "} {
		if hasFold(f.src, p-len(w), w) {
			return true
		}
	}
	return has(f.src, p+3, " 7 ")
}

// told reads on behind the name of a secret.
func (f *finder) told(p int, n *proseName) span {
	src := f.src
	if hasFold(src, p, " key") && n.word == "secret" {
		p += len(" key")
	}
	if n.digits == 4 && hasFold(src, p, " code") { // PIN code
		p += len(" code")
	}
	if p+2 > len(src) || src[p] != ' ' {
		return none
	}
	if m := f.router(p+1, n); m.end > 0 {
		return m
	}
	q, link := f.link(p)
	if q == 0 {
		return none
	}
	name := p - len(n.word)
	link = link || n.password() && f.account(name) || n.word == "secret" && hasFold(src, name-len("enable "), "enable ")
	start, e, quoted := f.word(q)
	if (e == len(src) || quoted && e+1 == len(src)) && f.cut && e > start && (link || n.digits == 6) {
		return span{start, e, detProse}
	}
	v := src[start:e]
	if !quoted && bytes.IndexByte(v, '(') >= 0 || len(v) < 4 && n.digits > 3 || len(v) > 128 || shape.Time(v) || bytes.HasPrefix(v, []byte("://")) {
		return none
	}
	digits := 0
	for _, c := range v {
		if isDigit(c) {
			digits++
		}
	}
	switch {
	case digits == len(v):
		if len(v) < n.digits || !link && n.digits > 4 || f.unit(e) {
			return none
		}
	case !link:
		if n.password() && (!shape.Mixed(v) || !shape.Secretive(v)) || !n.password() && !f.keyLike(name, n, v, digits) {
			return none
		}
	case quoted && digits == 0:
		if !(n.password() && f.word1(v)) && bytes.Count(v, []byte{' '}) < 2 || shape.Message(v) {
			return none
		}
	case digits == 0:
		if !symbols(v) && !(n.password() && f.letters(name, start, e)) {
			return none
		}
	case len(v) < 5 || n.digits < 6 || !shape.Secretive(v):
		return none
	}
	return span{start, e, detProse}
}

// keyLike reports whether v, which stands right behind the word for a token or a key, is
// one by its form alone: "token S expired", "API key S not found".
func (f *finder) keyLike(name int, n *proseName, v []byte, digits int) bool {
	return (n.word == "token" || n.word == "key") && len(v) >= 12 && digits >= 3 && shape.Random(v) && shape.Secretive(v) && !shape.UUID(v) && !shape.Ordinary(v) &&
		bytes.IndexByte(v, '=') < 0 && !hasFold(f.src, name-len("unexpected "), "unexpected ")
}

// link passes over what joins a name and its value at p, which is a blank; link is false
// if there is nothing. 0 is returned if no value follows.
func (f *finder) link(p int) (q int, link bool) {
	src := f.src
	p++
	if p < len(src) && (src[p] == '-' || src[p] == '=') { // Password - S, password -> S
		for _, w := range [...]string{"- ", "-> ", "=> "} {
			if hasFold(src, p, w) {
				return p + len(w), false
			}
		}
	}
	for _, w := range [...]string{"is ", "was ", "is: ", "to ", "ist ", "lautet ", "= ", "est ", "es ", "è ", "é ", "war ", "lautet: ", "ist: ", "est: ", "es: ",
		"set to ", "reset to ", "changed to ", "updated to ", "has been set to ", "has been changed to ", "has been reset to ", "was changed to ", "will be "} {
		if !hasFold(src, p, w) {
			continue
		}
		p += len(w)
		for _, more := range [...]string{"now ", "set to ", "still ", "just ", ": ", "temporarily "} {
			if hasFold(src, p, more) {
				p += len(more)
			}
		}
		return p, true
	}
	if q := f.qualified(p); q > 0 {
		return q, true
	}
	return p, false
}

// word is the value at p without quotes and the mark at the end of its sentence.
func (f *finder) word(p int) (start, e int, quoted bool) {
	src := f.src
	for p < len(src) && (src[p] == ' ' || src[p] == '*') {
		p++
	}
	for range 3 { // <strong>482113</strong>
		if p < len(src) && src[p] == '<' {
			if i := bytes.IndexByte(src[p:min(len(src), p+96)], '>'); i > 1 && (is(src[p+1], chAlpha)) {
				p += i + 1
			}
		}
	}
	if p < len(src) && (src[p] == '"' || src[p] == '\'' || src[p] == '`') {
		if i := bytes.IndexByte(src[p+1:min(len(src), p+130)], src[p]); i >= 0 {
			return p + 1, p + 1 + i, true
		}
		if p++; f.cut {
			return p, len(src), true
		}
	}
	e = p
	for e < len(src) && src[e] > ' ' && src[e] != '"' && src[e] != '<' && src[e] != '`' && e-p < 130 {
		e++
	}
	for end := e; e > p && !(f.cut && e == len(src)); e-- {
		switch src[e-1] {
		case '.', ',', ';', ':', ')', '!', '?', '\'', '*':
			if end-e < 3 {
				continue
			}
		}
		break
	}
	return p, e, false
}

// unit reports whether a unit follows the number that ends at p: 8 characters.
func (f *finder) unit(p int) bool {
	for _, w := range [...]string{" char", " digit", " day", " min", " hour", " sec", " time", " attempt", " letter", " user", " item", " token"} {
		if hasFold(f.src, p, w) {
			return true
		}
	}
	return false
}

// symbols reports whether a word without a digit has a sign that words do not have.
func symbols(v []byte) bool {
	if len(v) < 6 {
		return false
	}
	for _, c := range v[1 : len(v)-1] {
		switch c {
		case '@', '#', '$', '%', '^', '&', '!':
			return true
		}
	}
	return false
}
