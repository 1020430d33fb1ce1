// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"flag"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

var (
	chainSeed  = flag.Uint64("chain.seed", 0, "seed of TestCrashChain; 0 draws one")
	chainLives = flag.Int("chain.lives", 40, "lives in TestCrashChain")
)

// TestCrashChain crashes at a random transaction of each of many lives, each on what
// the one before has left.
func TestCrashChain(t *testing.T) {
	t.Parallel()
	seed := *chainSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chain.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	data, offered := map[string][]byte{}, 0
	acked, delivered := map[int]bool{}, map[string]bool{}
	for range *chainLives {
		// What a life delivers after its crash must not count.
		fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
		srv := httptest.NewServer(fake)
		if rng.IntN(3) > 0 {
			fake.Script(backendtest.Fault{Status: 503, Count: -1})
		}
		store := storagetest.New(data)
		var mu sync.Mutex
		crashed := make(chan struct{})
		ackedNow := map[int]bool{}
		left := 1 + rng.IntN(100)
		store.Watch(func(now map[string][]byte) {
			if left--; left != 0 {
				return
			}
			data = now
			mu.Lock()
			maps.Copy(acked, ackedNow)
			mu.Unlock()
			for _, ev := range fake.Events() {
				delivered[ev.ID] = true
			}
			close(crashed)
		})
		r := durableRig(t, srv.URL, store, nil)
		stop := make(chan struct{})
		var senders sync.WaitGroup
		from := offered
		offered += 1000
		senders.Go(func() {
			for i := range 1000 {
				select {
				case <-stop:
					return
				default:
				}
				batch := traces
				if i%10 == 0 {
					batch = largeTraces
				}
				if r.exp.ConsumeTraces(context.Background(), batch(from+i, 1)) == nil {
					mu.Lock()
					ackedNow[from+i] = true
					mu.Unlock()
				}
				time.Sleep(100 * time.Microsecond)
			}
		})
		select {
		case <-crashed:
		case <-time.After(time.Minute):
			t.Fatal("no crash")
		}
		close(stop)
		senders.Wait()
		r.shutdown()
		srv.Close()
	}
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	store := storagetest.New(data)
	r := durableRig(t, srv.URL, store, nil)
	waitFor(t, "the storage is empty", func() bool { return len(stored(store)) == 0 })
	r.shutdown()
	for _, ev := range fake.Events() {
		delivered[ev.ID] = true
	}
	missing := 0
	for n := range acked {
		span := traces(n, 1).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		if !delivered[httpattr.NewEventID(span.TraceID(), span.SpanID(), nil)] {
			missing++
		}
	}
	if missing > 0 || len(acked) == 0 {
		t.Errorf("%d of %d acknowledged events are missing", missing, len(acked))
	}
	if c := r.counts(); c.Unreadable != 0 {
		t.Errorf("%d stored requests could not be read", c.Unreadable)
	}
	t.Logf("%d acknowledged", len(acked))
}
