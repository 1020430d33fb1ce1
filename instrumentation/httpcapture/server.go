// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"io"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/codes"
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
	cfg.sayDelegation()
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
	if (r.Body == nil || r.Body == http.NoBody) && switchedStatus(r) == 0 && !trace.SpanFromContext(r.Context()).IsRecording() {
		// No body to protect, and no span of somebody else to confuse with otelhttp's: if
		// the span is not sampled, nothing at all has been added.
		o.traced.ServeHTTP(w, r)
		return
	}
	n := &node{Context: r.Context(), owner: o.inner, orig: r}
	n.provideLabeler()
	n.outer = r.WithContext(n)
	if switchedStatus(r) != 0 {
		n.shield = &serverExchange{}
		n.shield.w, n.shield.r = w, r
		w = writerWith(n.shield, optionals(w))
	}
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
	if n != nil {
		defer giveBack(ctx, n.orig, r, r.Body)
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() || !h.dropIn && !spanKindIs(span, trace.SpanKindServer) {
		h.pass(w, r, n)
		return
	}
	outside := captureOutside(ctx, serverSide, r)
	if outside != nil && outside.span == span {
		h.pass(w, r, n)
		return
	}
	if outside != nil || h.cfg.skipsRequest(r) {
		h.cfg.markSkipped(span, r)
		h.pass(w, r, n)
		return
	}
	h.serve(w, r, span, n)
}

// pass hands on an exchange that is not recorded. The request may be a copy that otelhttp
// has made and that nobody gives back, so the files of a form are removed here.
func (h *inner) pass(w http.ResponseWriter, r *http.Request, n *node) {
	if n == nil {
		form := r.MultipartForm
		defer func() {
			if r.MultipartForm != form && r.MultipartForm != nil {
				removeFiles(r)
			}
		}()
	}
	h.next.ServeHTTP(w, r)
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
		n = &c.node
		n.Context = r.Context()
		if h.dropIn {
			*r = *r.WithContext(n) // otelhttp's own copy, where it looks for pattern and path values
		} else {
			// The mux will write the pattern on our copy of the request, and whoever made the
			// span reads it from his.
			theirs := r
			r = r.WithContext(n)
			defer func() {
				if giveBack(n, theirs, c.r, theirs.Body) {
					removeFiles(theirs)
				}
			}()
		}
	} else {
		c.orig, c.shield = n.orig, n.shield
	}
	n.rec = &c.record
	c.r, c.guest = r, !h.dropIn && scopeOf(span) != ScopeName
	c.capture(h.cfg, span)
	c.wrapBody()
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
	var thrown any
	if !c.returned {
		thrown = recover() // end is deferred itself
	}
	status, seen := c.finalStatus(thrown)
	o := outcome{r: c.r, status: status, failed: !c.returned, hijacked: c.taken.Load(), short: !c.returned}
	c.mu.Lock()
	copied := c.copied
	if c.route != "" {
		c.r.Pattern = c.route // where tracing looks for it, too
	}
	c.mu.Unlock()
	if copied && c.r.Method != http.MethodHead {
		o.resSize = c.res.total()
	}
	o.ended = c.returned && !o.hijacked
	switch {
	case c.tracing != nil:
		o.served = c.served(seen)
	case !c.returned:
		o.served.status = seen // otelhttp does not say it after a panic
	}
	if c.cfg != nil {
		if c.cfg.anyCallback() {
			o.header = c.sent()
		}
		if c.body != nil {
			c.planRequest() // if nobody read it, it is recorded as incomplete
		}
		if o.served.announced = c.unread(); c.tracing == nil {
			o.reqSize, o.served.announced = o.served.announced, 0
		}
		c.finish(&o)
	}
	switch {
	case c.tracing != nil:
		c.endTracing(&o.served)
	case !c.returned && c.span != nil:
		c.span.SetStatus(codes.Error, "")
	case o.hijacked && c.shield != nil && !c.wrote.Load():
		c.shield.shut = true
		c.w.WriteHeader(status) // to otelhttp, and no further
	}
	if thrown != nil {
		panic(thrown) //nolint:forbidigo // the handler's own, on its way
	}
}

// finalStatus is the status of the response, as callbacks see it: 0 if unknown; and
// as the span and the metrics do, for which otelhttp takes 200 to be meant where
// nothing was said.
func (c *serverCore) finalStatus(thrown any) (status, seen int) {
	switch {
	case c.wrote.Load():
	case c.taken.Load():
		if status = switchedStatus(c.r); status == 0 {
			return 0, http.StatusOK
		}
		return status, status
	case c.returned: // net/http answers 200 with an empty body
		c.header(http.StatusOK)
	case thrown != nil && thrown != http.ErrAbortHandler: //nolint:errorlint // as net/http compares it
		// Whoever recovers a panic outside answers this. Without that, or told to abort,
		// the server answers nothing.
		return http.StatusInternalServerError, http.StatusInternalServerError
	default:
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.status
}

// switchedStatus is the status that whoever takes over the connection of such a
// request writes by hand: the answer to Upgrade or CONNECT. It is 0 for others.
func switchedStatus(r *http.Request) int {
	switch {
	case r.Method == http.MethodConnect:
		return http.StatusOK
	case len(r.Header["Upgrade"]) > 0:
		return http.StatusSwitchingProtocols
	}
	return 0
}

// unread is the length of a request body that nobody has read to its end, as the
// client announced it, or 0.
func (c *serverCore) unread() int64 {
	if n := c.r.ContentLength; n > 0 && c.body != nil && c.req.total() < n {
		return n
	}
	return 0
}

// removeFiles removes the temporary files of a form when the request is over, as
// net/http does: it looks for them on its own request, and r may be a copy of it that
// nobody gives back.
func removeFiles(r *http.Request) {
	form := r.MultipartForm
	context.AfterFunc(r.Context(), func() { _ = form.RemoveAll() })
}
