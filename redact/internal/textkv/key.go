// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

// The key in front of a mark.

// before reads the key in front of a separator at src[i:after].
func (s *Scanner) before(i, after int, sep byte) bool {
	src := s.src
	c := &s.Candidate
	c.N, c.first, c.outer, c.Secret, c.Plain = 0, false, 0, 0, false
	low := max(s.low, i-maxKey-8)
	if i < low {
		return false // the mark is the end of a value
	}
	end := i
	c.Sep, c.line = sep, s.bol
	if end > low && nameByte[src[end-1]] {
		s.bareKey(low, end)
	} else {
		s.markedKey(low, end)
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
	if sep == '=' && src[c.Key] == '-' && c.KeyEnd-c.Key >= 6 && s.tools.UserOption(src, min(c.Key, max(s.bol, c.Key-maxKey)), c.Key, src[c.Key+2:c.KeyEnd]) {
		c.Sep = ' ' // --user=user:password
		c.secret(src)
	}
	c.first = s.leads(c.Key)
	return true
}

// markedKey reads a key with blanks, a quote or other marks behind it.
func (s *Scanner) markedKey(low, end int) {
	src := s.src
	c := &s.Candidate
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
	for end-low > 2 && src[end-1] == '*' && src[end-2] == '*' {
		end -= 2 // **key**: value
	}
	if end-low > 2 && src[end-1] == ')' && end+1 < len(src) && src[end+1] == '(' {
		end-- // Key (token)=(S) of PostgreSQL
	}
	if end-low > 4 && src[end-1] == ']' && (src[end-2] == '"' || src[end-2] == '\'') {
		end-- // map["key"] = value
	}
	q, n := quoteBefore(src[low:end])
	if n == 0 {
		s.bareKey(low, end)
		return
	}
	c.KeyEnd = end - n
	c.Key = low + openBefore(src[low:c.KeyEnd], q)
}

// bareKey reads a key without quotes that ends at end.
func (s *Scanner) bareKey(low, end int) {
	src := s.src
	c := &s.Candidate
	key := end
	c.Plain = true
	for key > low && wordByte[src[key-1]] {
		key--
		if src[key] == '%' {
			c.Plain = false
		}
	}
	if end-key > 4 && src[key+3] == '[' && string(src[key:key+3]) == "map" {
		key += 4 // a map of Go: map[key:value]
	}
	c.Key, c.KeyEnd = key, end
	tail := 0
	if !c.Plain {
		tail = afterEscapes(src, key, end)
	}
	if tail > key && tail < end {
		c.Words[0] = tail
		c.N = 1
	} else if key > low {
		c.words(src, low)
	}
	c.outer = s.outerQuote(key)
}

// leads reports whether nothing but blanks, list marks and comment marks stands before
// src[i] in its line.
func (s *Scanner) leads(i int) bool {
	if s.lead < s.bol {
		s.lead = s.bol
	}
	for s.lead < i && leadByte[s.src[s.lead]] {
		s.lead++
	}
	return s.lead >= i
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

// leadByte marks blanks, list marks and comment marks.
var leadByte = [256]bool{
	' ': true, '\t': true, '-': true, '*': true, '#': true, '"': true, '\'': true, '>': true, '<': true, ';': true, '/': true, '|': true, '\r': true,
}

// nameByte marks what surely ends a key without quotes: not "2" and "7", which end
// %22 and %27.
var nameByte = func() (t [256]bool) {
	for c := range byte(0x80) {
		t[c] = c == '_' || c == '-' || c == '.' || c != '2' && c != '7' && c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	return t
}()

// endsKey marks what may stand before a mark if a key does: the end of a word, of a
// quotation, a bracket or a comment, or blanks; see markedKey.
var endsKey = func() (t [256]bool) {
	t = wordByte
	for _, c := range []byte(" \t\r\n?/*)\"'`;") {
		t[c] = true
	}
	return t
}()

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
