// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestCapture writes bodies in pieces of every size against every kind of limit
// and length, and compares with a plain prefix.
func TestCapture(t *testing.T) {
	t.Parallel()
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte('a' + i%23)
	}
	for _, limit := range []int{1, 100, 8192, 16384, 16385, 40_000, 100_000, 300_000} {
		for _, size := range []int{0, 1, 99, 100, 101, 8191, 8192, 8193, 16384, 16385, 60_000, 200_000} {
			for _, piece := range []int{1, 100, 512, 4096, 32768, 200_000} {
				if piece == 1 && size > 20_000 {
					continue
				}
				for _, announced := range []int64{-1, int64(size), int64(size) + 10} {
					var c capture
					c.start(limit, announced, 1<<40)
					for rest := data[:size]; len(rest) > 0; {
						n := min(piece, len(rest))
						p := bytes.Clone(rest[:n])
						c.add(p, nil)
						clear(p) // the caller may use its buffer again
						rest = rest[n:]
					}
					// Of two ends, the reader's is certain, whatever was announced: net/http
					// says ErrUnexpectedEOF where something is missing.
					read := piece%2 == 0
					if c.ended(); read {
						c.add(nil, io.EOF)
					}
					got := c.finish(true)
					if got.content != string(data[:min(size, limit)]) {
						t.Fatalf("limit %d, size %d, piece %d, announced %d: %d bytes kept", limit, size, piece, announced, len(got.content))
					}
					if got.truncated != (size > limit) || got.seen != int64(size) || got.complete != (read || announced <= int64(size)) {
						t.Fatalf("limit %d, size %d, piece %d, announced %d: %+v", limit, size, piece, announced, got.seen)
					}
					if c.held != 0 {
						t.Fatalf("limit %d, size %d, piece %d: %d bytes of the budget not given back", limit, size, piece, c.held)
					}
				}
			}
		}
	}
	if got := (&capture{}).finish(true); got.on {
		t.Error("a capture that was not started is on")
	}
}

// TestCaptureMemory: an announced length alone costs nothing, and what is held
// stays within the limit, so that the two bodies of a request take no more than
// twice the limit.
func TestCaptureMemory(t *testing.T) {
	t.Parallel()
	var c capture
	c.start(1<<20, 1<<20, 1<<40)
	if cap(c.buf) != 0 {
		t.Error("memory was taken before the first byte")
	}
	c.add([]byte("x"), nil)
	if cap(c.buf) > firstGrow {
		t.Errorf("one byte took %d", cap(c.buf))
	}
	c.finish(false)

	for _, limit := range []int{100, 5000, 8 << 10, 1 << 20} {
		for _, announced := range []int64{-1, 1 << 30} {
			for _, piece := range []int{1, 10, 1000, 20_000} {
				var c capture
				c.start(limit, announced, 1<<40)
				for range 2*limit/piece + 2 {
					c.add(make([]byte, piece), nil)
					if live := cap(c.buf); live > limit || c.held > int64(limit) {
						t.Fatalf("limit %d, pieces of %d, announced %d: capacity %d, held %d", limit, piece, announced, live, c.held)
					}
				}
				if got := c.finish(true); len(got.content) != limit {
					t.Errorf("%d bytes kept", len(got.content))
				}
			}
		}
	}
}

func TestCaptureAfterFinish(t *testing.T) {
	t.Parallel()
	var c capture
	c.start(10, -1, 0)
	c.add([]byte("a"), nil)
	c.finish(true)
	c.add([]byte("b"), io.EOF)
	c.count(3, nil)
	c.start(10, -1, 0)
	if got := c.finish(true); got.on || got.content != "" || got.seen != 0 {
		t.Errorf("%+v", got)
	}
}

func TestMemoryBudget(t *testing.T) {
	// Not parallel: it looks at the budget of the process.
	counted, reader := countingProvider()
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
		WithBodies(BodiesAll), WithMemoryBudget(10), WithMeterProvider(counted))
	span := &fakeSpan{}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("more than ten bytes"))
	r.Header.Set("Content-Type", "text/plain")
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(span.context()))
	if _, ok := span.get("http.request.body.content"); ok {
		t.Error("a body is on the span although there is no memory for it")
	}
	if got := reader(t); got["memory_budget"] != 2 {
		t.Errorf("counted %v, want 2 for memory_budget", got)
	}
	if n := inFlight.Load(); n != 0 {
		t.Errorf("%d bytes in flight at the end", n)
	}
}

// countingProvider returns a MeterProvider and a function that reads our counter.
func countingProvider() (*sdkmetric.MeterProvider, func(testing.TB) map[string]int64) {
	reader := sdkmetric.NewManualReader()
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), func(t testing.TB) map[string]int64 {
		t.Helper()
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name == "apispan.capture.dropped" {
					for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
						v, _ := p.Attributes.Value("reason")
						got[v.AsString()] = p.Value
					}
				}
			}
		}
		return got
	}
}

func TestDropReasons(t *testing.T) {
	t.Parallel()
	counted, read := countingProvider()
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 60 {
			w.Header().Set(fmt.Sprintf("X-%d", i), "v")
			SetMetadata(r.Context(), fmt.Sprint(i), i)
		}
		SetIdentity(r.Context(), Identity{UserID: strings.Repeat("x", 600), CompanyID: "a\xff"})
		w.Header().Set("Content-Encoding", "br")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("really brotli\x00\xff"))
	}), WithBodies(BodiesAll), WithAllHeaders(), WithMeterProvider(counted),
		WithIdentity(func(Exchange) Identity { panic("x") }))
	span := &fakeSpan{}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := range 60 {
		r.Header.Set(fmt.Sprintf("X-%d", i), "v")
	}
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(span.context()))
	want := map[string]int64{
		"header_limit": 12 + 14, "metadata_limit": 36, "identity_limit": 2, "content_coding": 1, "callback_panic": 1,
		"attribute_limit": 15,
	}
	if diff := cmp.Diff(want, read(t)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if n := len(span.attrs); n > 108 {
		t.Errorf("%d attributes set", n)
	}
}
