// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/metlo/metlotest"
)

// metloConfig is the default configuration for Metlo at the endpoint, with backoff
// in milliseconds.
func metloConfig(endpoint string, change func(*MetloConfig)) *Config {
	cfg := testConfig("")
	cfg.Moesif = configoptional.None[MoesifConfig]()
	m := *createDefaultConfig().(*Config).Metlo.GetOrInsertDefault()
	m.Endpoint, m.APIKey = endpoint, configopaque.String("metlo."+marker)
	if change != nil {
		change(&m)
	}
	cfg.Metlo = configoptional.Some(m)
	return cfg
}

// TestMetloFaults: nothing that may have been taken is sent again, for Metlo would
// take it twice.
func TestMetloFaults(t *testing.T) {
	t.Parallel()
	const events = 120 // three batches
	one := func(m *MetloConfig) { m.Single = true }
	for _, tt := range []struct {
		name    string
		script  []backendtest.Fault
		change  func(*MetloConfig)
		dropped map[string]int64
		taken   int
		// requests is 0 where the number depends on the order of things.
		requests int
	}{
		{name: "healthy", taken: events, requests: 3},
		{name: "v2", change: func(m *MetloConfig) { m.API = "v2" }, taken: events, requests: 3},
		{name: "single", change: one, taken: events, requests: events},
		{name: "503", script: status(503, 2), taken: events, requests: 5},
		{name: "429", script: throttled("0"), taken: events, requests: 5},
		{name: "401", script: status(401, 2), taken: events, requests: 5},
		{name: "500", script: status(500, 1), dropped: map[string]int64{"unconfirmed": 50}, taken: 70},
		// What may be lost gets less and less.
		{name: "500 for a while", script: status(500, 3), dropped: map[string]int64{"unconfirmed": 52}, taken: 68},
		{
			name: "500 after the items", script: []backendtest.Fault{{Take: true, Status: 500, Body: vendorText}},
			dropped: map[string]int64{"unconfirmed": 50}, taken: events,
		},
		{name: "400", script: status(400, 1), taken: events},
		{name: "400 to everything, for a while", script: status(400, 9), taken: events},
		{name: "400 single", change: one, script: status(400, 1), taken: events, requests: events + 1},
		{name: "413 once", script: status(413, 1), taken: events},
		{
			name: "reset after the items", script: []backendtest.Fault{{Take: true, Reset: true}},
			dropped: map[string]int64{"unconfirmed": 50}, taken: events,
		},
		{name: "garbage", script: []backendtest.Fault{{Body: vendorText, Count: -1}}, taken: events, requests: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := metlotest.Vendor.New(backendtest.Settings{})
			fake.Script(tt.script...)
			server := httptest.NewServer(fake)
			defer server.Close()
			cfg := metloConfig(server.URL, tt.change)
			oneConsumer(cfg)
			r := newRig(t, cfg).start()
			if err := r.exp.ConsumeTraces(context.Background(), traces(0, events)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the queue is empty", func() bool {
				c := r.counts()
				return c.Translated == events && c.Sent+c.droppedAll() == events
			})
			r.shutdown()
			c := r.checkBooks()
			if tt.dropped == nil {
				tt.dropped = map[string]int64{}
			}
			if d := cmp.Diff(tt.dropped, c.Dropped); d != "" {
				t.Errorf("dropped (-want +got)\n%s", d)
			}
			stats := fake.Stats()
			if stats.Accepted != tt.taken || tt.requests > 0 && stats.Requests != tt.requests {
				t.Errorf("%+v, want %d taken by %d requests", stats, tt.taken, tt.requests)
			}
			for _, v := range fake.Violations() {
				t.Error(v)
			}
			for _, l := range r.logs.All() {
				if strings.Contains(l.Message, marker) || strings.Contains(l.Message, vendorText) {
					t.Errorf("log: %s", l.Message)
				}
			}
		})
	}
}

// TestMetloRefusedConnection: what certainly was not sent is sent again.
func TestMetloRefusedConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there any more
	cfg := metloConfig(server.URL, nil)
	cfg.RetryConfig.MaxElapsedTime = time.Hour
	r := newRig(t, cfg)
	var late atomic.Bool
	r.exp.sender.now = func() time.Time {
		if late.Load() {
			return time.Now().Add(2 * time.Hour)
		}
		return time.Now()
	}
	r.start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 3)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is tried again", func() bool { return r.counts().Retried > 0 })
	late.Store(true)
	waitFor(t, "the exporter gives up", func() bool { return r.counts().droppedAll() == 3 })
	r.shutdown()
	if c := r.checkBooks(); c.Dropped["retries_exhausted"] != 3 {
		t.Errorf("%+v", c)
	}
}

// TestMetloDefaults: keys beside the block have their own defaults, and what is
// written wins, key by key.
func TestMetloDefaults(t *testing.T) {
	t.Parallel()
	type values struct {
		Timeout, Initial, Max, Elapsed time.Duration
		Queue                          int64
	}
	usual := values{5 * time.Second, time.Second, 5 * time.Second, 10 * time.Second, 40 << 20}
	for _, tt := range []struct {
		name string
		conf map[string]any
		want func(v *values)
	}{
		{"none", nil, func(*values) {}},
		{"timeout", map[string]any{"timeout": "10s"}, func(v *values) { v.Timeout = 10 * time.Second }},
		{
			"elapsed", map[string]any{"retry_on_failure": map[string]any{"max_elapsed_time": "0s"}},
			func(v *values) { v.Elapsed = 0 },
		},
		{
			"interval", map[string]any{"retry_on_failure": map[string]any{"initial_interval": "2s"}},
			func(v *values) { v.Initial, v.Max, v.Elapsed = 2*time.Second, 30*time.Second, 30*time.Second },
		},
		{
			"queue", map[string]any{"sending_queue": map[string]any{"queue_size": 134217728}},
			func(v *values) { v.Queue = 128 << 20 },
		},
		{
			"queue by items", map[string]any{"sending_queue": map[string]any{"sizer": "items", "queue_size": 1000}},
			func(v *values) { v.Queue = 1000 },
		},
	} {
		conf := map[string]any{"metlo": map[string]any{"endpoint": "https://h:8081", "api_key": "k"}}
		maps.Copy(conf, tt.conf)
		cfg, err := load(t, confmap.NewFromStringMap(conf))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := usual
		tt.want(&want)
		r := cfg.RetryConfig
		got := values{cfg.ClientConfig.Timeout, r.InitialInterval, r.MaxInterval, r.MaxElapsedTime, cfg.QueueConfig.Get().QueueSize}
		if got != want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, want)
		}
	}
	// Other backends keep theirs.
	cfg, err := load(t, confmap.NewFromStringMap(map[string]any{"moesif": map[string]any{"application_id": "a"}}))
	if err != nil || cfg.RetryConfig.MaxElapsedTime != 0 || cfg.ClientConfig.Timeout != defaultTimeout {
		t.Errorf("moesif: %v", err)
	}
}

// TestMetloRedacted: with both gates shut, v2 is told that content is missing.
func TestMetloRedacted(t *testing.T) {
	t.Parallel()
	for api, want := range map[string]bool{"v1": false, "v2": true} {
		fake := metlotest.Vendor.New(backendtest.Settings{})
		server := httptest.NewServer(fake)
		defer server.Close()
		r := newRig(t, metloConfig(server.URL, func(m *MetloConfig) {
			m.API, m.Gates = api, Gates{Bodies: BodiesNone}
		})).start()
		if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "it is sent", func() bool { return len(fake.Events()) == 1 })
		event := string(fake.Events()[0].JSON)
		if got := strings.Contains(event, `"redacted":true`); got != want {
			t.Errorf("%s: %s", api, event)
		}
		if strings.Contains(event, `"name"`) || !strings.Contains(event, `"body":""`) {
			t.Errorf("%s: content in %s", api, event)
		}
	}
}
