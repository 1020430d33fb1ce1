// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

func TestAuditRulesNamesTheRulesThatActed(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy+"\naudit: rules", nil)
	td, span := newSpan()
	span.Attributes().PutStr("password", secret)
	span.Attributes().PutStr("some.text", card)
	span.SetName("charge " + card)
	out := onlySpan(t, r.mustTraces(t, td))
	v, ok := out.Attributes().Get(httpattr.RedactionRules)
	if !ok {
		t.Fatal("no rules on the span")
	}
	// The name alone and the default list both deny password: the policy's own rule is named.
	want := []any{"deny:password", "pattern:card"}
	if diff := cmp.Diff(want, v.Slice().AsRaw()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}

	// Rule ids that come in are removed; a span without hits has none.
	td, span = newSpan()
	span.Attributes().PutStr(httpattr.RedactionRules, "forged")
	if _, ok := onlySpan(t, r.mustTraces(t, td)).Attributes().Get(httpattr.RedactionRules); ok {
		t.Error("a span without hits names rules")
	}
}

// TestScopedRules: rules under "rules:" apply to the exchanges that they select,
// which are found through whatever vocabulary the producer speaks.
func TestScopedRules(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, `
policy:
  version: 1
  defaults: false
  rules:
    - when: { host: [pay.example], method: [POST], direction: incoming }
      keys: { deny: [amount] }
`, nil)
	for _, tt := range []struct {
		name   string
		kind   ptrace.SpanKind
		attrs  map[string]any
		masked bool
	}{
		{"selected", ptrace.SpanKindServer, map[string]any{"server.address": "pay.example", "http.request.method": "POST"}, true},
		{"old names", ptrace.SpanKindServer, map[string]any{"http.host": "PAY.example:8443", "http.method": "post"}, true},
		{"by the URL", ptrace.SpanKindServer, map[string]any{"http.url": "https://pay.example/x", "http.method": "POST"}, true},
		{"another host", ptrace.SpanKindServer, map[string]any{"server.address": "shop.example", "http.request.method": "POST"}, false},
		{"another method", ptrace.SpanKindServer, map[string]any{"server.address": "pay.example", "http.request.method": "GET"}, false},
		{"another direction", ptrace.SpanKindClient, map[string]any{"server.address": "pay.example", "http.request.method": "POST"}, false},
		{"unknown host", ptrace.SpanKindServer, map[string]any{"http.request.method": "POST"}, true},
		{"nothing known", ptrace.SpanKindInternal, map[string]any{}, true},
	} {
		td, span := newSpan()
		span.SetKind(tt.kind)
		if err := span.Attributes().FromRaw(tt.attrs); err != nil {
			t.Fatal(err)
		}
		span.Attributes().PutStr("amount", "12")
		span.Attributes().PutStr(httpattr.RequestBody, `{"amount":12}`)
		out := onlySpan(t, r.mustTraces(t, td)).Attributes()
		v, _ := out.Get("amount")
		body, _ := out.Get(httpattr.RequestBody)
		if got := v.Str() != "12"; got != tt.masked {
			t.Errorf("%s: the attribute is masked: %v, want %v", tt.name, got, tt.masked)
		}
		if got := !strings.Contains(body.Str(), "12"); got != tt.masked {
			t.Errorf("%s: the body is masked: %v, want %v", tt.name, got, tt.masked)
		}
	}
}

// TestPolicyThroughTheResolver: "$" paths and expressions that end in "$" survive
// the Collector's expansion of variables, and keys come from the environment.
func TestPolicyThroughTheResolver(t *testing.T) {
	t.Setenv("APISPAN_TEST_HMAC_KEY", "0123456789abcdef0123456789abcdef")
	t.Setenv("APISPAN_TEST_NAME", "4711") // looks like a number
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := `
policy:
  version: 1
  defaults: false
  keys: { deny: [$.user.address.., "$.card.*", "${env:APISPAN_TEST_NAME}"], hmac: [user_id] }
  patterns: { re: [{ id: code, regex: "^EMP-[0-9]+$", action: mask }] }
  hmac: { keys: [{ id: k1 }] }
hmac_keys: { k1: "${env:APISPAN_TEST_HMAC_KEY}" }
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              []string{"file:" + file},
		ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
	})
	if err != nil {
		t.Fatal(err)
	}
	conf, err := resolver.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	if err := confmap.Validate(cfg); err != nil {
		t.Fatal(err)
	}
	r, err := newTestRedactor(cfg, signalTraces)
	if err != nil {
		t.Fatal(err)
	}
	td, span := newSpan()
	span.Attributes().PutStr(httpattr.RequestBody, `{"user":{"address":{"street":"a"},"n":1},"card":{"x":"b"},"user_id":7,"emp":"EMP-12","4711":"c"}`)
	out, _ := onlySpan(t, r.mustTraces(t, td)).Attributes().Get(httpattr.RequestBody)
	for _, gone := range []string{`"a"`, `"b"`, `"c"`, `:7`, "EMP-12"} {
		if strings.Contains(out.Str(), gone) {
			t.Errorf("%s is left in %s", gone, out.Str())
		}
	}
	if !strings.Contains(out.Str(), `"n":1`) {
		t.Errorf("too much is gone: %s", out.Str())
	}
}

func TestEmptyInlinePolicyIsThePolicyOfItsDefaults(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	span.Attributes().PutStr("password", secret)
	mustNotHold(t, tracesText(t, redactorFor(t, "policy: {}", nil).mustTraces(t, td)), secret)
}

// Status, tenant and header fields are found in whatever vocabulary they come, and a
// rule applies where they are missing or spelled by the client.
func TestScopesByFacts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, when string
		attrs      map[string]any
		masked     bool
	}{
		{"status", "{ status: 5xx }", map[string]any{"http.response.status_code": 503}, true},
		{"other status", "{ status: 5xx }", map[string]any{"http.response.status_code": 200}, false},
		{"old status", "{ status: 5xx }", map[string]any{"http.status_code": "200"}, false},
		{"no status", "{ status: 5xx }", nil, true},
		{"not, no status", "{ not: { status: 5xx } }", nil, true},
		{"not", "{ not: { status: 5xx } }", map[string]any{"http.status_code": 500}, false},
		{"field", "{ header: { x-tenant: acme } }", map[string]any{"http.request.header.x_tenant": []any{"globex", "acme"}}, true},
		{"other field", "{ header: { x-tenant: acme } }", map[string]any{"http.request.header.x-tenant": []any{"globex"}}, false},
		{"field in a map", "{ header: { x-tenant: acme } }", map[string]any{"http.request.headers": map[string]any{"X-Tenant": "globex"}}, false},
		{"field of the response", "{ header: { x-tenant: acme } }", map[string]any{"http.response.header.x-tenant": []any{"globex"}}, true},
		{"response field", "{ response_header: { x-tenant: acme } }", map[string]any{"http.response.header.x-tenant": "globex"}, false},
		{"masked field", "{ header: { x-tenant: acme } }", map[string]any{"http.request.header.x-tenant": []any{"[REDACTED]"}}, true},
		{"tenant", "{ tenant: acme }", map[string]any{"apispan.company.id": "globex", "company.id": "acme"}, false},
		{"tenant elsewhere", "{ tenant: acme }", map[string]any{"tenant.id": "acme"}, true},
		{"route by path", `{ route: "/orders/{id}" }`, map[string]any{"url.path": "/orders/17"}, true},
		{"route by URL", `{ route: "/orders/{id}" }`, map[string]any{"http.target": "/orders/17?a=b"}, true},
		{"other route", `{ route: "/orders/{id}" }`, map[string]any{"http.route": "/users/{id}", "url.path": "/users/17"}, false},
		{"dot", "{ host: pay.example }", map[string]any{"server.address": "pay.example."}, true},
		{"two hosts", "{ host: pay.example }", map[string]any{"http.host": "pay.example", "net.host.name": "localhost"}, true},
	} {
		r := redactorFor(t, "policy:\n  defaults: false\n  rules:\n    - when: "+tt.when+"\n      keys: { deny: [amount] }\n", nil)
		td, span := newSpan()
		if err := span.Attributes().FromRaw(tt.attrs); err != nil {
			t.Fatal(err)
		}
		span.Attributes().PutStr("amount", "12")
		v, _ := onlySpan(t, r.mustTraces(t, td)).Attributes().Get("amount")
		if got := v.AsString() == "[REDACTED]"; got != tt.masked {
			t.Errorf("%s: masked %v", tt.name, got)
		}
	}
}

// What redactions before this one have left goes on under names of its own; what is
// no such thing does not.
func TestEarlierRedactionsLeaveATrace(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	td, span := newSpan()
	if err := span.Attributes().FromRaw(map[string]any{
		httpattr.RedactionPolicy: "0123456789abcdef", httpattr.RedactionCount: 3,
		httpattr.RedactionRules:     []any{"deny:card_holder", "default:*password*", "no rule", "deny:" + card, "rules[0].keys.x"},
		httpattr.RedactionDecisions: []any{"forged"}, httpattr.RedactionDryRun: []any{"forged"},
		httpattr.RedactionUpstreamPolicy: []any{"fedcba9876543210", "x"}, httpattr.RedactionUpstreamCount: 2, httpattr.RedactionUpstreamRules: []any{"pattern:card"},
	}); err != nil {
		t.Fatal(err)
	}
	got := onlySpan(t, r.mustTraces(t, td)).Attributes().AsRaw()
	want := map[string]any{
		httpattr.RedactionPolicy:         r.hash,
		httpattr.RedactionUpstreamPolicy: []any{"fedcba9876543210", "0123456789abcdef"}, httpattr.RedactionUpstreamCount: int64(5),
		httpattr.RedactionUpstreamRules: []any{"pattern:card", "deny:card_holder", "default:*password*", "rules[0].keys.x"},
	}
	for k := range got {
		if !httpattr.IsRedactionStamp(k) {
			delete(got, k)
		}
	}
	delete(got, httpattr.RedactionCount)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stamps (-want +got):\n%s", diff)
	}

	// A stamp that is none leaves nothing.
	td, span = newSpan()
	span.Attributes().PutStr(httpattr.RedactionPolicy, "forged")
	span.Attributes().PutEmptySlice(httpattr.RedactionRules).AppendEmpty().SetStr("deny:a")
	if _, ok := onlySpan(t, r.mustTraces(t, td)).Attributes().Get(httpattr.RedactionUpstreamRules); ok {
		t.Error("rules of a stamp that is none")
	}
}

// audit: rules names rule and place of each decision, reports too, and no value; a dry
// run does so on the data that it leaves as it is. The metric has both as well.
func TestWhyWasThisMasked(t *testing.T) {
	t.Parallel()
	const policy = "policy:\n  keys: { deny: [$.user.name] }\n  patterns: { email: report }\naudit: rules\n"
	fill := func(m pcommon.Map) {
		m.PutStr("http.request.header.content-type", "application/json")
		m.PutStr(httpattr.RequestBody, `{"user":{"name":"Ada Lovelace","mail":"ada@example.test"},"list":[{"password":"S3CR3T"}]}`)
		m.PutStr("http.request.header.x-api-key", "S3CR3T")
		m.PutEmptyMap("app").PutStr("token", "S3CR3T")
	}
	want := []any{
		"mask request_body $.user.name deny:$.user.name", "report request_body pattern:email", "mask request_body $.list[*].password default:*password*",
		"mask request_header x-api-key default:x-api-key", "mask attribute app.token default:*token",
	}
	check := func(v pcommon.Value) {
		t.Helper()
		got := map[any]bool{}
		for _, s := range v.Slice().AsRaw() {
			got[s] = true
			for _, secret := range []string{"S3CR3T", "Ada", "Lovelace", "example"} {
				if strings.Contains(s.(string), secret) {
					t.Errorf("%q holds a value", s)
				}
			}
		}
		for _, w := range want {
			if !got[w] {
				t.Errorf("no %q in %v", w, got)
			}
		}
	}
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = tel.Shutdown(t.Context()) })
	td, span := newSpan()
	fill(span.Attributes())
	out := onlySpan(t, redactorFor(t, policy, tel).mustTraces(t, td))
	v, ok := out.Attributes().Get(httpattr.RedactionDecisions)
	if !ok {
		t.Fatal("no decisions")
	}
	check(v)
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_decisions", "rule", "pattern:email", "part", "request_body", "decision", "report"); n == 0 {
		t.Error("a report is not in the metric")
	}
	if n := sumWhere(t, tel, "otelcol_processor_http_redaction_decisions", "rule", "default:x-api-key", "part", "request_header", "decision", "mask", "outcome", "ok"); n != 1 {
		t.Errorf("%d decisions by the rule for a header", n)
	}

	td, span = newSpan()
	fill(span.Attributes())
	out = onlySpan(t, redactorFor(t, policy+"dry_run: true\n", nil).mustTraces(t, td))
	if v, ok = out.Attributes().Get(httpattr.RedactionDryRun); !ok {
		t.Fatal("a dry run tells nothing")
	}
	check(v)
	if b, _ := out.Attributes().Get(httpattr.RequestBody); !strings.Contains(b.Str(), "S3CR3T") {
		t.Error("a dry run changes a value")
	}
	if _, ok := out.Attributes().Get(httpattr.RedactionPolicy); ok {
		t.Error("a dry run stamps")
	}
}
