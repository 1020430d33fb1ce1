// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testKey = "0123456789abcdef0123456789abcdef"

// TestCompileErrors: every mistake is an error at start with its line and a hint.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		yaml string
		want []string
	}{
		"not YAML":            {"a: [", []string{"not YAML"}},
		"not a mapping":       {"- a", []string{"line 1", "mapping"}},
		"unknown field":       {"version: 1\nkeyz: {}", []string{"line 2", "keyz", "did you mean keys?"}},
		"unknown nested":      {"keys:\n  denny: [a]", []string{"line 2", "keys.denny", "did you mean deny?"}},
		"repeated field":      {"version: 1\nversion: 1", []string{"line 2", "twice"}},
		"version":             {"version: 2", []string{"version: 2"}},
		"wrong type":          {"keys:\n  deny:\n    a: b", []string{"line 3", "keys.deny", "list"}},
		"bool":                {"dry_run: maybe", []string{"line 1", "dry_run", "true or false"}},
		"empty name":          {"keys:\n  deny:\n    - ok\n    - ''", []string{"line 4", "keys.deny[1]", "empty"}},
		"separators only":     {"keys: {deny: ['_-']}", []string{"line 1", "nothing but separators"}},
		"bad path":            {"keys:\n  deny:\n    - $.a[x]", []string{"line 3", "[x] is not supported"}},
		"root path":           {"keys: {deny: ['$']}", []string{"selects the whole body"}},
		"unclosed path":       {"keys: {deny: ['$.a[0']}", []string{"[ without ]"}},
		"unknown place":       {"in:\n  cellar: {}", []string{"line 2", "in.cellar", "request_headers"}},
		"place action":        {"in:\n  query: {action: burn}", []string{"line 2", "burn", "mask, drop, hmac"}},
		"truncate elsewhere":  {"in:\n  query: {truncate: {v4: 24}}", []string{"line 2", "truncate"}},
		"truncate bits":       {"in:\n  client_ip: {truncate: {v4: 40, v6: 48}}", []string{"0 to 32"}},
		"unknown detector":    {"patterns:\n  crad: mask", []string{"line 2", "crad", "did you mean card?"}},
		"pattern action":      {"patterns:\n  card: burn", []string{"line 2", "burn"}},
		"bad regex":           {"patterns:\n  re:\n    - {id: x, regex: '('}", []string{"line 3", "patterns.re[0].regex"}},
		"empty-match regex":   {"patterns:\n  re:\n    - {id: x, regex: 'a*'}", []string{"line 3", "patterns.re[0].regex"}},
		"regex without id":    {"patterns:\n  re:\n    - {regex: 'abc'}", []string{"line 3", "id"}},
		"hmac without key":    {"keys: {hmac: [user_id]}", []string{"hmac:user_id", "hmac.keys"}},
		"short key":           {"hmac:\n  keys:\n    - {id: k1, value: short}", []string{"32"}},
		"two sources":         {"hmac:\n  keys:\n    - {id: k1, value: a, env: B}", []string{"line 3", "exactly one"}},
		"no source":           {"hmac:\n  keys:\n    - {id: k1}", []string{"line 3", "exactly one"}},
		"unknown active":      {"hmac:\n  active: k9\n  keys:\n    - {id: k1, value: " + testKey + "}", []string{"k9"}},
		"mask":                {"mask: 'a\"b'", []string{"mask"}},
		"mask digits":         {"mask: 'x1'", []string{"mask", "digits"}},
		"on_unparsable":       {"on_unparsable: keep", []string{"on_unparsable", "redact, text"}},
		"audit":               {"audit: all", []string{"audit"}},
		"depth":               {"limits: {depth: 1000}", []string{"limits.depth"}},
		"body size":           {"limits: {body: 1TB}", []string{"limits.body", "64KiB"}},
		"scope without when":  {"rules:\n  - keys: {deny: [a]}", []string{"line 2", "when"}},
		"direction":           {"rules:\n  - when: {direction: up}\n    keys: {deny: [a]}", []string{"incoming or outgoing"}},
		"except unknown":      {"except: [nothing]", []string{"except", "nothing"}},
		"except w/o defaults": {"defaults: false\nexcept: [pin]", []string{"except"}},
		"unknown preset":      {"preset: best", []string{"best", "allowlist"}},
		"rotate":              {"hmac:\n  rotate: 5m\n  keys:\n    - {id: k1, value: " + testKey + "}", []string{"rotate", "1h"}},
		"lower outside hmac":  {"keys: {deny: [{name: a, lower: true}]}", []string{"lower"}},
		"all at once":         {"a: 1\nb: 2", []string{"line 1", "line 2"}},
	} {
		_, err := Compile([]byte(tt.yaml))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q does not say %q", name, err, w)
			}
		}
		if strings.Contains(err.Error(), testKey) {
			t.Errorf("%s: the error shows a key", name)
		}
	}
}

func TestPresets(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"allowlist", "default", "gen-ai", "headers-safe", "pci", "schema-only"}, PresetNames()); diff != "" {
		t.Error(diff)
	}
	for _, n := range PresetNames() {
		src, ok := Preset(n)
		if !ok || len(src) == 0 {
			t.Fatalf("%s: no file", n)
		}
		if _, err := Compile(src); err != nil {
			t.Errorf("%s: %v", n, err)
		}
		if _, err := Compile([]byte("preset: " + n + "\nkeys: {deny: [more]}")); err != nil {
			t.Errorf("%s as base: %v", n, err)
		}
	}
}

func compile(t testing.TB, yaml string) *Policy {
	t.Helper()
	p, err := Compile([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const hmacSection = "hmac: {keys: [{id: k1, value: " + testKey + "}]}\n"

// body redacts a JSON request body.
func body(t testing.TB, p *Policy, in string) string {
	t.Helper()
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{RequestContentType: "application/json"})
	out, ef := s.Body(Request, in)
	if ef == Removed {
		return "(removed)"
	}
	return out
}

// TestPolicyLanguage has one example for each rule of the language.
func TestPolicyLanguage(t *testing.T) {
	t.Parallel()
	const off = "defaults: false\n"
	for _, tt := range []struct{ name, yaml, in, want string }{
		{"deny", off + "keys: {deny: [pin]}", `{"pin":1,"b":2}`, `{"pin":"[REDACTED]","b":2}`},
		{"deny subtree", off + "keys: {deny: [pin]}", `{"pin":{"x":[1]},"b":2}`, `{"pin":"[REDACTED]","b":2}`},
		{"drop first", off + "keys: {drop: [pin]}", `{"pin":1,"b":2}`, `{"b":2}`},
		{"drop last", off + "keys: {drop: [pin]}", `{"b":2,"pin":1}`, `{"b":2}`},
		{"drop only", off + "keys: {drop: [pin]}", `{"pin":1}`, `{}`},
		{"drop middle", off + "keys: {drop: [pin]}", `{"a":1, "pin":{"c":[]} ,"b":2}`, `{"a":1 ,"b":2}`},
		{"drop several", off + "keys: {drop: ['pin*']}", `{"pin":1,"pin2":"x","a":1,"pin3":3,"pin4":4}`, `{"a":1}`},
		{"drop all", off + "keys: {drop: ['pin*']}", `{"pin":1,"pin2":"x","pin3":3}`, `{}`},
		{"drop two first", off + "keys: {drop: ['pin*']}", `{"pin":1 , "pin2":"x", "a":3}`, `{  "a":3}`},
		{"drop element", off + "keys: {drop: ['$.a[0]','$.a[2]']}", `{"a":[1,2,3,4]}`, `{"a":[2,4]}`},
		{"drop beats deny", off + "keys: {deny: [pin], drop: [pin]}", `{"pin":1}`, `{}`},
		{"mask text", off + "mask: '(hidden)'\nkeys: {deny: [pin]}", `{"pin":1}`, `{"pin":"(hidden)"}`},
		{"mask by type", off + "mask_by_type: true\nkeys: {deny: [a,b,c,d]}", `{"a":1,"b":"x","c":true,"d":null}`, `{"a":"[REDACTED:number]","b":"[REDACTED:string]","c":"[REDACTED:bool]","d":"[REDACTED:null]"}`},
		{"hmac", off + hmacSection + "keys: {hmac: [user]}", `{"user":"u1"}`, `{"user":"hmac:k1:` + tokenOf("", "u1") + `"}`},
		{"hmac number is its literal", off + hmacSection + "keys: {hmac: [user]}", `{"user":17}`, `{"user":"hmac:k1:` + tokenOf("", "17") + `"}`},
		{"hmac decodes", off + hmacSection + "keys: {hmac: [user]}", `{"user":"\u0075\u0031"}`, `{"user":"hmac:k1:` + tokenOf("", "u1") + `"}`},
		{"hmac lower", off + hmacSection + "keys: {hmac: [{name: user, lower: true}]}", `{"user":"Ü1"}`, `{"user":"hmac:k1:` + tokenOf("", "ü1") + `"}`},
		{"hmac scope", off + hmacSection + "keys: {hmac: [{name: user, scope: s}]}", `{"user":"u1"}`, `{"user":"hmac:k1:` + tokenOf("s", "u1") + `"}`},
		{"hmac address", off + hmacSection + "keys: {hmac: [addr]}", `{"addr":"::ffff:192.0.2.1"}`, `{"addr":"hmac:k1:` + tokenOf("", "192.0.2.1") + `"}`},
		{"hmac empty and null", off + hmacSection + "keys: {hmac: [user]}", `{"user":"","b":{"user":null}}`, `{"user":"","b":{"user":null}}`},
		{"hmac of a container", off + hmacSection + "keys: {hmac: [user]}", `{"user":["u1",{"x":"u1"}]}`, `{"user":["hmac:k1:` + tokenOf("", "u1") + `",{"x":"hmac:k1:` + tokenOf("", "u1") + `"}]}`},
		{"deny beats hmac", off + hmacSection + "keys: {hmac: [user], deny: ['us*']}", `{"user":"u1"}`, `{"user":"[REDACTED]"}`},
		{"hmac beats allow", off + hmacSection + "keys: {hmac: [user], allow: [user]}", `{"user":"u1"}`, `{"user":"hmac:k1:` + tokenOf("", "u1") + `"}`},
		{"allowlist", off + "keys: {allow: [a]}", `{"a":"x","b":"y","c":{"a":1,"d":[2]}}`, `{"a":"x","b":"[REDACTED]","c":{"a":1,"d":["[REDACTED]"]}}`},
		{"deny beats allow", off + "keys: {allow: [a], deny: [b]}", `{"a":{"b":1,"c":2}}`, `{"a":{"b":"[REDACTED]","c":2}}`},
		{"denied ancestor", off + "keys: {allow: [a], deny: [b]}", `{"b":{"a":1}}`, `{"b":"[REDACTED]"}`},
		{"patterns act on allowed values", off + "keys: {allow: [a]}\npatterns: {card: mask}", `{"a":"no 4111111111111111."}`, `{"a":"no [REDACTED]."}`},
		{"report", off + "patterns: {card: report}", `{"a":"4111111111111111"}`, `{"a":"4111111111111111"}`},
		{"pattern hmac", off + hmacSection + "patterns: {card: hmac}", `{"a":4111111111111111}`, `{"a":"hmac:k1:` + tokenOf("", "4111111111111111") + `"}`},
		{"pattern off", "patterns: {card: off}", `{"a":"4111111111111111"}`, `{"a":"4111111111111111"}`},
		{"regex", off + "patterns: {re: [{id: emp, regex: 'EMP-[0-9]{6}'}]}", `{"a":"is EMP-123456"}`, `{"a":"is [REDACTED]"}`},
		{"path", off + "keys: {deny: [$.a.b]}", `{"a":{"b":1},"b":2}`, `{"a":{"b":"[REDACTED]"},"b":2}`},
		{"path in array", off + "keys: {deny: ['$.a[*].b']}", `{"a":[{"b":1},{"c":2}],"b":2}`, `{"a":[{"b":"[REDACTED]"},{"c":2}],"b":2}`},
		{"path passes arrays", off + "keys: {deny: ['$.a.b']}", `{"a":[{"b":1}]}`, `{"a":[{"b":"[REDACTED]"}]}`},
		{"path index", off + "keys: {deny: ['$[1]']}", `[1,2,3]`, `[1,"[REDACTED]",3]`},
		{"path descendant", off + "keys: {deny: ['$.a..b']}", `{"a":{"x":{"b":1}},"b":2}`, `{"a":{"x":{"b":"[REDACTED]"}},"b":2}`},
		{"path allow", off + "keys: {allow: ['$.a.b']}", `{"a":{"b":1,"c":2},"b":2}`, `{"a":{"b":1,"c":"[REDACTED]"},"b":"[REDACTED]"}`},
		{"place", off + "in: {query: {deny: [a]}, request_body: {deny: [b]}}", `{"a":1,"b":2}`, `{"a":1,"b":"[REDACTED]"}`},
		{"place action", off + "in: {body: {action: mask}}", `{"a":1,"b":["x"]}`, `{"a":"[REDACTED]","b":["[REDACTED]"]}`},
		{"place drop", off + "in: {request_body: {action: drop}}", `{"a":1}`, `(removed)`},
		{"place hmac", off + hmacSection + "in: {request_body: {action: hmac}}", `{"a":1}`, "hmac:k1:" + tokenOf("", `{"a":1}`)},
		{"except", "except: [pin]", `{"pin":1,"cvv":2}`, `{"pin":1,"cvv":"[REDACTED]"}`},
		{"dry run", "dry_run: true", `{"pin":1}`, `{"pin":1}`},
		{"defaults", "version: 1", `{"Pass-Word":"x","token":"y","token_type":"bearer","tokens":3,"code":"kept"}`, `{"Pass-Word":"[REDACTED]","token":"[REDACTED]","token_type":"bearer","tokens":3,"code":"kept"}`},
		{"wrapper", "redact:\n  defaults: false\n  keys: {deny: [pin]}", `{"pin":1}`, `{"pin":"[REDACTED]"}`},
		{"unparsable", off, `not JSON`, `[REDACTED:malformed]`},
		{"unparsable as text", off + "on_unparsable: text\nkeys: {deny: [pin]}", `pin=1 b=2`, `pin=[REDACTED] b=2`},
		{"schema only", "preset: schema-only", `{"a":1,"b":{"c":"x"}}`, `{"a":"[REDACTED:number]","b":{"c":"[REDACTED:string]"}}`},
		{"limit nested", off + "limits: {nested: 1}\nkeys: {deny: [pin]}", `{"a":"{\"b\":\"{\\\"pin\\\":1}\"}"}`, `{"a":"{\"b\":\"[REDACTED:limit]\"}"}`},
		{"limit depth", off + "limits: {depth: 2}\nkeys: {deny: [pin]}", `{"a":{"b":{"pin":1}},"z":1}`, `{"a":{"b":"[REDACTED:limit]"},"z":1}`},
	} {
		if got := body(t, compile(t, tt.yaml), tt.in); got != tt.want {
			t.Errorf("%s:\n got  %s\n want %s", tt.name, got, tt.want)
		}
	}
}

// tokenOf computes a token with nothing of ours.
func tokenOf(scope, value string) string {
	return refToken([]byte(testKey), scope, value)
}

func TestScopes(t *testing.T) {
	t.Parallel()
	p := compile(t, `
defaults: false
rules:
  - when: { host: ["*.internal"], method: [POST] }
    keys: { deny: [a] }
  - when: { route: ["/pay/*"] }
    in: { request_body: { deny: [b] } }
  - when: { direction: outgoing }
    keys: { deny: [c] }
`)
	const in = `{"a":1,"b":2,"c":3}`
	for name, tt := range map[string]struct {
		ex   Exchange
		want string
	}{
		"none":              {Exchange{Direction: Incoming, Method: "GET", Host: "h.internal", Route: "/x"}, `{"a":1,"b":2,"c":3}`},
		"host and method":   {Exchange{Direction: Incoming, Method: "POST", Host: "H.Internal", Route: "/x"}, `{"a":"[REDACTED]","b":2,"c":3}`},
		"route":             {Exchange{Direction: Incoming, Method: "GET", Host: "h", Route: "/pay/card"}, `{"a":1,"b":"[REDACTED]","c":3}`},
		"direction":         {Exchange{Direction: Outgoing, Method: "GET", Host: "h", Route: "/x"}, `{"a":1,"b":2,"c":"[REDACTED]"}`},
		"unknown is closed": {Exchange{}, `{"a":"[REDACTED]","b":"[REDACTED]","c":"[REDACTED]"}`},
	} {
		s := p.NewScratch()
		for range 2 { // the second time from the caches
			tt.ex.RequestContentType = "application/json"
			s.Begin(Exchange{Direction: Incoming, Method: "GET", Host: "x", Route: "/"})
			s.Begin(tt.ex)
			if got, _ := s.Body(Request, in); got != tt.want {
				t.Errorf("%s:\n got  %s\n want %s", name, got, tt.want)
			}
		}
		s.Release()
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	p := compile(t, "defaults: false\nkeys: {deny: ['*pin*'], drop: [d]}\npatterns: {card: mask, email: report}\n")
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{RequestContentType: "application/json"})
	s.Body(Request, `{"pin":1,"pin2":2,"d":3,"n":"4111111111111111 a@example.test","x":`)
	s.Query("pin=1&a=4111111111111111")
	want := []Count{
		{Rule: "deny:*pin*", Place: "request_body", Action: "mask", Outcome: "ok", N: 2},
		{Rule: "drop:d", Place: "request_body", Action: "drop", Outcome: "ok", N: 1},
		{Rule: "pattern:card", Place: "request_body", Action: "mask", Outcome: "ok", N: 1},
		{Rule: "pattern:email", Place: "request_body", Action: "report", Outcome: "ok", N: 1},
		{Rule: "deny:*pin*", Place: "query", Action: "mask", Outcome: "ok", N: 1},
		{Rule: "pattern:card", Place: "query", Action: "mask", Outcome: "ok", N: 1},
	}
	if diff := cmp.Diff(want, s.Counts(), cmp.Comparer(func(a, b Count) bool {
		return a.Rule == b.Rule && a.Place == b.Place && a.Action == b.Action && a.Outcome == b.Outcome && a.N == b.N
	})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Stats{Masked: 5, Dropped: 1}, s.Stats()); diff != "" {
		t.Error(diff)
	}
	s.Begin(Exchange{})
	if s.Stats().Total() != 0 || len(s.Counts()) != 0 {
		t.Error("Begin does not clear the counts")
	}
}

func TestMissingKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	p := compile(t, "defaults: false\nkeys: {hmac: [user]}\nhmac: {keys: [{id: k1, file: '"+file+"'}]}\n")
	if p.Ready() {
		t.Error("ready without its key")
	}
	s := p.NewScratch()
	defer s.Release()
	ex := Exchange{RequestContentType: "application/json"}
	s.Begin(ex)
	if got, _ := s.Body(Request, `{"user":"u1"}`); got != `{"user":"[REDACTED]"}` {
		t.Errorf("without a key: %s", got)
	}
	if c := s.Counts(); len(c) != 1 || c[0].Outcome != "no_key" || s.Stats().Total() != 1 {
		t.Errorf("counts %+v", c)
	}
	if err := os.WriteFile(file, []byte(testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	s.Begin(ex)
	if got, _ := s.Body(Request, `{"user":"u1"}`); got != `{"user":"hmac:k1:`+tokenOf("", "u1")+`"}` || !p.Ready() {
		t.Errorf("after reload: %s", got)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	a, b := compile(t, "keys: {deny: [a]}"), compile(t, "# comment\nkeys:\n  deny:\n    - a\n")
	if a.Hash() != b.Hash() || len(a.Hash()) != 16 {
		t.Errorf("equal policies: %s and %s", a.Hash(), b.Hash())
	}
	if c := compile(t, "keys: {deny: [b]}"); c.Hash() == a.Hash() {
		t.Error("different policies have one hash")
	}
	k1 := compile(t, "hmac: {keys: [{id: k1, value: "+testKey+"}]}")
	if strings.Contains(k1.Config().HMAC.Keys[0].Value, "0") {
		t.Error("Config shows key material")
	}
}

// TestDefaultsKeep guards against over-redaction: ordinary traffic passes the
// default policy as it is.
func TestDefaultsKeep(t *testing.T) {
	t.Parallel()
	p := compile(t, "version: 1")
	for _, in := range []string{
		`{"id":42,"name":"Ada","tags":["admin","new"],"created_at":"2026-01-01T10:30:00Z","url":"https://h.test/a?page=2"}`,
		`{"status":"ok","code":200,"message":"Time: 10:30, ratio 3:4 (a=b)","next":"/v1/items?cursor=abc&limit=10"}`,
		`{"token_type":"bearer","tokens":7,"total_tokens":12,"expires_in":3600}`,
		`{"lat":51.5,"lon":-0.12,"uuid":"123e4567-e89b-12d3-a456-426614174000","sha":"9f86d081884c7d659a2feaa0c55ad015"}`,
		`{"html":"<p>Hello <b>world</b></p>","md":"# Title\n\n* a: b\n* c = d"}`,
		`{"author":"Grace","passenger":"x","compass":"n","pinned":true,"spin":1,"signal":"s","sessions_count":3}`,
		`[1,2,3]`, `[]`, `{}`, `"text"`, `12`, `true`, `null`,
		`{"items":[{"name":"color","value":"red"},{"name":"size","value":"L"}],"headers":[["accept","*/*"]]}`,
		`{"query":"query Q($id: ID!) { user(id: $id) { name } }","variables":{"id":"7"}}`,
		"{\n  \"a\": [1, 2.50, 1e10],\n  \"b\": \"\\u00e9 \\\\ \\/ \"\n}\n",
	} {
		if got := body(t, p, in); got != in {
			t.Errorf("changed:\n in  %s\n out %s", in, got)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p := compile(t, hmacSection+"keys: {hmac: [user]}")
	done := make(chan error, 4)
	for range 4 {
		go func() {
			for i := range 200 {
				s := p.NewScratch()
				s.Begin(Exchange{RequestContentType: "application/json"})
				got, _ := s.Body(Request, `{"user":"u1","password":"x"}`)
				s.Release()
				if want := `{"user":"hmac:k1:` + tokenOf("", "u1") + `","password":"[REDACTED]"}`; got != want {
					done <- errors.New(got)
					return
				}
				if i%50 == 0 {
					_ = p.Reload()
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
