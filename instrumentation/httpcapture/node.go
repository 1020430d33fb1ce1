// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"reflect"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Exchange is a request and its response as callbacks see them.
type Exchange struct {
	// Request is the request as the handler got it, or as it was sent. A callback
	// may read its context, method, URL and headers; it must not change anything and
	// not read the body.
	Request *http.Request
	// Outgoing is true on a transport, false on a server.
	Outgoing bool
	// Route is the template that a router chose (http.Request.Pattern without
	// method and host), "" if unknown.
	Route string
	// StatusCode is that of the final response. It is 0 if there was none: the
	// handler panicked before it answered, or the round trip failed.
	StatusCode int
	// ResponseHeader is the header of the response, nil if there was none. It must
	// not be changed.
	ResponseHeader http.Header
	// RequestBody and ResponseBody are what will be recorded of the bodies, content
	// codings removed, before redaction; "" if not recorded.
	RequestBody  string
	ResponseBody string
	// Err is why the round trip failed. Nil on a server.
	Err error
}

// node is our link in the chain of contexts: the way from a handler back to the
// exchange it serves. It is allocated by the outer part of the drop-in server
// wrapper whether or not the span records, and pays for itself by carrying the
// Labeler that otelhttp would otherwise allocate a link for.
type node struct {
	context.Context

	owner   any // the wrapper that made it
	orig    *http.Request
	outer   *http.Request // the copy of orig that otelhttp was given
	shield  *serverExchange
	span    trace.Span // of the context outside a transport
	labeler *otelhttp.Labeler
	sends   bool            // the labeler is a client's
	rec     *record         // nil while nothing is captured
	client  *clientExchange // of a transport

	ownLabeler otelhttp.Labeler
}

type nodeKey struct{}

// labelerKey and clientLabelerKey are the keys under which otelhttp looks for a Labeler.
// They have an unexported type; the way to learn them is to be asked for them. Before 0.72
// a client uses that of servers.
var (
	labelerKey       = learnLabelerKey()
	clientLabelerKey = learnClientLabelerKey()
)

type askedContext struct {
	context.Context

	like reflect.Type // of the keys to remember; nil: all
	key  any
}

func (a *askedContext) Value(key any) any {
	if a.like == nil || reflect.TypeOf(key) == a.like {
		a.key = key
	}
	return nil
}

func learnLabelerKey() any {
	a := &askedContext{Context: context.Background()}
	otelhttp.LabelerFromContext(a)
	return a.key
}

// nowhere is a RoundTripper that sends nothing.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.EOF }

func learnClientLabelerKey() any {
	a := &askedContext{Context: context.Background(), like: reflect.TypeOf(labelerKey)}
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}}).WithContext(a)
	t := otelhttp.NewTransport(nowhere{}, otelhttp.WithTracerProvider(tracenoop.NewTracerProvider()),
		otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()), otelhttp.WithPropagators(propagation.TraceContext{}))
	_, _ = t.RoundTrip(r) //nolint:bodyclose // there is no response
	if a.key == nil {
		return labelerKey
	}
	return a.key
}

func (n *node) Value(key any) any {
	switch key {
	case nodeKey{}:
		return n
	case n.owner:
		return n
	case labelerKey, clientLabelerKey:
		if n.labeler != nil && key == n.labelerKey() {
			return n.labeler
		}
	}
	return n.Context.Value(key)
}

func (n *node) labelerKey() any {
	if n.sends {
		return clientLabelerKey
	}
	return labelerKey
}

// provideLabeler makes the node carry a Labeler, unless an outer context has one.
func (n *node) provideLabeler() {
	if key := n.labelerKey(); key != nil && n.Context.Value(key) == nil {
		n.labeler = &n.ownLabeler
	}
}

// recordFrom returns the exchange that a handler's context belongs to, or nil if
// none is captured. A wrapper that leaves the exchange to one outside it has a node
// without a record.
func recordFrom(ctx context.Context) *record {
	for {
		n, ok := ctx.Value(nodeKey{}).(*node)
		if !ok {
			return nil
		}
		if n.rec != nil {
			return n.rec
		}
		ctx = n.Context //nolint:fatcontext // outwards: the contexts get fewer
	}
}

// captureOutside returns the record of a wrapper outside that captures this very
// exchange already, or nil: of two wrappers around one handler or transport the
// outer one captures, as long as the call lasts. Another request that is served or sent under the same context
// is another exchange.
func captureOutside(ctx context.Context, sd side, r *http.Request) *record {
	rec := recordFrom(ctx)
	if rec == nil || rec.cfg.side != sd || rec.req0 == nil {
		return nil
	}
	if o := rec.req0; o.Method != r.Method || o.RequestURI != r.RequestURI || o.Host != r.Host ||
		o.URL != r.URL && r.RequestURI == "" && (o.URL == nil || r.URL == nil || o.URL.String() != r.URL.String()) {
		return nil
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.finished || rec.answered {
		return nil
	}
	return rec
}

// spanKindIs reports whether a span is of the kind. A span that does not tell
// (it is not the SDK's) passes.
func spanKindIs(s trace.Span, want trace.SpanKind) bool {
	k, ok := s.(interface{ SpanKind() trace.SpanKind })
	return !ok || k.SpanKind() == want
}

// scopeOf is the name of the instrumentation that made a span, or "".
func scopeOf(s trace.Span) string {
	if i, ok := s.(interface {
		InstrumentationScope() instrumentation.Scope
	}); ok {
		return i.InstrumentationScope().Name
	}
	return ""
}
