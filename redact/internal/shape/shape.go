// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package shape tells by its form alone whether a value can be a secret at all: a
// date, a type name, a count, an error message or a word cannot, a mix of letters
// and digits can. It is asked only about values under a name that suggests a
// secret, so that `password_changed_at` keeps its date.
//
// A wrong "no" leaks a secret and a wrong "yes" costs a value of no use to anybody:
// what is not known is "yes". Any bytes are accepted; work is linear; nothing
// allocates.
package shape

import (
	"bytes"
	"encoding/binary"
)

// classes of bytes in a value.
const (
	isDigit uint8 = 1 << iota
	isUpper
	isLower
	isHex
	isBlank
	isSplit // what separates the parts of a name, a date or a path

	isAlpha = isUpper | isLower
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = isDigit | isHex
		case 'A' <= c && c <= 'F':
			t[c] = isUpper | isHex
		case 'a' <= c && c <= 'f':
			t[c] = isLower | isHex
		case 'A' <= c && c <= 'Z':
			t[c] = isUpper
		case 'a' <= c && c <= 'z':
			t[c] = isLower
		}
	}
	for _, c := range " \t\r\n" {
		t[c] = isBlank
	}
	for _, c := range "-_.:/,;@+|" {
		t[c] = isSplit
	}
	return t
}()

func all(b []byte, mask uint8) bool {
	for _, c := range b {
		if class[c]&mask == 0 {
			return false
		}
	}
	return true
}

func has(b []byte, mask uint8) bool {
	for _, c := range b {
		if class[c]&mask != 0 {
			return true
		}
	}
	return false
}

// Solid reports whether b is one word of letters, digits, - and _, of eight bytes or
// more, that begins with a letter and has a digit: no flag, mask, placeholder, date, type,
// caption or sentence.
func Solid(b []byte) bool {
	if len(b) < 8 || class[b[0]]&isAlpha == 0 || b[0]|0x20 == 'x' {
		return false
	}
	digit := uint8(0)
	for _, c := range b {
		if class[c]&(isAlpha|isDigit) == 0 && c != '-' && c != '_' {
			return false
		}
		digit |= class[c] & isDigit
	}
	return digit != 0
}

// Digits reports whether b is one or more digits and nothing else.
func Digits(b []byte) bool { return len(b) > 0 && all(b, isDigit) }

// HasBlank reports whether b has a blank or a line end.
func HasBlank(b []byte) bool { return has(b, isBlank) }

// Few reports whether the number literal b has fewer than n digits before its
// point and no exponent: a count, a flag, an angle.
func Few(b []byte, n int) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if i := bytes.IndexByte(b, '.'); i >= 0 {
		if !Digits(b[i+1:]) {
			return false
		}
		b = b[:i]
	}
	return Digits(b) && len(b) < n
}

// Words reports whether b has nothing but ASCII letters and what joins words in a
// name: an enumeration value, a kind, a state.
func Words(b []byte) bool {
	return len(b) > 0 && len(b) <= 64 && all(b, isAlpha|isSplit|isBlank)
}

// Mixed reports whether b may be a random secret: one word of eight bytes or more
// with letters and digits in it, or of 20 and more.
func Mixed(b []byte) bool {
	switch {
	case len(b) < 8 || HasBlank(b) || Time(b) || ordinary(b):
		return false
	case len(b) >= 20:
		return !all(b, isDigit|isSplit) && !all(b, isLower|isSplit) || len(b) >= 40
	}
	return has(b, isDigit) && !all(b, isDigit|isSplit)
}

// Random is Mixed for values whose name says that they only describe a secret: it
// wants a part that no word, version or algorithm is spelt like.
func Random(b []byte) bool {
	if len(b) < 8 || HasBlank(b) || Time(b) || ordinary(b) {
		return false
	}
	var mix uint8
	for i := 0; i < len(b); {
		j := i
		var seen uint8
		for j < len(b) && class[b[j]]&(isSplit|isBlank) == 0 {
			seen |= class[b[j]]
			j++
		}
		part := b[i:j]
		switch letters := seen & isAlpha; {
		case seen&isDigit == 0 || letters == 0:
			if len(part) >= 24 && !camel(part) {
				return true
			}
		case algorithm(part):
		case letters == isAlpha && len(part) >= 3, len(part) >= 8:
			return true
		default:
			mix |= seen
		}
		if seen&isDigit == 0 {
			mix |= seen
		}
		i = j + 1
	}
	const every = isAlpha | isDigit
	return mix&every == every && len(b) >= 12
}

// Secretive reports whether a word with a digit in it, which a sentence tells as a
// secret, may be one: no name of an algorithm, standard or version.
func Secretive(b []byte) bool {
	if Time(b) || ordinary(b) || version(b) || algorithm(b) || !has(b, isAlpha) || Placeholder(b) || Tail(b) {
		return false
	}
	i := 0
	for i < len(b) && class[b[i]]&isUpper != 0 {
		i++
	}
	if i > 0 && i < len(b) && b[i] == '-' && Digits(b[i+1:]) { // ERC-20, RFC-6750
		return false
	}
	return true
}

// camel reports whether b is words in camel case: two small letters and more behind
// each capital.
func camel(b []byte) bool {
	run := 2
	for _, c := range b {
		if class[c]&isLower != 0 {
			run++
			continue
		}
		if class[c]&isUpper == 0 || run < 2 {
			return false
		}
		run = 0
	}
	return run >= 2
}

// algorithms are beginnings of names that mix letters and digits.
var algorithms = [...]string{
	"sha", "md4", "md5", "argon2", "bcrypt", "scrypt", "pbkdf2", "aes", "rsa", "ecdsa", "ed25519", "hmac", "hs256", "hs384",
	"hs512", "rs256", "es256", "ps256", "x25519", "chacha20", "oauth", "webauthn", "fido2", "totp", "base64", "utf8", "ssha", "crypt",
}

func algorithm(part []byte) bool {
	if len(part) > 16 {
		return false
	}
	for _, a := range algorithms {
		if len(part) >= len(a) && equalFold(part[:len(a)], a) {
			return true
		}
	}
	return false
}

func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// wordSet is a list of words that is asked whether a word, in any case, is in it. Most
// are not: their first letter and their length tell.
type wordSet struct {
	lens  [32]uint32
	words []string
}

func newWordSet(words ...string) *wordSet {
	s := &wordSet{words: words}
	for _, w := range words {
		s.lens[w[0]&31] |= 1 << len(w)
	}
	return s
}

func (s *wordSet) has(b []byte) bool {
	if len(b) == 0 || s.lens[b[0]&31]>>min(len(b), 31)&1 == 0 {
		return false
	}
	for _, w := range s.words {
		if equalFold(b, w) {
			return true
		}
	}
	return false
}

// Time reports whether b is a date with a time, a date, or a time of day in one
// of the forms of RFC 3339, RFC 9110 and ISO 8601.
func Time(b []byte) bool {
	switch {
	case len(b) >= 10 && b[4] == '-' && b[7] == '-' && Digits(b[:4]) && Digits(b[5:7]) && Digits(b[8:10]):
		return len(b) == 10 || (b[10] == 'T' || b[10] == 't' || b[10] == ' ') && len(b) <= 40 && all(b[11:], isDigit|isSplit|isBlank|isAlpha) &&
			len(b) >= 16 && Digits(b[11:13]) && b[13] == ':'
	case len(b) >= 15 && len(b) <= 20 && Digits(b[:8]) && b[8] == 'T' && Digits(b[9:15]): // 20260101T000000Z
		return true
	case len(b) >= 25 && len(b) <= 35 && b[3] == ',' && b[4] == ' ': // Sun, 06 Nov 1994 08:49:37 GMT
		return bytes.Count(b, []byte{':'}) == 2
	case len(b) >= 5 && len(b) <= 8 && b[2] == ':' && all(b, isDigit|isSplit):
		return true
	case len(b) == 10 && (b[2] == '/' && b[5] == '/' || b[2] == '.' && b[5] == '.') && all(b, isDigit|isSplit):
		return true
	}
	return false
}

// DateTime is Time without a bare date or time of day, which people take for a
// password.
func DateTime(b []byte) bool { return len(b) >= 15 && Time(b) }

// URL reports whether b is an absolute URL.
func URL(b []byte) bool {
	i := bytes.Index(b[:min(len(b), 16)], []byte("://"))
	return i > 0 && all(b[:i], isAlpha|isDigit|isSplit)
}

// Scheme reports whether b is the name of an authentication scheme.
func Scheme(b []byte) bool {
	for _, w := range [...]string{"bearer", "basic", "token", "jwt", "authorization", "auth", "access_token", "apikey", "api-key", "digest", "oauth2"} {
		if equalFold(b, w) {
			return true
		}
	}
	return false
}

// Symbol reports whether b is the ticker symbol of a currency, two to six capital
// letters, or of a pair of them: BTC-USD.
func Symbol(b []byte) bool {
	if i := bytes.IndexAny(b, "-/"); i > 0 && i+1 < len(b) {
		return Symbol(b[:i]) && all(b[i+1:], isUpper) && len(b)-i <= 7
	}
	return len(b) >= 2 && len(b) <= 6 && all(b, isUpper)
}

// SID reports whether b is a resource id as Twilio forms them: two capitals and 32
// hex digits.
func SID(b []byte) bool {
	return len(b) == 34 && all(b[:2], isUpper) && all(b[2:], isHex) && !has(b[2:], isUpper)
}

// Public reports whether b is the public half of a key.
func Public(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	switch binary.LittleEndian.Uint32(b) {
	case 'A' | 'A'<<8 | 'A'<<16 | 'A'<<24:
		return bytes.HasPrefix(b, []byte("AAAAB3NzaC1")) || bytes.HasPrefix(b, []byte("AAAAC3NzaC1"))
	case 's' | 's'<<8 | 'h'<<16 | '-'<<24:
		return bytes.HasPrefix(b, []byte("ssh-rsa AAAA")) || bytes.HasPrefix(b, []byte("ssh-ed25519 AAAA"))
	case 'e' | 'c'<<8 | 'd'<<16 | 's'<<24:
		return bytes.HasPrefix(b, []byte("ecdsa-sha2-"))
	}
	return bytes.HasPrefix(b, []byte("-----BEGIN PUBLIC KEY")) || bytes.HasPrefix(b, []byte("-----BEGIN CERTIFICATE")) ||
		bytes.HasPrefix(b, []byte("-----BEGIN PGP PUBLIC"))
}
