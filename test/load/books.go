// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"strings"
	"sync"
)

// Books says of each exchange whether it was acknowledged and how often it arrived.
// It is safe for concurrent use.
type Books struct {
	mu      sync.Mutex
	acked   []bool
	arrived map[string]*arrivals // by destination
}

type arrivals struct {
	times []uint16
	ids   []string // the first id of each exchange
	// changed counts exchanges that came again with another id.
	changed int
}

// NewBooks returns empty books.
func NewBooks() *Books { return &Books{arrived: map[string]*arrivals{}} }

// Ack notes that exchanges [first, first+n) were acknowledged.
func (b *Books) Ack(first uint64, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acked = grow(b.acked, first+uint64(n))
	for i := range n {
		b.acked[first+uint64(i)] = true
	}
}

// Arrive notes that exchange n arrived at a destination as the event id.
func (b *Books) Arrive(destination string, n uint64, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.arrived[destination]
	if a == nil {
		a = &arrivals{}
		b.arrived[destination] = a
	}
	a.times, a.ids = grow(a.times, n+1), grow(a.ids, n+1)
	if a.times[n] == 0 {
		a.ids[n] = id
	} else if a.ids[n] != id {
		a.changed++
	}
	a.times[n]++
}

func grow[T any](s []T, n uint64) []T {
	for uint64(len(s)) < n {
		s = append(s, make([]T, max(1024, len(s)))...)
	}
	return s
}

// Sums is what the books say about one destination.
type Sums struct {
	// Acked is how many exchanges the Collector has acknowledged.
	Acked int
	// Arrived is how many of all exchanges are at the destination.
	Arrived int
	// Lost were acknowledged and are not at the destination.
	Lost int
	// Repeats are arrivals beyond the first, with the same id.
	Repeats int
	// Changed are arrivals beyond the first with another id, which nobody can
	// recognise as repeats.
	Changed int
	// Ranges are the first lost exchanges, as in "100-149 300-349".
	Ranges string
}

func (s Sums) String() string {
	text := fmt.Sprintf("acknowledged %d, arrived %d, lost %d, repeated %d", s.Acked, s.Arrived, s.Lost, s.Repeats)
	if s.Changed > 0 {
		text += fmt.Sprintf(", repeated with another id %d", s.Changed)
	}
	return text
}

// Sums counts for one destination.
func (b *Books) Sums(destination string) (s Sums) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.arrived[destination]
	if a == nil {
		a = &arrivals{}
	}
	for _, k := range a.times {
		if k > 0 {
			s.Arrived++
			s.Repeats += int(k) - 1
		}
	}
	s.Changed = a.changed
	s.Repeats -= a.changed
	var lost []int
	for n, acked := range b.acked {
		if !acked {
			continue
		}
		s.Acked++
		if n >= len(a.times) || a.times[n] == 0 {
			s.Lost++
			lost = append(lost, n)
		}
	}
	s.Ranges = ranges(lost)
	return s
}

// maxRanges bounds what is printed.
const maxRanges = 20

func ranges(numbers []int) string {
	var b strings.Builder
	for i, k := 0, 0; i < len(numbers); k++ {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if k == maxRanges {
			b.WriteString(" …")
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d-%d", numbers[i], numbers[j])
		i = j + 1
	}
	return b.String()
}

// Acked is how many exchanges were acknowledged so far.
func (b *Books) Acked() int { return b.Sums("").Acked }
