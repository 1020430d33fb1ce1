// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"bytes"
	"strings"
)

// Value returns the extent of the value without its quotes, and where to go on.
func (c *Candidate) Value(src []byte) (start, end, next int) {
	i := c.comment(src, c.Val)
	if c.Sep == '>' {
		return c.content(src)
	}
	i = dumped(src, i)
	if i >= len(src) {
		return i, i, i
	}
	if c.Sep == ':' && (src[i] == '\n' || src[i] == '\r' || src[i] == '|' || src[i] == '>' || src[i] == '&' && c.first) {
		if s, e, ok := c.block(src, i); ok {
			return s, e, e
		}
	}
	if src[i] == '\n' || src[i] == '\r' {
		if c.Sep != ':' || c.first {
			return i, i, i // an empty value
		}
		for i < len(src) && blank(src[i]) {
			i++ // JSON with a line break behind the colon
		}
		if i == len(src) {
			return i, i, i
		}
	}
	j := i
	// String prefixes: b'', u'', @"", :"". A header or YAML line has none: there it
	// is an unquoted value with quotes in it.
	for j < len(src) && j < i+2 && stringPrefix[src[j]] && !c.wide() {
		j++
	}
	for k := i; k < len(src); k = j {
		if q, n := quoteAt(src, k); n > 0 && (c.outer == 0 || q.mark[0] != c.outer || q.slashes > 0 || k == i) {
			if c.outer != 0 && q.mark[0] == c.outer && q.slashes == 0 {
				break // the outer string ends: the value is empty
			}
			end, next = q.closeAt(src, k+n)
			start = k + n
			if q.slashes == 0 && c.Sep != ':' && c.outer == 0 {
				for next+1 < len(src) && glued(src[next+1]) { // shell: 'a'"b"
					q2, n2 := quoteAt(src, next)
					if n2 != 1 {
						break
					}
					_, next = q2.closeAt(src, next+1)
					start, end = i, next // with its quotes: they are no pair
				}
			}
			if next < len(src) && (glued(src[next]) || c.first && c.outer == 0 && !c.alone(src, next)) {
				e := c.bare(src, next)
				return i, e, e
			}
			return start, end, next
		}
		if k == j {
			break
		}
	}
	switch src[i] {
	case '{', '[', '(':
		e := Skip(src, i)
		if e < len(src) && glued(src[e]) {
			e = c.bare(src, e)
		}
		return i, e, e
	case '<': // <your key>
		if n := bytes.IndexByte(src[i:min(len(src), i+48)], '>'); n > 1 && bytes.IndexByte(src[i:i+n], '\n') < 0 && (i+n+1 == len(src) || blank(src[i+n+1])) {
			return i, i + n + 1, i + n + 1
		}
	}
	e := c.bare(src, i)
	return i, e, e
}

// stringPrefix has the letters that stand before the quote of a literal.
var stringPrefix = marksOf("bBuUrRfFnNeExX@$:")

func marksOf(list string) (t [256]bool) {
	for _, c := range []byte(list) {
		t[c] = true
	}
	return t
}

// Line returns the extent of the value of a header field: unless it is quoted it
// reaches to the end of the line or of the string that the key begins.
func (c *Candidate) Line(src []byte) (start, end, next int) {
	if _, n := quoteAt(src, c.Val); n > 0 && c.outer == 0 || c.Sep != ':' {
		return c.Value(src)
	}
	end = c.Val
	for end < len(src) && src[end] != '\n' && src[end] != '\r' && (c.outer == 0 || src[end] != c.outer) {
		end++
	}
	return c.Val, end, end
}

// dumped passes over the type in front of a text that a dump wrote: string(10) "S"
// (PHP), (string) (len=10) "S" (Go).
func dumped(src []byte, i int) int {
	if i >= len(src) || src[i] != 's' && src[i] != '(' {
		return i
	}
	for _, mark := range [...]string{"string(", "(string) (len="} {
		if !bytes.HasPrefix(src[i:], []byte(mark)) {
			continue
		}
		k := i + len(mark)
		for k < len(src) && src[k]-'0' < 10 {
			k++
		}
		if k+2 < len(src) && src[k] == ')' && src[k+1] == ' ' && src[k+2] == '"' {
			return k + 2
		}
	}
	return i
}

// alone reports whether the quoted string that ends at i is all of the value in a
// line that starts with the key: only closing marks or another key may follow.
func (c *Candidate) alone(src []byte, i int) bool {
	k := i
	for k < len(src) && (src[k] == ' ' || src[k] == '\t' || strings.IndexByte(",;}])>", src[k]) >= 0) {
		k++
	}
	return k == len(src) || src[k] == '\n' || src[k] == '\r' ||
		k > i && keyFollows(src, k, c.Sep) && (c.Sep == '=' || len(bytes.TrimSpace(src[i:k])) > 0)
}

// glued reports whether b right behind a closing quote belongs to the value, as
// in a shell word.
func glued(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|32 && b|32 <= 'z' || b == '_' || b == '$' || b >= 0x80
}

// comment passes over comments and blanks before a value.
func (c *Candidate) comment(src []byte, i int) int {
	for i+1 < len(src) && src[i] == '/' && src[i+1] == '*' {
		if c.patience < 0 {
			return i
		}
		j := bytes.Index(src[i+2:], []byte("*/"))
		if j < 0 {
			c.patience -= len(src) - i
			return i
		}
		i = skipBlank(src, i+2+j+2)
	}
	return i
}

// bare finds the end of an unquoted value.
func (c *Candidate) bare(src []byte, i int) int {
	start := i
	for ; i < len(src); i++ {
		switch b := src[i]; b {
		case '\n', '\r':
			if j := c.folded(src, i); j > i {
				i = j - 1
				continue
			}
			return trim(src, start, i)
		case ' ', '\t':
			if i-2 >= start && tabOrBlank(src[i-1]) && tabOrBlank(src[i-2]) {
				continue // as the blank before it: what follows is the same
			}
			if c.stopsAtBlank(src, start, i) {
				return i
			}
		case '&', ';', ',':
			if c.outer == 0 && c.stopsAtMark(src, i, b) {
				return i
			}
		case '"', '\'', '`':
			if c.outer == b || c.outer == 0 && !c.wide() && (i+1 == len(src) || after(src[i+1])) {
				return i
			}
		case '\\':
			if k := c.continued(src, i); k > i {
				i = k - 1
				continue
			}
			if i+1 < len(src) && (src[i+1] == '"' || src[i+1] == '\'') && !c.wide() {
				return i
			}
		case '%':
			if h, n := escaped(src, i); n > 0 && (h == '&' || h == '"') && !c.wide() {
				return i
			}
		case '}', ')', ']', '>':
			if !c.wide() && c.outer == 0 && (i+1 == len(src) || after(src[i+1])) {
				return i
			}
		case '<':
			if !c.wide() && i+1 < len(src) && src[i+1] == '/' {
				return i
			}
		}
	}
	return trim(src, start, len(src))
}

func tabOrBlank(c byte) bool { return c == ' ' || c == '\t' }

// wide reports whether the value takes the whole line: a header, YAML or
// properties line.
func (c *Candidate) wide() bool { return c.first && c.Sep == ':' }

// after reports whether b may follow a closing mark.
func after(b byte) bool { return afterMark[b] }

var afterMark = marksOf(" \t\n\r,;&)}]>\"'`\\<")

func trim(src []byte, start, end int) int {
	for end > start && blank(src[end-1]) {
		end--
	}
	return end
}

func (c *Candidate) stopsAtBlank(src []byte, start, i int) bool {
	switch {
	case c.outer != 0 || c.wide():
		return false
	case c.Sep == ' ':
		return true
	case scheme(src[start:i]):
		return false
	case c.Sep == '=' && !c.first:
		return true
	}
	k := skipBlank(src, i)
	if c.Sep == ':' && c.Val == c.KeyEnd+1 && k+1 < len(src) && src[k] == '-' && (src[k+1]|0x20)-'a' < 26 {
		return true // -passin pass:S -out file
	}
	return keyFollows(src, k, c.Sep) ||
		c.Sep == '=' && i-start < maxVariable && bytes.IndexByte(src[start:i], ' ') < 0 && c.variable(src) && command(src, k)
}

func (c *Candidate) stopsAtMark(src []byte, i int, mark byte) bool {
	if c.wide() {
		return false
	}
	if i+1 == len(src) {
		return true
	}
	j := i + 1
	if bytes.HasPrefix(src[j:], []byte("amp;")) && mark == '&' {
		j += 4
	}
	k := skipBlank(src, j)
	if k >= len(src) || src[k] == '\n' || src[k] == '\r' {
		return true
	}
	if k > j && c.Sep == '=' && !c.first {
		return true
	}
	return keyFollows(src, k, c.Sep)
}

// keyFollows reports whether a key and sep stand at i.
func keyFollows(src []byte, i int, sep byte) bool {
	_, n := quoteAt(src, i)
	j := i + n
	if j < len(src) && src[j] == ':' && n == 0 {
		j++ // a Ruby symbol
	}
	limit := min(len(src), j+maxKey)
	first := j
	for j < limit && wordByte[src[j]] {
		j++
	}
	if j == first {
		return false
	}
	if n > 0 {
		if _, n = quoteAt(src, j); n == 0 {
			return false
		}
		j += n
	}
	j = skipBlank(src, j)
	return j < len(src) && (src[j] == sep || sep == ':' && src[j] == '=' && j+1 < len(src) && src[j+1] == '>')
}

// scheme reports whether w is the name of an authentication scheme, which the
// credentials follow.
func scheme(w []byte) bool {
	if len(w) < 3 || len(w) > 16 {
		return false
	}
	for _, s := range [...]string{"bearer", "basic", "digest", "token", "apikey", "api-key", "negotiate", "ntlm", "hmac",
		"aws4-hmac-sha256", "key", "dpop", "signature", "hawk", "oauth"} {
		if len(w) == len(s) && bytes.EqualFold(w, []byte(s)) {
			return true
		}
	}
	return false
}

// Skip passes over a bracketed value at i; without its end it returns len(src).
func Skip(src []byte, i int) int {
	depth := 0
	for i < len(src) {
		switch src[i] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"', '\'', '`', '&', '%', '\\':
			if src[i] == '\'' && i > 0 && glued(src[i-1]) && src[i-1]|32 != 'b' && src[i-1]|32 != 'u' && src[i-1]|32 != 'r' {
				break // an apostrophe
			}
			if q, n := quoteAt(src, i); n > 0 {
				_, i = q.closeAt(src, i+n)
				continue
			}
		}
		i++
	}
	return len(src)
}
