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

// suspects remembers events that were refused alone, over attempts, by a hash of what
// was sent, with how many requests the backend had taken then. The zero value is empty.
type suspects struct {
	mu   sync.Mutex
	seed maphash.Seed
	seen map[uint64]uint64
}

func (s *suspects) key(item []byte) uint64 {
	if s.seen == nil {
		s.seed, s.seen = maphash.MakeSeed(), map[uint64]uint64{}
	}
	return maphash.Bytes(s.seed, item)
}

// add remembers an event that was refused alone, if it is not known.
func (s *suspects) add(item []byte, takes uint64) {
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
	s.seen[k] = takes
}

func (s *suspects) get(item []byte) (takes uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return 0, false
	}
	takes, ok = s.seen[s.key(item)]
	return takes, ok
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
