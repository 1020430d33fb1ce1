// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

func TestRates(t *testing.T) {
	t.Parallel()
	const config = `{"org_id":"o","app_id":"a","sample_rate":40,"block_bot_traffic":true,
		"user_sample_rate":{"u0":0,"u70":70,"u-bad":"x"},"company_sample_rate":{"c5":5,"cmany":500},
		"user_rules":{"u0":[{"rules":"r","values":{"0":"x"}}]},"ip_addresses_blocked_by_name":{},"billing_config_jsons":{},
		"regex_config":[
			{"conditions":[{"path":"request.route","value":"/health"}],"sample_rate":0},
			{"conditions":[{"path":"request.verb","value":"^POST$"},{"path":"response.status","value":"^5"}],"sample_rate":100},
			{"conditions":[{"path":"request.ip_address","value":"^10\\."}],"sample_rate":3},
			{"conditions":[{"path":"request.route","value":"(?=lookahead)"}],"sample_rate":1},
			{"conditions":[{"path":"request.headers.x","value":"."}],"sample_rate":2},
			{"conditions":[],"sample_rate":7},
			{"conditions":[{"path":"request.verb","value":"."}]},
			{"conditions":[{"path":"request.verb","value":"^PATCH$"}],"sample_rate":-3}
		]}`
	enc := newEncoder(t, Config{ApplicationID: "app-id"})
	r, ignored, err := enc.ParseRates([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if ignored != 5 { // u-bad, lookahead, headers, no condition, no rate
		t.Errorf("%d parts ignored, want 5", ignored)
	}
	ex := func(change func(*exchange.Exchange)) *exchange.Exchange {
		e := &exchange.Exchange{Method: "GET", Path: "/orders", Status: 200, ClientAddress: "203.0.113.7"}
		change(e)
		return e
	}
	for _, tc := range []struct {
		name   string
		change func(*exchange.Exchange)
		want   float64
	}{
		{"global", func(*exchange.Exchange) {}, 40},
		{"user", func(e *exchange.Exchange) { e.UserID, e.CompanyID = "u70", "c5" }, 70},
		{"user with rate 0", func(e *exchange.Exchange) { e.UserID = "u0" }, 0},
		{"user with a bad rate, then company", func(e *exchange.Exchange) { e.UserID, e.CompanyID = "u-bad", "c5" }, 5},
		{"company", func(e *exchange.Exchange) { e.UserID, e.CompanyID = "other", "c5" }, 5},
		{"rate above 100", func(e *exchange.Exchange) { e.CompanyID = "cmany" }, 100},
		{"rate below 0", func(e *exchange.Exchange) { e.Method = "PATCH" }, 0},
		{"rule before user, unanchored", func(e *exchange.Exchange) { e.Path, e.UserID = "/v1/healthz", "u70" }, 0},
		{"the query is no path", func(e *exchange.Exchange) { e.Query = "next=/health" }, 40},
		{"all conditions", func(e *exchange.Exchange) { e.Method, e.Status = "POST", 503 }, 100},
		{"one of two conditions", func(e *exchange.Exchange) { e.Method = "POST" }, 40},
		{"no response is no match", func(e *exchange.Exchange) { e.Method, e.Status = "POST", 0 }, 40},
		{"address", func(e *exchange.Exchange) { e.ClientAddress = "10.1.2.3" }, 3},
		{"outgoing: our address", func(e *exchange.Exchange) {
			e.Direction, e.ClientAddress, e.LocalAddress = exchange.Outgoing, "", "10.1.2.3"
		}, 3},
		{"unknown address", func(e *exchange.Exchange) { e.ClientAddress = "10.redacted" }, 40},
	} {
		if got := r.Rate(ex(tc.change)); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	// The status that stands for no response is what the event carries.
	r, _, err = newEncoder(t, Config{ApplicationID: "app-id", NoResponseStatus: 599}).ParseRates([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Rate(ex(func(e *exchange.Exchange) { e.Method, e.Status = "POST", 0 })); got != 100 {
		t.Errorf("no_response_status: %v", got)
	}
}

func TestParseRates(t *testing.T) {
	t.Parallel()
	enc := newEncoder(t, Config{ApplicationID: "app-id"})
	for body, want := range map[string]string{
		`{}`:                            "100 0 false",
		`{"sample_rate":null}`:          "100 1 false",
		`{"sample_rate":"10"}`:          "100 1 false",
		`{"sample_rate":12.5}`:          "12.5 0 false",
		`{"user_sample_rate":null}`:     "100 0 false",
		`{"regex_config":null}`:         "100 0 false",
		``:                              "error",
		`null`:                          "error",
		`[]`:                            "error",
		`<html>`:                        "error",
		`{"sample_rate":1`:              "error",
		`{"user_sample_rate":[1]}`:      "error",
		`{"regex_config":{"a":"b"}}`:    "error",
		`{"regex_config":[{"x":1}, 2]}`: "error",
	} {
		r, ignored, err := enc.ParseRates([]byte(body))
		got := "error"
		if err == nil {
			got = fmt.Sprint(r.Rate(&exchange.Exchange{}), ignored, false)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	// Too much is ignored, or refused as a whole.
	rule := `{"conditions":[{"path":"request.verb","value":"%s"}],"sample_rate":0}`
	many := `{"regex_config":[` + strings.Repeat(fmt.Sprintf(rule, "nothing")+",", maxRateRules) + fmt.Sprintf(rule, "") + `]}`
	if r, ignored, err := enc.ParseRates([]byte(many)); err != nil || ignored != 1 || r.Rate(&exchange.Exchange{Method: "GET"}) != 100 {
		t.Errorf("many rules: %d ignored, %v", ignored, err)
	}
	long := `{"regex_config":[` + fmt.Sprintf(rule, strings.Repeat("a", maxRulePatternSize+1)) + `]}`
	if _, ignored, err := enc.ParseRates([]byte(long)); err != nil || ignored != 1 {
		t.Errorf("long pattern: %d ignored, %v", ignored, err)
	}
	if _, _, err := enc.ParseRates([]byte(`{"a":"` + strings.Repeat("x", backend.MaxRatesBytes) + `"}`)); err == nil {
		t.Error("a huge config is accepted")
	}
}

func TestRatesTag(t *testing.T) {
	t.Parallel()
	enc := newEncoder(t, Config{ApplicationID: "app-id"})
	h := http.Header{}
	// As they stand on the wire.
	h.Set("X-Moesif-Rules-Tag", "r1")
	h.Set("X-Moesif-Rules-Etag", "r2")
	if got := enc.RatesTag(h); got != "" {
		t.Errorf("tag %q", got)
	}
	h.Set("X-Moesif-Config-Etag", "c1")
	if got := enc.RatesTag(h); got != "c1" {
		t.Errorf("tag %q", got)
	}
}

// FuzzParseRates: whatever the config, no panic, and a rate from 0 to 100.
func FuzzParseRates(f *testing.F) {
	f.Add([]byte(`{"sample_rate":1e9,"regex_config":[{"conditions":[{"path":"request.verb","value":"("}],"sample_rate":1}]}`), "GET", "u")
	enc := newEncoder(f, Config{ApplicationID: "app-id"})
	f.Fuzz(func(t *testing.T, config []byte, method, user string) {
		r, _, err := enc.ParseRates(config)
		if err != nil {
			return
		}
		if got := r.Rate(&exchange.Exchange{Method: method, UserID: user}); !(got >= 0 && got <= 100) {
			t.Errorf("rate %v", got)
		}
	})
}
