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

	jwtSkip, colonSkip, ipSkip, phoneSkip, authSkip, urlSkip, mailSkip, blobEnd, runEnd, tokenEnd, lastAt int

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
	n := len(src)
	f := finder{s: s, src: src, cut: cut}
	card := span{start: n}
	if s.has(detCard) {
		card = f.nextCard(0)
	}
	for i := 0; ; {
		// The hot loop stands alone so that its variables stay in registers.
		i = skip(tab, src[:card.start], i)
		if i >= card.start {
			if card.end == 0 {
				return dst
			}
			dst = s.emit(dst, card)
			f.floor, i = card.end, card.end
			card = f.nextCard(i)
			continue
		}
		p := uint16(src[i])
		if i+1 < n {
			p |= uint16(src[i+1]) << 8
		}
		m, next := f.try(i, &s.actions[tab[p]])
		if m.end == 0 {
			i = next
			continue
		}
		for card.end > 0 && card.start < m.end {
			if card.end <= m.start { // the match stands after the card
				dst = s.emit(dst, card)
			} else {
				m = m.or(card)
			}
			f.floor = card.end
			card = f.nextCard(card.end)
		}
		dst = s.emit(dst, m)
		f.floor, i = m.end, m.end
	}
}

func (s *Set) emit(dst []Match, m span) []Match {
	return append(dst, Match{m.start, m.end, s.rule[m.det]})
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
	for k := range a.lits {
		r := &a.lits[k]
		if p := i - int(r.off); p >= f.floor && f.src[p] == r.first {
			if x := f.literal(&literals[r.lit], p); x.end > 0 {
				m = m.or(x)
			}
		}
	}
	if a.bits == 0 {
		return m, next
	}
	src := f.src
	var x span
	c := lower(src[i])
	if a.bits&actJWT != 0 {
		if x = f.jwt(back(i, c != 'e')); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actBearer != 0 {
		if x = f.bearer(back(i, c != 'b')); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actBasic != 0 {
		if x = f.basic(back(i, c != 'b')); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actAWSSecret != 0 {
		if x = f.awsSecret(back(i-1, c != 'e')); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actBegin != 0 {
		if x = f.pemBegin(back(i-1, c != 'e')); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actEnd != 0 {
		if x = f.pemEnd(back(i, c != 'e')); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actSlashes != 0 {
		if x = f.userinfo(i); x.end > 0 {
			m = m.or(x)
		} else {
			next = max(next, f.urlSkip) // past a long run of slashes
		}
	}
	if a.bits&actAt != 0 {
		if x = f.at(i); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actPctAt != 0 {
		if x = f.pctAt(i); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actColon != 0 {
		if x = f.ip6(i); x.end > 0 {
			m = m.or(x)
		}
	}
	if a.bits&actDigit != 0 {
		x, next = f.digits(i)
		if x.end > 0 {
			m = m.or(x)
		}
	}
	return m, next
}

// back is where a word starts whose anchor was met by its first pair at i, or by
// its second.
func back(i int, second bool) int {
	if second {
		return i - 1
	}
	return i
}
