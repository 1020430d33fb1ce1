// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"io"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
)

// NewHandler is otelhttp.NewHandler with capture: it wraps h in a span and records
// the exchange on it.
func NewHandler(h http.Handler, operation string, opts ...Option) http.Handler {
	return NewMiddleware(operation, opts...)(h)
}

// NewMiddleware is otelhttp.NewMiddleware with capture.
func NewMiddleware(operation string, opts ...Option) func(http.Handler) http.Handler {
	cfg := newConfig(serverSide, opts)
	if cfg.captures() && !cfg.tracing.delegate {
		t := newServerTracing(cfg.tracing, operation, cfg.meterProvider)
		return func(next http.Handler) http.Handler { return &spanServer{tracing: t, cfg: cfg, next: next} }
	}
	if !cfg.captures() {
		return otelhttp.NewMiddleware(operation, append(foreign(opts), markDisabled())...)
	}
	traced := otelhttp.NewMiddleware(operation, foreign(opts)...)
	return func(next http.Handler) http.Handler {
		in := &inner{cfg: cfg, next: next, dropIn: true}
		return &outer{inner: in, traced: traced(in)}
	}
}

// Handler records the exchange on the server span that the context carries
// already, made by otelhttp, otelgin or anything else. Place it directly inside
// that: without a recording server span it only calls h. It costs two or three
// allocations more than NewHandler, and cannot know about a filter of the
// instrumentation outside.
func Handler(h http.Handler, opts ...Option) http.Handler {
	cfg := newConfig(serverSide, opts)
	if !cfg.captures() {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cfg.disable(r, trace.SpanKindServer)
			h.ServeHTTP(w, r)
		})
	}
	cfg.alongside = true
	return &inner{cfg: cfg, next: h}
}

// captures reports whether there is anything to do at all.
func (c *config) captures() bool {
	if c.plan.enabled {
		return true
	}
	for i := range c.routes {
		if c.routes[i].plan.enabled {
			return true
		}
	}
	return false
}

// outer stands before otelhttp. It hands over a copy of the request, because
// otelhttp puts a wrapper on the Body of the request it is given: on the server's
// own request that would hide from net/http what it needs to see when a handler
// answers without reading (Expect: 100-continue, closing of the connection).
type outer struct {
	inner  *inner
	traced http.Handler
}

func (o *outer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if (r.Body == nil || r.Body == http.NoBody) && !trace.SpanFromContext(r.Context()).IsRecording() {
		// No body to protect, and no span of somebody else to confuse with otelhttp's: if
		// the span is not sampled, nothing at all has been added.
		o.traced.ServeHTTP(w, r)
		return
	}
	n := &node{Context: r.Context(), owner: o.inner, orig: r}
	n.provideLabeler()
	n.outer = r.WithContext(n)
	o.traced.ServeHTTP(w, n.outer)
}

// inner stands between the tracing instrumentation and the handler.
type inner struct {
	cfg    *config
	next   http.Handler
	dropIn bool // between our own outer and this there is otelhttp and nothing else
}

func (h *inner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	n, _ := ctx.Value(h).(*node)
	if n != nil && r == n.outer {
		// A filter told otelhttp to keep out, which then passes on what it was given:
		// so do we.
		h.next.ServeHTTP(w, n.orig)
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() || !h.dropIn && !spanKindIs(span, trace.SpanKindServer) {
		h.next.ServeHTTP(w, r)
		return
	}
	outside := captureOutside(ctx, serverSide, r)
	if outside != nil && outside.span == span {
		h.next.ServeHTTP(w, r)
		return
	}
	if outside != nil || h.cfg.skipsRequest(r) {
		h.cfg.markSkipped(span, r)
		h.next.ServeHTTP(w, r)
		return
	}
	h.serve(w, r, span, n)
}

func (h *inner) serve(w http.ResponseWriter, r *http.Request, span trace.Span, n *node) {
	ex := &serverExchange{}
	c := &ex.serverCore
	c.w = w
	if h.dropIn {
		if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
			c.under = u.Unwrap()
		}
	}
	if n == nil {
		// The mux will write the pattern on our copy of the request, and whoever made the
		// span reads it from his.
		n = &c.node
		n.Context = r.Context()
		theirs := r
		r = r.WithContext(n)
		defer func() { theirs.Pattern = c.r.Pattern }()
	}
	n.rec = &c.record
	c.r = r
	c.capture(h.cfg, span)
	if h.cfg.anyBodies && r.Body != nil && r.Body != http.NoBody {
		c.body = r.Body
		r.Body = (*requestBody)(c)
	}
	bits := optionals(w)
	if c.under != nil {
		if _, ok := c.under.(flushErrorer); ok {
			bits |= hasFlushError
		}
		if _, ok := c.under.(io.StringWriter); ok {
			bits |= hasWriteString
		}
	}
	defer c.end()
	h.next.ServeHTTP(writerWith(ex, bits), r)
	c.returned = true
}

// capture begins to record c.r and what is answered to it.
func (c *serverCore) capture(cfg *config, span trace.Span) {
	c.begin(cfg, span, c.r)
	c.mended = cfg.appendMended(c.mendedBuf[:0], c.r, cfg.policy != nil)
	c.optionsCall = cfg.defaultSkips && c.r.Method == http.MethodOptions
	c.statedEventID(c.r.Header)
	if c.eventID != "" {
		c.Header().Set(cfg.eventHeader, cfg.eventPrefix+c.eventID)
	}
}

// end finishes the exchange when the handler returns or panics; the panic goes on.
func (c *serverCore) end() {
	c.mu.Lock()
	o := outcome{r: c.r, status: c.status, failed: !c.returned, hijacked: c.hijacked}
	copied := c.copied
	if c.route != "" {
		c.r.Pattern = c.route // where tracing looks for it, too
	}
	c.mu.Unlock()
	if copied && c.r.Method != http.MethodHead {
		o.resSize = c.res.total()
	}
	switch {
	case o.hijacked:
	case c.returned:
		o.ended = true
		if !c.wrote.Load() { // net/http answers 200 with an empty body
			c.header(http.StatusOK)
			o.status = http.StatusOK
		}
	default:
		o.short = true
	}
	if c.tracing != nil && c.returned {
		o.served = c.served(o.status)
	}
	if c.cfg != nil {
		if c.cfg.anyCallback() {
			o.header = c.sent()
		}
		if c.body != nil {
			c.planRequest() // if nobody read it, it is recorded as incomplete
		}
		c.finish(&o)
	}
	if c.tracing != nil && c.returned {
		c.endTracing(&o.served)
	}
}
