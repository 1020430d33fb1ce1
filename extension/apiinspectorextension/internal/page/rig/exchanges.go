// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/inspect"
)

// call is a kind of exchange: what a shop does.
type call struct {
	method, route, path string
	status              int
	duration            float64
	request, response   string
	consumer            string
	out                 string // the host that is called
	leaves              []api.Leaf
}

const (
	policy = "59b3f65a1c0de7a4"
	order  = `{"customer":{"name":"Ada Lovelace","email":"[REDACTED]"},"items":[{"sku":"CH-0042","quantity":2,"price":129.00},{"sku":"LA-7","quantity":1,"price":1250}],` +
		`"payment":{"card":{"card_number":"[REDACTED]","cvc":"[REDACTED]","expires":"11/29"},"amount":150800},"note":null,"gift":false}`
)

var orderLeaves = []api.Leaf{
	{Path: "$.customer.email", Type: "string", Decision: "masked", Rule: "default:*email*"},
	{Path: "$.payment.card.card_number", Type: "string", Decision: "masked", Rule: "cards"},
	{Path: "$.payment.card.cvc", Type: "string", Decision: "masked", Rule: "cards"},
	{Path: "$.debug", Type: "object", Decision: "dropped", Rule: "no-debug"},
	{Path: "$.customer.name", Type: "string", Decision: "kept", New: true},
}

var calls = []call{
	{method: "POST", route: "/orders", path: "/orders", status: 201, duration: 12, request: order, response: `{"id":"ord_8127","total":150800,"currency":"EUR"}`, consumer: "u-ada", leaves: orderLeaves},
	{method: "GET", route: "/products/{id}", path: "/products/CH-0042", status: 200, duration: 2.4, response: `{"sku":"CH-0042","name":"Chair, oak","price":129.00,"stock":14,"tags":["oak","chair","new"]}`, consumer: "u-grace"},
	{method: "GET", route: "/search", path: "/search?q=chair&page=1&utm_source=newsletter", status: 200, duration: 8.1, response: `{"hits":[{"sku":"CH-0042","score":0.98},{"sku":"CH-0051","score":0.71}],"total":2,"next":null}`},
	{method: "POST", route: "/login", path: "/login", status: 200, duration: 41, request: `{"user":"grace","password":"[REDACTED]"}`, response: `{"token":"[REDACTED]","expires_in":3600}`, consumer: "u-grace",
		leaves: []api.Leaf{{Path: "$.password", Type: "string", Decision: "masked", Rule: "default:*password*"}}},
	{method: "POST", route: "/charges", path: "/v1/charges", status: 200, duration: 87, out: "api.pay.example", request: `{"card_number":"[REDACTED]","cvc":"[REDACTED]","amount":150800}`, response: `{"id":"ch_1","paid":true}`,
		leaves: []api.Leaf{{Path: "$.card_number", Type: "string", Decision: "masked", Rule: "cards"}, {Path: "$.cvc", Type: "string", Decision: "masked", Rule: "cards"}}},
	{method: "GET", route: "/users/{id}/orders", path: "/users/u-42/orders", status: 200, duration: 19, response: `[{"id":"ord_1","total":12900},{"id":"ord_2","total":4500}]`, consumer: "hmac:k1:jMpIAbP5-iu5e4Q"},
	{method: "POST", route: "/orders", path: "/orders", status: 500, duration: 1204, request: order, response: `{"error":"inventory did not answer","retry_after":2}`, consumer: "u-linus", leaves: orderLeaves},
	{method: "DELETE", route: "/cart/items/{sku}", path: "/cart/items/LA-7", status: 404, duration: 3, response: `{"error":"no such item"}`, consumer: "u-ada"},
	{method: "GET", route: "/products/{id}/image", path: "/products/CH-0042/image", status: 200, duration: 5.2},
	{method: "GET", path: "/legacy/report", route: "/legacy/{id}", status: 302, duration: 1.1, consumer: "acme"},
}

func id(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[rand.IntN(16)]
	}
	return string(b)
}

func side(s string) *api.Side { return &api.Side{Type: "string", Len: len(s), Text: &s} }
func shape(n int) *api.Side   { return &api.Side{Type: "string", Len: n} }

func kept(name, key, value string) api.Value {
	return api.Value{Name: name, Key: key, Before: side(value), After: side(value), Decision: "kept"}
}

func masked(name, key, rule string) api.Value {
	return api.Value{Name: name, Key: key, Before: shape(43), After: side("[REDACTED]"), Decision: "masked", Rule: rule}
}

func body(text, media string, leaves []api.Leaf) api.Body {
	if text == "" {
		return api.Body{Size: -1}
	}
	b := api.Body{Captured: true, Media: media, Size: int64(len(text)), Before: shape(len(text) + 40), After: side(text), Leaves: leaves}
	show.Tree(&b, []byte(text), nil)
	return b
}

// add makes an exchange; r.mu is held.
func (r *rig) add() *api.Detail {
	r.seq++
	c := calls[int(r.seq)%len(calls)]
	d := r.of(c)
	r.details = append([]*api.Detail{d}, r.details...)
	if most := 1000; len(r.details) > most {
		r.details = r.details[:most]
	}
	return d
}

func (r *rig) of(c call) *api.Detail {
	d := &api.Detail{Trace: id(32), Span: id(16), EventID: "evt-" + id(12), SpanName: c.method + " " + c.route, Environment: "test", Protocol: "HTTP/1.1", HasBefore: true, Policy: policy}
	host := "shop.example"
	d.Row = api.Row{ID: d.Trace + "-" + d.Span, Seq: r.seq, Time: time.Now().UTC(), Direction: "in", Service: "shop", Method: c.method, Route: c.route, Guessed: strings.HasPrefix(c.path, "/legacy"),
		Host: host, Path: c.path, Status: c.status, Duration: c.duration * (0.7 + 0.6*rand.Float64()), BytesIn: int64(len(c.request)), BytesOut: int64(len(c.response)), Consumer: c.consumer, Pseudonym: strings.HasPrefix(c.consumer, "hmac:")}
	if c.out != "" {
		d.Direction, d.Host = "out", c.out
	}
	d.URL = "https://" + d.Host + c.path
	path, query, _ := strings.Cut(c.path, "?")
	d.Request = api.Message{Start: fmt.Sprintf("%s %s HTTP/1.1", c.method, c.path), Query: []api.Value{}, Headers: []api.Value{
		kept("Accept", "http.request.header.accept", "application/json"), masked("Authorization", "http.request.header.authorization", "default:authorization"),
		kept("Content-Type", "http.request.header.content-type", "application/json"),
		kept("User-Agent", "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"),
		{Name: "X-Debug", Key: "http.request.header.x-debug", Before: shape(12), Decision: "dropped", Rule: "no-debug"},
	}, Body: body(c.request, "application/json", c.leaves)}
	for pair := range strings.SplitSeq(query, "&") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			d.Request.Query = append(d.Request.Query, kept(k, "url.query", v))
		}
	}
	d.Response = api.Message{Start: fmt.Sprintf("HTTP/1.1 %d", c.status), Headers: []api.Value{kept("Content-Type", "http.response.header.content-type", "application/json"), masked("Set-Cookie", "http.response.header.set-cookie", "default:cookie")},
		Body: body(c.response, "application/json", nil)}
	if strings.HasSuffix(path, "/image") {
		png := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x06\x00\x00\x00\x1f\xf3\xffa"
		d.Response.Body = api.Body{Captured: true, Media: "image/png", Binary: true, Truncated: true, Size: 18211, After: shape(len(png)), Hex: base64.StdEncoding.EncodeToString([]byte(png))}
		d.BytesOut = 18211
	}
	if c.consumer != "" {
		d.Identity = []api.Value{kept("user.id", "user.id", c.consumer), kept("company.id", "apispan.company.id", "acme")}
	}
	d.Metadata = []api.Value{kept("tenant", "apispan.metadata.tenant", "eu-1")}
	d.Resource = []api.Value{kept("service.name", "service.name", "shop"), kept("service.version", "service.version", "1.4.2")}
	for _, l := range append(c.leaves, api.Leaf{Path: "authorization", Decision: "masked", Rule: "default:authorization"}) {
		if l.Decision != "kept" {
			d.Redacted++
			d.Decisions = append(d.Decisions, api.Decision{Component: "http_redaction", Rule: l.Rule, Place: "request_body", Path: l.Path, Action: "mask", Outcome: l.Decision, N: 1})
		} else if l.New {
			d.NewFields++
		}
	}
	r.vendors(d)
	return d
}

func (r *rig) vendors(d *api.Detail) {
	event, _ := json.MarshalIndent(map[string]any{
		"request":  map[string]any{"time": d.Time.Format(time.RFC3339Nano), "uri": d.URL, "verb": d.Method, "headers": map[string]string{"accept": "application/json", "authorization": "[REDACTED]"}},
		"response": map[string]any{"status": d.Status, "headers": map[string]string{"content-type": "application/json"}}, "user_id": d.Consumer, "direction": "Incoming", "weight": 1,
	}, "", " ")
	origins := []api.Origin{{Path: "$.request.uri", From: "url.full"}, {Path: "$.request.verb", From: "http.request.method"}, {Path: "$.request.headers.authorization", From: "http.request.header.authorization"},
		{Path: "$.response.status", From: "http.response.status_code"}, {Path: "$.user_id", From: "user.id"}, {Path: "$.direction", From: "derived"}}
	try := func(status int, problem string) api.Attempt {
		return api.Attempt{Time: d.Time.Add(time.Second), Method: "POST", URL: "https://api.moesif.net/v1/events/batch", Body: "[" + string(event) + "]", Events: 12, Bytes: 14210, Encoded: 2104, Coding: "gzip",
			Headers: []api.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Moesif-Application-Id", Value: "(secret, 320 bytes)"}}, Status: status, Took: 84, Problem: problem,
			Outcome: map[bool]string{true: "accepted", false: "retry"}[status < 300], Answer: map[bool]string{true: "", false: `{"error":"try later"}`}[status < 300], DryRun: !r.status.Live}
	}
	state, moesif := "sent", []api.Attempt{try(201, "")}
	switch {
	case !r.status.Live:
		state, moesif[0].Status = "dry_run", 0
	case d.Status >= 500:
		state, moesif = "retry", []api.Attempt{try(503, "the backend is overloaded: HTTP 503"), try(503, "the backend is overloaded: HTTP 503")}
	}
	readme := api.Vendor{Component: "api_analytics/readme", Backend: "readme", Target: "metrics.readme.io", State: "gated", Reason: "no consumer"}
	if d.Consumer != "" {
		readme = api.Vendor{Component: "api_analytics/readme", Backend: "readme", Target: "metrics.readme.io", State: "dry_run", Event: string(event), Media: "application/json", Origins: origins[:3]}
		readme.Attempts = []api.Attempt{{Time: d.Time, Method: "POST", URL: "https://metrics.readme.io/v1/request", Headers: []api.Header{{Name: "Content-Type", Value: "application/json"}}, Body: string(event), Events: 1, Bytes: 611, DryRun: true}}
	}
	d.Vendors = []api.Vendor{{Component: "api_analytics/moesif", Backend: "moesif", Target: "api.moesif.net", State: state, EventID: d.EventID, Event: string(event), Media: "application/json", Origins: origins, Attempts: moesif}, readme}
	for i := range d.Vendors {
		v := &d.Vendors[i]
		if n := len(v.Attempts); n > 0 {
			v.Attempts[n-1].Tree = show.EventTree(v.Attempts[n-1].Body, v.Event, v.Origins)
		}
		d.Backends = append(d.Backends, api.Dot{Component: v.Component, State: v.State, Reason: v.Reason})
	}
}

// hostile makes exchanges of texts that a page must not obey, nor be held up by.
func (r *rig) hostile() {
	evil := "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"></td>\u202egnp.exe\x00\u2066\x1b[31mred\U000e0041"
	deep := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	for _, c := range []call{
		{path: "/proto", request: `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"":0,"polluted":"x"}`, response: `{"__proto__":null}`},
		{path: "/wide", request: "{" + strings.Repeat(`"key":"value",`, 9_999) + `"last":1}`, response: "[" + strings.Repeat(`"x",`, 9_999) + "1]"},
		{path: "/deep", request: deep, response: strings.Repeat("[", 5000) + strings.Repeat("]", 5000)},
		{path: "/odd", request: strings.Repeat("\x00\u202e", 30_000), response: `{"` + strings.Repeat("\u202e", 20_000) + `":"` + strings.Repeat("\u200b", 20_000) + `"}`},
		{path: "/" + evil, request: `{"` + "<b>key</b>\u202e" + `":"` + "</script><script>document.title='owned'</script>\u202e" + `","long":"` + strings.Repeat("A", inspect.MaxValue) + `"}`,
			response: strings.Repeat("<img src=x onerror=document.title='owned'>", 1500)},
	} {
		c.method, c.route, c.status, c.consumer = "POST", c.path, 200, "javascript:document.title='owned' "+evil
		r.mu.Lock()
		r.seq++
		d := r.of(c)
		d.Request.Headers = append(d.Request.Headers, kept(evil, evil, evil), kept("__proto__", "__proto__", "x"))
		d.Request.Body.Leaves = append(d.Request.Body.Leaves, api.Leaf{Path: "$.long", Type: "string", Decision: evil, Rule: evil})
		d.Decisions = append(d.Decisions, api.Decision{Rule: evil, Place: evil, Path: evil, Action: evil, Outcome: evil})
		d.Vendors[0].Attempts[0].Answer = evil
		r.details = append([]*api.Detail{d}, r.details...)
		r.mu.Unlock()
		r.tell("exchange", d.Row, d)
	}
}
