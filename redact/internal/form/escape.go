// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"slices"
)

// HasEscape reports whether Unescape would change b.
func HasEscape(b []byte, plus bool) bool {
	if len(b) <= 24 { // most: a loop costs less than calls
		for i, c := range b {
			if c == '%' && i+2 < len(b) && hexVal[b[i+1]]|hexVal[b[i+2]] < 16 || plus && c == '+' {
				return true
			}
		}
		return false
	}
	if plus && bytes.IndexByte(b, '+') >= 0 {
		return true
	}
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '%')
		if j < 0 {
			return false
		}
		i += j
		// Several in a row cost no call each.
		for ; i < len(b) && b[i] == '%'; i++ {
			if i+2 < len(b) && hexVal[b[i+1]]|hexVal[b[i+2]] < 16 {
				return true
			}
		}
	}
	return false
}

// Unescape appends b to dst with %XX decoded, and "+" as a blank if plus is set.
// Bad escapes are copied. dst may not overlap b, except that dst == b[:0] works
// in place.
func Unescape(dst, b []byte, plus bool) []byte {
	j := len(dst)
	dst = slices.Grow(dst, len(b))[:j+len(b)]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' && i+2 < len(b) {
			h, l := hexVal[b[i+1]], hexVal[b[i+2]]
			if h|l < 16 {
				c = h<<4 | l
				i += 2
			}
		} else if c == '+' && plus {
			c = ' '
		}
		dst[j] = c
		j++
	}
	return dst[:j]
}

// Escape appends b to dst for a place where only RFC 3986 unreserved bytes are
// safe. Square brackets and colons stay, as browsers and servers accept them in
// queries and they keep a mask or a token readable. A blank becomes "+" if plus
// is set, else %20.
func Escape(dst, b []byte, plus bool) []byte {
	for _, c := range b {
		switch {
		case keep[c]:
			dst = append(dst, c)
		case c == ' ' && plus:
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

var keep = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for _, c := range "-._~[]:*$!@/(),'" {
		t[c] = true
	}
	return t
}()

// hexVal maps a hex digit to its value and any other byte to 255.
var hexVal = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// IsHex reports whether c is a hexadecimal digit.
func IsHex(c byte) bool { return hexVal[c] < 16 }

// Byte is the byte that two hexadecimal digits stand for.
func Byte(h, l byte) byte { return hexVal[h]<<4 | hexVal[l] }
