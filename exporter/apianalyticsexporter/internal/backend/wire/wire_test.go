// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"math"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/entity"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

var nastyStrings = []string{
	"", "plain", "seven77", "eight888", `quote " and \ backslash`, "tab\tnl\ncr\r",
	"\x00\x01\x1f\x7f", "<script>&amp;</script>", "ünïcödé", "日本語テキスト", "😀😀",
	"bad \xff\xfe byte", "\xed\xa0\x80 encoded surrogate", "cut \xe2\x82", "\xc0\xaf overlong",
	"\u2028\u2029\ufeff\ufffd", strings.Repeat("a", 15) + `"`, strings.Repeat("é", 9),
}

func TestAppendStringDecodesToInput(t *testing.T) {
	t.Parallel()
	for _, s := range nastyStrings {
		checkString(t, s)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range nastyStrings {
		f.Add(s)
	}
	f.Fuzz(checkString)
}

func checkString(t *testing.T, s string) {
	t.Helper()
	out := AppendString([]byte("x"), s)
	if out[0] != 'x' {
		t.Fatal("dst was overwritten")
	}
	var got string
	if err := json.Unmarshal(out[1:], &got); err != nil {
		t.Fatalf("AppendString(%q) is not JSON: %v", s, err)
	}
	// One U+FFFD a byte: what ranging over the string does.
	if want := string([]rune(s)); got != want {
		t.Errorf("AppendString(%q) reads back as %q, want %q", s, got, want)
	}
}

var documents = []string{
	`{}`, `[]`, ` { } `, "\n[\t]\r", `{"a":1}`, `[1,-0,0.5,1e9,1E+9,-1.5e-7]`, `{"a":{"b":[{"c":null}]}}`,
	`[true,false,null]`, `["\u00e9\n\"\\\/\b\f\r\t"]`, `["\ud83d\ude00"]`, `["\uD83D\uDE00"]`,
	`["\ud83d"]`, `["\ude00"]`, `["\ud83dx"]`, `["\ud83d\n"]`, `["\ud83d\ud83d"]`, `["\ud83d\u00e9"]`,
	`{"\ud800":1}`, `["\\ud800"]`, `"text"`, `12`, `true`, `null`, ``, ` `, `{`, `[`, `}`, `]`, `{]`, `[}`,
	`{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `{1:2}`, `[1 2]`, `{"a" 1}`, `{"a":1 "b":2}`,
	`[01]`, `[-]`, `[1.]`, `[.5]`, `[1e]`, `[1e+]`, `[+1]`, `[0x1]`, `[1e999]`, `[NaN]`, `[tru]`, `[nul`, `[falsy]`,
	`[12345678901234567890123456789]`, `{"a":1}{}`, `{"a":1}x`, `["unterminated`, `["\`, `["\u12`, `["\x"]`,
	"[\"raw\ncontrol\"]", "[\"\x00\"]", "[\"\xff\"]", "\xef\xbb\xbf{}", `{"a":1,"a":2}`, "[\"日本語テキスト\"]",
	`["` + strings.Repeat("a", 100) + `\"` + strings.Repeat("b", 7) + `"]`,
	strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
	strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1),
	strings.Repeat(`{"a":[`, MaxDepth/2) + strings.Repeat("]}", MaxDepth/2),
	strings.Repeat(`[{"a":`, MaxDepth/2) + "1" + strings.Repeat("]}", MaxDepth/2),
}

func TestEmbeddableAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	accepted := 0
	for _, s := range documents {
		checkEmbeddable(t, s)
		if Embeddable(s) {
			accepted++
		}
		for i := range len(s) {
			if i < 200 {
				checkEmbeddable(t, s[:i])
			}
		}
	}
	if accepted < 12 {
		t.Errorf("only %d of the documents were accepted", accepted)
	}
}

func FuzzEmbeddable(f *testing.F) {
	for _, s := range documents {
		f.Add(s)
	}
	f.Fuzz(checkEmbeddable)
}

var pairedSurrogates = regexp.MustCompile(`(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}`)

// checkEmbeddable compares with the slow definition in the doc comment.
func checkEmbeddable(t *testing.T, s string) {
	t.Helper()
	want := slowEmbeddable(s)
	if got := Embeddable(s); got != want {
		t.Errorf("Embeddable(%.200q) = %v, want %v", s, got, want)
	}
}

func slowEmbeddable(s string) bool {
	trimmed := strings.Trim(s, " \t\r\n")
	if !json.Valid([]byte(s)) || !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return false
	}
	if strings.ToValidUTF8(s, "") != s {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(s))
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > MaxDepth {
			return false
		}
	}
	// In valid JSON a backslash stands only before an escape; drop escaped
	// backslashes, then pairs, and see whether a surrogate is left.
	rest := strings.ReplaceAll(s, `\\`, "\x00")
	rest = pairedSurrogates.ReplaceAllString(rest, "\x00")
	return !regexp.MustCompile(`(?i)\\ud[89a-f]`).MatchString(rest)
}

func TestAppendValue(t *testing.T) {
	t.Parallel()
	deep := any("leaf")
	for range maxValueDepth + 1 {
		deep = []any{deep}
	}
	tests := []struct {
		in   any
		want string // "" means not representable
	}{
		{"a\"b", `"a\"b"`},
		{true, `true`},
		{int64(math.MinInt64), `-9223372036854775808`},
		{1.5, `1.5`},
		{1e21, `1e+21`},
		{0.0, `0`},
		{math.Copysign(0, -1), `-0`},
		{math.NaN(), ``},
		{math.Inf(-1), ``},
		{[]any{}, `[]`},
		{[]any{int64(1), "x", nil, math.NaN(), []any{false}}, `[1,"x",null,null,[false]]`},
		{map[string]any{}, `{}`},
		{map[string]any{"b": int64(2), "a": math.NaN(), "c": map[string]any{"d": 0.25}}, `{"b":2,"c":{"d":0.25}}`},
		{map[string]any{"z": math.NaN()}, `{}`},
		{nil, ``},
		{[]byte("x"), ``},
		{struct{}{}, ``},
	}
	for _, tt := range tests {
		got, ok := AppendValue([]byte("x"), tt.in)
		if ok != (tt.want != "") || string(got) != "x"+tt.want {
			t.Errorf("AppendValue(%v) = %s, %v; want x%s", tt.in, got, ok, tt.want)
		}
	}
	if got, ok := AppendValue(nil, deep); !ok || !json.Valid(got) || strings.Contains(string(got), "leaf") {
		t.Errorf("a value that is too deep: %s, %v; want null at the limit", got, ok)
	}
}

func TestAppendTime(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 2*3600)
	tests := []struct {
		in   time.Time
		want string
	}{
		{time.Date(2026, 1, 31, 10, 11, 12, 345_999_999, time.UTC), `"2026-01-31T10:11:12.345Z"`},
		{time.Date(2026, 1, 1, 1, 0, 0, 1_000_000, east), `"2025-12-31T23:00:00.001Z"`},
		{time.Unix(0, 0), `"1970-01-01T00:00:00.000Z"`},
		{time.Time{}, `"0001-01-01T00:00:00.000Z"`},
		{time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), `"9999-12-31T23:59:59.999Z"`},
		{time.Date(-5, 6, 1, 0, 0, 0, 0, time.UTC), `"0000-01-01T00:00:00.000Z"`},
	}
	for _, tt := range tests {
		if got := string(AppendTime(nil, tt.in)); got != tt.want {
			t.Errorf("AppendTime(%v) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestAppendIP(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   []string
		want string
	}{
		{[]string{"203.0.113.7"}, `"203.0.113.7"`},
		{[]string{"203.0.113.7:443"}, `"203.0.113.7"`},
		{[]string{"2001:DB8::1"}, `"2001:db8::1"`},
		{[]string{"[2001:db8::1]"}, `"2001:db8::1"`},
		{[]string{"[2001:db8::1]:80"}, `"2001:db8::1"`},
		{[]string{"fe80::1%eth0"}, `"fe80::1"`},
		{[]string{"::ffff:192.0.2.1"}, `"192.0.2.1"`},
		{[]string{"", "hmac:k1:AAAAAAAAAAAAAAAAAAAAAA", "192.0.2.9"}, `"192.0.2.9"`},
		{[]string{"host.example", "/run/app.sock", "[REDACTED]"}, ``},
		{nil, ``},
	}
	for _, tt := range tests {
		got, ok := AppendIP(nil, tt.in...)
		if string(got) != tt.want || ok != (tt.want != "") {
			t.Errorf("AppendIP(%q) = %s, %v; want %s", tt.in, got, ok, tt.want)
		}
	}
}

func TestAppendURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scheme, host, path, query string
		want                      string
	}{
		{"https", "api.example.com", "/v1/items", "limit=2", "https://api.example.com/v1/items?limit=2"},
		{"", "", "", "", "http://unknown.invalid/"},
		{"HTTPS", "h:8443", "/a%20b/%zz/%4", "", "https://h:8443/a%20b/%25zz/%254"},
		{"ftp", "h", "*", "", "http://h/*"},
		{"http", "[2001:DB8::1]:8080", "/", "", "http://[2001:db8::1]:8080/"},
		{"http", "2001:db8::1", "/", "", "http://[2001:db8::1]/"},
		{"http", "[fe80::1%25eth0]", "/", "", "http://[fe80::1]/"},
		{"http", "[::1", "/", "", "http://unknown.invalid/"},
		{"http", "h:port", "/", "", "http://unknown.invalid/"},
		{"http", "h:", "/", "", "http://h/"},
		{"http", ":80", "/", "", "http://unknown.invalid/"},
		{"http", "a b", "/", "", "http://unknown.invalid/"},
		{"http", "user@h", "/", "", "http://unknown.invalid/"},
		{"http", "h/../x", "/", "", "http://unknown.invalid/"},
		{"http", "bücher.example", "/ü", "ü=ü", "http://b%C3%BCcher.example/%C3%BC?%C3%BC=%C3%BC"},
		{"http", "h", "/a?b#c", "x[]=1&y=a b\"<>#z", "http://h/a%3Fb%23c?x%5B%5D=1&y=a%20b%22%3C%3E%23z"},
		{"http", "h", "/\xff\n", "?", "http://h/%FF%0A??"},
	}
	for _, tt := range tests {
		ex := &exchange.Exchange{Scheme: tt.scheme, Host: tt.host, Path: tt.path, Query: tt.query}
		if got := string(AppendURL(nil, ex)); got != tt.want {
			t.Errorf("AppendURL(%q %q %q %q) = %s, want %s", tt.scheme, tt.host, tt.path, tt.query, got, tt.want)
		}
	}
}

func TestAppendRoute(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                     "/",
		"/users/{id}":          "/users/{id}",
		"/users/<int:id>/:x/*": "/users/<int:id>/:x/*",
		"GET /a b?c#\"\\":      "/GET%20/a%20b%3Fc%23%22%5C",
	} {
		if got := string(AppendRoute(nil, in)); got != want {
			t.Errorf("AppendRoute(%q) = %s, want %s", in, got, want)
		}
	}
}

func FuzzAppendURL(f *testing.F) {
	f.Add("https", "example.com:8080", "/a%2Fb", "x=1&x=%zz")
	f.Add("", "[::1%25lo]:1", "", "\"\\\n")
	f.Add("http", "1:2:3", "//x", "?#")
	f.Fuzz(func(t *testing.T, scheme, host, path, query string) {
		out := AppendURL(nil, &exchange.Exchange{Scheme: scheme, Host: host, Path: path, Query: query})
		for _, c := range out {
			if c <= ' ' || c > '~' || c == '"' || c == '\\' {
				t.Fatalf("byte %#x in %q", c, out)
			}
		}
		u, err := url.Parse(string(out))
		if err != nil {
			t.Fatalf("%q does not parse: %v", out, err)
		}
		if u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
			t.Errorf("%q parses as %#v", out, u)
		}
	})
}

func TestIsUUID(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"0190b5a4-7c1e-4d3a-9f00-0123456789ab":   true,
		"0190B5A4-7C1E-4D3A-9F00-0123456789AB":   true,
		"0190b5a47c1e4d3a9f000123456789ab":       false,
		"0190b5a4-7c1e-4d3a-9f00-0123456789ag":   false,
		"0190b5a4-7c1e-4d3a-9f00+0123456789ab":   false,
		"{0190b5a4-7c1e-4d3a-9f00-0123456789a}":  false,
		"0190b5a4-7c1e-4d3a-9f00-0123456789ab\n": false,
		"":                                       false,
	} {
		if got := IsUUID(s); got != want {
			t.Errorf("IsUUID(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestIsMaskAndIsToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in          string
		mask, token bool
	}{
		{"[REDACTED]", true, false},
		{"[REDACTED:malformed]", true, false},
		{"[REDACTED 24]", true, false},
		{"***", true, false},
		{"hmac:k1:AbCdEfGhIjKlMnOpQrStUv", false, true},
		{"hmac:k_1:AbCdEfGhIjKlMnOpQrSt-_", false, true},
		{"", false, false},
		{"**", false, false},
		{"user-1", false, false},
		{"[REDACTED", false, false},
		{"[REDACTED] x", false, false},
		{"[REDACTED!x]", false, false},
		{"[REDACTED: a b]", false, false},
		{"[REDACTED:" + strings.Repeat("a", 30) + "]", false, false},
		{"***secret***", false, false},
		{"hmac:k1:short", false, false},
		{"hmac::AbCdEfGhIjKlMnOpQrStUv", false, false},
		{"hmac:k1", false, false},
		{"hmac:k1:AbCdEfGhIjKlMnOpQrStUv=", false, false},
	} {
		if mask, token := IsMask(tt.in), IsToken(tt.in); mask != tt.mask || token != tt.token {
			t.Errorf("%q: mask %v, token %v; want %v, %v", tt.in, mask, token, tt.mask, tt.token)
		}
	}
}

func TestAppendPairs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                "[]",
		"&&":              "[]",
		"a=1&a=2&b":       `[{"name":"a","value":"1"},{"name":"a","value":"2"},{"name":"b","value":""}]`,
		"x+y=%C3%A4&=v":   `[{"name":"x y","value":"ä"},{"name":"","value":"v"}]`,
		"a=%zz&b=1=2":     `[{"name":"a","value":"%zz"},{"name":"b","value":"1=2"}]`,
		"a=%ff":           `[{"name":"a","value":"�"}]`,
		"arr%5B1%5D=3;x=": `[{"name":"arr[1]","value":"3;x="}]`,
	} {
		if got := string(AppendPairs([]byte("p"), in)); got != "p"+want {
			t.Errorf("%q: %s, want %s", in, got[1:], want)
		}
	}
}

// TestMembers: what is empty is no member, names come once, and all of it is an object.
func TestMembers(t *testing.T) {
	t.Parallel()
	const key = `,"of":`
	for _, tt := range []struct {
		got  func(dst []byte) []byte
		want string
	}{
		{func(dst []byte) []byte { return dst }, `{"a":1}`},
		{func(dst []byte) []byte { return AppendText(dst, `,"x":`, "y") }, `{"a":1,"of":{"x":"y"}}`},
		{func(dst []byte) []byte {
			return AppendFields(dst, []exchange.Header{{Name: "", Values: []string{"n"}}, {Name: "a"}, {Name: "a", Values: []string{"1\"", "2"}}, {Name: "a", Values: []string{"3"}}, {Name: "b", Values: []string{""}}})
		}, `{"a":1,"of":{"a":"1\", 2, 3","b":""}}`},
		{func(dst []byte) []byte {
			list := []exchange.KeyValue{{Key: "", Value: "n"}, {Key: "a", Value: int64(1)}, {Key: "a", Value: int64(2)}, {Key: "b", Value: math.NaN()}, {Key: "c", Value: "\xff"}}
			return AppendMetadata(dst, list, AppendNamed)
		}, "{\"a\":1,\"of\":{\"a\":1,\"c\":\"\ufffd\"}}"},
		{func(dst []byte) []byte {
			return AppendCampaign(dst, &entity.Campaign{UTMTerm: "x", Referrer: "[REDACTED]", GCLID: "y"})
		}, `{"a":1,"of":{"utm_term":"x","gclid":"y"}}`},
	} {
		dst, mark := Open([]byte(`{"a":1`), key)
		dst = append(Close(tt.got(dst), key, mark), '}')
		if string(dst) != tt.want || !json.Valid(dst) {
			t.Errorf("%s, want %s", dst, tt.want)
		}
	}
	items := []entity.Item{{}, {PlanID: "***", ID: "i", Metadata: []exchange.KeyValue{{Key: "k", Value: true}}}, {PlanID: "p"}}
	if got := string(AppendItems(nil, items, `,"own":`)); got != `[{},{"own":"i","metadata":{"k":true}},{"plan_id":"p"}]` {
		t.Error(got)
	}
	for in, want := range map[string]string{"é\"": "text \"é\\\"\"", "\xff": `base64 "/w=="`, "": `text ""`} {
		out, encoding := AppendContent(nil, in)
		if got := encoding + " " + string(out); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
