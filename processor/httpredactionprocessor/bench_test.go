// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

const batchSize = 32

// benchPolicies: the default keys alone, and the whole default policy, which has
// value detectors too.
var benchPolicies = map[string]string{
	"keys":      keysOnly(),
	"detectors": "preset: default",
}

func keysOnly() string {
	keys, _ := redact.DefaultKeys()
	return "policy: {version: 1, defaults: false, keys: {deny: ['" + strings.Join(keys, "', '") + "']}}"
}

// benchBatch makes a batch of SERVER spans: 15 attributes of the semantic
// conventions, 10 + 6 header arrays, and two JSON bodies of about bodySize bytes in
// which one key of twenty is denied if hits is set.
func benchBatch(bodySize int, hits bool) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "shop")
	for i := range batchSize {
		span := ss.Spans().AppendEmpty()
		span.SetName("POST /orders")
		span.SetKind(ptrace.SpanKindServer)
		a := span.Attributes()
		a.EnsureCapacity(48)
		benchAttributes(a, i)
		benchHeaders(a, hits)
		a.PutStr(httpattr.RequestBody, benchBody(bodySize, i, hits))
		a.PutStr(httpattr.ResponseBody, benchBody(bodySize, i+batchSize, hits))
	}
	return td
}

func benchAttributes(a pcommon.Map, i int) {
	a.PutStr("http.request.method", "POST")
	a.PutStr("http.route", "/orders")
	a.PutInt("http.response.status_code", 201)
	a.PutStr("server.address", "shop.example")
	a.PutInt("server.port", 443)
	a.PutStr("url.scheme", "https")
	a.PutStr("url.path", "/orders")
	a.PutStr("url.query", "page=2&sort=asc")
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("network.local.address", "10.0.0.7")
	a.PutInt("network.peer.port", int64(40000+i))
	a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
	a.PutInt("http.request.body.size", 1500)
	a.PutInt("http.response.body.size", 1500)
	a.PutStr("network.transport", "tcp")
}

func benchHeaders(a pcommon.Map, hits bool) {
	put := func(side, name, value string) {
		a.PutEmptySlice("http." + side + ".header." + name).AppendEmpty().SetStr(value)
	}
	auth, credential := "x-trace-note", "one of a few words of prose in a header field"
	if hits {
		auth, credential = "authorization", "Bearer 0123456789abcdef0123456789abcdef"
	}
	put("request", "content-type", "application/json")
	put("request", "accept", "application/json, text/plain, */*")
	put("request", "accept-encoding", "gzip, deflate, br")
	put("request", "accept-language", "en-US,en;q=0.9")
	put("request", auth, credential)
	put("request", "host", "shop.example")
	put("request", "user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
	put("request", "x-request-id", "6f1ed002-ab5b-4a1c-8f5e-000000000001")
	put("request", "cache-control", "no-cache")
	put("request", "content-length", "1500")
	put("response", "content-type", "application/json")
	put("response", "cache-control", "no-store")
	put("response", "date", "Fri, 20 Nov 2026 10:00:00 GMT")
	put("response", "etag", "W/x")
	put("response", "server", "shop/1.2")
	put("response", "vary", "Accept-Encoding")
}

// benchBody is an order document.
func benchBody(size, seed int, hits bool) string {
	denied := [...]string{"password", "card_number", "api_key", "session_id"}
	names := [...]string{
		"id", "sku", "title", "quantity", "unit_price", "currency", "warehouse", "status", "carrier", "weight",
		"created_at", "updated_at", "comment", "category", "discount", "tax_rate", "gift", "region", "priority",
	}
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for n := 0; b.Len() < size-8; n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			if i%3 == 0 {
				fmt.Fprintf(&b, `%q:%d`, name, (seed+n)*17+i)
			} else {
				fmt.Fprintf(&b, `%q:"%s value %d"`, name, name, n+i)
			}
			if b.Len() > size-60 {
				break
			}
		}
		if hits {
			fmt.Fprintf(&b, `,%q:"hidden-%d"`, denied[n%len(denied)], seed)
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}`)
	return b.String()
}

func BenchmarkTraces(b *testing.B) {
	for _, policy := range []string{"keys", "detectors"} {
		r := redactorFor(b, benchPolicies[policy], nil)
		for _, size := range []int{1500, 16 << 10} {
			for _, hits := range []bool{true, false} {
				b.Run(fmt.Sprintf("%s/%dB/hits=%v", policy, size, hits), func(b *testing.B) {
					benchmark(b, r, size, hits)
				})
			}
		}
	}
}

func benchmark(b *testing.B, r *redactor, size int, hits bool) {
	source := benchBatch(size, hits)
	// Copies are made ahead, outside the clock, because the processor changes what it
	// is given; few at a time, so that they are still in the CPU's cache, as a batch
	// is that was just decoded.
	const group = 4
	var batches [group]ptrace.Traces
	b.SetBytes(int64((&ptrace.ProtoMarshaler{}).TracesSize(source)))
	b.ReportAllocs()
	var cpu time.Duration
	b.ResetTimer()
	for done := 0; done < b.N; done += group {
		n := min(group, b.N-done)
		b.StopTimer()
		for j := range n {
			batches[j] = ptrace.NewTraces()
			source.CopyTo(batches[j])
		}
		b.StartTimer()
		from := cpuTime()
		for j := range n {
			if _, err := r.processTraces(context.Background(), batches[j]); err != nil {
				b.Fatal(err)
			}
		}
		cpu += cpuTime() - from
	}
	// CPU time, not wall time: the figures then hold on a machine that has other
	// work to do. It includes the garbage collector.
	spans := float64(batchSize) * float64(b.N)
	b.ReportMetric(spans/cpu.Seconds(), "spans/cpu-s")
	b.ReportMetric(float64(cpu.Nanoseconds())/spans, "cpu-ns/span")
}

// TestBenchmarkData keeps the benchmark honest: what it says it measures is there.
func TestBenchmarkData(t *testing.T) {
	t.Parallel()
	for policy, text := range benchPolicies {
		r := redactorFor(t, text, nil)
		hit := r.mustTraces(t, benchBatch(1500, true))
		s := hit.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		if v, _ := s.Attributes().Get(httpattr.RedactionCount); v.Int() < 5 {
			t.Errorf("%s: %d values are redacted in a span of the benchmark", policy, v.Int())
		}
		mustNotHold(t, tracesText(t, hit), "hidden-")
		clean := benchBatch(1500, false)
		want := clean.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(3).Attributes().AsRaw()
		got := r.mustTraces(t, clean).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(3).Attributes()
		if _, ok := got.Get(httpattr.RedactionCount); ok {
			t.Errorf("%s: something is redacted in the batch without hits", policy)
		}
		got.Remove(httpattr.RedactionPolicy)
		if got.Len() != len(want) {
			t.Errorf("%s: %d attributes are left of %d", policy, got.Len(), len(want))
		}
	}
}

// TestNoAllocationsWithoutHits: the walk itself allocates nothing; the stamp is one
// allocation a span, for the attribute value.
func TestNoAllocationsWithoutHits(t *testing.T) {
	for _, policy := range []string{"keys", "detectors"} {
		r := redactorFor(t, benchPolicies[policy], nil)
		td := benchBatch(1500, false)
		r.redactTraces(t.Context(), td) // warm: caches, pools
		n := testing.AllocsPerRun(20, func() { r.redactTraces(t.Context(), td) })
		// One stamp a span; a few allocations a batch belong to metrics and pools.
		if perSpan := (n - 8) / batchSize; perSpan > 1 {
			t.Errorf("%s: %.1f allocations a batch, %.2f a span", policy, n, perSpan)
		}
		w := r.walker()
		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		attrs := span.Attributes()
		attrs.Remove(httpattr.RedactionPolicy)
		if n := testing.AllocsPerRun(50, func() {
			w.begin(w.gather(attrs))
			w.attributes(attrs, placeAttribute)
			w.spanName(span)
		}); n > 0 {
			t.Errorf("%s: the walk of a span without hits makes %.1f allocations", policy, n)
		}
		r.release(t.Context(), w)
	}
}

// BenchmarkFloorUnmarshal decodes the same batch from OTLP, which every Collector
// does once: the measure for what redaction adds.
func BenchmarkFloorUnmarshal(b *testing.B) {
	for _, size := range []int{1500, 16 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(benchBatch(size, true))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			from := cpuTime()
			for b.Loop() {
				if _, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire); err != nil {
					b.Fatal(err)
				}
			}
			spans := float64(batchSize) * float64(b.N)
			b.ReportMetric(spans/(cpuTime()-from).Seconds(), "spans/cpu-s")
		})
	}
}
