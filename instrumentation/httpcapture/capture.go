// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// scratchSize is the pooled memory in which a body of unknown length is put
// together. It is two default limits, so that with default settings every such
// body costs exactly one allocation, its own.
const scratchSize = 16 << 10

type scratch [scratchSize]byte

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// firstGrow is the most memory taken on the strength of an announced length.
const firstGrow = 64 << 10

// inFlight is the number of bytes of bodies held by exchanges in progress. It is
// the one variable of the package, because the budget is that of the process.
var inFlight atomic.Int64

type captureState uint8

const (
	captureOff  captureState = iota // only count
	captureOn                       // keep bytes
	captureFull                     // limit reached or memory refused; only count
	captureDone                     // finished; nothing may be touched
)

// capture keeps the first bytes of one body as they pass. Bytes come from
// whichever goroutine reads or writes the body, possibly after the handler has
// returned, hence the lock; it is never held across somebody else's Read or Write.
type capture struct {
	mu    sync.Mutex
	state captureState
	shed  bool // memory was refused
	eof   bool // the body ended
	fail  bool // an error ended it
	first int  // bytes of the first piece, at most 512

	limit  int
	budget int64 // of the process; 0 = none
	held   int64 // what of it is ours
	size   int64 // announced length, -1 unknown
	seen   int64 // bytes that passed

	// One of these holds the content: str if one piece was all, else sb if the
	// length is known or large, else pool.
	str  string
	sb   strings.Builder
	pool *scratch
	n    int
}

// start begins to keep bytes. size is the announced length or -1.
func (c *capture) start(limit int, size, budget int64) {
	c.mu.Lock()
	if c.state == captureOff {
		c.state, c.limit, c.size, c.budget = captureOn, limit, size, max(budget, 0)
	}
	c.mu.Unlock()
}

// add takes what passed in one call and the error that came with it. It never
// changes p and keeps no reference to it.
func (c *capture) add(p []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == captureDone {
		return
	}
	if len(p) > 0 {
		if c.seen == 0 {
			c.first = min(len(p), 512)
		}
		c.seen += int64(len(p))
		if c.state == captureOn {
			c.keep(p)
		}
	}
	switch err {
	case nil:
	case io.EOF:
		c.eof = true
	default:
		c.fail = true
	}
}

func (c *capture) len() int { return len(c.str) + c.sb.Len() + c.n }

func (c *capture) keep(p []byte) {
	want := c.limit // how much there will be to keep, at most
	if c.size >= 0 && c.size < int64(want) {
		want = int(c.size)
	}
	if room := c.limit - c.len(); len(p) >= room {
		p = p[:room]
	}
	switch have := c.len(); {
	case have == 0 && len(p) >= want:
		if c.take(len(p)) {
			c.str = string(p)
		}
		c.state = captureFull
		return
	case have == 0 && c.size < 0 && c.limit <= scratchSize, c.pool == nil && have == 0 && c.size < 0:
		if !c.take(scratchSize) {
			return
		}
		c.pool = scratchPool.Get().(*scratch)
	case have == 0:
		if !c.grow(min(want, firstGrow)) {
			return
		}
	}
	if c.pool != nil && c.n+len(p) > scratchSize {
		n := c.n
		if !c.grow(min(c.limit, max(firstGrow, n+len(p)))) {
			return
		}
		c.sb.Write(c.pool[:n])
		c.dropPool()
	}
	if c.pool != nil {
		c.n += copy(c.pool[c.n:], p)
	} else {
		if c.sb.Len()+len(p) > c.sb.Cap() && !c.grow(min(c.limit, max(2*c.sb.Cap(), c.sb.Len()+len(p)))) {
			return
		}
		c.sb.Write(p)
	}
	if c.len() >= c.limit {
		c.state = captureFull
	}
}

// grow makes room for n bytes in all in sb.
func (c *capture) grow(n int) bool {
	if !c.take(n) {
		return false
	}
	old, oldCap := c.sb.String(), c.sb.Cap()
	c.sb = strings.Builder{}
	c.sb.Grow(n)
	c.sb.WriteString(old)
	c.release(oldCap)
	return true
}

// take asks the budget for n bytes more. Without them the capture ends here.
func (c *capture) take(n int) bool {
	if c.budget > 0 {
		if inFlight.Add(int64(n)) > c.budget {
			inFlight.Add(-int64(n))
			c.shed = true
			c.state = captureFull
			return false
		}
		c.held += int64(n)
	}
	return true
}

func (c *capture) release(n int) {
	if c.budget > 0 {
		inFlight.Add(-int64(n))
		c.held -= int64(n)
	}
}

func (c *capture) dropPool() {
	c.release(scratchSize)
	scratchPool.Put(c.pool)
	c.pool, c.n = nil, 0
}

// restart forgets what was seen, for a request that is sent again.
func (c *capture) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == captureDone || c.state == captureOff {
		return
	}
	c.clear()
	c.state, c.shed, c.eof, c.fail, c.seen, c.first = captureOn, false, false, false, 0, 0
}

func (c *capture) clear() {
	if c.pool != nil {
		c.dropPool()
	}
	c.str = ""
	c.sb = strings.Builder{}
	if c.held > 0 {
		inFlight.Add(-c.held)
		c.held = 0
	}
}

// captured is the result of a capture.
type captured struct {
	content   string
	on        bool // was captured, even if nothing came
	truncated bool // content is only a prefix of what passed
	complete  bool // the body ended, as far as can be told
	shed      bool
	seen      int64
	first     int
}

// finish ends the capture; what passes later is not looked at. With keep false
// the content is thrown away.
func (c *capture) finish(keep bool) captured {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := captured{
		on:    c.state == captureOn || c.state == captureFull,
		shed:  c.shed,
		seen:  c.seen,
		first: c.first,
	}
	if c.state == captureDone {
		return captured{}
	}
	if r.complete = c.eof && !c.fail; c.size >= 0 {
		r.complete = c.seen >= c.size
	}
	if keep && r.on {
		switch {
		case c.pool != nil:
			r.content = string(c.pool[:c.n])
		case c.sb.Len() > 0:
			r.content = c.sb.String()
			if c.sb.Cap() > 2*len(r.content) {
				r.content = strings.Clone(r.content)
			}
		default:
			r.content = c.str
		}
		r.truncated = c.seen > int64(len(r.content))
	}
	c.clear()
	c.state = captureDone
	return r
}

// room is how many bytes more would be kept.
func (c *capture) room() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != captureOn {
		return 0
	}
	return int64(c.limit - c.len())
}

// count takes note of bytes that passed unseen.
func (c *capture) count(n int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != captureDone {
		c.seen += n
		c.fail = c.fail || err != nil
	}
}

// ended notes that whoever produces the body has come to its end.
func (c *capture) ended() {
	c.mu.Lock()
	c.eof = true
	c.mu.Unlock()
}

// total is how many bytes passed.
func (c *capture) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}
