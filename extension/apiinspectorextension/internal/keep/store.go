// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

// Limits that nobody sets.
const (
	// MaxPinned exchanges stay although they are old, until their time is over.
	MaxPinned = 20
	// MaxVendorBytes bounds the events of one exchange, over all backends.
	MaxVendorBytes = 256 << 10

	maxAttempts  = 20 // of one event; the first ones and the last are kept
	changesKept  = 8192
	maxBackends  = 32
	maxItems     = 8 // events that were made of an exchange for one exporter, one after the other
	maxStages    = 8
	maxDecisions = 512
)

// Config bounds a Store.
type Config struct {
	MaxExchanges     int
	MaxBytes         int64
	TTL              time.Duration
	DetailsPerSecond int
	ShowRaw          bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// NotShown is told of what could not be kept up with; may be nil.
	NotShown func(what string, n int64)
}

// What NotShown counts.
const (
	LostDetails = "details" // of exchanges, or a part of them
	LostNumbers = "numbers" // exchanges that are not counted
	LostLarge   = "large"   // parts of exchanges that are too large for the memory there is
)

// Store is an inspect.Sink that keeps what it is given.
type Store struct {
	State

	cfg    Config
	rate   *rate
	Counts *Counts
	Rules  *Rules

	inbox    *inbox
	draining sync.Mutex // guards what follows
	notes    []note     // empty, to be filled again
	saws     []inspect.Tally

	primary atomic.Pointer[string]

	lostDetails, lostNumbers, lostLarge atomic.Int64

	mu       sync.Mutex
	entries  map[inspect.Key]*entry
	order    []*entry // oldest first; nil for those that are gone
	head     int
	pinned   []*entry // that have fallen out of order
	pins     int
	pinBytes int64 // of those that are pinned
	items    map[uint64]itemRef
	bytes    int64
	kept     int64
	seq, rev int64
	changes  [changesKept]inspect.Key
	cleared  int64 // rev at which everything was forgotten

	state   sync.Mutex                  // of State, and what is below
	arrived map[string]map[string]int64 // by component
}

// State is what components have told of themselves.
type State struct {
	Sources    []inspect.Source // in the order in which they came
	Deliveries map[string]inspect.Delivery
	Arrived    map[string]int64
	// Version goes up with each change of Sources.
	Version int64
}

type entry struct {
	rec *Record
	pos int // in order; -1 if it is in pinned
}

type itemRef struct {
	key       inspect.Key
	component string
}

// New returns a Store. Call Run, else nothing is kept.
func New(cfg Config) *Store {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{
		cfg: cfg, rate: newRate(cfg.DetailsPerSecond), Counts: newCounts(cfg.Now()), Rules: newRules(),
		inbox: newInbox(), entries: map[inspect.Key]*entry{}, items: map[uint64]itemRef{},
	}
	s.arrived = map[string]map[string]int64{}
	s.Deliveries, s.State.Arrived = map[string]inspect.Delivery{}, map[string]int64{}
	return s
}

// Run keeps what comes until done is closed.
func (s *Store) Run(done <-chan struct{}) {
	tick := time.NewTicker(time.Second / ticksPerSecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-done:
			return
		case <-s.inbox.soon:
			n--
		case <-tick.C:
			s.rate.adapt(s.Counts.Seen())
			if n%ticksPerSecond == 0 {
				s.sweep(s.cfg.Now())
			}
		}
		s.drain()
	}
}

// Flush keeps what has come so far; for tests and for those who have not called Run.
func (s *Store) Flush() { s.drain() }
