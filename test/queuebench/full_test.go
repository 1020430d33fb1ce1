// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package queuebench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// TestFullVolume: what is delivered can be deleted on a volume without a free byte, and
// makes room for new requests, whatever their sizes; nothing else is lost.
func TestFullVolume(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", 6<<20+seed*20_000), "tmpfs", dir).CombinedOutput(); err != nil {
				t.Skipf("a small volume cannot be mounted here, which root could: %s", out)
			}
			defer func() { _ = exec.Command("umount", "-l", dir).Run() }()
			r := rand.New(rand.NewPCG(seed, 1))
			q := openFull(t, dir, r)
			for range 3 {
				q.fill(t, 10_000+r.IntN(300_000))
				// Free pages may be scattered, between small requests above all.
				stored, freed := q.bytes(), 0
				for freed < 400_000 || q.offer(100+r.IntN(20_000)) != nil {
					if freed > stored/2 {
						t.Fatalf("%d of %d bytes are delivered, and it is still full", freed, stored)
					}
					freed += q.finish(t, 0)
				}
				if r.IntN(2) == 0 {
					if err := q.c.Close(t.Context()); err != nil {
						t.Fatal(err)
					}
					again := openFull(t, dir, r)
					again.n, again.waiting, again.sizes, q = q.n, q.waiting, q.sizes, again
				}
				q.check(t)
			}
			for len(q.waiting) > 0 {
				q.finish(t, r.IntN(len(q.waiting)))
			}
			if err := q.offer(1_000_000); err != nil {
				t.Errorf("the volume is empty and takes nothing: %v", err)
			}
			_ = q.c.Close(t.Context())
		})
	}
}

// fullQueue makes the calls of the exporterhelper's queue.
type fullQueue struct {
	c       storage.Client
	r       *rand.Rand
	n       int
	waiting []int // keys of requests
	sizes   map[int]int
}

func openFull(t *testing.T, dir string, r *rand.Rand) *fullQueue {
	t.Helper()
	c, err := openQueue(t, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return &fullQueue{c: c, r: r, sizes: map[int]int{}}
}

func meta(n int) *storage.Operation {
	return storage.SetOperation("qmv0", fmt.Appendf(nil, "%040d", n))
}

func content(key, size int) []byte {
	b := strconv.AppendInt(nil, int64(size), 10)
	b = append(b, ' ')
	for r := rand.New(rand.NewPCG(uint64(key), uint64(size))); len(b) < size; {
		b = append(b, byte(r.Uint32()))
	}
	return b
}

func (q *fullQueue) offer(size int) error {
	q.n++
	err := q.c.Batch(context.Background(), meta(q.n), storage.SetOperation(strconv.Itoa(q.n), content(q.n, size)))
	if err == nil {
		q.waiting, q.sizes[q.n] = append(q.waiting, q.n), size
	}
	return err
}

// fill stores requests, smaller ones in the end, until nothing is taken.
func (q *fullQueue) fill(t *testing.T, size int) {
	t.Helper()
	for tries := 0; tries < 5; {
		if q.offer(1+q.r.IntN(size)) == nil {
			tries = 0
			continue
		}
		if tries++; size > 100 {
			tries, size = 0, size*2/3
		}
	}
}

func (q *fullQueue) bytes() (n int) {
	for _, key := range q.waiting {
		n += q.sizes[key]
	}
	return n
}

// finish returns how many bytes the request had.
func (q *fullQueue) finish(t *testing.T, i int) int {
	t.Helper()
	key := q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	if err := q.c.Batch(t.Context(), meta(q.n), storage.DeleteOperation(strconv.Itoa(key))); err != nil {
		t.Fatal(err)
	}
	return q.sizes[key]
}

// check reads what waits.
func (q *fullQueue) check(t *testing.T) {
	t.Helper()
	for _, key := range q.waiting {
		get := storage.GetOperation(strconv.Itoa(key))
		if err := q.c.Batch(t.Context(), meta(q.n), get); err != nil {
			t.Fatal(err)
		}
		size := 0
		if _, err := fmt.Sscan(string(get.Value[:min(len(get.Value), 10)]), &size); err != nil || string(get.Value) != string(content(key, size)) {
			t.Fatalf("request %d is not what was stored: %d bytes", key, len(get.Value))
		}
	}
}
