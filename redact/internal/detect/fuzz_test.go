// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// simple are expressions that nobody would want to miss, one for each detector
// whose strict form an expression can tell. What they match must be covered.
var simple = map[string]*regexp.Regexp{
	"email":          regexp.MustCompile(`\b[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,8}\b`),
	"aws_access_key": regexp.MustCompile(`(?:^|[ =:"'])(?:AKIA|ASIA)[A-Z2-7]{16}(?:$|[ ,"';&])`),
	"github_token":   regexp.MustCompile(`gh[pousr]_[A-Za-z0-9]{36}`),
	"gitlab_token":   regexp.MustCompile(`glpat-[A-Za-z0-9_-]{20}`),
	"slack_token":    regexp.MustCompile(`xox[abprs]-[0-9A-Za-z-]{10,}`),
	"stripe_key":     regexp.MustCompile(`[sr]k_(?:live|test)_[0-9A-Za-z]{16,}`),
	"google_api_key": regexp.MustCompile(`AIza[0-9A-Za-z_-]{35}`),
	"jwt":            regexp.MustCompile(`eyJhbGciOiJ[A-Za-z0-9_-]{7,}\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`),
	"private_key":    regexp.MustCompile(`(?s)-----BEGIN (?:[A-Z]+ )?PRIVATE KEY.*?(?:(?:-----|---- )END [A-Z0-9 ]*PRIVATE KEY|$)`),
	"url_userinfo":   regexp.MustCompile(`https?://[a-zA-Z0-9]+:[a-zA-Z0-9]+@`),
	"card":           regexp.MustCompile(`(?:^|[^0-9.\-_ \t\x{80}-\x{10FFFF}])(?:4[0-9]{15}|4[0-9]{3}(?: [0-9]{4}){3}|5[1-5][0-9]{2}(?:-[0-9]{4}){3}|3[47][0-9]{2} [0-9]{6} [0-9]{5})(?:$|[^0-9.\-_ \t\x{80}-\x{10FFFF}])`),
	"ip":             regexp.MustCompile(`(?:^|, )(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:$|,)`),
	"ssn":            regexp.MustCompile(`(?:^|, )[1-5][0-9]{2}-[1-9][0-9]-[1-9][0-9]{3}(?:$|,)`),
	"bearer":         regexp.MustCompile(`(?:^|, )[Bb]earer [A-Za-z]{4,12}[0-9][A-Za-z0-9]{8,}`),
}

// fragments are what fuzzed values are put together from, besides raw bytes.
var fragments = []string{
	"4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005", "4", "1", "0", "12", " ", "-", ".", ",", ", ", "4111", "41",
	"eyJ", jwtHead, jwtFull, "ewogICJ", ".", "..", "Bearer ", "bearer", "Basic ", "dXNlcjpwYXNz", "%20", "authorization: ",
	"-----BEGIN ", "RSA ", "PRIVATE KEY", "-----", "-----END ", "MIIB\n", "AKIA", "AKIAIOSFODNN7EXAMPLE", "ghp_", "abcdefghijklmnopqrstuvwxyz0123456789",
	"glpat-", "xoxb-", "sk_live_", "AIza", "https://", "://", ":", "/", "\\", "@", "%40", "＠", "ada", "ada@example.com", "u:p@h", "203.0.113.57", "::1", "2001:db8::57",
	"GB82", "GB82 WEST 1234 5698 7654 32", "123-45-6789", "+1 415 555 2671", "\u200b", "\u00a0", "４", "\"", "aws_secret_access_key=", "secret", "\x00", "\xff", "é",
}

// leadingZeros: old parsers take 010.0.0.1, so it is an address, though not for netip.
var leadingZeros = regexp.MustCompile(`\b0+([0-9])`)

func luhnOK(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// plainDigits returns the digits of s, full-width ones too.
func plainDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '０' <= r && r <= '９' {
			r += '0' - '０'
		}
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func ibanOK(s string) bool {
	var out strings.Builder
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && is(byte(r), chAlnum) {
			return r
		}
		return -1
	}, s)
	if len(clean) < 15 {
		return false
	}
	for _, c := range strings.ToUpper(clean[4:] + clean[:4]) {
		if c >= 'A' {
			out.WriteString(big.NewInt(int64(c - 'A' + 10)).String())
		} else {
			out.WriteRune(c)
		}
	}
	n, ok := new(big.Int).SetString(out.String(), 10)
	return ok && n.Mod(n, big.NewInt(97)).Int64() == 1
}

// checkValue checks one value against the oracles.
func checkValue(t *testing.T, sets map[string]*Set, all *Set, src []byte) {
	t.Helper()
	whole := all.Find(nil, src, false)
	checkShape(t, src, whole)
	cut := all.Find(nil, src, true)
	checkShape(t, src, cut)
	for _, m := range whole {
		if !covered(cut, m) {
			t.Fatalf("%q: %v is found in the whole value, not in the cut one: %v", src, m, cut)
		}
	}
	for name, s := range sets {
		ms := s.Find(nil, src, false)
		checkShape(t, src, ms)
		for _, m := range ms {
			text := string(src[m.Start:m.End])
			ok := true
			switch name {
			case "card":
				if i := strings.IndexAny(text, "=dD"); i >= 0 { // what follows is the rest of a stripe
					text = text[:i]
				}
				d := plainDigits(text)
				if i := strings.IndexAny(text, "eE"); i >= 0 { // 4.1e15: the exponent is not part of the number
					d = plainDigits(text[:i])
					ok = len(d) <= maxCard
					break
				}
				ok = len(d) >= minCard && len(d) <= maxCard && luhnOK(d)
			case "iban":
				ok = ibanOK(text)
			case "ip":
				_, err := netip.ParseAddr(leadingZeros.ReplaceAllString(text, "$1"))
				ok = err == nil
			case "email":
				ok = strings.Contains(text, "@") || strings.Contains(text, "%40") || strings.Contains(text, "＠")
			case "jwt":
				ok = strings.HasPrefix(text, "e") && strings.Contains(text, ".")
			}
			if !ok {
				t.Fatalf("%s: %q in %q", name, text, src)
			}
			if name == "email" { // the domain may stay if another match took the local part
				if i := strings.LastIndexByte(text, '@'); i > 0 {
					m.End = m.Start + i
				}
			}
			if !hidden(src, whole, m) {
				t.Fatalf("%s: %q in %q is not covered with all detectors on: %v", name, text, src, whole)
			}
		}
		re := simple[name]
		if re == nil {
			continue
		}
		for _, loc := range re.FindAllIndex(src, -1) {
			a, b := loc[0], loc[1]
			switch name { // strip what the expression has around the value
			case "aws_access_key", "card", "ip", "ssn":
				for a < b && !is(src[a], chAlnum) {
					a++
				}
				for a < b && !is(src[b-1], chAlnum) {
					b--
				}
				if name == "card" {
					for a < b && !isDigit(src[a]) {
						a++
					}
					for a < b && !isDigit(src[b-1]) {
						b--
					}
					if !luhnOK(plainDigits(string(src[a:b]))) {
						continue
					}
				}
				if name == "ip" && f4Excluded(src, a) {
					continue
				}
			case "email":
				if strings.Contains(string(src), "%40") || strings.Contains(string(src), "＠") { // may end what stands before it
					continue
				}
			case "url_userinfo":
				a += strings.Index(string(src[a:b]), "//") + 2
				b--
			case "bearer":
				a += bytes.IndexAny(src[a:b], "Bb") + len("bearer ")
			}
			if !covered(ms, Match{a, b, 0}) {
				t.Fatalf("%s: %q in %q was missed: %v", name, src[a:b], src, ms)
			}
		}
	}
}

// hidden reports whether ms cover every letter and digit of m.
func hidden(src []byte, ms []Match, m Match) bool {
	for p := m.Start; p < m.End; p++ {
		if is(src[p], chAlnum) && !covered(ms, Match{p, p + 1, 0}) {
			return false
		}
	}
	return true
}

// f4Excluded: what stands before the address makes it a version.
func f4Excluded(src []byte, p int) bool {
	f := finder{src: src}
	return f.versionBefore(p)
}

func fuzzSets(tb testing.TB) (map[string]*Set, *Set) {
	sets := map[string]*Set{}
	for _, n := range Names() {
		sets[n] = mustCompile(tb, n)
	}
	return sets, mustCompile(tb, Names()...)
}

// build turns fuzz data into a value: a byte below 0xC0 picks a fragment, another
// one is followed by a raw byte.
func build(data []byte) []byte {
	var out []byte
	for i := 0; i < len(data) && len(out) < 4096; i++ {
		if c := data[i]; c < 0xC0 {
			out = append(out, fragments[int(c)%len(fragments)]...)
		} else if i++; i < len(data) {
			out = append(out, data[i])
		}
	}
	return out
}

func FuzzFind(f *testing.F) {
	sets, all := fuzzSets(f)
	for _, list := range cases {
		for _, c := range list {
			f.Add([]byte(c), false)
		}
	}
	f.Add([]byte{0, 8, 1, 8, 2}, true)
	f.Add([]byte("00.0.0.0"), false)
	f.Add([]byte("eyJhbGciOiUIUzI1NiJ9.eyJzdWIiOiIxIn0."), false)
	f.Fuzz(func(t *testing.T, data []byte, fragmented bool) {
		if fragmented {
			data = build(data)
		}
		checkValue(t, sets, all, data)
	})
}

// The same with random data, in each test run.
func TestRandomValues(t *testing.T) {
	t.Parallel()
	sets, all := fuzzSets(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	data := make([]byte, 24)
	for range 3000 {
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		checkValue(t, sets, all, build(data[:rnd.IntN(len(data))]))
	}
}

// unknowable are cases whose head does not tell what it is the head of: a card
// inside a longer number, one written with an exponent, a user before @tcp.
var unknowable = map[string]bool{
	"9994«4111111111111111»": true, "000«4111111111111111»": true, "4111«4111111111111111»": true, "«4.111111111111111e15»": true,
	"«4.111111111111111E+15»": true, "x 17 «4.111111111111111e15»": true, "5 «5.500000000002e15», 1": true,
	"«482113» is your Acme verification code": true, "«G-482113» is your Google verification code.": true, "Use «482113» as your login code": true,
	"«482113» is your one-time password": true, "«4821» is your OTP": true, "«2/1200123456789012/1200987654321098:0123456789abcdef0123456789abcdef»": true,
	"«u:pw»@tcp(db:3306)/x": true, "//«ada:pw»@h.test/": true, "x //«ada:pw»@h.test/": true, "a://«x@y:z»@h": true,
}

// A value that is cut inside a match gives nothing of the match away, once as much
// of it is there as it takes to know it.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	known := map[string]int{ // bytes of a match that may stay
		"card": 12, "iban": 9, "jwt": 12, "bearer": 0, "basic_auth": 3, "private_key": 38, "aws_access_key": 4, "aws_secret_key": 7,
		"github_token": 11, "gitlab_token": 6, "slack_token": 26, "stripe_key": 8, "google_api_key": 7, "vendor_key": 25, "url_userinfo": 0,
		"email": 15, "ip": 9, "ssn": 6, "phone": 12, "password_hash": 14, "prose_secret": 0,
	}
	for name, list := range cases {
		if strings.HasPrefix(name, "re:") {
			continue
		}
		s := mustCompile(t, name)
		for _, c := range list {
			if strings.HasSuffix(c, "†") || strings.Contains(c, "\u200b") || strings.Contains(c, "４") || unknowable[c] {
				continue
			}
			src := []byte(strings.NewReplacer("«", "", "»", "").Replace(c))
			for _, m := range s.Find(nil, src, false) {
				for n := m.Start + known[name] + 1; n <= m.End; n++ {
					if got := s.Find(nil, src[:n], true); !hidden(src, got, Match{m.Start, n, 0}) && known[name] < m.End-m.Start {
						t.Errorf("%s: %q cut to %q: %v does not cover from %d", name, src, src[:n], got, m.Start)
						break
					}
				}
			}
		}
	}
}

// Twice the input takes about twice the time, for every worst case.
func TestLinear(t *testing.T) {
	if os.Getenv("APISPAN_TIMING") == "" {
		t.Skip("measures time; make test runs it apart, without the race detector")
	}
	all := mustCompile(t, Names()...)
	dst := make([]Match, 0, 1<<20)
	for _, in := range benchInputs() {
		small := in.src[:4<<10]
		big := []byte(strings.Repeat(string(small), 32))
		best := func(src []byte, rounds int) time.Duration {
			least := time.Hour
			for range rounds {
				start := time.Now()
				dst = all.Find(dst[:0], src, false)
				least = min(least, time.Since(start))
			}
			return least
		}
		a, b := best(small, 20), best(big, 4)
		if b > 32*6*a+5*time.Millisecond {
			t.Errorf("%s: %v for %d bytes, %v for %d", in.name, a, len(small), b, len(big))
		}
	}
}
