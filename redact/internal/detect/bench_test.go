// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

const prose = "The quick brown fox jumps over the lazy dog near the river bank, while several people watch from a distance and " +
	"talk about the weather. Nobody bears a grudge against basic facts; the key question is whether they agree on the price. "

// inputs for speed: text, and all that makes some detector work in vain.
func benchInputs() []struct {
	name string
	src  []byte
} {
	const n = 16 << 10
	rnd := rand.New(rand.NewPCG(1, 2))
	fill := func(s string) []byte { return []byte(strings.Repeat(s, n/len(s)+1)[:n]) }
	random := func(alphabet string) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		return b
	}
	var logs bytes.Buffer
	for i := 0; logs.Len() < n; i++ {
		logs.WriteString("2024-01-15T10:30:45.123Z INFO shop/checkout.go:")
		logs.WriteByte('0' + byte(i%10))
		logs.WriteString("2 order accepted items=3 total=129.95 status=200 path=/v1/orders/4711 dur=12ms\n")
	}
	return []struct {
		name string
		src  []byte
	}{
		{"prose", fill(prose)},
		{"logs", logs.Bytes()[:n]},
		{"json", fill(`{"id":4711,"name":"Ada Lovelace","items":[{"sku":"A-17","qty":2,"price":19.95}],"note":"leave at the door"},`)},
		{"worst/random-bytes", func() []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			return b
		}()},
		{"worst/base64", random("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")},
		{"worst/hex", random("0123456789abcdef")},
		{"worst/digits-random", random("0123456789")},
		{"worst/digits-4", fill("4")},
		{"worst/digits-blank", fill("4 ")},
		{"worst/digits-groups", fill("4111 ")},
		{"worst/digits-dots", fill("4.")},
		{"worst/digits-zero-width", fill("4\u200b")},
		{"worst/digits-fullwidth", fill("４")},
		{"worst/cards", fill("4111111111111111 ")},
		{"worst/digits-groups-random", func() []byte {
			var b []byte
			for len(b) < n {
				for range 1 + rnd.IntN(6) {
					b = append(b, '0'+byte(rnd.IntN(10)))
				}
				b = append(b, " -."[rnd.IntN(3)])
			}
			return b[:n]
		}()},
		{"worst/digits-or-blanks", random("0123456789    ")},
		{"worst/digits-dashes", fill("4111-1111-")},
		{"worst/digits-lead-byte", fill("4\xc2")},
		{"worst/cards-grouped", fill("5555-5555-5555-4444 ")},
		{"worst/cards-glued", fill("5555-5555-5555-4444")},
		{"worst/a@", fill("a@")},
		{"worst/wide-at", fill("＠")},
		{"worst/@", fill("@")},
		{"worst/a@a.b@", fill("a@a.bb@")},
		{"worst/eyJ", fill("eyJ")},
		{"worst/eyJ-heads", fill("eyJhbGciOiJIUzI1NiJ9")},
		{"worst/eyJ.", fill("eyJhbGciOiJIUzI1NiJ9.x ")},
		{"worst/begin", fill("-----BEGIN ")},
		{"worst/begin-cert", fill("-----BEGIN CERTIFICATE-----")},
		{"worst/dashes", fill("-")},
		{"worst/end", fill("-----END ")},
		{"worst/slashes", fill("/")},
		{"worst/backslashes", fill(`\`)},
		{"worst/urls", fill("://")},
		{"worst/url-a:b", fill("h://a:b/")},
		{"worst/bearer", fill("bearer ")},
		{"worst/bearer-blanks", fill("bearer                                                       ")},
		{"worst/blanks-bearer", append(bytes.Repeat([]byte(" "), n/2), fill("bearer x ")[:n/2]...)},
		{"worst/basic", fill("basic aaaa ")},
		{"worst/akia", fill("AKIA")},
		{"worst/ghp", fill("ghp_")},
		{"worst/secret", fill("secret_access_key ")},
		{"worst/aws-secret", fill("aws_secret_")},
		{"worst/gl", fill("gl")},
		{"worst/glpat", fill("glpat-")},
		{"worst/xoxo", fill("xoxo")},
		{"worst/code", fill("code ")},
		{"worst/your-code", fill("1234 is your code ")},
		{"worst/password-of", fill("password of a b is ")},
		{"worst/verify", fill("use 1 to verify ")},
		{"worst/asana", fill("1/120000000000000:0")},
		{"worst/star-hex", fill("*ABCDEF0123456789")},
		{"worst/oracle", fill("oracle:thin:")},
		{"worst/phone", fill("1 555 ")},
		{"worst/ssn", fill("123-45-6789.")},
		{"worst/colons", fill(":")},
		{"worst/hex-colons", fill("a:")},
		{"worst/dots", fill("1.1.")},
		{"worst/plus", fill("+1 ")},
		{"worst/iban", fill("GB82")},
		{"worst/percent", fill("%40")},
		{"worst/quotes", fill(`"@`)},
		{"worst/blanks", fill(" ")},
	}
}

// The floor is counting bytes, which reads the value once.
func BenchmarkFloorCount(b *testing.B) {
	src := benchInputs()[0].src
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		n := 0
		for _, c := range src {
			if c == 0xFF {
				n++
			}
		}
		if n > 0 {
			b.Fatal(n)
		}
	}
}

func benchFind(b *testing.B, s *Set) {
	for _, in := range benchInputs() {
		b.Run(in.name, func(b *testing.B) {
			dst := make([]Match, 0, 1<<14)
			b.SetBytes(int64(len(in.src)))
			b.ReportAllocs()
			for b.Loop() {
				dst = s.Find(dst[:0], in.src, false)
			}
		})
	}
}

func BenchmarkDefaults(b *testing.B) { benchFind(b, mustCompile(b, DefaultNames()...)) }
func BenchmarkAll(b *testing.B)      { benchFind(b, mustCompile(b, Names()...)) }

// The bodies of the benchmarks run as a test too, and are whole whatever the
// input is cut to.
func TestBenchmarkInputs(t *testing.T) {
	t.Parallel()
	for _, s := range []*Set{mustCompile(t, DefaultNames()...), mustCompile(t, Names()...)} {
		for _, in := range benchInputs() {
			for _, n := range []int{len(in.src), 1000, 127, 18, 17, 3} {
				for _, cut := range []bool{false, true} {
					checkShape(t, in.src[:n], s.Find(nil, in.src[:n], cut))
				}
			}
			if !strings.HasPrefix(in.name, "worst/") && len(s.Find(nil, in.src, false)) > 0 {
				t.Errorf("%s has matches", in.name)
			}
		}
	}
}

// Most values are short: what a call costs counts more than the bytes.
func BenchmarkShortValues(b *testing.B) {
	s := mustCompile(b, DefaultNames()...)
	for _, v := range []string{"EUR", "Ada Lovelace", "4711", "2024-01-15T10:30:45Z", "550e8400-e29b-41d4-a716-446655440000", "leave it at the door, please"} {
		b.Run(v, func(b *testing.B) {
			src := []byte(v)
			dst := make([]Match, 0, 8)
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				dst = s.Find(dst[:0], src, false)
			}
		})
	}
}
