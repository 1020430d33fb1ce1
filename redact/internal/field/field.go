// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package field

import "bytes"

// Line is one header line with its folded continuations. src[Name:Colon] is the
// field name, src[Val:End] the value without blanks round it; a line without a
// colon has Colon < 0 and only a value.
type Line struct {
	Name, Colon, Val, End int
	// Next is the offset behind the line end.
	Next int
	// Empty is set for the empty line that ends a header section.
	Empty bool
	// Cut is set if the input ends before the line does.
	Cut bool
}

// ReadLine reads the header line at pos, which must be less than len(src).
func ReadLine(src []byte, pos int) Line {
	l := Line{Name: pos, Colon: -1, Val: pos}
	end, next := EndOfLine(src, pos)
	if end == pos && next > pos {
		l.Empty, l.End, l.Next = true, end, next
		return l
	}
	// A line that starts with a blank goes on with the one before.
	for next < len(src) && next > end && (src[next] == ' ' || src[next] == '\t') {
		end, next = EndOfLine(src, next)
	}
	l.Cut = next == end
	if i := bytes.IndexByte(src[pos:end], ':'); i >= 0 {
		l.Colon = pos + i
		l.Val = l.Colon + 1
		for l.Colon > pos && blank(src[l.Colon-1]) {
			l.Colon--
		}
		for l.Val < end && blank(src[l.Val]) {
			l.Val++
		}
	}
	for end > l.Val && blank(src[end-1]) {
		end--
	}
	l.End, l.Next = end, next
	return l
}

// shortLine is up to where a loop finds the end of a line faster than a search.
const shortLine = 16

// EndOfLine returns where the line at pos ends and where the next one starts;
// they are equal at the end of input.
func EndOfLine(src []byte, pos int) (end, next int) {
	for end = pos; end < len(src) && src[end] != '\n'; end++ {
		if end-pos == shortLine {
			i := bytes.IndexByte(src[end:], '\n')
			if i < 0 {
				return len(src), len(src)
			}
			end += i
			break
		}
	}
	if end == len(src) {
		return end, end
	}
	next = end + 1
	if end > pos && src[end-1] == '\r' {
		end--
	}
	return end, next
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// Param is one parameter: src[Name:Eq] is its name, src[Val:End] its value
// without quotes, still escaped. Ext is set for name*= (RFC 8187), Quoted for a
// quoted string.
type Param struct {
	Name, Eq, Val, End int
	Next               int
	Quoted, Ext        bool
}

// NextParam reads the first parameter of src at or behind pos; pieces without
// "=" are passed over.
func NextParam(src []byte, pos int) (p Param, ok bool) {
	for pos < len(src) {
		for pos < len(src) && (src[pos] == ';' || src[pos] == ',' || blank(src[pos])) {
			pos++
		}
		p.Name = pos
		for pos < len(src) && src[pos] != ';' && src[pos] != '=' {
			pos++
		}
		if pos >= len(src) {
			return p, false
		}
		if src[pos] == ';' {
			continue
		}
		p.Eq = pos
		for p.Eq > p.Name && blank(src[p.Eq-1]) {
			p.Eq--
		}
		if p.Eq > p.Name && src[p.Eq-1] == '*' {
			p.Ext = true
			p.Eq--
		}
		// RFC 2231 continuations: name*0, name*1.
		if i := bytes.IndexByte(src[p.Name:p.Eq], '*'); i >= 0 {
			p.Eq = p.Name + i
		}
		pos++
		for pos < len(src) && blank(src[pos]) {
			pos++
		}
		p.Val = pos
		if pos < len(src) && src[pos] == '"' {
			p.Quoted = true
			p.Val++
			for pos++; pos < len(src) && src[pos] != '"'; pos++ {
				if src[pos] == '\\' {
					pos++
				}
			}
			p.End = min(pos, len(src))
			p.Next = min(pos+1, len(src))
			return p, true
		}
		for pos < len(src) && src[pos] != ';' {
			pos++
		}
		p.End, p.Next = pos, pos
		for p.End > p.Val && blank(src[p.End-1]) {
			p.End--
		}
		return p, true
	}
	return p, false
}

// Unquote appends the value of a quoted string without its backslashes.
func Unquote(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		dst = append(dst, v[i])
	}
	return dst
}

// Fold compares b with a lower-case ASCII word.
func Fold(b []byte, word string) bool {
	return len(b) == len(word) && HasPrefixFold(b, word)
}

// HasPrefixFold reports whether b starts with a lower-case ASCII word.
func HasPrefixFold(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 32
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
