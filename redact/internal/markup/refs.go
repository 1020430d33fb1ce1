// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package markup

import (
	"bytes"
	"unicode/utf8"
)

// HasRef reports whether b may hold a character reference.
func HasRef(b []byte) bool { return bytes.IndexByte(b, '&') >= 0 }

// Decode appends b to dst with character references replaced: the five of XML,
// decimal and hexadecimal ones, and the HTML names of ASCII characters. Others
// stay. The closing ";" may be missing after a number, as in HTML.
func Decode(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		b = b[i:]
		r, n := Ref(b)
		if n == 0 {
			dst = append(dst, '&')
			b = b[1:]
			continue
		}
		dst = utf8.AppendRune(dst, r)
		b = b[n:]
	}
}

// Ref reads the reference that b starts with; n is 0 if there is none.
func Ref(b []byte) (r rune, n int) {
	if len(b) < 3 || b[0] != '&' {
		return 0, 0
	}
	switch b[1] { // the most frequent ones
	case '#':
		return number(b)
	case 'l':
		if len(b) > 3 && b[2] == 't' && b[3] == ';' {
			return '<', 4
		}
	case 'g':
		if len(b) > 3 && b[2] == 't' && b[3] == ';' {
			return '>', 4
		}
	case 'a':
		if len(b) > 4 && b[2] == 'm' && b[3] == 'p' && b[4] == ';' {
			return '&', 5
		}
	}
	end := bytes.IndexByte(b[:min(len(b), 12)], ';')
	if end < 0 {
		return 0, 0
	}
	if c, ok := named[string(b[1:end])]; ok {
		return c, end + 1
	}
	return 0, 0
}

func number(b []byte) (r rune, n int) {
	i, base := 2, rune(10)
	if b[2]|32 == 'x' {
		i, base = 3, 16
	}
	first := i
	for ; i < len(b); i++ {
		c := rune(b[i])
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case base == 16 && 'a' <= c|32 && c|32 <= 'f':
			c = c | 32 - 'a' + 10
		default:
			c = -1
		}
		if c < 0 {
			break
		}
		if r = r*base + c; r > utf8.MaxRune {
			r = utf8.MaxRune + 1 // stays out of range
		}
	}
	if i == first {
		return 0, 0
	}
	if i < len(b) && b[i] == ';' {
		i++
	}
	if r > utf8.MaxRune {
		r = utf8.RuneError
	}
	return r, i
}

// named holds the references that hide ASCII characters.
var named = map[string]rune{
	"amp": '&', "AMP": '&', "lt": '<', "LT": '<', "gt": '>', "GT": '>', "quot": '"', "QUOT": '"', "apos": '\'',
	"nbsp": ' ', "shy": '\u00ad', "Tab": '\t', "NewLine": '\n', "excl": '!', "num": '#', "dollar": '$', "percnt": '%',
	"lpar": '(', "rpar": ')', "ast": '*', "midast": '*', "plus": '+', "comma": ',', "period": '.', "sol": '/',
	"colon": ':', "semi": ';', "equals": '=', "quest": '?', "commat": '@', "lsqb": '[', "lbrack": '[', "bsol": '\\',
	"rsqb": ']', "rbrack": ']', "Hat": '^', "lowbar": '_', "UnderBar": '_', "grave": '`', "lcub": '{', "lbrace": '{',
	"verbar": '|', "vert": '|', "rcub": '}', "rbrace": '}', "hyphen": '-', "dash": '-',
}

// Encode appends b to dst with the characters replaced that could end a text or
// a quoted attribute value.
func Encode(dst, b []byte) []byte {
	for _, c := range b {
		switch c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&#34;"...)
		case '\'':
			dst = append(dst, "&#39;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
