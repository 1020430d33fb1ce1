// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/apispan/apispan/internal/inspect"
)

const (
	// ticksPerSecond is how often the store takes what has come, and looks at the rate.
	ticksPerSecond = 10
	// recentSlots remember traces that were taken, so that all spans of one are.
	recentSlots = 4096
	// recentTicks is for how long.
	recentTicks = 2 * ticksPerSecond
)

// rate decides whose details are kept: those whose trace id hashes below a threshold
// that follows the rate at which details arrive. The seed of the hash is the process's
// own, so that no caller can choose to be seen or not.
type rate struct {
	perSecond, burst float64

	threshold atomic.Uint64
	// ceiling is the highest threshold of the last recentTicks: what hashes above it was not
	// taken, and need not be looked for.
	ceiling atomic.Uint64
	tick    atomic.Uint32
	// closed is true while far more than wanted has come, whatever the threshold: one trace
	// may have any number of exchanges.
	closed atomic.Bool
	made   atomic.Int64 // records since the last tick
	recent [recentSlots]atomic.Uint64

	// Only the ticking goroutine uses these. passing is how many exchanges a second there are,
	// with details or without.
	tokens, average, passing float64
	seen                     int64
	thresholds               [recentTicks]uint64
}

func newRate(perSecond int) *rate {
	r := &rate{perSecond: float64(perSecond), burst: max(300, 6*float64(perSecond))}
	r.tokens = r.burst
	r.set(math.MaxUint64)
	return r
}

// set changes the threshold. The ceiling is never below it.
func (r *rate) set(threshold uint64) {
	r.thresholds[r.tick.Load()%recentTicks] = threshold
	r.ceiling.Store(slices.Max(r.thresholds[:]))
	r.threshold.Store(threshold)
}

// wants answers in some nanoseconds.
func (r *rate) wants(k *inspect.Key) bool {
	if r.closed.Load() {
		return false
	}
	h := k.HashTrace()
	if h > r.ceiling.Load() {
		return false
	}
	now := r.tick.Load()
	slot := &r.recent[h%recentSlots]
	// The upper bits of the hash and the tick in which the trace was taken.
	const low = 1<<16 - 1
	if old := slot.Load(); old&^low == h&^low && uint16(now)-uint16(old) < recentTicks {
		return true
	}
	if h > r.threshold.Load() {
		return false
	}
	slot.Store(h&^low | uint64(now)&low)
	return true
}

// took counts a record.
func (r *rate) took() {
	if n := r.made.Add(1); float64(n) > 2*r.burst {
		r.closed.Store(true)
	}
}

// sampling is the share of traces that is taken, 0 to 1.
func (r *rate) sampling() float64 { return float64(r.threshold.Load()) / math.MaxUint64 }

const (
	// manyTimes is how many times more exchanges than details make a busy Collector, and
	// fewest the part of the details that stays however busy it is: nobody reads faster.
	manyTimes = 20
	fewest    = 0.1
)

// wanted is how many details a second there may be: fewer of a Collector that is busy, so
// that the share of its time that they take stays small.
func (r *rate) wanted() float64 {
	share := manyTimes * r.perSecond / max(r.passing, 1)
	return r.perSecond * min(1, max(fewest, share*share))
}

// adapt is called ticksPerSecond times a second, with how many exchanges there were so far.
func (r *rate) adapt(seen int64) {
	r.passing += (float64(seen-r.seen)*ticksPerSecond - r.passing) / ticksPerSecond
	r.seen = seen
	perSecond := r.wanted()
	r.tick.Add(1)
	made := float64(r.made.Swap(0))
	now := made * ticksPerSecond
	// Up at once, down over a second.
	if now > r.average {
		r.average = now
	} else {
		r.average += (now - r.average) / ticksPerSecond
	}
	r.tokens = min(r.burst, r.tokens+perSecond/ticksPerSecond-made)
	if r.tokens < -r.burst {
		r.tokens = -r.burst
	}
	switch {
	case r.tokens <= -r.burst:
		r.closed.Store(true)
	case r.tokens > -r.burst/2:
		r.closed.Store(false)
	}
	p := r.sampling()
	switch {
	case r.tokens >= r.burst/4:
		p *= 1.2
	default:
		// What is left of the burst goes slowly; then the rate is a little below what is wanted.
		p *= min(1.1, 0.9*perSecond/max(r.average, 1))
	}
	p = min(1, max(p, 1e-6))
	if p == 1 {
		r.set(math.MaxUint64)
		return
	}
	r.set(uint64(p * math.MaxUint64))
}
