// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/binary"
	"slices"
)

// span is a candidate match; end 0 = none.
type span struct {
	start, end int
	det        uint8
}

var none = span{}

// finder is the state of one scan. Fields called skip are positions before which
// a detector has already looked, and what it found there is known: they keep the
// scan linear.
type finder struct {
	s    *Set
	src  []byte
	cut  bool
	dst  []Match
	base int // dst[:base] is the caller's

	digitAt, digitBefore int // see digitNear

	proseSkip, hashSkip, jwtSkip, colonSkip, ipSkip, phoneSkip, bearerSkip, basicSkip, pemSkip, urlSkip, mailSkip int

	// option: an option of a command line or base64 of JSON stands in the value.
	option bool

	textAt int // first byte that is no blank, 0 = not known

	jwtEnd, blobEnd, runEnd, tokenEnd, lastAt, hostAt, litEnd, besideAt int
	litClass                                                            uint16
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

// FindOption is Find that also tells whether src has an option of a command line
// (" --token"), whose argument may be a secret although nothing else tells, or base64
// of JSON.
func (s *Set) FindOption(dst []Match, src []byte, cut bool) (_ []Match, option bool) {
	if s == nil {
		return dst, false
	}
	base := len(dst)
	if s.on != 0 && len(src) > 0 {
		dst, option = s.scanOption(dst, src, cut)
	}
	if len(s.regexes) > 0 {
		dst = s.findRegexes(dst, base, src, cut)
	}
	return dst, option
}

// Quiet reports that nothing in src is a match or an option, as in nearly all values.
// It may say no where FindOption finds nothing.
func (s *Set) Quiet(src []byte) bool {
	n := len(src)
	if len(s.regexes) > 0 || n >= minCard && s.on&(1<<detCard|1<<detVendor) != 0 && mayHoldCard(src, false) < n {
		return false
	}
	if n < 8 {
		return s.next(src, 0) >= n
	}
	for tab, i := &s.pairs, 0; i < n; i += 8 {
		i = min(i, n-8) // pairs at odd places are as good
		x := binary.LittleEndian.Uint64(src[i : i+8 : i+8])
		if tab[uint16(x)]|tab[uint16(x>>16)]|tab[uint16(x>>32)]|tab[x>>48] != 0 && s.anyMet(src, i, x) {
			return false
		}
	}
	return true
}

// anyMet is met for the four pairs of x, the eight bytes at i.
func (s *Set) anyMet(src []byte, i int, x uint64) bool {
	var before, behind byte
	if i > 0 {
		before = src[i-1]
	}
	if i+8 < len(src) {
		behind = src[i+8]
	}
	for next := x>>16 | uint64(behind)<<48; ; next >>= 16 {
		y, z := byte(x), byte(x>>8)
		if a := s.pairs[uint16(x)]; a != 0 && (s.alone[a] || s.anchors.has(y, z, byte(next)) || s.anchors.has(before, y, z)) {
			return true
		}
		before = z
		if x >>= 16; x == 0 {
			return false
		}
	}
}

func (s *Set) scan(dst []Match, src []byte, cut bool) []Match {
	dst, _ = s.scanOption(dst, src, cut)
	return dst
}

func (s *Set) scanOption(dst []Match, src []byte, cut bool) (_ []Match, option bool) {
	i, n := s.next(src, 0), len(src)
	cards := n
	if s.on&(1<<detCard|1<<detVendor) != 0 {
		cards = mayHoldCard(src, cut)
	}
	if i >= n && cards >= n {
		return dst, false // most values are short and have nothing: they need no finder
	}
	f := finder{s: s, src: src, cut: cut, dst: dst, base: len(dst), hostAt: -1}
	if cards < n {
		f.scanCards(i, cards)
	} else {
		f.scanFrom(i, nil, span{start: n})
	}
	return f.dst, f.option
}

// scanCards is scanFrom with what it takes to find cards, which is too large for
// values that have none. They start at from or later.
func (f *finder) scanCards(i, from int) {
	var seq digitSeq
	f.scanFrom(i, &seq, f.nextCard(&seq, from))
}

// scanFrom looks at the pairs from i on, and takes in the cards in between.
func (f *finder) scanFrom(i int, seq *digitSeq, card span) {
	src := f.src
	tab, n := &f.s.pairs, len(src)
	for ; ; i = f.s.next(src, i) { // the hot loop stands alone so that its variables stay in registers
		for card.end > 0 && card.start <= i {
			f.emit(card)
			card = f.nextCard(seq, card.end)
		}
		if i >= n {
			return
		}
		p := uint16(src[i])
		if i+1 < n {
			p |= uint16(src[i+1]) << 8
		}
		i = f.try(i, &f.s.actions[tab[p]])
	}
}

// mayHoldCard returns where 13 bytes in a row start that could be a card, 0 if src
// is cut and ends with a digit or what may follow one, len(src) if there is none.
func mayHoldCard(src []byte, cut bool) int {
	if cut && cardBytes[src[len(src)-1]] {
		return 0
	}
	if l, r := cardRun(src, 0); r-l >= minCard {
		return l
	}
	return len(src)
}

// emit adds m in order. If it overlaps other matches they become one, under the
// rule of the longest. The scan goes on inside a match, since another one that
// starts there may end later.
func (f *finder) emit(m span) {
	out := Match{m.start, m.end, f.s.rule[m.det]}
	hi := len(f.dst)
	for hi > f.base && f.dst[hi-1].Start >= out.End {
		hi--
	}
	lo, longest := hi, m.end-m.start
	for ; lo > f.base && f.dst[lo-1].End > out.Start; lo-- {
		d := f.dst[lo-1]
		if l := d.End - d.Start; l >= longest {
			longest, out.Rule = l, d.Rule
		}
		out.Start, out.End = min(out.Start, d.Start), max(out.End, d.End)
	}
	if lo == len(f.dst) {
		f.dst = append(f.dst, out)
		return
	}
	f.dst = slices.Replace(f.dst, lo, hi, out)
}

// next returns the first position from i, in steps of two, where an anchor may stand,
// or len(src).
func (s *Set) next(src []byte, i int) int {
	for i = skip(&s.pairs, src, i); i < len(src); i = skip(&s.pairs, src, i+2) {
		p := uint16(src[i])
		if i+1 < len(src) {
			p |= uint16(src[i+1]) << 8
		}
		if s.met(src, i, s.pairs[p]) {
			return i
		}
	}
	return len(src)
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

// try adds the matches around the pair at i and returns where to go on.
func (f *finder) try(i int, a *action) (next int) {
	next = i + 2
	for k := range a.groups {
		g := &a.groups[k]
		p := i - g.off
		if p < 0 || p+8 <= len(f.src) && binary.LittleEndian.Uint64(f.src[p:])&g.mask != g.head {
			continue
		}
		f.tryLiterals(g, p)
	}
	if a.bits == 0 {
		return next
	}
	c := lower(f.src[i])
	if a.bits&actJWT != 0 {
		f.add(f.jwt(back(i, c != 'e')))
	}
	if a.bits&actBearer != 0 {
		f.add(f.bearer(back(i, c != 'b')))
	}
	if a.bits&actBasic != 0 {
		f.add(f.basic(back(i, c != 'b')))
	}
	if a.bits&actAWSSecret != 0 {
		f.add(f.awsSecret(back(i-1, c != 'e')))
	}
	if a.bits&actBegin != 0 {
		f.add(f.pemBegin(back(i-1, c != 'e')))
	}
	if a.bits&actEnd != 0 {
		f.add(f.pemEnd(back(i, c != 'e')))
	}
	if a.bits&actSlashes != 0 {
		f.add(f.userinfo(i))
		next = max(next, f.urlSkip) // past a long run of slashes
	}
	if a.bits&actAt != 0 {
		f.at(i)
	}
	if a.bits&actPctAt != 0 {
		f.add(f.pctAt(i))
	}
	if a.bits&actColon != 0 {
		f.add(f.ip6(i))
	}
	if a.bits&actHash != 0 {
		f.add(f.hash(i))
	}
	if a.bits&actProse != 0 {
		f.add(f.prose(i))
	}
	if a.bits&actWifi != 0 {
		f.add(f.wifi(back(i, c != 'w')))
	}
	if a.bits&actOption != 0 && !f.option {
		p := back(i, c == '-')
		f.option = has(f.src, p, " --") && p+3 < len(f.src) && is(f.src[p+3], chAlpha)
	}
	if a.bits&actDiscord != 0 {
		f.add(f.discord(back(i, f.src[i] < 'M' || f.src[i] > 'O')))
	}
	if a.bits&actDigit != 0 {
		next = max(i+1, f.digits(i))
	}
	return next
}

func (f *finder) add(m span) {
	if m.end > 0 {
		f.emit(m)
	}
}

// back is where a word starts whose anchor was met by its first pair at i, or by
// its second.
func back(i int, second bool) int {
	if second {
		return i - 1
	}
	return i
}
