// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync"
	"time"
)

// Tally is what is counted of each exchange, without anything that is looked up or
// copied for it: exchanges of one endpoint share a Place, those of one caller a Caller.
type Tally struct {
	Key Key
	// Place is not nil. Caller is nil for calls of nobody. Two that are equal may be told by
	// different pointers, and nothing is changed in them.
	Place  *Place
	Caller *Caller
	// RequestBytes and ResponseBytes are -1 if they are not known.
	RequestBytes, ResponseBytes int64
	Duration                    time.Duration
	Weight                      int64
	Status                      int
	// Bodies is true if a body was captured.
	Bodies bool
}

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
	mask func(string) string

	mu      sync.Mutex
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
	return &Names{
		mask: mask, places: make(table[Place], 1<<placeBits), callers: make(table[Caller], 1<<callerBits), routes: map[string]string{},
	}
}

// Tally makes the tally of an exchange whose names are as they were read.
func (n *Names) Tally(x *Summary) Tally {
	t := Tally{
		Key: x.Key, RequestBytes: x.RequestBytes, ResponseBytes: x.ResponseBytes, Duration: x.Duration,
		Weight: x.Weight, Status: x.Status, Bodies: x.Bodies,
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	t.Place, t.Caller = n.place(x), n.caller(x)
	return t
}

func (n *Names) place(x *Summary) *Place {
	route, flags := x.Route, uint64(0)
	if route == "" {
		route, flags = n.guess(x), 1
	}
	if x.Outgoing {
		flags |= 2
	}
	known := n.places.find(flags, x.Service, x.Method, route, x.Operation)
	if *known == nil {
		*known = &Place{
			Service: n.name(x.Service), Method: n.name(x.Method), Route: n.name(route), Operation: n.name(x.Operation),
			Outgoing: x.Outgoing, Guessed: flags&1 != 0,
		}
	}
	return *known
}

// guess makes a route of a path. What it leaves out of a secret cannot be found any more, so
// secrets go first.
func (n *Names) guess(x *Summary) string {
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

func (n *Names) caller(x *Summary) *Caller {
	who, kind := WhoCalled(x)
	if kind == Anonymous {
		return nil
	}
	known := n.callers.find(uint64(kind), who)
	if *known == nil {
		*known = &Caller{ID: n.name(who), Kind: kind, Label: n.name(x.Label), Company: n.name(x.CompanyID)}
	}
	return *known
}

// name is a name to keep: without secrets, bounded, and of nobody else's memory.
func (n *Names) name(s string) string { return strings.Clone(cut(n.mask(s))) }

// table remembers what was made of some names, two for each set; the older one goes. Names
// are told apart by a hash of 64 bits with a seed of this process alone: two that share one
// are not to be had by chance nor on purpose, and a name is looked at once.
type table[T any] [][2]struct {
	hash uint64
	is   *T
}

// find returns the place of names in the table, which holds nil if they are not known: fill
// it.
func (t table[T]) find(flags uint64, names ...string) **T {
	h := flags * 0x9e3779b97f4a7c15
	for _, s := range names {
		h = bits.RotateLeft64(h, 21)
		if s != "" {
			h ^= maphash.String(seed, s)
		}
	}
	set := &t[h&uint64(len(t)-1)]
	switch {
	case set[0].is != nil && set[0].hash == h:
		return &set[0].is
	case set[1].is != nil && set[1].hash == h:
		return &set[1].is
	case set[0].is != nil:
		set[1] = set[0]
	}
	set[0].hash, set[0].is = h, nil
	return &set[0].is
}
