// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"errors"
	"fmt"
	"slices"
)

// Match is one hit: src[Start:End] under the rule that is the index of its Spec.
type Match struct {
	Start, End int
	Rule       uint16
}

// Spec asks for one detector. Exactly one of Name and Regex is set.
type Spec struct {
	// Name is one that Lookup knows.
	Name string
	// Regex is a regular expression in Go's syntax. It must not be able to match
	// the empty string.
	Regex string
}

// Set is a compiled list of detectors. It is immutable and safe for concurrent
// use. A nil Set finds nothing.
//
// All built-in detectors share one scan. It reads the value two bytes at a time
// and looks each pair up in a table; a pair that cannot be part of the few bytes
// by which some detector is recognised (its anchor: "eyJ", "@", a digit, ...)
// costs nothing more. An anchor of three bytes is met at either alignment by its
// first or its second pair, and its third byte is looked at before anything else is
// done: pairs such as "be", "as" and "ke" are in every text.
type Set struct {
	pairs   [1 << 16]uint8 // index into actions, 0 = nothing to do
	actions []action
	alone   [maxActions + 1]bool // by action: some pair alone is an anchor
	anchors anchorSet
	on      uint32 // by detector
	rule    [numDetectors]uint16
	regexes []userRegex
}

// Bits of an action.
const (
	actDigit uint16 = 1 << iota
	actAt
	actPctAt
	actSlashes
	actJWT
	actBearer
	actBasic
	actAWSSecret
	actBegin
	actEnd
	actColon
	actDiscord
	actHash
	actProse
	actOption
	actWifi
)

// action is what to try at a pair of bytes.
type action struct {
	bits   uint16
	lits   []litRef
	groups []litGroup // of lits
	alone  bool       // some pair alone is an anchor
}

// litRef: literals[lit] may start off bytes before the pair.
type litRef struct {
	lit uint16
	off uint8
}

// anchorSet has the anchors of three bytes, by a hash: a few more seem to be in it.
type anchorSet [1 << (anchorBits - 6)]uint64

const anchorBits = 15

func (t *anchorSet) slot(x, y, z byte) uint32 {
	return (uint32(x) | uint32(y)<<8 | uint32(z)<<16) * 0x9E3779B1 >> (32 - anchorBits)
}

func (t *anchorSet) add(x, y, z byte) {
	h := t.slot(x, y, z)
	t[h>>6] |= 1 << (h & 63)
}

func (t *anchorSet) has(x, y, z byte) bool {
	h := t.slot(x, y, z)
	return t[h>>6]>>(h&63)&1 != 0
}

// met reports whether an anchor stands at the pair at i, whose entry in pairs is a.
func (s *Set) met(src []byte, i int, a uint8) bool {
	if s.alone[a] {
		return true
	}
	if i+1 >= len(src) {
		return false
	}
	x, y := src[i], src[i+1]
	return i+2 < len(src) && s.anchors.has(x, y, src[i+2]) || i > 0 && s.anchors.has(src[i-1], x, y)
}

const maxSpecs = 1 << 15

// Compile builds a Set. Errors name the detector or the expression.
func Compile(specs []Spec) (*Set, error) {
	if len(specs) > maxSpecs {
		return nil, fmt.Errorf("detect: %d patterns exceed the limit of %d", len(specs), maxSpecs)
	}
	s := &Set{}
	b := builder{s: s, acts: map[uint16]action{}}
	for i, sp := range specs {
		switch {
		case (sp.Name == "") == (sp.Regex == ""):
			return nil, fmt.Errorf("detect: pattern %d needs exactly one of a name and a regex", i)
		case sp.Regex != "":
			re, err := compileRegex(sp.Regex, uint16(i))
			if err != nil {
				return nil, err
			}
			s.regexes = append(s.regexes, re)
		default:
			d, ok := lookup(sp.Name)
			if !ok {
				return nil, fmt.Errorf("detect: no detector is called %q: use one of %v, or a regex", sp.Name, Names())
			}
			if s.has(d) {
				return nil, fmt.Errorf("detect: detector %q is listed twice", sp.Name)
			}
			s.on |= 1 << d
			s.rule[d] = uint16(i)
		}
	}
	for d := range numDetectors {
		if s.has(d) {
			b.detector(d)
		}
	}
	return s, b.finish()
}

func (s *Set) has(d uint8) bool { return s.on>>d&1 != 0 }

// Empty reports whether the Set can find nothing.
func (s *Set) Empty() bool { return s == nil || s.on == 0 && len(s.regexes) == 0 }

// builder collects what to try at each pair.
type builder struct {
	s    *Set
	acts map[uint16]action
}

func pair(lo, hi byte) uint16 { return uint16(lo) | uint16(hi)<<8 }

// pair adds an anchor of two bytes.
func (b *builder) pair(lo, hi byte, bits uint16) {
	p := pair(lo, hi)
	a := b.acts[p]
	a.bits |= bits
	a.alone = true
	b.acts[p] = a
}

// anchor adds one of three bytes, to both its pairs. lit is the literal that it is
// part of, if any.
func (b *builder) anchor(x, y, z byte, bits uint16, lit ...litRef) {
	b.s.anchors.add(x, y, z)
	for k, p := range [2]uint16{pair(x, y), pair(y, z)} {
		a := b.acts[p]
		a.bits |= bits
		for _, l := range lit {
			if l.off += uint8(k); !slices.Contains(a.lits, l) {
				a.lits = append(a.lits, l)
			}
		}
		b.acts[p] = a
	}
}

// each adds every pair that contains c.
func (b *builder) each(c byte, bits uint16) {
	for x := range 256 {
		b.pair(c, byte(x), bits)
		b.pair(byte(x), c, bits)
	}
}

// word adds three lower-case letters in any case.
func (b *builder) word(w string, bits uint16) {
	for i := range byte(8) {
		up := func(k byte) byte { return w[k] - i>>k&1*32 }
		b.anchor(up(0), up(1), up(2), bits)
	}
}

func (b *builder) detector(d uint8) {
	switch d {
	case detSSN, detPhone, detIBAN, detIP:
		for c := byte('0'); c <= '9'; c++ {
			b.each(c, actDigit)
		}
		if d == detIP {
			b.each(':', actColon)
		}
	case detEmail:
		b.each('@', actAt)
		b.anchor('%', '4', '0', actPctAt)
		b.anchor(0xEF, 0xBC, 0xA0, actPctAt) // U+FF20
	case detUserinfo:
		// "://" is met by ":/" or "//". A single slash (https:/u@h), which browsers
		// take, needs the last letter of http, https, ftp, ws, wss too; slashes
		// without a scheme what can stand before them.
		for _, x := range [2]byte{'/', '\\'} {
			b.pair('/', x, actSlashes)
			b.pair('\\', x, actSlashes)
			b.pair(':', x, actSlashes)
			for c := range 256 {
				if !is(byte(c), chWord|chDot|chDash) {
					b.pair(byte(c), x, actSlashes)
				}
			}
		}
		for _, c := range [...]byte{'s', 'p', 'S', 'P'} {
			b.pair(c, ':', actSlashes)
		}
		b.anchor('@', 't', 'c', actAt)
		b.anchor('@', 'u', 'n', actAt)
	case detJWT:
		for _, a := range [...]string{"eyJ", "eyA", "eyB", "ewo", "ewp", "ew0", "ew1", "ewk", "ewl"} {
			b.anchor(a[0], a[1], a[2], actJWT)
		}
	case detBearer:
		b.word("bea", actBearer)
	case detBasic:
		b.word("bas", actBasic)
	case detAWSSecret:
		b.word("ecr", actAWSSecret)
	case detHash:
		b.each('$', actHash)
		for _, h := range []byte("0123456789ABCDEF") { // *HEX of MySQL
			b.pair('*', h, actHash)
			for _, c := range []byte(hashBefore) {
				b.anchor(c, '*', h, actHash)
			}
		}
	case detProse:
		for _, w := range proseAnchors {
			b.word(w, actProse)
		}
		b.anchor(0xC3, 0xB1, 'a', actProse) // contraseña
		b.anchor(0xC3, 0xB3, 'd', actProse) // código
		b.anchor('T', 'A', 'N', actProse)
		b.anchor(0xBA, 0xD0, 0xBE, actProse) // код
		b.anchor(0x9A, 0xD0, 0xBE, actProse) // Код
		b.anchor(0x81, 0xE7, 0xA0, actProse) // 验证码
		b.anchor(0x8C, 0xE7, 0xA0, actProse) // 校验码
		b.anchor(0x89, 0xE7, 0xA2, actProse) // 驗證碼
		b.anchor(0x8D, 0xE8, 0xA8, actProse) // 認証
		b.anchor(0x9D, 0xEB, 0xB2, actProse) // 인증번호
		b.anchor(' ', '-', '-', actOption)
	case detVendor:
		b.anchor('W', 'I', 'F', actWifi)
		for _, a := range [...]string{"MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"} {
			for _, c := range []byte("AEIMQUYcgk") {
				b.anchor(a[0], a[1], c, actDiscord)
			}
		}
	case detPrivateKey:
		b.anchor('E', 'G', 'I', actBegin)
		b.anchor('E', 'N', 'D', actEnd)
	}
	for i, l := range literals {
		if l.det == d {
			k := l.anchor()
			b.anchor(l.prefix[k], l.prefix[k+1], l.prefix[k+2], 0, litRef{uint16(i), uint8(k)})
		}
	}
}

// maxActions is what a byte of Set.pairs can number, action 0 apart.
const maxActions = 255

// share gives pairs that only literals begin at common actions, so that there are
// no more than the table can number. An action then tries literals in vain, which
// costs a comparison of their first bytes.
func (b *builder) share(keys []uint16) error {
	distinct := map[string]bool{}
	others := map[string]bool{}
	for _, p := range keys {
		a := b.acts[p]
		k := fmt.Sprint(a.bits, a.lits)
		if distinct[k] = true; a.bits != 0 {
			others[k] = true
		}
	}
	if len(distinct) <= maxActions {
		return nil
	}
	room := maxActions - len(others)
	if room < 2*sharedActions {
		return errors.New("detect: too many literals for the table")
	}
	// Pairs that text has often keep an action of their own.
	lits := make([]uint16, 0, len(keys))
	for _, p := range keys {
		if b.acts[p].bits == 0 {
			lits = append(lits, p)
		}
	}
	often := func(p uint16) int { return commonness(byte(p)) * commonness(byte(p>>8)) }
	slices.SortStableFunc(lits, func(x, y uint16) int { return often(y) - often(x) })
	own := map[string]bool{}
	shared := make([]action, sharedActions)
	slot := map[uint16]int{}
	for _, p := range lits {
		a := b.acts[p]
		if k := fmt.Sprint(a.lits); own[k] || len(own) < room-sharedActions {
			own[k] = true
			continue
		}
		slot[p] = len(slot) % sharedActions
		for _, l := range a.lits {
			if to := &shared[slot[p]]; !slices.Contains(to.lits, l) {
				to.lits = append(to.lits, l)
			}
		}
	}
	for p, i := range slot {
		b.acts[p] = action{lits: shared[i].lits}
	}
	return nil
}

// sharedActions is how many actions share gives to pairs in common.
const sharedActions = 16

// finish numbers the distinct actions.
func (b *builder) finish() error {
	b.s.actions = []action{{}}
	keys := make([]uint16, 0, len(b.acts))
	for p := range b.acts {
		keys = append(keys, p)
	}
	slices.Sort(keys)
	if err := b.share(keys); err != nil {
		return err
	}
	for _, p := range keys {
		a := b.acts[p]
		i := slices.IndexFunc(b.s.actions, func(x action) bool { return x.bits == a.bits && slices.Equal(x.lits, a.lits) })
		if i < 0 {
			i = len(b.s.actions)
			for _, l := range a.lits {
				k := slices.IndexFunc(a.groups, func(g litGroup) bool { return g.off == int(l.off) })
				if k < 0 {
					k = len(a.groups)
					a.groups = append(a.groups, litGroup{off: int(l.off)})
				}
				a.groups[k].add(l.lit)
			}
			b.s.actions = append(b.s.actions, a)
		}
		b.s.alone[i] = b.s.alone[i] || a.alone
		b.s.pairs[p] = uint8(i)
	}
	return nil
}
