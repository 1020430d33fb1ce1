// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package otelhttp is httpcapture under the names of
// go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp, its type Transport
// included, which in httpcapture is a function: where code names *otelhttp.Transport,
// change the import path to this one and nothing else. Options of capture are those of
// httpcapture.
package otelhttp

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// The types of otelhttp. Transport is made by NewTransport.
type (
	Transport = httpcapture.ClientTransport
	Option    = httpcapture.Option
	Filter    = httpcapture.Filter
	Event     = httpcapture.Event
	Labeler   = httpcapture.Labeler
)

// The constants of otelhttp.
const (
	ScopeName     = httpcapture.ScopeName
	Version       = httpcapture.Version
	ReadEvents    = httpcapture.ReadEvents
	WriteEvents   = httpcapture.WriteEvents
	ReadBytesKey  = httpcapture.ReadBytesKey
	ReadErrorKey  = httpcapture.ReadErrorKey
	WroteBytesKey = httpcapture.WroteBytesKey
	WriteErrorKey = httpcapture.WriteErrorKey
)

// NewHandler is httpcapture.NewHandler.
func NewHandler(h http.Handler, operation string, opts ...Option) http.Handler {
	return httpcapture.NewHandler(h, operation, opts...)
}

// NewMiddleware is httpcapture.NewMiddleware.
func NewMiddleware(operation string, opts ...Option) func(http.Handler) http.Handler {
	return httpcapture.NewMiddleware(operation, opts...)
}

// NewTransport is httpcapture.NewTransport.
func NewTransport(base http.RoundTripper, opts ...Option) *Transport {
	return httpcapture.NewTransport(base, opts...)
}

// ContextWithLabeler is otelhttp's.
func ContextWithLabeler(parent context.Context, l *Labeler) context.Context {
	return httpcapture.ContextWithLabeler(parent, l)
}

// LabelerFromContext is otelhttp's.
func LabelerFromContext(ctx context.Context) (*Labeler, bool) {
	return httpcapture.LabelerFromContext(ctx)
}

// ContextWithClientLabeler is httpcapture.ContextWithClientLabeler.
func ContextWithClientLabeler(parent context.Context, l *Labeler) context.Context {
	return httpcapture.ContextWithClientLabeler(parent, l)
}

// ClientLabelerFromContext is httpcapture.ClientLabelerFromContext.
func ClientLabelerFromContext(ctx context.Context) (*Labeler, bool) {
	return httpcapture.ClientLabelerFromContext(ctx)
}

// ContextWithStartTime is otelhttp's.
func ContextWithStartTime(parent context.Context, start time.Time) context.Context {
	return httpcapture.ContextWithStartTime(parent, start)
}

// StartTimeFromContext is otelhttp's.
func StartTimeFromContext(ctx context.Context) time.Time {
	return httpcapture.StartTimeFromContext(ctx)
}

// WithTracerProvider is httpcapture.WithTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option { return httpcapture.WithTracerProvider(p) }

// WithMeterProvider is httpcapture.WithMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option { return httpcapture.WithMeterProvider(p) }

// WithPropagators is httpcapture.WithPropagators.
func WithPropagators(p propagation.TextMapPropagator) Option { return httpcapture.WithPropagators(p) }

// WithPublicEndpointFn is httpcapture.WithPublicEndpointFn.
func WithPublicEndpointFn(f func(*http.Request) bool) Option {
	return httpcapture.WithPublicEndpointFn(f)
}

// WithSpanOptions is httpcapture.WithSpanOptions.
func WithSpanOptions(o ...trace.SpanStartOption) Option { return httpcapture.WithSpanOptions(o...) }

// WithFilter is httpcapture.WithFilter.
func WithFilter(f Filter) Option { return httpcapture.WithFilter(f) }

// WithMessageEvents is httpcapture.WithMessageEvents.
func WithMessageEvents(e ...Event) Option { return httpcapture.WithMessageEvents(e...) }

// WithSpanNameFormatter is httpcapture.WithSpanNameFormatter.
func WithSpanNameFormatter(f func(operation string, r *http.Request) string) Option {
	return httpcapture.WithSpanNameFormatter(f)
}

// WithClientTrace is httpcapture.WithClientTrace.
func WithClientTrace(f func(context.Context) *httptrace.ClientTrace) Option {
	return httpcapture.WithClientTrace(f)
}

// WithServerName is httpcapture.WithServerName.
func WithServerName(server string) Option { return httpcapture.WithServerName(server) }

// WithMetricAttributesFn is httpcapture.WithMetricAttributesFn.
//
// Deprecated: use a Labeler, as otelhttp advises.
func WithMetricAttributesFn(f func(*http.Request) []attribute.KeyValue) Option {
	return httpcapture.WithMetricAttributesFn(f)
}
