// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rateTable = flag.Bool("rates", false, "print the table of docs/policy.md")

// idKinds are numbers that are no cards, and the share of them that may be taken for
// one. Without a check digit of their own one in ten passes Luhn by chance, so that
// the rate is a tenth of the share that an issuer's prefix and length have.
var idKinds = []struct {
	name string
	most float64 // per cent
	make func(r *rand.Rand) string
}{
	{"13 digits from 4, 5 or 6 (orders of shops)", 0, func(r *rand.Rand) string { return strconv.Itoa(4+r.IntN(3)) + digits(r, 12) }},
	{"EAN-13, ISBN-13", 0, func(r *rand.Rand) string { return ean(digits(r, 12)) }},
	{"GTIN-14", 0.6, func(r *rand.Rand) string { return ean(digits(r, 13)) }},
	{"UPC-A", 0, func(r *rand.Rand) string { return ean(digits(r, 11)) }},
	{"FedEx, 12 digits", 0, func(r *rand.Rand) string { return digits(r, 12) }},
	{"FedEx, 15 digits", 0.4, func(r *rand.Rand) string { return digits(r, 15) }},
	{"FedEx and USPS, 20 and 22 digits", 0, func(r *rand.Rand) string { return "9" + digits(r, 19+2*r.IntN(2)) }},
	{"SSCC, 18 digits", 0.1, func(r *rand.Rand) string { return ean(digits(r, 17)) }},
	{"snowflakes of Discord and Twitter", 0, func(r *rand.Rand) string { return strconv.FormatUint(1e17+r.Uint64N(1.9e18), 10) }},
	{"ids of TikTok, 19 digits", 0.2, func(r *rand.Rand) string { return strconv.FormatUint(6.6e18+r.Uint64N(9e17), 10) }},
	{"ids of Facebook, 15 to 17 digits", 0, func(r *rand.Rand) string { return "1" + digits(r, 14+r.IntN(3)) }},
	{"time in ms", 0, func(r *rand.Rand) string { return fmt.Sprint(stamp(r) / 1e6) }},
	{"time in µs", 0, func(r *rand.Rand) string { return fmt.Sprint(stamp(r) / 1e3) }},
	{"time in ns", 0, func(r *rand.Rand) string { return fmt.Sprint(stamp(r)) }},
	{"date and time, 14 and 17 digits", 0, func(r *rand.Rand) string {
		return strings.Replace(time.Unix(0, stamp(r)).UTC().Format([]string{"20060102150405", "20060102150405.000"}[r.IntN(2)]), ".", "", 1)
	}},
	{"telephone numbers, +CC", 0, func(r *rand.Rand) string { return "+" + strconv.Itoa(1+r.IntN(98)) + digits(r, 9+r.IntN(2)) }},
	{"IMEI", 0, func(r *rand.Rand) string { return luhned([]string{"35", "86", "01"}[r.IntN(3)] + digits(r, 12)) }},
	{"orders of Amazon, 3-7-7", 0, func(r *rand.Rand) string { return digits(r, 3) + "-" + digits(r, 7) + "-" + digits(r, 7) }},
	{"16 digits from 1, 7, 8 or 9", 0.3, func(r *rand.Rand) string { return "1789"[r.IntN(4):][:1] + digits(r, 15) }},
	{"any 16 digits", 3.2, func(r *rand.Rand) string { return digits(r, 16) }},
	{"any 17 or 18 digits", 0.3, func(r *rand.Rand) string { return digits(r, 17+r.IntN(2)) }},
	{"any 19 digits", 0.3, func(r *rand.Rand) string { return digits(r, 19) }},
	{"any 20 to 40 digits", 0.1, func(r *rand.Rand) string { return digits(r, 20+r.IntN(21)) }},
}

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(r.IntN(10))
	}
	return string(b)
}

func stamp(r *rand.Rand) int64 { return 1.5e18 + r.Int64N(4e17) }

// ean appends the check digit of GS1.
func ean(s string) string {
	sum := 0
	for i := range len(s) {
		w := 3
		if (len(s)-i)%2 == 0 {
			w = 1
		}
		sum += w * int(s[i]-'0')
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

// luhned appends the check digit of cards.
func luhned(s string) string {
	sum := 0
	for i := range len(s) {
		d := int(s[i] - '0')
		if (len(s)-i)%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

// TestCardRates measures how many numbers of other kinds are taken for cards.
func TestCardRates(t *testing.T) {
	s := mustCompile(t, "card")
	const n = 20000
	for _, k := range idKinds {
		r := rand.New(rand.NewPCG(7, 11))
		hits := 0
		for range n {
			if len(s.Find(nil, []byte(k.make(r)), false)) > 0 {
				hits++
			}
		}
		rate := 100 * float64(hits) / n
		if *rateTable {
			fmt.Fprintf(os.Stdout, "| %s | %.2f %% |\n", k.name, rate)
		}
		if rate > k.most {
			t.Errorf("%s: %.2f %% are taken for cards, more than %.2f %%", k.name, rate, k.most)
		}
	}
}

// TestRealCards: no card of an issuer in use is lost, however it is written.
func TestRealCards(t *testing.T) {
	s := mustCompile(t, "card")
	r := rand.New(rand.NewPCG(3, 5))
	for _, issuer := range []struct {
		prefixes string
		n        int
	}{
		{"4 40 4532 4916 4929 4485 4716", 16}, {"51 52 53 54 55 2221 23 25 2720", 16}, {"34 37", 15}, {"300 305 3095 36 38 39", 14},
		{"3528 3589", 16}, {"6011 644 65", 16}, {"62", 16}, {"62", 19}, {"81", 0}, {"2200 2204", 16}, {"5018 5020 5038 5893 6304 6759 6761 6762 6763", 16},
		{"5019", 16}, {"5061", 16}, {"6062", 16}, {"508", 0}, {"9792", 16}, {"9860", 16}, {"8600", 16},
	} {
		for p := range strings.FieldsSeq(issuer.prefixes) {
			if issuer.n == 0 {
				continue
			}
			for range 50 {
				card := luhned(p + digits(r, issuer.n-1-len(p)))
				forms := []string{card, "card " + card, `{"n":` + card + `}`, "paid with " + card + ", thanks", "x=" + card + "&y=1", "#" + card + "#"}
				if issuer.n == 16 {
					for _, sep := range []string{" ", "-", ".", "  ", "\u00a0"} {
						forms = append(forms, card[:4]+sep+card[4:8]+sep+card[8:12]+sep+card[12:])
					}
				}
				if issuer.n == 15 {
					forms = append(forms, card[:4]+" "+card[4:10]+" "+card[10:])
				}
				for _, f := range forms {
					if len(s.Find(nil, []byte(f), false)) == 0 {
						t.Errorf("%s is not found", f)
					}
				}
			}
		}
	}
	// Lengths and issuers out of use, if something says that it is a card.
	for _, in := range []string{"card 4222222222222", "visa: 4000000000000000006", "pay 6304000000000000000", "card no. 6799990100000000019", "4222 2222 2222 2"} {
		if len(s.Find(nil, []byte(in), false)) == 0 {
			t.Errorf("%s is not found", in)
		}
	}
}
