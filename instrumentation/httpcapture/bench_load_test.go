// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// load is one kind of exchange.
type load struct {
	name            string
	request, pieces int // bytes; number of writes of the response
	response        int // bytes a write
	headers         int // header fields recorded: 0, 3, or all
	bodies          httpcapture.BodyMode
	limit           int // of a body; 0 is the default
	notRecording    bool
	client          bool

	// How much more than plain otelhttp it may be.
	allocs, bytes float64
	cpu           float64
}

const all = -1

var loads = []load{
	{name: "not recording, GET", pieces: 1, response: 200, headers: all, bodies: httpcapture.BodiesAll, notRecording: true, cpu: 1.02},
	{name: "not recording, POST 1K/1K", request: 1 << 10, pieces: 1, response: 1 << 10, headers: all, bodies: httpcapture.BodiesAll, notRecording: true, cpu: 1.02},
	{name: "GET 200 B, bodies", pieces: 1, response: 200, bodies: httpcapture.BodiesAll, allocs: 2, bytes: 2 << 10, cpu: 1.15},
	{name: "GET 200 B, bodies, 3 headers", pieces: 1, response: 200, headers: 3, bodies: httpcapture.BodiesAll, allocs: 2, bytes: 2 << 10, cpu: 1.25},
	{name: "GET 200 B, bodies, all headers", pieces: 1, response: 200, headers: all, bodies: httpcapture.BodiesAll, allocs: 3, bytes: 6 << 10, cpu: 1.65},
	{name: "POST 1K/1K, 3 headers", request: 1 << 10, pieces: 1, response: 1 << 10, headers: 3, allocs: 1, bytes: 2 << 10, cpu: 1.25},
	{name: "POST 1K/1K, bodies, all headers", request: 1 << 10, pieces: 1, response: 1 << 10, headers: all, bodies: httpcapture.BodiesAll, allocs: 3, bytes: 8 << 10, cpu: 1.5},
	{name: "POST 64K/64K, 8K of each, all headers", request: 64 << 10, pieces: 1, response: 64 << 10, headers: all, bodies: httpcapture.BodiesAll, allocs: 4, bytes: 24 << 10, cpu: 2},
	{name: "POST 64K/64K, whole, all headers", request: 64 << 10, pieces: 1, response: 64 << 10, headers: all, bodies: httpcapture.BodiesAll, limit: 64 << 10, allocs: 3, bytes: 138 << 10, cpu: 7},
	{name: "stream 1M, 8K of it, all headers", pieces: 32, response: 32 << 10, headers: all, bodies: httpcapture.BodiesAll, allocs: 2, bytes: 14 << 10, cpu: 1.85},
	{name: "client, not recording", request: 1 << 10, response: 1 << 10, headers: all, bodies: httpcapture.BodiesAll, client: true, notRecording: true, cpu: 1.02},
	{name: "client, POST 1K/1K, bodies, all headers", request: 1 << 10, response: 1 << 10, headers: all, bodies: httpcapture.BodiesAll, client: true, allocs: 8, bytes: 8 << 10, cpu: 1.8},
}

// variants are the ways to serve a load.
func (l *load) variants() map[string]func() {
	if l.client {
		base := benchBase{strings.Repeat("x", l.response)}
		return map[string]func(){
			"otelhttp":   l.send(otelhttp.NewTransport(base, l.otel()...)),
			"drop-in":    l.send(httpcapture.NewTransport(base, append(l.options(), l.otel()...)...)),
			"delegating": l.send(httpcapture.NewTransport(base, append(append(l.options(), l.otel()...), httpcapture.WithOtelhttpSpans())...)),
			"alongside":  l.send(otelhttp.NewTransport(httpcapture.Transport(base, l.options()...), l.otel()...)),
		}
	}
	v := map[string]func(){
		"plain":      l.serve(l.handler()),
		"otelhttp":   l.serve(otelhttp.NewHandler(l.handler(), "op", l.otel()...)),
		"floor":      l.serve(otelhttp.NewHandler(l.floor(), "op", l.otel()...)),
		"drop-in":    l.serve(httpcapture.NewHandler(l.handler(), "op", append(l.options(), l.otel()...)...)),
		"delegating": l.serve(httpcapture.NewHandler(l.handler(), "op", append(append(l.options(), l.otel()...), httpcapture.WithOtelhttpSpans())...)),
		"alongside":  l.serve(otelhttp.NewHandler(httpcapture.Handler(l.handler(), l.options()...), "op", l.otel()...)),
	}
	return v
}

func (l *load) options() []httpcapture.Option {
	opts := []httpcapture.Option{httpcapture.WithBodies(l.bodies), httpcapture.WithMaxBodySize(l.limit)}
	switch l.headers {
	case all:
		opts = append(opts, httpcapture.WithAllHeaders())
	case 3:
		opts = append(opts, httpcapture.WithRequestHeaders("Accept", "X-Request-Id"), httpcapture.WithResponseHeaders("Content-Type"))
	default:
		opts = append(opts, httpcapture.WithRequestHeaders(), httpcapture.WithResponseHeaders())
	}
	return opts
}

// otel are the options for tracing, with a real SDK that throws spans away.
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

// benchWriter has the methods of net/http's writer and throws everything away.
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

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

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

// floor sets as many attributes as we do, made beforehand, and copies as much of
// the bodies: what the SDK and the memory cost by themselves.
func (l *load) floor() http.Handler {
	n := l.headers
	if n == all {
		n = 12
	}
	var attrs []attribute.KeyValue
	for i := range n {
		attrs = append(attrs, attribute.StringSlice(fmt.Sprint("http.request.header.", i), noStore))
	}
	limit := l.limit
	if limit == 0 {
		limit = httpcapture.DefaultMaxBodySize
	}
	next, in, out := l.handler(), make([]byte, min(l.request, limit)), make([]byte, min(l.response, limit))
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

// serve returns a function that serves one request.
func (l *load) serve(h http.Handler) func() {
	body := strings.Repeat("x", l.request)
	reader := strings.NewReader(body)
	proto := httptest.NewRequest(http.MethodPost, "/orders/17", nil)
	if l.request == 0 {
		proto.Method = http.MethodGet
	}
	for _, kv := range [][2]string{
		{"User-Agent", "bench/1.0"}, {"Accept", "application/json"}, {"Accept-Encoding", "gzip"}, {"Authorization", "Bearer abc"},
		{"Cookie", "a=b"}, {"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, {"X-Request-Id", "17"},
		{"Origin", "https://shop.example"}, {"Cache-Control", "no-cache"}, {"Content-Type", "application/json"},
	} {
		proto.Header.Set(kv[0], kv[1])
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

// send returns a function that sends one request and reads the response.
func (l *load) send(rt http.RoundTripper) func() {
	text := strings.Repeat("x", l.request)
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
