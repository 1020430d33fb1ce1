// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/instrumentation/captureexport"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// Trace 5 % of the requests (here: none, so that the output is always the same),
// analyse all of them. In a program both exporters are OTLP exporters with different
// endpoints: otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(...)).
func Example_traceFiveAnalyseAll() {
	ctx := context.Background()
	analytics, tracing := &printExporter{name: "analytics"}, &printExporter{name: "tracing"}

	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysRecord(
			sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0)), // 0.05
		)),
		sdktrace.WithSpanProcessor(captureexport.NewSpanProcessor(analytics)),
		sdktrace.WithSpanProcessor(captureexport.Strip(sdktrace.NewBatchSpanProcessor(tracing))),
	)
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	server := httptest.NewServer(httpcapture.NewHandler(hello, "shop",
		httpcapture.WithTracerProvider(provider), httpcapture.WithBodies(httpcapture.BodiesAll)))

	for range 3 {
		resp, err := server.Client().Get(server.URL)
		if err != nil {
			panic(err)
		}
		_ = resp.Body.Close()
	}
	server.Close()
	_ = provider.Shutdown(ctx)
	// Output:
	// analytics: 3 spans, weight 1, sampled false
}

// printExporter stands for an OTLP exporter.
type printExporter struct{ name string }

func (e *printExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, kv := range spans[0].Attributes() {
		if kv.Key == "apispan.weight" {
			fmt.Printf("%s: %d spans, weight %d, sampled %v\n",
				e.name, len(spans), kv.Value.AsInt64(), spans[0].SpanContext().IsSampled())
		}
	}
	return nil
}

func (*printExporter) Shutdown(context.Context) error { return nil }

// For a service that would rather be slow for a moment than lose a billing record:
// 256 MiB of queue, 50 ms of patience at the end of a request, and no end of retries.
func ExampleNewSpanProcessor() {
	exporter := tracetest.NewInMemoryExporter()
	processor := captureexport.NewSpanProcessor(exporter,
		captureexport.WithQueueBytes(256<<20),
		captureexport.WithBlocking(50*time.Millisecond),
		captureexport.WithRetry(captureexport.RetryConfig{MaxElapsedTime: -1}),
	)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor))
	// …
	err := provider.Shutdown(context.Background())
	stats := processor.Stats()
	fmt.Println(stats.Received, stats.Exported, stats.Dropped, err)
	// Output: 0 0 map[] <nil>
}

// Header fields stay in the spans of tracing, bodies and identity do not.
func ExampleStrip() {
	tracing := sdktrace.NewBatchSpanProcessor(tracetest.NewInMemoryExporter())
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(captureexport.Strip(tracing, captureexport.WithKeepHeaders())))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	// Output:
}
