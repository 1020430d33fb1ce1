// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package captureexport brings captured HTTP exchanges from the SDK to their own
// OTLP pipeline, and hides what was captured from the tracing pipeline beside it.
//
// NewSpanProcessor makes a span processor that exports only the spans on which
// httpcapture has recorded something, sampled or not. Under sdktrace.AlwaysRecord
// tracing can keep 5 % of the traces while analytics sees every exchange:
//
//	provider := sdktrace.NewTracerProvider(
//		sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.05)))),
//		sdktrace.WithSpanProcessor(captureexport.NewSpanProcessor(analytics)),
//		sdktrace.WithSpanProcessor(captureexport.Strip(sdktrace.NewBatchSpanProcessor(tracing))),
//	)
//
// # Guarantees
//
//   - Memory: what waits and what is being sent stays within WithQueueBytes, counted
//     in bytes, because a span with two bodies is a hundred times a plain one.
//   - A request stays within WithBatchBytes; one span larger than that travels alone,
//     and within WithMaxRequestBytes, for which its bodies are cut and marked.
//   - A batch that the receiver did not take is sent again, with growing pauses, for
//     as long as RetryConfig says. Delivery is at least once: an answer that was lost
//     leads to a repeat, with the same ids.
//   - A span never waits in OnEnd, unless WithBlocking says how long at most.
//   - Every captured span is exported or counted as dropped with one reason: after
//     Shutdown, Stats().Received = Exported + the sum of Dropped.
//   - A panic of the exporter or a callback ends here and is counted.
//   - After Shutdown no goroutine is left, if the exporter heeds its context.
//
// # Which spans
//
// A span is taken if its kind is server or client, it has the attribute
// http.request.method (or the older http.method), and at least one attribute that
// only capture sets: a header field, a body, or a key that begins with "apispan.".
// httpcapture sees to it that an exchange it recorded always has one, if need be
// apispan.captured. Spans with apispan.skip are left out. WithFilter replaces the
// rule.
//
// # Weights
//
// An exchange that is exported whatever the trace sampler decided stands for itself
// alone. So spans leave with apispan.weight = 1, if the application has set no other
// weight, and without the sampling threshold ("th") in the tracestate, which is that
// of the trace and would make the reader multiply. Its other fields stay. A sampler
// in the Collector may set a threshold anew. If the provider's sampler is not wrapped
// in sdktrace.AlwaysRecord, unsampled exchanges never get here: WithSampledOnly says
// so, and then weights stay as they are.
//
// # What it does not do
//
// It does not write to disk: kill -9 loses what is in the queue. It does not
// redact; that is httpcapture.WithPolicy, or the http_redaction processor. It has no
// protocol of its own; any sdktrace.SpanExporter will do.
//
// # Metrics
//
// On the global MeterProvider or that of WithMeterProvider, brought up to date at
// least once per WithFlushInterval while nothing hangs: apispan.captureexport.exported,
// .dropped (attribute reason), .retries, .bodies.cut, and the gauge .queue.size in
// bytes. Reasons: queue_full, too_large, rejected, retry_timeout, exporter_panic,
// filter_panic, shutdown. Drops are reported to otel.Handle too, at most once a
// minute, without any content.
package captureexport
