// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"hash/maphash"
	"sync"
)

// maxSuspects bounds the memory of refused events, 40 bytes each. One that is
// forgotten is only asked about once more.
const maxSuspects = 4096

// suspicion is what is remembered of an event that was refused alone.
type suspicion struct {
	// takes is how many requests the backend had taken when it refused the event.
	takes uint64
	// after: another event of the same request had been taken before.
	after bool
	// again: this is a later attempt.
	again bool
}

// suspects remembers events that were refused alone, over attempts, by a hash of what
// was sent. The zero value is empty.
type suspects struct {
	mu   sync.Mutex
	seed maphash.Seed
	seen map[uint64]suspicion
}

func (s *suspects) key(item []byte) uint64 {
	if s.seen == nil {
		s.seed, s.seen = maphash.MakeSeed(), map[uint64]suspicion{}
	}
	return maphash.Bytes(s.seed, item)
}

// add remembers an event that was refused alone, if it is not known.
func (s *suspects) add(item []byte, why suspicion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.key(item)
	if _, known := s.seen[k]; known {
		return
	}
	if len(s.seen) >= maxSuspects {
		for old := range s.seen {
			delete(s.seen, old)
			break
		}
	}
	s.seen[k] = why
}

func (s *suspects) get(item []byte) (suspicion, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return suspicion{}, false
	}
	why, ok := s.seen[s.key(item)]
	return why, ok
}

// seenAgain marks an event whose next attempt has come.
func (s *suspects) seenAgain(item []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.key(item)
	if why, ok := s.seen[k]; ok {
		why.again = true
		s.seen[k] = why
	}
}

func (s *suspects) forget(item []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 0 {
		delete(s.seen, s.key(item))
	}
}

// last moves the events of r that were refused alone behind the others, and returns
// how many others there are. It changes r's order only, never what callers hold.
func (s *suspects) last(r *request) (fresh int) {
	n := len(r.items)
	s.mu.Lock()
	none := len(s.seen) == 0
	s.mu.Unlock()
	if none {
		return n
	}
	var late []int
	for i := range n {
		if _, ok := s.get(r.items[i]); ok {
			late = append(late, i)
		}
	}
	if len(late) == 0 {
		return n
	}
	ordered := &request{backend: r.backend, firstTry: r.firstTry}
	lo := 0
	for _, i := range append(late, n) {
		ordered = merge(ordered, r.part(lo, i))
		lo = i + 1
	}
	for _, i := range late {
		ordered = merge(ordered, r.part(i, i+1))
	}
	ordered.unreadable, ordered.firstTry = r.unreadable, r.firstTry
	*r = *ordered
	return n - len(late)
}
