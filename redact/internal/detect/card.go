// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// iin maps the first four digits of a card number to the lengths that its issuer
// uses, as bits (length 13 = bit 0). slideIIN has the one length that is looked
// for inside a longer run of digits, where chance hits are frequent.
var iin, slideIIN = func() (t [10000]uint8, slide [10000]uint8) {
	set := func(from, to int, lens ...int) {
		for p := from; p <= to; p++ {
			for _, l := range lens {
				t[p] |= 1 << (l - 13)
			}
		}
	}
	set(4000, 4999, 13, 16, 19)                 // Visa
	set(5100, 5599, 16)                         // Mastercard
	set(2221, 2720, 16)                         // Mastercard
	set(2200, 2204, 16, 17, 18, 19)             // Mir
	set(3400, 3499, 15)                         // American Express
	set(3700, 3799, 15)                         // American Express
	set(3000, 3059, 14, 16)                     // Diners Club
	set(3095, 3095, 14, 16)                     // Diners Club
	set(3600, 3699, 14, 16, 19)                 // Diners Club
	set(3800, 3999, 14, 16, 19)                 // Diners Club
	set(3528, 3589, 16, 17, 18, 19)             // JCB
	set(6011, 6011, 16, 19)                     // Discover
	set(6440, 6599, 16, 19)                     // Discover
	set(6200, 6299, 16, 17, 18, 19)             // UnionPay
	set(8100, 8171, 16, 17, 18, 19)             // UnionPay
	set(5000, 5099, 13, 14, 15, 16, 17, 18, 19) // Maestro, Verve, RuPay
	set(5600, 5899, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6304, 6304, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6700, 6799, 13, 14, 15, 16, 17, 18, 19) // Maestro
	set(6360, 6399, 16, 17, 18, 19)             // InterPayment, InstaPayment
	set(6054, 6062, 16, 19)                     // NPS, RuPay, Hipercard
	set(6000, 6010, 16)                         // RuPay and others
	set(6521, 6522, 16)                         // RuPay
	set(8200, 8299, 16)                         // RuPay
	set(8600, 8600, 16)                         // Uzcard
	set(9792, 9792, 16)                         // Troy
	set(9860, 9860, 16)                         // Humo
	for p := range slide {
		switch {
		case p/1000 == 4, p >= 5100 && p <= 5599, p >= 2221 && p <= 2720, p >= 3528 && p <= 3589, p == 6011, p >= 6440 && p <= 6599,
			p >= 6200 && p <= 6299:
			slide[p] = 16
		case p/100 == 34, p/100 == 37:
			slide[p] = 15
		}
	}
	return t, slide
}()

const (
	minCard   = 13
	maxCard   = 19
	cardChunk = 128 // digits that are looked at in one go
	cutDigits = 7   // of a cut card: one more than the issuer prefix that may be shown
)

// cardQueue holds the cards of the digit sequence that was read last, which ends
// (or was read) up to end.
type cardQueue struct {
	spans [8]span
	n, i  int
	end   int
}

// nextCard returns the first card that starts at from or later; none has
// start = len(src) and end = 0.
func (f *finder) nextCard(from int) span {
	src, q := f.src, &f.cards
	for {
		for ; q.i < q.n; q.i++ {
			if c := q.spans[q.i]; c.start >= from {
				q.i++
				return c
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
			if p == len(src) || p >= r { // nothing but separators or letters beyond ASCII
				continue
			}
			n, end := f.countDigits(p)
			if n >= minCard || f.cut && n >= cutDigits && end == len(src) {
				break
			}
			p = end
		}
		if p+minCard > len(src) {
			if !f.cut || q.end == len(src) {
				q.end = len(src)
				return span{start: len(src)}
			}
			p = f.tailDigits(p)
			if p < 0 {
				q.end = len(src)
				return span{start: len(src)}
			}
		}
		f.findCards(p)
	}
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
// separators and digits beyond ASCII.
var cardBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x80 || isDigit(byte(c)) || c == ' ' || c == '-' || c == '.' || c == '\t' || c == '_'
	}
	return t
}()

// digitFrom returns the position of the first digit at p or later among bytes
// that a card can have, or where those end.
func (f *finder) digitFrom(p int) int {
	for ; p < len(f.src) && cardBytes[f.src[p]]; p++ {
		if isDigit(f.src[p]) {
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

// countDigits counts the digits of the sequence at p up to 13 and returns where
// they, or if there are fewer and the value is cut also the separators after
// them, end.
func (f *finder) countDigits(p int) (n, end int) {
	src := f.src
	for end = p; n < minCard; {
		for n < minCard {
			_, l := digitAt(src, end)
			if l == 0 {
				break
			}
			end += l
			n++
		}
		at, _ := gapAt(src, end)
		if _, l := digitAt(src, at); l == 0 {
			if at == len(src) {
				end = at
			}
			break
		}
		end = at
	}
	return n, end
}

// tailDigits returns the start of the digit sequence that touches the end of a
// cut value and does not start before from, or -1.
func (f *finder) tailDigits(from int) int {
	src := f.src
	l := len(src)
	for l > from && cardBytes[src[l-1]] {
		l--
	}
	for p := f.digitFrom(l); p < len(src); p = f.digitFrom(p) {
		n, end := f.countDigits(p)
		if end == len(src) {
			if n >= cutDigits {
				return p
			}
			return -1
		}
		p = end
	}
	return -1
}
