// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apispan/apispan/internal/inspect"
)

// What is kept, for those who look.

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

// SetNewFields notes how many fields of an exchange were new.
func (s *Store) SetNewFields(k inspect.Key, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k]; e != nil && e.rec.NewFields != n {
		s.change(e, func(r *Record) { r.NewFields = n })
	}
}

// Usage is how full the store is.
type Usage struct {
	Exchanges, Pinned int
	Bytes             int64
	Full              bool
	Rev, Kept         int64
	// NotShown is what could not be kept up with, Large what did not fit into memory.
	NotShown, Large int64
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
		NotShown: s.lostDetails.Load() + s.lostNumbers.Load(), Large: s.lostLarge.Load(), Sampling: s.rate.sampling(),
	}
}

// Told returns what components have told of themselves, as copies; the components by name.
func (s *Store) Told() State {
	s.state.Lock()
	defer s.state.Unlock()
	sources := slices.SortedFunc(slices.Values(s.Sources), func(a, b inspect.Source) int { return strings.Compare(a.Component, b.Component) })
	return State{Sources: sources, Deliveries: maps.Clone(s.Deliveries), Arrived: maps.Clone(s.State.Arrived), Version: s.Version}
}
