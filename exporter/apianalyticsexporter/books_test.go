// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

// TestHandedBack: without a queue and without retry the caller gets the events
// back, and only those that are not delivered count as refused.
func TestHandedBack(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{}, backendtest.Fault{Status: 503, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	cfg.RetryConfig.Enabled = false
	r := newRig(t, cfg).start()
	err := r.exp.ConsumeTraces(context.Background(), traces(0, 250)) // 200 + 50
	if err == nil || consumererror.IsPermanent(err) {
		t.Fatalf("error %v, want one that is not permanent", err)
	}
	if want := "api_analytics: moesif answered 503 to a request with 50 events"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	c := r.checkBooks()
	if c.Sent != 200 || c.Dropped["refused"] != 50 || c.Retried != 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestWaitForResult merges two callers' events into one batch that fails for good
// (a canceled caller), and later ones that arrive.
func TestWaitForResult(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(backendtest.Fault{Status: 500, Count: -1})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	q := cfg.QueueConfig.Get()
	q.WaitForResult = true
	b := q.Batch.GetOrInsertDefault()
	b.FlushTimeout, b.MinSize = 5*time.Second, 20
	cfg.RetryConfig.MaxElapsedTime = 50 * time.Millisecond
	r := newRig(t, cfg).start()

	errs := make(chan error, 2)
	for i := range 2 {
		go func() { errs <- r.exp.ConsumeTraces(context.Background(), traces(10*i, 10)) }()
	}
	for range 2 {
		if err := <-errs; err == nil || consumererror.IsPermanent(err) {
			t.Errorf("error %v, want one that is not permanent", err)
		}
	}
	if c := r.checkBooks(); c.Dropped["refused"] != 20 || c.Sent != 0 {
		t.Errorf("counts %+v", c)
	}
	fake.Heal()
	for i := range 2 {
		go func() { errs <- r.exp.ConsumeTraces(context.Background(), traces(10*i, 10)) }()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Errorf("error %v", err)
		}
	}
	if c := r.checkBooks(); c.Dropped["refused"] != 20 || c.Sent != 20 {
		t.Errorf("counts %+v", c)
	}
}

// TestGivesUp: what max_elapsed_time or switched-off retries end is counted.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(*Config){
		"retry off":        func(cfg *Config) { cfg.RetryConfig.Enabled = false },
		"max_elapsed_time": func(cfg *Config) { cfg.RetryConfig.MaxElapsedTime = 40 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
			fake.Script(status(503, -1)...)
			srv := httptest.NewServer(fake)
			defer srv.Close()
			cfg := testConfig(srv.URL)
			config(cfg)
			r := newRig(t, cfg).start()
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 10)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the events are given up", func() bool { return r.counts().droppedAll() == 10 })
			r.shutdown()
			if c := r.checkBooks(); c.Dropped["retries_exhausted"] != 10 {
				t.Errorf("counts %+v", c)
			}
			checkSilence(t, r, srv.URL)
		})
	}
}

// TestShutdownWithBackendDown ends quickly and counts what a queue in memory
// cannot keep.
func TestShutdownWithBackendDown(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.Script(status(503, -1)...)
	srv := httptest.NewServer(fake)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Hour, time.Hour
	r := newRig(t, cfg).start()
	for i := range 20 { // twice as many requests as consumers
		if err := r.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "all consumers wait", func() bool { return r.counts().Requests["retry"] == 10 })
	begin := time.Now()
	r.shutdown()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	if c := r.checkBooks(); c.Dropped["shutdown"] != 200 {
		t.Errorf("counts %+v", c)
	}
}

// TestQueueFull: a refused batch is the caller's, who is told to come again.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		<-release
		fake.ServeHTTP(w, req)
	}))
	defer srv.Close()
	cfg := testConfig(srv.URL)
	q := cfg.QueueConfig.Get()
	q.Sizer, q.QueueSize = itemsSizer, 25
	r := newRig(t, cfg).start()
	var full int
	for i := range 3 {
		if err := r.exp.ConsumeTraces(context.Background(), traces(10*i, 10)); err != nil {
			full++
			if consumererror.IsPermanent(err) {
				t.Errorf("error %v is permanent", err)
			}
		}
	}
	close(release)
	waitFor(t, "the rest is delivered", func() bool { return r.counts().Sent == 20 })
	r.shutdown()
	if c := r.checkBooks(); full != 1 || c.Dropped["refused"] != 10 {
		t.Errorf("%d refused calls, counts %+v", full, c)
	}
}

// TestRetryOnlyTheRest: what one request of a batch delivered is not sent again
// when the next one fails.
func TestRetryOnlyTheRest(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]func(*Config){"memory": func(*Config) {}, "synchronous": withoutQueue} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
			// 450 events are three requests; the second fails twice.
			fake.Script(backendtest.Fault{}, backendtest.Fault{Status: 503, Count: 2})
			srv := httptest.NewServer(fake)
			defer srv.Close()
			cfg := testConfig(srv.URL)
			mode(cfg)
			r := newRig(t, cfg).start()
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, 450)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "all is delivered", func() bool { return r.counts().Sent == 450 })
			r.shutdown()
			c := r.checkBooks()
			if s := fake.Stats(); s.Accepted != 450 || s.Duplicates != 0 || s.Requests != 5 {
				t.Errorf("stats %+v", s)
			}
			if c.Retried != 2*250 || c.Requests["delivered"] != 3 || c.Requests["retry"] != 2 {
				t.Errorf("counts %+v", c)
			}
		})
	}
}
