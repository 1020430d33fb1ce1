// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/benchdata"
	"github.com/apispan/apispan/redact"
)

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
	source := benchdata.Batch(size, hits)
	// Copies are made ahead, outside the clock, because the processor changes what it
	// is given; few at a time, so that they are still in the CPU's cache, as a batch
	// is that was just decoded.
	const group = 4
	var batches [group]ptrace.Traces
	// A Collector at work holds some memory, so that its garbage collector runs now
	// and then; without it, it would run all the time.
	held := make([]byte, 64<<20)
	defer runtime.KeepAlive(held)
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
	spans := float64(benchdata.Size) * float64(b.N)
	b.ReportMetric(spans/cpu.Seconds(), "spans/cpu-s")
	b.ReportMetric(float64(cpu.Nanoseconds())/spans, "cpu-ns/span")
}

// TestBenchmarkData keeps the benchmark honest: what it says it measures is there.
func TestBenchmarkData(t *testing.T) {
	t.Parallel()
	for policy, text := range benchPolicies {
		r := redactorFor(t, text, nil)
		hit := r.mustTraces(t, benchdata.Batch(1500, true))
		s := hit.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		if v, _ := s.Attributes().Get(httpattr.RedactionCount); v.Int() < 5 {
			t.Errorf("%s: %d values are redacted in a span of the benchmark", policy, v.Int())
		}
		mustNotHold(t, tracesText(t, hit), benchdata.Secret)
		clean := benchdata.Batch(1500, false)
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
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	for _, policy := range []string{"keys", "detectors"} {
		r := redactorFor(t, benchPolicies[policy], nil)
		td := benchdata.Batch(1500, false)
		r.redactTraces(t.Context(), td) // warm: caches, pools
		n := testing.AllocsPerRun(20, func() { r.redactTraces(t.Context(), td) })
		// One stamp a span; a few allocations a batch belong to metrics and pools.
		if perSpan := (n - 8) / benchdata.Size; perSpan > 1 {
			t.Errorf("%s: %.1f allocations a batch, %.2f a span", policy, n, perSpan)
		}
		w := r.walker()
		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		span.TraceState().FromRaw("ot=th:8;rv:9b8233f7e3a151,shop=t61rcWkgMzE")
		attrs := span.Attributes()
		attrs.Remove(httpattr.RedactionPolicy)
		if n := testing.AllocsPerRun(50, func() {
			w.begin(w.gather(attrs))
			w.attributes(attrs, placeAttribute)
			w.spanName(span)
			w.traceState(span.TraceState())
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
			wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(benchdata.Batch(size, true))
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
			spans := float64(benchdata.Size) * float64(b.N)
			b.ReportMetric(spans/(cpuTime()-from).Seconds(), "spans/cpu-s")
		})
	}
}
