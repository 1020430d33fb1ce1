// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/redact"
)

const testPolicy = `
version: 1
keys: { deny: ["*password*", card], hmac: [user.id, customer], drop: [x-internal-*, gone] }
patterns: { email: mask }
hmac: { keys: [{ id: k1 }] }
audit: rules
`

func compilePolicy(t testing.TB, yaml string) *redact.Policy {
	t.Helper()
	cfg, err := redact.ParseConfig([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.HMAC.Keys {
		cfg.HMAC.Keys[i].Value = "0123456789abcdef0123456789abcdef"
	}
	p, err := redact.CompileConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// talk is a handler and a request with something to hide in every place.
func talk(t *testing.T, url string) *http.Request {
	return newRequest(t, "POST", url+"/orders?password=secret-1&page=2",
		`{"customer":"c-17","password":"secret-2","note":"write to secret-3@shop.example","n":[{"card":"secret-4"}]}`,
		"Content-Type", "application/json", "Authorization", "Bearer secret-5", "X-Internal-Route", "secret-6",
		"X-Plain", "plain", "Cookie", "sid=secret-7; theme=dark")
}

var talkBack = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "c-17", Email: "secret-8@shop.example"})
	httpcapture.SetMetadata(r.Context(), "password", "secret-9")
	httpcapture.SetMetadata(r.Context(), "list", []string{"a", "secret-10@shop.example"})
	httpcapture.SetMetadata(r.Context(), "items", 3)
	httpcapture.SetMetadata(r.Context(), "gone", true)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "sent to secret-11@shop.example")
})

func TestPolicy(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		policy := compilePolicy(t, testPolicy)
		c := newCollector(t)
		s := serve(t, wr.wrap(c, talkBack, everything(httpcapture.WithPolicy(policy))...))
		do(t, s.Client(), talk(t, s.URL))
		sp := c.span(t)
		for _, kv := range sp.Attributes() {
			if strings.Contains(kv.Value.String(), "secret-") {
				t.Errorf("%s holds a secret", kv.Key)
			}
		}
		got := attrMap(sp.Attributes())
		user, _ := got["user.id"].(string)
		if !strings.HasPrefix(user, "hmac:k1:") || !strings.Contains(got["http.request.body.content"].(string), `"customer":"`+user+`"`) {
			t.Errorf("user.id = %q is not the token in the body", user)
		}
		rules, _ := got["apispan.redaction.rules"].([]string)
		if n, _ := got["apispan.redaction.count"].(int64); n < 8 || len(rules) == 0 {
			t.Errorf("count %d, rules %q", n, rules)
		}
		want(t, got, map[string]any{
			"apispan.redaction.policy": policy.Hash(), "http.request.header.x-internal-route": nil, "apispan.metadata.gone": nil,
			"apispan.metadata.items": 3, "http.request.header.x-plain": []string{"plain"}, "url.path": "/orders",
		})
	})
}

// TestPolicyGivesWhatTheEngineGives compares every attribute with what the engine
// makes of the same attribute captured without a policy, which is what the
// processor in a Collector would be given.
func TestPolicyGivesWhatTheEngineGives(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		policy := compilePolicy(t, testPolicy)
		capture := func(opts ...httpcapture.Option) sdktrace.ReadOnlySpan {
			c := newCollector(t)
			s := serve(t, wr.wrap(c, talkBack, everything(opts...)...))
			do(t, s.Client(), talk(t, s.URL))
			return c.span(t)
		}
		plain, redacted := capture(), attrMap(capture(httpcapture.WithPolicy(policy)).Attributes())
		scratch := policy.NewScratch()
		defer scratch.Release()
		scratch.Begin(redact.Exchange{Direction: redact.Incoming, Method: "POST", Host: "127.0.0.1", Route: "/orders",
			RequestContentType: "application/json", ResponseContentType: "text/plain; charset=utf-8"})
		compared := 0
		for _, kv := range plain.Attributes() {
			key := string(kv.Key)
			if strings.HasSuffix(key, ".authorization") || strings.HasSuffix(key, ".cookie") || key == "url.query" ||
				strings.HasSuffix(key, ".port") { // masked before the policy if there is none; not the same connection
				continue
			}
			var value string
			switch kv.Value.Type() {
			case attribute.STRING:
				value = kv.Value.AsString()
			case attribute.STRINGSLICE:
				if vs := kv.Value.AsStringSlice(); len(vs) == 1 {
					value = vs[0]
				}
			}
			if value == "" {
				continue
			}
			compared++
			wanted, effect := scratch.Attribute(key, value)
			got, ok := redacted[key]
			if vs, list := got.([]string); list && len(vs) == 1 {
				got = vs[0]
			}
			if ok != (effect != redact.Removed) || ok && got != wanted {
				t.Errorf("%s: %#v in process, %q by the engine (effect %d)", key, got, wanted, effect)
			}
		}
		if compared < 12 {
			t.Errorf("only %d attributes compared", compared)
		}
	})
}

// TestPolicyLax: without rules of its own a policy still does not let credentials
// out, and a dry run stamps nothing.
func TestPolicyLax(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{"no rules": "version: 1\ndefaults: false\n", "dry run": "version: 1\ndry_run: true\n"} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				s := serve(t, wr.wrap(c, talkBack, everything(httpcapture.WithPolicy(compilePolicy(t, yaml)))...))
				do(t, s.Client(), talk(t, s.URL))
				got := c.attrs(t)
				want(t, got, map[string]any{"http.request.header.authorization": []string{"[REDACTED]"}, "http.request.header.cookie": []string{"[REDACTED]"}})
				if _, stamped := got["apispan.redaction.policy"]; stamped != (name == "no rules") {
					t.Errorf("stamped: %v", stamped)
				}
			})
		})
	}
}

// TestPolicyOnClient: the URL that otelhttp has written is covered too.
func TestPolicyOnClient(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		policy := compilePolicy(t, testPolicy)
		client, c := wr.newClient(t, everything(httpcapture.WithPolicy(policy))...)
		req := talk(t, s.URL)
		req.Header.Set("Accept-Encoding", "identity")
		do(t, client, req)
		sp := c.span(t)
		for _, kv := range sp.Attributes() {
			if strings.Contains(kv.Value.String(), "secret-") {
				t.Errorf("%s holds a secret", kv.Key)
			}
		}
		got := attrMap(sp.Attributes())
		want(t, got, map[string]any{"apispan.redaction.policy": policy.Hash()})
		if full, _ := got["url.full"].(string); !strings.Contains(full, "page=2") {
			t.Errorf("url.full = %q", full)
		}
	})
}

// TestPolicyCutBody: a value that the limit cut does not get out in part.
func TestPolicyCutBody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		policy := compilePolicy(t, testPolicy)
		for limit := 10; limit < 100; limit += 7 {
			c := newCollector(t)
			s := serve(t, wr.wrap(c, talkBack, everything(httpcapture.WithPolicy(policy), httpcapture.WithMaxBodySize(limit))...))
			do(t, s.Client(), talk(t, s.URL))
			got := c.attrs(t)
			if body, _ := got["http.request.body.content"].(string); strings.Contains(body, "secret") || strings.Contains(body, "c-1") {
				t.Errorf("limit %d: %s", limit, body)
			}
			want(t, got, map[string]any{"apispan.request.body.truncated": true})
		}
	})
}

// TestPolicyNeedsReadableSpan: what could not be covered as a whole is not stamped.
func TestPolicyNeedsReadableSpan(t *testing.T) {
	t.Parallel()
	o := &opaque{got: map[string]any{}}
	h := httpcapture.Handler(talkBack, everything(httpcapture.WithPolicy(compilePolicy(t, testPolicy)))...)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(trace.ContextWithSpan(r.Context(), o)))
	if _, stamped := o.got["apispan.redaction.policy"]; stamped || len(o.got) == 0 {
		t.Errorf("stamped, or nothing set: %v", o.got)
	}
}
