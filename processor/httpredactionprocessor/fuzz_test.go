// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const fuzzPolicy = `
policy:
  version: 1
  keys: { deny: [password], drop: [x-internal-*], hmac: [user_id] }
  patterns: { card: mask, email: hmac }
  hmac: { keys: [{ id: k1 }] }
hmac_keys: { k1: 0123456789abcdef0123456789abcdef }
identity: { user.id: [{ jwt: {} }, { json_body: $.user.id }, { cookie: uid }, { query: uid }, { basic_user: true }] }
extract: [{ from: response.body.$.m, remove: true }]
`

// FuzzWire: any OTLP message terminates, panics nowhere, stays a message, and every
// span that leaves is stamped.
func FuzzWire(f *testing.F) {
	for name, put := range keyed {
		td, span := newSpan()
		put(span.Attributes())
		if p, ok := places[name]; ok {
			p(td, span, card)
		}
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, put := range places {
		td, span := newSpan()
		put(td, span, card)
		b, _ := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		f.Add(b)
	}
	r := redactorFor(f, fuzzPolicy, nil)
	f.Fuzz(func(t *testing.T, wire []byte) {
		if td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire); err == nil {
			n := td.SpanCount()
			out := r.mustTraces(t, td)
			if out.SpanCount() != n {
				t.Errorf("%d of %d spans were dropped", n-out.SpanCount(), n)
			}
			for _, rs := range out.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, s := range ss.Spans().All() {
						if v, ok := s.Attributes().Get("apispan.redaction.policy"); !ok || v.Str() != r.hash {
							t.Error("a span left without the stamp")
						}
					}
				}
			}
			if _, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(out); err != nil {
				t.Error(err)
			}
		}
		if ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire); err == nil {
			if _, err := (&plog.ProtoMarshaler{}).MarshalLogs(r.mustLogs(t, ld)); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzSecret: a secret under a denied key never leaves, whatever stands round it.
func FuzzSecret(f *testing.F) {
	for i, put := range []string{"password", "a.password", "Pass_Word", "PASSWORD[]"} {
		f.Add(put, "x", "y", uint8(i))
	}
	f.Add("password", `{"a":"`, `"}`, uint8(3))
	f.Add("password", "\xff\xfe", "\x00", uint8(4))
	f.Add("password", "Bearer ", "=", uint8(5))
	r := redactorFor(f, "policy: {version: 1, keys: {deny: [password]}}", nil)
	f.Fuzz(func(t *testing.T, key, before, after string, shape uint8) {
		if !strings.Contains(key, "password") || strings.Contains(key, "S3CR3T") {
			key = "x.password"
		}
		if segs := strings.FieldsFunc(key, func(c rune) bool { return c == '.' }); len(segs) == 0 || segs[len(segs)-1] != "password" {
			key += ".password"
		}
		v := before + secret + after
		td, span := newSpan()
		a := span.Attributes()
		switch shape % 6 {
		case 0:
			a.PutStr(key, v)
		case 1:
			a.PutEmptySlice(key).AppendEmpty().SetStr(v)
		case 2:
			a.PutEmptyMap(key).PutStr("k", v)
		case 3:
			a.PutEmptyMap("m").PutEmptyMap("password").PutEmptySlice("l").AppendEmpty().SetStr(v)
		case 4:
			a.PutEmptyBytes(key).FromRaw([]byte(v))
		case 5:
			span.Events().AppendEmpty().Attributes().PutStr(key, v)
		}
		mustNotHold(t, tracesText(t, r.mustTraces(t, td)), secret)
	})
}

// FuzzTraceState: the list stays a list, and what the sampler wrote stays.
func FuzzTraceState(f *testing.F) {
	for _, s := range []string{"ot=th:8", "a=1,b=2", "password=x", ",,", "a", "a==b", "ot=;th:8;", " a=1 , b=2 "} {
		f.Add(s)
	}
	r := redactorFor(f, walkPolicy, nil)
	f.Fuzz(func(t *testing.T, ts string) {
		td, span := newSpan()
		span.TraceState().FromRaw("ot=th:8;rv:0123456789abcd," + ts + ",password=" + secret)
		out := onlySpan(t, r.mustTraces(t, td)).TraceState().AsRaw()
		mustNotHold(t, out, secret)
		if !strings.HasPrefix(out, "ot=th:8;rv:0123456789abcd") {
			t.Errorf("the sampling fields are gone: %q", out)
		}
		for member := range strings.SplitSeq(out, ",") {
			member = strings.Trim(member, " \t")
			if _, v, ok := strings.Cut(member, "="); member != "" && (!ok || !validTraceStateValue(v)) {
				t.Errorf("%q is no list member", member)
			}
		}
	})
}
