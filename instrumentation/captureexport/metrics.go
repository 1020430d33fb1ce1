// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// reason says why a captured span was not exported. The names are public.
type reason uint8

const (
	reasonNone reason = iota
	reasonQueueFull
	reasonTooLarge
	reasonRejected
	reasonRetryTimeout
	reasonExporterPanic
	reasonFilterPanic
	reasonShutdown
	numReasons
)

var reasonNames = [numReasons]string{
	reasonQueueFull:     "queue_full",
	reasonTooLarge:      "too_large",
	reasonRejected:      "rejected",
	reasonRetryTimeout:  "retry_timeout",
	reasonExporterPanic: "exporter_panic",
	reasonFilterPanic:   "filter_panic",
	reasonShutdown:      "shutdown",
}

// Stats are the counts of a processor since it was made.
type Stats struct {
	// Received is the number of captured spans that ended.
	Received int64
	// Exported is how many the exporter took.
	Exported int64
	// Dropped is how many will never be exported, by reason. Reasons without drops are
	// left out.
	Dropped map[string]int64
	// Retries is how often a batch was sent again, BodiesCut how many bodies were cut
	// because of WithMaxRequestBytes.
	Retries, BodiesCut int64
	// QueueBytes is the memory held by spans that wait or are being sent.
	QueueBytes int64
}

// Stats returns the counts. Received minus Exported and Dropped is what waits or is
// being sent; nothing after Shutdown.
func (p *SpanProcessor) Stats() Stats {
	b := p.books
	// Received is read last, so that at no time more seems to have left than came.
	s := Stats{Exported: b.exported.Load(), Retries: b.retries.Load(), BodiesCut: b.cut.Load(), Dropped: map[string]int64{}}
	for r := range b.dropped {
		if n := b.dropped[r].Load(); n > 0 {
			s.Dropped[reasonNames[r]] = n
		}
	}
	s.Received = b.received.Load()
	p.mu.Lock()
	s.QueueBytes = p.mem
	p.mu.Unlock()
	return s
}

// books counts with atomics, which cost nothing in OnEnd, and brings the metrics up
// to date from them now and then.
type books struct {
	received, exported, retries, cut atomic.Int64
	dropped                          [numReasons]atomic.Int64
	lost                             atomic.Int64 // of dropped, from the queue
	queued                           atomic.Int64

	mu         sync.Mutex
	instr      instruments
	seen       [numReasons + 3]int64
	reported   int64 // drops of which otel.Handle was told
	reportedAt time.Time
	failing    string // why the last export failed; "" if it did not
	failedAt   time.Time
	now        func() time.Time
}

type instruments struct {
	exported, dropped, retries, cut metric.Int64Counter
	queue                           metric.Int64Gauge
	by                              [numReasons][]metric.AddOption
}

const meterName = "github.com/apispan/apispan/instrumentation/captureexport"

func newBooks(p metric.MeterProvider) *books {
	if p == nil {
		p = otel.GetMeterProvider()
	}
	m := p.Meter(meterName)
	counter := func(name, unit, what string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		if err != nil {
			otel.Handle(err)
			return noop.Int64Counter{}
		}
		return c
	}
	b := &books{now: time.Now}
	b.instr.exported = counter("apispan.captureexport.exported", "{span}", "Captured spans that the exporter took.")
	b.instr.dropped = counter("apispan.captureexport.dropped", "{span}", "Captured spans that were not exported, by reason.")
	b.instr.retries = counter("apispan.captureexport.retries", "{request}", "Batches that were sent again.")
	b.instr.cut = counter("apispan.captureexport.bodies.cut", "{body}", "Bodies that were cut so that a span fits into a request.")
	var err error
	b.instr.queue, err = m.Int64Gauge("apispan.captureexport.queue.size", metric.WithUnit("By"),
		metric.WithDescription("Memory held by captured spans that wait or are being sent."))
	if err != nil {
		otel.Handle(err)
		b.instr.queue = noop.Int64Gauge{}
	}
	for r, n := range reasonNames {
		b.instr.by[r] = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", n)))}
	}
	return b
}

func (b *books) drop(r reason, n int) {
	if n > 0 {
		b.dropped[r].Add(int64(n))
	}
}

// fail is drop for a span that was in the queue.
func (b *books) fail(r reason, n int) {
	if n > 0 {
		b.lost.Add(int64(n))
		b.drop(r, n)
	}
}

// reportInterval is the least time between two reports of drops.
const reportInterval = time.Minute

// heard reports why exports fail: at the first failure, when the cause changes, and
// once a minute while it goes on.
func (b *books) heard(err error, exporter any) {
	defer func() { _ = recover() }() // of an error handler of the application
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.failing = ""
		return
	}
	why := cause(err)
	if why == b.failing && b.now().Sub(b.failedAt) < reportInterval {
		return
	}
	if b.failing == "" && !b.failedAt.IsZero() && b.now().Sub(b.failedAt) < reportInterval {
		b.failing = why
		return // it comes and goes
	}
	b.failing, b.failedAt = why, b.now()
	if where := endpoint(exporter); where != "" && !strings.Contains(why, where) {
		why = where + ": " + why
	}
	otel.Handle(fmt.Errorf("captureexport: captured spans could not be exported: %s", why))
}

// publish adds to the metrics what has happened since the last time, and reports
// drops, at most once a minute or now if last.
func (b *books) publish(last bool) {
	defer func() { _ = recover() }() // of a MeterProvider or error handler of the application
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx := context.Background()
	delta := func(i int, now int64) int64 {
		d := now - b.seen[i]
		b.seen[i] = now
		return d
	}
	for i, c := range []struct {
		n *atomic.Int64
		c metric.Int64Counter
	}{{&b.exported, b.instr.exported}, {&b.retries, b.instr.retries}, {&b.cut, b.instr.cut}} {
		if d := delta(int(numReasons)+i, c.n.Load()); d > 0 {
			c.c.Add(ctx, d)
		}
	}
	var total int64
	for r := range b.dropped {
		n := b.dropped[r].Load()
		total += n
		if d := delta(r, n); d > 0 {
			b.instr.dropped.Add(ctx, d, b.instr.by[r]...)
		}
	}
	b.instr.queue.Record(ctx, b.queued.Load())
	if total > b.reported && (last || b.now().Sub(b.reportedAt) >= reportInterval) {
		n := total - b.reported
		b.reported, b.reportedAt = total, b.now()
		otel.Handle(fmt.Errorf("captureexport: %d captured spans were dropped since the last report; in all by reason: %s", n, b.reasons()))
	}
}

func (b *books) reasons() string {
	var parts []string
	for r := range b.dropped {
		if n := b.dropped[r].Load(); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", reasonNames[r], n))
		}
	}
	return strings.Join(parts, ", ")
}
