// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// clientTracing makes the spans and metrics of a client.
type clientTracing struct {
	tracing

	*clientInstruments
}

func newClientTracing(t tracing, p metric.MeterProvider) *clientTracing {
	c := &clientTracing{tracing: withDefaults(t, trace.SpanKindClient)}
	if c.spanName == nil {
		c.spanName = func(_ string, r *http.Request) string { return "HTTP " + r.Method }
	}
	c.clientInstruments = countersOf(p).client()
	return c
}

// start starts the span of a request.
func (c *clientTracing) start(r *http.Request) (context.Context, trace.Span) {
	ctx, span := c.tracerFor(r.Context()).Start(r.Context(), c.spanName("", r), c.spanOptions...)
	if c.clientTrace != nil {
		ctx = httptrace.WithClientTrace(ctx, c.clientTrace(ctx))
	}
	return ctx, span
}

// requestAttributes appends what is known of a request before it is sent
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span).
// With mask set the URL loses the credentials in it.
func (*clientTracing) requestAttributes(dst []attribute.KeyValue, r *http.Request, mask bool) []attribute.KeyValue {
	method, original := methodAttributes(r.Method)
	dst = append(dst, method)
	if original {
		dst = append(dst, semconv.HTTPRequestMethodOriginal(r.Method))
	}
	full := ""
	if r.URL != nil {
		u := r.URL
		if u.User != nil {
			bare := *u
			bare.User = nil
			u = &bare
		}
		full = u.String()
		if mask {
			full = maskURL(full)
		}
	}
	host, port := peer(r)
	dst = append(dst, semconv.URLFull(full), semconv.ServerAddress(host))
	if port > 0 {
		dst = append(dst, semconv.ServerPort(port))
	}
	return appendProtocol(dst, r.Proto)
}

func appendProtocol(dst []attribute.KeyValue, proto string) []attribute.KeyValue {
	name, version := protocol(proto)
	if name != "" && name != "http" {
		dst = append(dst, semconv.NetworkProtocolName(name))
	}
	if version != "" {
		dst = append(dst, semconv.NetworkProtocolVersion(version))
	}
	return dst
}

// peer is the server that a request goes to, and its port unless the scheme
// implies it.
func peer(r *http.Request) (host string, port int) {
	scheme := ""
	if r.URL != nil {
		scheme = r.URL.Scheme
		host, port = splitAddress(r.URL.Host)
	}
	if host == "" && port <= 0 {
		host, port = splitAddress(r.Header.Get("Host"))
	}
	if scheme == "https" && port == 443 || scheme != "https" && port == 80 {
		port = 0
	}
	return host, port
}

func (c *clientTracing) measures(ctx context.Context) bool {
	return c.duration.Enabled(ctx) || c.requestSize.Enabled(ctx)
}

// metricSet is what the metrics of a request say of it when its response begins, or has
// failed to: then there is no status.
func (c *clientTracing) metricSet(ctx context.Context, r *http.Request, res *http.Response, err error) metric.MeasurementOption {
	status, proto := 0, r.Proto
	if res != nil && err == nil {
		status = res.StatusCode
	}
	if res != nil && fromResponse && res.Proto != "" {
		proto = res.Proto
	}
	labeler, _ := ClientLabelerFromContext(ctx)
	attrs := c.labels(labeler, r)
	method, _ := methodAttributes(strings.ToUpper(r.Method))
	host, port := peer(r)
	attrs = append(attrs, method, semconv.ServerAddress(host), clientScheme(r))
	if port > 0 {
		attrs = append(attrs, semconv.ServerPort(port))
	}
	name, version := protocol(proto)
	if name != "" {
		attrs = append(attrs, semconv.NetworkProtocolName(name))
	}
	if version != "" {
		attrs = append(attrs, semconv.NetworkProtocolVersion(version))
	}
	if status > 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(status))
	}
	if status == 0 && err != nil {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorTypeName(err)))
	}
	return metric.WithAttributeSet(attribute.NewSet(attrs...))
}

// measuring holds the metrics of a request until they can be recorded: when the response
// begins and, where atClose, the body of the request was closed, since a transport may read
// on after the response has begun.
type measuring struct {
	mu        sync.Mutex
	closed    bool // the body of the last attempt, or there is none
	published bool
	recorded  bool

	took time.Duration
	set  metric.MeasurementOption
}

// publish says what the metrics are, and records them if they are complete.
func (ex *clientExchange) publish(took time.Duration, set metric.MeasurementOption) {
	m := &ex.metrics
	m.mu.Lock()
	m.took, m.set, m.published = took, set, true
	if !atClose || ex.reqBody.ex == nil {
		m.closed = true
	}
	m.mu.Unlock()
	ex.measure()
}

func (ex *clientExchange) sentClosed(closed bool) {
	ex.metrics.mu.Lock()
	ex.metrics.closed = closed
	ex.metrics.mu.Unlock()
}

// measure records the metrics, once and when they are complete.
func (ex *clientExchange) measure() {
	m := &ex.metrics
	m.mu.Lock()
	now := m.published && m.closed && !m.recorded
	m.recorded = m.recorded || now
	m.mu.Unlock()
	if !now {
		return
	}
	ex.tracing.requestSize.Record(&ex.node, ex.sent.Load(), m.set)
	ex.tracing.duration.Record(&ex.node, m.took.Seconds(), m.set)
}

func clientScheme(r *http.Request) attribute.KeyValue {
	if r.URL != nil && r.URL.Scheme != "" {
		return semconv.URLScheme(r.URL.Scheme)
	}
	return scheme(r)
}

// errorTypeName is the type of an error without what it wraps: metrics should have
// few values.
func errorTypeName(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.PkgPath() == "" || t.Name() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}
