// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"hash/maphash"
	"math"
	"strings"
	"sync"
)

// Tally is what is counted of each exchange, without anything that is looked up or
// copied for it: exchanges of one endpoint share a Place, those of one caller a Caller.
type Tally struct {
	// Place is not nil. Caller is nil for calls of nobody. Two that are equal may be told by
	// different pointers, and nothing is changed in them.
	Place  *Place
	Caller *Caller
	// ID is Key.Hash: 0 for an exchange without a key.
	ID uint64
	// RequestBytes and ResponseBytes are -1 if they are not known.
	RequestBytes, ResponseBytes int64
	// Micros is how long it took, 71 minutes at most.
	Micros uint32
	// Weight is 1 at least and MaxWeight at most: producers say it.
	Weight uint32
	// Status is 0 for none.
	Status uint16
	// Bodies is true if a body was captured.
	Bodies bool
}

// MaxWeight bounds what one exchange counts.
const MaxWeight = 1 << 20

// Place is an endpoint. Each name has at most MaxName bytes.
type Place struct {
	Service, Method, Route, Operation string
	// Guessed is true if the route was made of the path.
	Outgoing, Guessed bool
}

// Caller is who called. Each name has at most MaxName bytes.
type Caller struct {
	ID, Label, Company string
	Kind               Who
}

// Bounds of what Names remember: 2,048 places, 8,192 callers, and routes that were guessed.
const (
	placeBits, callerBits = 10, 12
	maxRoutes             = 2048
)

// Names makes tallies. It remembers endpoints and callers, so that an exchange of one that
// it knows costs no allocation and no search for secrets. It is for one exporter, whose
// goroutines share it.
type Names struct {
	mask    func(string) string
	batches sync.Pool // *memory

	mu      sync.Mutex // of what follows; held for some nanoseconds an exchange
	places  table[Place]
	callers table[Caller]
	routes  map[string]string // guessed ones
	buf     []byte
}

// NewNames returns Names that take secrets out of names by mask; nil leaves them as they are.
func NewNames(mask func(string) string) *Names {
	if mask == nil {
		mask = func(s string) string { return s }
	}
	n := &Names{
		mask: mask, places: make(table[Place], 1<<placeBits), callers: make(table[Caller], 1<<callerBits), routes: map[string]string{},
	}
	n.batches.New = func() any { return &memory{names: n} }
	return n
}

// batchLen is how many exchanges are counted together. What is looked up for each is not at
// hand, as it was touched long ago: of many at once a processor looks for all together.
const batchLen = 64

// Batch are exchanges that are not counted yet. It is for one goroutine.
type Batch struct {
	*memory

	n, used int // here, and not in the memory, as they are at hand
}

// memory is that of a batch.
type memory struct {
	names  *Names
	all    [batchLen]Summary
	out    [batchLen]Tally
	hashes [batchLen]hashes
}

// Begin begins to count exchanges; End ends it.
func (n *Names) Begin() Batch { return Batch{memory: n.batches.Get().(*memory)} }

// Next is where to write the next exchange, whose names are as they were read: all that is
// counted, as something older stands there. When it is nil, what has been written is to be taken.
func (b *Batch) Next() *Summary {
	if b.n == batchLen {
		return nil
	}
	b.n++
	return &b.all[b.n-1]
}

// Take makes the tallies of what has been written. They are valid until the next Take.
func (b *Batch) Take() []Tally {
	all, out := b.all[:b.n], b.out[:b.n]
	b.used, b.n = max(b.used, b.n), 0
	b.names.tally(out, all, &b.hashes)
	return out
}

// End gives the memory back. Nothing of what was counted is held in it.
func (b *Batch) End() {
	used := max(b.used, b.n)
	clear(b.all[:used])
	clear(b.hashes[:used])
	b.names.batches.Put(b.memory)
	*b = Batch{}
}

// Tally makes the tally of one exchange.
func (n *Names) Tally(x *Summary) Tally {
	b := n.Begin()
	defer b.End()
	*b.Next() = *x
	return b.Take()[0]
}

// tally makes tallies of exchanges in three rounds: what they are called, which of those
// names are known, and what is not known yet.
func (n *Names) tally(out []Tally, all []Summary, h *[batchLen]hashes) {
	for i := range all {
		x := &all[i]
		out[i] = Tally{
			ID: x.Key.Hash(), RequestBytes: x.RequestBytes, ResponseBytes: x.ResponseBytes, Bodies: x.Bodies,
			Micros: uint32(min(max(x.Duration.Microseconds(), 0), math.MaxUint32)), Weight: uint32(min(max(x.Weight, 1), MaxWeight)),
		}
		if 100 <= x.Status && x.Status <= 999 {
			out[i].Status = uint16(x.Status)
		}
		if h[i].guessed = x.Route == ""; h[i].guessed {
			x.Route = n.guess(x)
		}
		// In a batch are often calls of one kind, one behind the other.
		if i > 0 && h[i].guessed == h[i-1].guessed && x.samePlace(&all[i-1]) {
			h[i].place = h[i-1].place
		} else {
			h[i].place = hashPlace(x, h[i].guessed)
		}
		h[i].who, h[i].kind = WhoCalled(x)
		switch {
		case h[i].kind == Anonymous:
			h[i].caller = 0
		case i > 0 && h[i].kind == h[i-1].kind && h[i].who == h[i-1].who:
			h[i].caller = h[i-1].caller
		default:
			h[i].caller = max(1, hashName(h[i].who)^uint64(h[i].kind))
		}
	}
	n.mu.Lock()
	for i := range all {
		out[i].Place, out[i].Caller = n.places.find(h[i].place), n.callers.find(h[i].caller)
	}
	n.mu.Unlock()
	for i := range all {
		x := &all[i]
		if out[i].Place == nil {
			out[i].Place = add(n, n.places, h[i].place, Place{
				Service: n.name(x.Service), Method: n.name(x.Method), Route: n.name(x.Route), Operation: n.name(x.Operation),
				Outgoing: x.Outgoing, Guessed: h[i].guessed,
			})
		}
		if out[i].Caller == nil && h[i].caller != 0 {
			out[i].Caller = add(n, n.callers, h[i].caller, Caller{ID: n.name(h[i].who), Kind: h[i].kind, Label: n.name(x.Label), Company: n.name(x.CompanyID)})
		}
	}
}

// hashes tell the names of an exchange apart: by 64 bits with a seed of this process alone.
// Two that share one are not to be had by chance nor on purpose, so a name is looked at once.
type hashes struct {
	place   uint64
	caller  uint64 // 0 is nobody
	who     string
	kind    Who
	guessed bool // the route was
}

// samePlace is cheap where it says no, as most that differ do so in their routes.
func (x *Summary) samePlace(y *Summary) bool {
	return x.Route == y.Route && x.Method == y.Method && x.Operation == y.Operation && x.Outgoing == y.Outgoing && x.Service == y.Service
}

func hashPlace(x *Summary, guessed bool) uint64 {
	flags := uint64(0)
	if guessed {
		flags = 1
	}
	if x.Outgoing {
		flags |= 2
	}
	return Mix(Mix(hashName(x.Service)^flags, hashName(x.Method)), Mix(hashName(x.Route), hashName(x.Operation)))
}

func hashName(s string) uint64 { return maphash.String(seed, s) }

// guess makes a route of a path. What it leaves out of a secret cannot be found any more, so
// secrets go first.
func (n *Names) guess(x *Summary) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buf = appendGuess(n.buf[:0], x.Outgoing, n.mask(x.Host), n.mask(x.Path))
	route, ok := n.routes[string(n.buf)]
	if !ok {
		if len(n.routes) >= maxRoutes {
			clear(n.routes)
		}
		route = string(n.buf)
		n.routes[route] = route
	}
	return route
}

// name is a name to keep: without secrets, bounded, and of nobody else's memory.
func (n *Names) name(s string) string { return strings.Clone(cut(n.mask(s))) }

// table remembers what was made of some names, two for each set; the older one goes. The
// hashes stand in it, so that what is looked for is found in one place.
type table[T any] [][2]known[T]

type known[T any] struct {
	hash uint64
	is   *T
}

// find returns what the names with a hash have made, or nil if they are not known.
func (t table[T]) find(h uint64) *T {
	set := &t[h&uint64(len(t)-1)]
	switch h {
	case set[0].hash:
		return set[0].is
	case set[1].hash:
		return set[1].is
	}
	return nil
}

// add remembers what names have made. If two goroutines do it at once, the second gets what the first has made.
func add[T any](n *Names, t table[T], h uint64, is T) *T {
	n.mu.Lock()
	defer n.mu.Unlock()
	if there := t.find(h); there != nil {
		return there
	}
	set := &t[h&uint64(len(t)-1)]
	set[1], set[0] = set[0], known[T]{h, &is}
	return &is
}
