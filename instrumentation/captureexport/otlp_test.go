// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// eachProtocol runs a test against a real receiver with the SDK's own exporters, in
// their default settings.
func eachProtocol(t *testing.T, test func(t *testing.T, r *receiver, e sdktrace.SpanExporter)) {
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		r := newReceiver(t, false)
		e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(r.addr), otlptracehttp.WithInsecure(),
			otlptracehttp.WithHTTPClient(&http.Client{Transport: newTransport(t)}))
		if err != nil {
			t.Fatal(err)
		}
		test(t, r, e)
	})
	t.Run("grpc", func(t *testing.T) {
		t.Parallel()
		r := newReceiver(t, true)
		e, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(r.addr), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})) // its first pause of 5 s would only make the test long
		if err != nil {
			t.Fatal(err)
		}
		test(t, r, e)
	})
}

func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// TestCollectorRestart stops the receiver in the middle and starts it again: with
// everything about retries in its default, nothing is lost.
func TestCollectorRestart(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *receiver, e sdktrace.SpanExporter) {
		p := started(t, e, WithFlushInterval(10*time.Millisecond), WithBatchCount(64))
		tp := provider(t, p)
		const before, during, after = 200, 1500, 300
		for range before {
			exchange(tp, 1000)
		}
		eventually(t, "the first spans arrive", func() bool { return r.count() > 0 })
		r.stop()
		for range during {
			exchange(tp, 1000)
		}
		eventually(t, "retries", func() bool { return p.Stats().Retries >= 2 })
		r.start(t)
		for range after {
			exchange(tp, 1000)
		}
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.count(); got != before+during+after {
			t.Errorf("%d of %d arrived", got, before+during+after)
		}
		checkBooks(t, p, before+during+after)
	})
}

// TestReceiverLimits sends large exchanges, of which the batch span processor's 512
// would be 12 MB, to a gRPC server with its default limit of 4 MiB.
func TestReceiverLimits(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *receiver, e sdktrace.SpanExporter) {
		p := started(t, e, WithFlushInterval(time.Hour))
		tp := provider(t, p)
		const n = 600
		for i := range n {
			exchange(tp, 12_000+i, attribute.String("http.request.body.content", strings.Repeat("é", 6_000)))
		}
		if err := p.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.count() != n || r.repeats != 0 || r.largest > DefaultBatchBytes || r.requests > 6 {
			t.Errorf("%d spans, %d repeats in %d requests up to %d bytes", r.count(), r.repeats, r.requests, r.largest)
		}
		_ = p.Shutdown(t.Context())
		checkBooks(t, p, n)
	})
}

// TestLargeSpans: above the batch limit alone, above the request limit cut, and what
// cannot be cut dropped.
func TestLargeSpans(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *receiver, e sdktrace.SpanExporter) {
		p := started(t, e, WithFlushInterval(time.Hour))
		tp := provider(t, p)
		const mib = 1 << 20
		exchange(tp, 10)
		exchange(tp, 3*mib+mib/2) // alone, whole
		exchange(tp, 9*mib, attribute.String("http.request.body.content", "kept"))
		exchange(tp, 3*mib, attribute.ByteSlice("http.request.body.content", make([]byte, 3*mib)))
		exchange(tp, 10, attribute.String("apispan.metadata.huge", strings.Repeat("x", 5*mib)))
		exchange(tp, 10)
		_ = p.ForceFlush(t.Context())
		_ = p.Shutdown(t.Context())
		checkBooks(t, p, 6)
		s := p.Stats()
		if s.Exported != 5 || s.Dropped["too_large"] != 1 || s.BodiesCut != 2 || r.count() != 5 || r.largest > DefaultMaxRequestBytes {
			t.Fatalf("%+v, %d arrived, largest %d", s, r.count(), r.largest)
		}
		lengths := map[string]int{}
		for _, sp := range r.spans {
			var res, req int
			mark := ""
			for _, kv := range sp.GetAttributes() {
				switch kv.GetKey() {
				case "http.response.body.content":
					res = len(kv.GetValue().GetStringValue())
				case "http.request.body.content":
					req = len(kv.GetValue().GetStringValue()) + len(kv.GetValue().GetBytesValue())
				case "apispan.request.body.truncated", "apispan.response.body.truncated":
					mark += kv.GetKey()[8:11] + fmt.Sprint(kv.GetValue().GetBoolValue())
				}
			}
			lengths[fmt.Sprintf("%d.%d MiB, %d.%d MiB %s", res/mib, res%mib*10/mib, req/mib, req%mib*10/mib, mark)]++
		}
		// The larger of two bodies is cut first.
		for _, want := range []string{"3.9 MiB, 0.0 MiB restrue", "3.5 MiB, 0.0 MiB ", "0.9 MiB, 3.0 MiB restrue"} {
			if lengths[want] != 1 {
				t.Errorf("no %q in %v", want, lengths)
			}
		}
	})
}

// TestSmallerReceiver has a receiver whose limit is below ours: messages are halved
// until they fit.
func TestSmallerReceiver(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, true)
	e, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(r.addr), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	p := started(t, e, WithFlushInterval(time.Hour), WithBatchBytes(15<<20))
	tp := provider(t, p)
	for range 12 {
		exchange(tp, 1<<20)
	}
	exchange(tp, 5<<20)
	if err := p.ForceFlush(t.Context()); err == nil {
		t.Error("a span was lost, and ForceFlush knows nothing of it")
	}
	_ = p.Shutdown(t.Context())
	checkBooks(t, p, 13)
	if s := p.Stats(); r.count() != 12 || s.Dropped["too_large"] != 1 {
		t.Errorf("%d arrived, %+v", r.count(), s)
	}
}

// TestHTTPAnswers pins the statuses by what becomes of the batch.
func TestHTTPAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer  func(http.ResponseWriter)
		retried bool
		reason  string
	}{
		"400": {func(w http.ResponseWriter) { http.Error(w, "no", http.StatusBadRequest) }, false, "rejected"},
		"401": {func(w http.ResponseWriter) { http.Error(w, "503", http.StatusUnauthorized) }, false, "rejected"},
		"413": {func(w http.ResponseWriter) { http.Error(w, "", http.StatusRequestEntityTooLarge) }, false, "too_large"},
		"429": {func(w http.ResponseWriter) { http.Error(w, "", http.StatusTooManyRequests) }, true, ""},
		"500": {func(w http.ResponseWriter) { http.Error(w, "", http.StatusInternalServerError) }, false, "rejected"},
		"503": {func(w http.ResponseWriter) { http.Error(w, "", http.StatusServiceUnavailable) }, true, ""},
		"cut": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, true, ""},
		"partial": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte("\x0a\x09\x08\x01\x12\x05nope\n")) // rejected_spans 1, error_message
		}, false, "rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, false)
			var calls atomic.Int64
			r.answer = func(w http.ResponseWriter) bool {
				if calls.Add(1) > 1 && tc.retried {
					return false
				}
				tc.answer(w)
				return true
			}
			e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(r.addr), otlptracehttp.WithInsecure(),
				otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}), otlptracehttp.WithHTTPClient(&http.Client{Transport: newTransport(t)}))
			if err != nil {
				t.Fatal(err)
			}
			p := started(t, e, WithRetry(RetryConfig{InitialInterval: time.Millisecond}))
			exchange(provider(t, p), 10)
			_ = p.ForceFlush(t.Context())
			_ = p.Shutdown(t.Context())
			checkBooks(t, p, 1)
			s := p.Stats()
			if tc.retried && (s.Exported != 1 || s.Retries != 1) || !tc.retried && (s.Dropped[tc.reason] != 1 || s.Retries != 0) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestShutdownDuringOutage ends in time and counts what is left.
func TestShutdownDuringOutage(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *receiver, e sdktrace.SpanExporter) {
		r.stop()
		p := started(t, e)
		tp := provider(t, p)
		for range 20 {
			exchange(tp, 100)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := p.Shutdown(ctx); err == nil {
			t.Error("no error")
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
		exchange(tp, 100)
		checkBooks(t, p, 21)
		if s := p.Stats(); s.Dropped["shutdown"] != 21 {
			t.Errorf("%+v", s)
		}
	})
}
