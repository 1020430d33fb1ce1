// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cloudevents

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

const rawID = "customer-4711"

func usage(change func(ex *exchange.Exchange)) *exchange.Exchange {
	ex := &exchange.Exchange{
		ID: "5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a", Method: "GET", Status: 200, Weight: 1, Path: "/x", ServiceName: "shop",
		Start: time.Date(2026, 1, 31, 10, 11, 12, 0, time.UTC), ConsumerID: rawID, CompanyID: "co", UserID: "u", SubscriptionID: "sub",
	}
	ex.End = ex.Start.Add(time.Millisecond)
	ex.Request.Body.Size, ex.Response.Body.Size = -1, -1
	if change != nil {
		change(ex)
	}
	return ex
}

type decoded struct {
	Source, Type string
	Subject      *string
	Time         *string
	Data         struct {
		Method   string
		Weight   int64
		Metadata map[string]any
	}
}

func appendTo(t *testing.T, c *Config, ex *exchange.Exchange) (e decoded, drop backend.Drop) {
	t.Helper()
	out, drop := newEncoder(t, c).Append(nil, ex)
	if drop == backend.Keep {
		if err := json.Unmarshal(out, &e); err != nil {
			t.Fatal(err)
		}
	}
	return e, drop
}

// TestSubject: who is metered is who is configured, and nobody else: what redaction left no
// id of is none, in no spelling, and no part of it leaves.
func TestSubject(t *testing.T) {
	t.Parallel()
	for subject, want := range map[Subject]string{"": rawID, SubjectConsumer: rawID, SubjectCompany: "co", SubjectUser: "u", SubjectSubscription: "sub"} {
		if e, _ := appendTo(t, &Config{Subject: subject, RequireSubject: true}, usage(nil)); e.Subject == nil || *e.Subject != want {
			t.Errorf("%s: %v", subject, e.Subject)
		}
	}
	for _, id := range []string{
		"", "[REDACTED]", "[REDACTED:malformed]", "*****", "enc:v1:k1:AbCd", "a\x00b", "a\nb", "\u0085", "\ufffe", "\xff" + rawID, strings.Repeat("x", maxSubject+1),
	} {
		ex := usage(func(ex *exchange.Exchange) { ex.ConsumerID = id })
		if _, drop := appendTo(t, &Config{RequireSubject: true}, ex); drop != backend.DropNoIdentity {
			t.Errorf("%.20q: %q", id, drop)
		}
		if e, drop := appendTo(t, &Config{}, ex); drop != backend.Keep || e.Subject != nil {
			t.Errorf("%.20q: %q %v", id, drop, e.Subject)
		}
		if e, _ := appendTo(t, &Config{DefaultSubject: "nobody"}, ex); e.Subject == nil || *e.Subject != "nobody" {
			t.Errorf("%.20q: %v", id, e.Subject)
		}
	}
	// A token tells customers apart, and is the same for the same one.
	const token = "hmac:k1:AbCdEfGhIjKlMnOpQrStUv"
	e, _ := appendTo(t, &Config{RequireSubject: true}, usage(func(ex *exchange.Exchange) { ex.ConsumerID = token }))
	if e.Subject == nil || *e.Subject != token {
		t.Errorf("%v", e.Subject)
	}
}

// TestWeight: what stands for several calls is no usage to bill, unless that is said.
func TestWeight(t *testing.T) {
	t.Parallel()
	for weight, want := range map[int64]backend.Drop{0: "", 1: "", 2: backend.DropWeight, 1_000_000: backend.DropWeight} {
		ex := usage(func(ex *exchange.Exchange) { ex.Weight = weight })
		if _, drop := appendTo(t, &Config{RequireWeightOne: true}, ex); drop != want {
			t.Errorf("%d: %q", weight, drop)
		}
		if e, drop := appendTo(t, &Config{}, ex); drop != backend.Keep || e.Data.Weight != max(1, weight) {
			t.Errorf("%d: %q %d", weight, drop, e.Data.Weight)
		}
	}
}

// TestStable: an exchange that comes again has the same id and source, also from another
// Collector of the same configuration.
func TestStable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "apispan", "shop": "shop", "unknown_service:node": "unknown_service%3Anode", "a b/ü": "a%20b%2F%C3%BC", ".": ".",
	} {
		e, _ := appendTo(t, &Config{}, usage(func(ex *exchange.Exchange) { ex.ServiceName = name }))
		if e.Source != want {
			t.Errorf("%q: %s", name, e.Source)
		}
	}
	if e, _ := appendTo(t, &Config{Source: "https://shop.example.com/api", Type: "com.example.call"}, usage(nil)); e.Source != "https://shop.example.com/api" || e.Type != "com.example.call" {
		t.Errorf("%+v", e)
	}
	if e, _ := appendTo(t, &Config{}, usage(func(ex *exchange.Exchange) { ex.Start = time.Unix(0, 0) })); e.Time != nil {
		t.Errorf("1970 for no time: %s", *e.Time)
	}
}

// TestMetadata: only what is chosen, only what can be counted or grouped by, and each name
// once.
func TestMetadata(t *testing.T) {
	t.Parallel()
	metadata := []exchange.KeyValue{
		{Key: "a.b", Value: int64(1)}, {Key: "a_b", Value: int64(2)}, {Key: "gen_ai.request.model", Value: "m-1"},
		{Key: "gen_ai.usage.input_tokens", Value: int64(12)}, {Key: "gen_ai.usage.list", Value: []any{"x"}},
		{Key: "gen_ai.usage.long", Value: strings.Repeat("x", maxValue+1)}, {Key: "gen_ai.usage.ratio", Value: 0.5}, {Key: "note", Value: "private"},
	}
	ex := usage(func(ex *exchange.Exchange) { ex.Metadata = metadata })
	for _, tt := range []struct {
		keys []string
		want string
	}{
		{nil, `{"gen_ai_request_model":"m-1","gen_ai_usage_input_tokens":12,"gen_ai_usage_ratio":0.5}`},
		{[]string{}, `null`},
		{[]string{"a*"}, `{"a_b":1}`},
		{[]string{"a_b", "missing"}, `{"a_b":2}`},
	} {
		e, _ := appendTo(t, &Config{Metadata: tt.keys}, ex)
		if got, _ := json.Marshal(e.Data.Metadata); string(got) != tt.want {
			t.Errorf("%q: %s, want %s", tt.keys, got, tt.want)
		}
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		config Config
		want   string
	}{
		{Config{Subject: "email"}, "`cloudevents::subject` is \"email\": write consumer, company, user or subscription"},
		{Config{Type: "a\nb"}, "`cloudevents::type` holds a control character"},
		{Config{Source: "my shop"}, "`cloudevents::source` is no URI reference"},
		{Config{Source: "%zz"}, "`cloudevents::source` is no URI reference"},
		{Config{Metadata: []string{"a*b"}}, "`cloudevents::metadata` has the entry \"a*b\""},
		{Config{Metadata: []string{""}}, "`cloudevents::metadata` has the entry \"\""},
		{Config{RequireSubject: true, DefaultSubject: "nobody"}, "`cloudevents::default_subject` is set while `cloudevents::require_subject`"},
		{Config{DefaultSubject: "***"}, "`cloudevents::default_subject` holds"},
	} {
		_, err := tt.config.NewEncoder(backend.Build{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.config, err, tt.want)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	h := make(http.Header)
	newEncoder(t, &Config{BearerToken: "t0ken"}).SetHeader(h)
	if h.Get("Authorization") != "Bearer t0ken" || h.Get("User-Agent") != "apispan/1.2.3" {
		t.Errorf("headers %v", h)
	}
}

func TestOwnReportsAreDropped(t *testing.T) {
	t.Parallel()
	if _, drop := appendTo(t, &Config{}, usage(func(ex *exchange.Exchange) { ex.Direction, ex.UserAgent = exchange.Outgoing, "apispan/1.2.3" })); drop != backend.DropSelfTraffic {
		t.Errorf("%q", drop)
	}
}

// An event allocates nothing.
func TestAllocations(t *testing.T) {
	enc, ex := newEncoder(t, &Config{Metadata: []string{"*"}}), backendtest.SharedCases(t)["full"]
	dst := make([]byte, 0, maxItemBytes)
	if n := testing.AllocsPerRun(100, func() { enc.Append(dst, ex) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	enc, ex := newEncoder(b, &Config{}), backendtest.SharedCases(b)["full"]
	item, _ := enc.Append(nil, ex)
	b.ReportAllocs()
	b.SetBytes(int64(len(item)))
	for b.Loop() {
		item, _ = enc.Append(item[:0], ex)
	}
}
