// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "encoding/binary"

// Character classes, as bits.
const (
	chDigit uint16 = 1 << iota
	chUpper
	chLower
	chUnderscore
	chDash
	chDot
	chHex   // 0-9 a-f A-F
	chB64   // + / =
	chLocal // in the local part of an e-mail address
	chCred  // in a bearer credential
	chAuthEnd
	chSlash
	chDollar
	chAtSign
	chLogin // in "user/password" before an @

	chAlpha  = chUpper | chLower
	chAlnum  = chAlpha | chDigit
	chWord   = chAlnum | chUnderscore
	chB64URL = chWord | chDash
)

var chars = func() (t [256]uint16) {
	set := func(bits uint16, s string) {
		for _, c := range []byte(s) {
			t[c] |= bits
		}
	}
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] |= chDigit | chHex | chLocal | chCred
		case 'A' <= c && c <= 'Z':
			t[c] |= chUpper | chLocal | chCred
		case 'a' <= c && c <= 'z':
			t[c] |= chLower | chLocal | chCred
		case c >= 0x80:
			t[c] |= chLocal
		case c <= ' ' || c == 0x7F:
			t[c] |= chAuthEnd
		}
	}
	set(chHex, "abcdefABCDEF")
	set(chUnderscore, "_")
	set(chDash, "-")
	set(chDot, ".")
	set(chB64, "+/=")
	set(chSlash, "/")
	set(chDollar, "$")
	set(chAtSign, "@")
	set(chLocal, "._%+-~!$*'^")
	set(chCred, "._~+/=-|:!$*%")
	for c := '!'; c <= '~'; c++ {
		if c != '@' && c != '"' && c != '<' && c != '\'' && c != '\\' {
			t[c] |= chLogin
		}
	}
	set(chAuthEnd, "/\\?#\"<>")
	return t
}()

func is(c byte, class uint16) bool { return chars[c]&class != 0 }

// run returns the end of the run of class at p.
func run(src []byte, p int, class uint16) int {
	for p < len(src) && chars[src[p]]&class != 0 {
		p++
	}
	return p
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// hasFold reports whether src has the lower-case word at p, in any case.
func hasFold(src []byte, p int, word string) bool {
	if p < 0 || len(src)-p < len(word) {
		return false
	}
	for i := range len(word) {
		if lower(src[p+i]) != word[i] {
			return false
		}
	}
	return true
}

// fold4 reports whether src has the four lower-case letters w, packed by le4, at
// p, in any case.
func fold4(src []byte, p int, w uint32) bool {
	return p >= 0 && p+4 <= len(src) && binary.LittleEndian.Uint32(src[p:])|0x20202020 == w
}

func le4(w string) uint32 { return binary.LittleEndian.Uint32([]byte(w)) }

// has reports whether src has word at p.
func has(src []byte, p int, word string) bool {
	return p >= 0 && len(src)-p >= len(word) && string(src[p:p+len(word)]) == word
}
