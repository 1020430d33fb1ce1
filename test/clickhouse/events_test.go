// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// call is one exchange, as the reference knows it.
type call struct {
	n                         int
	at                        time.Time
	us                        int64
	service, method, route    string
	path, query               string
	status                    int
	consumer, company         string
	weight                    int64
	sent, received            int64 // bytes of the bodies; -1: unknown
	userAgent, request, reply string
	outgoing                  bool
}

// begin is the time of the first call; no two calls have the same time or duration, so that
// every order is whole.
var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

const (
	days  = 30
	calls = 100_000
)

// makeCalls makes the same calls each time. Consumers come up one after the other.
func makeCalls(n int) []call {
	rng := rand.New(rand.NewPCG(7, 9))
	routes := []struct{ service, method, route string }{
		{"shop", "GET", "/v1/products"}, {"shop", "GET", "/v1/products/{id}"}, {"shop", "POST", "/v1/orders"}, {"shop", "GET", "/v1/orders/{id}"},
		{"shop", "DELETE", "/v1/orders/{id}"}, {"billing", "GET", "/v1/invoices"}, {"billing", "POST", "/v1/invoices/{id}/pay"}, {"search", "GET", "/search"}, {"search", "POST", "/graphql"}, {"shop", "GET", ""},
	}
	list := make([]call, n)
	for i := range list {
		r := routes[min(rng.IntN(len(routes)), rng.IntN(len(routes)))]
		c := call{
			n: i, at: begin.Add(time.Duration(i) * (days * 24 * time.Hour / time.Duration(n))).Truncate(time.Microsecond),
			us:      int64(rng.ExpFloat64()*40)*1_000_000 + int64(i),
			service: r.service, method: r.method, route: r.route, path: fmt.Sprintf("/p/%d/%%C3%%A9%%20", i), query: fmt.Sprintf("q=%d", i%17),
			status: []int{200, 200, 200, 201, 204, 304, 400, 404, 429, 500, 503, 0}[rng.IntN(12)],
			weight: []int64{1, 1, 1, 2, 10, 33}[rng.IntN(6)], sent: int64(rng.IntN(2000)) - 1, received: int64(rng.IntN(9000)) - 1,
			userAgent: fmt.Sprintf("client/%d \"q\"", rng.IntN(5)), outgoing: rng.IntN(20) == 0,
			request: fmt.Sprintf("{\"n\": %d, \"t\": \"\\u0000 é\\n\"}", i), reply: "plain\ttext\x01 " + fmt.Sprint(i),
		}
		if who := rng.IntN(i/200 + 2); who > 0 { // 0 is nobody
			c.consumer, c.company = fmt.Sprintf("consumer-%03d", who), fmt.Sprintf("company-%d", who%7)
		}
		list[i] = c
	}
	return list
}

func (c *call) eventID() string {
	return fmt.Sprintf("%08x-8b1a-5d3e-9a77-%012x", uint32(c.n)*2654435761, c.n)
}

// spans are the calls as a service would send them.
func spans(list []call) ptrace.Traces {
	td := ptrace.NewTraces()
	byService := map[string]ptrace.SpanSlice{}
	for i := range list {
		c := &list[i]
		ss, ok := byService[c.service]
		if !ok {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", c.service)
			rs.Resource().Attributes().PutStr("deployment.environment.name", "production")
			ss = rs.ScopeSpans().AppendEmpty().Spans()
			byService[c.service] = ss
		}
		s := ss.AppendEmpty()
		s.SetTraceID([16]byte{1, byte(c.n >> 24), byte(c.n >> 16), byte(c.n >> 8), byte(c.n), 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
		s.SetSpanID([8]byte{1, byte(c.n >> 24), byte(c.n >> 16), byte(c.n >> 8), byte(c.n)})
		s.SetKind(ptrace.SpanKindServer)
		if c.outgoing {
			s.SetKind(ptrace.SpanKindClient)
		}
		s.SetName(c.method + " " + c.route)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(c.at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(c.at.Add(time.Duration(c.us) * time.Microsecond)))
		a := s.Attributes()
		put := func(key, value string) {
			if value != "" {
				a.PutStr(key, value)
			}
		}
		put("apispan.event.id", c.eventID())
		put("apispan.redaction.policy", "test")
		put("http.request.method", c.method)
		put("http.route", c.route)
		put("url.scheme", "https")
		put("url.path", c.path)
		put("url.query", c.query)
		put("server.address", "api.example.com")
		put("apispan.consumer.id", c.consumer)
		put("apispan.company.id", c.company)
		put("http.request.body.content", c.request)
		put("http.response.body.content", c.reply)
		a.PutInt("apispan.weight", c.weight)
		if c.status != 0 {
			a.PutInt("http.response.status_code", int64(c.status))
		}
		if c.sent >= 0 {
			a.PutInt("http.request.body.size", c.sent)
		}
		if c.received >= 0 {
			a.PutInt("http.response.body.size", c.received)
		}
		a.PutEmptySlice("http.request.header.user-agent").AppendEmpty().SetStr(c.userAgent)
	}
	return td
}
