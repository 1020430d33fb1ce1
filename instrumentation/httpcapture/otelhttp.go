// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"slices"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Option configures a wrapper. It is otelhttp's own type, so that options of
// both packages mix freely; plain otelhttp accepts ours and ignores them.
type Option = otelhttp.Option

// The rest of otelhttp's surface, so that one import path can be changed for the
// other. See https://pkg.go.dev/go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp.
type (
	// Filter decides whether a request is traced and captured at all.
	Filter = otelhttp.Filter
	// Event is a message event type for WithMessageEvents.
	Event = otelhttp.Event
	// Labeler adds attributes to the metrics of a request.
	Labeler = otelhttp.Labeler
)

// Message event types for WithMessageEvents.
const (
	ReadEvents  = otelhttp.ReadEvents
	WriteEvents = otelhttp.WriteEvents
)

// Attribute keys that otelhttp may add to a span.
const (
	ReadBytesKey  = otelhttp.ReadBytesKey
	ReadErrorKey  = otelhttp.ReadErrorKey
	WroteBytesKey = otelhttp.WroteBytesKey
	WriteErrorKey = otelhttp.WriteErrorKey
)

// ScopeName is the instrumentation scope of the spans, which are otelhttp's.
const ScopeName = otelhttp.ScopeName

// Version is the version of otelhttp in use.
const Version = otelhttp.Version

// ContextWithLabeler forwards to otelhttp.
func ContextWithLabeler(parent context.Context, l *Labeler) context.Context {
	return otelhttp.ContextWithLabeler(parent, l)
}

// LabelerFromContext forwards to otelhttp.
func LabelerFromContext(ctx context.Context) (*Labeler, bool) {
	return otelhttp.LabelerFromContext(ctx)
}

// ContextWithClientLabeler is otelhttp's, as of 0.72: the attributes of the Labeler go to
// the metrics of requests that are sent under the context. With an otelhttp before that,
// servers and clients share one, and it is ContextWithLabeler.
func ContextWithClientLabeler(parent context.Context, l *Labeler) context.Context {
	if clientLabelerKey == nil { // otelhttp did not ask for one
		return ContextWithLabeler(parent, l)
	}
	return context.WithValue(parent, clientLabelerKey, l)
}

// ClientLabelerFromContext is otelhttp's, as of 0.72: the Labeler of the requests that are
// sent under the context. If there is none it returns a new one and false.
func ClientLabelerFromContext(ctx context.Context) (*Labeler, bool) {
	l, ok := ctx.Value(clientLabelerKey).(*Labeler)
	if !ok {
		l = &Labeler{}
	}
	return l, ok
}

// ContextWithStartTime forwards to otelhttp.
func ContextWithStartTime(parent context.Context, start time.Time) context.Context {
	return otelhttp.ContextWithStartTime(parent, start)
}

// StartTimeFromContext forwards to otelhttp.
func StartTimeFromContext(ctx context.Context) time.Time {
	return otelhttp.StartTimeFromContext(ctx)
}

// forward is an option of otelhttp whose value we keep as well, for the case that
// the spans are ours to make.
func forward(o otelhttp.Option, keep func(*tracing)) Option {
	return &option{Option: o, apply: func(s *settings) { keep(&s.tracing) }}
}

// WithTracerProvider forwards to otelhttp.
func WithTracerProvider(p trace.TracerProvider) Option {
	return forward(otelhttp.WithTracerProvider(p), func(t *tracing) {
		if p != nil {
			t.tracer = newTracer(p)
		}
	})
}

// WithMeterProvider forwards to otelhttp and is also where our own counter goes
// (see the package documentation). otelhttp's option of the same name reaches
// only otelhttp's metrics; our counter then uses the global provider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return &option{Option: otelhttp.WithMeterProvider(p), apply: func(s *settings) {
		if p != nil {
			s.meterProvider = p
		}
	}}
}

// WithPropagators forwards to otelhttp.
func WithPropagators(p propagation.TextMapPropagator) Option {
	return forward(otelhttp.WithPropagators(p), func(t *tracing) {
		if p != nil {
			t.propagators = p
		}
	})
}

// WithPublicEndpointFn forwards to otelhttp.
func WithPublicEndpointFn(f func(*http.Request) bool) Option {
	return forward(otelhttp.WithPublicEndpointFn(f), func(t *tracing) { t.publicEndpoint = f })
}

// WithSpanOptions forwards to otelhttp.
func WithSpanOptions(o ...trace.SpanStartOption) Option {
	return forward(otelhttp.WithSpanOptions(o...), func(t *tracing) { t.spanOptions = append(t.spanOptions, o...) })
}

// WithFilter forwards to otelhttp. A request that a filter rejects is neither
// traced nor captured; to keep the span and only leave the capture out, use
// WithSkip or WithSkipRequest.
func WithFilter(f Filter) Option {
	return forward(otelhttp.WithFilter(f), func(t *tracing) { t.filters = append(t.filters, f) })
}

// WithMessageEvents forwards to otelhttp.
func WithMessageEvents(e ...Event) Option {
	return forward(otelhttp.WithMessageEvents(e...), func(t *tracing) {
		t.readEvents = t.readEvents || slices.Contains(e, ReadEvents)
		t.writeEvents = t.writeEvents || slices.Contains(e, WriteEvents)
	})
}

// WithSpanNameFormatter forwards to otelhttp.
func WithSpanNameFormatter(f func(operation string, r *http.Request) string) Option {
	return forward(otelhttp.WithSpanNameFormatter(f), func(t *tracing) { t.spanName = f })
}

// WithClientTrace forwards to otelhttp.
func WithClientTrace(f func(context.Context) *httptrace.ClientTrace) Option {
	return forward(otelhttp.WithClientTrace(f), func(t *tracing) { t.clientTrace = f })
}

// WithServerName forwards to otelhttp.
func WithServerName(server string) Option {
	return forward(otelhttp.WithServerName(server), func(t *tracing) { t.serverName = server })
}

// WithMetricAttributesFn forwards to otelhttp.
//
// Deprecated: use a Labeler, as otelhttp advises.
func WithMetricAttributesFn(f func(*http.Request) []attribute.KeyValue) Option {
	return forward(otelhttp.WithMetricAttributesFn(f), func(t *tracing) { t.metricAttributes = f })
}
