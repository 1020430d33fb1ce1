// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"errors"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
)

// ClientTransport is what NewTransport returns. It stands for otelhttp's
// Transport type; Transport is a function here.
type ClientTransport struct {
	traced http.RoundTripper
	base   http.RoundTripper
	inner  *innerTransport // nil if traced is all there is
}

var _ http.RoundTripper = (*ClientTransport)(nil)

// NewTransport is otelhttp.NewTransport with capture. A nil base means
// http.DefaultTransport.
//
// A span ends when the body of the response has been read to its end or is closed,
// whichever comes first, and the exchange is recorded just before.
func NewTransport(base http.RoundTripper, opts ...Option) *ClientTransport {
	if base == nil {
		base = http.DefaultTransport
	}
	cfg := newConfig(clientSide, opts)
	t := &ClientTransport{base: base}
	if cfg.captures() && !cfg.tracing.delegate {
		t.traced = &spanTransport{base: base, cfg: cfg, tracing: newClientTracing(cfg.tracing, cfg.meterProvider)}
		return t
	}
	if !cfg.captures() {
		t.traced = otelhttp.NewTransport(base, append(foreign(opts), markDisabled())...)
		return t
	}
	cfg.sayDelegation()
	t.inner = &innerTransport{base: base, cfg: cfg, owner: t}
	t.traced = otelhttp.NewTransport(t.inner, foreign(opts)...)
	return t
}

// Transport records the exchange on the client span that the context carries
// already. Place it inside what makes the span:
//
//	otelhttp.NewTransport(httpcapture.Transport(http.DefaultTransport))
//
// A nil base means http.DefaultTransport. If the caller closes the body of a
// response before its end, otelhttp has ended the span before anybody inside it
// learns of that, and the body of the response is lost; NewTransport has no such
// gap.
func Transport(base http.RoundTripper, opts ...Option) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	cfg := newConfig(clientSide, opts)
	if !cfg.captures() {
		return &disabledTransport{base: base, cfg: cfg}
	}
	return &innerTransport{base: base, cfg: cfg}
}

// RoundTrip implements http.RoundTripper.
func (t *ClientTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.inner == nil {
		return t.traced.RoundTrip(r)
	}
	// If a filter rejects the request, the span that the inner part finds is that of
	// our caller. Mostly its kind tells; if it does not, the inner part must be able to
	// compare. It also needs what otelhttp's copy of the request hides.
	span := trace.SpanFromContext(r.Context())
	if !span.IsRecording() || !spanKindIs(span, trace.SpanKindClient) {
		span = nil
	}
	if _, known := inMemory(r, r.Body); known && (isSmall(t.base, r) || isUsedUp(r, r.Body)) || span != nil || r.Trailer != nil {
		r = r.WithContext(&node{Context: r.Context(), owner: outerKey{t}, span: span, orig: r})
	}
	res, err := t.traced.RoundTrip(r)
	if err == errNothing { //nolint:errorlint // it is ours, and nobody wraps it
		return nil, nil //nolint:nilnil // as the base did
	}
	if err != nil || res == nil || res.Request == nil {
		return res, err
	}
	if n, ok := res.Request.Context().Value(t).(*node); ok && n.client != nil {
		res.Request = n.client.resRequest
		n.client.wrapOuter(res)
	}
	return res, err
}

// outerKey finds the node of the outer part, as the transport itself finds that of
// the inner part.
type outerKey struct{ t *ClientTransport }

// CloseIdleConnections forwards to the base, if it can. otelhttp's Transport does
// not, so that http.Client.CloseIdleConnections has no effect on it.
func (t *ClientTransport) CloseIdleConnections() { closeIdle(t.base) }

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// disabledTransport leaves exchanges out of everything but tracing.
type disabledTransport struct {
	base http.RoundTripper
	cfg  *config
}

func (t *disabledTransport) CloseIdleConnections() { closeIdle(t.base) }

func (t *disabledTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.cfg.disable(r, trace.SpanKindClient)
	return t.base.RoundTrip(r)
}

// innerTransport stands between the tracing instrumentation and the network.
type innerTransport struct {
	base  http.RoundTripper
	cfg   *config
	owner *ClientTransport // nil alongside
}

func (t *innerTransport) CloseIdleConnections() { closeIdle(t.base) }

func (t *innerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() || !spanKindIs(span, trace.SpanKindClient) {
		return t.base.RoundTrip(r)
	}
	var given *http.Request // to the outer part
	if t.owner != nil {
		if n, ok := ctx.Value(outerKey{t.owner}).(*node); ok {
			if n.span == span {
				return t.base.RoundTrip(r) // filtered: the span is our caller's
			}
			given = n.orig
		}
	}
	outside := captureOutside(ctx, clientSide, r)
	if outside != nil && outside.span == span {
		return t.base.RoundTrip(r)
	}
	if outside != nil || t.cfg.skipsRequest(r) {
		t.cfg.markSkipped(span, r)
		return t.base.RoundTrip(r)
	}

	ex := &clientExchange{}
	ex.begin(t.cfg, span, r)
	ex.node.Context, ex.node.rec, ex.node.client = ctx, &ex.record, ex //nolint:fatcontext // one node per exchange, not a growing chain
	if t.owner != nil {
		ex.node.owner = t.owner
	}
	// The request is not ours to change, so the rest goes on a copy.
	r = r.WithContext(&ex.node)
	ex.r = r
	if given != nil && given.Trailer != nil {
		r.Trailer = given.Trailer // the caller fills it while the body is read, and otelhttp has cloned it
	}
	ex.captureRequest(t.base, given)

	res, err := t.base.RoundTrip(r)
	ex.sentAll(err)
	ex.over()
	if res == nil && err == nil && (t.owner != nil || scopeOf(span) == ScopeName) {
		err = errNothing // otelhttp would panic; the outer part, if there is one, takes it back
	}
	if err != nil || res == nil {
		ex.finish(&outcome{r: r, err: err, failed: true})
		return res, err
	}
	if ex.resRequest = res.Request; t.owner != nil {
		res.Request = r // by which the outer part finds us
	}
	ex.response(res, t.owner)
	return res, nil
}

// errNothing stands for a round trip that gives neither a response nor an error.
var errNothing = errors.New("httpcapture: the RoundTripper gave neither a response nor an error")
