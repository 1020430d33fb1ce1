// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/internal/inspect/inspecttest"
	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/benchdata"
	"github.com/apispan/apispan/redact"
)

// inspector is an extension that records.
type inspector struct{ *inspecttest.Recorder }

func (inspector) Start(context.Context, component.Host) error { return nil }

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// lookedAt is a redactor that has started and shows rec what it does.
func lookedAt(t testing.TB, config string, rec *inspecttest.Recorder) *redactor {
	t.Helper()
	r := redactorFor(t, config, nil)
	id := component.MustNewID("api_inspector")
	r.inspector = &id
	if err := r.startPipeline(context.Background(), host{id: inspector{rec}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.shutdown(context.Background()) })
	return r
}

func TestInspectorMissing(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"api_inspector": "inspector names api_inspector, which is not among `service::extensions`",
		"health_check":  "inspector names health_check, which is no inspector",
	} {
		r := redactorFor(t, "preset: default\ninspector: "+name, nil)
		err := r.startPipeline(context.Background(), host{component.MustNewID("health_check"): nil})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const mailPolicy = "policy: {version: 1, patterns: {email: mask}}"

// inspectedSpan holds secrets in every place that is shown.
func inspectedSpan(td ptrace.Traces, secret string) ptrace.Span {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("host.owner", secret)
	rs.Resource().Attributes().PutStr("owner "+secret, "x")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{1})
	span.SetSpanID([8]byte{2})
	span.SetKind(ptrace.SpanKindServer)
	span.SetName("POST /pay/" + secret)
	a := span.Attributes()
	a.PutStr("http.request.method", "POST")
	a.PutStr("http.request.body.content", `{"card":"4111 1111 1111 1111","who":"`+secret+`","n":1}`)
	a.PutEmptySlice("http.request.header.x-from").AppendEmpty().SetStr(secret)
	a.PutEmptyMap("some.map").PutStr("owner", secret)
	a.PutEmptyBytes("some.bytes").FromRaw([]byte("to " + secret))
	a.PutInt("some.int", 7)
	a.PutStr("for "+secret, "y")
	ev := span.Events().AppendEmpty()
	ev.SetName("mail to " + secret)
	ev.Attributes().PutStr("message", "from "+secret)
	ev.Attributes().PutStr("to "+secret, "z")
	span.Events().AppendEmpty().SetName("empty")
	last := span.Events().AppendEmpty()
	last.SetName("last")
	last.Attributes().PutStr("k", "v")
	return span
}

// TestInspected: before, after and why are shown; without show_raw no value from before
// the redaction is given, in no place.
func TestInspected(t *testing.T) {
	t.Parallel()
	const secret = "ada.lovelace@example.com"
	for _, raw := range []bool{false, true} {
		for _, policy := range []string{mailPolicy, mailPolicy + "\naudit: rules", mailPolicy + "\ndry_run: true"} {
			t.Run(fmt.Sprintf("%v/%s", raw, policy), func(t *testing.T) {
				t.Parallel()
				rec := &inspecttest.Recorder{ShowRaw: raw}
				r := lookedAt(t, policy, rec)
				td := ptrace.NewTraces()
				inspectedSpan(td, secret)
				r.mustTraces(t, td)
				before, after := rec.Calls("Before"), rec.Calls("After")
				if len(before) != 1 || len(after) != 1 || before[0].Key != (inspect.Key{Trace: [16]byte{1}, Span: [8]byte{2}}) || after[0].Key != before[0].Key {
					t.Fatalf("%+v\n%+v", before, after)
				}
				if held := rec.Holds(secret); raw && !slices.Contains(held, "Before") || slices.Contains(held, "After") || !raw && held != nil {
					t.Errorf("the secret is given by %v", held)
				}
				b, a := before[0].Span, after[0].Span
				card := "4111 1111 1111 1111"
				if held := rec.Holds(card); raw && len(held) != 1 || !raw && held != nil {
					t.Errorf("the card is given by %v", held)
				}
				if body := find(b.Attributes, "http.request.body.content"); body == nil || body.Type != "string" || body.Len < 60 || (body.Value != nil) != raw {
					t.Errorf("body before: %+v", body)
				}
				if body := find(a.Attributes, "http.request.body.content"); body == nil || !strings.Contains(fmt.Sprint(body.Value), `"n":1`) || !strings.Contains(fmt.Sprint(body.Value), "[REDACTED") {
					t.Errorf("body after: %+v", body)
				}
				if len(b.Attributes) != 7 || len(b.Resource) != 3 || len(b.Events) != 3 || len(a.Events) != 2 {
					t.Errorf("before %+v\nafter %+v", b, a)
				}
				if find(b.Events, "last/k") == nil || find(a.Events, "last/k") == nil {
					t.Errorf("events %+v", b.Events)
				}
				var rules []string
				for _, d := range after[0].Why {
					rules = append(rules, d.Rule+" "+d.Place+" "+d.Path+" "+d.Action)
				}
				if !slices.ContainsFunc(rules, func(s string) bool { return strings.Contains(s, "$.card") }) {
					t.Errorf("decisions: %q", rules)
				}
			})
		}
	}
}

func find(list []inspect.Attribute, key string) *inspect.Attribute {
	for i := range list {
		if list[i].Key == key {
			return &list[i]
		}
	}
	return nil
}

// TestInspectedAttach: the policy is shown with its rules and warnings, and without keys.
func TestInspectedAttach(t *testing.T) {
	t.Parallel()
	const key = "a-key-of-thirty-two-bytes-or-more!"
	path := filepath.Join(t.TempDir(), "policy.yaml")
	text := "# mine, " + key + "\nversion: 1\nhmac:\n  keys: [{id: k1, value: \"" + key + "\"}]\nkeys:\n  deny: [my_field]\n  hmac: [user.id]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]string{
		"preset: default":      "version:",
		"policy_file: " + path: "my_field",
		"policy: {version: 1, keys: {deny: [my_field]}}\nhmac_keys: {k1: " + key + "}\ndry_run: true": "my_field",
	} {
		rec := &inspecttest.Recorder{}
		r := lookedAt(t, config, rec)
		a := rec.Calls("Attach")
		if len(a) == 0 {
			t.Fatalf("%s: nothing attached", config)
		}
		s := a[0].Source
		if s.Policy != r.hash || !strings.Contains(s.Text, want) || s.Component != r.id || s.PolicyDryRun != strings.Contains(config, "dry_run") {
			t.Errorf("%s: %+v", config, s)
		}
		if want == "my_field" && !slices.ContainsFunc(s.Rules, func(id string) bool { return strings.Contains(id, "my_field") }) {
			t.Errorf("%s: rules %q", config, s.Rules)
		}
		if rec.Holds(key) != nil {
			t.Errorf("%s: the key is shown: %s", config, s.Text)
		}
		if s.Text != "" && strings.Contains(config, "policy") {
			if _, err := redact.Compile([]byte(strings.ReplaceAll(s.Text, "[hidden]", key))); err != nil {
				t.Errorf("%s: the text is no policy: %v\n%s", config, err, s.Text)
			}
		}
		_ = r.shutdown(context.Background())
		if len(rec.Calls("Detach")) == 0 {
			t.Errorf("%s: not detached", config)
		}
	}
}

// TestInspectedArrived: what is no exchange is counted, and nothing else of it is told.
func TestInspectedArrived(t *testing.T) {
	t.Parallel()
	rec := &inspecttest.Recorder{}
	r := lookedAt(t, "preset: default", rec)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, kind := range []ptrace.SpanKind{ptrace.SpanKindInternal, ptrace.SpanKindInternal, ptrace.SpanKindClient, ptrace.SpanKindUnspecified} {
		s := spans.AppendEmpty()
		s.SetKind(kind)
		s.SetSpanID([8]byte{byte(i + 1)})
	}
	r.mustTraces(t, td)
	got := rec.Calls("Arrived")
	if len(got) != 1 || got[0].Kinds["internal"] != 2 || got[0].Kinds["client without http.request.method"] != 1 || got[0].Kinds["unspecified"] != 1 {
		t.Errorf("%+v", got)
	}
	if len(rec.Calls("Before"))+len(rec.Calls("After")) > 0 {
		t.Error("what is no exchange is shown")
	}
}

// TestInspectorNeverHarms: one that panics costs no span and no redaction; a span whose
// redaction fails is shown as dropped, without a key.
func TestInspectorNeverHarms(t *testing.T) {
	t.Parallel()
	const secret = "ada.lovelace@example.com"
	rec := &inspecttest.Recorder{Block: func() { panic("of the inspector") }}
	r := lookedAt(t, mailPolicy, rec)
	td := ptrace.NewTraces()
	inspectedSpan(td, secret)
	mustNotHold(t, tracesText(t, r.mustTraces(t, td)), secret)
	if td.SpanCount() != 1 {
		t.Error("the span is gone")
	}

	rec = &inspecttest.Recorder{}
	r = lookedAt(t, mailPolicy, rec)
	begun := 0
	r.fault = func(value string) {
		if value != onBegin {
			return
		}
		if begun++; begun == 3 { // resource, scope, span
			panic("of the engine")
		}
	}
	td = ptrace.NewTraces()
	inspectedSpan(td, secret)
	if r.mustTraces(t, td); td.SpanCount() != 0 {
		t.Fatal("the span is still there")
	}
	after := rec.Calls("After")
	if len(after) != 1 || len(after[0].Span.Attributes) != 0 || len(after[0].Why) != 1 || after[0].Why[0].Outcome != "panic" {
		t.Errorf("%+v", after)
	}
	if rec.Holds(secret) != nil {
		t.Error("the secret is shown")
	}
}

// TestInspectedPlaces: shown are the spans that are wanted and no others, wherever the redaction
// of a resource, a scope or a span fails.
func TestInspectedPlaces(t *testing.T) {
	t.Parallel()
	wanted := func(k inspect.Key) bool { return k.Span[7]%3 == 0 }
	for fail := range 40 {
		rec := &inspecttest.Recorder{Unwanted: func(k inspect.Key) bool { return !wanted(k) }}
		r := lookedAt(t, mailPolicy, rec)
		begun := 0
		r.fault = func(value string) {
			if value == onBegin {
				if begun++; begun == fail {
					panic("of the engine")
				}
			}
		}
		td, n := ptrace.NewTraces(), byte(0)
		for range 2 {
			rs := td.ResourceSpans().AppendEmpty()
			for range 3 {
				ss := rs.ScopeSpans().AppendEmpty()
				for range 5 {
					span := ss.Spans().AppendEmpty()
					n++
					span.SetTraceID([16]byte{1})
					span.SetSpanID([8]byte{7: n})
					span.SetKind(ptrace.SpanKindServer)
					span.Attributes().PutStr("http.request.method", "GET")
				}
			}
		}
		r.mustTraces(t, td)
		shown := map[inspect.Key]int{}
		for _, c := range rec.Calls("After") {
			if shown[c.Key]++; !wanted(c.Key) || shown[c.Key] > 1 {
				t.Errorf("failure %d: %x is shown", fail, c.Key)
			}
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if k := (inspect.Key{Trace: span.TraceID(), Span: span.SpanID()}); wanted(k) && shown[k] == 0 {
						t.Errorf("failure %d: %x is not shown", fail, k)
					}
				}
			}
		}
	}
}

// TestInspectorAllocations: none costs nothing, and one that wants nothing does not cost an
// allocation a span.
func TestInspectorAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	measure := func(rec *inspecttest.Recorder) float64 {
		r := redactorFor(t, "preset: default", nil)
		if rec != nil {
			r = lookedAt(t, "preset: default", rec)
		}
		source := benchdata.Batch(1500, true)
		batches := make([]ptrace.Traces, 22)
		for i := range batches {
			batches[i] = ptrace.NewTraces()
			source.CopyTo(batches[i])
		}
		n := 0
		return testing.AllocsPerRun(20, func() { r.mustTraces(t, batches[n]); n++ })
	}
	without := measure(nil)
	with := measure(&inspecttest.Recorder{Unwanted: func(inspect.Key) bool { return true }})
	if with > without+benchdata.Size/4 {
		t.Errorf("%.0f allocations for %d spans with an inspector, %.0f without", with, benchdata.Size, without)
	}
	w := &walker{r: &redactor{}}
	span := ptrace.NewSpan()
	rs := ptrace.NewResourceSpans()
	ex := &redact.Exchange{Method: "GET"}
	if n := testing.AllocsPerRun(100, func() {
		w.lookAt(rs)
		w.lookBefore(span, ex)
		w.lookAfter(span)
		w.lookLost(span)
		w.noteBad("key")
		w.lookEnd(context.Background())
		w.r.watch.attach(nil)
		w.r.watch.detach()
	}); n != 0 {
		t.Errorf("%v allocations without an inspector", n)
	}
}

func BenchmarkInspected(b *testing.B) {
	for name, rec := range map[string]*inspecttest.Recorder{
		"none": nil, "unwanted": {Unwanted: func(inspect.Key) bool { return true }},
	} {
		b.Run(name, func(b *testing.B) {
			r := redactorFor(b, "preset: default", nil)
			if rec != nil {
				r = lookedAt(b, "preset: default", rec)
			}
			benchmark(b, r, 1500, true)
		})
	}
}
