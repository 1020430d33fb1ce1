// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/internal/httpattr"
)

// run is the worker: it takes batches from the head of the queue and delivers them
// one after the other.
func (p *SpanProcessor) run() {
	defer close(p.stopped)
	tick := time.NewTicker(p.cfg.flushInterval)
	defer tick.Stop()
	for {
		b, closing := p.next()
		switch {
		case b != nil:
			p.deliver(b)
			continue
		case closing:
			return
		}
		select {
		case <-p.wake:
		case <-tick.C:
			p.mu.Lock()
			p.flushTo = p.enqueued
			p.mu.Unlock()
			p.books.publish(false)
		}
	}
}

// batch is what goes into one export.
type batch struct {
	spans []sdktrace.ReadOnlySpan
	sizes []int
	taken int // from the queue: spans, and those that were too large
	mem   int64
	size  int
	// shared is at least what resource and scope add to a span that is alone.
	shared int
	first  time.Time // of the first attempt
}

// next cuts the next batch off the queue, or returns nil if it is not time yet.
func (p *SpanProcessor) next() (b *batch, closing bool) {
	p.mu.Lock()
	if len(p.queue) == 0 || !p.closed && !p.fullLocked() && p.done >= p.flushTo {
		defer p.mu.Unlock()
		return nil, p.closed
	}
	b = &batch{}
	var groups []group
	n := 0
	for ; n < len(p.queue) && n < p.cfg.batchCount; n++ {
		it := &p.queue[n]
		var more int
		groups, more = withGroup(groups, it.span)
		b.shared += more
		more += spanField(it.size + p.extra())
		if n > 0 && b.size+more > p.cfg.batchBytes {
			break
		}
		b.size += more
		b.mem += it.mem
		p.size -= it.size
	}
	items := slices.Clone(p.queue[:n])
	clear(p.queue[:n])
	p.queue = p.queue[n:]
	if len(p.queue) == 0 {
		p.queue = nil // the array has moved on; a new one grows as needed
	}
	p.mu.Unlock()

	b.taken = n
	b.spans = make([]sdktrace.ReadOnlySpan, 0, n)
	b.sizes = make([]int, 0, n)
	for _, it := range items {
		p.prepare(b, it)
	}
	return b, false
}

// extra is what prepare may add to a span.
func (p *SpanProcessor) extra() int {
	if p.cfg.sampledOnly {
		return 0
	}
	return weightSize
}

// group is what spans of one message share.
type group struct {
	resource *resource.Resource
	scope    instrumentation.Scope
}

// withGroup adds the group of s, and returns what it adds to the message.
func withGroup(groups []group, s sdktrace.ReadOnlySpan) ([]group, int) {
	g := group{s.Resource(), s.InstrumentationScope()}
	known := false
	for i := range groups {
		if groups[i].resource == g.resource {
			if groups[i].scope == g.scope {
				return groups, 0
			}
			known = true
		}
	}
	size := scopeSize(&g.scope)
	if !known {
		size += resourceSize(g.resource)
	}
	return append(groups, g), size
}

// prepare makes a span ready to leave and adds it to the batch.
func (p *SpanProcessor) prepare(b *batch, it item) {
	span, size := it.span, spanField(it.size+p.extra())
	var e *exported
	if !p.cfg.sampledOnly {
		e = whole(span)
		span = e
	}
	if over := size + b.shared - p.cfg.maxRequest; over > 0 {
		if e == nil {
			e = &exported{ReadOnlySpan: span, context: span.SpanContext(), attrs: span.Attributes()}
			span = e
		}
		if e.bodyLen(httpattr.RequestBody)+e.bodyLen(httpattr.ResponseBody) >= over {
			p.books.cut.Add(int64(e.cut(over)))
		}
		n, _ := measure(e)
		if size = spanField(n); size+b.shared > p.cfg.maxRequest {
			p.books.fail(reasonTooLarge, 1)
			return
		}
	}
	b.spans = append(b.spans, span)
	b.sizes = append(b.sizes, size)
}

// deliver exports a batch, again and again if need be, and gives its memory free.
func (p *SpanProcessor) deliver(b *batch) {
	if len(b.spans) > 0 {
		b.first = time.Now()
		p.send(b, b.spans)
	}
	p.mu.Lock()
	p.mem -= b.mem
	p.done += uint64(b.taken) //nolint:gosec // a count
	p.books.queued.Store(p.mem)
	p.broadcastLocked()
	p.mu.Unlock()
	p.books.publish(false)
}

// send exports spans until they are taken, refused for good, or given up. A message
// that the receiver finds too large is sent in halves.
func (p *SpanProcessor) send(b *batch, spans []sdktrace.ReadOnlySpan) {
	pause := p.cfg.retry.InitialInterval
	for {
		if p.ctx.Err() != nil {
			p.books.fail(reasonShutdown, len(spans))
			return
		}
		v, rejected, err := p.attempt(spans)
		p.books.heard(err, p.exporter)
		switch v {
		case taken:
			p.books.exported.Add(int64(len(spans) - rejected))
			p.books.fail(reasonRejected, rejected)
			return
		case panicked:
			p.books.fail(reasonExporterPanic, len(spans))
			return
		case tooLarge:
			if len(spans) == 1 {
				p.books.fail(reasonTooLarge, 1)
				return
			}
			half := len(spans) / 2
			p.send(b, spans[:half])
			p.send(b, spans[half:])
			return
		case refused:
			p.books.fail(reasonRejected, len(spans))
			return
		case failed:
		}
		wait := jitter(pause)
		if limit := p.cfg.retry.MaxElapsedTime; limit >= 0 && time.Since(b.first)+wait > limit {
			p.books.fail(reasonRetryTimeout, len(spans))
			return
		}
		p.books.retries.Add(1)
		if !p.sleep(wait) {
			p.books.fail(reasonShutdown, len(spans))
			return
		}
		pause = min(pause+pause/2, p.cfg.retry.MaxInterval)
	}
}

// jitter varies a pause by a fifth, so that many processes do not return at once.
func jitter(d time.Duration) time.Duration {
	return max(minRetryInterval, d*4/5+rand.N(d*2/5+1)) //nolint:gosec // no secret
}

// sleep waits, and keeps the metrics up to date; false if exporting must stop.
func (p *SpanProcessor) sleep(d time.Duration) bool {
	p.mu.Lock()
	p.books.queued.Store(p.mem)
	p.mu.Unlock()
	p.books.publish(false)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// attempt exports once and judges the result.
func (p *SpanProcessor) attempt(spans []sdktrace.ReadOnlySpan) (v verdict, rejected int, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.exportTimeout)
	defer cancel()
	defer func() {
		if recover() != nil {
			v, rejected, err = panicked, 0, errPanicked
		}
	}()
	// Exporters may keep or change the slice they are given.
	err = p.exporter.ExportSpans(ctx, slices.Clone(spans))
	v, rejected = p.judge(err, len(spans))
	return v, rejected, err
}
