// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/poll"
)

// exchanges returns n exchanges with trace ids of the given kind.
func exchanges(kind string, n int) []exchange.Exchange {
	rng := rand.New(rand.NewPCG(7, 7))
	out := make([]exchange.Exchange, n)
	for i := range out {
		ex := &out[i]
		ex.Weight, ex.Status, ex.OwnTrace = 1, 200, true
		switch kind {
		case "random":
			binary.BigEndian.PutUint64(ex.TraceID[:8], rng.Uint64())
			binary.BigEndian.PutUint64(ex.TraceID[8:], rng.Uint64())
		case "64 bit":
			binary.BigEndian.PutUint64(ex.TraceID[8:], rng.Uint64())
		case "counting":
			binary.BigEndian.PutUint64(ex.TraceID[8:], uint64(i+1))
		case "counting at the left":
			binary.BigEndian.PutUint32(ex.TraceID[:4], uint32(i+1))
		case "no trace":
			binary.BigEndian.PutUint64(ex.SpanID[:], uint64(i+1))
		case "randomness":
			ex.TraceID[0] = 1
			const digits = "0123456789abcdef"
			rv := make([]byte, 14)
			for j := range rv {
				rv[j] = digits[rng.IntN(16)]
			}
			ex.Randomness = string(rv)
		}
	}
	return out
}

// TestStaticSampling: the share and the sum of the weights are right, whatever
// the trace ids look like.
func TestStaticSampling(t *testing.T) {
	t.Parallel()
	const n = 10_000
	for _, kind := range []string{"random", "64 bit", "counting", "counting at the left", "no trace", "randomness"} {
		for _, percent := range []float64{0, 0.5, 10, 30, 67, 70, 99.5, 100} {
			s := &sampler{percent: percent}
			kept, weight := 0, int64(0)
			for _, ex := range exchanges(kind, n) {
				if s.keep(&ex) {
					kept++
					weight += ex.Weight
				}
			}
			p := percent / 100
			if got, limit := float64(kept), 5*math.Sqrt(n*p*(1-p)); math.Abs(got-n*p) > limit {
				t.Errorf("%s, %v %%: %d of %d kept", kind, percent, kept, n)
			}
			if limit := 5 * n * math.Sqrt((1-p)/p/n); p > 0 && math.Abs(float64(weight)-n) > max(limit, 5*math.Sqrt(n)) {
				t.Errorf("%s, %v %%: weights sum up to %d of %d", kind, percent, weight, n)
			}
		}
	}
}

// TestSamplingIsConsistent: replicas agree, and what a rate keeps a higher one
// keeps, too.
func TestSamplingIsConsistent(t *testing.T) {
	t.Parallel()
	low, again, high := &sampler{percent: 10}, &sampler{percent: 10}, &sampler{percent: 40}
	for _, ex := range exchanges("random", 5000) {
		a, b, c := ex, ex, ex
		kept := low.keep(&a)
		if again.keep(&b) != kept || a.Weight != b.Weight {
			t.Fatal("two replicas disagree")
		}
		if kept && !high.keep(&c) {
			t.Fatal("the higher rate drops what the lower keeps")
		}
	}
}

// TestSamplingAfterSampling: what a sampler before us decided by the bits of the
// trace id has no part in our decision, so the weights multiply.
func TestSamplingAfterSampling(t *testing.T) {
	t.Parallel()
	for name, upstream := range map[string]func(ex *exchange.Exchange) bool{
		"consistent probability": func(ex *exchange.Exchange) bool { // the rightmost 56 bits
			return binary.BigEndian.Uint64(ex.TraceID[8:])&(1<<56-1) >= (1<<56)/4*3
		},
		"ratio based": func(ex *exchange.Exchange) bool { return binary.BigEndian.Uint64(ex.TraceID[8:])>>1 < 1<<61 },
	} {
		s := &sampler{percent: 20}
		const n = 80_000
		survived, kept, weight := 0, 0, int64(0)
		for _, ex := range exchanges("random", n) {
			if !upstream(&ex) {
				continue
			}
			survived++
			ex.Weight = 4
			if s.keep(&ex) {
				kept++
				weight += ex.Weight
			}
		}
		if share := float64(kept) / float64(survived); math.Abs(share-0.2) > 0.02 {
			t.Errorf("%s: %.3f kept", name, share)
		}
		if math.Abs(float64(weight)-n) > 0.1*n {
			t.Errorf("%s: weights sum up to %d of %d", name, weight, n)
		}
	}
}

func TestKeepErrors(t *testing.T) {
	t.Parallel()
	s := &sampler{percent: 0, keepErrors: true}
	for status, want := range map[int]bool{0: true, 200: false, 302: false, 399: false, 400: true, 503: true} {
		ex := exchange.Exchange{Status: status, Weight: 3}
		if got := s.keep(&ex); got != want || ex.Weight != 3 {
			t.Errorf("%d: %v, weight %d", status, got, ex.Weight)
		}
	}
}

func TestMultiply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		weight int64
		factor float64
		want   int64
	}{
		{1, 1, 1}, {3, 4, 12}, {0, 2, 2}, {maxWeight, 1, maxWeight}, {maxWeight, 2, maxWeight},
		{1 << 62, 1 << 40, maxWeight}, {1, math.MaxFloat64, maxWeight}, {1, math.Inf(1), maxWeight},
	} {
		if got := multiply(tc.weight, tc.factor); got != tc.want {
			t.Errorf("%d x %v = %d, want %d", tc.weight, tc.factor, got, tc.want)
		}
	}
}

type fixedRate float64

func (r fixedRate) Rate(*exchange.Exchange) float64 { return float64(r) }

// TestVendorWeight: the factor is rounded down, as the vendor's SDKs do, and none
// is kept at 0.
func TestVendorWeight(t *testing.T) {
	t.Parallel()
	for rate, want := range map[fixedRate]int64{100: 2, 70: 2, 40: 4, 30: 6, 1: 200, 0: 0} {
		s := &sampler{percent: 100, rates: func() backend.Rates { return rate }}
		for _, ex := range exchanges("random", 1000) {
			ex.Weight = 2
			if s.keep(&ex) && ex.Weight != want {
				t.Errorf("rate %v: weight %d, want %d", rate, ex.Weight, want)
			}
		}
	}
}

// TestSampledIsCounted: what is not sampled is a skipped span.
func TestSampledIsCounted(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	cfg := testConfig(srv.URL)
	withoutQueue(cfg)
	cfg.Sampling.Percent = 25
	r := newRig(t, cfg).start()
	if err := r.exp.ConsumeTraces(context.Background(), traces(0, 1000)); err != nil {
		t.Fatal(err)
	}
	c := r.checkBooks()
	if c.Sent+c.Skipped["sampled"] != 1000 || c.Sent < 150 || c.Sent > 350 {
		t.Errorf("counts %+v", c)
	}
	for _, ev := range fake.Events() {
		if !strings.Contains(string(ev.JSON), `"weight":4,`) {
			t.Fatal("an event has another weight than 4")
		}
	}
}

// vendorRig is an exporter that follows the vendor's rates, at test speed.
func vendorRig(t *testing.T, endpoint string) *rig {
	t.Helper()
	cfg := testConfig(endpoint)
	withoutQueue(cfg)
	cfg.Sampling.Source = SamplingVendor
	r := newRig(t, cfg)
	r.exp.rates.pace = ratePace{
		Pace: poll.Pace{Interval: time.Hour, Backoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond}, news: time.Millisecond, flap: time.Hour,
	}
	return r.start()
}

// send sends 10 exchanges and returns how many were not sampled out.
func (r *rig) send(first int) int64 {
	r.t.Helper()
	before := r.counts().Skipped["sampled"]
	if err := r.exp.ConsumeTraces(context.Background(), traces(first, 10)); err != nil {
		r.t.Fatal(err)
	}
	return 10 - (r.counts().Skipped["sampled"] - before)
}

func (r *rig) waitForTag(tag string) {
	r.t.Helper()
	waitFor(r.t, "version "+tag+" is in use", func() bool {
		s := r.exp.rates.state.Load()
		return s != nil && s.tag == tag
	})
}

// TestVendorSampling follows the vendor's configuration as it changes.
func TestVendorSampling(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.SetConfig(`garbage`, "v0", 0)
	srv := httptest.NewServer(fake)
	defer srv.Close()
	r := vendorRig(t, srv.URL)

	// Without a usable configuration all is sent.
	waitFor(t, "garbage was fetched a few times", func() bool { n, _ := fake.ConfigRequests(); return n >= 3 })
	if n := r.send(0); n != 10 {
		t.Errorf("%d sent without a configuration", n)
	}
	if n := r.logs.FilterMessageSnippet("cannot be fetched").Len(); n != 1 {
		t.Errorf("%d log lines about one series of failures", n)
	}

	fake.SetConfig(`{"sample_rate":100,"regex_config":[{"conditions":[{"path":"request.verb","value":"("}],"sample_rate":0}]}`, "v1", 0)
	r.waitForTag("v1")
	if m, err := r.tel.GetMetric("otelcol_exporter_api_analytics_sampling_config_ignored"); err != nil || m.Name == "" {
		t.Errorf("the bad pattern is not counted: %v", err)
	}
	if n := r.send(10); n != 10 {
		t.Errorf("%d sent at 100 %%", n)
	}

	// A new version is noticed by the next answer to events.
	fake.SetConfig(`{"sample_rate":0}`, "v2", 0)
	before, _ := fake.ConfigRequests()
	r.send(20)
	r.waitForTag("v2")
	if n := r.send(30); n != 0 {
		t.Errorf("%d sent at 0 %%", n)
	}
	if after, problems := fake.ConfigRequests(); after != before+1 || len(problems) > 0 {
		t.Errorf("%d fetches for one change, %v", after-before, problems)
	}
	if m, err := r.tel.GetMetric("otelcol_exporter_api_analytics_sampling_config_age"); err != nil || m.Name == "" {
		t.Errorf("no age: %v", err)
	}
	checkSilence(t, r, srv.URL)
}

// TestVendorSamplingKeepsTheLastGood configuration, and does not flap between two
// versions that servers name in turn.
func TestVendorSamplingKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	fake.SetConfig(`{"sample_rate":50}`, "v1", 0)
	srv := httptest.NewServer(fake)
	defer srv.Close()
	r := vendorRig(t, srv.URL)
	r.waitForTag("v1")
	half := r.send(0)
	fake.SetConfig(`{"sample_rate":50,"more":1}`, "v2", 0)
	r.waitForTagBySending("v2")

	fake.SetConfig(`{"sample_rate":0}`, "v1", 0) // an old server answers
	before, _ := fake.ConfigRequests()
	for i := range 5 {
		r.send(100 + 10*i)
	}
	if after, _ := fake.ConfigRequests(); after != before {
		t.Errorf("%d fetches for the version before ours", after-before)
	}
	fake.SetConfig(`{"sample_rate":0}`, "v3", 500)
	r.send(200)
	waitFor(t, "fetching fails", func() bool { n, _ := fake.ConfigRequests(); return n > before })
	if n := r.send(0); n != half {
		t.Errorf("%d sent of what %d were sent before", n, half)
	}
}

// waitForTagBySending sends until the version is in use: the answers tell.
func (r *rig) waitForTagBySending(tag string) {
	r.t.Helper()
	waitFor(r.t, "version "+tag+" is in use", func() bool {
		r.send(1000)
		return r.exp.rates.state.Load().tag == tag
	})
}

// TestVendorSamplingNeverBlocks: a configuration that never comes holds up
// neither events nor shutdown.
func TestVendorSamplingNeverBlocks(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(hanging(fake, "/v1/config", release))
	defer srv.Close()
	defer close(release)
	r := vendorRig(t, srv.URL)
	if n := r.send(0); n != 10 {
		t.Errorf("%d sent", n)
	}
	begin := time.Now()
	r.shutdown()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("shutdown took %v", took)
	}
}

// TestCallerDoesNotChooseTheSample: with one trace id for all calls, a caller is sampled
// like others; and nobody can tell from the ids of a process with another key.
func TestCallerDoesNotChooseTheSample(t *testing.T) {
	t.Parallel()
	const n = 4000
	keep := func(s *sampler, own bool) (kept int, which []bool) {
		for i := range n {
			ex := exchange.Exchange{Weight: 1, TraceID: [16]byte{7}, OwnTrace: own, Randomness: "ffffffffffffff"}
			binary.BigEndian.PutUint32(ex.SpanID[:], uint32(i+1))
			k := s.keep(&ex)
			which = append(which, k)
			if k {
				kept++
			}
		}
		return kept, which
	}
	cfg := SamplingConfig{Percent: 50, Key: "one"}
	kept, one := keep(newSampler(cfg), false)
	if kept < n*4/10 || kept > n*6/10 {
		t.Errorf("%d of %d kept", kept, n)
	}
	if _, again := keep(newSampler(cfg), false); !slices.Equal(one, again) {
		t.Error("two replicas with one key disagree")
	}
	if _, other := keep(newSampler(SamplingConfig{Percent: 50, Key: "two"}), false); slices.Equal(one, other) {
		t.Error("the key has no part in the decision")
	}
	if _, a := keep(newSampler(SamplingConfig{Percent: 50}), false); slices.Equal(one, a) {
		t.Error("without a key the decision is that of a known one")
	}
	if kept, _ := keep(newSampler(cfg), true); kept != 0 && kept != n {
		t.Errorf("%d of one trace of ours kept", kept)
	}
}
