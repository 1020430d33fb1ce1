// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/apispan/apispan/internal/httpattr"
)

const (
	// secret stands under a denied key; card is found by a detector.
	secret = "S3CR3T-hunter2"
	card   = "4111111111111111"

	walkPolicy = `
policy:
  version: 1
  keys: { deny: [password] }
  patterns: { card: mask }
`
)

// places puts a value at every place of a span where a string can hide. Each entry
// is one place of the walk.
var places = map[string]func(td ptrace.Traces, span ptrace.Span, v string){
	"resource attribute": func(td ptrace.Traces, _ ptrace.Span, v string) {
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("some.text", v)
	},
	"resource attribute array": func(td ptrace.Traces, _ ptrace.Span, v string) {
		s := td.ResourceSpans().At(0).Resource().Attributes().PutEmptySlice("process.command_args")
		s.AppendEmpty().SetStr("serve")
		s.AppendEmpty().SetStr(v)
	},
	"resource schema URL": func(td ptrace.Traces, _ ptrace.Span, v string) {
		td.ResourceSpans().At(0).SetSchemaUrl("https://example.com/?x=" + v)
	},
	"entity type": func(td ptrace.Traces, _ ptrace.Span, v string) {
		entity.ResourceEntityRefs(td.ResourceSpans().At(0).Resource()).AppendEmpty().SetType(v)
	},
	"entity key": func(td ptrace.Traces, _ ptrace.Span, v string) {
		entity.ResourceEntityRefs(td.ResourceSpans().At(0).Resource()).AppendEmpty().IdKeys().Append(v)
	},
	"scope name": func(td ptrace.Traces, _ ptrace.Span, v string) {
		td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("lib " + v)
	},
	"scope version": func(td ptrace.Traces, _ ptrace.Span, v string) {
		td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetVersion("1 " + v)
	},
	"scope attribute": func(td ptrace.Traces, _ ptrace.Span, v string) {
		td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes().PutStr("some.text", v)
	},
	"scope schema URL": func(td ptrace.Traces, _ ptrace.Span, v string) {
		td.ResourceSpans().At(0).ScopeSpans().At(0).SetSchemaUrl("https://example.com/?x=" + v)
	},
	"span name":      func(_ ptrace.Traces, s ptrace.Span, v string) { s.SetName("charge " + v) },
	"span name path": func(_ ptrace.Traces, s ptrace.Span, v string) { s.SetName("GET /pay?n=" + v) },
	"status message": func(_ ptrace.Traces, s ptrace.Span, v string) { s.Status().SetMessage("declined: " + v) },
	"tracestate":     func(_ ptrace.Traces, s ptrace.Span, v string) { s.TraceState().FromRaw("shop=" + v + ",ot=th:8") },
	"tracestate ot":  func(_ ptrace.Traces, s ptrace.Span, v string) { s.TraceState().FromRaw("ot=th:8;x:" + v) },
	"attribute":      func(_ ptrace.Traces, s ptrace.Span, v string) { s.Attributes().PutStr("some.text", v) },
	"attribute key":  func(_ ptrace.Traces, s ptrace.Span, v string) { s.Attributes().PutStr("seen."+v, "x") },
	"attribute array": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptySlice("some.list").AppendEmpty().SetStr(v)
	},
	"attribute map": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptyMap("some.map").PutEmptyMap("a").PutStr("b", v)
	},
	"attribute map key": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptyMap("some.map").PutStr(v, "x")
	},
	"attribute array of maps": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptySlice("some.list").AppendEmpty().SetEmptyMap().PutStr("b", v)
	},
	"attribute bytes": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptyBytes("some.bytes").FromRaw([]byte("n=" + v))
	},
	"bytes in a map": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptyMap("some.map").PutEmptyBytes("b").FromRaw([]byte("n=" + v))
	},
	"header": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptySlice("http.request.header.x-note").AppendEmpty().SetStr(v)
	},
	"repeated header": func(_ ptrace.Traces, s ptrace.Span, v string) {
		h := s.Attributes().PutEmptySlice("http.request.header.x-note")
		h.AppendEmpty().SetStr("a")
		h.AppendEmpty().SetStr(v)
	},
	"ECS headers": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptyMap("http.request.headers").PutEmptySlice("X-Note").AppendEmpty().SetStr(v)
	},
	"body": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutStr(httpattr.RequestBody, `{"note":"`+v+`"}`)
	},
	"body bytes": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Attributes().PutEmptyBytes(httpattr.ResponseBody).FromRaw([]byte(`{"note":"` + v + `"}`))
	},
	"url.full":   func(_ ptrace.Traces, s ptrace.Span, v string) { s.Attributes().PutStr("url.full", "https://h/p?n="+v) },
	"url.query":  func(_ ptrace.Traces, s ptrace.Span, v string) { s.Attributes().PutStr("url.query", "n="+v) },
	"event name": func(_ ptrace.Traces, s ptrace.Span, v string) { s.Events().AppendEmpty().SetName("seen " + v) },
	"event attribute": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Events().AppendEmpty().Attributes().PutStr("exception.message", "no such card "+v)
	},
	"event stack trace": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Events().AppendEmpty().Attributes().PutStr("exception.stacktrace", "a.go:1\n  pay("+v+")\nb.go:2")
	},
	"link attribute": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Links().AppendEmpty().Attributes().PutStr("some.text", v)
	},
	"link tracestate": func(_ ptrace.Traces, s ptrace.Span, v string) {
		s.Links().AppendEmpty().TraceState().FromRaw("shop=" + v)
	},
}

func TestDetectorsReachEveryPlace(t *testing.T) {
	t.Parallel()
	for name, put := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			td, span := newSpan()
			put(td, span, card)
			if !strings.Contains(tracesText(t, td), card) && !strings.Contains(name, "bytes") {
				t.Fatal("the test puts nothing there")
			}
			out := redactorFor(t, walkPolicy, nil).mustTraces(t, td)
			onlySpan(t, out)
			mustNotHold(t, tracesText(t, out), card)
		})
	}
}

// keyed puts a value under a denied key, in every shape that an attribute can have.
var keyed = map[string]func(m pcommon.Map){
	"string":  func(m pcommon.Map) { m.PutStr("password", secret) },
	"segment": func(m pcommon.Map) { m.PutStr("app.user.password", secret) },
	"folded":  func(m pcommon.Map) { m.PutStr("Pass_Word", secret) },
	"bytes":   func(m pcommon.Map) { m.PutEmptyBytes("password").FromRaw([]byte(secret)) },
	"binary":  func(m pcommon.Map) { m.PutEmptyBytes("password").FromRaw([]byte("\xff\xfe" + secret)) },
	"array":   func(m pcommon.Map) { m.PutEmptySlice("password").AppendEmpty().SetStr(secret) },
	"array of arrays": func(m pcommon.Map) {
		m.PutEmptySlice("password").AppendEmpty().SetEmptySlice().AppendEmpty().SetStr(secret)
	},
	"map":             func(m pcommon.Map) { m.PutEmptyMap("password").PutStr("x", secret) },
	"in a map":        func(m pcommon.Map) { m.PutEmptyMap("user").PutStr("password", secret) },
	"deep in a map":   func(m pcommon.Map) { m.PutEmptyMap("a").PutEmptyMap("b").PutEmptyMap("password").PutStr("c", secret) },
	"map in an array": func(m pcommon.Map) { m.PutEmptySlice("users").AppendEmpty().SetEmptyMap().PutStr("password", secret) },
	"bytes in a map":  func(m pcommon.Map) { m.PutEmptyMap("user").PutEmptyBytes("password").FromRaw([]byte(secret)) },
	"pair": func(m pcommon.Map) {
		p := m.PutEmptyMap("field")
		p.PutStr("name", "password")
		p.PutStr("value", secret)
	},
	"pair, value first": func(m pcommon.Map) {
		p := m.PutEmptySlice("fields").AppendEmpty().SetEmptyMap()
		p.PutStr("value", secret)
		p.PutStr("key", "password")
	},
	"flat list": func(m pcommon.Map) {
		s := m.PutEmptySlice("raw")
		for _, v := range []string{"Host", "h", "Password", secret} {
			s.AppendEmpty().SetStr(v)
		}
	},
	"command line": func(m pcommon.Map) {
		s := m.PutEmptySlice("process.command_args")
		for _, v := range []string{"serve", "--password", secret} {
			s.AppendEmpty().SetStr(v)
		}
	},
	"header":        func(m pcommon.Map) { m.PutEmptySlice("http.request.header.password").AppendEmpty().SetStr(secret) },
	"header string": func(m pcommon.Map) { m.PutStr("http.request.header.pass_word", secret) },
	"header, ecs":   func(m pcommon.Map) { m.PutStr("http.request.headers.Password", secret) },
	"headers map":   func(m pcommon.Map) { m.PutEmptyMap("http.request.headers").PutStr("Password", secret) },
	"grpc metadata": func(m pcommon.Map) { m.PutStr("rpc.grpc.request.metadata.password", secret) },
	"json body":     func(m pcommon.Map) { m.PutStr(httpattr.RequestBody, `{"a":[{"password":"`+secret+`"}]}`) },
	"json bytes": func(m pcommon.Map) {
		m.PutEmptyBytes(httpattr.RequestBody).FromRaw([]byte(`{"password":"` + secret + `"}`))
	},
	"cut body": func(m pcommon.Map) {
		m.PutStr(httpattr.RequestBody, `{"password":"`+secret)
		m.PutBool(httpattr.RequestBodyTruncated, true)
	},
	"hypertrace body": func(m pcommon.Map) { m.PutStr("http.request.body", `{"password":"`+secret+`"}`) },
	"agent body":      func(m pcommon.Map) { m.PutStr("http.response.body.text", `{"password":"`+secret+`"}`) },
	"url.full":        func(m pcommon.Map) { m.PutStr("url.full", "https://h/p?password="+secret) },
	"url.query":       func(m pcommon.Map) { m.PutStr("url.query", "password="+secret) },
	"http.url":        func(m pcommon.Map) { m.PutStr("http.url", "https://h/p?password="+secret) },
	"http.target":     func(m pcommon.Map) { m.PutStr("http.target", "/p?password="+secret) },
	"url.original":    func(m pcommon.Map) { m.PutStr("url.original", "/p?password="+secret) },
	"referer": func(m pcommon.Map) {
		m.PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr("https://h/?password=" + secret)
	},
	"location": func(m pcommon.Map) {
		m.PutEmptySlice("http.response.header.location").AppendEmpty().SetStr("/x?password=" + secret)
	},
	"cookie": func(m pcommon.Map) {
		m.PutEmptySlice("http.request.header.cookie").AppendEmpty().SetStr("a=b; password=" + secret)
	},
}

func TestKeyRulesReachEveryShape(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy, nil)
	targets := map[string]func(ptrace.Traces, ptrace.Span) pcommon.Map{
		"resource": func(td ptrace.Traces, _ ptrace.Span) pcommon.Map {
			return td.ResourceSpans().At(0).Resource().Attributes()
		},
		"scope": func(td ptrace.Traces, _ ptrace.Span) pcommon.Map {
			return td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes()
		},
		"span":  func(_ ptrace.Traces, s ptrace.Span) pcommon.Map { return s.Attributes() },
		"event": func(_ ptrace.Traces, s ptrace.Span) pcommon.Map { return s.Events().AppendEmpty().Attributes() },
		"link":  func(_ ptrace.Traces, s ptrace.Span) pcommon.Map { return s.Links().AppendEmpty().Attributes() },
	}
	for shape, put := range keyed {
		for where, of := range targets {
			t.Run(shape+" in "+where, func(t *testing.T) {
				td, span := newSpan()
				put(of(td, span))
				out := r.mustTraces(t, td)
				onlySpan(t, out)
				mustNotHold(t, tracesText(t, out), secret)
			})
		}
		t.Run(shape+" in log", func(t *testing.T) {
			ld := plog.NewLogs()
			rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			put(rec.Attributes())
			put(rec.Body().SetEmptyMap())
			mustNotHold(t, logsText(t, r.mustLogs(t, ld)), secret)
		})
	}
}

// TestOneSecretEverywhere is the leak that value rules of other tools have: the
// same secret in every copy of a URL.
func TestOneSecretEverywhere(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	u := "https://shop.example/reset?password=" + secret + "&page=2"
	span.SetName("GET /reset?password=" + secret)
	span.Status().SetMessage("Get \"" + u + "\": EOF")
	a := span.Attributes()
	a.PutStr("url.full", u)
	a.PutStr("url.path", "/reset")
	a.PutStr("url.query", "password="+secret+"&page=2")
	a.PutStr("http.url", u)
	a.PutStr("http.target", "/reset?password="+secret+"&page=2")
	a.PutEmptySlice("http.request.header.referer").AppendEmpty().SetStr(u)
	ev := span.Events().AppendEmpty()
	ev.SetName("exception")
	ev.Attributes().PutStr("exception.message", "Get \""+u+"\": EOF")
	out := redactorFor(t, walkPolicy, nil).mustTraces(t, td)
	text := tracesText(t, out)
	mustNotHold(t, text, secret)
	if n := strings.Count(text, "page=2"); n < 5 {
		t.Errorf("page=2 is left %d times: too much was removed", n)
	}
}

func TestNumbersUnderDeniedKeysBecomeStrings(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	a := span.Attributes()
	a.PutInt("password", 123456)
	a.PutDouble("user.password", 1234.5)
	a.PutBool("password.set", true)
	a.PutInt("some.number", 4111111111111111)
	a.PutDouble("some.double", 4111111111111111)
	m := a.PutEmptyMap("user")
	m.PutInt("password", 987654)
	m.PutInt("age", 42)
	a.PutInt("http.response.status_code", 200)
	a.PutDouble("ratio", 0.25)
	a.PutBool("ok", true)

	out := onlySpan(t, redactorFor(t, walkPolicy, nil).mustTraces(t, td)).Attributes()
	for _, k := range []string{"password", "user.password", "password.set", "some.number", "some.double"} {
		if v, ok := out.Get(k); ok && v.Type() != pcommon.ValueTypeStr {
			t.Errorf("%s is still a %s", k, v.Type())
		}
	}
	if v, ok := out.Get("user"); !ok || v.Type() != pcommon.ValueTypeMap {
		t.Error("the map user is gone")
	} else if pw, _ := v.Map().Get("password"); pw.Type() == pcommon.ValueTypeInt {
		t.Error("user.password is still a number")
	} else if age, _ := v.Map().Get("age"); age.Type() != pcommon.ValueTypeInt || age.Int() != 42 {
		t.Error("user.age was touched")
	}
	if v, _ := out.Get("http.response.status_code"); v.Type() != pcommon.ValueTypeInt || v.Int() != 200 {
		t.Error("the status code was touched")
	}
	if v, _ := out.Get("ratio"); v.Type() != pcommon.ValueTypeDouble || v.Double() != 0.25 {
		t.Error("a double was touched")
	}
	if v, _ := out.Get("ok"); v.Type() != pcommon.ValueTypeBool {
		t.Error("a bool was touched")
	}
}

func TestDuplicateKeysAreAllRedacted(t *testing.T) {
	t.Parallel()
	doc := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x","attributes":[
		{"key":"password","value":{"stringValue":%[1]q}},{"key":"password","value":{"stringValue":%[1]q}},
		{"key":"a","value":{"kvlistValue":{"values":[{"key":"password","value":{"stringValue":%[1]q}},{"key":"password","value":{"stringValue":%[1]q}}]}}}]}]}]}]}`, secret)
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	mustNotHold(t, tracesText(t, redactorFor(t, walkPolicy, nil).mustTraces(t, td)), secret)
}

func TestDeepNestingIsRemoved(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	m := span.Attributes().PutEmptyMap("deep")
	for range 200 {
		m = m.PutEmptyMap("x")
	}
	m.PutStr("note", secret)
	mustNotHold(t, tracesText(t, redactorFor(t, walkPolicy, nil).mustTraces(t, td)), secret)
}

func TestLogPlaces(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(plog.LogRecord, string){
		"body text":      func(r plog.LogRecord, v string) { r.Body().SetStr("charged " + v) },
		"body bytes":     func(r plog.LogRecord, v string) { r.Body().SetEmptyBytes().FromRaw([]byte("charged " + v)) },
		"body map":       func(r plog.LogRecord, v string) { r.Body().SetEmptyMap().PutEmptyMap("a").PutStr("note", v) },
		"body array":     func(r plog.LogRecord, v string) { r.Body().SetEmptySlice().AppendEmpty().SetStr(v) },
		"body JSON text": func(r plog.LogRecord, v string) { r.Body().SetStr(`{"note":"` + v + `"}`) },
		"attribute":      func(r plog.LogRecord, v string) { r.Attributes().PutStr("some.text", v) },
		"attribute key":  func(r plog.LogRecord, v string) { r.Attributes().PutStr("seen."+v, "x") },
		"event name":     func(r plog.LogRecord, v string) { r.SetEventName("charged " + v) },
		"severity text":  func(r plog.LogRecord, v string) { r.SetSeverityText("INFO " + v) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ld := plog.NewLogs()
			rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			put(rec, card)
			out := redactorFor(t, walkPolicy, nil).mustLogs(t, ld)
			if out.LogRecordCount() != 1 {
				t.Fatal("the record is gone")
			}
			mustNotHold(t, logsText(t, out), card)
		})
	}
}

// TestOddArraysOfHeaders: a header array should hold strings; senders may put
// anything there.
func TestOddArraysOfHeaders(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	h := span.Attributes().PutEmptySlice("http.request.header.password")
	h.AppendEmpty().SetStr(secret)
	h.AppendEmpty().SetInt(20251120)
	h.AppendEmpty().SetDouble(20251120.5)
	h.AppendEmpty().SetEmptyBytes().FromRaw([]byte(secret))
	h.AppendEmpty().SetEmptyMap().PutStr("x", secret)
	h.AppendEmpty().SetEmptySlice().AppendEmpty().SetStr(secret)
	h.AppendEmpty()
	n := span.Attributes().PutEmptySlice("http.request.header.x-note")
	n.AppendEmpty().SetEmptyBytes().FromRaw([]byte("n=" + card))
	n.AppendEmpty().SetEmptyMap().PutStr("x", card)
	n.AppendEmpty().SetInt(4111111111111111)
	out := redactorFor(t, walkPolicy, nil).mustTraces(t, td)
	text := tracesText(t, out)
	for _, s := range []string{secret, card, "20251120"} {
		mustNotHold(t, text, s)
	}
}

// TestDropRemovesTheWholeThing: no empty array or map is left of what a drop rule
// takes away, and what stands beside it stays.
func TestDropRemovesTheWholeThing(t *testing.T) {
	t.Parallel()
	td, span := newSpan()
	a := span.Attributes()
	header(a, "x-internal-route", "1")
	a.PutStr("x-internal-note", "2")
	a.PutEmptyBytes("x-internal-bytes").FromRaw([]byte("3"))
	a.PutEmptyMap("x-internal-map").PutStr("k", "4")
	a.PutEmptyMap("http.request.headers").PutStr("X-Internal-A", "5")
	m := a.PutEmptyMap("kept")
	m.PutStr("x-internal-b", "6")
	m.PutStr("c", "stays")
	td.ResourceSpans().At(0).Resource().Attributes().PutInt("x-internal-n", 7)
	r := redactorFor(t, "policy: {version: 1, defaults: false, keys: {drop: [x-internal-*]}}", nil)
	out := r.mustTraces(t, td)
	want := map[string]any{
		"kept": map[string]any{"c": "stays"}, httpattr.RedactionPolicy: r.hash, httpattr.RedactionCount: int64(6),
	}
	if diff := cmp.Diff(want, onlySpan(t, out).Attributes().AsRaw()); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if n := out.ResourceSpans().At(0).Resource().Attributes().Len(); n != 0 {
		t.Errorf("%d resource attributes are left", n)
	}
}

// TestCopiesOfTheDataStayAsTheyWere: the Collector hands each pipeline a copy, and
// what one pipeline redacts must not change in the others.
func TestCopiesOfTheDataStayAsTheyWere(t *testing.T) {
	t.Parallel()
	r := redactorFor(t, walkPolicy+"\nextract: [{from: response.body.$.m, remove: true}]", nil)
	for name, put := range keyed {
		td, span := newSpan()
		put(span.Attributes())
		span.Attributes().PutEmptyBytes(httpattr.ResponseBody).FromRaw([]byte(`{"m":{"a":1},"password":"` + secret + `"}`))
		other := ptrace.NewTraces()
		td.CopyTo(other)
		want := tracesText(t, other)
		r.mustTraces(t, td)
		if tracesText(t, other) != want {
			t.Errorf("%s: redacting one copy changed the other", name)
		}
	}
}
