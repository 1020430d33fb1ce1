// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/examples/shop/shopapi"
	"github.com/apispan/apispan/examples/shop/shopdata"
)

// running is a shop on a real socket whose spans go to memory.
type running struct {
	url   string
	spans *tracetest.InMemoryExporter
}

func start(t *testing.T, mode string) *running {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = 256
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithRawSpanLimits(limits))
	client, wrap, err := instrument(mode, tp)
	if err != nil {
		t.Fatal(err)
	}
	payments := httptest.NewServer(shopapi.PaymentStub())
	t.Cleanup(payments.Close)
	shop := shopapi.New(shopapi.Config{PaymentURL: payments.URL, Client: client, EventInterval: time.Millisecond})
	server := httptest.NewServer(wrap(shop.Handler()))
	t.Cleanup(server.Close)
	t.Cleanup(shop.Close)
	return &running{url: server.URL, spans: spans}
}

// do sends a request and returns status and body.
func (s *running) do(t *testing.T, method, path, contentType, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// span waits for the newest span of a kind and route (server) or path (client):
// it ends after the client has the answer.
func (s *running) span(t *testing.T, kind trace.SpanKind, key attribute.Key, value string) attrs {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		all := s.spans.GetSpans()
		for _, sp := range slices.Backward(all) {
			if a := attrs(toMap(sp.Attributes)); sp.SpanKind == kind && strings.HasSuffix(a[key].String(), value) {
				if sp.DroppedAttributes > 0 {
					t.Errorf("%d attributes were dropped", sp.DroppedAttributes)
				}
				return a
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no span of kind %v with %s %q", kind, key, value)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *running) served(t *testing.T, route string) attrs {
	t.Helper()
	return s.span(t, trace.SpanKindServer, "http.route", route)
}

type attrs map[attribute.Key]attribute.Value

func toMap(kvs []attribute.KeyValue) map[attribute.Key]attribute.Value {
	m := make(map[attribute.Key]attribute.Value, len(kvs))
	for _, kv := range kvs {
		m[kv.Key] = kv.Value
	}
	return m
}

// want compares some attributes.
func (a attrs) want(t *testing.T, want map[attribute.Key]any) {
	t.Helper()
	got := map[attribute.Key]any{}
	for k := range want {
		if v, ok := a[k]; ok {
			got[k] = v.AsInterface()
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
}

func (a attrs) absent(t *testing.T, keys ...attribute.Key) {
	t.Helper()
	for _, k := range keys {
		if v, ok := a[k]; ok {
			t.Errorf("%s = %v, want none", k, v.AsInterface())
		}
	}
}

var bothModes = []string{modeDropIn, modeAlongside}

func eachMode(t *testing.T, f func(t *testing.T, s *running)) {
	t.Helper()
	for _, mode := range bothModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f(t, start(t, mode))
		})
	}
}

func ada() shopdata.User { return shopdata.Users()[0] }

func orderJSON(t *testing.T, change func(*shopapi.OrderRequest)) string {
	t.Helper()
	in := shopapi.OrderRequest{
		Items:    []shopapi.Item{{SKU: "LAMP-01", Quantity: 2}, {SKU: "MUG-07", Quantity: 1}},
		Shipping: shopapi.Address{Name: "Ada", Street: "1 Example Street", City: "Berlin", Zip: "10115"},
		Payment:  shopapi.Payment{Method: "card", Card: shopapi.CardData{CardNumber: shopdata.CardSpaced, CVC: shopdata.CVC, Expiry: "12/29"}},
	}
	if change != nil {
		change(&in)
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
