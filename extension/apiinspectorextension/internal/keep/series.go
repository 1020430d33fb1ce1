// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sort"
	"time"
)

// bin is one bar of a histogram; only those that are not empty are kept, in order.
type bin struct {
	at uint16
	n  uint32
}

func addBin(bins []bin, at uint16, n uint32) []bin {
	lo, hi := 0, len(bins)
	for lo < hi {
		if mid := (lo + hi) / 2; bins[mid].at < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(bins) && bins[lo].at == at {
		if bins[lo].n > math.MaxUint32-n {
			bins[lo].n = math.MaxUint32
		} else {
			bins[lo].n += n
		}
		return bins
	}
	bins = append(bins, bin{})
	copy(bins[lo+1:], bins[lo:])
	bins[lo] = bin{at, n}
	return bins
}

// A histogram divides each power of two into 1<<sub bars: a value is told with an error
// of 2^-(sub+1) of it, 3 % for four.
const (
	subLatency = 4 // of microseconds
	subBytes   = 3
)

func barOf(v uint64, sub int) uint16 {
	if v < 1<<sub {
		return uint16(v)
	}
	exp := bits.Len64(v) - 1 - sub
	return uint16(exp<<sub + int(v>>exp)) // the upper sub+1 bits, of which the first is 1
}

// barEnd is the middle of a bar, and where it ends.
func barEnd(at uint16, sub int) (mid, end float64) {
	if at < 1<<sub {
		return float64(at), float64(at)
	}
	exp := int(at)>>sub - 1
	from := uint64(int(at)-exp<<sub) << exp
	width := uint64(1) << exp
	return float64(from) + float64(width-1)/2, float64(from + width - 1)
}

// cell is what was counted in one span of time.
type cell struct {
	from     int64 // Unix seconds
	calls    int64
	in, out  int64
	max      uint32 // microseconds; 71 minutes at most
	statuses []bin
	latency  []bin
	bytesOut []bin
}

func (c *cell) add(o *cell) {
	c.calls += o.calls
	c.in += o.in
	c.out += o.out
	c.max = max(c.max, o.max)
	for _, b := range o.statuses {
		c.statuses = addBin(c.statuses, b.at, b.n)
	}
	for _, b := range o.latency {
		c.latency = addBin(c.latency, b.at, b.n)
	}
	for _, b := range o.bytesOut {
		c.bytesOut = addBin(c.bytesOut, b.at, b.n)
	}
}

func (c *cell) size() int64 {
	return 128 + 8*int64(cap(c.statuses)+cap(c.latency)+cap(c.bytesOut))
}

// grain is how a series divides time: cells of Fine for KeepFine, then of Coarse for
// KeepCoarse.
type grain struct {
	fine, coarse         time.Duration
	keepFine, keepCoarse time.Duration
}

var (
	grainEndpoint = grain{time.Minute, time.Hour, 6 * time.Hour, 7 * 24 * time.Hour}
	grainConsumer = grain{10 * time.Minute, 6 * time.Hour, time.Hour, 7 * 24 * time.Hour}
)

// series are cells over time, where there is anything.
type series struct {
	fine, coarse []cell
	first, last  int64 // Unix milliseconds
}

// at is the cell of now.
func (s *series) at(now int64, g grain) *cell {
	from := now - now%int64(g.fine/time.Second)
	if n := len(s.fine); n > 0 && s.fine[n-1].from >= from {
		return &s.fine[n-1]
	}
	s.fine = append(s.fine, cell{from: from})
	return &s.fine[len(s.fine)-1]
}

// fold makes coarse cells of fine ones that are old, and drops what is too old.
func (s *series) fold(now int64, g grain) {
	n := 0
	for n < len(s.fine) && s.fine[n].from < now-int64((g.keepFine+g.fine)/time.Second) {
		c := &s.fine[n]
		from := c.from - c.from%int64(g.coarse/time.Second)
		if m := len(s.coarse); m == 0 || s.coarse[m-1].from < from {
			s.coarse = append(s.coarse, cell{from: from})
		}
		s.coarse[len(s.coarse)-1].add(c)
		n++
	}
	if n > 0 {
		s.fine = append([]cell(nil), s.fine[n:]...)
	}
	n = sort.Search(len(s.coarse), func(i int) bool { return s.coarse[i].from >= now-int64(g.keepCoarse/time.Second) })
	if n > 0 {
		s.coarse = append([]cell(nil), s.coarse[n:]...)
	}
}

// merge adds what another series has counted, each cell to that of its time.
func (s *series) merge(o *series) {
	s.fine, s.coarse = merged(s.fine, o.fine), merged(s.coarse, o.coarse)
	if s.last = max(s.last, o.last); s.first == 0 || o.first != 0 && o.first < s.first {
		s.first = o.first
	}
}

func merged(to, from []cell) []cell {
	for i := range from {
		at, there := slices.BinarySearchFunc(to, from[i].from, func(c cell, from int64) int { return cmp.Compare(c.from, from) })
		if !there {
			to = slices.Insert(to, at, cell{from: from[i].from})
		}
		to[at].add(&from[i])
	}
	return to
}

func (s *series) size() (n int64) {
	for i := range s.fine {
		n += s.fine[i].size()
	}
	for i := range s.coarse {
		n += s.coarse[i].size()
	}
	return n
}

// since adds up what was counted after a time: with the fine cell in which that falls, and
// with a coarse one if most of it is later. Coarse ones hold nothing that is younger than
// keepFine, although they may begin to: see fold.
func (s *series) since(now, from int64, g grain) (sum cell) {
	if now-from > int64(g.keepFine/time.Second) {
		for i := range s.coarse {
			if s.coarse[i].from+int64(g.coarse/time.Second/2) >= from {
				sum.add(&s.coarse[i])
			}
		}
	}
	for i := range s.fine {
		if s.fine[i].from+int64(g.fine/time.Second) > from {
			sum.add(&s.fine[i])
		}
	}
	return sum
}

// quantile of bins, in the unit of the values.
func quantile(bins []bin, q float64, sub int) float64 {
	var total, sum uint64
	for _, b := range bins {
		total += uint64(b.n)
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(total)))
	for _, b := range bins {
		if sum += uint64(b.n); sum >= rank {
			mid, _ := barEnd(b.at, sub)
			return mid
		}
	}
	return 0
}
