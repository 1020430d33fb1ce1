// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apispan/apispan/test/load"
)

// TestRecommendedConfigurations starts each recommended configuration and treats it
// badly for a few seconds. The long runs are make chaos.
func TestRecommendedConfigurations(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the Collector")
	}
	var out bytes.Buffer
	args := []string{"-v", "-rate", "300", "-kills", "3", "-run", "^(kill|no-disk|two-backends|gateways|kafka|oversize)$"}
	if code := run(t.Context(), args, &out, &out); code != 0 {
		t.Errorf("exit status %d\n%s", code, out.String())
	}
	t.Log("\n" + out.String())
}

// TestProxyFaults: a harness that injects nothing would prove nothing.
func TestProxyFaults(t *testing.T) {
	var taken atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		taken.Add(1)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("{}"))
	}))
	defer backend.Close()
	p, err := newProxy(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	client := &http.Client{Timeout: 3 * time.Second}
	for _, tc := range []struct {
		fault  fault
		status int // 0: no proper answer
		taken  bool
	}{
		{healthy, 201, true}, {down, 0, false}, {throttled, 429, false}, {broken, 500, false}, {unavailable, 503, false},
		{hanging, 0, false}, {resetEarly, 0, false}, {resetLate, 0, true}, {cutAnswer, 201, true}, {garbage, 201, true},
		{slow, 201, true}, {portal, 200, false}, {unpaid, 401, false}, {healthy, 201, true},
	} {
		if err := p.set(tc.fault); err != nil {
			t.Fatal(err)
		}
		before, status := taken.Load(), 0
		resp, err := client.Post(p.url(), "application/json", strings.NewReader("[]"))
		if err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
		if status != tc.status || taken.Load() > before != tc.taken {
			t.Errorf("%s: status %d, taken %v; want %d, %v", tc.fault, status, taken.Load() > before, tc.status, tc.taken)
		}
	}
}

// TestVerdict: the harness must see a loss, a changed id and an empty run.
func TestVerdict(t *testing.T) {
	judge := func(change func(w *world)) error {
		w := &world{settled: true, ids: map[string]map[string]int{}, rng: rand.New(rand.NewPCG(1, 1)), run: 9}
		w.books = load.NewBooks()
		change(w)
		return w.verdict("moesif")
	}
	for name, tc := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"nothing sent": {func(*world) {}, "nothing was acknowledged"},
		"all there":    {func(w *world) { w.books.Ack(0, 1); w.books.Arrive("moesif", 0, "a"); w.books.Arrive("moesif", 0, "a") }, ""},
		"lost":         {func(w *world) { w.books.Ack(0, 2); w.books.Arrive("moesif", 0, "a") }, "lost 1"},
		"still queued": {func(w *world) { w.settled = false; w.books.Ack(0, 2); w.books.Arrive("moesif", 0, "a") }, "had not all yet"},
		"another id":   {func(w *world) { w.books.Ack(0, 1); w.books.Arrive("moesif", 0, "a"); w.books.Arrive("moesif", 0, "b") }, "another id"},
	} {
		err := judge(tc.change)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestArguments(t *testing.T) {
	var out bytes.Buffer
	if code := run(context.Background(), []string{"-run", "("}, &out, &out); code != 2 {
		t.Errorf("exit status %d for a bad expression", code)
	}
	out.Reset()
	if code := run(context.Background(), []string{"-list"}, &out, &out); code != 0 || strings.Count(out.String(), "\n") < 12 {
		t.Errorf("exit status %d, %q", code, out.String())
	}
}
