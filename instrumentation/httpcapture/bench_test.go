// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

var ratios = flag.Bool("ratios", false, "measure CPU time against plain otelhttp (takes a minute)")

// benchWriter has net/http's method set and throws everything away.
type benchWriter struct{ h http.Header }

func (w *benchWriter) Header() http.Header               { return w.h }
func (w *benchWriter) Write(p []byte) (int, error)       { return len(p), nil }
func (w *benchWriter) WriteString(s string) (int, error) { return len(s), nil }
func (w *benchWriter) WriteHeader(int)                   {}
func (w *benchWriter) Flush()                            {}
func (w *benchWriter) FlushError() error                 { return nil }
func (w *benchWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}
func (w *benchWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }
func (w *benchWriter) CloseNotify() <-chan bool            { return nil }

// load is one kind of exchange.
type load struct {
	name            string
	request, pieces int // bytes; number of writes of the response
	response        int // bytes a write
	allHeaders      bool
	budget          float64 // allocations on top of otelhttp
	target          float64 // CPU time over otelhttp
	notRecording    bool
	bodies          httpcapture.BodyMode
}

var loads = []load{
	{name: "GET", pieces: 1, response: 200, bodies: httpcapture.BodiesAll, budget: 2, target: 1.25},
	{name: "GET_all_headers", pieces: 1, response: 200, allHeaders: true, bodies: httpcapture.BodiesAll, budget: 3, target: 1.65},
	{name: "POST_1K", request: 1 << 10, pieces: 1, response: 1 << 10, allHeaders: true, bodies: httpcapture.BodiesAll, budget: 3, target: 1.5},
	{name: "POST_64K", request: 64 << 10, pieces: 1, response: 64 << 10, allHeaders: true, bodies: httpcapture.BodiesAll, budget: 3, target: 2.6},
	{name: "stream_1M", pieces: 32, response: 32 << 10, allHeaders: true, bodies: httpcapture.BodiesAll, budget: 3, target: 1.85},
	{name: "headers_only", request: 1 << 10, pieces: 1, response: 1 << 10, budget: 1, target: 1.25},
	{name: "GET_not_recording", pieces: 1, response: 200, allHeaders: true, bodies: httpcapture.BodiesAll, notRecording: true, target: 1.02},
	{name: "POST_1K_not_recording", request: 1 << 10, pieces: 1, response: 1 << 10, allHeaders: true, bodies: httpcapture.BodiesAll, notRecording: true, target: 1.02},
}

func (l *load) handler() http.Handler {
	piece := bytes.Repeat([]byte("y"), l.response)
	buf := make([]byte, 32<<10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Body != nil {
			if _, err := r.Body.Read(buf); err != nil {
				break
			}
		}
		h := w.Header()
		h["Content-Type"] = jsonType
		h["Cache-Control"] = noStore
		h["X-Request-Id"] = noStore
		for range l.pieces {
			_, _ = w.Write(piece)
			if l.pieces > 1 {
				w.(http.Flusher).Flush()
			}
		}
	})
}

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

// run returns a function that serves one request.
func (l *load) run(h http.Handler) func() {
	body := strings.Repeat("x", l.request)
	reader := strings.NewReader(body)
	proto := httptest.NewRequest(http.MethodPost, "/orders/17", nil)
	if l.request == 0 {
		proto.Method = "GET"
	}
	for _, kv := range [][2]string{
		{"User-Agent", "bench/1.0"}, {"Accept", "application/json"}, {"Accept-Encoding", "gzip"}, {"Authorization", "Bearer abc"},
		{"Cookie", "a=b"}, {"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, {"X-Request-Id", "17"},
		{"Origin", "https://shop.example"}, {"Cache-Control", "no-cache"},
	} {
		proto.Header.Set(kv[0], kv[1])
	}
	if l.request > 0 {
		proto.Header.Set("Content-Type", "application/json")
	}
	w := &benchWriter{h: http.Header{}}
	rc := io.NopCloser(reader)
	req := new(http.Request)
	return func() {
		clear(w.h)
		*req = *proto
		if l.request > 0 {
			reader.Reset(body)
			req.Body, req.ContentLength = rc, int64(l.request)
		} else {
			req.Body = http.NoBody
		}
		h.ServeHTTP(w, req)
	}
}

func (l *load) options() []httpcapture.Option {
	opts := []httpcapture.Option{httpcapture.WithBodies(l.bodies)}
	if l.allHeaders {
		opts = append(opts, httpcapture.WithAllHeaders())
	} else {
		opts = append(opts, httpcapture.WithRequestHeaders("Accept", "X-Request-Id"), httpcapture.WithResponseHeaders("Content-Type"))
	}
	return opts
}

func (l *load) otel() []otelhttp.Option {
	sampler := sdktrace.AlwaysSample()
	if l.notRecording {
		sampler = sdktrace.NeverSample()
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(dropProcessor{}))
	return []otelhttp.Option{
		httpcapture.WithTracerProvider(tp), httpcapture.WithMeterProvider(noop.NewMeterProvider()), httpcapture.WithPropagators(propagation.TraceContext{}),
	}
}

type dropProcessor struct{}

func (dropProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (dropProcessor) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (dropProcessor) Shutdown(context.Context) error                  { return nil }
func (dropProcessor) ForceFlush(context.Context) error                { return nil }

// floor sets as many attributes as we do, made beforehand, and copies as much of
// the bodies: what the SDK and the memory cost by themselves.
func (l *load) floor() http.Handler {
	attrs := []attribute.KeyValue{attribute.StringSlice("http.response.header.content-type", jsonType)}
	names := []string{"accept", "x-request-id"}
	if l.allHeaders {
		names = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	}
	for _, n := range names {
		attrs = append(attrs, attribute.StringSlice("http.request.header."+n, noStore))
	}
	next, n := l.handler(), len(attrs)
	in, out := make([]byte, min(l.request, httpcapture.DefaultMaxBodySize)), make([]byte, min(l.response, httpcapture.DefaultMaxBodySize))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		span := trace.SpanFromContext(r.Context())
		if !span.IsRecording() {
			return
		}
		a := attrs[:n]
		if l.bodies != httpcapture.BodiesOff {
			if len(in) > 0 {
				a = append(a, attribute.String("http.request.body.content", string(in)))
			}
			a = append(a, attribute.String("http.response.body.content", string(out)))
		}
		span.SetAttributes(a...)
	})
}

// variants are plain otelhttp, the floor and the ways in.
func (l *load) variants() map[string]func() {
	return map[string]func(){
		"floor":      l.run(otelhttp.NewHandler(l.floor(), "op", l.otel()...)),
		"otelhttp":   l.run(otelhttp.NewHandler(l.handler(), "op", l.otel()...)),
		"drop-in":    l.run(httpcapture.NewHandler(l.handler(), "op", append(l.options(), l.otel()...)...)),
		"delegating": l.run(httpcapture.NewHandler(l.handler(), "op", append(append(l.options(), l.otel()...), httpcapture.WithOtelhttpSpans())...)),
		"alongside":  l.run(otelhttp.NewHandler(httpcapture.Handler(l.handler(), l.options()...), "op", l.otel()...)),
	}
}

var variantNames = []string{"otelhttp", "floor", "drop-in", "delegating", "alongside"}

// BenchmarkServer: go test -run '^$' -bench Server -benchmem ./instrumentation/httpcapture
func BenchmarkServer(b *testing.B) {
	for _, l := range loads {
		v := l.variants()
		for _, name := range variantNames {
			b.Run(l.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					v[name]()
				}
			})
		}
	}
}

// TestServerAllocations holds the wrappers to their budgets. The two more of the
// alongside variant are the copy of the request that carries the context and the
// header, which it has to ask otelhttp's writer for.
func TestServerAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, l := range loads {
		v := l.variants()
		base := testing.AllocsPerRun(200, v["otelhttp"])
		for name, extra := range map[string]float64{"drop-in": l.budget, "delegating": l.budget, "alongside": l.budget + 2} {
			if l.notRecording {
				extra = 0
			}
			got := testing.AllocsPerRun(200, v[name]) - base
			t.Logf("%s/%s: %+.0f allocations on top of %.0f", l.name, name, got, base)
			if got > extra {
				t.Errorf("%s/%s: %+.0f allocations on top of otelhttp, budget is %+.0f", l.name, name, got, extra)
			}
		}
	}
}

// TestStreamMemory: what a stream costs does not grow with its length.
func TestStreamMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	bytesPer := func(pieces int) int64 {
		l := load{pieces: pieces, response: 32 << 10, allHeaders: true, bodies: httpcapture.BodiesAll}
		base := testing.Benchmark(func(b *testing.B) {
			f := l.variants()["otelhttp"]
			for range b.N {
				f()
			}
		})
		ours := testing.Benchmark(func(b *testing.B) {
			f := l.variants()["drop-in"]
			for range b.N {
				f()
			}
		})
		return ours.AllocedBytesPerOp() - base.AllocedBytesPerOp()
	}
	short, long := bytesPer(4), bytesPer(64)
	t.Logf("%d bytes for 128 KB, %d for 2 MB", short, long)
	if long > short+2048 || long > 16<<10 {
		t.Errorf("%d bytes for 128 KB, %d for 2 MB", short, long)
	}
}

// benchBase answers from memory.
type benchBase struct{ response string }

type stringBody struct{ strings.Reader }

func (*stringBody) Close() error { return nil }

func (b benchBase) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		var buf [4096]byte
		for {
			if _, err := r.Body.Read(buf[:]); err != nil {
				break
			}
		}
		r.Body.Close()
	}
	body := &stringBody{}
	body.Reset(b.response)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": jsonType, "Cache-Control": noStore}, Body: body,
		ContentLength: int64(len(b.response)), Request: r}, nil
}

func clientVariants() map[string]func() {
	l := load{allHeaders: true, bodies: httpcapture.BodiesAll}
	text := strings.Repeat("x", 1<<10)
	run := func(rt http.RoundTripper) func() {
		buf := make([]byte, 4096)
		proto, _ := http.NewRequest(http.MethodPost, "http://x.example/orders", nil)
		for i, n := range []string{"Accept", "Authorization", "Content-Type", "Cookie", "X-Request-Id", "Origin", "Accept-Encoding", "Cache-Control"} {
			proto.Header.Set(n, fmt.Sprint("application/json", i))
		}
		proto.Header["Content-Type"] = jsonType
		return func() {
			req := *proto
			body := &stringBody{}
			body.Reset(text)
			req.Body, req.ContentLength = body, int64(len(text))
			res, err := rt.RoundTrip(&req)
			if err != nil {
				panic(err)
			}
			for {
				if _, err := res.Body.Read(buf); err != nil {
					break
				}
			}
			res.Body.Close()
		}
	}
	return map[string]func(){
		"otelhttp": run(otelhttp.NewTransport(benchBase{text}, l.otel()...)),
		"drop-in":  run(httpcapture.NewTransport(benchBase{text}, append(l.options(), l.otel()...)...)),
		"not recording, otelhttp": func() func() {
			l := load{notRecording: true}
			return run(otelhttp.NewTransport(benchBase{text}, l.otel()...))
		}(),
		"not recording, drop-in": func() func() {
			l := load{notRecording: true, allHeaders: true, bodies: httpcapture.BodiesAll}
			return run(httpcapture.NewTransport(benchBase{text}, append(l.options(), l.otel()...)...))
		}(),
	}
}

func BenchmarkClient(b *testing.B) {
	v := clientVariants()
	for _, name := range []string{"otelhttp", "drop-in", "not recording, otelhttp", "not recording, drop-in"} {
		b.Run(strings.ReplaceAll(name, ", ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v[name]()
			}
		})
	}
}

// TestClientAllocations holds the transport to its budget. Four of the eight are
// ours: the exchange, the request that carries the context, two bodies. The other
// four are the SDK's, for more than eight attributes on a span (a longer slice,
// and a map to find duplicates when the span ends).
func TestClientAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	v := clientVariants()
	for _, tc := range []struct {
		base, ours string
		budget     float64
	}{{"otelhttp", "drop-in", 8}, {"not recording, otelhttp", "not recording, drop-in", 0}} {
		base := testing.AllocsPerRun(200, v[tc.base])
		got := testing.AllocsPerRun(200, v[tc.ours]) - base
		t.Logf("%s: %+.0f allocations on top of %.0f", tc.ours, got, base)
		if got > tc.budget {
			t.Errorf("%s: %+.0f allocations on top of otelhttp, budget is %+.0f", tc.ours, got, tc.budget)
		}
	}
}

// TestRatios measures CPU time over plain otelhttp, alternating in short turns so
// that both see the same machine; the median of the paired ratios counts.
//
//	go test -run Ratios -v ./instrumentation/httpcapture -ratios
func TestRatios(t *testing.T) {
	if !*ratios {
		t.Skip("run with -ratios")
	}
	t.Logf("%-28s %10s %10s %8s %8s", "", "base", "ours", "ratio", "target")
	report := func(name string, base, ours func(), target float64) {
		n := 1
		for cpu(base, n) < 20*time.Millisecond {
			n *= 2
		}
		var rs, bs, os []float64
		for range 15 {
			b, o := cpu(base, n), cpu(ours, n)
			rs = append(rs, float64(o)/float64(b))
			bs, os = append(bs, float64(b)/float64(n)), append(os, float64(o)/float64(n))
		}
		t.Logf("%-28s %8.0fns %8.0fns %8.2f %8.2f", name, median(bs), median(os), median(rs), target)
	}
	for _, l := range loads {
		v := l.variants()
		report(l.name, v["otelhttp"], v["drop-in"], l.target)
		report(l.name+" (delegating)", v["otelhttp"], v["delegating"], l.target)
		report(l.name+" (alongside)", v["otelhttp"], v["alongside"], l.target)
		if !l.notRecording {
			report(l.name+" over floor", v["floor"], v["drop-in"], 1)
		}
	}
	v := clientVariants()
	report("client", v["otelhttp"], v["drop-in"], 1.8)
	report("client_not_recording", v["not recording, otelhttp"], v["not recording, drop-in"], 1.02)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func cpu(f func(), n int) time.Duration {
	before := cpuTime()
	for range n {
		f()
	}
	return cpuTime() - before
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
