// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// maxSuspects bounds the memory of suspects, about 80 bytes each. One that is
// forgotten is only asked about once more.
const maxSuspects = 4096

// suspects remembers, over attempts, events that the backend refused alone, or failed at
// alone while it took others. They are known by a hash of what was sent. The zero value
// is empty.
type suspects struct {
	// initial and most bound how long a suspect waits for its next trial.
	initial, most time.Duration

	mu   sync.Mutex
	seed maphash.Seed
	seen map[uint64]*suspect
	// reversals is how many refusals the backend has taken back, the last one at reversed.
	reversals int
	reversed  time.Time
}

const (
	// memory is how long a refusal that was taken back counts.
	memory = 10 * time.Minute
	// mostTrials bounds how many refusals, vouched for, an event is dropped after.
	mostTrials = 16
)

type suspect struct {
	since time.Time // when it became one
	next  time.Time // when it may be tried again, unless another event vouches for the backend
	wait  time.Duration
	// refused: the backend refused it, and had taken that many requests then.
	refused bool
	takes   uint64
	again   int // how many times it was refused since another event vouched for the backend
}

// vouched reports whether the backend, which has taken that many requests, has taken
// another event since this one was refused, which is to be tried now.
func (k *suspect) vouched(takes uint64, now time.Time) bool {
	return k.refused && takes > k.takes && (k.again == 0 || !k.next.After(now))
}

// get returns what is known of an event, or nil. The caller holds the lock.
func (s *suspects) get(item []byte) *suspect {
	if len(s.seen) == 0 {
		return nil
	}
	return s.seen[maphash.Bytes(s.seed, item)]
}

// add returns what is known of an event after another trial. The caller holds the lock.
func (s *suspects) add(item []byte, now time.Time) *suspect {
	if s.seen == nil {
		s.seed, s.seen = maphash.MakeSeed(), map[uint64]*suspect{}
	}
	k := maphash.Bytes(s.seed, item)
	known := s.seen[k]
	if known == nil {
		if len(s.seen) >= maxSuspects {
			for old := range s.seen {
				delete(s.seen, old)
				break
			}
		}
		known = &suspect{since: now}
		s.seen[k] = known
	}
	known.wait = min(max(2*known.wait, s.initial), max(s.initial, s.most))
	known.next = now.Add(known.wait)
	return known
}

// refused remembers an event that was refused alone.
func (s *suspects) refused(item []byte, takes uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.add(item, now); !known.refused {
		known.refused, known.takes = true, takes
	}
}

// takenBack remembers that the backend took an event that it had refused alone.
func (s *suspects) takenBack(item []byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.get(item); known != nil && known.refused {
		if now.Sub(s.reversed) > memory {
			s.reversals = 0
		}
		s.reversals++
		s.reversed = now
	}
}

// refusedAgain remembers that an event was refused although another vouched for the
// backend, and reports whether that is often enough to be about the event. Once is, but not
// where the backend takes back what it refuses: one of its servers may be ill.
func (s *suspects) refusedAgain(item []byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.get(item)
	if known == nil || now.Sub(s.reversed) > memory || known.again >= min(s.reversals, mostTrials-1) {
		return true
	}
	s.add(item, now).again++
	return false
}

// failed remembers an event that the backend failed at alone.
func (s *suspects) failed(item []byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(item, now)
}

// vouched is suspect.vouched of an item.
func (s *suspects) vouched(item []byte, takes uint64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.get(item)
	return known != nil && known.vouched(takes, now)
}

func (s *suspects) forget(item []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 0 {
		delete(s.seen, maphash.Bytes(s.seed, item))
	}
}

func (s *suspects) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// early reports whether r holds nothing but suspects none of which may be tried now, and
// when the first may. takes is what the backend has taken.
func (s *suspects) early(r *request, takes uint64, now time.Time) (wait time.Duration, early bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range r.items {
		known := s.get(item)
		if known == nil || known.vouched(takes, now) || !known.next.After(now) {
			return 0, false
		}
		if left := known.next.Sub(now); wait == 0 || left < wait {
			wait = left
		}
	}
	return wait, wait > 0
}

// only reports whether r holds nothing but suspects.
func (s *suspects) only(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range r.items {
		if s.get(item) == nil {
			return false
		}
	}
	return len(r.items) > 0
}

// firstTry returns when the first event of r became a suspect, or now: what is stored
// does not say it.
func (s *suspects) firstTry(r *request, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.get(r.items[0]); known != nil {
		return known.since
	}
	return now
}

// last moves the suspects of r behind the others, those first that were not tried for
// the longest time, and returns how many others there are. It changes r's order only,
// never what callers hold.
func (s *suspects) last(r *request) (fresh int) {
	n := len(r.items)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return n
	}
	var late []int
	next := map[int]time.Time{}
	for i, item := range r.items {
		if known := s.get(item); known != nil {
			late, next[i] = append(late, i), known.next
		}
	}
	if len(late) == 0 {
		return n
	}
	ordered := &request{backend: r.backend}
	lo := 0
	for _, i := range append(slices.Clone(late), n) {
		ordered = merge(ordered, r.part(lo, i))
		lo = i + 1
	}
	slices.SortStableFunc(late, func(a, b int) int { return next[a].Compare(next[b]) })
	for _, i := range late {
		ordered = merge(ordered, r.part(i, i+1))
	}
	ordered.unreadable, ordered.trial = r.unreadable, r.trial
	*r = *ordered
	return n - len(late)
}
