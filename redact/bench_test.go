// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// orderJSON is a synthetic order document of about n bytes, some 28 bytes for each
// member, in which a share of the members (in percent) has a denied key.
func orderJSON(n, percent int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	hit := func() bool { return r.IntN(100) < percent }
	b.WriteString(`{"order_id":"` + strconv.Itoa(r.IntN(1e9)) + `","items":[`)
	for i := 0; b.Len() < n-160; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, k := range [...]string{"sku", "title", "quantity", "unit_price", "currency", "warehouse_location", "in_stock", "tags", "dimensions"} {
			if j > 0 {
				b.WriteByte(',')
			}
			if hit() {
				k = [...]string{"password", "access_token", "card_number", "secret"}[r.IntN(4)]
				fmt.Fprintf(&b, `%q:"S3CR3T-%012d"`, k, r.IntN(1e12))
				continue
			}
			switch k {
			case "sku":
				fmt.Fprintf(&b, `"sku":"SKU-%06d-%s"`, r.IntN(1e6), "blue")
			case "title":
				fmt.Fprintf(&b, `"title":"%s %s"`, words16[r.IntN(len(words16))], words16[r.IntN(len(words16))])
			case "quantity":
				fmt.Fprintf(&b, `"quantity":%d`, r.IntN(100))
			case "unit_price":
				fmt.Fprintf(&b, `"unit_price":%d.%02d`, r.IntN(500), r.IntN(100))
			case "currency":
				b.WriteString(`"currency":"EUR"`)
			case "warehouse_location":
				fmt.Fprintf(&b, `"warehouse_location":"aisle %d shelf %d"`, r.IntN(40), r.IntN(9))
			case "in_stock":
				b.WriteString(`"in_stock":true`)
			case "tags":
				b.WriteString(`"tags":["new","garden"]`)
			case "dimensions":
				fmt.Fprintf(&b, `"dimensions":{"width_mm":%d,"height_mm":%d}`, r.IntN(900), r.IntN(900))
			}
		}
		b.WriteByte('}')
	}
	b.WriteString(`],"note":"leave at the door","status":"confirmed"}`)
	return b.String()
}

var words16 = []string{"garden chair with cushion", "walnut coffee table", "linen curtain", "brass lamp", "wool blanket", "oak shelf", "ceramic vase", "steel kettle"}

func mustPolicy(t testing.TB, c Config) *Policy {
	t.Helper()
	p, err := CompileConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func asRules(names []string) (out []KeyRule) {
	for _, n := range names {
		out = append(out, KeyRule{Name: n})
	}
	return out
}

var benchKey = HMAC{Keys: []HMACKey{{ID: "k1", Value: "0123456789abcdef0123456789abcdef"}}}

func keysOnly() Config { return Config{Keys: Keys{Deny: asRules(defaultKeys)}} }

func runBody(b *testing.B, p *Policy, docs ...string) {
	b.Helper()
	s := p.NewScratch()
	defer s.Release()
	n := 0
	for _, d := range docs {
		n += len(d)
	}
	ex := Exchange{RequestContentType: "application/json"}
	b.SetBytes(int64(n / len(docs)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Begin(ex)
		s.Body(Request, docs[i%len(docs)])
	}
}

// BenchmarkJSON is the engine over one document, with its floor and its rivals.
func BenchmarkJSON(b *testing.B) {
	d0, d5 := orderJSON(16<<10, 0, 1), orderJSON(16<<10, 5, 1)
	b.Run("floor/memcpy", func(b *testing.B) {
		b.SetBytes(int64(len(d0)))
		dst := make([]byte, len(d0))
		for b.Loop() {
			copy(dst, d0)
		}
	})
	b.Run("floor/bytecount", func(b *testing.B) {
		b.SetBytes(int64(len(d0)))
		n := 0
		for b.Loop() {
			n += strings.Count(d0, `"`)
		}
		if n == 0 {
			b.Fatal("no quotes")
		}
	})
	keys := mustPolicy(b, keysOnly())
	b.Run("keys/16K/0%", func(b *testing.B) { runBody(b, keys, d0) })
	b.Run("keys/16K/5%", func(b *testing.B) { runBody(b, keys, d5) })
	b.Run("keys/1K/0%", func(b *testing.B) { runBody(b, keys, orderJSON(1200, 0, 1)) })
	b.Run("keys/1K/5%", func(b *testing.B) { runBody(b, keys, orderJSON(1200, 5, 1)) })
	b.Run("keys/256K/0%", func(b *testing.B) { runBody(b, keys, orderJSON(256<<10, 0, 1)) })
	var many []string
	for i := range 256 {
		many = append(many, orderJSON(16<<10, 0, uint64(i)))
	}
	b.Run("keys/16K/0%/rotating", func(b *testing.B) { runBody(b, keys, many...) })
	hm := Config{HMAC: benchKey, Keys: Keys{HMAC: asRules([]string{"password", "access_token", "card_number", "secret"})}}
	b.Run("hmac/16K/5%", func(b *testing.B) { runBody(b, mustPolicy(b, hm), d5) })
	def := mustPolicy(b, Config{Defaults: true})
	b.Run("default/16K/0%", func(b *testing.B) { runBody(b, def, d0) })
	b.Run("default/16K/5%", func(b *testing.B) { runBody(b, def, d5) })
	inner, err := json.Marshal(map[string]any{"z": 1, "body": orderJSON(16<<10, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("keys/JSON-in-JSON/0%", func(b *testing.B) { runBody(b, keys, string(inner)) })
	inner5, _ := json.Marshal(map[string]any{"z": 1, "body": d5})
	b.Run("keys/JSON-in-JSON/5%", func(b *testing.B) { runBody(b, keys, string(inner5)) })
	b.Run("allowlist/16K", func(b *testing.B) {
		runBody(b, mustPolicy(b, Config{Keys: Keys{Allow: asRules([]string{"currency"})}}), d0)
	})
	b.Run("rival/encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(d5)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := oracleMask([]byte(d5)); err != nil {
				b.Fatal(err)
			}
		}
	})
	re := regexp.MustCompile(`(?i)"(password|access_token|card_number|secret|pin|cvv|ssn|iban|session|auth|jwt|otp|dob|sig|dsn|salt)"\s*:\s*"[^"]*"`)
	b.Run("rival/regexp", func(b *testing.B) {
		b.SetBytes(int64(len(d5)))
		b.ReportAllocs()
		for b.Loop() {
			re.ReplaceAllString(d5, `"$1":"[REDACTED]"`)
		}
	})
}

// oracleMask is the naive way: decode, walk, encode.
func oracleMask(src []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(oracleWalk(v))
}

func oracleWalk(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if oracleDenied[k] {
				x[k] = "[REDACTED]"
			} else {
				x[k] = oracleWalk(e)
			}
		}
	case []any:
		for i := range x {
			x[i] = oracleWalk(x[i])
		}
	}
	return v
}

var oracleDenied = map[string]bool{"password": true, "access_token": true, "card_number": true, "secret": true}

// worstInputs are made to be slow.
func worstInputs(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)) }
	var short, long strings.Builder
	for i := 0; short.Len() < n; i++ {
		fmt.Fprintf(&short, `"k%d":1,`, i)
	}
	for i := 0; long.Len() < n; i++ {
		fmt.Fprintf(&long, `"a_rather_long_key_name_%d":1,`, i)
	}
	return map[string]string{
		"unique short keys": "{" + short.String() + `"z":1}`,
		"unique long keys":  "{" + long.String() + `"z":1}`,
		"backslashes":       `{"a":"` + rep(`\\`) + `"}`,
		"escaped quotes":    `{"a":"` + rep(`\"`) + `"}`,
		"u escapes":         `{"a":"` + rep(`\u0041`) + `"}`,
		"objects":           "[" + rep("{},") + "{}]",
		"one-byte keys":     "{" + rep(`"a":1,`) + `"a":1}`,
		"escaped keys":      "{" + rep(`"\u0061b":1,`) + `"a":1}`,
		"at signs":          `{"a":"` + rep("a@a@") + `"}`,
		"digits":            `{"a":"` + rep("4111") + `"}`,
		"digits spaced":     `{"a":"` + rep("4111 ") + `"}`,
		"long string":       `{"a":"` + rep("abcdefg ") + `"}`,
		"brackets":          rep("["),
		"braces text":       `{"a":"` + rep("x {") + `"}`,
		"text keys":         `{"a":"` + rep("ab=c ") + `"}`,
		"colons":            `{"a":"` + rep("a:b ") + `"}`,
		"percents":          `{"a":"` + rep("%41") + `"}`,
		"ampersands":        `{"a":"` + rep("a=b&") + `"}`,
		"tags":              `{"a":"` + rep("<a>") + `"}`,
		"urls":              `{"a":"` + rep("http://a/?b=c ") + `"}`,
		"string elements":   "[" + rep(`"ab",`) + `"z"]`,
		"pairs":             "[" + rep(`{"name":"a","value":1},`) + `{}]`,
		"pairs reversed":    "[" + rep(`{"value":1,"name":"a"},`) + `{}]`,
		"key dots":          `{"` + rep("a.") + `":1}`,
		"eyJ":               `{"a":"` + rep("eyJ.") + `"}`,
		"schemes":           `{"a":"` + rep("://") + `"}`,
	}
}

// BenchmarkWorst must stay above 300 MB/s on the reference machine whatever the
// input.
func BenchmarkWorst(b *testing.B) {
	keys, def := mustPolicy(b, keysOnly()), mustPolicy(b, Config{Defaults: true})
	for name, in := range worstInputs(16 << 10) {
		b.Run(name+"/keys", func(b *testing.B) { runBody(b, keys, in) })
		b.Run(name+"/default", func(b *testing.B) { runBody(b, def, in) })
	}
}
