// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep the arrays and objects of an embedded document may nest.
// Parsers at the receiving end commonly refuse more than 1000 levels, and such a
// refusal would hit the whole request.
const MaxDepth = 512

// Embeddable reports whether s is a complete JSON object or array that can be
// copied byte for byte into another document, so that numbers, member order and
// white space stay as they were.
//
// It accepts what [encoding/json.Valid] accepts, less what a receiver may choke
// on: a top-level scalar, invalid UTF-8, an escaped surrogate without its other
// half, nesting below MaxDepth. FuzzEmbeddable holds it to that sentence.
func Embeddable(s string) bool {
	i := skipSpace(s, 0)
	if i == len(s) || s[i] != '{' && s[i] != '[' || !utf8.ValidString(s) {
		return false
	}
	var objects [MaxDepth / 64]uint64 // one bit a level: 1 is an object
	depth := 0

value:
	if i >= len(s) {
		return false
	}
	switch c := s[i]; c {
	case '{', '[':
		if depth == MaxDepth {
			return false
		}
		word, bit := depth/64, uint64(1)<<(depth%64)
		depth++
		i = skipSpace(s, i+1)
		if i >= len(s) {
			return false
		}
		if c == '{' {
			objects[word] |= bit
			if s[i] == '}' {
				goto closed
			}
			goto key
		}
		objects[word] &^= bit
		if s[i] == ']' {
			goto closed
		}
		goto value
	case '"':
		if i = skipString(s, i+1); i < 0 {
			return false
		}
	case 't':
		if i+4 > len(s) || s[i:i+4] != "true" {
			return false
		}
		i += 4
	case 'n':
		if i+4 > len(s) || s[i:i+4] != "null" {
			return false
		}
		i += 4
	case 'f':
		if i+5 > len(s) || s[i:i+5] != "false" {
			return false
		}
		i += 5
	default:
		if i = skipNumber(s, i); i < 0 {
			return false
		}
	}

after: // a value has ended at i, inside an array or object
	i = skipSpace(s, i)
	if i >= len(s) {
		return false
	}
	if objects[(depth-1)/64]>>((depth-1)%64)&1 == 1 {
		switch s[i] {
		case ',':
			i = skipSpace(s, i+1)
			goto key
		case '}':
			goto closed
		}
		return false
	}
	switch s[i] {
	case ',':
		i = skipSpace(s, i+1)
		goto value
	case ']':
		goto closed
	}
	return false

key:
	if i >= len(s) || s[i] != '"' {
		return false
	}
	if i = skipString(s, i+1); i < 0 {
		return false
	}
	i = skipSpace(s, i)
	if i >= len(s) || s[i] != ':' {
		return false
	}
	i = skipSpace(s, i+1)
	goto value

closed: // s[i] is the bracket
	i++
	depth--
	if depth > 0 {
		goto after
	}
	return skipSpace(s, i) == len(s)
}

func skipSpace(s string, i int) int {
	for i < len(s) && s[i] <= ' ' && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the index behind the closing quotation mark of the string
// whose content begins at i, or -1.
func skipString(s string, i int) int {
	for {
		for ; i+8 <= len(s); i += 8 {
			if m := special(load64(s, i)); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				goto found
			}
		}
		for ; ; i++ {
			if i >= len(s) {
				return -1
			}
			if c := s[i]; c < ' ' || c == '"' || c == '\\' {
				break
			}
		}
	found:
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			if i = skipEscape(s, i); i < 0 {
				return -1
			}
		default:
			return -1
		}
	}
}

// skipEscape returns the index behind the escape sequence at i, both halves of
// it if that is a surrogate pair, or -1.
func skipEscape(s string, i int) int {
	if i+1 >= len(s) {
		return -1
	}
	switch s[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		u := hex4(s, i+2)
		switch {
		case u < 0 || u >= 0xdc00 && u < 0xe000:
			return -1
		case u < 0xd800 || u >= 0xe000:
			return i + 6
		}
		if i+8 > len(s) || s[i+6] != '\\' || s[i+7] != 'u' {
			return -1
		}
		if low := hex4(s, i+8); low < 0xdc00 || low >= 0xe000 {
			return -1
		}
		return i + 12
	}
	return -1
}

// hex4 returns the value of the four hexadecimal digits at i, or -1.
func hex4(s string, i int) int {
	if i+4 > len(s) {
		return -1
	}
	u := 0
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		u = u<<4 | int(c)
	}
	return u
}

// skipNumber returns the index behind the number at i, or -1.
func skipNumber(s string, i int) int {
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i >= len(s):
		return -1
	case s[i] == '0':
		i++
	default:
		if i = skipDigits(s, i); i < 0 {
			return -1
		}
	}
	if i < len(s) && s[i] == '.' {
		if i = skipDigits(s, i+1); i < 0 {
			return -1
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		return skipDigits(s, i)
	}
	return i
}

// skipDigits returns the index behind the digits at i, or -1 if there is none.
func skipDigits(s string, i int) int {
	start := i
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
