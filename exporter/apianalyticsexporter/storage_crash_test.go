// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// crashPoint is the world after one transaction of the storage.
type crashPoint struct {
	store     map[string][]byte
	acked     int // requests that ConsumeTraces took, each of perRequest events
	delivered map[string]bool
}

const perRequest = 5

// journal records a crash point after each transaction of store.
type journal struct {
	mu     sync.Mutex
	acked  int
	points []crashPoint
}

func (j *journal) watch(store *storagetest.Storage, fake *backendtest.Fake) {
	store.Watch(func(data map[string][]byte) {
		p := crashPoint{store: data, delivered: map[string]bool{}}
		for _, ev := range fake.Events() {
			p.delivered[ev.ID] = true
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		p.acked = j.acked
		j.points = append(j.points, p)
	})
}

func (j *journal) ack(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acked += n
}

// check starts an exporter on what each crash left and demands that all that was
// acknowledged is delivered, before or after.
func (j *journal) check(t *testing.T) {
	t.Helper()
	for i, p := range j.points {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			store := storagetest.New(p.store)
			r := durableRig(t, srv.URL, store, nil)
			waitFor(t, "the storage is empty", func() bool { return len(stored(store)) == 0 })
			r.shutdown()
			all := maps.Clone(p.delivered)
			for _, ev := range fake.Events() {
				all[ev.ID] = true
			}
			if want := p.acked * perRequest; len(all) < want {
				t.Errorf("%d of %d acknowledged events are delivered", len(all), want)
			}
			if c := r.counts(); c.Unreadable != 0 {
				t.Errorf("%d stored requests could not be read", c.Unreadable)
			}
		})
	}
}

// TestCrashPoints ends the process after each transaction of the storage, while it
// starts on what an earlier crash has left, sends, fails, takes more and finds the
// disk full.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for name, traces := range sizesOfTraces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testCrashPoints(t, traces)
		})
	}
}

// sizesOfTraces make requests that are stored in one piece and in several.
var sizesOfTraces = map[string]func(first, n int) ptrace.Traces{"small": traces, "large": largeTraces}

func testCrashPoints(t *testing.T, traces func(first, n int) ptrace.Traces) {
	t.Helper()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{Status: 503, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	var j journal
	offered := 0
	offer := func(r *rig, n int) (taken int) {
		for range n {
			if r.exp.ConsumeTraces(context.Background(), traces(perRequest*offered, perRequest)) == nil {
				j.ack(1)
				offered++
				taken++
			}
		}
		return taken
	}

	// Crashed with requests in flight.
	store := storagetest.New(nil)
	first := durableRig(t, srv.URL, store, slowRetry)
	offer(first, 15)
	waitFor(t, "all consumers are busy", func() bool { return first.counts().Requests["retry"] == 10 })
	store = storagetest.New(store.Data())
	first.shutdown()

	// Crashed again, at any moment of this life.
	j.watch(store, fake)
	second := durableRig(t, srv.URL, store, nil)
	if n := offer(second, 3); n != 3 {
		t.Fatalf("%d of 3 requests were taken", n)
	}
	store.SetFull(true)
	if n := offer(second, 3); n != 0 {
		t.Fatalf("%d requests were taken by a full disk", n)
	}
	fake.Heal()
	waitFor(t, "what is stored is delivered from a full disk", func() bool { return fake.Stats().Accepted == 18*perRequest })
	store.SetFull(false)
	waitFor(t, "requests are taken again", func() bool { return offer(second, 1) == 1 })
	waitFor(t, "the storage is empty", func() bool { return len(stored(store)) == 0 })
	second.shutdown()
	if c := second.counts(); c.Unreadable != 0 || c.Sent != 19*perRequest {
		t.Errorf("books: %+v", c)
	}
	if s := fake.Stats(); s.Accepted != 19*perRequest || s.Duplicates != 0 {
		t.Errorf("stats %+v", s)
	}
	for key := range store.Data() {
		if key != "qmv0" && !strings.HasPrefix(key, "apispan.padding.") && !strings.HasPrefix(key, "apispan.ballast.") {
			t.Errorf("left in the storage: %q", key)
		}
	}
	t.Logf("%d crash points", len(j.points))
	store.Watch(nil)
	j.check(t)
}

// TestCrashLoop: killed while starting, again and again.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{Status: 503, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	store := storagetest.New(nil)
	for i := range 6 {
		r := durableRig(t, srv.URL, store, slowRetry)
		if err := r.exp.ConsumeTraces(context.Background(), traces(perRequest*i, perRequest)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "it is being sent", func() bool { return r.counts().Requests["retry"] > 0 })
		store = storagetest.New(store.Data())
		// Full while it starts, every other time.
		store.SetFull(i%2 == 1)
		again := durableRig(t, srv.URL, store, slowRetry)
		waitFor(t, "all are being sent", func() bool { return again.counts().Requests["retry"] == int64(i+1) })
		store = storagetest.New(store.Data())
	}
	fake.Heal()
	last := durableRig(t, srv.URL, store, nil)
	waitFor(t, "all is delivered", func() bool { return fake.Stats().Accepted == 6*perRequest })
	waitFor(t, "the storage is empty", func() bool { return len(stored(store)) == 0 })
	last.shutdown()
	if s := fake.Stats(); s.Duplicates != 0 {
		t.Errorf("stats %+v", s)
	}
}
