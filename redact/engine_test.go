// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEdits: edits come in any order, a later one swallows those inside it, and
// none of them overlaps.
func TestEdits(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{})
	const src = "0123456789"
	for name, tt := range map[string]struct {
		edits [][3]any
		want  string
	}{
		"in order":       {[][3]any{{1, 2, "a"}, {4, 6, "b"}}, "0a23b6789"},
		"backwards":      {[][3]any{{4, 6, "b"}, {1, 2, "a"}}, "0a23b6789"},
		"between":        {[][3]any{{1, 2, "a"}, {8, 9, "c"}, {4, 6, "b"}}, "0a23b67c9"},
		"swallow":        {[][3]any{{1, 2, "a"}, {4, 6, "b"}, {0, 7, "X"}}, "X789"},
		"swallow some":   {[][3]any{{1, 2, "a"}, {4, 6, "b"}, {8, 9, "c"}, {3, 7, "X"}}, "0a2X7c9"},
		"overlap":        {[][3]any{{4, 6, "b"}, {5, 8, "X"}}, "0123b89"},
		"inside":         {[][3]any{{4, 8, "b"}, {5, 6, "X"}}, "0123b89"},
		"overlap before": {[][3]any{{4, 6, "b"}, {2, 5, "X"}}, "01X6789"},
		"no change":      {[][3]any{{4, 6, "45"}}, src},
		"remove":         {[][3]any{{0, 10, ""}}, ""},
	} {
		s := p.NewScratch()
		out, ef := s.apply([]byte(src), ctx{}, func(s *Scratch, _ []byte, _ ctx) {
			for _, e := range tt.edits {
				s.replace(e[0].(int), e[1].(int), []byte(e[2].(string)))
			}
		})
		got := string(out)
		if ef == Unchanged {
			got = src
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		s.Release()
	}
}

// TestPanic: a defect removes the value, is counted, and leaves the Scratch usable.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := compile(t, "version: 1").NewScratch()
	defer s.Release()
	if _, ef := s.apply([]byte("x"), ctx{}, func(*Scratch, []byte, ctx) { panic(plantedDefect) }); ef != Removed {
		t.Errorf("effect %d", ef)
	}
	if s.Stats().FailedClosed != 1 {
		t.Errorf("stats %+v", s.Stats())
	}
	if got, _ := s.Query("pin=1234"); got != "pin=[REDACTED]" {
		t.Errorf("afterwards: %q", got)
	}
}

// TestBodyLimit: what is behind the limit is cut off, and the rest is a document
// that was cut.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	p := compile(t, "limits: {body: 256}")
	in := `{"a":"` + strings.Repeat("x", 200) + `","pin":"` + strings.Repeat("S3CR3T", 100) + `"}`
	want := `{"a":"` + strings.Repeat("x", 200) + `","pin":"[REDACTED]"`
	if got := body(t, p, in); got != want {
		t.Errorf("got %s", got)
	}
	if got := body(t, p, want); got != want {
		t.Errorf("second pass: %s", got)
	}
}

// TestNestedBudget: decoding of inner documents is bounded by the size of the
// value, whatever it holds.
func TestNestedBudget(t *testing.T) {
	t.Parallel()
	p := compile(t, "limits: {nested: 8}")
	doc := `{"pin":"S3CR3T"}`
	for range 8 {
		doc = fmt.Sprintf(`{"d":%s}`, quote(doc))
	}
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{RequestContentType: "application/json"})
	got, _ := s.Body(Request, doc)
	if strings.Contains(got, "S3CR3T") {
		t.Error("leak")
	}
	if cap(s.arena) > 64*(len(doc)+nestSlack) {
		t.Errorf("%d bytes of memory for %d of input", cap(s.arena), len(doc))
	}
}

func quote(s string) string { return `"` + string(appendEscaped(nil, []byte(s))) + `"` }

// TestAlignment moves keys, values and hits over all positions in a block.
func TestAlignment(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, keysOnly())
	for pad := range 140 {
		x := strings.Repeat("x", pad)
		for _, f := range []string{
			`{"%s":1,"password":"S3CR3T","z":1}`, `{"k":"%s","password":"S3CR3T","z":1}`, `{"k":"\"%s","password":"S3CR3T","z":1}`,
			`{"k":"%s\\","password":"S3CR3T","z":1}`, `{"%s\\":"v","password":"S3CR3T","z":1}`, `[%q,{"password":"S3CR3T","z":1}]`,
			`{"password":"%s","z":1}`, `{"password":"\"%s","z":1}`, `{"password":"%s\\\"","z":1}`, `{"password":["%s"],"z":1}`,
		} {
			in := fmt.Sprintf(f, x)
			got := body(t, p, in)
			want := oracleWalk(decode(t, in))
			if diff := cmp.Diff(want, decode(t, got)); diff != "" {
				t.Fatalf("pad %d, %s: %s", pad, f, diff)
			}
		}
	}
}

// TestPathStates: paths that need more states than there are room for mask what
// they cannot decide.
func TestPathStates(t *testing.T) {
	t.Parallel()
	var deny []string
	for i := range 14 { // each subset of these is a state of its own
		deny = append(deny, fmt.Sprintf("$..s%d..x", i))
	}
	p := mustPolicy(t, Config{Keys: Keys{Deny: asRules(deny)}})
	s := p.NewScratch()
	defer s.Release()
	masked := false
	for n := range 1 << 14 {
		doc, end := `{"a":1}`, ""
		for i := range 14 {
			if n>>i&1 == 1 {
				doc, end = fmt.Sprintf(`{"s%d":%s`, i, doc), end+"}"
			}
		}
		s.Begin(Exchange{RequestContentType: "application/json"})
		out, ef := s.Body(Request, doc+end)
		if ef == Changed {
			masked = true
			if !strings.Contains(out, "[REDACTED]") {
				t.Fatalf("%s", out)
			}
		}
		if len(s.dfa.sets) > maxStates {
			t.Fatalf("%d states", len(s.dfa.sets))
		}
	}
	if !masked {
		t.Error("the test does not reach the limit")
	}
}

// TestCacheIsNotTrusted: keys that share a slot of the verdict cache keep their
// own verdicts.
func TestCacheIsNotTrusted(t *testing.T) {
	t.Parallel()
	p := mustPolicy(t, Config{Keys: Keys{Deny: asRules([]string{"k7", "k1007", "a_rather_long_key_7", "a_rather_long_key_1007"})}})
	s := p.NewScratch()
	defer s.Release()
	for range 2 {
		for i := range 4000 {
			for _, k := range []string{"k", "a_rather_long_key_"} {
				in := fmt.Sprintf(`{"%s%d":1}`, k, i)
				s.Begin(Exchange{RequestContentType: "application/json"})
				_, ef := s.Body(Request, in)
				if hit := i == 7 || i == 1007; hit != (ef == Changed) {
					t.Fatalf("%s: effect %d", in, ef)
				}
			}
		}
	}
}

// TestAttributeClasses: a secret is found whatever the attribute is called.
func TestAttributeClasses(t *testing.T) {
	t.Parallel()
	p := compile(t, "in: {client_ip: {action: mask}}")
	for _, tt := range []struct{ key, in, want string }{
		{"http.request.header.authorization", "Bearer S3CR3T-123456", "[REDACTED]"},
		{"http.request.header.x_api_key", "S3CR3T", "[REDACTED]"},
		{"http.response.header.set-cookie", "sid=S3CR3T; Path=/", "sid=[REDACTED]; Path=/"},
		{"http.request.header.cookie", "a=S3CR3T; b=2", "a=[REDACTED]; b=[REDACTED]"},
		{"http.request.headers.x-api-key", "S3CR3T", "[REDACTED]"},
		{"rpc.request.metadata.authorization", "S3CR3T", "[REDACTED]"},
		{"http.request.body.content", `{"password":"S3CR3T"}`, `{"password":"[REDACTED]"}`},
		{"http.request.body", `{"password":"S3CR3T"}`, `{"password":"[REDACTED]"}`},
		{"http.response.body.text", `{"token":"S3CR3T"}`, `{"token":"[REDACTED]"}`},
		{"url.full", "https://h.test/a?token=S3CR3T&b=1", "https://h.test/a?token=[REDACTED]&b=1"},
		{"http.target", "/a?token=S3CR3T&b=1", "/a?token=[REDACTED]&b=1"},
		{"url.query", "code=S3CR3T-0123456789&b=1", "code=[REDACTED]&b=1"},
		{"client.address", "203.0.113.57", "[REDACTED]"},
		{"http.client_ip", "203.0.113.57", "[REDACTED]"},
		{"http.request.header.x-forwarded-for", "203.0.113.57, 10.0.0.1", "[REDACTED]"},
		{"db.query.text", "select 1 where password = 'S3CR3T'", "select 1 where password = '[REDACTED]'"},
		{"exception.message", "login failed: password=S3CR3T", "login failed: password=[REDACTED]"},
		{"apispan.metadata.api_key", "S3CR3T", "[REDACTED]"},
		{"http.request.method", "GET", "GET"},
		{"http.route", "/users/{id}", "/users/{id}"},
		{"user_agent.original", "curl/8.0", "curl/8.0"},
		{"server.address", "h.test", "h.test"},
	} {
		s := p.NewScratch()
		s.Begin(Exchange{Direction: Incoming, RequestContentType: "application/json", ResponseContentType: "application/json"})
		if got, _ := s.Attribute(tt.key, tt.in); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.key, got, tt.want)
		}
		if got, _ := s.AttributeBytes(tt.key, []byte(tt.in)); strings.Contains(string(got), "S3CR3T") {
			t.Errorf("%s as bytes: %q", tt.key, got)
		}
		s.Release()
	}
}
