// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"encoding/json"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/httpattr/attrtest"
	"github.com/apispan/apispan/redact"
)

// TestSameResultAsInProcess: what redact.Scratch.Attribute returns inside an
// application is, byte for byte, what the processor writes for the same attribute.
func TestSameResultAsInProcess(t *testing.T) {
	t.Parallel()
	const policy = `
version: 1
keys: { deny: ["*password*"], hmac: [user_id, user.id], drop: [x-internal-*] }
patterns: { email: mask }
hmac: { keys: [{ id: k1 }] }
`
	attrs := []struct{ key, value string }{
		{"http.request.method", "POST"},
		{"url.full", "https://u:pw@shop.example:8443/a/b?password=x&user_id=17&page=2#access_token=y"},
		{"url.path", "/users/17/token/abc"},
		{"url.query", "password=x&user_id=17&page=2&x-internal-a=1"},
		{"client.address", "203.0.113.77"},
		{"network.peer.address", "203.0.113.77"},
		{"user_agent.original", "curl/8.5.0 (ann@shop.example)"},
		{"user.id", "17"},
		{"http.request.header.authorization", "Bearer abc.def.ghi"},
		{"http.request.header.cookie", "theme=dark; sid=1"},
		{"http.request.header.x-forwarded-for", "203.0.113.77, 10.0.0.1"},
		{"http.request.header.x-internal-route", "7"},
		{"http.request.header.referer", "/x?password=y"},
		{"http.response.header.set-cookie", "sid=1; Path=/"},
		{"http.request.header.x_api_key", "k"},
		{"http.request.headers.x-api-key", "k"},
		{httpattr.RequestBody, `{"user_id":17,"Pass_Word":"x","list":[{"password":1}],"mail":"ann@shop.example"}`},
		{httpattr.ResponseBody, `{"user_id":"17","password":"cut he`},
		{"http.url", "https://shop.example/?password=x"},
		{"http.target", "/?user_id=17"},
		{"exception.message", "no user ann@shop.example with password=x"},
		{"db.query.text", "select 1"},
		{"some.password.hint", "x"},
		{"apispan.metadata.user_id", "17"},
		{"plain", "nothing to see"},
		{"empty", ""},
	}
	key := "0123456789abcdef0123456789abcdef"
	pc, err := redact.ParseConfig([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	pc.HMAC.Keys[0].Value = key
	p, err := redact.CompileConfig(pc)
	if err != nil {
		t.Fatal(err)
	}
	ex := redact.Exchange{
		Direction: redact.Incoming, Method: "POST", Host: "shop.example", Route: "/a/b",
		RequestContentType: "application/json", ResponseContentType: "application/json", ResponseTruncated: true,
	}

	td, span := newSpan()
	a := span.Attributes()
	a.PutStr("http.request.header.content-type", "application/json")
	a.PutStr("http.response.header.content-type", "application/json")
	a.PutBool(httpattr.ResponseBodyTruncated, true)
	a.PutStr("server.address", "shop.example")
	a.PutStr("http.route", "/a/b")
	for _, kv := range attrs {
		a.PutStr(kv.key, kv.value)
	}
	cfg := mustConfig(t, `
policy:
  version: 1
  keys: { deny: ["*password*"], hmac: [user_id, user.id], drop: [x-internal-*] }
  patterns: { email: mask }
  hmac: { keys: [{ id: k1 }] }
hmac_keys: { k1: `+key+` }
`)
	r, err := newTestRedactor(cfg, signalTraces)
	if err != nil {
		t.Fatal(err)
	}
	out := onlySpan(t, r.mustTraces(t, td)).Attributes()

	s := p.NewScratch()
	defer s.Release()
	s.Begin(ex)
	changed := 0
	for _, kv := range attrs {
		want, ef := s.Attribute(kv.key, kv.value)
		got, ok := out.Get(kv.key)
		switch {
		case ef == redact.Removed:
			changed++
			if ok {
				t.Errorf("%s: in process it is removed, here it is %q", kv.key, got.AsString())
			}
		case !ok:
			t.Errorf("%s: in process it is %q, here it is removed", kv.key, want)
		case got.Str() != want:
			t.Errorf("%s: in process %q, here %q", kv.key, want, got.Str())
		case ef == redact.Changed:
			changed++
		}
	}
	if changed < 15 {
		t.Errorf("only %d values were changed: the table proves little", changed)
	}
}

// TestResultSharesNoMemoryWithInput: pdata strings of one request may share one
// buffer; what is written must not point into it, or the secret stays reachable in
// memory for as long as the redacted value lives.
func TestResultSharesNoMemoryWithInput(t *testing.T) {
	t.Parallel()
	wire, _ := newSpan()
	wire.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().
		PutStr(httpattr.RequestBody, `{"a":"keep","password":"`+secret+`"}`)
	buf, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(wire)
	if err != nil {
		t.Fatal(err)
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(buf)
	if err != nil {
		t.Fatal(err)
	}
	out := onlySpan(t, redactorFor(t, walkPolicy, nil).mustTraces(t, td))
	var before string
	out.Attributes().Range(func(k string, v pcommon.Value) bool {
		if k == httpattr.RequestBody {
			before = v.Str()
		}
		return true
	})
	want := string([]byte(before))
	for i := range buf {
		buf[i] = '#'
	}
	if before != want {
		t.Error("the redacted body changed when the input buffer was overwritten")
	}
}

// TestEveryKeyAsInProcess: under each key of the vocabulary, and in arrays where they
// are lines of one value each, values become what they become in the process.
func TestEveryKeyAsInProcess(t *testing.T) {
	t.Parallel()
	p, err := redact.Compile([]byte(attrtest.Policy))
	if err != nil {
		t.Fatal(err)
	}
	policy := map[string]any{}
	if err := yaml.Unmarshal([]byte(attrtest.Policy), &policy); err != nil {
		t.Fatal(err)
	}
	conf, err := json.Marshal(map[string]any{"policy": policy})
	if err != nil {
		t.Fatal(err)
	}
	// What is not in apply_to is read alike: only scopes and identity do not ask it.
	for _, applyTo := range []string{"", `,"apply_to":["semconv"]`} {
		r := redactorFor(t, strings.TrimSuffix(string(conf), "}")+applyTo+"}", nil)
		s := p.NewScratch()
		for _, sample := range attrtest.Samples() {
			if k := sample.Key; strings.HasPrefix(k, "apispan.redaction.") || strings.HasPrefix(k, "apispan.session.") {
				continue // the processor's own
			}
			key := redact.NewKey(sample.Key)
			for _, value := range sample.Values {
				s.Begin(redact.Exchange{Direction: redact.Incoming})
				want, effect := s.Attribute(sample.Key, value)
				td, span := newSpan()
				span.Attributes().PutStr(sample.Key, value)
				got, there := onlySpan(t, r.mustTraces(t, td)).Attributes().Get(sample.Key)
				if there != (effect != redact.Removed) || there && got.AsString() != want {
					t.Errorf("%s: %q: in process %q (%v), here %q (%v)", sample.Key, value, want, effect, got.AsString(), there)
				}
				if !key.EachElement() {
					continue
				}
				td, span = newSpan()
				span.Attributes().PutEmptySlice(sample.Key).AppendEmpty().SetStr(value)
				got, there = onlySpan(t, r.mustTraces(t, td)).Attributes().Get(sample.Key)
				if there != (effect != redact.Removed) || there && got.Slice().At(0).AsString() != want {
					t.Errorf("%s: [%q]: in process %q (%v), here %q", sample.Key, value, want, effect, got.AsString())
				}
			}
		}
		s.Release()
	}
}
