// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math/bits"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080

	hexDigits = "0123456789abcdef"
)

// AppendString appends s as a JSON string (RFC 8259 §7). Bytes that are not
// UTF-8 become U+FFFD, one for each byte.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, s)
	return append(dst, '"')
}

// AppendEscaped is AppendString without the quotation marks, for strings that
// are put together from parts.
func AppendEscaped(dst []byte, s string) []byte {
	start, i := 0, 0
	for {
		i = skipPlain(s, i)
		if i >= len(s) {
			return append(dst, s[start:]...)
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		start = i
	}
}

// AppendJoined appends the values as one JSON string, separated by sep, which
// must need no escaping.
func AppendJoined(dst []byte, values []string, sep string) []byte {
	dst = append(dst, '"')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, sep...)
		}
		dst = AppendEscaped(dst, v)
	}
	return append(dst, '"')
}

// skipPlain returns the index of the first byte at or after i that is a control
// character, a quotation mark, a backslash or not ASCII; len(s) if there is none.
func skipPlain(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		w := load64(s, i)
		if m := special(w) | w&highs; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	if rest := len(s) - i; rest > 0 && len(s) >= 8 {
		// The last eight bytes again, less those before i. The zeros that move
		// in are control characters, so the search ends at len(s).
		w := load64(s, len(s)-8) >> (8 * (8 - rest))
		return i + bits.TrailingZeros64(special(w)|w&highs)/8
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// special sets the high bit of every byte of w that is below 0x20, '"' or '\\'.
// A byte above the lowest such one may be flagged wrongly (the subtraction
// borrows), so only the lowest flag is to be used. Bytes of 0x80 and above are
// never flagged by themselves.
func special(w uint64) uint64 {
	const quote, backslash, space = ones * '"', ones * '\\', ones * ' '
	q := w ^ quote
	b := w ^ backslash
	return ((w-space)&^w | (q-ones)&^q | (b-ones)&^b) & highs
}

// load64 reads eight bytes in little-endian order; the compiler merges it into
// one load.
func load64(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}
