// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"maps"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/vendors"
)

// everyFault is what each backend's endpoint may do. Want is what becomes of five
// events: nil is all delivered once; otherwise reasons and numbers of those dropped.
// An entry in other is for the backend of that name.
var everyFault = []struct {
	name   string
	script []backendtest.Fault
	// slow makes the client give up before the answer.
	slow bool
	// twice: the endpoint sees events again that it has taken.
	twice bool
	want  map[string]int64
	other map[string]map[string]int64
}{
	{name: "429 with Retry-After", script: throttled("0")},
	{name: "503", script: status(503, 2)},
	{name: "502 with garbage", script: []backendtest.Fault{{Status: 502, Body: "\x00<html>" + vendorText}}},
	{name: "401", script: status(401, 2)},
	{name: "404", script: status(404, 2)},
	{name: "302", script: status(302, 2)},
	{name: "413 once", script: status(413, 1)},
	{name: "422 once", script: status(422, 1)},
	{name: "422 always", script: status(422, -1), want: map[string]int64{"refused": 5}}, // given back: nobody vouches
	{name: "500", script: status(500, 1), other: map[string]map[string]int64{"metlo": {"unconfirmed": 5}}},
	{name: "200 with garbage", script: []backendtest.Fault{{Status: 200, Take: true, Body: "\xff{" + vendorText}}},
	{name: "reset", script: []backendtest.Fault{{Reset: true}}, other: map[string]map[string]int64{"metlo": {"unconfirmed": 5}}},
	{name: "taken and reset", script: []backendtest.Fault{{Take: true, Reset: true}}, twice: true, other: map[string]map[string]int64{"metlo": {"unconfirmed": 5}}},
	{name: "slow", script: []backendtest.Fault{{Delay: time.Hour, Status: 200}}, slow: true, other: map[string]map[string]int64{"metlo": {"unconfirmed": 5}}},
}

// TestEveryBackendEveryFault: what an endpoint answers is handled alike for all
// backends, but where a backend says that a repeat would do harm.
func TestEveryBackendEveryFault(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(vendors.All)) {
		for _, f := range everyFault {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				fake := vendors.All[name].New(backendtest.Settings{})
				fake.Script(f.script...)
				srv := httptest.NewServer(fake)
				defer srv.Close()
				cfg := backendConfig(t, name, srv.URL)
				cfg.RetryConfig.InitialInterval, cfg.RetryConfig.MaxInterval = time.Millisecond, 5*time.Millisecond
				cfg.RetryConfig.MaxElapsedTime = 0
				if f.slow {
					cfg.ClientConfig.Timeout = 300 * time.Millisecond
				}
				r := newRig(t, cfg)
				r.exp.sender.spec.MinBackoff = 0 // ReadMe's 15 s
				r.start()
				td := traces(0, 5)
				patience := time.Minute
				if f.want != nil {
					patience = 5 * time.Second // it waits until its sender leaves
				}
				err := consumeWithin(r, td, patience)
				r.shutdown()

				want := f.want
				if o, ok := f.other[name]; ok {
					want = o
				}
				if err != nil && want == nil {
					t.Errorf("ConsumeTraces: %v", err)
				}
				c := r.checkBooks()
				if want["refused"] > 0 && c.Dropped["unconfirmed"] > 0 && name == "metlo" {
					// Its sender left while an event was on its way, which Metlo may have taken.
					c.Dropped["refused"] += c.Dropped["unconfirmed"]
					delete(c.Dropped, "unconfirmed")
				}
				if len(want) != len(c.Dropped) || !maps.Equal(want, c.Dropped) && len(want) > 0 {
					t.Errorf("dropped %v, want %v", c.Dropped, want)
				}
				s := fake.Stats()
				if want == nil && (s.Accepted != 5 && !duplicatesUnseen(name) || c.Sent != 5) {
					t.Errorf("%d accepted, %d counted as sent", s.Accepted, c.Sent)
				}
				// On a slow machine the client also gives up on an answer that it would have got.
				late := f.slow && s.Requests > 2
				if repeated := s.Duplicates > 0 || duplicatesUnseen(name) && s.Accepted > 5; repeated != (f.twice && want == nil) && !late {
					t.Errorf("%d accepted, %d of them again", s.Accepted, s.Duplicates)
				}
				if s.Violations > 0 {
					t.Errorf("violations: %q", fake.Violations())
				}
				checkSilence(t, r, srv.URL)
			})
		}
	}
}

// duplicatesUnseen: events without an id cannot be told apart.
func duplicatesUnseen(name string) bool { return name == "cerberus" || name == "metlo" }

func consume(r *rig, td ptrace.Traces) error { return consumeWithin(r, td, time.Minute) }

func consumeWithin(r *rig, td ptrace.Traces, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.exp.ConsumeTraces(ctx, td)
}
