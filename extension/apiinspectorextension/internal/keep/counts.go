// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/apispan/apispan/internal/inspect"
)

// Bounds of what is counted.
const (
	MaxEndpoints = 2_000
	MaxConsumers = 10_000
	// seenBits is the size of the table that finds exchanges told twice: 128 KiB, which a
	// processor keeps at hand. Exporters tell them one after the other, so few are between.
	seenBits = 13
	// maxKnown bounds the pointers by which endpoints and consumers are found: exporters tell
	// the same ones again and again, and rarely new ones for what is known.
	maxKnown = 32 << 10
)

// Other is the name of what stands together, as it is too much.
const Other = "(other)"

// counted is what is counted of one endpoint, or of one caller.
type counted struct {
	id     uint64 // a hash of the names
	series series
	with   distinct // the callers of an endpoint, the endpoints of a caller
	rank   int64    // calls, with those of the one whose place it took
	gone   bool
}

// add counts a call and returns the cell that it is counted in.
func (c *counted) add(secs, ms int64, g grain, x *inspect.Tally) *cell {
	s := &c.series
	cell := s.at(secs, g)
	cell.calls += int64(x.Weight)
	cell.in += max(x.RequestBytes, 0) * int64(x.Weight)
	cell.out += max(x.ResponseBytes, 0) * int64(x.Weight)
	cell.max = max(cell.max, x.Micros)
	cell.statuses = addBin(cell.statuses, x.Status, x.Weight)
	cell.latency = addBin(cell.latency, barOf(uint64(x.Micros), subLatency), x.Weight)
	if s.last = ms; s.first == 0 {
		s.first = ms
	}
	c.rank += int64(x.Weight)
	return cell
}

// endpoint counts one endpoint.
type endpoint struct {
	counted

	key inspect.Place
}

// consumer counts one caller.
type consumer struct {
	inspect.Caller
	counted

	approx bool
	at     int // in list
}

// Counts are the numbers of all exchanges. It is for one writer; readers take turns
// with it.
type Counts struct {
	bytes atomic.Int64
	seen  atomic.Int64

	mu        sync.Mutex
	since     time.Time
	told      recently
	endpoints map[inspect.Place]*endpoint
	ways      []*endpoint // the endpoints
	other     *endpoint   // what was beyond MaxEndpoints
	others    distinct
	consumers map[string]*consumer
	list      []*consumer
	rest      *consumer // what was beyond MaxConsumers
	anonymous *consumer
	places    map[*inspect.Place]*endpoint
	callers   map[*inspect.Caller]*consumer
	last      known // what was counted last: often comes next, too
	seconds   [11]struct{ at, n int64 }
	bodies    bool
	// keep is for how long endpoints are counted, keepWho consumers: shorter if memory is short.
	keep, keepWho grain
}

// known are an endpoint and a caller with the pointers by which they are found.
type known struct {
	place    *inspect.Place
	endpoint *endpoint
	caller   *inspect.Caller
	consumer *consumer
}

func newCounts(now time.Time) *Counts {
	c := &Counts{told: newRecently(seenBits)}
	c.reset(now)
	return c
}

func (c *Counts) reset(now time.Time) {
	c.since = now
	c.endpoints, c.consumers, c.ways, c.list = map[inspect.Place]*endpoint{}, map[string]*consumer{}, nil, nil
	c.places, c.callers, c.last = map[*inspect.Place]*endpoint{}, map[*inspect.Caller]*consumer{}, known{}
	c.other, c.others = &endpoint{key: inspect.Place{Route: Other}}, distinct{}
	c.rest, c.anonymous = &consumer{Caller: inspect.Caller{ID: Other}}, &consumer{}
	c.keep, c.keepWho = grainEndpoint, grainConsumer
	c.bytes.Store(3 << 20) // of the tables
}

func (c *Counts) clear(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset(now)
}

// Seen is how many exchanges there were.
func (c *Counts) Seen() int64 { return c.seen.Load() }

// ahead is how many exchanges are looked for together: see recently.has.
const ahead = 64

// add counts exchanges that were not told yet.
func (c *Counts) add(now time.Time, all []inspect.Tally) {
	for part := range slices.Chunk(all, ahead) {
		c.addSome(now, part)
	}
}

func (c *Counts) addSome(now time.Time, all []inspect.Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := uint64(0)
	for i := range all {
		told |= c.told.has(all[i].ID) << i
	}
	secs, ms := now.Unix(), now.UnixMilli()
	n := int64(0)
	for i := range all {
		x := &all[i]
		if x.ID != 0 && (told>>i&1 != 0 || !c.told.add(x.ID)) {
			continue
		}
		n++
		c.addOne(secs, ms, x)
	}
	if n == 0 {
		return
	}
	c.seen.Add(n)
	s := &c.seconds[secs%int64(len(c.seconds))]
	if s.at != secs {
		s.at, s.n = secs, 0
	}
	s.n += n
}

func (c *Counts) addOne(secs, ms int64, x *inspect.Tally) {
	if x.Bodies {
		c.bodies = true
	}
	ep, con := c.endpoint(x.Place), c.consumer(x.Caller)
	cell := ep.add(secs, ms, c.keep, x)
	if x.ResponseBytes >= 0 {
		cell.bytesOut = addBin(cell.bytesOut, barOf(uint64(x.ResponseBytes), subBytes), x.Weight)
	}
	con.add(secs, ms, c.keepWho, x)
	if con != c.anonymous {
		ep.with.add(con.id)
	}
	con.with.add(ep.id)
}

// endpoint finds an endpoint, or makes it.
func (c *Counts) endpoint(p *inspect.Place) *endpoint {
	if c.last.place == p && !c.last.endpoint.gone {
		return c.last.endpoint
	}
	ep := c.places[p]
	if ep == nil || ep.gone {
		ep = c.placeOf(p)
		if len(c.places) >= maxKnown {
			clear(c.places)
		}
		c.places[p] = ep
	}
	c.last.place, c.last.endpoint = p, ep
	return ep
}

func (c *Counts) placeOf(p *inspect.Place) *endpoint {
	key := *p
	if ep := c.endpoints[key]; ep != nil {
		return ep
	}
	id := inspect.Mix(hashText(key.Service)^hashText(key.Method), hashText(key.Route)^hashText(key.Operation)<<1)
	if key.Outgoing {
		id = ^id
	}
	if key.Guessed {
		id++
	}
	ep := &endpoint{key: key, counted: counted{id: id}}
	c.endpoints[key] = ep
	if len(c.ways) >= MaxEndpoints {
		c.collapse(ep)
		return ep
	}
	c.ways = append(c.ways, ep)
	c.bytes.Add(int64(unsafe.Sizeof(*ep)) + int64(len(key.Service)+len(key.Route)+len(key.Operation)) + 256)
	return ep
}

// collapse gives an endpoint the place of one of the rarest, whose numbers go to those that
// stand together: so routes that somebody tries out do not keep one from sight that is used.
func (c *Counts) collapse(ep *endpoint) {
	at := rarest(len(c.ways), func(i int) int64 { return c.ways[i].rank })
	old := c.ways[at]
	c.ways[at], ep.rank = ep, old.rank
	c.others.add(old.id)
	c.other.id = 1
	c.other.series.merge(&old.series)
	delete(c.endpoints, old.key)
	*old = endpoint{counted: counted{gone: true}}
}

// rarest chooses one of n by rank: the lowest of some, which takes the same time however many
// there are, and cannot be foreseen.
func rarest(n int, rank func(i int) int64) int {
	best := rand.IntN(n)
	for range 15 {
		if i := rand.IntN(n); rank(i) < rank(best) {
			best = i
		}
	}
	return best
}

// consumer finds who called; nil is nobody.
func (c *Counts) consumer(who *inspect.Caller) *consumer {
	if who == nil || who.Kind == inspect.Anonymous {
		return c.anonymous
	}
	if c.last.caller == who && !c.last.consumer.gone {
		return c.last.consumer
	}
	con := c.callers[who]
	if con == nil || con.gone {
		con = c.callerOf(who)
		if len(c.callers) >= maxKnown {
			clear(c.callers)
		}
		c.callers[who] = con
	}
	c.last.caller, c.last.consumer = who, con
	return con
}

// callerOf finds a consumer by the id, or makes room: the place is taken from one of the
// rarest, whose numbers go to the rest.
func (c *Counts) callerOf(who *inspect.Caller) *consumer {
	if con := c.consumers[who.ID]; con != nil {
		return con
	}
	con := &consumer{Caller: *who, counted: counted{id: hashText(who.ID)}}
	if len(c.list) < MaxConsumers {
		con.at = len(c.list)
		c.list = append(c.list, con)
		c.bytes.Add(int64(unsafe.Sizeof(*con)) + int64(len(con.ID)+len(con.Label)+len(con.Company)) + 256)
	} else {
		old := c.list[rarest(len(c.list), func(i int) int64 { return c.list[i].rank })]
		c.rest.series.merge(&old.series)
		con.at, con.rank, con.approx = old.at, old.rank, true
		c.list[con.at] = con
		c.drop(old)
	}
	c.consumers[con.ID] = con
	return con
}

// drop forgets a consumer, whose place in the list the caller fills. Nothing of it is held by
// those who know its pointer.
func (c *Counts) drop(con *consumer) {
	delete(c.consumers, con.ID)
	*con = consumer{counted: counted{gone: true}}
}

// sweep makes room: old numbers are held in less detail, or dropped.
func (c *Counts) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Unix()%60 != 0 && c.bytes.Load() < maxCountBytes {
		return
	}
	size := int64(3 << 20)
	c.ways = c.ways[:0]
	for key, ep := range c.endpoints {
		ep.series.fold(now.Unix(), c.keep)
		if len(ep.series.fine)+len(ep.series.coarse) == 0 {
			delete(c.endpoints, key)
			*ep = endpoint{counted: counted{gone: true}}
			continue
		}
		c.ways = append(c.ways, ep)
		size += ep.series.size() + 512
	}
	c.other.series.fold(now.Unix(), c.keep)
	callers := int64(0)
	for i := 0; i < len(c.list); i++ {
		con := c.list[i]
		con.series.fold(now.Unix(), c.keepWho)
		if len(con.series.fine)+len(con.series.coarse) == 0 {
			c.drop(con)
			last := len(c.list) - 1
			c.list[i] = c.list[last]
			c.list[i].at = i
			c.list = c.list[:last]
			i--
			continue
		}
		callers += con.series.size() + 512
	}
	size += callers
	c.rest.series.fold(now.Unix(), c.keepWho)
	c.anonymous.series.fold(now.Unix(), c.keepWho)
	c.bytes.Store(size)
	switch {
	case size <= maxCountBytes:
	case c.keep.keepFine > 65*time.Minute:
		c.keep.keepFine = max(65*time.Minute, c.keep.keepFine/2)
	case callers > size/2 && c.keepWho.keepCoarse > 6*time.Hour:
		c.keepWho.keepCoarse /= 2
	case c.keep.keepCoarse > 6*time.Hour:
		c.keep.keepCoarse /= 2
	}
}

// maxCountBytes bounds the numbers: what is older is held in less detail.
const maxCountBytes = 16 << 20
