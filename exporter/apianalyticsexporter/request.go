// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// request is what waits in the queue: the encoded items of one backend. A merged
// request shares the items of the ones it was made from; no item is changed once
// it is encoded.
type request struct {
	trial

	backend string
	items   [][]byte
	size    int // bytes in items
	// streams is parallel to items; nil means that all are events.
	streams []backend.Stream
	// ledgers is parallel to items where callers wait for the result, else nil.
	ledgers []*ledger
	// unreadable are stored requests that could not be read, as they are stored.
	unreadable [][]byte
	// absent are the sizes of a request that the storage refused.
	absent sizes
}

// trial is what earlier attempts to deliver a request tell the next one. It is not
// stored.
type trial struct {
	// firstTry is when delivery was first tried; zero means not yet.
	firstTry time.Time
	// few is the most events in a request, since the backend failed at more; 0 means no
	// limit.
	few int
	// fails counts the attempts, one after the other, at which the backend failed without
	// taking anything.
	fails int
	// alone counts the attempts, one after the other, that ended with the backend failing
	// at a single event, and takes is what it had taken at the first.
	alone int
	takes uint64
	// holding is whether a consumer waits with this request and nothing else, see
	// core.hold.
	holding bool
}

var _ interface {
	xexporterhelper.Request
	OnError(err error) xexporterhelper.Request
} = (*request)(nil)

// sizes are those of a request as the queue counts them.
type sizes struct{ items, bytes int }

// ledger counts the items of one Consume call that are not settled.
type ledger struct{ open atomic.Int64 }

func newRequest(name string, items [][]byte) *request {
	r := &request{backend: name, items: items}
	for _, it := range items {
		r.size += len(it)
	}
	return r
}

// ItemsCount implements xexporterhelper.Request: the number of events. A request
// that could not be read counts as one, or the queue would skip it unseen.
func (r *request) ItemsCount() int { return len(r.items) + len(r.unreadable) + r.absent.items }

// BytesSize implements xexporterhelper.Request: the bytes of the events as they
// are sent, without frame and compression.
func (r *request) BytesSize() int {
	n := r.size + r.absent.bytes
	for _, u := range r.unreadable {
		n += len(u)
	}
	return n
}

// MergeSplit implements xexporterhelper.Request. An event larger than maxSize
// stands alone: its size was settled when it was encoded, and dropping it here
// would not be counted. Neither request is changed.
func (r *request) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	all := r
	if other != nil {
		o, ok := other.(*request)
		if !ok {
			return nil, fmt.Errorf("api_analytics: cannot merge a request of type %T", other)
		}
		if o.backend != r.backend {
			// Stored under another configuration: never mix formats.
			return []xexporterhelper.Request{r, o}, nil
		}
		all = merge(r, o)
	}
	var size func(item []byte) int
	switch sizer {
	case exporterhelper.RequestSizerTypeItems:
		size = func([]byte) int { return 1 }
	case exporterhelper.RequestSizerTypeBytes:
		size = func(item []byte) int { return len(item) }
	default:
		return nil, fmt.Errorf("api_analytics: cannot split by sizer %q", sizer.String())
	}
	if maxSize <= 0 || len(all.items) == 0 {
		return []xexporterhelper.Request{all}, nil
	}
	var out []xexporterhelper.Request
	lo, sum := 0, 0
	for i, it := range all.items {
		n := size(it)
		if i > lo && sum+n > maxSize {
			out = append(out, all.part(lo, i))
			lo, sum = i, 0
		}
		sum += n
	}
	if lo == 0 {
		return []xexporterhelper.Request{all}, nil
	}
	last := all.part(lo, len(all.items))
	last.unreadable = all.unreadable
	return append(out, last), nil
}

// merge returns a request with the events of both. Spare capacity of a merged
// request is used by the next merge, so each merged request may be merged once;
// requests from elsewhere have no spare capacity.
func merge(a, b *request) *request {
	m := &request{
		backend:    a.backend,
		items:      append(a.items, b.items...),
		size:       a.size + b.size,
		unreadable: append(slices.Clip(a.unreadable), b.unreadable...),
		absent:     sizes{a.absent.items + b.absent.items, a.absent.bytes + b.absent.bytes},
	}
	if a.streams != nil || b.streams != nil {
		m.streams = append(a.allStreams(), b.allStreams()...)
	}
	if a.ledgers != nil || b.ledgers != nil {
		m.ledgers = append(a.allLedgers(), b.allLedgers()...)
	}
	return m
}

func (r *request) allStreams() []backend.Stream {
	if r.streams == nil {
		return make([]backend.Stream, len(r.items))
	}
	return r.streams
}

// stream returns which stream item i belongs to.
func (r *request) stream(i int) backend.Stream {
	if r.streams == nil {
		return backend.Events
	}
	return r.streams[i]
}

// run returns the end of the items of one stream that begin at lo.
func (r *request) run(lo int) int {
	if r.streams == nil {
		return len(r.items)
	}
	hi := lo + 1
	for hi < len(r.items) && r.streams[hi] == r.streams[lo] {
		hi++
	}
	return hi
}

// grouped returns the request with the items of each stream together, streams in
// the order of their first item, items of one stream in their order. It returns r
// if that is so already.
func (r *request) grouped() *request {
	var order []backend.Stream
	mixed := false
	for lo := 0; lo < len(r.items); lo = r.run(lo) {
		if slices.Contains(order, r.stream(lo)) {
			mixed = true
		} else {
			order = append(order, r.stream(lo))
		}
	}
	if !mixed {
		return r
	}
	g := &request{backend: r.backend, size: r.size, unreadable: r.unreadable, trial: r.trial}
	for _, s := range order {
		for i, it := range r.items {
			if r.streams[i] != s {
				continue
			}
			g.items = append(g.items, it)
			g.streams = append(g.streams, s)
			if r.ledgers != nil {
				g.ledgers = append(g.ledgers, r.ledgers[i])
			}
		}
	}
	return g
}

func (r *request) allLedgers() []*ledger {
	if r.ledgers == nil {
		return make([]*ledger, len(r.items))
	}
	return r.ledgers
}

// part returns the events [lo, hi) as a request without spare capacity.
func (r *request) part(lo, hi int) *request {
	p := newRequest(r.backend, r.items[lo:hi:hi])
	if r.streams != nil {
		p.streams = r.streams[lo:hi:hi]
	}
	if r.ledgers != nil {
		p.ledgers = r.ledgers[lo:hi:hi]
	}
	p.trial = r.trial
	return p
}

// settle takes the events [lo, hi) off the ledgers.
func (r *request) settle(lo, hi int) {
	if r.ledgers == nil {
		return
	}
	for _, l := range r.ledgers[lo:hi] {
		if l != nil {
			l.open.Add(-1)
		}
	}
}

// undelivered is the error of a request of which some events must be sent again.
type undelivered struct {
	rest  *request
	cause error
}

func (u *undelivered) Error() string { return u.cause.Error() }
func (u *undelivered) Unwrap() error { return u.cause }

// OnError implements xexporterhelper's RequestErrorHandler: the next attempt is
// made with what is left.
func (r *request) OnError(err error) xexporterhelper.Request {
	var u *undelivered
	if errors.As(err, &u) {
		return u.rest
	}
	return r
}
