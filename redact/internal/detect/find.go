// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "encoding/binary"

// span is a candidate match; end 0 = none.
type span struct {
	start, end int
	det        uint8
}

var none = span{}

// or returns the better of two candidates: the earlier one, then the longer one;
// or, if they overlap, the union under the longer one's detector.
func (a span) or(b span) span {
	switch {
	case b.end == 0:
		return a
	case a.end == 0:
		return b
	case a.end <= b.start:
		return a
	case b.end <= a.start:
		return b
	}
	u := span{min(a.start, b.start), max(a.end, b.end), a.det}
	if b.end-b.start > a.end-a.start {
		u.det = b.det
	}
	return u
}

// finder is the state of one scan. Fields called skip are positions before which
// a detector has already looked and found nothing: they keep the scan linear.
type finder struct {
	s     *Set
	src   []byte
	cut   bool
	floor int // end of the last match: nothing may start before it

	jwtSkip, colonSkip, ipSkip, phoneSkip, authSkip, urlSkip, tokenEnd, lastAt int

	cards cardQueue
}

// Find appends the matches in src to dst: sorted, not overlapping. cut says that
// src is the head of a longer value, so that an unfinished match at its end
// counts.
func (s *Set) Find(dst []Match, src []byte, cut bool) []Match {
	if s == nil {
		return dst
	}
	base := len(dst)
	if s.on != 0 && len(src) > 0 {
		dst = s.scan(dst, src, cut)
	}
	if len(s.regexes) > 0 {
		dst = s.findRegexes(dst, base, src, cut)
	}
	return dst
}

func (s *Set) scan(dst []Match, src []byte, cut bool) []Match {
	tab := &s.pairs
	i, n := 0, len(src)
	// The hot loop stands alone so that its variables stay in registers.
	i = skip(tab, src, 0)
	if i >= n {
		return dst
	}
	f := finder{s: s, src: src, cut: cut}
	for {
		p := uint16(src[i])
		if i+1 < n {
			p |= uint16(src[i+1]) << 8
		}
		next := i + 2
		if a := tab[p]; a != 0 {
			var m span
			if m, next = f.try(i, &s.actions[a]); m.end > 0 {
				dst = append(dst, Match{m.start, m.end, s.rule[m.det]})
				f.floor, next = m.end, m.end
			}
		}
		i = skip(tab, src, next)
		if i >= n {
			return dst
		}
	}
}

// skip returns the first position from i, in steps of two, whose pair has an
// action, or len(src).
func skip(tab *[1 << 16]uint8, src []byte, i int) int {
	n := len(src)
	for i+8 <= n {
		x := binary.LittleEndian.Uint64(src[i:])
		if tab[uint16(x)]|tab[uint16(x>>16)]|tab[uint16(x>>32)]|tab[x>>48] != 0 {
			switch {
			case tab[uint16(x)] != 0:
				return i
			case tab[uint16(x>>16)] != 0:
				return i + 2
			case tab[uint16(x>>32)] != 0:
				return i + 4
			}
			return i + 6
		}
		i += 8
	}
	for ; i+1 < n; i += 2 {
		if tab[pair(src[i], src[i+1])] != 0 {
			return i
		}
	}
	if i < n && tab[src[i]] != 0 {
		return i
	}
	return n
}

// try looks for matches around the pair at i and says where to go on.
func (f *finder) try(i int, a *action) (m span, next int) {
	next = i + 2
	if a.bits&actDigit != 0 {
		m, next = f.digits(i)
		if m.end > 0 && m.start > i+1 {
			// A card further on: what starts before it has the right of way.
			next, m = min(next, m.start), none
		}
	}
	if a.bits&^actDigit != 0 {
		m = m.or(f.tryBits(i, a.bits))
	}
	for _, l := range a.lits {
		m = m.or(f.literal(&literals[l.lit], i-int(l.off)))
	}
	return m, next
}

func (f *finder) tryBits(i int, bits uint16) (m span) {
	if bits&actAt != 0 {
		m = m.or(f.at(i))
	}
	if bits&actPctAt != 0 {
		m = m.or(f.pctAt(i))
	}
	if bits&actSlashes != 0 {
		m = m.or(f.userinfo(i))
	}
	if bits&actJWT != 0 {
		m = m.or(f.jwt(i)).or(f.jwt(i - 1))
	}
	if bits&actBearer != 0 {
		m = m.or(f.bearer(i)).or(f.bearer(i - 1))
	}
	if bits&actBasic != 0 {
		m = m.or(f.basic(i)).or(f.basic(i - 1))
	}
	if bits&actAWSSecret != 0 {
		m = m.or(f.awsSecret(i - 1)).or(f.awsSecret(i - 2))
	}
	if bits&actBegin != 0 {
		m = m.or(f.pemBegin(i - 1)).or(f.pemBegin(i - 2))
	}
	if bits&actEnd != 0 {
		m = m.or(f.pemEnd(i)).or(f.pemEnd(i - 1))
	}
	if bits&actColon != 0 {
		m = m.or(f.ip6(i))
	}
	return m
}
