// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package b64

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// Variant is how a value is written.
type Variant struct {
	url, padded bool
	// line is the length of the first line, 0 for one line only.
	line int
	crlf bool
	// Cut is set if the length is impossible: the value has lost its end.
	Cut bool
}

// minLen is the shortest value looked at; shorter ones are words.
const minLen = 12

// probe is how many characters are decoded to tell text from binary.
const probe = 24

// Detect reports whether all of b is base64 of something readable.
func Detect(b []byte) (v Variant, ok bool) {
	if len(b) < minLen {
		return v, false
	}
	// The first characters decide cheaply for nearly all values.
	var buf [probe]byte
	head := b[:min(len(b), probe)]
	n, textual := decodeHead(buf[:0], head)
	if n < 6 || !textual {
		return v, false
	}
	digits, pad := 0, 0
	for i, c := range b {
		switch k := class[c]; {
		case k == digit && pad == 0:
			digits++
		case k == urlDigit && pad == 0:
			digits++
			v.url = true
		case k == padding:
			pad++
		case k == lineBreak:
			if v.line == 0 {
				v.line = i
				v.crlf = c == '\r'
			}
		default:
			return v, false
		}
	}
	if pad > 2 || v.url && bytes.ContainsAny(b, "+/") {
		return v, false
	}
	v.padded = pad > 0 || digits%4 == 0
	v.Cut = digits%4 == 1 || pad > 0 && (digits+pad)%4 != 0
	return v, true
}

// textHead is how many characters Text decodes.
const textHead = 16

// Text reports whether b, of 16 bytes or more, begins like base64 of ASCII text. Of
// other words all but one in a million do not.
func Text(b []byte) bool {
	if len(b) < textHead {
		return false
	}
	for i := 0; i < textHead; i += 4 {
		w, x, y, z := sextets[b[i]], sextets[b[i+1]], sextets[b[i+2]], sextets[b[i+3]]
		if (w|x|y|z)&0x80 != 0 || !printable[w<<2|x>>4] || !printable[x<<4|y>>2] || !printable[y<<6|z] {
			return false
		}
	}
	return true
}

// sextets are the values of the characters, 0x80 for those that are none.
var sextets = func() (t [256]uint8) {
	for c := range t {
		t[c] = 0x80
		if v, ok := value(byte(c)); ok {
			t[c] = v
		}
	}
	return t
}()

// printable has the bytes of ASCII text.
var printable = func() (t [256]bool) {
	for c := ' '; c < 0x7F; c++ {
		t[c] = true
	}
	t['\t'], t['\r'], t['\n'] = true, true, true
	return t
}()

// Byte classes.
const (
	other = iota
	digit
	urlDigit
	padding
	lineBreak
)

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = digit
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = digit, digit
	}
	t['+'], t['/'] = digit, digit
	t['-'], t['_'] = urlDigit, urlDigit
	t['='] = padding
	t['\r'], t['\n'] = lineBreak, lineBreak
	return t
}()

func value(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+', c == '-':
		return 62, true
	case c == '/', c == '_':
		return 63, true
	}
	return 0, false
}

// decodeHead decodes until the first four bytes that are not all digits and tells
// whether the result reads as text.
func decodeHead(dst, b []byte) (n int, textual bool) {
	for len(b) >= 4 {
		w, x, y, z := sextets[b[0]], sextets[b[1]], sextets[b[2]], sextets[b[3]]
		if (w|x|y|z)&0x80 != 0 {
			break
		}
		dst = append(dst, w<<2|x>>4, x<<4|y>>2, y<<6|z)
		b = b[4:]
	}
	if len(dst) > 2 && dst[0] == 0xEF {
		dst = bytes.TrimPrefix(dst, []byte("\xef\xbb\xbf"))
	}
	for i, c := range dst {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return 0, false
		}
		// UTF-8 beyond ASCII is text too, but not where a document starts.
		if c >= 0x80 && i < 2 {
			return 0, false
		}
	}
	return len(dst), true
}

// Decode appends what b stands for to dst. Bytes that are no digits are passed over;
// digits that do not fill a byte at the end are left out.
func Decode(dst, b []byte) []byte {
	dst = slices.Grow(dst, len(b)/4*3+3)
	for len(b) >= 4 {
		w, x, y, z := sextets[b[0]], sextets[b[1]], sextets[b[2]], sextets[b[3]]
		if (w|x|y|z)&0x80 != 0 {
			break
		}
		dst = append(dst, w<<2|x>>4, x<<4|y>>2, y<<6|z)
		b = b[4:]
	}
	var acc uint32
	k := 0
	for _, c := range b {
		d := sextets[c]
		if d&0x80 != 0 {
			continue
		}
		acc = acc<<6 | uint32(d)
		if k++; k == 4 {
			dst = append(dst, byte(acc>>16), byte(acc>>8), byte(acc))
			acc, k = 0, 0
		}
	}
	switch k {
	case 2:
		dst = append(dst, byte(acc>>4))
	case 3:
		dst = append(dst, byte(acc>>10), byte(acc>>2))
	}
	return dst
}

// Encode appends b to dst, written like the value that v was detected on.
func Encode(dst, b []byte, v Variant) []byte {
	enc := base64.StdEncoding
	switch {
	case v.url && v.padded:
		enc = base64.URLEncoding
	case v.url:
		enc = base64.RawURLEncoding
	case !v.padded:
		enc = base64.RawStdEncoding
	}
	if v.line < 4 {
		return enc.AppendEncode(dst, b)
	}
	step := v.line / 4 * 3
	for len(b) > step {
		dst = enc.AppendEncode(dst, b[:step])
		if v.crlf {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		b = b[step:]
	}
	return enc.AppendEncode(dst, b)
}

// Standard is the padded standard alphabet on one line.
var Standard = Variant{padded: true}
