// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// An event that is refused alone, or that the backend always fails at, is tried again and
// again; who waits for that is a consumer of the queue. If all consumers did, nothing else
// would get through, and nothing could vouch for the backend. So the last one that is free
// puts such events back into the queue, behind the others.

const (
	// A consumer that finds nothing but suspects in the queue waits that long, or until
	// something new comes.
	minPause, maxPause = 50 * time.Millisecond, 5 * time.Second
	// A backend that fails at each event of a request alone, and so many times, while
	// nothing else is known, may fail because of them.
	minAlone = 3
)

// holding is about requests of nothing but suspects. The zero value is ready.
type holding struct {
	// offer puts a request into the queue; nil without one.
	offer func(context.Context) error
	// consumers is how many the queue has.
	consumers int64
	// waiting is how many of them wait with such a request.
	waiting atomic.Int64

	mu     sync.Mutex
	passed int           // such requests put back since anything else was seen
	news   chan struct{} // closed when something else is put into the queue
}

var errNotYet = errors.New("api_analytics: the backend refused or failed at this event alone, which waits for its next trial")

// offered tells that something new is in the queue.
func (h *holding) offered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed = 0
	if h.news != nil {
		close(h.news)
		h.news = nil
	}
}

// fresh tells that something else came out of the queue.
func (h *holding) fresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed = 0
}

// pass returns what to wait for before one of at most that many suspects is put back
// again, or nil if there may be other events in the queue.
func (h *holding) pass(suspects int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.passed++; h.passed <= suspects+1 {
		return nil
	}
	if h.news == nil {
		h.news = make(chan struct{})
	}
	return h.news
}

// resume ends the waiting of the consumer that tries r again.
func (h *holding) resume(r *request) {
	if r.holding {
		r.holding = false
		h.waiting.Add(-1)
	}
}

// mayWait reports whether this consumer may wait with r for its next attempt: it is not
// the last one that is free, or r cannot be put back.
func (e *core) mayWait(r *request, a answer) bool {
	if e.sync || e.held.offer == nil || e.stopping.Load() || e.exhausted(r, a) {
		return true
	}
	if e.held.waiting.Add(1) < e.held.consumers {
		r.holding = true
		return true
	}
	e.held.waiting.Add(-1)
	return false
}

// hold keeps rest, of which all events are suspects, for another attempt after answer a.
func (e *core) hold(ctx context.Context, rest *request, a answer) error {
	if e.mayWait(rest, a) {
		return e.again(ctx, rest, a)
	}
	if !e.putBack(ctx, rest) {
		return e.again(ctx, rest, a)
	}
	e.tel.retried(ctx, len(rest.items))
	return nil
}

// early deals with a request of suspects none of which is due.
func (e *core) early(ctx context.Context, req *request, wait time.Duration) error {
	a := answer{outcome: outcomeRetry, err: errNotYet, wait: wait}
	if e.mayWait(req, a) {
		return e.again(ctx, req, a)
	}
	if news := e.held.pass(e.suspects.len()); news != nil {
		timer := time.NewTimer(min(max(wait, minPause), maxPause))
		defer timer.Stop()
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
		case <-e.sender.stopping.Done():
		}
	}
	if e.putBack(ctx, req) {
		return nil
	}
	return e.again(ctx, req, a)
}

// putBack puts a request at the end of the queue, if there is room.
func (e *core) putBack(ctx context.Context, req *request) bool {
	if e.stopping.Load() || e.guard != nil && e.guard.Refuse(now()) {
		return false
	}
	// A queue that waits for room must not wait for its own consumer.
	ctx, cancel := context.WithTimeout(ctx, minPause)
	defer cancel()
	back := *req
	back.few, back.alone = 1, 0
	return e.held.offer(&handoff{ctx, &back}) == nil
}
