// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// TestSlabs: from many goroutines, strings that were handed out stay as they were,
// whatever is captured after them, and all of the budget comes back.
func TestSlabs(t *testing.T) {
	// Not parallel: it looks at the budget of the process.
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			kept := map[string]string{}
			for i := range 300 {
				letter := string(rune('a' + (g*7+i)%26))
				n := rnd.IntN(100 << 10)
				body := []byte(strings.Repeat(letter, n))
				limit := []int{1 << 10, minPiece, 20 << 10, maxPiece, 1 << 20}[rnd.IntN(5)]
				var c capture
				c.start(limit, []int64{-1, int64(n)}[rnd.IntN(2)], []int64{0, 1 << 20, 64 << 20}[rnd.IntN(3)])
				for rest := body; len(rest) > 0; {
					p := rest[:min(len(rest), 1+rnd.IntN(40<<10))]
					c.add(p, nil)
					if rest = rest[len(p):]; rnd.IntN(20) == 0 {
						c.streams()
					}
					if rnd.IntN(50) == 0 {
						c.restart()
						rest = body
					}
				}
				clear(body)
				if soFar := c.soFar(true).content; strings.Trim(soFar, letter) != "" {
					t.Errorf("%d bytes of others", len(soFar))
				}
				got := c.finish(true)
				if !got.shed && len(got.content) != min(n, limit) {
					t.Errorf("%d bytes of %d, limit %d", len(got.content), n, limit)
				}
				if kept[letter] = got.content; i%26 == 25 {
					for letter, content := range kept {
						if strings.Trim(content, letter) != "" {
							t.Errorf("a string has changed")
						}
					}
				}
			}
		})
	}
	wg.Wait()
	if inFlight.Load() != 0 || inSlabs.Load() != 0 || inStreams.Load() != 0 {
		t.Errorf("at the end %d bytes are in flight, %d in slabs, %d in streams", inFlight.Load(), inSlabs.Load(), inStreams.Load())
	}
}

// TestSlabBudget: a slab counts as a whole as long as an exchange in progress has a
// piece of it, slabs have no more than half of the budget, and none where they would be
// large against it; streams leave them.
func TestSlabBudget(t *testing.T) {
	// Not parallel: it looks at the budget of the process.
	const limit, slabSize = minPiece, slabPieces * minPiece
	body := bytes.Repeat([]byte("x"), limit)
	begin := func(budget int64) *capture {
		c := &capture{}
		c.start(limit, -1, budget)
		c.add(body, nil)
		return c
	}
	for _, tc := range []struct {
		budget, counted int64
		slab            bool
	}{{0, slabSize, true}, {slabSize, limit, false}, {2 * slabSize, slabSize, true}, {limit - 1, 0, false}} {
		c := begin(tc.budget)
		if got := inFlight.Load(); got != tc.counted || (c.slab != nil) != tc.slab {
			t.Errorf("budget %d: %d bytes counted, want %d", tc.budget, got, tc.counted)
		}
		if c.streams(); c.slab != nil || inSlabs.Load() != 0 || tc.budget > 0 && inFlight.Load() > limit {
			t.Errorf("budget %d: a stream holds a slab", tc.budget)
		}
		if got := c.finish(true); tc.counted > 0 && got.content != string(body) {
			t.Errorf("budget %d: %d bytes kept", tc.budget, len(got.content))
		}
	}
	const budget = 20 * slabSize
	var open []*capture
	for len(open) < 500 {
		open = append(open, begin(budget))
		if inSlabs.Load() > budget/2 || inFlight.Load() > budget {
			t.Fatalf("%d bytes in slabs, %d in flight", inSlabs.Load(), inFlight.Load())
		}
	}
	shed := 0
	for _, c := range open {
		if c.finish(true).shed {
			shed++
		}
	}
	// Half of the budget without slabs, and at least one in each slab of the other half.
	if most := 500 - (budget/2/limit + budget/2/slabSize); shed > most {
		t.Errorf("%d of 500 had no memory, want %d at most", shed, most)
	}
	if inFlight.Load() != 0 || inSlabs.Load() != 0 {
		t.Errorf("at the end %d bytes are in flight, %d in slabs", inFlight.Load(), inSlabs.Load())
	}
}

// TestPinned: a string keeps no more of a slab alive than 32 times its length.
func TestPinned(t *testing.T) {
	t.Parallel()
	for n := 1; n < 3*maxPiece; n += 997 {
		for _, limit := range []int{n, 2 * n, 100 * n} {
			for _, announced := range []int64{-1, int64(n), int64(3 * n)} {
				var c capture
				c.start(limit, announced, 0)
				c.add(make([]byte, (n+1)/2), nil)
				c.add(make([]byte, n/2), nil)
				s, region := c.slab, cap(c.buf)
				if got := c.finish(true); s != nil && region <= 2*len(got.content) && s.size > int64(32*len(got.content)) {
					t.Errorf("%d bytes keep %d", len(got.content), s.size)
				}
			}
		}
	}
}
