// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// SpanProcessor exports captured spans. Make one with NewSpanProcessor. Its methods
// may be called from several goroutines at once.
type SpanProcessor struct {
	cfg      config
	exporter sdktrace.SpanExporter
	books    *books

	// ctx ends when exporting must stop; stopped is closed when the worker has ended.
	ctx     context.Context //nolint:containedctx // of the worker, which outlives any call
	stop    context.CancelFunc
	stopped chan struct{}
	wake    chan struct{}

	shutdownOnce sync.Once
	shutdownErr  error

	mu     sync.Mutex
	queue  []item
	size   int   // OTLP bytes in queue
	mem    int64 // memory of the queue and of what is being sent
	closed bool
	// progress is closed and replaced whenever a batch is finished.
	progress chan struct{}
	// enqueued and done count spans; what is enqueued up to flushTo leaves at once.
	enqueued, done, flushTo uint64
}

type item struct {
	span sdktrace.ReadOnlySpan
	size int
	mem  int64
}

var _ sdktrace.SpanProcessor = (*SpanProcessor)(nil)

// NewSpanProcessor returns a span processor that sends captured spans to exporter,
// which it owns from now on and shuts down with itself. It starts one goroutine, which
// Shutdown ends. Without an exporter (nil), all captured spans are dropped with reason
// shutdown.
func NewSpanProcessor(exporter sdktrace.SpanExporter, opts ...Option) *SpanProcessor {
	cfg := newConfig(opts)
	p := &SpanProcessor{
		cfg:      cfg,
		exporter: exporter,
		books:    newBooks(cfg.meterProvider),
		stopped:  make(chan struct{}),
		wake:     make(chan struct{}, 1),
		progress: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	if exporter == nil {
		otel.Handle(errors.New("captureexport: the exporter is nil, nothing will be exported; pass one to NewSpanProcessor"))
		p.closed = true
		p.stop()
		close(p.stopped)
		return p
	}
	go p.run()
	return p
}

// OnStart does nothing.
func (p *SpanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd puts a captured span into the queue. It does not wait, unless WithBlocking
// allows it.
func (p *SpanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s == nil || p.cfg.sampledOnly && !s.SpanContext().IsSampled() {
		return
	}
	if !p.takes(s) {
		return
	}
	p.books.received.Add(1)
	it := item{span: s}
	it.size, it.mem = measure(s)
	if it.mem > p.cfg.queueBytes {
		p.books.drop(reasonTooLarge, 1)
		return
	}
	if why := p.put(it); why != reasonNone {
		p.books.drop(why, 1)
		if why == reasonShutdown {
			p.books.publish(false) // there is nobody else to do it
		}
	}
}

// takes applies the rule or the filter.
func (p *SpanProcessor) takes(s sdktrace.ReadOnlySpan) (ok bool) {
	if p.cfg.filter == nil {
		return captured(s)
	}
	defer func() {
		if recover() != nil {
			p.books.received.Add(1)
			p.books.drop(reasonFilterPanic, 1)
			ok = false
		}
	}()
	return p.cfg.filter(s)
}

// put adds to the queue, or says why it cannot.
func (p *SpanProcessor) put(it item) reason {
	var timeout <-chan time.Time
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return reasonShutdown
		}
		if p.mem+it.mem <= p.cfg.queueBytes {
			p.queue = append(p.queue, it)
			p.size += it.size
			p.mem += it.mem
			p.enqueued++
			full := p.fullLocked()
			p.mu.Unlock()
			if full {
				p.rouse()
			}
			return reasonNone
		}
		progress := p.progress
		if p.cfg.block > 0 {
			p.flushTo = p.enqueued
		}
		p.mu.Unlock()
		if p.cfg.block <= 0 {
			return reasonQueueFull
		}
		p.rouse()
		if timeout == nil {
			t := time.NewTimer(p.cfg.block)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-progress:
		case <-timeout:
			return reasonQueueFull
		}
	}
}

func (p *SpanProcessor) fullLocked() bool {
	return len(p.queue) >= p.cfg.batchCount || p.size >= p.cfg.batchBytes ||
		p.mem > p.cfg.queueBytes/2 // a queue smaller than two batches
}

// rouse tells the worker to look.
func (p *SpanProcessor) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// ForceFlush exports all that was ended before the call and waits for it, no longer
// than ctx allows, or without a deadline, than WithExportTimeout. It returns an error
// if it could not wait, or if spans were dropped meanwhile.
func (p *SpanProcessor) ForceFlush(ctx context.Context) error {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	lost := p.books.lost.Load()
	p.mu.Lock()
	target := p.enqueued
	p.flushTo = max(p.flushTo, target)
	p.mu.Unlock()
	p.rouse()
	for {
		p.mu.Lock()
		finished, progress := p.done >= target, p.progress
		p.mu.Unlock()
		if finished {
			break
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("captureexport: flush: %w", ctx.Err())
		}
	}
	if n := p.books.lost.Load() - lost; n > 0 {
		return fmt.Errorf("captureexport: flush: %d spans could not be exported", n)
	}
	return nil
}

// bounded gives ctx a deadline if it has none.
func (p *SpanProcessor) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, p.cfg.exportTimeout)
}

// grace is how long Shutdown waits for an export to heed that its context ended.
const grace = 250 * time.Millisecond

// Shutdown exports what is in the queue, as long as ctx allows, or without a
// deadline, WithExportTimeout; what is left then is dropped with reason shutdown.
// The error says how many that were. Then it shuts the exporter down. Spans that end later are dropped with the same
// reason. Only the first call does something; all return its error.
func (p *SpanProcessor) Shutdown(ctx context.Context) error {
	p.shutdownOnce.Do(func() { p.shutdownErr = p.shutdown(ctx) })
	return p.shutdownErr
}

func (p *SpanProcessor) shutdown(ctx context.Context) error {
	if p.exporter == nil {
		return nil
	}
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	p.mu.Lock()
	p.closed = true
	p.broadcastLocked() // to those who wait for room
	p.mu.Unlock()
	p.rouse()
	lost := p.books.lost.Load()
	var err error
	select {
	case <-p.stopped:
	case <-ctx.Done():
		err = fmt.Errorf("captureexport: shutdown: %w", ctx.Err())
		p.stop()
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-p.stopped:
		case <-t.C:
		}
	}
	p.stop()
	p.books.publish(true)
	p.mu.Lock()
	left := p.books.lost.Load() - lost + int64(p.enqueued-p.done) //nolint:gosec // counts
	p.mu.Unlock()
	if left > 0 {
		err = errors.Join(err, fmt.Errorf("captureexport: shutdown: %d captured spans were left and are lost", left))
	}

	down := make(chan error, 1)
	go func() {
		defer func() {
			if recover() != nil {
				down <- errors.New("captureexport: shutdown: the exporter panicked")
			}
		}()
		down <- p.exporter.Shutdown(ctx)
	}()
	select {
	case e := <-down:
		return errors.Join(err, e)
	case <-ctx.Done():
		select { // it may have heeded the context in the same moment
		case e := <-down:
			return errors.Join(err, e)
		case <-time.After(grace):
			return errors.Join(err, fmt.Errorf("captureexport: shutdown: the exporter did not end: %w", ctx.Err()))
		}
	}
}

// broadcastLocked wakes all who wait for progress.
func (p *SpanProcessor) broadcastLocked() {
	close(p.progress)
	p.progress = make(chan struct{})
}

// MarshalLog describes the processor for the SDK's own log.
func (p *SpanProcessor) MarshalLog() any {
	return struct {
		Type       string
		QueueBytes int64
		BatchBytes int
	}{"captureexport.SpanProcessor", p.cfg.queueBytes, p.cfg.batchBytes}
}
