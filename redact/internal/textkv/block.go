// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import "bytes"

// Values of more than one line.

// content is the value of an XML-like element. Without its end tag it is the line,
// or the next one.
func (c *Candidate) content(src []byte) (start, end, next int) {
	name := src[c.Key:c.KeyEnd]
	for i := c.Val; i < len(src); {
		if c.patience < 0 { // a text of elements without ends
			return c.Val, len(src), len(src)
		}
		j := bytes.Index(src[i:], []byte("</"))
		if j < 0 {
			c.patience -= len(src) - i
			break
		}
		c.patience -= j + 2
		i += j
		if rest := src[i+2:]; len(rest) >= len(name) && bytes.EqualFold(rest[:len(name)], name) {
			return c.Val, i, i
		}
		i += 2
	}
	i := c.Val
	for i < len(src) && blank(src[i]) {
		i++
	}
	for i < len(src) && src[i] != '\n' {
		i++
	}
	if closes(src, c.Val) {
		i = c.Val // <token>` or <token>", a placeholder
	}
	return c.Val, i, i
}

// closes reports whether a mark that ends a quotation stands at i.
func closes(src []byte, i int) bool {
	return i < len(src) && (src[i] == '`' || src[i] == '"' || src[i] == '\'' || src[i] == ')' || src[i] == ']')
}

// block is an indented block or a multi-line scalar: the lines below that are
// indented deeper than the key.
func (c *Candidate) block(src []byte, i int) (start, end int, ok bool) {
	if !c.first {
		return 0, 0, false
	}
	column := c.Key - c.line
	at := i
	for at < len(src) && src[at] != '\n' {
		at++
	}
	head := bytes.TrimSpace(src[i:at])
	scalar := len(head) > 0 && len(head) < 5 // "|", ">-", "|2+"
	if len(head) > 0 && !scalar {
		return 0, 0, false
	}
	end = at
	for at < len(src) {
		at++ // the line end
		k := at
		for k < len(src) && (src[k] == ' ' || src[k] == '\t') {
			k++
		}
		if k < len(src) && src[k] != '\n' && src[k] != '\r' {
			if indent := k - at; indent < column || indent == column && (scalar || src[k] != '-') || indent == 0 && column == 0 && src[k] != '-' {
				break
			}
			if k-at <= column && src[k] != '-' {
				break
			}
		}
		j := bytes.IndexByte(src[k:], '\n')
		if j < 0 {
			end = len(src)
			break
		}
		at = k + j
		if k < at && src[k] != '\r' {
			end = at
		}
	}
	if end < len(src) && end > i && src[end-1] == '\r' {
		end--
	}
	start = i
	if !scalar {
		for start < end && blank(src[start]) {
			start++
		}
	}
	return start, end, end > start
}

// folded returns the end of the line ends at i if the next line continues a
// header line or a YAML scalar, else i.
func (c *Candidate) folded(src []byte, i int) int {
	if !c.wide() {
		return i
	}
	j := i
	if src[j] == '\r' {
		j++
	}
	if j >= len(src) || src[j] != '\n' {
		return i
	}
	j++
	k := skipBlank(src, j)
	if k == j || k-j <= c.Key-c.line || k >= len(src) || src[k] == '\n' || src[k] == '\r' {
		return i
	}
	return k
}

// continued returns where a properties line goes on that ends with the backslash
// at i, else i. In a shell a blank stands before it.
func (c *Candidate) continued(src []byte, i int) int {
	k := i + 1
	if k < len(src) && src[k] == '\r' {
		k++
	}
	if !c.first || c.Sep != '=' && c.Sep != ':' || i == 0 || blank(src[i-1]) || k >= len(src) || src[k] != '\n' {
		return i
	}
	return skipBlank(src, k+1)
}
