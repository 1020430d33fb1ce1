// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package poll asks a service again and again for something small, with the standard
// library only: a key, or rules. What it has given stays in use while it is away; who asks
// sees to that. No error holds a credential, an address, or anything of an answer.
package poll

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Fetch asks once. wait is when to ask again, 0 for the interval.
type Fetch func(context.Context) (wait time.Duration, err error)

// Pace is how often a Loop asks.
type Pace struct {
	// Interval is the time between successes, a tenth more or less, so that many processes
	// do not ask at once.
	Interval time.Duration
	// Pause replaces that, if it is not nil.
	Pause func() time.Duration
	// Backoff is the wait after a first failure, 0 for a second. It doubles up to
	// MaxBackoff, 0 for the interval.
	Backoff, MaxBackoff time.Duration
}

// Loop calls a Fetch at an interval, sooner after failures.
type Loop struct {
	fetch  Fetch
	pace   Pace
	report func(error)

	good  atomic.Int64 // when it last succeeded, Unix nanoseconds; 0 is never
	start time.Time
	wake  chan struct{}
	hint  chan time.Duration
	first chan struct{} // closed after the first attempt
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// Start begins to call fetch. report is told of failures by the goroutine that calls
// fetch, each once until another comes, or success; it must not block.
func Start(fetch Fetch, p Pace, report func(error)) *Loop {
	ctx, stop := context.WithCancel(context.Background())
	if p.Pause == nil {
		p.Pause = func() time.Duration { return p.Interval - p.Interval/10 + rand.N(p.Interval/5+1) } //nolint:gosec // spreads requests
	}
	if p.Backoff == 0 {
		p.Backoff = time.Second
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = p.Interval
	}
	l := &Loop{
		fetch: fetch, pace: p, report: report, start: time.Now(),
		wake: make(chan struct{}, 1), hint: make(chan time.Duration, 1), first: make(chan struct{}), stop: stop,
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

// Hint tells that there may be something new: it fetches before the interval is over, but
// not sooner than after the last attempt. A failure is waited out. What is told while it
// fetches counts for nothing, since the answer may be the new one.
func (l *Loop) Hint(after time.Duration) {
	select {
	case l.hint <- after:
	default:
	}
}

// Close ends it and waits for that. It may be called more than once.
func (l *Loop) Close() {
	l.stop()
	l.done.Wait()
}

func (l *Loop) run(ctx context.Context) {
	var last, due time.Time // due: at once
	timer := time.NewTimer(0)
	defer timer.Stop()
	backoff, first, said := l.pace.Backoff, true, ""
	for {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case after := <-l.hint:
			if t := last.Add(after); said == "" && t.Before(due) {
				due = t
			}
			continue
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
			wait = max(wait, min(backoff, l.pace.MaxBackoff))
			backoff = min(2*backoff, l.pace.MaxBackoff)
		default:
			l.good.Store(time.Now().UnixNano())
			backoff, said = l.pace.Backoff, ""
			if wait == 0 {
				wait = l.pace.Pause()
			}
		}
		if first {
			close(l.first)
			first = false
		}
		last = time.Now()
		due = last.Add(wait)
		select {
		case <-l.hint:
		default:
		}
	}
}

func (l *Loop) once(ctx context.Context) (wait time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("reading the answer failed")
		}
	}()
	return l.fetch(ctx)
}
