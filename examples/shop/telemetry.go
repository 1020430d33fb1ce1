// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Limits of the export pipeline. The SDK's defaults are made for spans of one
// kilobyte; a captured exchange has up to two bodies of 16 KiB.
const (
	// A batch of the default 512 spans could hold 16 MiB. An OTLP/gRPC receiver
	// refuses a message above 4 MiB for good and OTLP/HTTP one above 20 MiB,
	// with everything in it. 64 × 2 × 16 KiB = 2 MiB stays below both.
	batchSpans = 64
	// The queue has to hold what is recorded while the Collector restarts: at
	// 500 spans a second 8192 last for 16 s. The price is memory, at worst
	// 8192 × 32 KiB = 256 MiB, usually a tenth of that. A full queue drops.
	queueSpans = 8192
	// A batch is sent at the latest after this time.
	batchDelay = time.Second
	// The SDK gives a batch up when the export with all its retries takes
	// longer. The default 30 s (10 s in the exporter) is shorter than many a
	// restart.
	exportTimeout = time.Minute
)

// newTracerProvider sets the SDK up. The standard variables choose the way:
// OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf or grpc), OTEL_EXPORTER_OTLP_ENDPOINT,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES.
func newTracerProvider(ctx context.Context, counter *exchangeCounter) (*sdktrace.TracerProvider, error) {
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, err
	}
	res, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "shop"),
			attribute.String("service.version", "1.4.0"),
			attribute.String("deployment.environment.name", "demo"),
		),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // last: the environment has the last word
	)
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	limits := sdktrace.NewSpanLimits()
	// 128 by default. All headers of both sides (at most 48 each), the standard
	// attributes and the metadata together can be more, and what is set last,
	// the status code, would be lost.
	limits.AttributeCountLimit = 256
	return sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithRawSpanLimits(limits),
		// Every exchange counts. The default sampler would follow the caller's
		// decision, so a caller that samples 1 % would hide the other 99 %.
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithSpanProcessor(counter),
		sdktrace.WithBatcher(&patientExporter{exporter},
			sdktrace.WithMaxExportBatchSize(batchSpans),
			sdktrace.WithMaxQueueSize(queueSpans),
			sdktrace.WithBatchTimeout(batchDelay),
			sdktrace.WithExportTimeout(exportTimeout),
		),
	), nil
}

func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	protocol := cmp.Or(
		os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
		os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"),
		"http/protobuf")
	// The exporters' default without an endpoint is https://localhost; a
	// Collector on this machine speaks plain HTTP.
	plain := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == ""
	switch protocol {
	case "http/protobuf":
		opts := []otlptracehttp.Option{
			otlptracehttp.WithTimeout(exportTimeout),
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
				Enabled: true, InitialInterval: 200 * time.Millisecond,
				MaxInterval: 5 * time.Second, MaxElapsedTime: exportTimeout,
			}),
		}
		if plain {
			opts = append(opts, otlptracehttp.WithInsecure())
		}
		return otlptracehttp.New(ctx, opts...)
	case "grpc":
		opts := []otlptracegrpc.Option{
			otlptracegrpc.WithTimeout(exportTimeout),
			// The default first retry after 5 s is longer than a restart.
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
				Enabled: true, InitialInterval: 200 * time.Millisecond,
				MaxInterval: 5 * time.Second, MaxElapsedTime: exportTimeout,
			}),
		}
		if plain {
			opts = append(opts, otlptracegrpc.WithInsecure())
		}
		return otlptracegrpc.New(ctx, opts...)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL %q is not supported; use http/protobuf or grpc", protocol)
	}
}

// patientExporter repeats an export that found no connection. The OTLP/HTTP
// exporter retries when the Collector answers 429 or 503, but gives a batch up at
// once when the Collector is not there at all, as during its restart. A batch
// whose connection broke after it was taken is sent twice; events have stable
// ids, so a backend can tell.
type patientExporter struct {
	sdktrace.SpanExporter
}

func (e *patientExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := e.SpanExporter.ExportSpans(ctx, spans)
		var network *net.OpError
		if err == nil || !errors.As(err, &network) && !errors.Is(err, io.EOF) {
			return err
		}
		select {
		case <-ctx.Done(): // the limit is exportTimeout
			return err
		case <-time.After(wait):
		}
	}
}

// exchangeCounter counts the exchanges that were recorded, so that whoever started
// the shop can compare the number with what arrived.
type exchangeCounter struct{ n atomic.Int64 }

var _ sdktrace.SpanProcessor = (*exchangeCounter)(nil)

// OnStart does nothing.
func (*exchangeCounter) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd counts, apart from what httpcapture skips (health checks, OPTIONS).
func (c *exchangeCounter) OnEnd(s sdktrace.ReadOnlySpan) {
	for _, a := range s.Attributes() {
		if a.Key == "apispan.skip" {
			return
		}
	}
	c.n.Add(1)
}

// Shutdown does nothing.
func (*exchangeCounter) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (*exchangeCounter) ForceFlush(context.Context) error { return nil }
