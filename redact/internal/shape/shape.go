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
	"strings"
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

// ordinary reports whether b is a thing of a well-known form that is longer than a
// word and no secret: a MIME type, a colour, an address of a chain, a masked
// number, a placeholder.
func ordinary(b []byte) bool {
	switch {
	case b[0] == '#' && len(b) <= 9 && all(b[1:], isHex): // a colour
		return true
	case len(b) == 42 && b[0] == '0' && b[1]|32 == 'x' && all(b[2:], isHex): // an account of Ethereum
		return true
	case b[0] == '0' && len(b) > 1 && b[1] == 'x' && len(b) <= 18 && all(b[2:], isHex): // a number
		return true
	case b[len(b)-1] == ')' && bytes.IndexByte(b, '(') > 0: // transfer(address,uint256)
		return true
	case issue(b), bytes.HasPrefix(b, []byte("arn:aws")), bytes.HasPrefix(b, []byte("#/")):
		return true
	case Masked(b), bytes.HasSuffix(b, []byte("SHA256")), bytes.HasSuffix(b, []byte("SHA1")), bytes.HasSuffix(b, []byte("SHA384")):
		return true
	}
	return false
}

// issue reports whether b is the key of an issue in a tracker: PROJ-123.
func issue(b []byte) bool {
	i := bytes.IndexByte(b, '-')
	return i >= 2 && i <= 10 && all(b[:i], isUpper) && len(b)-i <= 7 && Digits(b[i+1:])
}

// Masked reports whether all of b is marks that stand for what was taken out.
func Masked(b []byte) bool {
	for len(b) > 0 {
		switch {
		case b[0] == '*' || b[0] == '.' || b[0] == '-' || b[0] == ' ':
			b = b[1:]
		case bytes.HasPrefix(b, []byte("•")):
			b = b[len("•"):]
		case bytes.HasPrefix(b, []byte("●")):
			b = b[len("●"):]
		default:
			return false
		}
	}
	return true
}

// Tail reports whether b is a number of which marks leave the last digits: ****6789,
// XXXX-XXXX-XXXX-1234.
func Tail(b []byte) bool {
	n := 0
	for n < len(b) && n < 4 && class[b[len(b)-1-n]]&isDigit != 0 {
		n++
	}
	marks := 0
	for rest := b[:len(b)-n]; len(rest) > 0; {
		switch {
		case rest[0] == '*' || rest[0] == 'X' || rest[0] == 'x':
			marks++
			rest = rest[1:]
		case rest[0] == '-' || rest[0] == ' ' || rest[0] == '.':
			rest = rest[1:]
		case bytes.HasPrefix(rest, []byte("•")) || bytes.HasPrefix(rest, []byte("●")):
			marks++
			rest = rest[len("•"):]
		default:
			return false
		}
	}
	return marks >= 2 && n > 0
}

// Placeholder reports whether b stands for a value that is not there: (hidden),
// <token>, ${TOKEN}, {{token}}, %s.
func Placeholder(b []byte) bool {
	if len(b) < 2 || len(b) > 64 {
		return false
	}
	open, end := b[0], b[len(b)-1]
	switch {
	case open == '(' && end == ')', open == '<' && end == '>':
		return all(b[1:len(b)-1], isAlpha|isSplit|isBlank)
	case open == '$' && end == '}' && b[1] == '{':
		return all(b[2:len(b)-1], isAlpha|isDigit|isSplit|isBlank) || b[2] == '{'
	case open == '{' && end == '}':
		return b[1] == '{' || all(b[1:len(b)-1], isAlpha|isSplit)
	}
	return len(b) == 2 && open == '%' && (end == 's' || end == 'v' || end == 'd' || end == 'q')
}

// plainWords are values of settings about secrets: permissions, units.
var plainWords = [...]string{
	"read", "write", "readonly", "read-only", "read_only", "read-write", "readwrite", "admin:read", "hours", "minutes", "seconds", "days",
	"hidden", "enabled", "disabled", "inherit", "inherited", "default", "automatic", "manual", "client-secret", "client_secret_basic", "client_secret_post",
}

// Ordinary reports whether b is of a form that no secret has although it is no word of
// prose: the name of a resource, a version, a permission.
func Ordinary(b []byte) bool {
	switch {
	case len(b) == 0:
		return true
	case bytes.HasPrefix(b, []byte("arn:")) && bytes.Count(b, []byte{':'}) >= 4, bytes.HasPrefix(b, []byte("#/")):
		return true
	case version(b), filePath(b):
		return true
	}
	for _, w := range plainWords {
		if equalFold(b, w) {
			return true
		}
	}
	return false
}

// filePath reports whether b is the path of a file.
func filePath(b []byte) bool {
	return (b[0] == '/' || len(b) > 2 && (b[0] == '.' || b[0] == '~') && b[1] == '/') && bytes.Count(b, []byte{'/'}) >= 1 &&
		(bytes.Count(b, []byte{'/'}) >= 2 || bytes.LastIndexByte(b, '.') > 1) && all(b, isAlpha|isDigit|isSplit) && !Random(b)
}

// version reports whether b is a version of three numbers, or a range of them.
func version(b []byte) bool {
	b = bytes.TrimLeft(b, "^~v>=<")
	return len(b) >= 5 && len(b) <= 16 && bytes.Count(b, []byte{'.'}) == 2 && all(b, isDigit|isSplit) && class[b[0]]&isDigit != 0
}

// UUID reports whether b is a UUID.
func UUID(b []byte) bool {
	return len(b) == 36 && b[8] == '-' && b[13] == '-' && b[18] == '-' && b[23] == '-' && all(b, isHex|isSplit)
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

// Flag reports whether b is a text that stands for true, false or no value.
func Flag(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 2, 3, 4, 5, 9:
	default:
		return Masked(b)
	}
	switch b[0] | 0x20 {
	case 't', 'f', 'n', 'y', 'o', 'u':
	default:
		return Masked(b)
	}
	for _, w := range [...]string{"true", "false", "null", "none", "nil", "yes", "no", "on", "off", "n/a", "undefined"} {
		if equalFold(b, w) {
			return true
		}
	}
	return Masked(b)
}

// typeNames are what schemas and type systems call the type of a text.
var typeNames = [...]string{
	"string", "str", "integer", "int", "int32", "int64", "number", "boolean", "bool", "object", "array", "float", "double", "bytes",
	"any", "unknown", "never", "void", "required", "optional", "nullable", "secretstr", "varchar", "uuid", "date", "datetime", "id",
}

// TypeName reports whether b is a type: `String!`, `[ID!]`, `string | null`,
// `string?`, `varchar(255)`.
func TypeName(b []byte) bool {
	if len(b) > 48 {
		return false
	}
	found := false
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case class[c]&isAlpha != 0:
			j := i
			for j < len(b) && class[b[j]]&(isAlpha|isDigit) != 0 {
				j++
			}
			known := equalFold(b[i:j], "null") || equalFold(b[i:j], "undefined")
			for _, t := range typeNames {
				if equalFold(b[i:j], t) {
					known, found = true, true
				}
			}
			if !known {
				return false
			}
			i = j
		case strings.IndexByte("!?[]|() ,<>{};", c) >= 0 || class[c]&isDigit != 0 && found:
			i++
		default:
			return false
		}
	}
	return found
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

// Symbol reports whether b is the ticker symbol of a currency: two to six capital
// letters.
func Symbol(b []byte) bool { return len(b) >= 2 && len(b) <= 6 && all(b, isUpper) }

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
