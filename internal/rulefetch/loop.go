// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package rulefetch asks vendors for blocking rules, again and again: for package guard in
// a service, and for the extension api_policy, which asks once for all services. What is
// asked stays as it was while there is no answer, or one that is none. No error holds a
// key, an address, or anything of an answer.
//
// The package imports the standard library, and of ours what does the same.
package rulefetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Times.
const (
	// DefaultInterval is how often a vendor is asked, a tenth more or less.
	DefaultInterval = time.Minute
	// LongPoll is how long a server may let us wait for something new.
	LongPoll       = 30 * time.Second
	firstBackoff   = time.Second
	requestTimeout = 30 * time.Second
)

// Fetch asks once. wait is when to ask again, 0 for the interval.
type Fetch func(context.Context) (wait time.Duration, err error)

// Loop calls a Fetch at an interval, sooner after failures.
type Loop struct {
	fetch    Fetch
	interval time.Duration
	report   func(error)
	pause    func() time.Duration

	good  atomic.Int64 // when it last succeeded, Unix nanoseconds; 0 is never
	start time.Time
	wake  chan struct{}
	first chan struct{} // closed after the first attempt
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// Start begins to call fetch. report is told of failures, each once until another comes, or
// success; it must not block. pause replaces the interval; nil is the interval, a tenth
// more or less.
func Start(fetch Fetch, interval time.Duration, report func(error), pause func() time.Duration) *Loop {
	ctx, stop := context.WithCancel(context.Background())
	l := &Loop{
		fetch: fetch, interval: interval, report: report, pause: pause, start: time.Now(),
		wake: make(chan struct{}, 1), first: make(chan struct{}), stop: stop,
	}
	if l.pause == nil {
		l.pause = func() time.Duration { return interval - interval/10 + rand.N(interval/5+1) } //nolint:gosec // spreads requests
	}
	l.done.Go(func() { l.run(ctx) })
	return l
}

// Age is how long ago fetch succeeded; since the start if it never did.
func (l *Loop) Age() time.Duration {
	if at := l.good.Load(); at != 0 {
		return time.Since(time.Unix(0, at))
	}
	return time.Since(l.start)
}

// Wait waits for the end of the first attempt, or for ctx.
func (l *Loop) Wait(ctx context.Context) error {
	select {
	case <-l.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refresh makes it fetch soon, instead of at the interval.
func (l *Loop) Refresh() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Close ends it and waits for that. It may be called more than once.
func (l *Loop) Close() {
	l.stop()
	l.done.Wait()
}

func (l *Loop) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	backoff, first, said := firstBackoff, true, ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		wait, err := l.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if s := err.Error(); s != said {
				said = s
				l.report(err)
			}
			wait = max(wait, min(backoff, l.interval))
			backoff = min(2*backoff, l.interval)
		default:
			l.good.Store(time.Now().UnixNano())
			backoff, said = firstBackoff, ""
			if wait == 0 {
				wait = l.pause()
			}
		}
		if first {
			close(l.first)
			first = false
		}
		timer.Reset(wait)
	}
}

func (l *Loop) once(ctx context.Context) (wait time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("reading the rules failed")
		}
	}()
	return l.fetch(ctx)
}
