// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/serve"
)

func status() api.Status {
	return api.Status{Version: "v0.1.0", Since: time.Now().Add(-3 * time.Hour).UTC(), DryRun: []string{"api_analytics/moesif", "api_analytics/readme"}, Targets: []string{},
		Listens: []string{"grpc://127.0.0.1:4317", "http://127.0.0.1:4318"}, TraceURL: "https://traces.example/trace/{trace}",
		Redactor: []api.Redactor{{Component: "http_redaction", Policy: policy, Since: time.Now().Add(-3 * time.Hour).UTC(), Text: "version: 1\nrules:\n  - name: cards\n    request_body:\n      deny: [card_number, cvc]\n"}},
		Backends: []api.Backend{{Component: "api_analytics/moesif", Backend: "moesif", Target: "api.moesif.net", DryRun: true}, {Component: "api_analytics/readme", Backend: "readme", Target: "metrics.readme.io", DryRun: true}},
		Ring:     api.Ring{MaxExchanges: 1000, Bytes: 12 << 20, MaxBytes: 64 << 20, TTL: 3600e3}, Stats: api.Stats{PerSecond: 12.3, NewFields: 1, Arrived: map[string]int64{}}}
}

// scenario puts what stands above the views into a state; r.mu is held.
func (r *rig) scenario(name string) error {
	fresh := status()
	fresh.Since = r.status.Since
	nothing := api.Notice{Level: "info", Code: "nothing_yet", Text: serve.Where(fresh.Listens), Fix: serve.Example(fresh.Listens)}
	switch name {
	case "dry":
	case "live":
		fresh.Live, fresh.Targets, fresh.DryRun = true, []string{"api.moesif.net"}, []string{"api_analytics/readme"}
		fresh.Backends[0].DryRun = false
	case "empty":
		r.details, r.seq = nil, 0
		fresh.Notices = []api.Notice{nothing}
	case "not_http":
		r.details, r.seq = nil, 0
		fresh.Stats.Arrived = map[string]int64{"internal": 30, "client without http.request.method": 7}
		fresh.Notices = []api.Notice{{Level: "info", Code: "not_http", Text: serve.NoneOf(map[string]int64{"internal": 30, "client without http.request.method": 7})}, nothing}
	case "no_redaction":
		fresh.Redactor = nil
		fresh.Notices = []api.Notice{serve.Bare("traces")}
		for _, d := range r.details {
			d.HasBefore, d.Decisions, d.Policy = false, nil, ""
		}
	case "no_bodies":
		fresh.Notices = []api.Notice{{Level: "info", Code: "no_bodies", Text: "Bodies are not captured: WithBodies(BodiesAll) in httpcapture or, with OBI, payload_extraction."}}
	case "gated":
		fresh.Notices = []api.Notice{{Level: "warning", Code: "sampled_out", Text: "Everything is sampled out: sampling.rate of api_analytics/moesif is 0."}}
	case "not_shown":
		fresh.Stats.NotShown = 412
		fresh.ShowRaw = true
	case "no_backend":
		fresh.Backends, fresh.DryRun = nil, nil
	case "denied":
		r.denied = true
		return nil
	case "allowed":
		r.denied = false
		return nil
	default:
		return fmt.Errorf("no scenario %q", name)
	}
	r.status = fresh
	return nil
}

func numbers(i int, calls int64) api.Numbers {
	f := float64(i + 1)
	n := api.Numbers{Calls: calls, Share: float64(calls) / 12000, Status: [5]int64{0, calls - 2*int64(i) - 3, 0, 2 * int64(i), 3}, P50: 2.1 * f, P95: 11.4 * f, P99: 40.2 * f, Max: 204 * f, BytesIn: calls * 300, BytesOut: calls * 812,
		First: time.Now().Add(-3 * time.Hour).UTC(), Last: time.Now().Add(-time.Duration(i*i) * 3 * time.Second).UTC()}
	if i == 2 {
		n.Status = [5]int64{0, calls, 0, 0, 0}
	}
	return n
}

func (r *rig) endpoints() api.Endpoints {
	e := api.Endpoints{Window: 3600e3, Total: numbers(1, 12000)}
	seen := map[string]bool{}
	for i, c := range calls {
		key := c.method + " " + c.route
		if seen[key] {
			continue
		}
		seen[key] = true
		row := api.EndpointRow{ID: fmt.Sprintf("e%d", i), Service: "shop", Direction: "in", Method: c.method, Route: c.route, Guessed: strings.HasPrefix(c.route, "/legacy"), Consumers: 3 + 7*i, BytesOutP95: int64(900 * (i + 1)), Numbers: numbers(i, int64(4200/(i+1)))}
		if c.out != "" {
			row.Direction = "out"
		}
		if i == 0 {
			row.NewFields = 1
		}
		for m := range 60 {
			row.Spark = append(row.Spark, int64((m*(i+3)*7)%(20+m/2)))
		}
		e.Rows = append(e.Rows, row)
	}
	return e
}

func (r *rig) endpoint(w http.ResponseWriter, req *http.Request) {
	for i, row := range r.endpoints().Rows {
		if row.ID != req.PathValue("id") {
			continue
		}
		e := api.Endpoint{EndpointRow: row, Statuses: []api.Count{{Name: "201", N: row.Calls - 3}, {Name: "500", N: 3}}, Top: r.consumers().Rows[:4], Fields: r.fields().Rows[:6]}
		le := 0.5
		for b := range 40 {
			e.Latency = append(e.Latency, api.Bucket{Le: le, N: int64(max(0, 900-abs(b-14)*abs(b-14)*(9+i)))})
			le *= 1.35
		}
		r.mu.Lock()
		for _, d := range r.details[:min(20, len(r.details))] {
			e.Exchanges = append(e.Exchanges, d.Row)
		}
		r.mu.Unlock()
		answer(w, e)
		return
	}
	refuse(w, http.StatusNotFound, "No such endpoint.")
}

func abs(n int) int { return max(n, -n) }

func (r *rig) consumers() api.Consumers {
	c := api.Consumers{Window: 3600e3, Total: numbers(1, 12000), Rows: []api.ConsumerRow{{ID: "", Anonymous: true, Endpoints: 4, Query: "consumer:anonymous", Numbers: numbers(0, 5100)}}}
	for i, label := range []string{"u-ada", "u-grace", "hmac:k1:jMpIAbP5-iu5e4Q", "u-linus", "acme", "a-very-long-consumer-name-that-somebody-made-of-an-e-mail-address"} {
		c.Rows = append(c.Rows, api.ConsumerRow{ID: label, Label: label, Company: []string{"acme", "", "initech"}[i%3], Pseudonym: strings.HasPrefix(label, "hmac"), Approx: i > 4, Endpoints: 6 - i, Query: "consumer:" + label, Numbers: numbers(i, int64(3000/(i+1)))})
	}
	return c
}

func (r *rig) fields() api.Fields {
	now := time.Now().UTC()
	f := api.Fields{Window: 3600e3, From: now.Add(-time.Hour), To: now, Policies: []string{policy}, Looked: 11873, Seen: 12000}
	both := []string{"api_analytics/moesif", "api_analytics/readme"}
	add := func(location, path, decision, rule string, leaves []string, suspicious string, fresh bool) {
		row := api.Field{Endpoint: "POST /orders", Service: "shop", Location: location, Path: path, Types: []string{"string"}, Count: int64(4200 - 211*len(f.Rows)), Decision: decision, Leaves: leaves, Unchanged: decision == "kept" && leaves != nil, Suspicious: suspicious, New: fresh, First: now.Add(-3 * time.Hour), Last: now, Example: r.example()}
		if path == "$.customer.name" {
			row.Types, row.Endpoint = []string{"string", "null"}, "POST /v2/organisations/{organisation}/orders"
		}
		if rule != "" {
			row.Rules = []string{rule}
		}
		f.Rows = append(f.Rows, row)
	}
	add("request body", "$.customer.contact", "kept", "", both, "email", true)
	all := []string{"api_analytics/cerberus", "api_analytics/clickhouse", "api_analytics/cloudevents", "api_analytics/metlo", "api_analytics/moesif", "api_analytics/readme", "api_analytics/webhook"}
	add("request body", "$.customer.name", "kept", "", all, "", false)
	add("request body", "$.items[*].sku", "kept", "", both, "", false)
	add("request body", "$.items[*].price", "kept", "", both, "", false)
	add("query", "utm_source", "kept", "", both[:1], "", false)
	add("request header", "user-agent", "kept", "", both, "", false)
	add("request body", "$.payment.card.card_number", "masked", "cards", both, "", false)
	add("request body", "$.payment.card.cvc", "masked", "cards", both, "", false)
	add("request header", "authorization", "masked", "default:authorization", both, "", false)
	add("identity", "user.id", "hashed", "pseudonyms", both, "", false)
	add("request body", "$.debug", "dropped", "no-debug", nil, "", false)
	return f
}

func (r *rig) example() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.details) == 0 {
		return ""
	}
	return r.details[0].ID
}

func (r *rig) rules() api.Rules {
	now := time.Now().UTC()
	places := []api.Count{{Name: "request_body $.payment.card.card_number", N: 4100}, {Name: "request_body $.payment.card.cvc", N: 4100}, {Name: "request_body $.card_number", N: 700}, {Name: "request_body $.cvc", N: 700}}
	row := func(rule string, hits int64, places []api.Count) api.Rule {
		out := api.Rule{Component: "http_redaction", Policy: policy, Rule: rule, Hits: hits, Places: places, Example: r.example()}
		if hits > 0 {
			out.Last, out.Actions = &now, []api.Count{{Name: "mask", N: hits}}
		} else {
			out.Example = ""
		}
		return out
	}
	return api.Rules{Window: 3600e3, Rows: []api.Rule{row("cards", 9600, places), row("default:*password*", 812, []api.Count{{Name: "request_body $.password", N: 812}}), row("default:authorization", 12000, []api.Count{{Name: "request_header authorization", N: 12000}}), row("ssn", 0, nil), row("default:*iban*", 0, nil)}}
}

func (r *rig) delivery() api.Delivery {
	at := time.Now().Add(-40 * time.Second).UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	d := api.Delivery{}
	for i, b := range r.status.Backends {
		row := api.DeliveryRow{Backend: b, State: "dry_run", Sent: 11873, Skipped: []api.Count{{Name: "gated: no consumer", N: 5100}}}
		if !b.DryRun && i == 0 {
			row.State, row.Waiting, row.OldestWaiting, row.Retried, row.QueueOnDisk, row.QueueBytes = "failing", 1204, 73000, 18, true, 9<<20
			row.LastProblem, row.LastProblemAt, row.Runbook = "the backend is overloaded: HTTP 503", &at, "the-backend-is-down"
			row.Dropped = []api.Count{{Name: "refused: HTTP 400", N: 3}}
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

func (r *rig) sandbox(w http.ResponseWriter, req *http.Request) {
	var in api.SandboxRequest
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "The body is no policy.")
		return
	}
	if strings.Contains(in.Policy, "dney") {
		answer(w, api.Sandbox{Problems: []api.Problem{{Line: 1 + strings.Count(in.Policy[:strings.Index(in.Policy, "dney")], "\n"), Text: "keys: unknown field dney", Remedy: "Did you mean deny?"}}})
		return
	}
	answer(w, api.Sandbox{Policy: "aa02c4d1", Looked: 400, Changed: 80, Rows: []api.Difference{{ID: r.example(), Summary: "POST /orders 201", Values: []api.Value{
		{Name: "$.customer.name", Key: "http.request.body.content", Before: side("Ada Lovelace"), After: side("[REDACTED]"), Decision: "masked", Rule: "names"}}}},
		Rules: []api.Rule{{Rule: "names", Hits: 80}, {Rule: "never"}}})
}
