// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap/zapcore"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

// vendorText is what the faulty endpoints answer; it must reach no log.
const vendorText = "VENDOR-TEXT-5a1e"

// fault is one row of the table: an endpoint that misbehaves and then recovers.
type fault struct {
	name string
	// script misbehaves through the fake; wrap stands before the fake instead.
	script []backendtest.Fault
	wrap   func(t *testing.T, fake http.Handler) http.Handler
	config func(cfg *Config)
	adjust func(e *tracesExporter)
	// change edits the spans before they are sent.
	change func(td ptrace.Traces)
	// What must come out; every event is delivered unless dropped says otherwise.
	dropped    map[string]int64
	outcomes   []string // outcomes of which at least one request was counted
	duplicates bool     // events arrive twice
	timing     bool     // on a slow machine more requests may time out, and so arrive twice
	outage     bool     // component status must go to error and back
	atLeast    time.Duration
}

func status(code int, n int) []backendtest.Fault {
	return []backendtest.Fault{{Status: code, Count: n, Body: vendorText}}
}

func throttled(retryAfter string) []backendtest.Fault {
	return []backendtest.Fault{{Status: http.StatusTooManyRequests, Count: 2, RetryAfter: retryAfter, Body: vendorText}}
}

var faults = []fault{
	{name: "healthy", outcomes: []string{"delivered"}},
	{name: "500", script: status(500, 4), outcomes: []string{"retry"}},
	{name: "503", script: status(503, 4), outcomes: []string{"retry"}},
	{name: "599", script: status(599, 4), outcomes: []string{"retry"}},
	{name: "429 without Retry-After", script: throttled(""), outcomes: []string{"retry"}},
	{name: "429 after 0 s", script: throttled("0"), outcomes: []string{"retry"}},
	{name: "429 after 1 s", script: throttled("1"), outcomes: []string{"retry"}, atLeast: time.Second},
	{
		name: "429 after a day", script: throttled("86400"), outcomes: []string{"retry"},
		adjust: func(e *tracesExporter) { e.sender.maxRetryAfter = 30 * time.Millisecond }, atLeast: 30 * time.Millisecond,
	},
	{
		name: "429 until a date far away", script: throttled("Fri, 31 Dec 2100 23:59:59 GMT"), outcomes: []string{"retry"},
		adjust: func(e *tracesExporter) { e.sender.maxRetryAfter = 30 * time.Millisecond }, atLeast: 30 * time.Millisecond,
	},
	{name: "429 until a date gone by", script: throttled("Fri, 31 Dec 1999 23:59:59 GMT"), outcomes: []string{"retry"}},
	{name: "429 after garbage", script: throttled("soon " + vendorText), outcomes: []string{"retry"}},
	{name: "401", script: status(401, 4), outcomes: []string{"outage"}, outage: true},
	{name: "404", script: status(404, 4), outcomes: []string{"outage"}, outage: true},
	{
		name: "413 for more than three events", outcomes: []string{"reject", "delivered"},
		wrap: func(t *testing.T, fake http.Handler) http.Handler {
			return onBody(t, fake, func(w http.ResponseWriter, body []byte) bool {
				if bytes.Count(body, []byte(`"transaction_id"`)) <= 3 {
					return false
				}
				http.Error(w, vendorText, http.StatusRequestEntityTooLarge)
				return true
			})
		},
	},
	{
		name: "400 for one poisoned event", outcomes: []string{"reject", "delivered"},
		change:  func(td ptrace.Traces) { spanAt(td, 7).Attributes().PutStr("user.id", "poison") },
		dropped: map[string]int64{"rejected": 3}, // one in each batch
		wrap: func(t *testing.T, fake http.Handler) http.Handler {
			return onBody(t, fake, func(w http.ResponseWriter, body []byte) bool {
				if !bytes.Contains(body, []byte(`"user_id":"poison"`)) {
					return false
				}
				http.Error(w, vendorText, http.StatusBadRequest)
				return true
			})
		},
	},
	{
		name: "400 for everything, for a while", script: status(400, 40), outcomes: []string{"reject"}, outage: true,
		adjust: func(e *tracesExporter) { e.circuit.wait = 20 * time.Millisecond },
	},
	{name: "reset before", script: []backendtest.Fault{{Reset: true, Count: 4}}, outcomes: []string{"no_answer"}},
	{
		name: "reset after", script: []backendtest.Fault{{Take: true, Reset: true, Count: 4}},
		outcomes: []string{"no_answer"}, duplicates: true,
	},
	{
		name: "302 to a page that answers 200", outcomes: []string{"outage"}, outage: true,
		wrap: func(t *testing.T, fake http.Handler) http.Handler {
			n := 0
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/page" {
					t.Error("the redirect was followed")
					return
				}
				if n++; n <= 3 {
					http.Redirect(w, r, "/page", http.StatusFound)
					return
				}
				fake.ServeHTTP(w, r)
			})
		},
		config: func(cfg *Config) { oneConsumer(cfg) },
	},
	{
		name: "200 with a body without end", outcomes: []string{"delivered"},
		wrap: func(_ *testing.T, fake http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fake.ServeHTTP(httptest.NewRecorder(), r)
				w.WriteHeader(http.StatusOK)
				for r.Context().Err() == nil {
					if _, err := io.WriteString(w, strings.Repeat(vendorText, 100)); err != nil {
						return
					}
				}
			})
		},
	},
	{
		name: "200 with a body that stalls", outcomes: []string{"delivered"},
		wrap: func(_ *testing.T, fake http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fake.ServeHTTP(httptest.NewRecorder(), r)
				w.Header().Set("Content-Length", "1000")
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		},
	},
	{name: "200 with garbage", script: []backendtest.Fault{{Take: true, Status: 200, Count: 3, Body: "\x00<" + vendorText}}, outcomes: []string{"delivered"}},
	{
		name: "no answer in time", script: []backendtest.Fault{{Delay: 10 * time.Second, Status: 200, Count: 2}},
		config: func(cfg *Config) { cfg.ClientConfig.Timeout = time.Second }, outcomes: []string{"no_answer"}, timing: true,
	},
}

// onBody hands the decoded request to veto, and to the fake unless veto answered.
func onBody(t *testing.T, fake http.Handler, veto func(w http.ResponseWriter, body []byte) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the request: %v", err)
			return
		}
		if veto(w, body) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fake.ServeHTTP(w, r)
	})
}

func oneConsumer(cfg *Config) {
	if cfg.QueueConfig.HasValue() {
		cfg.QueueConfig.Get().NumConsumers = 1
	}
}

func spanAt(td ptrace.Traces, i int) ptrace.Span {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i)
}

// TestFaults plays every fault against every way of queueing. Nothing may be
// lost that is not counted, and nothing confidential may be told.
func TestFaults(t *testing.T) {
	t.Parallel()
	modes := []struct {
		name   string
		config func(cfg *Config)
	}{
		{"memory", func(*Config) {}},
		{"batch", func(cfg *Config) {
			b := cfg.QueueConfig.Get().Batch.GetOrInsertDefault()
			b.FlushTimeout, b.MinSize = 20*time.Millisecond, 25
		}},
		{"synchronous", withoutQueue},
	}
	for _, mode := range modes {
		for _, f := range faults {
			t.Run(mode.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				runFault(t, f, mode.config)
			})
		}
	}
}

func runFault(t *testing.T, f fault, mode func(*Config)) {
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(f.script...)
	var handler http.Handler = fake
	if f.wrap != nil {
		handler = f.wrap(t, fake)
	}
	srv := httptest.NewServer(handler)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	cfg.ClientConfig.Compression = "none"
	mode(cfg)
	if f.config != nil {
		f.config(cfg)
	}
	r := newRig(t, cfg)
	if f.adjust != nil {
		f.adjust(r.exp)
	}
	r.start()

	begin := time.Now()
	for i := range 3 {
		td := traces(10*i, 10)
		if f.change != nil {
			f.change(td)
		}
		td.MarkReadOnly()
		if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
			t.Fatalf("ConsumeTraces: %v", err)
		}
	}
	waitFor(t, "every event is settled", func() bool {
		c := r.counts()
		return c.Sent+c.droppedAll() == 30
	})
	if took := time.Since(begin); took < f.atLeast {
		t.Errorf("settled after %v, want at least %v", took, f.atLeast)
	}
	if f.outage {
		waitFor(t, "the status is fine again", func() bool {
			s := r.host.reported()
			return len(s) > 0 && s[len(s)-1] == componentstatus.StatusOK
		})
	}
	r.shutdown()

	c := r.checkBooks()
	var lost int64
	for reason, n := range f.dropped {
		lost += n
		if c.Dropped[reason] != n {
			t.Errorf("dropped %v, want %v", c.Dropped, f.dropped)
		}
	}
	if c.Sent != 30-lost {
		t.Errorf("sent %d, want %d (dropped %v)", c.Sent, 30-lost, c.Dropped)
	}
	s := fake.Stats()
	if int64(s.Accepted) != 30-lost || s.Duplicates > 0 != f.duplicates && !f.timing {
		t.Errorf("the endpoint accepted %d events and %d duplicates", s.Accepted, s.Duplicates)
	}
	if s.Violations > 0 {
		t.Errorf("violations: %v", fake.Violations())
	}
	for _, o := range f.outcomes {
		if c.Requests[o] == 0 {
			t.Errorf("no request counted as %s: %v", o, c.Requests)
		}
		if (o == "retry" || o == "outage" || o == "no_answer") && c.Retried == 0 {
			t.Error("no event counted as retried")
		}
	}
	reported := r.host.reported()
	if f.outage != slices.Contains(reported, componentstatus.StatusRecoverableError) {
		t.Errorf("component status %v", reported)
	}
	checkSilence(t, r, srv.URL)
}

// checkSilence looks for what must not be told in everything that was told.
func checkSilence(t *testing.T, r *rig, url string) {
	t.Helper()
	var told []string
	for _, entry := range r.logs.All() {
		enc := zapcore.NewMapObjectEncoder()
		for _, field := range entry.Context {
			field.AddTo(enc)
		}
		told = append(told, fmt.Sprint(entry.Message, enc.Fields))
	}
	r.host.mu.Lock()
	for _, err := range r.host.errs {
		told = append(told, fmt.Sprint(err))
	}
	r.host.mu.Unlock()
	for _, s := range told {
		for _, secret := range []string{marker, vendorText, strings.TrimPrefix(url, "http://"), "/v1/events"} {
			if strings.Contains(s, secret) {
				t.Errorf("%q was told: %s", secret, s)
			}
		}
	}
}
