// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"slices"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

// What is given up, and what is not.

// shrink forgets the oldest records until everything is within its bounds.
func (s *Store) shrink() {
	limit := s.limit()
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
		s.pinBytes -= e.rec.bytes
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
	s.order, s.head, s.pinned, s.pins, s.pinBytes, s.bytes = nil, 0, nil, 0, 0, 0
	s.rev++
	s.cleared = s.rev
	s.mu.Unlock()
	s.Counts.clear(s.cfg.Now())
	s.Rules.clear()
}

// Pin keeps an exchange, or lets go of it. More than MaxPinned are refused, and what would
// fill half of the memory.
func (s *Store) Pin(k inspect.Key, pin bool) (r *Record, known, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	switch {
	case e == nil:
		return nil, false, false
	case e.rec.Pinned == pin:
		return e.rec, true, true
	case pin && (s.pins >= MaxPinned || s.pinBytes+e.rec.bytes > s.maxRecord()):
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
