// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import "bytes"

// Cell is one field of a CSV record: src[Start:End] is its content, without quotes
// if it is quoted (then "" stands for ").
type Cell struct {
	Start, End int
	// Next is where the next cell starts; Last is set if it is on the next line.
	Next   int
	Last   bool
	Quoted bool
	// Cut is set if the input ends in the cell.
	Cut bool
}

// ReadCell reads the cell at pos.
func ReadCell(src []byte, pos int, delim byte) (c Cell) {
	i := pos
	for i < len(src) && src[i] == ' ' && delim != ' ' {
		i++
	}
	if i < len(src) && src[i] == '"' {
		c.Quoted, c.Start = true, i+1
		for i++; i < len(src); i++ {
			if src[i] != '"' {
				continue
			}
			if i+1 < len(src) && src[i+1] == '"' {
				i++
				continue
			}
			break
		}
		c.End = min(i, len(src))
		i = min(i+1, len(src))
		if c.End == len(src) {
			c.Next, c.Last, c.Cut = len(src), true, true
			return c
		}
	} else {
		c.Start = pos
		i = pos
	}
	for i < len(src) && src[i] != delim && src[i] != '\n' {
		i++
	}
	if !c.Quoted {
		c.End = i
		if i < len(src) && src[i] == '\n' && i > c.Start && src[i-1] == '\r' {
			c.End--
		}
	} else if tail := bytes.TrimSpace(src[c.End+1 : i]); len(tail) > 0 {
		c.Quoted = false // "a"b: no clean quoting, all of it is the content
		c.Start, c.End = pos, i
	}
	c.Cut = i == len(src)
	c.Last = i == len(src) || src[i] == '\n'
	c.Next = min(i+1, len(src))
	return c
}

// Delimiter guesses what separates the cells of a CSV from its first line, and
// counts the cells; n is 1 if nothing does.
func Delimiter(src []byte) (delim byte, n int) {
	line, _, _ := bytes.Cut(src, []byte{'\n'})
	delim, n = ',', 1
	for _, d := range []byte(",;\t|") {
		k := 0
		for pos := 0; pos <= len(line); {
			c := ReadCell(line, pos, d)
			k++
			if c.Next == len(line) {
				if !c.Cut {
					k++ // the line ends with a delimiter
				}
				break
			}
			pos = c.Next
		}
		if k > n {
			delim, n = d, k
		}
	}
	return delim, n
}

// Preamble is the length of lines before the header of a CSV: "sep=;" as
// spreadsheets write it, and comments. A comment has not as many cells as the line
// behind it; "#id,name" is a header.
func Preamble(src []byte) int {
	pos := 0
	for pos < len(src) && (src[pos] == '#' || len(src)-pos > 4 && bytes.EqualFold(src[pos:pos+4], []byte("sep="))) {
		n := bytes.IndexByte(src[pos:], '\n') + 1
		if n == 0 || pos+n == len(src) {
			break
		}
		if src[pos] == '#' {
			delim, cells := Delimiter(src[pos+n:])
			if d, k := Delimiter(src[pos:]); src[pos+n] != '#' && d == delim && k == cells && (k > 1 || bytes.IndexByte(src[pos:pos+n], ' ') < 0) {
				break
			}
		} else if n > len("sep=;\r\n") {
			break
		}
		pos += n
	}
	return pos
}
