// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

// The oracle decodes with encoding/json, masks, and compares trees. Its keys and
// values are plain, so that folding, nesting and detectors stay out of it.

func oraclePolicy(t testing.TB) *Policy {
	return mustPolicy(t, Config{Keys: Keys{Deny: asRules([]string{"password", "access_token", "card_number", "secret"})}})
}

// genValue writes a random JSON value; secrets stand only under denied keys.
func genValue(r *rand.Rand, b *strings.Builder, depth int, denied bool) {
	space := func() {
		if r.IntN(6) == 0 {
			b.WriteString([...]string{" ", "\n", "\t ", "\r\n  "}[r.IntN(4)])
		}
	}
	space()
	k := r.IntN(8)
	if depth <= 0 && k >= 6 {
		k = r.IntN(6)
	}
	switch k {
	case 0:
		b.WriteString([...]string{"true", "false", "null"}[r.IntN(3)])
	case 1, 2:
		b.WriteString([...]string{"0", "-1", "12.50", "1e9", "-0.5E-3", "12345678901234567890", "7"}[r.IntN(7)])
	case 3, 4, 5:
		b.WriteByte('"')
		if denied {
			b.WriteString("S3CR3T")
		}
		for range r.IntN(24) {
			b.WriteString([...]string{"a", "zz", "\\n", "\\\"", "\\\\", "é", "\\u00e9", "\\ud83d\\ude00", "/", "\\/", " ", "0", "}", ")", ",", "]"}[r.IntN(16)])
		}
		b.WriteByte('"')
	case 6:
		b.WriteByte('[')
		for i := range r.IntN(5) {
			if i > 0 {
				b.WriteByte(',')
			}
			genValue(r, b, depth-1, denied)
		}
		space()
		b.WriteByte(']')
	case 7:
		b.WriteByte('{')
		for i := range r.IntN(6) {
			if i > 0 {
				b.WriteByte(',')
			}
			space()
			key, d := [...]string{"a", "bb", "city", "a_rather_long_member_name", "é", "q\\\"q", "x1", "street"}[r.IntN(8)], denied
			if r.IntN(6) == 0 {
				key, d = [...]string{"password", "access_token", "card_number", "secret"}[r.IntN(4)], true
			}
			b.WriteString(`"` + key + `"`)
			space()
			b.WriteByte(':')
			genValue(r, b, depth-1, d)
		}
		space()
		b.WriteByte('}')
	}
	space()
}

func decode(t testing.TB, src string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(src))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("not JSON any more: %v\n%s", err, src)
	}
	return v
}

func checkDocument(t testing.TB, s *Scratch, doc string) {
	t.Helper()
	s.Begin(Exchange{RequestContentType: "application/json"})
	out, ef := s.Body(Request, doc)
	if ef == Removed {
		t.Fatalf("removed: %s", doc)
	}
	if strings.Contains(out, "S3CR3T") {
		t.Fatalf("leak:\n in  %s\n out %s", doc, out)
	}
	want := oracleWalk(decode(t, doc))
	if got := decode(t, out); !reflect.DeepEqual(got, want) {
		t.Fatalf("differs from the oracle:\n in  %s\n out %s", doc, out)
	}
	again, ef := s.Body(Request, out)
	if ef != Unchanged || again != out {
		t.Fatalf("not idempotent:\n once  %s\n twice %s", out, again)
	}
	if aliases(doc, out) && out != doc {
		t.Fatal("the output shares memory with the input")
	}
}

// aliases reports whether two strings share memory.
func aliases(a, b string) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	pa, pb := uintptr(unsafe.Pointer(unsafe.StringData(a))), uintptr(unsafe.Pointer(unsafe.StringData(b)))
	return pa < pb+uintptr(len(b)) && pb < pa+uintptr(len(a))
}

// TestOracle compares random documents with the naive way, and cuts each at every
// byte.
func TestOracle(t *testing.T) {
	t.Parallel()
	n := 3000
	if testing.Short() {
		n = 300
	}
	s := oraclePolicy(t).NewScratch()
	defer s.Release()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var b strings.Builder
		b.WriteByte('{')
		b.WriteString(`"r":`)
		genValue(r, &b, 5, false)
		b.WriteByte('}')
		doc := b.String()
		checkDocument(t, s, doc)
		if i%10 == 0 {
			checkPrefixes(t, s, doc)
		}
	}
}

// checkPrefixes cuts doc at every byte: nothing of a secret is left, and what is
// left begins like the redacted whole up to where the cut token stood.
func checkPrefixes(t testing.TB, s *Scratch, doc string) {
	t.Helper()
	for n := range doc {
		s.Begin(Exchange{RequestContentType: "application/json", RequestTruncated: true})
		out, ef := s.Body(Request, doc[:n])
		if ef == Removed {
			continue
		}
		if strings.Contains(out, "S3C") {
			t.Fatalf("leak in a prefix:\n in  %s\n out %s", doc[:n], out)
		}
		again, _ := s.Body(Request, out)
		if again != out {
			t.Fatalf("prefix not idempotent:\n in    %s\n once  %s\n twice %s", doc[:n], out, again)
		}
	}
}

// FuzzJSONOracle: any JSON that encoding/json accepts gives what the naive way
// gives, and stays JSON.
func FuzzJSONOracle(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		var b strings.Builder
		genValue(r, &b, 4, false)
		f.Add([]byte(b.String()))
	}
	f.Add([]byte(`{"pass\u0077ord":{"a":[1]},"z":"\\"}`))
	p := oraclePolicy(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if !json.Valid(src) {
			return
		}
		doc := string(src)
		s := p.NewScratch()
		defer s.Release()
		s.Begin(Exchange{RequestContentType: "application/json"})
		out, ef := s.Body(Request, doc)
		if ef == Removed {
			t.Fatalf("removed: %q", doc)
		}
		if strings.Contains(out, "[REDACTED:") && !strings.Contains(doc, "[REDACTED:") {
			return // a limit, or a string that reads as a broken document
		}
		if !json.Valid([]byte(out)) {
			t.Fatalf("not JSON any more:\n in  %q\n out %q", doc, out)
		}
		if out != doc && aliases(doc, out) {
			t.Fatal("the output shares memory with the input")
		}
		if again, _ := s.Body(Request, out); again != out {
			t.Fatalf("not idempotent:\n in    %q\n once  %q\n twice %q", doc, out, again)
		}
		// Letters that fold to others begin with one of these bytes, or are broken.
		beyondASCII := strings.ContainsRune(doc, utf8.RuneError) ||
			slices.ContainsFunc(src, func(b byte) bool { return strings.IndexByte("\xef\xe2\xcc\xd0\xce", b) >= 0 })
		// Where the document has no denied key nor anything that may hold one, it
		// stays as it is; else every denied key that the oracle sees is masked.
		if !strings.ContainsAny(doc, "pPsStTcCuUaA\\") && !beyondASCII && out != doc && !bytes.ContainsAny(src, ":=%<") {
			t.Fatalf("changed for no reason:\n in  %q\n out %q", doc, out)
		}
		checkDenied(t, decode(t, out), doc)
	})
}

// checkDenied walks a redacted document: what stands under a denied key is the
// mask.
func checkDenied(t *testing.T, v any, doc string) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if oracleDenied[k] {
				if e != "[REDACTED]" {
					t.Fatalf("leak under %s: %q", k, doc)
				}
				continue
			}
			checkDenied(t, e, doc)
		}
	case []any:
		for _, e := range x {
			checkDenied(t, e, doc)
		}
	}
}

// FuzzBytes: any bytes in any place end in bounded memory without a panic (which
// would show as Removed under a policy without a drop rule), and no input is
// shared.
func FuzzBytes(f *testing.F) {
	for _, in := range worstInputs(512) {
		f.Add(in, "application/json", uint8(0))
	}
	for i, ct := range []string{"", "text/plain", "application/xml", "text/html", "multipart/form-data; boundary=x", "application/x-ndjson", "text/event-stream", "text/csv", "application/x-www-form-urlencoded"} {
		f.Add(`{"password":"x"}`, ct, uint8(i))
	}
	p := mustPolicy(f, Config{
		Defaults: true, HMAC: benchKey,
		Keys:     Keys{HMAC: asRules([]string{"user_id"}), Deny: asRules([]string{"$.a..b", "$.c[*].d"})},
		Patterns: map[string]string{"email": "hmac", "ip": "mask", "ssn": "mask", "iban": "mask", "phone": "mask"},
	})
	f.Fuzz(func(t *testing.T, in, ct string, where uint8) {
		s := p.NewScratch()
		defer s.Release()
		s.Begin(Exchange{RequestContentType: ct, ResponseContentType: ct, RequestTruncated: where&16 != 0})
		var out string
		var ef Effect
		switch where % 10 {
		case 0, 1:
			out, ef = s.Body(Request, in)
		case 2:
			out, ef = s.Query(in)
		case 3:
			out, ef = s.Path(in)
		case 4:
			out, ef = s.URL(in)
		case 5:
			out, ef = s.ClientIP(in)
		case 6:
			out, ef = s.Text(in)
		case 7:
			out, ef = s.Header(Request, "Cookie", in)
		case 8:
			out, ef = s.Header(Response, "Set-Cookie", in)
		case 9:
			out, ef = s.Attribute(ct, in)
		}
		if ef == Removed {
			t.Fatalf("removed: %q as %d %q", in, where, ct)
		}
		if len(out) > outFactor*len(in)+outSlack {
			t.Fatalf("%d bytes became %d", len(in), len(out))
		}
		if ef == Changed && aliases(in, out) {
			t.Fatal("the output shares memory with the input")
		}
	})
}

// TestNoAllocations: a value without a hit costs none.
func TestNoAllocations(t *testing.T) {
	doc := orderJSON(4<<10, 0, 1)
	for name, p := range map[string]*Policy{
		"keys":    mustPolicy(t, keysOnly()),
		"default": mustPolicy(t, Config{Defaults: true}),
	} {
		s := p.NewScratch()
		ex := Exchange{RequestContentType: "application/json"}
		for what, fn := range map[string]func(){
			"body":   func() { s.Body(Request, doc) },
			"header": func() { s.Header(Request, "Content-Type", "application/json") },
			"query":  func() { s.Query("page=2&sort=name&q=a%20b") },
			"path":   func() { s.Path("/api/v1/orders/42") },
			"url":    func() { s.URL("https://h.test/api/v1/orders/42?page=2") },
			"attr":   func() { s.Attribute("http.request.header.accept", "*/*") },
			"text":   func() { s.Text("GET /api/v1/orders/{id}") },
		} {
			s.Begin(ex)
			fn()
			if n := testing.AllocsPerRun(50, func() { s.Begin(ex); fn() }); n != 0 {
				t.Errorf("%s, %s: %v allocations", name, what, n)
			}
		}
		s.Release()
	}
}
