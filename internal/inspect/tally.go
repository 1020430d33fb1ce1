// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
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
// it knows costs no allocation, no search for secrets and no lock: processors do not wait for
// each other, nor for each other's memory. It is for one exporter, whose goroutines share it.
type Names struct {
	mask func(string) string

	places  table[Place]
	callers table[Caller]

	mu     sync.Mutex        // of what is not known yet
	routes map[string]string // guessed ones
	buf    []byte
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
func (n *Names) Tally(x *Summary) (t Tally) {
	n.fill(&t, x)
	return t
}

// Append appends the tally of an exchange to those of its batch.
func (n *Names) Append(all []Tally, x *Summary) []Tally {
	if len(all) < cap(all) {
		all = all[:len(all)+1] // fill sets all of it
	} else {
		all = append(all, Tally{})
	}
	n.fill(&all[len(all)-1], x)
	return all
}

// fill sets every part of a tally.
func (n *Names) fill(t *Tally, x *Summary) {
	t.Key, t.RequestBytes, t.ResponseBytes, t.Duration = x.Key, x.RequestBytes, x.ResponseBytes, x.Duration
	t.Weight, t.Status, t.Bodies = x.Weight, x.Status, x.Bodies
	t.Place, t.Caller = n.place(x), n.caller(x)
}

func (n *Names) place(x *Summary) *Place {
	route, flags := x.Route, byte(0)
	if route == "" {
		route, flags = n.guess(x), 1
	}
	if x.Outgoing {
		flags |= 2
	}
	// One hash of all names, each with its length before it, takes half the time of one for each.
	b := append(make([]byte, 0, 256), flags) // on the stack
	b = appendName(appendName(appendName(appendName(b, x.Service), x.Method), route), x.Operation)
	h := maphash.Bytes(seed, b)
	if p := n.places.find(h); p != nil {
		return p
	}
	return add(n, n.places, h, Place{
		Service: n.name(x.Service), Method: n.name(x.Method), Route: n.name(route), Operation: n.name(x.Operation),
		Outgoing: x.Outgoing, Guessed: flags&1 != 0,
	})
}

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

func (n *Names) caller(x *Summary) *Caller {
	who, kind := WhoCalled(x)
	if kind == Anonymous {
		return nil
	}
	h := maphash.String(seed, who) + uint64(kind)
	if c := n.callers.find(h); c != nil {
		return c
	}
	return add(n, n.callers, h, Caller{ID: n.name(who), Kind: kind, Label: n.name(x.Label), Company: n.name(x.CompanyID)})
}

// name is a name to keep: without secrets, bounded, and of nobody else's memory.
func (n *Names) name(s string) string { return strings.Clone(cut(n.mask(s))) }

// longName is the length from which a name stands in a text to hash by its own hash.
const longName = 128

func appendName(b []byte, name string) []byte {
	b = binary.AppendUvarint(b, uint64(len(name)))
	if len(name) >= longName {
		return binary.LittleEndian.AppendUint64(b, maphash.String(seed, name))
	}
	return append(b, name...)
}

// table remembers what was made of some names, two for each set; the older one goes. Names
// are told apart by a hash of 64 bits with a seed of this process alone: two that share one
// are not to be had by chance nor on purpose, and a name is looked at once.
type table[T any] [][2]atomic.Pointer[known[T]]

type known[T any] struct {
	hash uint64
	is   T
}

// find returns what the names with a hash have made, or nil if they are not known.
func (t table[T]) find(h uint64) *T {
	set := &t[h&uint64(len(t)-1)]
	for i := range set {
		if k := set[i].Load(); k != nil && k.hash == h {
			return &k.is
		}
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
	k := &known[T]{h, is}
	set[1].Store(set[0].Swap(k))
	return &k.is
}
