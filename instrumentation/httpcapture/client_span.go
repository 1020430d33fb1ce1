// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// spanTransport makes the span and records the exchange in one layer, where the
// outer part of ClientTransport, otelhttp and innerTransport are three.
type spanTransport struct {
	base    http.RoundTripper
	cfg     *config
	tracing *clientTracing
}

func (t *spanTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	if !t.tracing.accepts(r) {
		return t.base.RoundTrip(r)
	}
	ctx, span := t.tracing.start(r)
	if span.IsRecording() || t.tracing.measures(ctx) {
		return t.roundTrip(ctx, r, span, began)
	}
	n := &node{Context: ctx, sends: true}
	n.provideLabeler()
	res, err := t.base.RoundTrip(t.tracing.outgoing(n, r))
	span.End()
	return res, err
}

// outgoing is the request to send: the one given is not ours to change.
func (c *clientTracing) outgoing(n *node, r *http.Request) *http.Request {
	trailer := r.Trailer
	r = r.Clone(n)
	r.Trailer = trailer  // the caller fills it while the body is read
	if r.Header != nil { // else net/http refuses the request
		c.propagators.Inject(n, propagation.HeaderCarrier(r.Header))
	}
	return r
}

func (t *spanTransport) roundTrip(ctx context.Context, r *http.Request, span trace.Span, began time.Time) (*http.Response, error) {
	ex := &clientExchange{tracing: t.tracing}
	ex.span = span
	ex.node.Context = ctx //nolint:fatcontext // one node per exchange, not a growing chain
	ex.node.sends = true
	ex.node.provideLabeler()
	given := r
	r = t.tracing.outgoing(&ex.node, r)
	ex.r = r
	if span.IsRecording() {
		skip := captureOutside(ctx, clientSide, r) != nil || t.cfg.skipsRequest(r)
		// A policy sees the span's attributes when the exchange ends, unless it is not
		// captured.
		mask := skip || t.cfg.policy == nil
		setPooled(span, func(dst []attribute.KeyValue) []attribute.KeyValue { return t.tracing.requestAttributes(dst, r, mask) })
		if skip {
			t.cfg.markSkipped(span, r)
		} else {
			ex.node.rec, ex.node.client = &ex.record, ex
			ex.begin(t.cfg, span, r)
		}
	}
	ex.captureRequest(t.base, given)

	res, err := t.base.RoundTrip(r)
	ex.sentAll(err)
	if ex.cfg != nil {
		ex.over()
	}
	if res == nil && err == nil {
		if ex.cfg != nil {
			ex.finish(&outcome{r: r, failed: true})
		}
		span.SetStatus(codes.Error, errNothing.Error())
		span.End()
		return nil, nil //nolint:nilnil // as the base did
	}
	if t.tracing.measures(&ex.node) {
		ex.publish(time.Since(began), t.tracing.metricSet(&ex.node, r, res, err))
	}
	if err != nil {
		if ex.cfg != nil {
			ex.finish(&outcome{r: r, err: err, failed: true})
		}
		fail(span, err)
		span.End()
		return res, err
	}
	if ex.cfg != nil {
		ex.responded(res)
	}
	if span.IsRecording() {
		status := res.StatusCode
		v := served{status: status, failed: status < 100 || status >= http.StatusBadRequest}
		setPooled(span, func(dst []attribute.KeyValue) []attribute.KeyValue {
			if dst = v.responseAttributes(dst); fromResponse {
				dst = appendProtocol(dst, res.Proto)
			}
			return dst
		})
		span.SetStatus(spanStatus(status, http.StatusBadRequest))
	}
	ex.resInner = res.Body
	switch body := res.Body.(type) {
	case nil:
		span.End()
	case io.ReadWriteCloser:
		res.Body = (*spanStream)(ex)
		if _, ok := body.(closeWriter); ok {
			res.Body = (*spanHalfStream)(ex)
		}
	default:
		if res.Body == http.NoBody { // which callers may recognise
			span.End()
			return res, nil
		}
		res.Body = (*spanBody)(ex)
	}
	return res, nil
}

// setPooled sets the attributes that add appends.
func setPooled(span trace.Span, add func([]attribute.KeyValue) []attribute.KeyValue) {
	pooled := attrPool.Get().(*[]attribute.KeyValue)
	attrs := add(*pooled)
	span.SetAttributes(attrs...)
	putAttrs(pooled, attrs)
}

func fail(span trace.Span, err error) {
	span.SetAttributes(semconv.ErrorType(err))
	span.SetStatus(codes.Error, err.Error())
}

// spanBody is the body of the response. The span ends with it, or when it is
// closed.
type spanBody clientExchange

func (b *spanBody) Read(p []byte) (int, error) {
	n, err := b.resInner.Read(p)
	ex := (*clientExchange)(b)
	ex.res.add(p[:max(0, min(n, len(p)))], err)
	switch err {
	case nil:
	case io.EOF:
		ex.end()
	default:
		ex.done()
		fail(ex.span, err)
	}
	return n, err
}

func (b *spanBody) Close() error {
	(*clientExchange)(b).end()
	return b.resInner.Close()
}

func (ex *clientExchange) end() {
	ex.done()
	ex.span.End()
}

// spanStream is spanBody after a switch of protocols, when it can be written to.
type spanStream clientExchange

func (b *spanStream) Read(p []byte) (int, error) { return (*spanBody)(b).Read(p) }

func (b *spanStream) Close() error { return (*spanBody)(b).Close() }

func (b *spanStream) Write(p []byte) (int, error) {
	n, err := b.resInner.(io.Writer).Write(p)
	if err != nil {
		fail(b.span, err)
	}
	return n, err
}

// spanHalfStream is a spanStream whose one direction can be closed alone.
type spanHalfStream clientExchange

func (b *spanHalfStream) Read(p []byte) (int, error) { return (*spanBody)(b).Read(p) }

func (b *spanHalfStream) Close() error { return (*spanBody)(b).Close() }

func (b *spanHalfStream) Write(p []byte) (int, error) { return (*spanStream)(b).Write(p) }

func (b *spanHalfStream) CloseWrite() error { return b.resInner.(closeWriter).CloseWrite() }
