// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/apispan/apispan/examples/shop/shopapi"
	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/internal/confkeys"
)

func startShop(t *testing.T) string {
	t.Helper()
	payments := httptest.NewServer(shopapi.PaymentStub())
	t.Cleanup(payments.Close)
	shop := shopapi.New(shopapi.Config{PaymentURL: payments.URL, EventInterval: time.Millisecond})
	server := httptest.NewServer(shop.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// TestWholeMix makes enough calls for every kind and checks every answer: a call
// that answers something unexpected shows nothing that it was made to show.
func TestWholeMix(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := command(t.Context(), []string{
		"-target", startShop(t), "-rate", "0", "-requests", "2000", "-duration", "1m", "-json",
	}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Requests, Errors int
		PerSecond        float64 `json:"per_second"`
		P50              float64 `json:"p50_ms"`
		P99              float64 `json:"p99_ms"`
		Routes           map[string]map[string]int
	}
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Requests != 2000 || s.Errors != 0 {
		t.Errorf("%d requests, %d without an answer", s.Requests, s.Errors)
	}
	if s.PerSecond <= 0 || s.P50 <= 0 || s.P99 < s.P50 {
		t.Errorf("figures make no sense: %+v", s)
	}
	got := map[string]bool{}
	for route, results := range s.Routes {
		for result := range results {
			got[route+" "+result] = true
		}
	}
	want := map[string]bool{}
	for _, r := range []string{
		"GET /products 200", "GET /products/{sku} 200", "GET /products/{sku} 404",
		"GET /search 200", "GET /search 400", "GET /recommendations/{user} 500",
		"POST /login 200", "POST /login 401", "POST /login/form 303",
		"GET /me 200", "GET /me 401", "POST /checkout 200",
		"POST /orders 201", "POST /orders 400", "POST /orders 402", "POST /orders 422", "POST /orders 502",
		"GET /orders/{id} 200", "GET /orders/{id} 404",
		"GET /orders/{id}/events 200", "GET /orders/{id}/events 200 left early",
		"POST /orders/{id}/attachments 201", "GET /export/products.ndjson 200",
		"POST /graphql 200", "POST /mcp 200",
	} {
		want[r] = true
	}
	// An order that a call refers to may not exist yet, depending on timing.
	for _, r := range []string{"GET /orders/{id}/events 404", "GET /orders/{id}/events 404 left early", "POST /orders/{id}/attachments 404"} {
		delete(got, r)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answers (-want +got):\n%s", d)
	}
}

func TestSeedFixesCalls(t *testing.T) {
	t.Parallel()
	record := func(seed uint64) string {
		rng := rand.New(rand.NewPCG(seed, 0x5bd1e995))
		var b strings.Builder
		for n := range 300 {
			c := next(rng, n)
			fmt.Fprintln(&b, c.method, c.route, c.path, c.header, c.body, c.user.ID, c.gaveUp)
		}
		return b.String()
	}
	first, again := record(7), record(7)
	if first != again {
		t.Error("the same seed gave different calls")
	}
	if first == record(8) {
		t.Error("another seed gave the same calls")
	}
}

// TestSecretsTravel makes sure that the traffic does contain what the tests of
// redaction look for.
func TestSecretsTravel(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 0x5bd1e995))
	var sent strings.Builder
	for n := range 2000 {
		c := next(rng, n)
		fmt.Fprintln(&sent, c.path, c.header, c.body)
	}
	for _, secret := range shopdata.Secrets() {
		switch {
		case strings.HasPrefix(shopdata.PaymentKey, secret): // the shop sends it
		case secret == "4111%201111%201111%201111": // encoders differ
		default:
			if !strings.Contains(sent.String(), secret) {
				t.Errorf("%q is in no request", secret)
			}
		}
	}
}

func TestRefusesOtherHosts(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"http://example.com", "http://127.0.0.1.example.com", "http://10.0.0.1:8080",
		"http://[2001:db8::1]:80", "http://0.0.0.0:8080", "http://localhost.example.com",
	} {
		err := command(t.Context(), []string{"-target", target}, io.Discard, io.Discard)
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), "-allow-remote") {
			t.Errorf("%s: error %v, want a refusal that names -allow-remote", target, err)
		}
	}
	for _, host := range []string{"127.0.0.1", "127.8.8.8", "::1", "localhost"} {
		if !confkeys.Loopback(host) {
			t.Errorf("%s is loopback", host)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-target", "127.0.0.1:8080"}, {"-target", "https://127.0.0.1"}, {"-target", "http://127.0.0.1/api"},
		{"-duration", "0"}, {"-duration", "2h"}, {"-rate", "-1"}, {"-requests", "-1"},
		{"-workers", "0"}, {"-workers", "1000"}, {"-nonsense"}, {"extra"},
	} {
		if err := command(t.Context(), args, io.Discard, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: error %v, want a usage error", args, err)
		}
	}
}

func TestStopsByItself(t *testing.T) {
	t.Parallel()
	url := startShop(t)
	t.Run("duration", func(t *testing.T) {
		t.Parallel()
		start := time.Now()
		var out bytes.Buffer
		if err := command(t.Context(), []string{"-target", url, "-duration", "300ms", "-rate", "50"}, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 300*time.Millisecond || d > 20*time.Second {
			t.Errorf("took %s", d)
		}
		if !strings.Contains(out.String(), "requests in") || !strings.Contains(out.String(), "p99") {
			t.Errorf("summary:\n%s", out.String())
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := command(ctx, []string{"-target", url, "-duration", "1h"}, io.Discard, io.Discard); err != nil {
			t.Errorf("an interrupted run is no failure: %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		err := command(t.Context(), []string{"-target", "http://127.0.0.1:1", "-wait", "100ms"}, io.Discard, io.Discard)
		if err == nil || errors.Is(err, errUsage) {
			t.Errorf("error %v, want that the shop did not answer", err)
		}
	})
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	s := newSummary()
	for i := range 1000 {
		s.add("x", "200", time.Duration(i+1)*time.Millisecond)
	}
	for p, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		if got := s.percentile(p); got < want || float64(got) > float64(want)*1.05 {
			t.Errorf("p%v = %s, want %s up to 5 %% more", p, got, want)
		}
	}
	if got := newSummary().percentile(0.5); got != 0 {
		t.Errorf("percentile of nothing is %s", got)
	}
}
