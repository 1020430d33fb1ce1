// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
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
	alone  bool  // is likely to become one, so slabs are left to others
	size   int64 // announced length, -1 unknown
	seen   int64 // bytes that passed

	// buf holds the content. Its memory becomes the attribute's and is never more than
	// limit; it is ours alone, or a piece of slab.
	buf  []byte
	slab *slab
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

func (c *capture) keep(p []byte) {
	have := len(c.buf)
	p = p[:min(len(p), c.limit-have)]
	if need := have + len(p); need > cap(c.buf) {
		room := max(need, 2*have, secondGrow)
		if have == 0 {
			if room = len(p); c.size >= 0 { // how much there will be to keep, at most
				room = max(room, int(min(c.size, firstGrow)))
			}
		}
		if !c.grow(min(c.limit, room)) {
			return
		}
	}
	if c.buf = append(c.buf, p...); len(c.buf) >= c.limit {
		c.state = captureFull
	}
}

// grow makes room for n bytes in all, and moves there what there is. Without memory the
// capture ends here.
func (c *capture) grow(n int) bool {
	buf, from := c.cut(n)
	before, mine := c.held, from == nil
	if mine {
		if !c.take(n) {
			c.shed, c.state = true, captureFull
			return false
		}
		buf = rawBytes(n)
	}
	c.move(buf, from, before)
	return true
}

// cut takes a piece of a slab, unless the body is a stream, which may hold it for ever.
func (c *capture) cut(n int) ([]byte, *slab) {
	if c.stream || c.alone {
		return nil, nil
	}
	return cutSlab(n, c.budget)
}

// move copies what there is to buf, and gives back what it had: before bytes of the
// budget, or a piece of a slab.
func (c *capture) move(buf []byte, to *slab, before int64) {
	c.buf = append(buf, c.buf...)
	if c.slab != nil {
		c.slab.drop()
	}
	c.slab = to
	c.release(before)
}

// take asks the budget for n bytes more.
func (c *capture) take(n int) bool {
	if c.budget > 0 {
		if c.stream && !takeStream(int64(n), c.budget) {
			return false
		}
		if inFlight.Add(int64(n)) > c.budget {
			inFlight.Add(-int64(n))
			if c.stream {
				inStreams.Add(-int64(n))
			}
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
	if c.stream || c.budget == 0 && c.slab == nil || c.state != captureOn && c.state != captureFull {
		return
	}
	held := c.held
	if c.slab != nil {
		held = int64(len(c.buf))
	}
	switch {
	case c.budget > 0 && !takeStream(held, c.budget):
		c.clear()
		c.shed, c.state = true, captureFull
	case c.slab != nil:
		c.leaveSlab()
	}
	c.stream = true
}

// leaveSlab moves the content out of a slab, which would be held for as long as the
// stream lasts. Its share of what streams may hold is taken already.
func (c *capture) leaveSlab() {
	buf := rawBytes(len(c.buf))
	if c.budget > 0 {
		c.held = int64(len(c.buf))
		inFlight.Add(c.held)
	}
	c.move(buf, nil, 0)
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
	c.buf = nil
	if c.slab != nil {
		c.slab.drop()
		c.slab = nil
	}
	c.release(c.held)
}

// captured is the result of a capture.
type captured struct {
	content   string
	on        bool // was captured, even if nothing came
	truncated bool // content is only a prefix of what passed
	complete  bool // the body ended, as far as can be told
	shed      bool
	stream    bool
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
		on:     c.state == captureOn || c.state == captureFull,
		shed:   c.shed,
		stream: c.stream,
		seen:   c.seen,
		first:  c.first,
	}
	if c.state == captureDone {
		return captured{}
	}
	// Middleware that unpacks leaves the announced length of the packed body behind, so
	// the end that was seen counts more.
	r.complete = c.eof && !c.fail || c.seen == c.size
	if keep && r.on {
		// Nobody writes to it any more.
		r.content = unsafe.String(unsafe.SliceData(c.buf), len(c.buf))
		if cap(c.buf) > 2*len(c.buf) {
			r.content = strings.Clone(r.content)
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
		r.content = string(c.buf)
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
	return len(c.buf)
}

// room is how many bytes more would be kept.
func (c *capture) room() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != captureOn {
		return 0
	}
	return int64(c.limit - len(c.buf))
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

// open reports whether more may follow.
func (c *capture) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.state == captureOn || c.state == captureFull) && !c.eof && !c.fail && (c.size < 0 || c.seen < c.size)
}

// total is how many bytes passed.
func (c *capture) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}
