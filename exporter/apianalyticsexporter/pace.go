// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"sync"
)

// An answer that comes after the timeout costs the most: the backend may have taken the
// events, and gets them again. So after one, a single event is on its way, for several
// timeouts, and after another one another event, for the most. Then both grow back, by the
// time that answers take.
const (
	paceFirst = 4 // timeouts after the first late answer
	paceMost  = 8 // timeouts after the second
	// An answer within that part of the longer timeout lets more events go.
	paceEarly = 0.25
	// An answer within that part of the configured timeout, with as many events as before
	// the first late answer, ends it.
	paceWell = 0.5
)

// pace bounds how many events are on their way to a backend that answers late. The zero
// value sets no bound.
type pace struct {
	mu       sync.Mutex
	window   int // most events on their way, 0: no bound; a request may always go alone
	full     int // how many were on their way when the first late answer was missed
	patience int // timeouts that a request waits for, 0: one
	epoch    int // counts the shrinkings
	busy     int // events on their way
	sends    int // requests on their way
	waiting  int // requests that must not go yet
	freed    chan struct{}
}

// paceRun is one request on its way.
type paceRun struct {
	n, busy, epoch int
	// patience is how many timeouts the request waits for its answer.
	patience int
}

// fit returns how many of n events the next request may have.
func (p *pace) fit(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.window > 0 {
		// All that want to send get a share: a backend may work at several requests.
		return max(1, min(n, p.window/(1+p.sends+p.waiting)))
	}
	return n
}

// enter waits until a request of n events may go, or ctx ends. When the Collector stops
// there is no time to wait for others.
func (p *pace) enter(ctx, stopping context.Context, n int) (paceRun, error) {
	for {
		p.mu.Lock()
		if p.window == 0 || p.sends == 0 || p.busy+n <= p.window || stopping.Err() != nil {
			p.busy += n
			p.sends++
			r := paceRun{n: n, busy: p.busy, epoch: p.epoch, patience: max(1, p.patience)}
			p.mu.Unlock()
			return r, nil
		}
		if p.freed == nil {
			p.freed = make(chan struct{})
		}
		freed := p.freed
		p.waiting++
		p.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			p.stopWaiting()
			return paceRun{}, ctx.Err()
		case <-stopping.Done():
		}
		p.stopWaiting()
	}
}

func (p *pace) stopWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
}

// leave ends what enter began. late is whether the answer did not come in time, and used
// what part of the time it took.
func (p *pace) leave(r paceRun, late, taken bool, used float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.n == 0 || r.epoch != p.epoch: // what went before the last shrinking tells no more
	case late:
		p.epoch++
		if p.window == 0 {
			p.full, p.patience = p.busy, paceFirst
		} else {
			p.patience = paceMost
		}
		p.window = 1
	case taken && p.window > 0:
		if p.window >= p.full && used*float64(r.patience) <= paceWell {
			p.window, p.full, p.patience = 0, 0, 0
		} else if 2*r.busy >= p.window && used <= paceEarly {
			p.window = min(2*p.window, max(p.full, 2))
		}
	}
	p.busy -= r.n
	p.sends--
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}
