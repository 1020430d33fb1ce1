// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import "bytes"

// Options of command lines.

// beforeFlag has what an option stands behind.
var beforeFlag = marksOf(" \t\r\n\"'")

// flag reads "--key value" at i, which is the first byte or stands behind one of
// beforeFlag.
func (s *Scanner) flag(i int) bool {
	src := s.src
	c := &s.Candidate
	c.N, c.first, c.outer, c.Secret, c.Plain = 0, false, 0, 0, false
	j := i + 1
	if j < len(src) && src[j] == '-' {
		j++
	}
	c.Key = j
	c.Plain = true
	for j < len(src) && j-c.Key <= maxKey && wordByte[src[j]] {
		if src[j] == '%' {
			c.Plain = false
		}
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
		return true
	}
	return !s.hushedFlag(i)
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
