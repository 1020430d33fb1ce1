// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// slowServer takes everything, after a time for each event: all requests at once, or one
// after the other. It does not notice that a client has gone. The time is a multiple of
// the client's timeout, so that a slow machine changes nothing.
type slowServer struct {
	each   time.Duration
	serial bool
	fail   func(words []string) int // answers instead, without taking

	turn sync.Mutex
	mu   sync.Mutex
	seen map[string]int
}

func (s *slowServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	words := strings.Fields(strings.Trim(string(b), "[]"))
	if s.fail != nil {
		if status := s.fail(words); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	if s.serial {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	s.mu.Lock()
	for _, word := range words {
		s.seen[word]++
	}
	each := s.each
	s.mu.Unlock()
	time.Sleep(each * time.Duration(len(words)))
}

// counted returns how many different words came, and how often one came again.
func (s *slowServer) counted() (words, again, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.seen {
		again += n - 1
		most = max(most, n-1)
	}
	return len(s.seen), again, most
}

// queueRig is a wordRig with a queue in memory.
func queueRig(t *testing.T, srv *httptest.Server, consumers int, change func(*Config)) *rig {
	t.Helper()
	return wordRig(t, wordEncoder{}, srv.URL, func(cfg *Config, _ *choice) {
		cfg.QueueConfig = createDefaultConfig().(*Config).QueueConfig
		cfg.QueueConfig.Get().NumConsumers = consumers
		if change != nil {
			change(cfg)
		}
	})
}

// TestSlowBackend: a backend that takes its time gets all events, each at most two times
// more than once, and is sent full requests again once it is fast.
func TestSlowBackend(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	for _, tc := range []struct {
		name      string
		share     float64 // of the timeout, for each event
		serial    bool
		consumers int
		events    int
	}{
		{"twice the timeout for a request", 0.02, false, 1, 300},
		{"ten times", 0.1, false, 1, 200},
		{"ten times, all consumers", 0.1, false, 10, 1000},
		{"one event fills the timeout", 1.5, false, 1, 12},
		{"one at a time", 0.01, true, 10, 1000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			slow := &slowServer{each: time.Duration(tc.share * float64(timeout)), serial: tc.serial, seen: map[string]int{}}
			srv := httptest.NewServer(slow)
			defer srv.Close()
			r := queueRig(t, srv, tc.consumers, func(cfg *Config) { cfg.ClientConfig.Timeout = timeout })
			for lo := 0; lo < tc.events; lo += 100 {
				words := make([]string, 0, 100)
				for i := lo; i < min(lo+100, tc.events); i++ {
					words = append(words, fmt.Sprint("w", i))
				}
				if err := r.words(words...); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "all are sent", func() bool { return r.counts().Sent == int64(tc.events) })
			words, again, most := slow.counted()
			t.Logf("%d events, %d repeats, at most %d of one, requests %v", words, again, most, r.counts().Requests)
			if words != tc.events || most > 2 {
				t.Errorf("%d events, %d repeats, at most %d of one", words, again, most)
			}
			r.checkBooks()

			// Fast again: requests are full again.
			slow.mu.Lock()
			slow.each = 0
			slow.mu.Unlock()
			n := 0
			waitFor(t, "requests are full again", func() bool {
				more := make([]string, 100)
				for i := range more {
					more[i] = fmt.Sprint("x", n)
					n++
				}
				before := r.counts()
				if err := r.words(more...); err != nil {
					t.Fatal(err)
				}
				waitFor(t, "they are sent", func() bool { return r.counts().Sent == before.Sent+100 })
				return r.counts().Requests["delivered"] == before.Requests["delivered"]+1
			})
			if p := &r.exp.sender.pace; p.window != 0 && p.window < 100 {
				t.Errorf("still window %d, patience %d", p.window, p.patience)
			}
		})
	}
}

// TestSlowStop: a longer timeout does not make the end of the Collector longer.
func TestSlowStop(t *testing.T) {
	t.Parallel()
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() })
	srv := httptest.NewServer(hang)
	defer srv.Close()
	r := queueRig(t, srv, 10, func(cfg *Config) { cfg.ClientConfig.Timeout = 2 * time.Second })
	p := &r.exp.sender.pace
	p.window, p.full, p.patience = 1, 100, 1000
	for i := range 5 {
		if err := r.words(fmt.Sprint("w", i)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "one is on its way", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.sends > 0 })
	r.shutdown() // or the test's minute would be over
	if c := r.checkBooks(); c.Dropped["shutdown"] != 5 {
		t.Errorf("counts %+v", c)
	}
}

// TestSuspectsHoldNoConsumer: an event that the backend refuses, or fails at, again and
// again does not keep others from being sent, however few consumers there are, and in
// whatever queue it is.
func TestSuspectsHoldNoConsumer(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(w http.ResponseWriter) bool{
		"400":   func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return true },
		"413":   func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusRequestEntityTooLarge); return true },
		"500":   func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusInternalServerError); return true },
		"reset": func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) },
	}
	queues := map[string]func(*Config){
		"memory":   nil,
		"blocking": func(cfg *Config) { cfg.QueueConfig.Get().BlockOnOverflow = true },
		"batch": func(cfg *Config) {
			b := cfg.QueueConfig.Get().Batch.GetOrInsertDefault()
			b.FlushTimeout, b.MinSize = 5*time.Millisecond, 3
		},
		"stored": func(cfg *Config) {
			id := component.MustNewID("memory_storage")
			cfg.QueueConfig.Get().StorageID = &id
		},
	}
	for kind, answer := range kinds {
		for queue, change := range queues {
			for _, consumers := range []int{1, 3} {
				t.Run(fmt.Sprint(kind, "/", queue, "/", consumers), func(t *testing.T) {
					t.Parallel()
					slow := &slowServer{seen: map[string]int{}}
					srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						b, _ := io.ReadAll(r.Body)
						if strings.Contains(string(b), "poison") && answer(w) {
							return
						}
						r.Body = io.NopCloser(strings.NewReader(string(b)))
						slow.ServeHTTP(w, r)
					}))
					defer srv.Close()
					r := queueRig(t, srv, consumers, change)
					// As many as consumers, and two that stand together with another one.
					for i := range consumers {
						if err := r.words(fmt.Sprint("poison", i)); err != nil {
							t.Fatal(err)
						}
					}
					if err := r.words("beside", "poison8", "poison9"); err != nil {
						t.Fatal(err)
					}
					waitFor(t, "it is tried again", func() bool { return r.counts().Retried >= int64(consumers) })
					for i := range 500 {
						if err := r.words(fmt.Sprint("good", i)); err != nil {
							t.Fatal(err)
						}
					}
					waitFor(t, "the others are sent", func() bool { return r.counts().Sent == 501 })
					if words, again, _ := slow.counted(); words != 501 || again != 0 {
						t.Errorf("%d events, %d repeats", words, again)
					}
					if kind == "400" || kind == "413" {
						waitFor(t, "the refused are dropped", func() bool { return r.counts().Dropped["rejected"] == int64(consumers+2) })
						r.checkBooks()
						return
					}
					// What the backend fails at is kept, and no reason to ask in a hurry.
					if c := r.counts(); c.droppedAll() != 0 {
						t.Errorf("dropped %v", c.Dropped)
					}
				})
			}
		}
	}
}

// TestRefuseAllAlone: a backend that refuses everything is not asked about each of many
// small requests, and nothing is lost.
func TestRefuseAllAlone(t *testing.T) {
	t.Parallel()
	ws := &wordServer{}
	refuse, asked := true, 0
	ws.script = func([]string) int {
		if refuse {
			asked++
			return http.StatusBadRequest
		}
		return 0
	}
	srv := httptest.NewServer(ws)
	defer srv.Close()
	r := queueRig(t, srv, 1, nil)
	r.exp.circuit.wait = 50 * time.Millisecond
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprintf("w%03d", i))
		if err := r.words(want[i]); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	time.Sleep(500 * time.Millisecond)
	ws.mu.Lock()
	if limit := 20 + int(time.Since(begin)/(10*time.Millisecond)); asked > limit {
		t.Errorf("asked %d times", asked)
	}
	refuse = false
	ws.mu.Unlock()
	if !slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError) {
		t.Error("nobody is told")
	}
	waitFor(t, "all are sent", func() bool { return r.counts().Sent == 300 })
	taken, _, _ := ws.seen()
	slices.Sort(taken)
	if !slices.Equal(taken, want) {
		t.Errorf("%d taken", len(taken))
	}
	r.checkBooks()
}
