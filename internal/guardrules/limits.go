// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// MaxKeys bounds what rate limits count at once: callers times rules.
const MaxKeys = 100_000

// Limits counts for rate limits. It outlives sets, so that new rules do not forget who was
// counted.
type Limits struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time

	mu      sync.Mutex
	keys    map[string]*counter
	swept   time.Time
	refused int64
}

// counter is the window of one key: calls in this interval and in the one before.
type counter struct {
	start      time.Time
	interval   time.Duration
	prev, curr uint32
	until      time.Time // blocked
}

func (l *Limits) now() time.Time {
	if l == nil || l.Now == nil {
		return time.Now()
	}
	return l.Now()
}

func (l *Limits) blocked(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.keys[key]
	return c != nil && now.Before(c.until)
}

// Count counts a request that was served, for the rules that limit how often: q has the
// status of its response.
func (s *Set) Count(q *Request, l *Limits) {
	if !s.NeedsStatus() || l == nil {
		return
	}
	now := l.now()
	for _, r := range s.waf.rules {
		if r.rate && (r.end.IsZero() || !now.After(r.end)) && r.fulfilled(q, nil) {
			l.count(r, r.key(q), now)
		}
	}
}

func (l *Limits) count(r *wafRule, key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	c := l.keys[key]
	if c == nil || c.interval != r.interval {
		if c == nil && len(l.keys) >= MaxKeys {
			l.refused++
			return
		}
		if l.keys == nil {
			l.keys = map[string]*counter{}
		}
		l.keys[key] = &counter{start: now, interval: r.interval, curr: 1}
		return
	}
	switch passed := now.Sub(c.start); {
	case passed >= 2*c.interval || passed < 0:
		c.start, c.prev, c.curr = now, 0, 0
	case passed >= c.interval:
		c.start, c.prev, c.curr = c.start.Add(c.interval), c.curr, 0
	}
	c.curr++
	rest := 1 - float64(now.Sub(c.start))/float64(c.interval)
	if uint32(float64(c.prev)*rest+float64(c.curr)) >= r.threshold {
		c.until = now.Add(r.duration)
		c.start, c.prev, c.curr = now, 0, 1
	}
}

// sweep forgets what is over, once a minute.
func (l *Limits) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Minute && len(l.keys) < MaxKeys {
		return
	}
	if len(l.keys) >= MaxKeys && now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for k, c := range l.keys {
		if now.After(c.until) && now.Sub(c.start) > 2*c.interval {
			delete(l.keys, k)
		}
	}
}

// Refused is how many calls were not counted because MaxKeys were.
func (l *Limits) Refused() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

func sortPairs(p []pair) {
	slices.SortFunc(p, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
}
