// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"slices"
	"strings"

	"github.com/apispan/apispan/internal/inspect"
)

// What is done with what components have shown.

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

// apply keeps one note.
func (s *Store) apply(m *note) {
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
		if m.size > s.maxRecord() {
			s.lost(LostLarge, 1)
			return
		}
		e = s.create(m.key)
	} else if !s.room(e, m.size) {
		s.lost(LostLarge, 1)
		return
	}
	s.change(e, func(r *Record) { s.put(r, m) })
	s.shrink()
}

// limit is how many bytes all records may have. A sixteenth is for what cannot be counted:
// what the allocator rounds up.
func (s *Store) limit() int64 {
	return max(s.cfg.MaxBytes-s.Counts.bytes.Load(), s.cfg.MaxBytes/2) / 16 * 15
}

// maxRecord bounds one record, so that none pushes all others out, and in the end itself.
func (s *Store) maxRecord() int64 { return s.limit() / 2 }

// room reports whether a record may grow. Those that are pinned stay, so all of them together
// may have no more than one.
func (s *Store) room(e *entry, size int64) bool {
	return e.rec.bytes+size <= s.maxRecord() && (!e.rec.Pinned || s.pinBytes+size <= s.maxRecord())
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

// backend is the place of an exporter in a record, which is a copy. They stand by name: who is told first is another
// one after each start of the Collector.
func (s *Store) backend(r *Record, component string) *Backend {
	i, known := slices.BinarySearchFunc(r.Backends, component, func(b Backend, name string) int { return strings.Compare(b.Component, name) })
	if !known && len(r.Backends) >= maxBackends {
		return nil
	}
	r.Backends = slices.Clone(r.Backends)
	if !known {
		r.Backends = slices.Insert(r.Backends, i, Backend{Component: component})
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
	a := &Attempt{Request: *m.request}
	a.Events, a.Items = max(m.request.Events, len(m.request.Items)), nil
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
		a := a
		if first && !s.room(e, m.size) { // what became of it is told all the same
			s.lost(LostLarge, 1)
			q := m.request
			a = &Attempt{inspect.Request{Events: a.Events, At: q.At, Method: q.Method, DryRun: q.DryRun, Status: q.Status, Outcome: q.Outcome, Took: q.Took, Attempt: q.Attempt}}
		}
		s.change(e, func(r *Record) {
			b := s.backend(r, m.component)
			if b == nil {
				return
			}
			b.SentRev = s.rev + 1 // which it has after this change
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
	if e.rec.Pinned {
		s.pinBytes -= e.rec.bytes
	}
	if r.Pinned {
		s.pinBytes += r.bytes
	}
	e.rec = &r
	return e.rec
}
