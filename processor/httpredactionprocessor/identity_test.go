// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func header(m pcommon.Map, name, value string) {
	m.PutEmptySlice("http.request.header." + name).AppendEmpty().SetStr(value)
}

func jwt(payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc([]byte(payload)) + ".c2ln"
}

// TestIdentity has what only spans have; callertest has the rest.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sources string
		put           func(pcommon.Map)
		want          string
	}{
		{"header with underscores", `[{header: x-user-id}]`, func(m pcommon.Map) { m.PutStr("http.request.header.x_user_id", "u1") }, "u1"},
		{"header, the exact name first", `[{header: x-user-id}]`, func(m pcommon.Map) {
			m.PutStr("http.request.header.x_user_id", "forged")
			m.PutStr("http.request.header.x-user-id", "u1")
		}, "u1"},
		{"header in a map", `[{header: x-user-id}]`, func(m pcommon.Map) { m.PutEmptyMap("http.request.headers").PutStr("X-User-Id", "u1") }, "u1"},
		{"header in a map, the exact name first", `[{header: x-user-id}]`, func(m pcommon.Map) {
			fields := m.PutEmptyMap("http.request.headers")
			fields.PutStr("X_User_Id", "forged")
			fields.PutEmptySlice("X-User-Id").AppendEmpty().SetStr("u1")
		}, "u1"},
		{"header in a text", `[{header: x-user-id}]`, func(m pcommon.Map) {
			m.PutStr("http.request.headers", `{"authorization":"Bearer x","x-user-id":"u1"}`)
		}, "u1"},
		{"header in a text, not there", `[{header: x-user-id}]`, func(m pcommon.Map) { m.PutStr("http.request.headers", `{"authorization":"Bearer x"}`) }, ""},
		{"header in a text that is none", `[{header: x-user-id}]`, func(m pcommon.Map) { m.PutStr("http.request.headers", `u1`) }, ""},
		{"header in a list", `[{header: x-user-id}]`, func(m pcommon.Map) {
			list := m.PutEmptySlice("http.request.headers")
			list.AppendEmpty().SetStr("Authorization: Bearer x")
			list.AppendEmpty().SetStr("X-User-Id: u1")
		}, "u1"},
		{"header in a list of maps", `[{header: x-user-id}]`, func(m pcommon.Map) {
			field := m.PutEmptySlice("http.request.headers").AppendEmpty().SetEmptyMap()
			field.PutStr("name", "X-User-Id")
			field.PutStr("value", "u1")
		}, "u1"},
		{"header in a list of pairs", `[{header: x-user-id}]`, func(m pcommon.Map) {
			field := m.PutEmptySlice("http.request.headers").AppendEmpty().SetEmptySlice()
			field.AppendEmpty().SetStr("X-User-Id")
			field.AppendEmpty().SetStr("u1")
		}, "u1"},
		{"header that is a list in a text", `[{header: x-user-id}]`, func(m pcommon.Map) { m.PutStr("http.request.header.x-user-id", `["u1","u2"]`) }, "u1"},
		{"header that is a number", `[{header: x-user-id}]`, func(m pcommon.Map) { m.PutEmptySlice("http.request.header.x-user-id").AppendEmpty().SetInt(17) }, "17"},
		{"JSON body as a map", `[{json_body: $.company.id}]`, func(m pcommon.Map) {
			m.PutEmptyMap("http.request.body").PutEmptyMap("company").PutStr("id", "u1")
		}, "u1"},
		{"JSON body in base64", `[{json_body: $.id}]`, func(m pcommon.Map) { m.PutStr("http.request.body.base64", "eyJpZCI6InUxIn0=") }, "u1"},
		{"header as an attribute", `[{attribute: http.request.header.x-user-id}]`, func(m pcommon.Map) { header(m, "x-user-id", "u1") }, "u1"},
		{"query of an old URL", `[{query: uid}]`, func(m pcommon.Map) { m.PutStr("http.target", "/p?uid=u1#f") }, "u1"},
		{"query of a URL without one", `[{query: uid}]`, func(m pcommon.Map) { m.PutStr("url.full", "https://h/a&uid=u1") }, ""},
		{"query in a fragment", `[{query: uid}]`, func(m pcommon.Map) { m.PutStr("url.full", "https://h/a#?uid=u1") }, ""},
		{"JSON body in bytes", `[{json_body: $.id}]`, func(m pcommon.Map) { m.PutEmptyBytes("http.request.body").FromRaw([]byte(`{"id":17}`)) }, "17"},
		{"response body", `[{response_json_body: id}]`, func(m pcommon.Map) { m.PutStr("http.response.body.content", `{"id":"u1"}`) }, "u1"},
		{"attribute", `[{attribute: enduser.id}]`, func(m pcommon.Map) { m.PutStr("enduser.id", "u1") }, "u1"},
		{"attribute with the form of a token", `[{attribute: shop.user}]`, func(m pcommon.Map) {
			m.PutStr("shop.user", jwt(`{"sub":"u1","iss":"https://id.example","exp":1}`))
		}, ""},
		{"what is there is kept", `[{header: x-a}]`, func(m pcommon.Map) {
			header(m, "x-a", "u2")
			m.PutStr("user.id", "u1")
		}, "u1"},
	} {
		r := redactorFor(t, "policy: {version: 1, defaults: false}\nidentity: {user.id: "+tt.sources+"}", nil)
		td, span := newSpan()
		tt.put(span.Attributes())
		out := onlySpan(t, r.mustTraces(t, td))
		got := ""
		if v, ok := out.Attributes().Get("user.id"); ok {
			got = v.Str()
		}
		if got != tt.want {
			t.Errorf("%s: user.id = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestIdentityOfManyValues: an attribute that holds more than one value is no source,
// and one that holds a credential none in clear, by whatever name it is asked for.
func TestIdentityOfManyValues(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"attribute: http.request.headers":                "write header: <name>",
		"attribute: http.request.header":                 "write header: <name>",
		"attribute: http.request.body.content":           "write json_body",
		"attribute: http.response.body":                  "write json_body",
		"attribute: url.full":                            "write query: <parameter>",
		"attribute: http.target":                         "write query: <parameter>",
		"attribute: http.request.header.authorization":   "add session_key",
		"attribute: http.request.headers.X-Api-Key":      "add session_key",
		"attribute: http.request.header.x_api_key":       "add session_key",
		"attribute: rpc.grpc.request.metadata.x-api-key": "add session_key",
		"attribute: http.request.cookies":                "add session_key",
		"attribute: http.request.header.cookie":          "add session_key",
		"attribute: shop.password":                       "add session_key",
		"header: Cookie":                                 "add session_key",
		"header: proxy-authorization":                    "add session_key",
		"attribute: http.response.header.set-cookie":     "add session_key",
		"cookie: PHPSESSID":                              "add session_key",
		"cookie: .AspNetCore.Identity.Application":       "add session_key",
		"cookie: __Host-next-auth.session-token":         "add session_key",
		"query: sig":                                     "add session_key",
		"json_body: $.credentials.id":                    "add session_key",
		"response_json_body: $.refresh_token":            "add session_key",
	} {
		_, err := loadConfig(t, "policy: {version: 1, defaults: false}\nidentity: {user.id: [{"+source+"}]}")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "identity.user.id[0]: ") {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

// TestIdentityIsSubjectToThePolicy: the id comes out of a header that the policy
// removes, and leaves as a token.
func TestIdentityIsSubjectToThePolicy(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, `
policy:
  version: 1
  keys: { hmac: [user.id], drop: [authorization] }
  hmac: { keys: [{ id: k1 }] }
hmac_keys: { k1: 0123456789abcdef0123456789abcdef }
identity: { user.id: [{ jwt: {} }] }
`, nil)
	td, span := newSpan()
	header(span.Attributes(), "authorization", "Bearer "+jwt(`{"sub":"user-`+secret+`"}`))
	out := onlySpan(t, r.mustTraces(t, td))
	if _, ok := out.Attributes().Get("http.request.header.authorization"); ok {
		t.Error("the header is still there")
	}
	v, _ := out.Attributes().Get("user.id")
	if len(v.Str()) != len("hmac:k1:")+22 || v.Str()[:8] != "hmac:k1:" {
		t.Errorf("user.id = %q, want a token", v.Str())
	}
}

// TestMetadataFromResource: facts of the service on each of its exchanges, after the
// policy.
func TestMetadataFromResource(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, `
policy: { version: 1, defaults: false, keys: { deny: [k8s.cluster.secret] } }
identity:
  apispan.metadata.region: [{ resource: cloud.region }]
  apispan.metadata.replicas: [{ resource: replicas }]
  apispan.metadata.cluster: [{ resource: k8s.cluster.secret }]
  apispan.api.version: [{ header: x-api-version }, { resource: service.version }]
  apispan.metadata.none: [{ resource: absent }]
`, nil)
	td, _ := newSpan()
	res := td.ResourceSpans().At(0).Resource().Attributes()
	res.PutStr("cloud.region", "eu-1")
	res.PutInt("replicas", 3)
	res.PutStr("k8s.cluster.secret", secret)
	res.PutStr("service.version", "1.4.2")
	// A second resource has its own values, or none.
	td.ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
	td.ResourceSpans().At(1).Resource().Attributes().Clear()
	out := r.mustTraces(t, td)
	got := make([]map[string]any, 0, 2)
	for _, rs := range out.ResourceSpans().All() {
		m := map[string]any{}
		for k, v := range rs.ScopeSpans().At(0).Spans().At(0).Attributes().All() {
			if strings.HasPrefix(k, "apispan.metadata.") || k == "apispan.api.version" {
				m[k] = v.AsRaw()
			}
		}
		got = append(got, m)
	}
	want := []map[string]any{{
		"apispan.metadata.region": "eu-1", "apispan.metadata.replicas": "3",
		"apispan.metadata.cluster": "[REDACTED]", "apispan.api.version": "1.4.2",
	}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestExtract(t *testing.T) {
	t.Parallel()
	const body = `{"ok":true,"_cerberus_metrics":{"items":3,"ratio":0.5,"tags":["a"],"password":"` + secret + `"},"n":1}`
	for _, tt := range []struct {
		name, rule string
		bytes      bool
		body       string
		want       map[string]any
		left       string
	}{
		{
			name: "members", rule: `{from: "response.body.$._cerberus_metrics", remove: true}`, body: body,
			want: map[string]any{"items": int64(3), "ratio": 0.5, "tags": []any{"a"}, "password": "[REDACTED]"},
			left: `{"ok":true,"n":1}`,
		},
		{
			name: "whole", rule: `{from: "response.body.$._cerberus_metrics", to: m, remove: true}`, body: body, bytes: true,
			want: map[string]any{"m": map[string]any{"items": int64(3), "ratio": 0.5, "tags": []any{"a"}, "password": "[REDACTED]"}},
			left: `{"ok":true,"n":1}`,
		},
		{
			name: "kept in the body", rule: `{from: response.body.n}`, body: `{"n":1}`,
			want: map[string]any{"n": int64(1)}, left: `{"n":1}`,
		},
		{name: "not there", rule: `{from: response.body.x, remove: true}`, body: `{"n":1}`, want: map[string]any{}, left: `{"n":1}`},
		{name: "cut", rule: `{from: response.body.x, remove: true}`, body: `{"n":1,"x":{"a":`, want: map[string]any{}},
		{name: "not JSON inside", rule: `{from: response.body.x, remove: true}`, body: `{"x":nope}`, want: map[string]any{}},
	} {
		r := redactorFor(t, "policy: {version: 1, defaults: false, keys: {deny: [password]}}\nextract: ["+tt.rule+"]", nil)
		td, span := newSpan()
		a := span.Attributes()
		a.PutEmptySlice("http.response.header.content-type").AppendEmpty().SetStr("application/json")
		if tt.bytes {
			a.PutEmptyBytes("http.response.body.content").FromRaw([]byte(tt.body))
		} else {
			a.PutStr("http.response.body.content", tt.body)
		}
		out := onlySpan(t, r.mustTraces(t, td)).Attributes()
		got := map[string]any{}
		for k, v := range out.AsRaw() {
			if rest, ok := strings.CutPrefix(k, "apispan.metadata."); ok {
				got[rest] = v
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: metadata (-want +got):\n%s", tt.name, diff)
		}
		if v, ok := out.Get("http.response.body.content"); tt.left != "" && (!ok || bodyText(v) != tt.left) {
			t.Errorf("%s: body = %q, want %q", tt.name, bodyText(v), tt.left)
		}
	}
}
