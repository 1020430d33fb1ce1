// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"maps"
	"slices"
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

	queueLen     = 1024     // of the channels
	queueBytes   = 8 << 20  // of the details in the channel
	queueSaw     = 32 << 10 // exchanges in the other one
	maxAttempts  = 20       // of one event; the first ones and the last are kept
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
)

// Store is an inspect.Sink that keeps what it is given.
type Store struct {
	State

	cfg    Config
	rate   *rate
	Counts *Counts
	Rules  *Rules

	notes   chan note
	queued  atomic.Int64 // bytes in notes
	saws    chan []inspect.Summary
	waiting atomic.Int64 // exchanges in saws
	primary atomic.Pointer[string]

	lostDetails, lostNumbers atomic.Int64

	mu       sync.Mutex
	entries  map[inspect.Key]*entry
	order    []*entry // oldest first; nil for those that are gone
	head     int
	pinned   []*entry // that have fallen out of order
	pins     int
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

// note is something that a component has shown.
type note struct {
	kind      kind
	key       inspect.Key
	component string
	reason    string
	span      *inspect.Span
	why       []inspect.Decision
	exchange  *inspect.Exchange
	event     *inspect.Event
	request   *inspect.Request
	size      int64
}

type kind uint8

const (
	noteBefore kind = iota
	noteAfter
	noteRead
	noteEncoded
	noteLeft
	noteSent
)

// New returns a Store. Call Run, else nothing is kept.
func New(cfg Config) *Store {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{
		cfg: cfg, rate: newRate(cfg.DetailsPerSecond), Counts: newCounts(cfg.Now()), Rules: newRules(),
		notes: make(chan note, queueLen), saws: make(chan []inspect.Summary, queueLen),
		entries: map[inspect.Key]*entry{}, items: map[uint64]itemRef{},
	}
	s.arrived = map[string]map[string]int64{}
	s.Deliveries, s.State.Arrived = map[string]inspect.Delivery{}, map[string]int64{}
	return s
}

// Run keeps what comes until done is closed.
func (s *Store) Run(done <-chan struct{}) {
	tick := time.NewTicker(time.Second / ticksPerSecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-done:
			return
		case m := <-s.notes:
			s.apply(&m)
		case all := <-s.saws:
			s.count(all)
		case <-tick.C:
			s.rate.adapt()
			if n++; n%ticksPerSecond == 0 {
				s.sweep(s.cfg.Now())
			}
		}
	}
}

// Flush keeps what has come so far; for tests and for those who have not called Run.
func (s *Store) Flush() {
	for {
		select {
		case m := <-s.notes:
			s.apply(&m)
		case all := <-s.saws:
			s.count(all)
		default:
			return
		}
	}
}

func (s *Store) count(all []inspect.Summary) {
	s.waiting.Add(-int64(len(all)))
	s.Counts.add(s.cfg.Now(), all)
}

// apply keeps one note.
func (s *Store) apply(m *note) {
	s.queued.Add(-m.size)
	if m.kind == noteAfter {
		s.Rules.add(s.cfg.Now(), m.key, m.component, m.why)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.kind == noteSent {
		s.sent(m)
		return
	}
	e := s.entries[m.key]
	if e == nil {
		if m.kind == noteEncoded || m.kind == noteLeft {
			return // of an exchange that is forgotten
		}
		e = s.create(m.key)
	}
	s.change(e, func(r *Record) { s.put(r, m) })
	s.shrink()
}

// put adds a note to a record, which is a copy.
func (s *Store) put(r *Record, m *note) {
	switch m.kind {
	case noteBefore:
		if r.Before == nil { // that of the first redaction
			r.Before = m.span
			r.bytes += sizeOfSpan(m.span)
		}
	case noteAfter:
		if len(r.Stages) < maxStages {
			r.Stages = append(slices.Clip(r.Stages), Stage{Component: m.component, Span: m.span, Why: m.why})
			r.bytes += sizeOfSpan(m.span) + sizeOfWhy(m.why)
		}
	case noteRead:
		if r.Exchange == nil {
			r.Exchange, r.Reader = m.exchange, m.component
			r.bytes += sizeOfExchange(m.exchange)
		}
		s.backend(r, m.component)
	case noteEncoded:
		b := s.backend(r, m.component)
		if b == nil || len(b.Items) >= maxItems {
			return
		}
		if b.Event != nil { // it was made anew, smaller
			r.bytes -= int64(b.Event.size)
			b.Event = nil
		}
		b.Event = s.event(r, m.event)
		b.Items = append(slices.Clip(b.Items), m.event.Item)
		r.bytes += int64(b.Event.size)
		s.items[m.event.Item] = itemRef{r.Key, m.component}
	case noteLeft:
		if b := s.backend(r, m.component); b != nil {
			b.Left = m.reason
		}
	}
}

// backend is the place of an exporter in a record, which is a copy.
func (s *Store) backend(r *Record, component string) *Backend {
	i := slices.IndexFunc(r.Backends, func(b Backend) bool { return b.Component == component })
	if i < 0 && len(r.Backends) >= maxBackends {
		return nil
	}
	r.Backends = slices.Clone(r.Backends)
	if i < 0 {
		r.Backends = append(r.Backends, Backend{Component: component})
		i = len(r.Backends) - 1
		r.bytes += 128
	}
	return &r.Backends[i]
}

// event keeps an event, cut if the exchange has too many bytes already, and packed if
// memory is short.
func (s *Store) event(r *Record, e *inspect.Event) *Event {
	left := MaxVendorBytes
	for i := range r.Backends {
		if ev := r.Backends[i].Event; ev != nil {
			left -= ev.size
		}
	}
	out := &Event{Event: *e}
	if left = max(left, 0); len(e.Data) > left {
		out.Short, out.Data = len(e.Data)-left, slices.Clone(e.Data[:left])
	}
	if s.bytes > s.cfg.MaxBytes/2 {
		out.pack()
	}
	out.size = len(out.Data) + len(out.ID) + 96
	return out
}

// sent adds a request to all exchanges whose events were in it.
func (s *Store) sent(m *note) {
	a := &Attempt{Request: *m.request, Events: len(m.request.Items)}
	a.Items = nil
	first := true
	for _, item := range m.request.Items {
		ref, ok := s.items[item]
		if !ok || ref.component != m.component {
			continue
		}
		e := s.entries[ref.key]
		if e == nil {
			continue
		}
		s.change(e, func(r *Record) {
			b := s.backend(r, m.component)
			if b == nil {
				return
			}
			if n := len(b.Attempts); n >= maxAttempts {
				b.Attempts = slices.Clone(b.Attempts)
				b.Attempts[n-1] = a
			} else {
				b.Attempts = append(slices.Clip(b.Attempts), a)
			}
			if r.bytes += 8; first { // shared by all of them
				r.bytes += sizeOfRequest(&a.Request)
				first = false
			}
		})
	}
	s.shrink()
}

// create makes a record for a key that has none.
func (s *Store) create(k inspect.Key) *entry {
	s.rate.took()
	s.seq++
	s.kept++
	e := &entry{rec: &Record{Key: k, Seq: s.seq, Arrived: s.cfg.Now(), bytes: 512}, pos: len(s.order)}
	s.bytes += e.rec.bytes
	s.entries[k] = e
	s.order = append(s.order, e)
	return e
}

// change puts a changed copy in place of a record.
func (s *Store) change(e *entry, f func(r *Record)) *Record {
	r := *e.rec
	f(&r)
	s.rev++
	r.Rev = s.rev
	s.changes[r.Rev%changesKept] = r.Key
	s.bytes += r.bytes - e.rec.bytes
	e.rec = &r
	return e.rec
}

// shrink forgets the oldest records until everything is within its bounds.
func (s *Store) shrink() {
	// A sixteenth is for what cannot be counted: what the allocator rounds up.
	limit := max(s.cfg.MaxBytes-s.Counts.bytes.Load(), s.cfg.MaxBytes/2) / 16 * 15
	for len(s.order) > s.head && (len(s.entries)-len(s.pinned) > s.cfg.MaxExchanges || s.bytes > limit) {
		e := s.order[s.head]
		if s.order[s.head] = nil; e != nil {
			if e.rec.Pinned {
				e.pos = -1
				s.pinned = append(s.pinned, e)
			} else {
				s.forget(e)
			}
		}
		s.head++
	}
	if s.head > 1024 && s.head > len(s.order)/2 {
		s.order = slices.Clone(s.order[s.head:])
		for i, e := range s.order {
			if e != nil {
				e.pos = i
			}
		}
		s.head = 0
	}
}

func (s *Store) forget(e *entry) {
	for i := range e.rec.Backends {
		for _, item := range e.rec.Backends[i].Items {
			if s.items[item].key == e.rec.Key {
				delete(s.items, item)
			}
		}
	}
	if e.rec.Pinned {
		s.pins--
	}
	delete(s.entries, e.rec.Key)
	s.bytes -= e.rec.bytes
}

// sweep forgets what is too old.
func (s *Store) sweep(now time.Time) {
	s.mu.Lock()
	old := now.Add(-s.cfg.TTL)
	for s.head < len(s.order) {
		e := s.order[s.head]
		if e != nil && !e.rec.Arrived.Before(old) {
			break
		}
		if e != nil {
			s.forget(e)
			s.order[s.head] = nil
		}
		s.head++
	}
	s.pinned = slices.DeleteFunc(s.pinned, func(e *entry) bool {
		if e.rec.Arrived.Before(old) {
			s.forget(e)
			return true
		}
		return false
	})
	s.mu.Unlock()
	s.Counts.sweep(now)
}

// Clear forgets everything: exchanges, numbers, rules. What components have told of
// themselves stays.
func (s *Store) Clear() {
	s.mu.Lock()
	s.entries, s.items = map[inspect.Key]*entry{}, map[uint64]itemRef{}
	s.order, s.head, s.pinned, s.pins, s.bytes = nil, 0, nil, 0, 0
	s.rev++
	s.cleared = s.rev
	s.mu.Unlock()
	s.Counts.clear(s.cfg.Now())
	s.Rules.clear()
}

// Pin keeps an exchange, or lets go of it. More than MaxPinned are refused.
func (s *Store) Pin(k inspect.Key, pin bool) (r *Record, known, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	switch {
	case e == nil:
		return nil, false, false
	case e.rec.Pinned == pin:
		return e.rec, true, true
	case pin && s.pins >= MaxPinned:
		return e.rec, true, false
	}
	if s.pins++; !pin {
		s.pins -= 2
	}
	r = s.change(e, func(r *Record) { r.Pinned = pin })
	if !pin && e.pos < 0 { // it is older than all others
		s.pinned = slices.DeleteFunc(s.pinned, func(p *entry) bool { return p == e })
		s.forget(e)
	}
	return r, true, true
}

// SetNewFields notes how many fields of an exchange were new.
func (s *Store) SetNewFields(k inspect.Key, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k]; e != nil && e.rec.NewFields != n {
		s.change(e, func(r *Record) { r.NewFields = n })
	}
}

// Get returns the record of a key, or nil.
func (s *Store) Get(k inspect.Key) *Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k]; e != nil {
		return e.rec
	}
	return nil
}

// Records returns all records, newest first.
func (s *Store) Records() []*Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Record, 0, len(s.entries))
	for _, e := range slices.Backward(s.order[s.head:]) {
		if e != nil {
			out = append(out, e.rec)
		}
	}
	for _, e := range slices.Backward(s.pinned) {
		out = append(out, e.rec)
	}
	return out
}

// Latest returns the newest records, n at most.
func (s *Store) Latest(n int) []*Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Record, 0, n)
	for i := len(s.order) - 1; i >= s.head && len(out) < n; i-- {
		if e := s.order[i]; e != nil {
			out = append(out, e.rec)
		}
	}
	return out
}

// Ripe returns the records behind a Seq that have arrived before a time, the oldest first.
func (s *Store) Ripe(after int64, before time.Time) []*Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := len(s.order)
	for from > s.head {
		if e := s.order[from-1]; e != nil && e.rec.Seq <= after {
			break
		}
		from--
	}
	var out []*Record
	for _, e := range s.order[from:] {
		if e == nil {
			continue
		}
		if !e.rec.Arrived.Before(before) {
			break
		}
		out = append(out, e.rec)
	}
	return out
}

// Changes returns the records that have changed after a revision, each once and in the
// order of their changes, at most limit of them, and the revision to go on from. ok is
// false if what has changed is not known any more.
func (s *Store) Changes(after int64, limit int) (out []*Record, upTo int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after > s.rev || after < s.cleared || s.rev-after >= changesKept {
		return nil, s.rev, false
	}
	for after < s.rev && len(out) < limit {
		after++
		if e := s.entries[s.changes[after%changesKept]]; e != nil && e.rec.Rev == after {
			out = append(out, e.rec)
		}
	}
	return out, after, true
}

// Usage is how full the store is.
type Usage struct {
	Exchanges, Pinned int
	Bytes             int64
	Full              bool
	Rev, Kept         int64
	NotShown          int64
	// Sampling is the share of the traces whose details are kept, 0 to 1.
	Sampling float64
}

// Usage tells how full the store is.
func (s *Store) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{
		Exchanges: len(s.entries), Pinned: s.pins, Bytes: s.bytes + s.Counts.bytes.Load(), Rev: s.rev, Kept: s.kept,
		Full:     s.seq > int64(len(s.entries)) && (len(s.entries)-len(s.pinned) >= s.cfg.MaxExchanges || s.bytes > s.cfg.MaxBytes/10*8),
		NotShown: s.lostDetails.Load() + s.lostNumbers.Load(), Sampling: s.rate.sampling(),
	}
}

// Told returns what components have told of themselves, as copies.
func (s *Store) Told() State {
	s.state.Lock()
	defer s.state.Unlock()
	return State{Sources: slices.Clone(s.Sources), Deliveries: maps.Clone(s.Deliveries), Arrived: maps.Clone(s.State.Arrived), Version: s.Version}
}
