// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

const (
	defaultV4 = 24
	defaultV6 = 48
	// maxKeep bounds what may stay at one end of a number, minHidden what must not:
	// the issuer number and the last four of a payment card of 15 digits leave five.
	maxKeep   = 8
	minHidden = 4
)

// checkKeep validates what a masked number keeps.
func (c *compiler) checkKeep(where string, line int, k Keep, a action) {
	switch {
	case k == (Keep{}):
	case k.First < 0 || k.First > maxKeep || k.Last < 0 || k.Last > maxKeep:
		c.errorf(line, "%s: keep_first and keep_last must be 0 to %d characters", where, maxKeep)
	case a != actMask:
		c.errorf(line, "%s: keep_first and keep_last are for values that are masked", where)
	}
}

// keepOf is what a value under c keeps: nothing if it may have been cut.
func (s *Scratch) keepOf(c ctx) Keep {
	if c.v.act != actMask || c.cut {
		return Keep{}
	}
	return s.p.rules[c.v.rule].keep
}

// maskContent is maskOf for content that may be one number; sound is false if it may
// have been cut.
func (s *Scratch) maskContent(c ctx, content []byte, sound bool) (rep []byte, ef Effect) {
	k := s.keepOf(c)
	if k == (Keep{}) || !sound {
		return s.maskOf(c)
	}
	if s.partlyMasked(content, k) {
		return content, Changed
	}
	_, ef = s.maskOf(c)
	return s.partly(content, k), ef
}

// partly masks a number but for its ends: letters and digits are counted, blanks,
// '-', '.', '/' and '_' between them go. What has any other character is no number,
// and of a short one nothing stays.
func (s *Scratch) partly(v []byte, k Keep) []byte {
	if plainNumber(v) < k.First+k.Last+minHidden {
		return s.p.mask
	}
	m := s.mark()
	s.arena = appendAlnum(s.arena, v, k.First)
	s.arena = append(s.arena, s.p.mask...)
	i := len(v)
	for n := 0; n < k.Last; {
		i--
		if alnum(v[i]) {
			n++
		}
	}
	s.arena = appendAlnum(s.arena, v[i:], k.Last)
	return s.arena[m:]
}

// partlyMasked reports whether v is what partly makes of something: it shows no more
// than that, whoever wrote it, and the result of a result is to be the same.
func (s *Scratch) partlyMasked(v []byte, k Keep) bool {
	i := bytes.Index(v, s.p.mask)
	if i < 0 {
		return false
	}
	head, tail := v[:i], v[i+len(s.p.mask):]
	return len(head) == k.First && len(tail) == k.Last && plainNumber(head) == k.First && plainNumber(tail) == k.Last
}

// plainNumber counts letters and digits, or is -1 if there is anything else but
// separators.
func plainNumber(v []byte) (n int) {
	for _, c := range v {
		switch {
		case alnum(c):
			n++
		case c == ' ', c == '-', c == '.', c == '/', c == '_':
		default:
			return -1
		}
	}
	return n
}

func appendAlnum(dst, v []byte, n int) []byte {
	for _, c := range v {
		if n == 0 {
			break
		}
		if alnum(c) {
			dst = append(dst, c)
			n--
		}
	}
	return dst
}

func alnum(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' }
