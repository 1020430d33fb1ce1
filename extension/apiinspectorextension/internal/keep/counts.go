// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"math/rand/v2"
	"strings"
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
	// maxWeight bounds what one exchange counts: producers say it.
	maxWeight = 1 << 20
	// seenBits is the size of the table that finds exchanges told twice: 128 KiB, which a
	// processor keeps at hand. Exporters tell them one after the other, so few are between.
	seenBits = 13
	// maxName bounds a name that is kept.
	maxName = 512
)

// Other is the name of what stands together, as it is too much.
const Other = "(other)"

// EndpointKey tells endpoints apart.
type EndpointKey struct {
	Service, Method, Route, Operation string
	Outgoing, Guessed                 bool
}

// endpoint counts one endpoint.
type endpoint struct {
	key       EndpointKey
	id        uint64
	series    series
	consumers distinct
}

// consumer counts one caller.
type consumer struct {
	id, label, company string
	kind               Who
	series             series
	endpoints          distinct
	rank               int64 // calls, with those of the one whose place it took
	approx             bool
	at                 int // in list
}

// Counts are the numbers of all exchanges. It is for one writer; readers take turns
// with it.
type Counts struct {
	bytes atomic.Int64
	seen  atomic.Int64

	mu        sync.Mutex
	since     time.Time
	told      recently
	endpoints map[EndpointKey]*endpoint
	other     *endpoint // what is beyond MaxEndpoints
	others    distinct
	consumers map[string]*consumer
	list      []*consumer
	rest      *consumer // what was beyond MaxConsumers
	anonymous *consumer
	total     series
	routes    map[string]string // folded paths
	buf       []byte
	seconds   [11]struct{ at, n int64 }
	bodies    bool
	keep      grain // of endpoints; shorter if memory is short
}

func newCounts(now time.Time) *Counts {
	c := &Counts{told: newRecently(seenBits)}
	c.reset(now)
	return c
}

func (c *Counts) reset(now time.Time) {
	c.since = now
	c.endpoints, c.consumers, c.list = map[EndpointKey]*endpoint{}, map[string]*consumer{}, nil
	c.other = &endpoint{key: EndpointKey{Route: Other}}
	c.rest, c.anonymous = &consumer{id: Other}, &consumer{kind: Anonymous}
	c.total, c.others, c.routes = series{}, distinct{}, map[string]string{}
	c.keep = grainEndpoint
	c.bytes.Store(2 << 20) // of the tables
}

func (c *Counts) clear(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset(now)
}

// Seen is how many exchanges there were.
func (c *Counts) Seen() int64 { return c.seen.Load() }

// add counts exchanges that were not told yet.
func (c *Counts) add(now time.Time, all []inspect.Summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	secs, ms := now.Unix(), now.UnixMilli()
	n := int64(0)
	for i := range all {
		x := &all[i]
		if x.Key != (inspect.Key{}) && !c.told.add(hashKey(&x.Key)) {
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

func (c *Counts) addOne(secs, ms int64, x *inspect.Summary) {
	if x.Bodies {
		c.bodies = true
	}
	ep := c.endpoint(x)
	who, kind := Caller(x)
	con := c.consumer(who, kind, x)
	weight := uint32(min(max(x.Weight, 1), maxWeight))
	us := uint64(max(x.Duration.Microseconds(), 0))
	us = min(us, 1<<32-1)
	status := uint16(x.Status)
	if x.Status < 100 || x.Status > 999 {
		status = 0
	}
	count := func(s *series, g grain) {
		cell := s.at(secs, g)
		cell.calls += int64(weight)
		cell.in += max(x.RequestBytes, 0) * int64(weight)
		cell.out += max(x.ResponseBytes, 0) * int64(weight)
		cell.max = max(cell.max, uint32(us))
		cell.statuses = addBin(cell.statuses, status, weight)
		cell.latency = addBin(cell.latency, barOf(us, subLatency), weight)
		if s.last = ms; s.first == 0 {
			s.first = ms
		}
		if s != &con.series && x.ResponseBytes >= 0 {
			cell.bytesOut = addBin(cell.bytesOut, barOf(uint64(x.ResponseBytes), subBytes), weight)
		}
	}
	count(&ep.series, c.keep)
	count(&con.series, grainConsumer)
	con.rank += int64(weight)
	if kind != Anonymous {
		ep.consumers.add(hashText(who))
	}
	con.endpoints.add(ep.id)
}

// endpoint finds the endpoint of an exchange, or makes it.
func (c *Counts) endpoint(x *inspect.Summary) *endpoint {
	key := EndpointKey{Service: cut(x.Service), Method: cut(x.Method), Route: cut(x.Route), Operation: cut(x.Operation), Outgoing: x.Outgoing}
	if key.Route == "" {
		key.Guessed = true
		c.buf = appendGuess(c.buf[:0], x)
		route, ok := c.routes[string(c.buf)]
		if !ok {
			if len(c.routes) >= MaxEndpoints {
				route = Other
			} else {
				route = string(c.buf)
				c.routes[route] = route
			}
		}
		key.Route = route
	}
	if ep := c.endpoints[key]; ep != nil {
		return ep
	}
	id := mix(hashText(key.Service)^hashText(key.Method), hashText(key.Route)^hashText(key.Operation)<<1)
	if key.Outgoing {
		id = ^id
	}
	if key.Guessed {
		id++
	}
	if len(c.endpoints) >= MaxEndpoints {
		c.others.add(id)
		c.other.id = 1
		return c.other
	}
	// Of the caller's memory nothing is held.
	key.Service, key.Method = strings.Clone(key.Service), strings.Clone(key.Method)
	key.Route, key.Operation = strings.Clone(key.Route), strings.Clone(key.Operation)
	ep := &endpoint{key: key, id: id}
	c.endpoints[key] = ep
	c.bytes.Add(int64(unsafe.Sizeof(*ep)) + int64(len(key.Service)+len(key.Route)+len(key.Operation)) + 256)
	return ep
}

func cut(s string) string { return s[:min(len(s), maxName)] }

// consumer finds who called, or makes room for them: the place is taken from one of the
// rarest, whose numbers go to the rest.
func (c *Counts) consumer(who string, kind Who, x *inspect.Summary) *consumer {
	if kind == Anonymous {
		return c.anonymous
	}
	who = cut(who)
	if con := c.consumers[who]; con != nil {
		return con
	}
	con := &consumer{id: strings.Clone(who), kind: kind, label: strings.Clone(cut(x.Label)), company: strings.Clone(cut(x.CompanyID))}
	if len(c.list) < MaxConsumers {
		con.at = len(c.list)
		c.list = append(c.list, con)
		c.bytes.Add(int64(unsafe.Sizeof(*con)) + int64(len(con.id)+len(con.label)+len(con.company)) + 256)
	} else {
		rarest := c.list[rand.IntN(len(c.list))]
		for range 15 {
			if o := c.list[rand.IntN(len(c.list))]; o.rank < rarest.rank {
				rarest = o
			}
		}
		delete(c.consumers, rarest.id)
		for i := range rarest.series.fine {
			o := &rarest.series.fine[i]
			c.rest.series.at(o.from, grainConsumer).add(o)
		}
		c.rest.series.last = rarest.series.last
		con.at, con.rank, con.approx = rarest.at, rarest.rank, true
		c.list[con.at] = con
	}
	c.consumers[con.id] = con
	return con
}

// sweep makes room: old numbers are held in less detail, or dropped.
func (c *Counts) sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Unix()%60 != 0 && c.bytes.Load() < maxCountBytes {
		return
	}
	size := int64(2 << 20)
	for key, ep := range c.endpoints {
		ep.series.fold(now.Unix(), c.keep)
		if len(ep.series.fine)+len(ep.series.coarse) == 0 {
			delete(c.endpoints, key)
			continue
		}
		size += ep.series.size() + 512
	}
	c.other.series.fold(now.Unix(), c.keep)
	for i := 0; i < len(c.list); i++ {
		con := c.list[i]
		con.series.fold(now.Unix(), grainConsumer)
		if len(con.series.fine)+len(con.series.coarse) == 0 {
			delete(c.consumers, con.id)
			last := len(c.list) - 1
			c.list[i] = c.list[last]
			c.list[i].at = i
			c.list = c.list[:last]
			i--
			continue
		}
		size += con.series.size() + 512
	}
	c.rest.series.fold(now.Unix(), grainConsumer)
	c.anonymous.series.fold(now.Unix(), grainConsumer)
	c.bytes.Store(size)
	switch {
	case size > maxCountBytes && c.keep.keepFine > 65*time.Minute:
		c.keep.keepFine = max(65*time.Minute, c.keep.keepFine/2)
	case size > maxCountBytes && c.keep.keepCoarse > 6*time.Hour:
		c.keep.keepCoarse /= 2
	}
}

// maxCountBytes bounds the numbers: what is older is held in less detail.
const maxCountBytes = 16 << 20
