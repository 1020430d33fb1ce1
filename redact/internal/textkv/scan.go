// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// maxKey is the longest key looked at, and maxWords the most words in one.
const (
	maxKey   = 256
	maxWords = 4
)

// Candidate is a possible key before a separator.
type Candidate struct {
	// src[Key:KeyEnd] is the key without quotes.
	Key, KeyEnd int
	// Words[:N] are further places where the key may start: to the left, nearest
	// first, if it may be a phrase ("card number: 1"), or to the right, behind an
	// escaped byte ("https%3A%2F%2Fh%2F%3Ftoken").
	Words [maxWords - 1]int
	N     int
	// Sep is ':', '=', '>' (an XML-like tag) or ' ' (a command-line flag).
	Sep byte
	// Val is where the value starts, behind blanks on the same line.
	Val int
	// Plain is set if the key surely has no escape or reference in it.
	Plain bool
	// line is where the line with the key starts; first is set if nothing but
	// blanks and list marks stands before the key in it.
	line  int
	first bool
	// Secret is where the password starts if the key is a command-line option for
	// "user:password" (curl -u), else 0.
	Secret int
	// outer is the quote that opens right before an unquoted key, or 0.
	outer byte
}

// Scanner finds candidates from left to right. The embedded one is the last found.
type Scanner struct {
	Candidate

	src []byte
	pos int
	bol int // start of the current line
	tag int // offset of the last "<" on it, or -1
	low int // keys do not start before it
}

// Scan returns a Scanner over src.
func Scan(src []byte) Scanner { return Scanner{src: src, tag: -1} }

// SkipTo goes on at offset i, behind a value.
func (s *Scanner) SkipTo(i int) {
	for j := s.pos; j < i; j++ {
		if s.src[j] == '\n' {
			s.bol = j + 1
		}
	}
	s.pos, s.low = max(s.pos, i), max(s.low, i)
	s.tag = -1
}

// Byte classes for the search of separators.
const (
	dull = iota
	newline
	separator
	lessThan
	greaterThan
	percent
	dash
	wide
)

var class = [256]uint8{
	'\n': newline, ':': separator, '=': separator, '<': lessThan, '>': greaterThan, '%': percent, '-': dash, 0xEF: wide,
}

const (
	lo = 0x0101010101010101
	hi = 0x8080808080808080
)

// marked has a high bit set in each byte of w that class tells from dull ones: LF,
// %, -, : ; < = >, 0xEF, and in some that are dull.
func marked(w uint64) uint64 {
	t := w &^ hi
	ascii := (t+(0x80-0x3A)*lo)&^(t+(0x80-0x3F)*lo) | (hi - (t ^ '%'*lo)) | (hi - (t ^ '-'*lo)) | (hi - (t ^ '\n'*lo))
	return (ascii&^w | (hi-(t^0x6F*lo))&w) & hi
}

// Next finds the next candidate.
func (s *Scanner) Next() bool {
	src := s.src
	for i := s.pos; i < len(src); i++ {
		cl := class[src[i]]
		if cl == dull {
			for i+9 <= len(src) {
				if m := marked(binary.LittleEndian.Uint64(src[i+1:])); m != 0 {
					i += bits.TrailingZeros64(m) >> 3
					break
				}
				i += 8
			}
			continue
		}
		found := false
		switch cl {
		case newline:
			s.bol = i + 1
			s.tag = -1
		case separator:
			found = s.before(i, i+1, src[i])
		case lessThan:
			s.tag = i
		case greaterThan:
			switch {
			case s.tag >= 0:
				found = s.element(i)
			case i > 2 && src[i-1] == '-' && src[i-2] == ' ' && i+1 < len(src) && src[i+1] == ' ': // key -> value
				found = s.before(i-1, i+1, '=')
			}
		case percent:
			if h, n := escaped(src, i); h == '=' || h == ':' {
				found = s.before(i, i+n, h)
			}
		case dash:
			found = s.flag(i)
		case wide: // full-width ":" and "="
			if i+2 < len(src) && src[i+1] == 0xBC {
				switch src[i+2] {
				case 0x9A:
					found = s.before(i, i+3, ':')
				case 0x9D:
					found = s.before(i, i+3, '=')
				}
			}
		}
		if found {
			s.pos = max(s.Val, i+1)
			if cl != dash {
				s.low = i + 1
			} else {
				s.pos = i + 1
			}
			return true
		}
	}
	s.pos = len(src)
	return false
}

// before reads the key in front of a separator at src[i:after].
func (s *Scanner) before(i, after int, sep byte) bool {
	src := s.src
	c := &s.Candidate
	c.N, c.first, c.outer, c.Secret, c.Plain = 0, false, 0, 0, false
	low := max(s.low, i-maxKey-8)
	end := i
	for end > low && (src[end-1] == ' ' || src[end-1] == '\t' || src[end-1] == '?' || src[end-1] == '\n' || src[end-1] == '\r') {
		end--
	}
	// "key" /* : */ : and "key" // x: the comment belongs to no key.
	if end-low > 4 && src[end-1] == '/' && src[end-2] == '*' {
		for j := end - 3; j > low; j-- {
			if src[j] == '*' && src[j-1] == '/' {
				end = j - 1
				break
			}
		}
		for end > low && (src[end-1] == ' ' || src[end-1] == '\t') {
			end--
		}
	}
	c.Sep, c.line = sep, s.bol
	for end-low > 2 && src[end-1] == '*' && src[end-2] == '*' {
		end -= 2 // **key**: value
	}
	if end-low > 4 && src[end-1] == ']' && (src[end-2] == '"' || src[end-2] == '\'') {
		end-- // map["key"] = value
	}
	if q, n := quoteBefore(src[low:end]); n > 0 {
		c.KeyEnd = end - n
		c.Key = c.KeyEnd
		for c.Key > low && !opensAt(src[low:c.Key], q) {
			c.Key--
		}
	} else {
		c.KeyEnd, c.Key = end, end
		c.Plain = true
		for c.Key > low && wordByte[src[c.Key-1]] {
			c.Key--
			if src[c.Key] == '%' {
				c.Plain = false
			}
		}
		if key := src[c.Key:c.KeyEnd]; len(key) > 4 && key[3] == '[' && string(key[:3]) == "map" {
			c.Key += 4 // a map of Go: map[key:value]
		}
		tail := 0
		if !c.Plain {
			tail = afterEscapes(src, c.Key, c.KeyEnd)
		}
		if tail > c.Key && tail < c.KeyEnd {
			c.Words[0] = tail
			c.N = 1
		} else {
			c.words(src, low)
		}
		c.outer = s.outerQuote(c.Key)
	}
	if c.Key == c.KeyEnd {
		return false
	}
	for after < len(src) && (src[after] == '=' || src[after] == '>' || src[after] == ':' || src[after] == '~') {
		after++ // "=>", ":=", "==", "::"
	}
	c.Val = skipBlank(src, after)
	if src[after-1] == '>' && c.Val < len(src) && (src[c.Val] == '\n' || src[c.Val] == '\r') { // dumps of PHP
		for c.Val < len(src) && blank(src[c.Val]) {
			c.Val++
		}
	}
	if sep == '=' && src[c.Key] == '-' && c.KeyEnd-c.Key >= 6 && userOption(src[c.Key+2:c.KeyEnd]) {
		c.Sep = ' ' // --user=user:password
		c.secret(src)
	}
	c.first = leading(src[s.bol:max(c.Key, s.bol)])
	return true
}

// words finds the starts of longer phrases.
func (c *Candidate) words(src []byte, low int) {
	at := c.Key
	for c.N < len(c.Words) {
		j := at
		if j > low && src[j-1] == ' ' {
			j--
		}
		if j > low && j < at && (src[j-1] == '.' || src[j-1] == '!') {
			break // the end of a sentence
		}
		if j == at || j == low || !phraseByte(src[j-1]) || !phraseByte(src[at]) {
			break
		}
		for j > low && phraseByte(src[j-1]) {
			j--
		}
		c.Words[c.N] = j
		c.N++
		at = j
	}
	// An escaped line end in front of the key looks like a letter of it.
	if c.Key > low && src[c.Key-1] == '\\' && c.N == 0 && c.KeyEnd-c.Key > 1 {
		switch src[c.Key] {
		case 'n', 'r', 't':
			c.Words[0] = c.Key + 1
			c.N = 1
		}
	}
}

// phraseByte reports whether c may be part of a word of a phrase. Brackets may not:
// they set off what is no word ("[INFO]", "[REDACTED:…]").
func phraseByte(c byte) bool { return wordByte[c] && c != '[' && c != ']' }

// outerQuote is the quote before offset i that the key stands in, if any.
func (s *Scanner) outerQuote(i int) byte {
	if i > s.bol && (s.src[i-1] == '"' || s.src[i-1] == '\'' || s.src[i-1] == '`') {
		return s.src[i-1]
	}
	return 0
}

// element reads "<key ...>" that ends at i.
func (s *Scanner) element(i int) bool {
	src := s.src
	c := &s.Candidate
	c.N, c.first, c.outer, c.Secret, c.Plain = 0, false, 0, 0, false
	c.Key = s.tag + 1
	s.tag = -1
	c.KeyEnd = c.Key
	for c.KeyEnd < i && (wordByte[src[c.KeyEnd]] || src[c.KeyEnd] == ':') {
		c.KeyEnd++
	}
	c.Sep, c.line, c.Val = '>', s.bol, i+1
	return c.KeyEnd > c.Key && c.KeyEnd-c.Key <= maxKey && src[i-1] != '/'
}

// flag reads "--key value" at i.
func (s *Scanner) flag(i int) bool {
	src := s.src
	c := &s.Candidate
	c.N, c.first, c.outer, c.Secret, c.Plain = 0, false, 0, 0, false
	if i > 0 && !blank(src[i-1]) && src[i-1] != '"' && src[i-1] != '\'' {
		return false
	}
	j := i + 1
	if j < len(src) && src[j] == '-' {
		j++
	}
	c.Key = j
	for j < len(src) && j-c.Key <= maxKey && wordByte[src[j]] {
		j++
	}
	c.KeyEnd = j
	if j == c.Key || j >= len(src) {
		return false
	}
	if src[j] == ':' && src[c.Key]|32 == 'u' && c.Key == i+1 && bytes.Contains(src[max(s.bol, i-maxKey):i], []byte("curl")) {
		// -uuser:password
		c.KeyEnd = c.Key + 1
		c.Sep, c.line, c.Val = ' ', s.bol, c.KeyEnd
		c.secret(src)
		return true
	}
	// A list in JSON: "--key","value".
	for j < len(src) && (src[j] == '"' || src[j] == '\'' || src[j] == ',') {
		j++
	}
	c.Val = skipBlank(src, j)
	if c.Val == c.KeyEnd || c.Val >= len(src) || src[c.Val] == '-' || src[c.Val] == '=' || src[c.Val] == ':' {
		return false
	}
	c.Sep, c.line = ' ', s.bol
	if j > c.KeyEnd && c.Val > 0 && (src[c.Val-1] == '"' || src[c.Val-1] == '\'') {
		c.Val-- // keep the opening quote of the value
	}
	if userOption(src[c.Key:c.KeyEnd]) {
		c.secret(src)
	}
	return true
}

// userOption reports whether a command-line option takes "user:password".
func userOption(name []byte) bool {
	switch string(name) {
	case "u", "U", "user", "proxy-user":
		return true
	}
	return false
}

// secret finds the password in a value "user:password".
func (c *Candidate) secret(src []byte) {
	i := c.Val
	for i < len(src) && src[i] == '\\' {
		i++
	}
	var outer byte
	if i < len(src) && (src[i] == '"' || src[i] == '\'' || src[i] == '`') {
		outer = src[i]
		i++
	}
	for limit := min(len(src), i+maxKey); i < limit; i++ {
		switch b := src[i]; {
		case b == ':':
			c.Secret, c.outer = i+1, outer
			return
		case b == '\n' || b == outer || outer == 0 && blank(b):
			return
		}
	}
}

// Password makes the candidate that of the password in its value, see Secret.
func (c *Candidate) Password() { c.Val = c.Secret }

// escaped reads a percent-encoded byte at i, which may be encoded several times
// (%253D); n is 0 if there is none.
func escaped(src []byte, i int) (b byte, n int) {
	j := i + 1
	for j+3 < len(src) && src[j] == '2' && src[j+1] == '5' && j-i < 9 {
		j += 2
	}
	if j+1 >= len(src) || src[i] != '%' {
		return 0, 0
	}
	h, l := hexVal(src[j]), hexVal(src[j+1])
	if h > 15 || l > 15 {
		return 0, 0
	}
	return h<<4 | l, j + 2 - i
}

func hexVal(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|32 && c|32 <= 'f':
		return c | 32 - 'a' + 10
	}
	return 255
}

// afterEscapes is the start of the key behind the last escaped byte in src[i:end]
// that no key has, such as the "?" of a URL that is encoded as a whole.
func afterEscapes(src []byte, i, end int) int {
	key := i
	for ; i < end; i++ {
		if src[i] != '%' {
			continue
		}
		if b, n := escaped(src[:end], i); n > 0 && !wordByte[b] {
			key = i + n
			i = key - 1
		}
	}
	if key >= end {
		return end
	}
	return key
}

func skipBlank(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\t') {
		i++
	}
	return i
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// leading reports whether b has blanks, list marks and comment marks only.
func leading(b []byte) bool {
	for _, c := range b {
		switch c {
		case ' ', '\t', '-', '*', '#', '"', '\'', '>', '<', ';', '/', '|', '\r':
		default:
			return false
		}
	}
	return true
}

// wordByte marks what an unquoted key is made of.
var wordByte = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for _, c := range "_-.$@%[]#!~" {
		t[c] = true
	}
	for c := 0x80; c < 0x100; c++ {
		t[c] = true
	}
	return t
}()
