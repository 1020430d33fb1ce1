// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/captureexport"
)

// TestFirstFailure: the first export that fails says why and where, without a word of
// what the receiver wrote; Shutdown says what was left.
func TestFirstFailure(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "secret-of-the-receiver", http.StatusServiceUnavailable)
	}))
	defer refusing.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tc := range map[string]struct{ url, says string }{
		"nobody listens": {gone.URL, "connection refused"},
		"503":            {refusing.URL, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var said []string
			otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, err.Error())
			}))
			exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(tc.url+"/v1/traces?key=secret-of-ours"),
				otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
			if err != nil {
				t.Fatal(err)
			}
			p := captureexport.NewSpanProcessor(exporter, captureexport.WithFlushInterval(10*time.Millisecond))
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p))
			for range 3 {
				_, span := provider.Tracer("t").Start(context.Background(), "x", trace.WithSpanKind(trace.SpanKindServer),
					trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.Bool("apispan.captured", true)))
				span.End()
			}
			all := ""
			for range 500 {
				mu.Lock()
				all = strings.Join(said, "\n")
				mu.Unlock()
				if all != "" {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if !strings.Contains(all, tc.says) || !strings.Contains(all, strings.TrimPrefix(tc.url, "http://")) || strings.Contains(all, "secret") {
				t.Errorf("said: %s", all)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := p.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "3 captured spans were left") {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}
