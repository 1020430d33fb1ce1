// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracing is what the options under otelhttp's names say.
type tracing struct {
	delegate bool   // otelhttp makes the spans
	meant    bool   // because the application says so
	foreign  string // the option that makes it so

	tracer           trace.Tracer // nil: from the context of the request
	propagators      propagation.TextMapPropagator
	spanOptions      []trace.SpanStartOption
	spanName         func(operation string, r *http.Request) string
	serverName       string
	filters          []Filter
	publicEndpoint   func(*http.Request) bool
	readEvents       bool
	writeEvents      bool
	clientTrace      func(context.Context) *httptrace.ClientTrace
	metricAttributes func(*http.Request) []attribute.KeyValue
}

// WithOtelhttpSpans lets otelhttp make the spans and metrics of NewHandler,
// NewMiddleware and NewTransport. Without it they are made here if every option
// comes from this package, which costs less: the same spans and metrics in one
// layer instead of three. An option of the package otelhttp has the effect of this
// one, since only otelhttp can read it. See docs/adr/0007-own-spans.md.
func WithOtelhttpSpans() Option {
	return opt(func(s *settings) { s.tracing.delegate, s.tracing.meant = true, true })
}

// newTracer says that the spans are otelhttp's, as they are equal to them: what
// filters spans by their scope must not notice a difference.
func newTracer(p trace.TracerProvider) trace.Tracer {
	return p.Tracer(ScopeName, trace.WithInstrumentationVersion(provenVersion))
}

// withDefaults fills in what otelhttp takes if no option says otherwise.
func withDefaults(t tracing, kind trace.SpanKind) tracing {
	if t.propagators == nil {
		t.propagators = otel.GetTextMapPropagator()
	}
	t.spanOptions = append([]trace.SpanStartOption{trace.WithSpanKind(kind)}, t.spanOptions...)
	return t
}

// accepts asks the filters.
func (t *tracing) accepts(r *http.Request) bool {
	for _, f := range t.filters {
		if !f(r) {
			return false
		}
	}
	return true
}

// tracerFor is the tracer for a request: if none was given, that of the span
// around it, or the global one.
func (t *tracing) tracerFor(ctx context.Context) trace.Tracer {
	if t.tracer != nil {
		return t.tracer
	}
	if span := trace.SpanFromContext(ctx); span.SpanContext().IsValid() {
		return newTracer(span.TracerProvider())
	}
	return newTracer(otel.GetTracerProvider())
}

// labels are what the application adds to the metrics of a request.
func (t *tracing) labels(labeler *Labeler, r *http.Request) []attribute.KeyValue {
	attrs := labeler.Get()
	if t.metricAttributes != nil {
		attrs = append(attrs, t.metricAttributes(r)...)
	}
	return attrs
}

// serverTracing makes the spans and metrics of a server.
type serverTracing struct {
	tracing

	*serverInstruments

	operation string
}

func newServerTracing(t tracing, operation string, p metric.MeterProvider) *serverTracing {
	s := &serverTracing{tracing: withDefaults(t, trace.SpanKindServer), operation: operation}
	if s.spanName == nil {
		s.spanName = func(_ string, r *http.Request) string { return serverSpanName(r) }
	}

	s.serverInstruments = countersOf(p).server()
	return s
}

func handle(err error) {
	if err != nil {
		otel.Handle(err)
	}
}

// start starts the span of a request that arrived at the given time, or when the
// context says that it did.
func (s *serverTracing) start(r *http.Request, arrived time.Time) (context.Context, trace.Span, time.Time) {
	ctx := s.propagators.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	tracer := s.tracerFor(r.Context())

	pooled := attrPool.Get().(*[]attribute.KeyValue)
	attrs := s.requestAttributes(*pooled, r)
	opts := make([]trace.SpanStartOption, 1, len(s.spanOptions)+4)
	opts[0] = trace.WithAttributes(attrs...)
	opts = append(opts, s.spanOptions...)
	if s.publicEndpoint != nil && s.publicEndpoint(r.WithContext(ctx)) {
		opts = append(opts, trace.WithNewRoot())
		if caller := trace.SpanContextFromContext(ctx); caller.IsValid() && caller.IsRemote() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
		}
	}
	if t := StartTimeFromContext(ctx); !t.IsZero() {
		arrived = t
		opts = append(opts, trace.WithTimestamp(t))
	}
	ctx, span := tracer.Start(ctx, s.spanName(s.operation, r), opts...) //nolint:spancheck // the caller ends it
	putAttrs(pooled, attrs)
	return ctx, span, arrived //nolint:spancheck // the caller ends it
}

// measures reports whether anybody wants the metrics.
func (s *serverTracing) measures(ctx context.Context) bool {
	return s.duration.Enabled(ctx) || s.requestSize.Enabled(ctx) || s.responseSize.Enabled(ctx)
}

// served is what was counted of an exchange that has come to its end.
type served struct {
	status        int
	read, written int64 // bytes of the bodies
	announced     int64 // of a request body that was not read to its end
	failed        bool  // the status is an error, which clients say in error.type
}

// spanStatus is the status of a span for that of a response; from says where
// errors begin, which is not the same for servers and clients.
func spanStatus(code, from int) (codes.Code, string) {
	switch {
	case code < 100 || code >= 600:
		return codes.Error, "Invalid HTTP status code " + strconv.Itoa(code)
	case code >= from:
		return codes.Error, ""
	}
	return codes.Unset, ""
}

// measure records the metrics of one exchange.
func (s *serverTracing) measure(ctx context.Context, r *http.Request, arrived time.Time, v served) {
	labeler, _ := LabelerFromContext(ctx)
	set := metric.WithAttributeSet(attribute.NewSet(s.metricSet(s.labels(labeler, r), r, v.status)...))
	s.requestSize.Record(ctx, v.read, set)
	s.responseSize.Record(ctx, v.written, set)
	s.duration.Record(ctx, time.Since(arrived).Seconds(), set)
}
