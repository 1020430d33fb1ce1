// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

const patience = time.Minute

// collector is a TracerProvider whose finished spans arrive on a channel.
type collector struct {
	*sdktrace.TracerProvider

	ended chan sdktrace.ReadOnlySpan
}

func newCollector(t testing.TB, opts ...sdktrace.TracerProviderOption) *collector {
	t.Helper()
	c := &collector{ended: make(chan sdktrace.ReadOnlySpan, 4096)}
	c.TracerProvider = sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithSpanProcessor(chanProcessor(c.ended)),
	}, opts...)...)
	t.Cleanup(func() { _ = c.Shutdown(context.Background()) })
	return c
}

type chanProcessor chan sdktrace.ReadOnlySpan

func (chanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (p chanProcessor) OnEnd(s sdktrace.ReadOnlySpan)                 { p <- s }
func (chanProcessor) Shutdown(context.Context) error                  { return nil }
func (chanProcessor) ForceFlush(context.Context) error                { return nil }

// span waits for the next span that ends.
func (c *collector) span(t testing.TB) sdktrace.ReadOnlySpan {
	t.Helper()
	select {
	case s := <-c.ended:
		return s
	case <-time.After(patience):
		t.Fatal("no span ended")
		return nil
	}
}

// attrs waits for the next span and returns its attributes.
func (c *collector) attrs(t testing.TB) map[string]any {
	t.Helper()
	return attrMap(c.span(t).Attributes())
}

func (c *collector) none(t testing.TB) {
	t.Helper()
	select {
	case s := <-c.ended:
		t.Fatalf("unexpected span %q", s.Name())
	default:
	}
}

func attrMap(kvs []attribute.KeyValue) map[string]any {
	m := make(map[string]any, len(kvs))
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// want checks single attributes; a nil value means absent, or false, which is what is
// left of a mark that had to be made before it was known.
func want(t testing.TB, got map[string]any, pairs map[string]any) {
	t.Helper()
	for k, v := range pairs {
		g, ok := got[k]
		switch {
		case v == nil && g == false:
		case v == nil && ok:
			t.Errorf("%s = %#v, want it absent", k, g)
		case v != nil && !ok:
			t.Errorf("%s is absent, want %#v", k, v)
		case v != nil && !equal(g, v):
			t.Errorf("%s = %#v, want %#v", k, g, v)
		}
	}
}

func equal(a, b any) bool {
	switch x := a.(type) {
	case []string:
		y, ok := b.([]string)
		return ok && strings.Join(x, "\x00") == strings.Join(y, "\x00") && len(x) == len(y)
	case []byte:
		y, ok := b.([]byte)
		return ok && string(x) == string(y)
	case int64:
		switch y := b.(type) {
		case int:
			return x == int64(y)
		case int64:
			return x == y
		}
		return false
	}
	return a == b
}

// wrapping is one way in.
type wrapping struct {
	name string
	wrap func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler
}

// wrappings are the ways in; what holds for one holds for the others.
var wrappings = []wrapping{
	{"drop-in", func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return httpcapture.NewHandler(h, "op", append(opts, httpcapture.WithTracerProvider(c))...)
	}},
	{"drop-in, otelhttp's spans", func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return httpcapture.NewHandler(h, "op", append(opts, httpcapture.WithTracerProvider(c), httpcapture.WithOtelhttpSpans())...)
	}},
	{"alongside", func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return otelhttp.NewHandler(httpcapture.Handler(h, opts...), "op", otelhttp.WithTracerProvider(c))
	}},
}

// both runs a test for all ways in.
func both(t *testing.T, f func(t *testing.T, w wrapping)) {
	t.Helper()
	for _, w := range wrappings {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f(t, w)
		})
	}
}

func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func serveH2(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func do(t testing.TB, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func newRequest(t testing.TB, method, url, body string, header ...string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

// echo answers with the body of the request and its type.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		w.Header().Set("Content-Type", ct)
	}
	b, _ := io.ReadAll(r.Body)
	_, _ = w.Write(b)
})

// opaque is a span that records and tells nothing.
type opaque struct {
	noop.Span

	got map[string]any
}

func (*opaque) IsRecording() bool { return true }

func (o *opaque) SetAttributes(kvs ...attribute.KeyValue) {
	for _, kv := range kvs {
		o.got[string(kv.Key)] = kv.Value.AsInterface()
	}
}
