// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/caller/callertest"
)

const failClosed = "otelcol_processor_http_redaction_fail_closed"

const (
	vectorBasic   = callertest.SessionOfBasic
	vectorAddress = callertest.SessionOfAddress
)

func sessionOf(span ptrace.Span) (key, authType string) {
	get := func(k string) string {
		if v, ok := span.Attributes().Get(k); ok {
			return v.AsString()
		}
		return ""
	}
	return get("apispan.session.key"), get("apispan.session.auth_type")
}

func TestSessionKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sources string
		put           func(pcommon.Map)
		key, authType string
	}{
		{"address of the peer", `[{address: true}]`, func(m pcommon.Map) { m.PutStr("net.peer.ip", "203.0.113.7") }, vectorAddress, ""},
		{"a list of addresses", `[{address: true}]`, func(m pcommon.Map) { m.PutStr("client.address", "203.0.113.7, 10.0.0.2") }, vectorAddress, ""},
		{"header in a text", `[{header: x-api-key}]`, func(m pcommon.Map) { m.PutStr("http.request.headers", `{"X-Api-Key":"203.0.113.7"}`) }, vectorAddress, "header"},
		{"what is there is kept", `[{basic: true}]`, func(m pcommon.Map) {
			header(m, "authorization", "Basic dXNlcjpwYXNz")
			m.PutStr("apispan.session.key", vectorAddress)
			m.PutStr("apispan.session.auth_type", "jwt")
		}, vectorAddress, "jwt"},
	} {
		r := redactorFor(t, "preset: default\nsession_key: {key: test-encryption-key, sources: "+tt.sources+"}", nil)
		td, span := newSpan()
		tt.put(span.Attributes())
		out := onlySpan(t, r.mustTraces(t, td))
		if key, authType := sessionOf(out); key != tt.key || authType != tt.authType {
			t.Errorf("%s: %q %q, want %q %q", tt.name, key, authType, tt.key, tt.authType)
		}
		if v, ok := out.Attributes().Get("http.request.header.authorization"); ok && strings.Contains(v.AsString(), "dXNlcjpwYXNz") {
			t.Errorf("%s: the credential is still there", tt.name)
		}
	}
}

// TestSessionKeyFromOutside: what has not the form of a pseudonym is subject to the
// policy; what has passes, whether this processor makes any or not.
func TestSessionKeyFromOutside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, authType, wantKey, wantType string }{
		{vectorBasic, "basic", vectorBasic, "basic"},
		{secret, secret, "[REDACTED]", "[REDACTED]"},
		{vectorBasic + "=", "Basic", "[REDACTED]", "[REDACTED]"},
		{vectorBasic[:43], "", "[REDACTED]", ""},
	} {
		r := redactorFor(t, "preset: default", nil)
		td, span := newSpan()
		span.Attributes().PutStr("apispan.session.key", tt.key)
		if tt.authType != "" {
			span.Attributes().PutStr("apispan.session.auth_type", tt.authType)
		}
		if key, authType := sessionOf(onlySpan(t, r.mustTraces(t, td))); key != tt.wantKey || authType != tt.wantType {
			t.Errorf("%.8q %.8q became %q %q", tt.key, tt.authType, key, authType)
		}
	}
	r := redactorFor(t, "preset: default", nil)
	td, span := newSpan()
	span.Attributes().PutEmptySlice("apispan.session.key").AppendEmpty().SetStr(secret)
	mustNotHold(t, tracesText(t, r.mustTraces(t, td)), secret)
}

// Only calls that came in have a session.
func TestSessionKeyOfOutgoingCalls(t *testing.T) {
	t.Parallel()
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindClient, ptrace.SpanKindInternal} {
		r := redactorFor(t, "preset: default\nsession_key: {key: k, sources: [{basic: true}]}", nil)
		td, span := newSpan()
		span.SetKind(kind)
		header(span.Attributes(), "authorization", "Basic dXNlcjpwYXNz")
		if key, authType := sessionOf(onlySpan(t, r.mustTraces(t, td))); key != "" || authType != "" {
			t.Errorf("%v: %q %q", kind, key, authType)
		}
	}
}

// TestSessionKeyFailsClosed: no pseudonym of a mask, none without a key, and none
// where everything captured is taken away; the first two are counted.
func TestSessionKeyFailsClosed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "key")
	for _, tt := range []struct{ name, config, credential, outcome string }{
		{"masked before", "session_key: {key: k, sources: [{basic: true}]}", "Basic [REDACTED]", "unsupported"},
		{"no key", "session_key: {key_file: " + missing + ", sources: [{basic: true}]}", "Basic dXNlcjpwYXNz", "no_key"},
		{"stripped", "strip_captured: true\nsession_key: {key: k, sources: [{basic: true}]}", "Basic dXNlcjpwYXNz", ""},
	} {
		tel := componenttest.NewTelemetry()
		r := redactorFor(t, "preset: default\n"+tt.config, tel)
		td, span := newSpan()
		header(span.Attributes(), "authorization", tt.credential)
		if key, authType := sessionOf(onlySpan(t, r.mustTraces(t, td))); key != "" || authType != "" {
			t.Errorf("%s: %q %q", tt.name, key, authType)
		}
		if tt.outcome == "" {
			continue
		}
		if n := sumWhere(t, tel, failClosed, "outcome", tt.outcome, "part", "session_key"); n != 1 {
			t.Errorf("%s: counted %d times", tt.name, n)
		}
	}
}

// TestSessionKeyFile: a key that appears later is used, one that disappears stays.
func TestSessionKeyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	r := redactorFor(t, "preset: default\nkey_reload_interval: 2ms\nsession_key: {key_file: "+file+", sources: [{basic: true}]}", nil)
	host := componenttest.NewNopHost()
	if err := r.start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if !r.sessions.missing() {
		t.Fatal("a key out of nowhere")
	}
	if err := os.WriteFile(file, []byte("test-encryption-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); r.sessions.missing(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the key was not read")
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := r.sessions.reload(); err == nil || strings.Contains(err.Error(), "test-encryption-key") {
		t.Errorf("reload: %v", err)
	}
	td, span := newSpan()
	header(span.Attributes(), "authorization", "Basic dXNlcjpwYXNz")
	if key, _ := sessionOf(onlySpan(t, r.mustTraces(t, td))); key != vectorBasic {
		t.Errorf("key %q", key)
	}
}

func TestSessionKeyConfig(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		"{sources: [{basic: true}]}":                            "session_key.key: is empty; write ${env:NAME}",
		"{key: sEcReT, key_file: /k, sources: [{basic: true}]}": "session_key: key and key_file are set; keep exactly one",
		"{key: sEcReT}":                                                  "session_key.sources: is empty",
		"{key: sEcReT, sources: [{}]}":                                   "session_key.sources[0]: has 0 sources; set exactly one of",
		"{key: sEcReT, sources: [{basic: true, cookie: a}]}":             "session_key.sources[0]: has 2 sources; set exactly one of",
		"{key: sEcReT, sources: [{basic: true}, {address: true}]}":       "session_key.sources[1]: address stands for services without credentials",
		"{key: sEcReT, sources: [{basic: true}], source: [{cookie: a}]}": "did you mean `session_key::sources`?",
	} {
		_, err := loadConfig(t, "preset: default\nsession_key: "+config)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		} else if strings.Contains(err.Error(), "sEcReT") {
			t.Errorf("%s: the error holds the key", config)
		}
	}
}

// TestDefaultPolicyCoversMetlo: the keys that Metlo's collector scrubs by itself
// (backend/src/services/block-fields) do not even reach it.
func TestDefaultPolicyCoversMetlo(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"authorization", "api_key", "api-key", "apikey", "x-api-key", "x_api_key", "password", "passwd", "secret", "access_token",
	} {
		r := redactorFor(t, "preset: default", nil)
		td, span := newSpan()
		a := span.Attributes()
		a.PutStr("http.request.header.content-type", "application/json")
		a.PutStr("http.response.header.content-type", "application/json")
		header(a, key, secret)
		a.PutEmptySlice("http.response.header." + key).AppendEmpty().SetStr(secret)
		a.PutStr("url.query", "a=1&"+key+"="+secret)
		a.PutStr("http.request.body.content", `{"a":{"`+key+`":"`+secret+`"}}`)
		a.PutStr("http.response.body.content", `[{"`+key+`":["`+secret+`"]}]`)
		if text := tracesText(t, r.mustTraces(t, td)); strings.Contains(text, secret) {
			t.Errorf("%s is not covered", key)
		}
	}
}
