// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/queueguard/storagetest"
)

// wordEncoder writes an exchange as its user id; "attack+query" can be degraded
// to "attack".
type wordEncoder struct {
	probe, once bool
	giveUp      int
}

func (e wordEncoder) Spec() backend.Spec {
	return backend.Spec{
		Name: "word", Path: "/", Frame: backend.Frame{ContentType: "text/plain", Prefix: "[", Separator: " ", Suffix: "]"},
		MaxItems: 100, MaxItemBytes: 1000, MaxRequestBytes: 1 << 20, EmptyProbe: e.probe,
	}
}

func (wordEncoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	return append(dst, ex.UserID...), backend.Keep
}
func (wordEncoder) SetHeader(http.Header) {}

func (e wordEncoder) Classify(status int) backend.Class {
	switch status {
	case 403:
		return backend.Reject
	case e.giveUp:
		return backend.GiveUp
	}
	return backend.ClassifyHTTP(status)
}

func (e wordEncoder) RetryNoAnswer(l backend.Loss) bool { return !e.once || l == backend.NotSent }

func (wordEncoder) Skipped(body []byte) int { return bytes.Count(body, []byte("skip")) }

type degradingEncoder struct{ wordEncoder }

func (degradingEncoder) Degrade(dst, item []byte) ([]byte, bool) {
	head, _, ok := bytes.Cut(item, []byte("+"))
	if !ok {
		return dst, false
	}
	return append(dst, head...), true
}

// wordServer is a backend behind an edge that refuses requests with the word
// "attack" (403), and all of them while the key is refused.
type wordServer struct {
	mu       sync.Mutex
	badKey   bool
	script   func(words []string) int // 0: as usual
	taken    []string
	requests int
	empty    int
}

func (s *wordServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	words := strings.Fields(strings.Trim(string(b), "[]"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if len(words) == 0 {
		s.empty++
	}
	if s.script != nil {
		if status := s.script(words); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	if s.badKey || bytes.Contains(b, []byte("attack")) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	s.taken = append(s.taken, words...)
	if slices.Contains(words, "left-out") {
		_, _ = io.WriteString(w, "skip")
	}
}

func (s *wordServer) setBadKey(bad bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.badKey = bad
}

func (s *wordServer) seen() (taken []string, requests, empty int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken), s.requests, s.empty
}

// wordRig is an exporter with enc and without a queue before srv.
func wordRig(t *testing.T, enc backend.Encoder, endpoint string, change func(*Config, *choice)) *rig {
	t.Helper()
	cfg := testConfig(endpoint)
	withoutQueue(cfg)
	c := choice{name: "word", Facts: backend.Facts{Gates: ref(all())}}
	if change != nil {
		change(cfg, &c)
	}
	r := newRig(t, testConfig("http://127.0.0.1:1")) // for its telemetry
	exp, err := newWithEncoder(context.Background(), r.set, cfg, c, enc)
	if err != nil {
		t.Fatal(err)
	}
	exp.circuit.wait = 20 * time.Millisecond
	r.exp, r.cfg = exp, cfg
	if cfg.QueueConfig.HasValue() && cfg.QueueConfig.Get().StorageID != nil {
		r.host.extensions = map[component.ID]component.Component{*cfg.QueueConfig.Get().StorageID: storagetest.New(nil)}
	}
	return r.start()
}

func (r *rig) words(words ...string) error {
	td := traces(0, len(words))
	for i, w := range words {
		spanAt(td, i).Attributes().PutStr("user.id", w)
	}
	return r.exp.ConsumeTraces(context.Background(), td)
}

func TestRefusedContent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		enc     backend.Encoder
		in      []string
		taken   []string
		dropped map[string]int64
		empty   int // probes
	}{
		{name: "dropped", enc: wordEncoder{}, in: []string{"a", "attack", "b"}, taken: []string{"a", "b"}, dropped: map[string]int64{"rejected": 1}},
		{
			name: "dropped though first", enc: wordEncoder{}, in: []string{"attack", "attack", "a", "b"},
			taken: []string{"a", "b"}, dropped: map[string]int64{"rejected": 2},
		},
		{name: "degraded", enc: degradingEncoder{}, in: []string{"a", "b+attack", "c"}, taken: []string{"a", "c", "b"}, dropped: map[string]int64{}},
		{
			name: "degraded alone, and the probe is taken", enc: degradingEncoder{wordEncoder{probe: true}},
			in: []string{"b+attack"}, taken: []string{"b"}, dropped: map[string]int64{}, empty: 1,
		},
		{
			name: "degraded though first", enc: degradingEncoder{}, in: []string{"b+attack", "c"},
			taken: []string{"c", "b"}, dropped: map[string]int64{},
		},
		{
			name: "degraded in vain", enc: degradingEncoder{}, in: []string{"a", "attack+x", "c"},
			taken: []string{"a", "c"}, dropped: map[string]int64{"rejected_degraded": 1},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ws := &wordServer{}
			srv := httptest.NewServer(ws)
			defer srv.Close()
			r := wordRig(t, tc.enc, srv.URL, nil)
			if err := r.words(tc.in...); err != nil {
				t.Fatal(err)
			}
			taken, _, empty := ws.seen()
			c := r.checkBooks()
			if d := cmp.Diff(tc.taken, taken); d != "" {
				t.Errorf("taken (-want +got)\n%s", d)
			}
			if d := cmp.Diff(tc.dropped, c.Dropped); d != "" {
				t.Errorf("dropped (-want +got)\n%s", d)
			}
			if want := int64(strings.Count(tc.name, "degraded") - strings.Count(tc.name, "vain")); c.Degraded != want {
				t.Errorf("%d degraded, want %d", c.Degraded, want)
			}
			if empty != tc.empty {
				t.Errorf("%d probes, want %d", empty, tc.empty)
			}
			if len(r.host.reported()) > 0 && r.host.reported()[0] != componentstatus.StatusOK {
				t.Errorf("component status %v", r.host.reported())
			}
		})
	}
}

// TestRefusedAlone: an event that is refused is held until the backend has taken
// another one, also of another request, and is dropped then.
func TestRefusedAlone(t *testing.T) {
	t.Parallel()
	for name, enc := range map[string]backend.Encoder{"probe": wordEncoder{probe: true}, "no probe": wordEncoder{}} {
		for _, n := range []int{1, 2, 5} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				t.Parallel()
				ws := &wordServer{}
				srv := httptest.NewServer(ws)
				defer srv.Close()
				r := wordRig(t, enc, srv.URL, nil)
				errs := make(chan error, 1)
				go func() { errs <- r.words(slices.Repeat([]string{"attack"}, n)...) }()
				waitFor(t, "it is tried again", func() bool { return r.counts().Retried >= 2*int64(n) })
				if c := r.counts(); c.droppedAll() != 0 {
					t.Errorf("dropped %v before another event was taken", c.Dropped)
				}
				if !slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError) {
					t.Error("nobody is told")
				}
				stop := make(chan struct{})
				var others sync.WaitGroup
				others.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
							_ = r.words(fmt.Sprint("good", i))
						}
					}
				})
				if err := <-errs; err != nil {
					t.Error(err)
				}
				close(stop)
				others.Wait()
				if c := r.checkBooks(); c.Dropped["rejected"] != int64(n) || len(c.Dropped) != 1 {
					t.Errorf("dropped %v, want %d rejected", c.Dropped, n)
				}
			})
		}
	}
}

// TestNotVouched: what the backend takes while an event is on its way does not vouch for
// the answer to that event, since both may have met with it at another time.
func TestNotVouched(t *testing.T) {
	t.Parallel()
	ws := &wordServer{}
	var tries, others atomic.Int64
	srv := httptest.NewServer(onBody(t, ws, func(w http.ResponseWriter, body []byte) bool {
		if !bytes.Contains(body, []byte("odd")) {
			others.Add(1)
			return false
		}
		switch tries.Add(1) {
		case 1:
		case 2: // refused, but only after another event was taken
			for end := time.Now().Add(time.Minute); others.Load() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
			time.Sleep(50 * time.Millisecond)
		default:
			return false
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		return true
	}))
	defer srv.Close()
	r := wordRig(t, wordEncoder{}, srv.URL, nil)
	errs := make(chan error, 1)
	go func() { errs <- r.words("odd") }()
	waitFor(t, "it is tried again", func() bool { return tries.Load() >= 2 })
	if err := r.words("good"); err != nil {
		t.Error(err)
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
	if c := r.checkBooks(); c.Sent != 2 || len(c.Dropped) > 0 {
		t.Errorf("%d sent, dropped %v", c.Sent, c.Dropped)
	}
}

// TestIllServer: behind one address is a server that refuses everything, beside one that
// takes everything. Once it has shown, no event is lost to it, and one that both refuse is
// dropped.
func TestIllServer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 413, 422} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			ws := &wordServer{}
			var down atomic.Bool
			var requests atomic.Int64
			down.Store(true)
			srv := httptest.NewServer(onBody(t, ws, func(w http.ResponseWriter, body []byte) bool {
				// A third of the requests, as the mixed bits of their number say.
				n := uint64(requests.Add(1)) * 0x9e3779b97f4a7c15
				if !down.Load() && n>>32%3 > 0 && !bytes.Contains(body, []byte("attack")) {
					return false
				}
				w.WriteHeader(status)
				return true
			}))
			defer srv.Close()
			r := wordRig(t, wordEncoder{}, srv.URL, nil)
			var all sync.WaitGroup
			send := func(words ...string) {
				all.Go(func() {
					if err := r.words(words...); err != nil {
						t.Error(err)
					}
				})
			}
			for i := range 20 {
				send(fmt.Sprint("first", i))
			}
			waitFor(t, "all are refused", func() bool { return r.counts().Retried >= 40 })
			down.Store(false)
			all.Wait()
			for i := range 100 {
				send(fmt.Sprint("a", i), fmt.Sprint("b", i))
			}
			send("attack")
			waitFor(t, "the others are there", func() bool { return r.counts().Sent == 220 })
			done := make(chan struct{})
			go func() { all.Wait(); close(done) }()
			for i := 0; ; i++ { // others that vouch
				select {
				case <-done:
				case <-time.After(time.Millisecond):
					if i < 10_000 {
						_ = r.words(fmt.Sprint("good", i))
						continue
					}
					t.Error("the one that both refuse is never dropped")
				}
				break
			}
			if c := r.checkBooks(); c.Dropped["rejected"] != 1 || len(c.Dropped) != 1 {
				t.Errorf("dropped %v", c.Dropped)
			}
		})
	}
}

// TestRefuseAll: a backend that refuses everything for a while, with any status, costs
// no event, and is not asked about each.
func TestRefuseAll(t *testing.T) {
	t.Parallel()
	words := make([]string, 300)
	for i := range words {
		words[i] = fmt.Sprintf("w%03d+x", i)
	}
	for _, enc := range []backend.Encoder{wordEncoder{}, degradingEncoder{}, degradingEncoder{wordEncoder{probe: true}}} {
		for status := 400; status < 500; status++ {
			t.Run(fmt.Sprintf("%T%v/%d", enc, enc.Spec().EmptyProbe, status), func(t *testing.T) {
				t.Parallel()
				ws := &wordServer{}
				refuse := true
				// The incident begins and ends somewhere within a request.
				n := 0
				ws.script = func(words []string) int {
					n++
					if refuse && n > 1 && len(words) > 0 {
						return status
					}
					return 0
				}
				srv := httptest.NewServer(ws)
				defer srv.Close()
				r := wordRig(t, enc, srv.URL, nil)
				errs := make(chan error, 1)
				go func() { errs <- r.words(words...) }()
				waitFor(t, "it is tried again", func() bool { return r.counts().Retried >= 400 })
				if _, requests, _ := ws.seen(); requests > 100 {
					t.Errorf("%d requests", requests)
				}
				ws.mu.Lock()
				refuse = false
				ws.mu.Unlock()
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
				taken, _, _ := ws.seen()
				slices.Sort(taken)
				if d := cmp.Diff(words, taken); d != "" {
					t.Errorf("taken (-want +got)\n%s", d)
				}
				if c := r.checkBooks(); c.droppedAll() != 0 || c.Degraded != 0 || c.Sent != 300 {
					t.Errorf("counts %+v", c)
				}
			})
		}
	}
}

// TestRefusedKey: a refused key costs no event, however long it lasts, and is
// told from refused content.
func TestRefusedKey(t *testing.T) {
	t.Parallel()
	for name, enc := range map[string]backend.Encoder{
		"probe": wordEncoder{probe: true}, "no probe": wordEncoder{}, "degrader": degradingEncoder{wordEncoder{probe: true}},
	} {
		for _, words := range [][]string{{"a+x"}, {"a+x", "b", "c", "d", "e"}} {
			t.Run(fmt.Sprint(name, len(words)), func(t *testing.T) {
				t.Parallel()
				ws := &wordServer{badKey: true}
				srv := httptest.NewServer(ws)
				defer srv.Close()
				r := wordRig(t, enc, srv.URL, nil)
				errs := make(chan error, 1)
				go func() { errs <- r.words(words...) }()
				waitFor(t, "an outage is reported", func() bool {
					return slices.Contains(r.host.reported(), componentstatus.StatusRecoverableError)
				})
				waitFor(t, "it is tried again", func() bool { return r.counts().Retried >= 2*int64(len(words)) })
				if c := r.counts(); c.droppedAll() != 0 || c.Sent != 0 {
					t.Errorf("counts %+v", c)
				}
				ws.setBadKey(false)
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
				taken, _, _ := ws.seen()
				slices.Sort(taken)
				if d := cmp.Diff(words, taken); d != "" {
					t.Errorf("taken (-want +got)\n%s", d)
				}
				if c := r.checkBooks(); c.droppedAll() != 0 {
					t.Errorf("dropped %v", c.Dropped)
				}
				if s := r.host.reported(); s[len(s)-1] != componentstatus.StatusOK {
					t.Errorf("component status %v", s)
				}
				for _, err := range r.host.errs {
					if err != nil && !strings.Contains(err.Error(), "answered 403") {
						t.Errorf("status error %v", err)
					}
				}
			})
		}
	}
}

// TestKeyHealsWithinAnAttempt: events that were refused while the key was, and not
// only events that come after it is taken again, arrive whole in that attempt.
func TestKeyHealsWithinAnAttempt(t *testing.T) {
	t.Parallel()
	words := []string{"a+x", "b+x", "c", "d", "e"}
	for name, enc := range map[string]backend.Encoder{
		"probe": wordEncoder{probe: true}, "no probe": wordEncoder{},
		"degrader": degradingEncoder{wordEncoder{probe: true}}, "degrader, no probe": degradingEncoder{},
	} {
		// The key is taken after that many events were refused alone.
		for refusals := 1; refusals < maxStreak; refusals++ { // more are an outage
			if refusals > 1 && enc.Spec().EmptyProbe {
				break // the probe would have found it out
			}
			t.Run(fmt.Sprint(name, refusals), func(t *testing.T) {
				t.Parallel()
				ws := &wordServer{badKey: true}
				alone := 0
				ws.script = func(words []string) int { // called under the lock
					if !ws.badKey {
						return 0
					}
					if len(words) == 1 {
						alone++
					}
					ws.badKey = alone < refusals
					return http.StatusForbidden
				}
				srv := httptest.NewServer(ws)
				defer srv.Close()
				r := wordRig(t, enc, srv.URL, func(cfg *Config, _ *choice) { cfg.RetryConfig.Enabled = false })
				if err := r.words(words...); err != nil {
					t.Fatal(err)
				}
				taken, _, _ := ws.seen()
				slices.Sort(taken)
				if d := cmp.Diff(words, taken); d != "" {
					t.Errorf("taken (-want +got)\n%s", d)
				}
				if c := r.checkBooks(); c.Sent != 5 || c.Degraded != 0 || len(c.Dropped) != 0 {
					t.Errorf("counts %+v", c)
				}
			})
		}
	}
}

// TestHeldIsTriedLater: what is held when its second trial meets a transient fault
// is sent again, and nothing else is.
func TestHeldIsTriedLater(t *testing.T) {
	t.Parallel()
	n := 0
	ws := &wordServer{}
	ws.script = func(words []string) int {
		if n++; n == 4 && words[0] == "attack" { // attack b, attack, b | attack
			return http.StatusServiceUnavailable
		}
		return 0
	}
	srv := httptest.NewServer(ws)
	defer srv.Close()
	r := wordRig(t, wordEncoder{}, srv.URL, func(cfg *Config, _ *choice) { cfg.RetryConfig.Enabled = false })
	if err := r.words("attack", "b"); err == nil {
		t.Error("no error although an event is left")
	}
	taken, requests, _ := ws.seen()
	if d := cmp.Diff([]string{"b"}, taken); d != "" || requests != 4 {
		t.Errorf("%d requests, taken (-want +got)\n%s", requests, d)
	}
	if c := r.checkBooks(); c.Sent != 1 || c.droppedAll() != 1 {
		t.Errorf("counts %+v", c)
	}
}

// TestCircuit: while the circuit is open nothing is sent.
func TestCircuit(t *testing.T) {
	t.Parallel()
	ws := &wordServer{badKey: true}
	srv := httptest.NewServer(ws)
	defer srv.Close()
	r := wordRig(t, wordEncoder{probe: true}, srv.URL, func(cfg *Config, _ *choice) { cfg.RetryConfig.Enabled = false })
	r.exp.circuit.wait = time.Hour
	for range 3 {
		if err := r.words("a", "b"); err == nil {
			t.Fatal("no error")
		}
	}
	// Together, alone, and the probe.
	if _, n, _ := ws.seen(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	if c := r.checkBooks(); c.Dropped["refused"] != 6 {
		t.Errorf("counts %+v", c)
	}
}

// TestHeldThenTransient: what is held when a transient fault stops the attempt
// is sent again with the rest.
func TestHeldThenTransient(t *testing.T) {
	t.Parallel()
	n := 0
	ws := &wordServer{}
	ws.script = func(words []string) int {
		if n++; n == 4 && words[0] == "b" { // ab cd, ab, a | b
			return http.StatusServiceUnavailable
		}
		return 0
	}
	srv := httptest.NewServer(ws)
	defer srv.Close()
	r := wordRig(t, wordEncoder{}, srv.URL, nil)
	if err := r.words("attack", "b", "c", "d"); err != nil {
		t.Fatal(err)
	}
	taken, _, _ := ws.seen()
	if d := cmp.Diff([]string{"b", "c", "d"}, taken); d != "" {
		t.Errorf("taken (-want +got)\n%s", d)
	}
	if c := r.checkBooks(); c.Dropped["rejected"] != 1 || c.Retried != 4 {
		t.Errorf("counts %+v", c)
	}
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	ws := &wordServer{}
	srv := httptest.NewServer(ws)
	defer srv.Close()
	r := wordRig(t, wordEncoder{}, srv.URL, nil)
	if err := r.words("a", "left-out", "b"); err != nil {
		t.Fatal(err)
	}
	if c := r.checkBooks(); c.Sent != 3 || c.LeftOut != 1 {
		t.Errorf("counts %+v", c)
	}
}

// TestOnce: without an answer, a backend that cannot recognise repeats gets
// events again only if they certainly did not leave us.
func TestOnce(t *testing.T) {
	t.Parallel()
	t.Run("connection refused is retried", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		r := wordRig(t, wordEncoder{once: true}, "http://"+addr, nil)
		errs := make(chan error, 1)
		go func() { errs <- r.words("a", "b") }()
		waitFor(t, "it is tried again", func() bool { return r.counts().Requests["no_answer"] >= 2 })
		if ln, err = net.Listen("tcp", addr); err != nil {
			t.Skipf("the port is taken: %v", err)
		}
		ws := &wordServer{}
		srv := &http.Server{Handler: ws, ReadHeaderTimeout: time.Minute}
		defer srv.Close()
		go func() { _ = srv.Serve(ln) }()
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		if c := r.checkBooks(); c.Sent != 2 {
			t.Errorf("counts %+v", c)
		}
	})
	for name, handler := range map[string]http.HandlerFunc{
		"reset": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		},
		"timeout": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(handler)
			defer srv.Close()
			r := wordRig(t, wordEncoder{once: true, giveUp: http.StatusBadGateway}, srv.URL, func(cfg *Config, _ *choice) {
				cfg.ClientConfig.Timeout = 200 * time.Millisecond
			})
			if err := r.words("a", "b"); err != nil {
				t.Fatal(err)
			}
			c := r.checkBooks()
			want := map[string]int64{"no_answer": 1}
			if name == "status" {
				want = map[string]int64{"unconfirmed": 1}
			}
			if d := cmp.Diff(want, c.Requests); d != "" || c.Dropped["unconfirmed"] != 2 {
				t.Errorf("counts %+v\n%s", c, d)
			}
		})
	}
}

// TestCircuitLeavesTimeForAnotherAttempt before max_elapsed_time gives up.
func TestCircuitLeavesTimeForAnotherAttempt(t *testing.T) {
	t.Parallel()
	for elapsed, want := range map[time.Duration]time.Duration{0: circuitWait, time.Hour: circuitWait, 30 * time.Second: 10 * time.Second} {
		cfg := testConfig("http://127.0.0.1:1")
		cfg.RetryConfig.MaxElapsedTime = elapsed
		if got := newRig(t, cfg).exp.circuit.wait; got != want {
			t.Errorf("max_elapsed_time %v: %v, want %v", elapsed, got, want)
		}
	}
}
