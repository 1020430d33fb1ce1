// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TestBooksClose: whatever exporters, queues and callers do, at the end sent =
// exported + dropped.
func TestBooksClose(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	for round := range 30 {
		var exported atomic.Int64
		opts := []Option{
			nil, WithQueueBytes(int64(1_000 + rnd.IntN(200_000))), WithBatchBytes(500 + rnd.IntN(20_000)),
			WithMaxRequestBytes(rnd.IntN(30_000)), WithBatchCount(1 + rnd.IntN(40)), WithFlushInterval(time.Duration(1+rnd.IntN(5)) * time.Millisecond),
			WithRetry(RetryConfig{
				Disabled: rnd.IntN(4) == 0, InitialInterval: 1, MaxInterval: 1,
				MaxElapsedTime: time.Duration(1+rnd.IntN(20)) * time.Millisecond,
			}),
		}
		if rnd.IntN(2) == 0 {
			opts = append(opts, WithBlocking(time.Duration(rnd.IntN(4))*time.Millisecond))
		}
		fault := rnd.IntN(6)
		e := &fakeExporter{}
		e.answer = func(call int, spans []sdktrace.ReadOnlySpan) error {
			defer clear(spans) // it may do with its slice what it likes
			switch {
			case fault == 1 && call%3 == 0, fault == 2 && call < 4:
				return errPassing
			case fault == 3 && call%2 == 0:
				panic("exporter")
			case fault == 4 && len(spans) > 3:
				return errors.New("request message too large: exceeded 1 bytes")
			case fault == 5 && call%2 == 0:
				k := int64(len(spans) / 2)
				exported.Add(int64(len(spans)) - k)
				return errors.New("x: OTLP partial success: a\nb (" + attribute.Int64Value(k).String() + " spans rejected)")
			}
			exported.Add(int64(len(spans)))
			return nil
		}
		p := started(t, e, opts...)
		tp := provider(t, p)
		const callers, each = 4, 100
		var wg sync.WaitGroup
		for c := range callers {
			sizes := make([]int, each)
			for i := range sizes {
				sizes[i] = rnd.IntN(1 << rnd.IntN(16))
			}
			wg.Go(func() {
				for i, n := range sizes {
					exchange(tp, n)
					switch {
					case c == 0 && i == each/2:
						ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
						_ = p.ForceFlush(ctx)
						cancel()
					case c == 1 && i == each-5 && round%3 == 0:
						_ = p.Shutdown(t.Context())
					}
				}
			})
		}
		wg.Wait()
		_ = p.Shutdown(t.Context())
		checkBooks(t, p, callers*each)
		if s := p.Stats(); s.Exported != exported.Load() {
			t.Errorf("fault %d: exported %d, the exporter says %d", fault, s.Exported, exported.Load())
		}
		if e.down != 1 {
			t.Errorf("the exporter was shut down %d times", e.down)
		}
	}
}

func TestQueueSheds(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{block: make(chan struct{})}
	p := started(t, e, WithQueueBytes(100_000))
	tp := provider(t, p)
	for range 20 {
		exchange(tp, 10_000)
	}
	s := p.Stats()
	if s.Dropped["queue_full"] < 10 || s.Dropped["queue_full"] > 12 || s.QueueBytes > 100_000 || s.QueueBytes < 80_000 {
		t.Errorf("%+v", s)
	}
	exchange(tp, 200_000) // can never fit
	if s := p.Stats(); s.Dropped["too_large"] != 1 {
		t.Errorf("%+v", s)
	}
	close(e.block)
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	checkBooks(t, p, 21)
}

func TestBlocking(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{block: make(chan struct{})}
	p := started(t, e, WithQueueBytes(50_000), WithBlocking(patience))
	tp := provider(t, p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			exchange(tp, 10_000)
		}
	}()
	eventually(t, "an export", func() bool { return e.count() > 0 })
	select {
	case <-done:
		t.Fatal("200 kB went into a queue of 50 kB")
	case <-time.After(20 * time.Millisecond):
	}
	close(e.block)
	<-done
	_ = p.Shutdown(t.Context())
	checkBooks(t, p, 20)
	if s := p.Stats(); s.Exported != 20 {
		t.Errorf("%+v", s)
	}
}

func TestBlockingEnds(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{block: make(chan struct{})}
	p := started(t, e, WithQueueBytes(15_000), WithBlocking(30*time.Millisecond))
	tp := provider(t, p)
	exchange(tp, 10_000)
	begin := time.Now()
	exchange(tp, 10_000)
	if d := time.Since(begin); d < 30*time.Millisecond || d > patience/2 {
		t.Errorf("waited %v", d)
	}
	if s := p.Stats(); s.Dropped["queue_full"] != 1 {
		t.Errorf("%+v", s)
	}
	// Shutdown frees those who wait.
	q := started(t, &fakeExporter{block: make(chan struct{})}, WithQueueBytes(15_000), WithBlocking(time.Hour))
	tq := provider(t, q)
	done := make(chan struct{})
	go func() {
		defer close(done)
		exchange(tq, 10_000)
		exchange(tq, 10_000)
	}()
	eventually(t, "both have come", func() bool { return q.Stats().Received == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_ = q.Shutdown(ctx)
	<-done
	checkBooks(t, q, 2)
}

// TestRetryPauses: no hot loop, whatever the settings.
func TestRetryPauses(t *testing.T) {
	t.Parallel()
	e := &fakeExporter{answer: func(int, []sdktrace.ReadOnlySpan) error { return errPassing }}
	p := started(t, e, WithFlushInterval(time.Millisecond), WithRetry(RetryConfig{
		InitialInterval: 1, MaxInterval: 1, MaxElapsedTime: 50 * time.Millisecond,
	}))
	exchange(provider(t, p), 10)
	eventually(t, "it gives up", func() bool { return p.Stats().Dropped["retry_timeout"] == 1 })
	if n := e.count(); n < 2 || n > 60 {
		t.Errorf("%d attempts in 50 ms", n)
	}
	for d := time.Duration(1); d < time.Hour; d *= 7 {
		if j := jitter(d); j < minRetryInterval || d > 10*time.Millisecond && (j < d*4/5 || j > d*6/5+1) {
			t.Errorf("jitter of %v: %v", d, j)
		}
	}
}

// TestStuckExporter heeds no context. The application must not notice.
func TestStuckExporter(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	e := &fakeExporter{answer: func(int, []sdktrace.ReadOnlySpan) error { <-release; return nil }}
	p := started(t, e, WithFlushInterval(time.Millisecond), WithExportTimeout(time.Millisecond))
	tp := provider(t, p)
	exchange(tp, 10)
	eventually(t, "an export", func() bool { return e.count() > 0 })
	begin := time.Now()
	if err := p.ForceFlush(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	if err := p.Shutdown(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if d := time.Since(begin); d > patience/2 {
		t.Errorf("took %v", d)
	}
	close(release)
	<-p.stopped
	checkBooks(t, p, 1)
}

func TestPanickingCallbacks(t *testing.T) {
	t.Parallel()
	p := started(t, &fakeExporter{}, WithFilter(func(s sdktrace.ReadOnlySpan) bool {
		if s.SpanKind() == trace.SpanKindServer {
			panic("filter")
		}
		return true
	}))
	tp := provider(t, p)
	exchange(tp, 10)
	_, span := tp.Tracer("t").Start(t.Context(), "internal")
	span.End()
	_ = p.Shutdown(t.Context())
	checkBooks(t, p, 2)
	if s := p.Stats(); s.Dropped["filter_panic"] != 1 || s.Exported != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNilExporter(t *testing.T) {
	t.Parallel()
	p := NewSpanProcessor(nil)
	exchange(provider(t, p), 10)
	p.OnEnd(nil)
	if err := errors.Join(p.ForceFlush(t.Context()), p.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	checkBooks(t, p, 1)
}

// TestMetrics compares the counters with the books.
func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	e := &fakeExporter{answer: func(call int, _ []sdktrace.ReadOnlySpan) error {
		if call == 1 {
			return errPassing
		}
		return nil
	}}
	p := started(t, e, WithMeterProvider(mp), WithBatchBytes(1), WithMaxRequestBytes(2_000), WithFlushInterval(time.Millisecond),
		WithRetry(RetryConfig{InitialInterval: 1}))
	tp := provider(t, p)
	exchange(tp, 10)
	exchange(tp, 5_000)
	exchange(tp, 10, attribute.String("apispan.metadata.m", strings.Repeat("x", 5_000)))
	_ = p.ForceFlush(t.Context())
	_ = p.Shutdown(t.Context())
	exchange(tp, 10)
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, dp := range d.DataPoints {
				r, _ := dp.Attributes.Value("reason")
				got[strings.TrimSuffix(m.Name+"."+r.AsString(), ".")] = dp.Value
			}
		case metricdata.Gauge[int64]:
			got[m.Name] = d.DataPoints[0].Value
		}
	}
	for name, want := range map[string]int64{
		"apispan.captureexport.exported": 2, "apispan.captureexport.retries": 1, "apispan.captureexport.bodies.cut": 1,
		"apispan.captureexport.dropped.too_large": 1, "apispan.captureexport.dropped.shutdown": 1, "apispan.captureexport.queue.size": 0,
	} {
		if got[name] != want {
			t.Errorf("%s = %d, want %d; all: %v", name, got[name], want, got)
		}
	}
}

func BenchmarkOnEnd(b *testing.B) {
	var captured, plain sdktrace.ReadOnlySpan
	var ended []sdktrace.ReadOnlySpan
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(collect{&ended}))
	headers := func() (kvs []attribute.KeyValue) {
		for i := range 12 {
			kvs = append(kvs, attribute.StringSlice("http.request.header.h"+string(rune('a'+i)), []string{"some value"}))
		}
		return kvs
	}
	exchange(tp, 2_000, headers()...)
	_, span := tp.Tracer("t").Start(context.Background(), "SELECT", trace.WithAttributes(attribute.String("db.system", "x")))
	span.End()
	captured, plain = ended[0], ended[1]
	for name, s := range map[string]sdktrace.ReadOnlySpan{"captured": captured, "plain": plain} {
		processors := map[string]func() sdktrace.SpanProcessor{
			"ours": func() sdktrace.SpanProcessor { return NewSpanProcessor(fakeNothing{}, WithQueueBytes(1<<30)) },
			// The rival; with its default queue it would drop most, which costs nothing.
			"batch": func() sdktrace.SpanProcessor {
				return sdktrace.NewBatchSpanProcessor(fakeNothing{}, sdktrace.WithMaxQueueSize(1<<20))
			},
		}
		for who, start := range processors {
			b.Run(name+"/"+who, func(b *testing.B) {
				p := start()
				b.ReportAllocs()
				for b.Loop() {
					p.OnEnd(s)
				}
				b.StopTimer()
				_ = p.Shutdown(context.Background())
			})
		}
		b.Run(name+"/strip", func(b *testing.B) {
			p := Strip(collectNothing{})
			b.ReportAllocs()
			for b.Loop() {
				p.OnEnd(s)
			}
		})
	}
}

type fakeNothing struct{}

func (fakeNothing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (fakeNothing) Shutdown(context.Context) error                             { return nil }

type collectNothing struct{ sdktrace.SpanProcessor }

func (collectNothing) OnEnd(sdktrace.ReadOnlySpan) {}
