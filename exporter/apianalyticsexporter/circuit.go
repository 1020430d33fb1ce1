// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"sync"
	"time"
)

const (
	// circuitWait is how long nothing is sent after the backend refused our key, so
	// that requests that wait are not halved down to single events each.
	circuitWait = time.Minute
	// circuitFirst is how long after it refused a few events in a row: it may be they.
	// The wait doubles up to circuitWait until the backend takes one.
	circuitFirst = time.Second
)

// circuit keeps requests from being sent for a while. The zero value is closed.
type circuit struct {
	wait time.Duration

	mu    sync.Mutex
	until time.Time
	cause answer
	next  time.Duration // of doubtful trips
}

// trip opens the circuit and returns for how long: for its wait, or, in doubt, for less.
func (c *circuit) trip(now time.Time, cause answer, doubt bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.wait
	if doubt {
		wait = min(wait, max(c.next, circuitFirst))
		c.next = 2 * wait
	}
	cause.wait = wait
	c.until, c.cause = now.Add(wait), cause
	return wait
}

// taken tells that the backend took something.
func (c *circuit) taken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = 0
}

// open reports whether the circuit is open, and then the answer to give: it says
// why, and to come again when the circuit is closed.
func (c *circuit) open(now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.until.Sub(now)
	if left <= 0 {
		return answer{}, false
	}
	a := c.cause
	a.wait = left
	return a, true
}
