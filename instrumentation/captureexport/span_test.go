// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// everyTwentieth samples by count, and writes the threshold of 5 % as a consistent
// sampler would (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
type everyTwentieth struct{ n *int }

func (s everyTwentieth) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	*s.n++
	ts, _ := trace.SpanContextFromContext(p.ParentContext).TraceState().Insert("ot", "rv:00000000000123;th:f333333333333")
	if *s.n%20 == 1 {
		return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: ts}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop}
}

func (everyTwentieth) Description() string { return "EveryTwentieth" }

// TestTraceFiveAnalyseAll is the wiring of the documentation, over a real server and
// a real receiver: tracing gets 5 % without what was captured, analytics gets all of
// it, each exchange with weight 1.
func TestTraceFiveAnalyseAll(t *testing.T) {
	t.Parallel()
	analytics := newReceiver(t, false)
	e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(analytics.addr), otlptracehttp.WithInsecure(),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: newTransport(t)}))
	if err != nil {
		t.Fatal(err)
	}
	tracing := &fakeExporter{}
	n := 0
	p := started(t, e)
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.ParentBased(everyTwentieth{&n}, sdktrace.WithRemoteParentSampled(everyTwentieth{&n})))),
		sdktrace.WithSpanProcessor(p),
		sdktrace.WithSpanProcessor(Strip(sdktrace.NewSimpleSpanProcessor(tracing))))

	srv := httptest.NewServer(httpcapture.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, inner := tp.Tracer("db").Start(r.Context(), "SELECT")
		inner.End()
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u1"})
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello")
	}), "op", httpcapture.WithTracerProvider(tp), httpcapture.WithBodies(httpcapture.BodiesAll),
		otelhttp.WithPropagators(propagation.TraceContext{})))
	defer srv.Close()
	// The caller was sampled at 25 %, and says so.
	const calls = 100
	for range calls {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/a", strings.NewReader("question"))
		req.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		req.Header.Set("Tracestate", "ot=th:c,other=1")
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	srv.Close() // waits for the handlers
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, p, calls)
	if analytics.count() != calls {
		t.Errorf("analytics got %d of %d", analytics.count(), calls)
	}
	states := map[string]int{}
	sampled := 0
	for _, sp := range analytics.spans {
		states[sp.GetTraceState()]++
		sampled += int(sp.GetFlags() & 1)
		got := map[string]string{}
		for _, kv := range sp.GetAttributes() {
			got[kv.GetKey()] = kv.GetValue().GetStringValue()
			if kv.GetKey() == "apispan.weight" && kv.GetValue().GetIntValue() != 1 {
				t.Errorf("weight %d", kv.GetValue().GetIntValue())
			}
		}
		if _, ok := got["apispan.weight"]; !ok || got["http.response.body.content"] != "hello" || got["http.request.body.content"] != "question" {
			t.Fatalf("%v", got)
		}
	}
	if diff := cmp.Diff(map[string]int{"ot=rv:00000000000123,other=1": 5, "other=1": 95}, states); diff != "" || sampled != 5 {
		t.Errorf("%d sampled; tracestates (-want +got):\n%s", sampled, diff)
	}

	if tracing.count() != 10 { // each with its inner span
		t.Errorf("tracing got %d spans", tracing.count())
	}
	for _, call := range tracing.calls {
		got := attrMap(call[0].Attributes())
		if call[0].SpanKind() != trace.SpanKindServer {
			continue
		}
		for key := range got {
			if strings.HasPrefix(key, "apispan.") || strings.Contains(key, ".header.") || strings.Contains(key, "body.content") || key == "user.id" {
				t.Errorf("tracing sees %s", key)
			}
		}
		if got["http.request.method"] != "POST" || got["http.response.status_code"] != int64(200) {
			t.Errorf("tracing lost its own: %v", got)
		}
		if !strings.Contains(call[0].SpanContext().TraceState().String(), "th:") {
			t.Error("tracing lost the threshold of its sampler")
		}
	}
}

func TestSampledOnly(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{}
	p := started(t, e, WithSampledOnly())
	n := 0
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysRecord(everyTwentieth{&n})), sdktrace.WithSpanProcessor(p))
	for range 20 {
		exchange(tp, 10)
	}
	_ = p.Shutdown(t.Context())
	checkBooks(t, p, 1)
	s := e.last(t)
	if _, ok := attrMap(s.Attributes())["apispan.weight"]; ok || !strings.Contains(s.SpanContext().TraceState().String(), "th:f333333333333") {
		t.Errorf("%v %v", s.Attributes(), s.SpanContext().TraceState())
	}
}

// TestWeightOfTheApplication stays.
func TestWeightOfTheApplication(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{}
	p := started(t, e)
	exchange(provider(t, p), 10, attribute.Int("apispan.weight", 7))
	_ = p.Shutdown(t.Context())
	if got := attrMap(e.last(t).Attributes())["apispan.weight"]; got != int64(7) {
		t.Errorf("weight %v", got)
	}
}

func TestWithoutThreshold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                       "",
		"a=1":                    "a=1",
		"ot=rv:1":                "ot=rv:1",
		"ot=th:c":                "",
		"a=1,ot=th:c,b=2":        "a=1,b=2",
		"a=1,ot=th:c;rv:1;x:th:": "ot=rv:1;x:th:,a=1",
		"ot=rv:1;th:0":           "ot=rv:1",
		"ot=xth:1":               "ot=xth:1",
	} {
		ts, err := trace.ParseTraceState(in)
		if err != nil {
			t.Fatal(err)
		}
		sc := withoutThreshold(trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, TraceState: ts}))
		if got := sc.TraceState().String(); got != want || sc.TraceID() != (trace.TraceID{1}) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestWhichSpans are taken.
func TestWhichSpans(t *testing.T) {
	t.Parallel()
	method := attribute.String("http.request.method", "GET")
	header := attribute.StringSlice("http.request.header.accept", []string{"*/*"})
	for name, tc := range map[string]struct {
		kind  trace.SpanKind
		attrs []attribute.KeyValue
		want  bool
	}{
		"server":     {trace.SpanKindServer, []attribute.KeyValue{method, header}, true},
		"client":     {trace.SpanKindClient, []attribute.KeyValue{header, method}, true},
		"old method": {trace.SpanKindServer, []attribute.KeyValue{attribute.String("http.method", "GET"), header}, true},
		"own key":    {trace.SpanKindServer, []attribute.KeyValue{method, attribute.Bool("apispan.captured", true)}, true},
		"body":       {trace.SpanKindServer, []attribute.KeyValue{method, attribute.String("http.response.body.content", "")}, true},
		"traced":     {trace.SpanKindServer, []attribute.KeyValue{method, attribute.Int("http.response.body.size", 3)}, false},
		"not HTTP":   {trace.SpanKindServer, []attribute.KeyValue{header}, false},
		"internal":   {trace.SpanKindInternal, []attribute.KeyValue{method, header}, false},
		"skipped":    {trace.SpanKindServer, []attribute.KeyValue{method, header, attribute.Bool("apispan.skip", true)}, false},
		"not skip":   {trace.SpanKindServer, []attribute.KeyValue{method, header, attribute.Bool("apispan.skip", false)}, false},
	} {
		if name == "not skip" {
			tc.want = true
		}
		var ended []sdktrace.ReadOnlySpan
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(collect{&ended}))
		_, s := tp.Tracer("t").Start(t.Context(), "s", trace.WithSpanKind(tc.kind), trace.WithAttributes(tc.attrs...))
		s.End()
		if got := captured(ended[0]); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestBareExchange has nothing that capture records: no selected header, no body.
// It is one of the 100 % all the same, on both sides; without capture it is not.
func TestBareExchange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts []httpcapture.Option
		want int64
	}{
		"captured": {nil, 2},
		"disabled": {[]httpcapture.Option{httpcapture.WithEnabled(false)}, 0},
		"skipped":  {[]httpcapture.Option{httpcapture.WithSkip(func(httpcapture.Exchange) bool { return true })}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := started(t, &fakeExporter{})
			tp := provider(t, p)
			opts := append([]httpcapture.Option{
				httpcapture.WithTracerProvider(tp), httpcapture.WithRequestHeaders(), httpcapture.WithResponseHeaders(),
			}, tc.opts...)
			srv := httptest.NewServer(httpcapture.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}), "op", opts...))
			tr := newTransport(t)
			client := &http.Client{Transport: httpcapture.NewTransport(tr, opts...)}
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/", nil)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			tr.CloseIdleConnections()
			srv.Close()
			_ = p.Shutdown(t.Context())
			checkBooks(t, p, tc.want)
		})
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 100)
	attrs := []attribute.KeyValue{
		attribute.String("http.request.method", "GET"),
		attribute.StringSlice("http.request.header.accept", []string{"*/*"}),
		attribute.StringSlice("http.response.header.etag", []string{"1"}),
		attribute.String("http.request.body.content", body),
		attribute.ByteSlice("http.response.body.content", []byte(body)),
		attribute.Int("http.request.body.size", 100),
		attribute.String("apispan.company.id", "c"), attribute.String("apispan.metadata.a", "b"),
		attribute.String("user.id", "u"), attribute.String("session.id", "s"), attribute.String("http.route", "/"),
		attribute.Int("http.response.status_code", 200),
	}
	plain := map[string]any{
		"http.request.method": "GET", "http.request.body.size": int64(100), "http.route": "/", "http.response.status_code": int64(200),
	}
	with := func(more map[string]any) map[string]any {
		m := map[string]any{}
		for _, from := range []map[string]any{plain, more} {
			maps.Copy(m, from)
		}
		return m
	}
	headers := map[string]any{"http.request.header.accept": []string{"*/*"}, "http.response.header.etag": []string{"1"}}
	who := map[string]any{"user.id": "u", "session.id": "s"}
	for name, tc := range map[string]struct {
		opts []StripOption
		want map[string]any
	}{
		"default":  {[]StripOption{nil}, plain},
		"headers":  {[]StripOption{WithKeepHeaders()}, with(headers)},
		"identity": {[]StripOption{WithKeepIdentity()}, with(who)},
		"both":     {[]StripOption{WithKeepHeaders(), WithKeepIdentity()}, with(with(headers))},
	} {
		if name == "both" {
			maps.Copy(tc.want, who)
		}
		var whole, ended []sdktrace.ReadOnlySpan
		limits := sdktrace.NewSpanLimits()
		limits.AttributeCountLimit = len(attrs)
		tp := sdktrace.NewTracerProvider(sdktrace.WithRawSpanLimits(limits), sdktrace.WithSpanProcessor(collect{&whole}),
			sdktrace.WithSpanProcessor(Strip(collect{&ended}, tc.opts...)))
		ctx, parent := tp.Tracer("t").Start(t.Context(), "parent")
		_, s := tp.Tracer("scope").Start(ctx, "name", trace.WithSpanKind(trace.SpanKindServer), trace.WithLinks(trace.Link{}))
		s.SetAttributes(attrs...)
		s.SetAttributes(attribute.Int("too.many", 1))
		s.AddEvent("event")
		s.End()
		parent.SetAttributes(attribute.String("user.id", "stays: nothing was captured here"))
		parent.End()
		if diff := cmp.Diff(tc.want, attrMap(ended[0].Attributes())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		a, b := whole[0], ended[0]
		if a.Name() != b.Name() || !a.SpanContext().Equal(b.SpanContext()) || !a.Parent().Equal(b.Parent()) || a.SpanKind() != b.SpanKind() ||
			!a.StartTime().Equal(b.StartTime()) || !a.EndTime().Equal(b.EndTime()) || len(a.Events()) != len(b.Events()) || len(a.Links()) != len(b.Links()) ||
			a.Status() != b.Status() || a.Resource() != b.Resource() || a.InstrumentationScope().Name != b.InstrumentationScope().Name ||
			b.DroppedAttributes() != 1 || len(a.Attributes()) != len(attrs) {
			t.Errorf("%s: more than attributes changed", name)
		}
		if whole[1] != ended[1] {
			t.Errorf("%s: a span without capture was copied", name)
		}
	}
}

func TestStripCostsNothingWithoutCapture(t *testing.T) {
	var ended []sdktrace.ReadOnlySpan
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(collect{&ended}))
	_, s := tp.Tracer("t").Start(t.Context(), "s", trace.WithAttributes(attribute.String("http.route", "/"), attribute.Bool("user.id", true)))
	s.End()
	p := Strip(collectNothing{})
	if n := testing.AllocsPerRun(100, func() { p.OnEnd(ended[0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	e := NewSpanProcessor(&fakeNothing{})
	if n := testing.AllocsPerRun(100, func() { e.OnEnd(ended[0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestStripHandsOn calls, and has no need of a next.
func TestStripHandsOn(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{}
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(Strip(sdktrace.NewBatchSpanProcessor(e, sdktrace.WithBatchTimeout(time.Hour)))),
		sdktrace.WithSpanProcessor(Strip(nil)))
	exchange(tp, 10)
	if err := tp.ForceFlush(t.Context()); err != nil || e.count() != 1 {
		t.Errorf("%v, %d exports", err, e.count())
	}
	if err := tp.Shutdown(context.Background()); err != nil || e.down != 1 {
		t.Errorf("%v, %d shutdowns", err, e.down)
	}
}
