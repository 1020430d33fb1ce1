// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// firstGrow is the most memory taken on the strength of an announced length.
	firstGrow = 64 << 10
	// secondGrow is the least memory taken for a second piece.
	secondGrow = 2 << 10
)

// inFlight is the number of bytes of bodies held by exchanges in progress, and inStreams
// those of them that streams hold. They are variables of the package, because the budget
// is that of the process.
var inFlight, inStreams atomic.Int64

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
	stream bool  // may last for ever, so its share is one of streams
	size   int64 // announced length, -1 unknown
	seen   int64 // bytes that passed

	// One of these holds the content: str if it came in one piece, else sb. Their
	// memory becomes the attribute's and is never more than limit.
	str string
	sb  strings.Builder
}

// start begins to keep bytes. size is the announced length or -1.
func (c *capture) start(limit int, size, budget int64) {
	c.mu.Lock()
	if c.state == captureOff {
		c.state, c.limit, c.size, c.budget = captureOn, limit, size, max(budget, 0)
	}
	c.mu.Unlock()
}

// unstart undoes start, if nothing has passed since.
func (c *capture) unstart() {
	c.mu.Lock()
	if c.state == captureOn && c.seen == 0 {
		c.state = captureOff
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

func (c *capture) len() int { return len(c.str) + c.sb.Len() }

func (c *capture) keep(p []byte) {
	have := c.len()
	p = p[:min(len(p), c.limit-have)]
	want := c.limit // how much there will be to keep, at most
	if c.size >= 0 && c.size < int64(want) {
		want = int(c.size)
	}
	switch {
	case have == 0 && (c.size < 0 || len(p) >= want):
		if !c.take(len(p)) {
			return
		}
		c.str = string(p)
	case have+len(p) > c.sb.Cap():
		room := max(have+len(p), 2*have, secondGrow)
		if have == 0 {
			room = max(len(p), min(want, firstGrow))
		}
		if !c.grow(min(c.limit, room)) {
			return
		}
		c.sb.Write(p)
	default:
		c.sb.Write(p)
	}
	if c.len() >= c.limit {
		c.state = captureFull
	}
}

// grow makes room for n bytes in all in sb, and moves there what there is.
func (c *capture) grow(n int) bool {
	before := c.held
	if !c.take(n) {
		return false
	}
	have := c.str + c.sb.String() // one of them is empty
	c.str = ""
	c.sb.Reset()
	c.sb.Grow(n)
	c.sb.WriteString(have)
	c.release(before)
	return true
}

// take asks the budget for n bytes more. Without them the capture ends here.
func (c *capture) take(n int) bool {
	if c.budget > 0 {
		if c.stream && !takeStream(int64(n), c.budget) {
			c.shed = true
			c.state = captureFull
			return false
		}
		if inFlight.Add(int64(n)) > c.budget {
			inFlight.Add(-int64(n))
			if c.stream {
				inStreams.Add(-int64(n))
			}
			c.shed = true
			c.state = captureFull
			return false
		}
		c.held += int64(n)
	}
	return true
}

// takeStream takes n bytes of the half of the budget that streams may hold. They last as
// long as their readers like, and what they hold nobody else can use.
func takeStream(n, budget int64) bool {
	if inStreams.Add(n) <= budget/2 {
		return true
	}
	inStreams.Add(-n)
	return false
}

// streams notes that the body is a stream: a part of it was sent before the rest was
// there. What it holds beyond the share of streams it gives up.
func (c *capture) streams() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream || c.budget == 0 || c.state != captureOn && c.state != captureFull {
		return
	}
	if takeStream(c.held, c.budget) {
		c.stream = true
		return
	}
	c.clear()
	c.shed, c.state, c.stream = true, captureFull, true
}

func (c *capture) release(n int64) {
	if n > 0 {
		inFlight.Add(-n)
		if c.stream {
			inStreams.Add(-n)
		}
		c.held -= n
	}
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
	c.str = ""
	c.sb = strings.Builder{}
	c.release(c.held)
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

// limit cuts what was kept for a plan that allows less than the one it was kept for.
func (c *captured) limit(n int) {
	if len(c.content) > n {
		c.content, c.truncated = strings.Clone(c.content[:n]), true
	}
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
	// Middleware that unpacks leaves the announced length of the packed body behind, so
	// the end that was seen counts more.
	r.complete = c.eof && !c.fail || c.seen == c.size
	if keep && r.on {
		r.content = c.str
		if c.sb.Len() > 0 {
			r.content = c.sb.String()
			if c.sb.Cap() > 2*len(r.content) {
				r.content = strings.Clone(r.content)
			}
		}
		r.truncated = c.seen > int64(len(r.content))
	}
	c.clear()
	c.state = captureDone
	return r
}

// soFar is what finish would return, as far as the body has come.
func (c *capture) soFar(bool) captured {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := captured{on: c.state == captureOn || c.state == captureFull, seen: c.seen, first: c.first}
	if r.on {
		r.content = c.str
		if c.sb.Len() > 0 {
			r.content = strings.Clone(c.sb.String())
		}
		r.complete = c.size >= 0 && c.seen >= c.size
		r.truncated = c.seen > int64(len(r.content))
	}
	return r
}

// whole reports whether as much has passed as was announced.
func (c *capture) whole() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size >= 0 && c.seen >= c.size && c.state != captureOff
}

// kept is how many bytes are kept.
func (c *capture) kept() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.len()
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

// ended notes that whoever produces the body has come to its end, unless he has
// announced more.
func (c *capture) ended() {
	c.mu.Lock()
	c.eof = c.eof || c.seen >= c.size
	c.mu.Unlock()
}

// total is how many bytes passed.
func (c *capture) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}
