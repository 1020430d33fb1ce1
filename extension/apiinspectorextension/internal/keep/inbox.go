// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"sync"

	"github.com/apispan/apispan/internal/inspect"
)

const (
	queueLen   = 1024     // notes that may wait
	queueBytes = 8 << 20  // of them
	queueSaw   = 32 << 10 // tallies that may wait
	// keepSaw is up to how many tallies the memory of a queue stays for what comes next.
	keepSaw = queueSaw / 4
	// queueSoon is how many notes make the store look at once, and not at its next tick.
	queueSoon = queueLen / 4
)

// inbox is what components have shown and the store has not taken yet. They leave it and
// go: to wake somebody for each costs more than all that is done with it.
type inbox struct {
	mu    sync.Mutex
	notes []note
	saws  []inspect.Tally
	bytes int64 // of notes

	soon chan struct{} // has something if the store is to look at once
}

func newInbox() *inbox { return &inbox{soon: make(chan struct{}, 1)} }

// note leaves a note, and reports whether there was room.
func (b *inbox) note(m *note) bool {
	b.mu.Lock()
	ok := len(b.notes) < queueLen && b.bytes+m.size <= queueBytes
	if ok {
		b.notes = append(b.notes, *m)
		b.bytes += m.size
	}
	soon := len(b.notes) >= queueSoon || b.bytes >= queueBytes/4
	b.mu.Unlock()
	if soon {
		select {
		case b.soon <- struct{}{}:
		default:
		}
	}
	return ok
}

// saw leaves copies of tallies, and reports whether there was room. An empty box has room for
// any number.
func (b *inbox) saw(all []inspect.Tally) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.saws) > 0 && len(b.saws)+len(all) > queueSaw {
		return false
	}
	b.saws = append(b.saws, all...)
	return true
}

// take empties the box. notes and saws are memory for what comes next; they are given back
// empty.
func (b *inbox) take(notes []note, saws []inspect.Tally) ([]note, []inspect.Tally) {
	b.mu.Lock()
	defer b.mu.Unlock()
	notes, b.notes = b.notes, notes
	saws, b.saws = b.saws, saws
	b.bytes = 0
	return notes, saws
}

// drain keeps what is in the inbox.
func (s *Store) drain() {
	s.draining.Lock()
	defer s.draining.Unlock()
	notes, saws := s.inbox.take(s.notes, s.saws)
	// What is shown has been counted.
	s.Counts.add(s.cfg.Now(), saws)
	for i := range notes {
		s.apply(&notes[i])
	}
	clear(notes) // nothing of them is held here
	clear(saws)
	if cap(saws) > keepSaw {
		saws = nil
	}
	s.notes, s.saws = notes[:0], saws[:0]
}
