// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// iin maps the first four digits of a card number to the lengths that its issuer
// uses, as bits (length 13 = bit 0). bareIIN has those that count in an unbroken run
// of digits with nothing around it that says "card": numbers of other kinds are
// found there too, and one in ten passes the check digit by chance. slideIIN has the
// one length that is looked for where other digits are glued to a card.
//
// docs/policy.md has the reasons and the measured rate per kind of number.
var iin, bareIIN, slideIIN = func() (t, bare, slide [10000]uint8) {
	add := func(to *[10000]uint8, from, end int, lens ...int) {
		for p := from; p <= end; p++ {
			for _, l := range lens {
				to[p] |= 1 << (l - 13)
			}
		}
	}
	// set has the usual lengths of an issuer, rare those that are all but out of use
	// or also those of ids of a social network, a chain of shops, a parcel service.
	set := func(from, to int, lens ...int) { add(&t, from, to, lens...); add(&bare, from, to, lens...) }
	rare := func(from, to int, lens ...int) { add(&t, from, to, lens...) }
	set(4000, 4999, 16)          // Visa
	rare(4000, 4999, 13, 19)     // no 13 digits have been issued for decades; 19 are V Pay
	set(5100, 5599, 16)          // Mastercard
	set(2221, 2720, 16)          // Mastercard
	set(2200, 2204, 16)          // Mir
	rare(2200, 2204, 17, 18, 19) // Mir
	set(3400, 3499, 15)          // American Express
	set(3700, 3799, 15)          // American Express
	set(3000, 3059, 14)          // Diners Club
	set(3095, 3095, 14)          // Diners Club
	set(3600, 3699, 14)          // Diners Club
	set(3800, 3999, 14)          // Diners Club
	rare(3000, 3059, 16)
	rare(3095, 3095, 16)
	rare(3600, 3699, 16, 19)
	rare(3800, 3999, 16, 19)
	set(3528, 3589, 16)          // JCB
	rare(3528, 3589, 17, 18, 19) // JCB
	set(6011, 6011, 16)          // Discover
	set(6440, 6599, 16)          // Discover, RuPay, Elo, Troy
	rare(6011, 6011, 19)
	rare(6440, 6599, 19)
	set(6200, 6299, 16, 19) // UnionPay
	rare(6200, 6299, 17, 18)
	set(8100, 8171, 16) // UnionPay
	rare(8100, 8171, 17, 18, 19)
	for _, p := range [...]int{5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763} { // Maestro
		set(p, p, 16)
		rare(p, p, 13, 14, 15, 17, 18, 19)
	}
	set(5019, 5019, 16)                          // Dankort
	set(5041, 5041, 16)                          // Elo
	set(5060, 5061, 16)                          // Verve, Elo
	rare(5060, 5061, 18, 19)                     // Verve
	set(5066, 5067, 16)                          // Elo
	set(5081, 5099, 16)                          // RuPay, Elo
	rare(5000, 5099, 13, 14, 15, 16, 17, 18, 19) // Maestro
	rare(5600, 5899, 13, 14, 15, 16, 17, 18, 19) // Maestro
	rare(6700, 6799, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6362, 6363, 16)                          // Elo
	rare(6360, 6399, 16, 17, 18, 19)             // InterPayment, InstaPayment
	set(6062, 6062, 16)                          // Hipercard
	rare(6054, 6062, 16, 19)                     // NPS, RuPay
	set(6069, 6085, 16)                          // RuPay
	rare(6000, 6010, 16)                         // RuPay and others
	rare(8200, 8299, 16)                         // RuPay
	set(8600, 8600, 16)                          // Uzcard
	set(9792, 9792, 16)                          // Troy
	set(9860, 9860, 16)                          // Humo
	for p := range slide {
		switch {
		case p/1000 == 4, p >= 5100 && p <= 5599, p >= 2221 && p <= 2720, p >= 3528 && p <= 3589, p == 6011, p >= 6440 && p <= 6599,
			p >= 6200 && p <= 6299:
			slide[p] = 16
		case p/100 == 34, p/100 == 37:
			slide[p] = 15
		}
	}
	return t, bare, slide
}()

// cardWords are what stands before a card number in text, in lower case.
var cardWords = [...]string{
	"card", "pan", "visa", "master", "amex", "maestro", "discover", "diners", "jcb", "union", "rupay", "elo", "pay", "paid", "credit", "debit",
	"cc", "karte", "carte", "tarjeta", "carta", "account",
}

// contextBytes is how far before a number a word of cardWords counts.
const contextBytes = 32

// namesCard reports whether a word before src[p] says that a card number follows.
func namesCard(src []byte, p int) bool {
	from := max(0, p-contextBytes)
	for i := from; i < p; i++ {
		if !is(src[i], chAlpha) || i > from && is(src[i-1], chAlpha) {
			continue
		}
		e := run(src[:p], i, chAlpha)
		for _, w := range cardWords {
			if n := e - i; n >= len(w) && n <= len(w)+8 && (hasFold(src, i, w) || hasFold(src, e-len(w), w)) {
				return true
			}
		}
		i = e
	}
	return false
}

const (
	minCard   = 13
	maxCard   = 19
	cutDigits = 7 // of a cut card: one more than the issuer prefix that may be shown
)

// cardQueue holds the cards of the piece of digits that was read last; what is
// before end needs no further look.
type cardQueue struct {
	spans [16]span
	n, i  int
	end   int
	last  int // the end of the last card
}

// add queues a card. It reports whether there is room for a card that was cut and no
// other.
func (q *cardQueue) add(start, end int) (full bool) {
	q.spans[q.n] = span{start, end, detCard}
	q.n++
	q.last = end
	return q.n >= len(q.spans)-1
}

// nextCard returns the first card that starts at from or later; none has
// start = len(src) and end = 0.
func (f *finder) nextCard(s *digitSeq, from int) span {
	src, q := f.src, &s.cards
	for {
		for ; q.i < q.n; q.i++ {
			if c := q.spans[q.i]; c.start >= from {
				q.i++
				return f.track(c)
			}
		}
		p := max(from, q.end)
		for p+minCard <= len(src) {
			l, r := cardRun(src, p)
			if r < l+minCard {
				p = l // perhaps a cut card
				break
			}
			p = f.digitFrom(l)
			if p+minCard > len(src) {
				break
			}
			if p > 1 && src[p-1] == '/' && f.s.has(detVendor) {
				f.add(f.asana(p))
			}
			if !f.s.has(detCard) {
				p = max(r, p+1)
				continue
			}
			if p < r && f.findCards(s, p) {
				p = -1
				break
			}
			p = max(p, q.end)
		}
		if p < 0 {
			continue
		}
		if f.cut && q.end < len(src) && f.s.has(detCard) {
			if p = f.tailDigits(s, p); p >= 0 && f.findCards(s, p) {
				continue
			}
		}
		q.end = len(src)
		return span{start: len(src)}
	}
}

// track is a card with what follows it on the second track of its stripe: = or D, the
// date, the service code and what the issuer needs.
func (f *finder) track(c span) span {
	if e := c.end; e < len(f.src) && (f.src[e] == '=' || f.src[e]|0x20 == 'd') {
		if end := run(f.src, e+1, chDigit); end-e > 7 {
			c.end = end
		}
	}
	return c
}

// cardRun returns the next 13 bytes or more from p, src[l:r], that all can be of a
// card. If there are none, r is len(src) and l where those that end src begin.
//
// A card has at least 13 bytes. So one byte in 13 is looked at; unless it can be of
// a card, no card covers it.
func cardRun(src []byte, p int) (l, r int) {
	for p+minCard <= len(src) {
		at := p + minCard - 1
		if !cardBytes[src[at]] {
			p = at + 1
			continue
		}
		l = at
		for l > p && cardBytes[src[l-1]] {
			l--
		}
		r = at + 1
		for r < len(src) && r < l+minCard && cardBytes[src[r]] {
			r++
		}
		if r == l+minCard || r == len(src) {
			return l, r
		}
		p = r
	}
	return p, len(src)
}

// cardBytes are the bytes that a card can have: digits, separators, and those of
// separators and digits beyond ASCII with their continuation bytes.
var cardBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = seqClass[c] != seqOther || c >= 0x80 && c < 0xC0
	}
	return t
}()

// digitFrom returns the position of the first digit at p or later among bytes
// that a card can have, or where those end.
func (f *finder) digitFrom(p int) int {
	for ; p < len(f.src) && cardBytes[f.src[p]]; p++ {
		if isDigit(f.src[p]) {
			if p+2 < len(f.src) && seqClass[f.src[p+1]] == seqWide && (f.src[p+2] < 0x80 || f.src[p+2] >= 0xC0) {
				continue // broken text: a sequence of one digit
			}
			return p
		}
		if f.src[p] == 0xEF {
			if _, n := digitAt(f.src, p); n > 0 {
				return p
			}
		}
	}
	return p
}

// tailDigits returns the start of the digit sequence that touches the end of a
// cut value and does not start before from, or -1.
func (f *finder) tailDigits(s *digitSeq, from int) int {
	src := f.src
	l := len(src)
	for l > from && cardBytes[src[l-1]] {
		l--
	}
	for p := f.digitFrom(l); p < len(src); p = f.digitFrom(max(p+1, s.endAt)) {
		s.read(src, p)
		if s.endAt == len(src) {
			if s.n >= cutDigits {
				return p
			}
			return -1
		}
	}
	return -1
}
