// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// spanServer makes the span and records the exchange in one layer, where outer,
// otelhttp and inner are three.
type spanServer struct {
	tracing *serverTracing
	cfg     *config
	next    http.Handler
}

func (s *spanServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	if !s.tracing.accepts(r) {
		s.next.ServeHTTP(w, r)
		return
	}
	ctx, span, arrived := s.tracing.start(r, arrived)
	defer span.End() // records a panic, for which it must be deferred itself
	if span.IsRecording() || s.tracing.measures(ctx) {
		s.serve(ctx, w, r, span, arrived)
		return
	}
	n := &node{Context: ctx}
	n.provideLabeler()
	given := r.WithContext(n)
	if mayHaveTrailers(r) {
		given.Body = &trailedBody{ReadCloser: r.Body, to: given, from: r}
	}
	defer giveBack(n, r, given, given.Body)
	s.next.ServeHTTP(w, given)
}

func (s *spanServer) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, span trace.Span, arrived time.Time) {
	ex := &serverExchange{}
	c := &ex.serverCore
	c.w, c.span, c.tracing, c.arrived, c.orig = w, span, s.tracing, arrived, r
	c.node.Context = ctx //nolint:fatcontext // one node per exchange, not a growing chain
	c.node.provideLabeler()
	// A copy, as the server looks at the body of its own when the handler is done.
	r = r.WithContext(&c.node)
	c.r = r
	switch {
	case !span.IsRecording():
	case captureOutside(ctx, serverSide, r) != nil, s.cfg.skipsRequest(r):
		s.cfg.markSkipped(span, r)
	default:
		c.node.rec = &c.record
		c.capture(s.cfg, span)
	}
	c.wrapBody()
	defer giveBack(&c.node, c.orig, r, r.Body)
	defer c.end()
	s.next.ServeHTTP(writerWith(ex, optionals(w)), r)
	c.returned = true
}

// served counts the exchange as otelhttp does: what went through ReadFrom is not
// in it.
func (c *serverCore) served(status int) served {
	return served{status: status, read: c.req.total(), written: c.written.Load()}
}

// endTracing completes the span and records the metrics.
func (c *serverCore) endTracing(v *served) {
	t := c.tracing
	if c.cfg == nil {
		c.span.SetAttributes(v.responseAttributes(nil)...)
	}
	if c.r.Pattern != "" {
		c.span.SetName(t.spanName(t.operation, c.r))
	}
	if c.returned {
		c.span.SetStatus(spanStatus(v.status, http.StatusInternalServerError))
	} else {
		c.span.SetStatus(codes.Error, "")
	}
	if t.measures(&c.node) {
		t.measure(&c.node, c.r, c.arrived, *v)
	}
}
