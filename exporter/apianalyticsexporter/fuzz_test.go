// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

// direct answers requests without a network, which fuzzing is too slow with.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, req)
	return rec.Result(), nil
}

// connect puts the fake in the place of the network.
func connect(e *core, fake http.Handler) {
	for _, s := range e.senders {
		s.transport.(*httpTransport).client.Transport = direct{fake}
	}
}

// fuzzConfig sends at once and tries once; what the fake refuses is seen as dropped.
func fuzzConfig(cfg *Config) *Config {
	withoutQueue(cfg)
	cfg.RequireRedaction = false
	cfg.ClientConfig.Compression = "none" // is done by what connect replaces
	cfg.RetryConfig.Enabled = false
	return cfg
}

// lend lets a rig that was made for the fuzz test report to one of its runs.
func lend(r *rig, t *testing.T) (giveBack func()) {
	f := r.t
	r.t = t
	return func() { r.t = f }
}

// checkFuzzed: whatever came in, the books are balanced, nothing was dropped because
// we failed on it or because the backend did not understand what we sent.
func checkFuzzed(t *testing.T, name string, r *rig, before counts, fake *backendtest.Fake) {
	t.Helper()
	after := r.counts()
	if after.Translated != after.Sent+after.droppedAll() {
		t.Errorf("%s: translated %d != sent %d + dropped %v", name, after.Translated, after.Sent, after.Dropped)
	}
	for _, reason := range slices.Sorted(maps.Keys(after.Dropped)) {
		switch reason {
		case reasonInternal, reasonRejected, reasonDegraded, reasonUnconfirmed, reasonExhausted, reasonRefused:
			if n := after.Dropped[reason] - before.Dropped[reason]; n != 0 {
				t.Errorf("%s: %d events were dropped as %s", name, n, reason)
			}
		}
	}
	if fake.Stats().Violations > 0 {
		t.Errorf("%s: violations: %.2000q", name, fake.Violations())
	}
}

// FuzzTraces feeds any bytes that are an OTLP message through the whole exporter of
// every backend to its schema-checking fake.
func FuzzTraces(f *testing.F) {
	marshaler := &ptrace.ProtoMarshaler{}
	add := func(td ptrace.Traces) {
		b, err := marshaler.MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(ptrace.NewTraces())
	add(traces(0, 3))
	for _, h := range hostileSpans() {
		td := traces(0, 2)
		h.change(spanAt(td, 1))
		if (&ptrace.ProtoMarshaler{}).TracesSize(td) < 1<<16 { // small inputs mutate better
			add(td)
		}
	}
	type target struct {
		rig  *rig
		fake *backendtest.Fake
	}
	targets := map[string]target{}
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		fake := vendors.All[name].New(backendtest.Settings{})
		r := newRig(f, fuzzConfig(backendConfig(f, name, "http://fake.invalid"))).start()
		connect(r.exp.core, fake)
		targets[name] = target{r, fake}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire)
		if err != nil {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
			target := targets[name]
			defer lend(target.rig, t)()
			before := target.rig.counts()
			if err := target.rig.exp.ConsumeTraces(context.Background(), td); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			checkFuzzed(t, name, target.rig, before, target.fake)
		}
	})
}

// FuzzLogs is FuzzTraces for updates of users, companies and subscriptions, and
// actions.
func FuzzLogs(f *testing.F) {
	marshaler := &plog.ProtoMarshaler{}
	for _, u := range [][]update{
		{},
		{userUpdate("u", 1), companyUpdate("c"), subscriptionUpdate("s"), action("a")},
		{{"apispan.user.update", map[string]any{"user.id": "\xff", "apispan.metadata.\xff": []any{1.5, true, map[string]any{"k": nil}}}}},
		{{"apispan.subscription.update", map[string]any{
			"apispan.subscription.id": "s", "apispan.company.id": "c", "apispan.subscription.status": "active",
			"apispan.subscription.current_period_start": "2026-01-31T10:11:12.345Z",
			"apispan.subscription.items":                []any{map[string]any{"plan_id": "pro", "price_id": 7, "metadata": map[string]any{"a": 1}}},
		}}},
		{{"apispan.action", map[string]any{"apispan.action.name": "a", "url.full": "http://\xff/%zz", "user_agent.original": "curl", "client.address": "::1"}}},
	} {
		b, err := marshaler.MarshalLogs(entityLogs(u...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	fake := moesiftest.Vendor.New(backendtest.Settings{})
	r := newLogsRig(f, fuzzConfig(backendConfig(f, "moesif", "http://fake.invalid"))).start()
	connect(r.exp.core, fake)
	f.Fuzz(func(t *testing.T, wire []byte) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		if err != nil {
			return
		}
		defer lend(r.rig, t)()
		before := r.counts()
		if err := r.exp.ConsumeLogs(context.Background(), ld); err != nil {
			t.Error(err)
		}
		checkFuzzed(t, "moesif", r.rig, before, fake)
	})
}
