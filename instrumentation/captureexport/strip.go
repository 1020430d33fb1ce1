// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/internal/httpattr"
)

// StripOption configures Strip. A nil StripOption is ignored.
type StripOption interface{ applyStrip(s *stripper) }

type stripOptionFunc func(*stripper)

func (f stripOptionFunc) applyStrip(s *stripper) { f(s) }

// WithKeepHeaders leaves header fields in the spans. Default: they are hidden.
func WithKeepHeaders() StripOption {
	return stripOptionFunc(func(s *stripper) { s.keepHeaders = true })
}

// WithKeepIdentity leaves user.id, user.name, user.email, user.full_name, enduser.id
// and session.id in the spans. Default: they are hidden on spans that have something
// captured, and left on others.
func WithKeepIdentity() StripOption {
	return stripOptionFunc(func(s *stripper) { s.keepIdentity = true })
}

// Strip hides from next what was captured: header fields, bodies, identity and all
// keys that begin with "apispan.". Next sees spans without them and, unlike a filter
// in the Collector, does not keep the bodies in memory while it holds the span.
// Attributes of tracing (http.route, url.query, client.address among them) stay, as
// does the count of dropped attributes, which is about limits. Spans that captured
// nothing are handed on as they are.
func Strip(next sdktrace.SpanProcessor, opts ...StripOption) sdktrace.SpanProcessor {
	s := &stripper{next: next}
	for _, o := range opts {
		if o != nil {
			o.applyStrip(s)
		}
	}
	return s
}

type stripper struct {
	next         sdktrace.SpanProcessor
	keepHeaders  bool
	keepIdentity bool
}

// OnStart hands on: at the start of a span nothing is captured.
func (p *stripper) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if p.next != nil {
		p.next.OnStart(ctx, s)
	}
}

func (p *stripper) OnEnd(s sdktrace.ReadOnlySpan) {
	if p.next == nil {
		return
	}
	attrs := s.Attributes()
	n := 0 // that stay, identity aside
	for i := range attrs {
		if !httpattr.IsCaptured(string(attrs[i].Key)) {
			n++
		}
	}
	if n == len(attrs) {
		p.next.OnEnd(s)
		return
	}
	if p.keepHeaders {
		n = len(attrs)
	}
	kept := make([]attribute.KeyValue, 0, n)
	for i := range attrs {
		if !p.hides(string(attrs[i].Key)) {
			kept = append(kept, attrs[i])
		}
	}
	// A wrapper around s would keep the bodies in memory; a copy without them does not.
	stub := tracetest.SpanStubFromReadOnlySpan(s)
	stub.Attributes = kept
	p.next.OnEnd(stub.Snapshot())
}

func (p *stripper) hides(key string) bool {
	if httpattr.IsIdentity(key) {
		return !p.keepIdentity
	}
	return httpattr.IsCaptured(key) && (!p.keepHeaders || !httpattr.IsHeader(key))
}

func (p *stripper) Shutdown(ctx context.Context) error {
	if p.next == nil {
		return nil
	}
	return p.next.Shutdown(ctx)
}

func (p *stripper) ForceFlush(ctx context.Context) error {
	if p.next == nil {
		return nil
	}
	return p.next.ForceFlush(ctx)
}
