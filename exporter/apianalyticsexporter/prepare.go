// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

const (
	// prepareEarly is how long after the start a backend is made ready if no event has
	// come: an operator wants to know before one does.
	prepareEarly = time.Second
	// prepareAgain is how long a backend that is not ready is left alone.
	prepareAgain = time.Second
)

// readiness is whether a backend that has to be made ready is, see [backend.Preparer].
type readiness struct {
	done  atomic.Bool
	early sync.WaitGroup

	mu    sync.Mutex
	until time.Time // when it is asked again
	last  answer    // why it is not ready
}

// prepare makes the backend ready unless it is, and reports whether it is. If not, the
// answer says why, for so many events.
func (s *sender) prepare(ctx context.Context, events int) (a answer, ready bool) {
	p, ok := s.enc.(backend.Preparer)
	t, overHTTP := s.transport.(*httpTransport)
	if !ok || !overHTTP || s.ready.done.Load() {
		return answer{}, true
	}
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	switch {
	case s.ready.done.Load():
		return answer{}, true
	case s.now().Before(s.ready.until):
		return s.ready.last, false
	}
	err := makeReady(p, func(path, content string) ([]byte, error) {
		r := t.ask(ctx, path, content)
		if a = s.judge(r, events); a.outcome == outcomeDelivered {
			return r.Body, nil
		}
		return nil, a.err
	})
	switch {
	case err == nil:
		s.ready.done.Store(true)
		return answer{}, true
	case a.err == nil || !errors.Is(err, a.err):
		a = answer{outcome: outcomeOutage, err: &unready{backend: s.spec.Name, cause: err}}
	case a.outcome != outcomeNoAnswer && a.outcome != outcomeRetry:
		a.outcome = outcomeOutage // a verdict, but about none of the events
	}
	// Nor is how it failed any event's fault.
	a = answer{outcome: a.outcome, status: a.status, err: a.err, wait: a.wait}
	if ctx.Err() == nil {
		s.ready.last, s.ready.until = a, s.now().Add(prepareAgain)
	}
	return a, false
}

// makeReady looks at the backend, does what would make it ready, and looks again.
func makeReady(p backend.Preparer, ask func(path, content string) ([]byte, error)) error {
	path, content, optional := p.Look()
	for again := false; ; again = true {
		answer, err := ask(path, content)
		if err != nil {
			if optional {
				return nil
			}
			return err
		}
		steps, err := p.Ready(answer)
		if err == nil || len(steps) == 0 || again {
			return err
		}
		for _, step := range steps {
			if _, err := ask(path, step); err != nil {
				return err
			}
		}
	}
}

// prepareSoon makes the backend ready in the background, and tells if that fails.
func (e *core) prepareSoon(s *sender) {
	if _, ok := s.enc.(backend.Preparer); !ok {
		return
	}
	s.ready.early.Go(func() {
		timer := time.NewTimer(prepareEarly)
		defer timer.Stop()
		select {
		case <-s.stopping.Done():
		case <-timer.C:
			if a, ok := s.prepare(s.stopping, 0); !ok {
				e.report(a)
			}
		}
	})
}

// unready says that nothing is sent because the backend is not ready. The cause is ours.
type unready struct {
	backend string
	cause   error
}

func (e *unready) Error() string {
	return fmt.Sprintf("api_analytics: %s is not ready: %v", e.backend, e.cause)
}

func (e *unready) Unwrap() error { return e.cause }
