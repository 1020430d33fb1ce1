// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package benchdata makes the spans that benchmarks of the processor and of others
// beside it work on. It is used by tests only.
package benchdata

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

const (
	// Size is the number of spans in a batch.
	Size = 32
	// Secret begins every value under a denied key in a body.
	Secret = "hidden"
	// Credential is the value of the Authorization header.
	Credential = "0123456789abcdef0123456789abcdef"
)

// Batch makes a batch of SERVER spans: 15 attributes of the semantic
// conventions, 10 + 6 header arrays, and two JSON bodies of about bodySize bytes in
// which one key of twenty is denied if hits is set. What differs from request to
// request in real traffic differs from span to span.
func Batch(bodySize int, hits bool) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "shop")
	for i := range Size {
		span := ss.Spans().AppendEmpty()
		span.SetName("POST /orders")
		span.SetKind(ptrace.SpanKindServer)
		a := span.Attributes()
		a.EnsureCapacity(48)
		attributes(a, i)
		headers(a, i, hits)
		a.PutStr(httpattr.RequestBody, Body(bodySize, i, hits))
		a.PutStr(httpattr.ResponseBody, Body(bodySize, i+Size, hits))
	}
	return td
}

func attributes(a pcommon.Map, i int) {
	a.PutStr("http.request.method", "POST")
	a.PutStr("http.route", "/orders")
	a.PutInt("http.response.status_code", 201)
	a.PutStr("server.address", "shop.example")
	a.PutInt("server.port", 443)
	a.PutStr("url.scheme", "https")
	a.PutStr("url.path", fmt.Sprintf("/orders/%d", 1000+i))
	a.PutStr("url.query", fmt.Sprintf("page=%d&sort=asc", i%5))
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("network.local.address", "10.0.0.7")
	a.PutInt("network.peer.port", int64(40000+i))
	a.PutStr("user_agent.original", userAgent(i))
	a.PutInt("http.request.body.size", int64(1400+i))
	a.PutInt("http.response.body.size", int64(1500+i))
	a.PutStr("network.transport", "tcp")
}

func headers(a pcommon.Map, i int, hits bool) {
	put := func(side, name, value string) {
		a.PutEmptySlice("http." + side + ".header." + name).AppendEmpty().SetStr(value)
	}
	auth, credential := "x-trace-note", "one of a few words of prose in a header field"
	if hits {
		auth, credential = "authorization", "Bearer "+Credential
	}
	put("request", "content-type", "application/json")
	put("request", "accept", "application/json, text/plain, */*")
	put("request", "accept-encoding", "gzip, deflate, br")
	put("request", "accept-language", [...]string{"en-US,en;q=0.9", "de-DE,de;q=0.8", "fr"}[i%3])
	put("request", auth, credential)
	put("request", "host", "shop.example")
	put("request", "user-agent", userAgent(i))
	put("request", "x-request-id", fmt.Sprintf("6f1ed002-ab5b-4a1c-8f5e-%012x", i*7919))
	put("request", "cache-control", "no-cache")
	put("request", "content-length", fmt.Sprint(1400+i))
	put("response", "content-type", "application/json")
	put("response", "cache-control", "no-store")
	put("response", "date", fmt.Sprintf("Fri, 20 Nov 2026 10:00:%02d GMT", i/4))
	put("response", "etag", fmt.Sprintf("W/x%x", i*104729))
	put("response", "server", "shop/1.2")
	put("response", "vary", "Accept-Encoding")
}

// Body is an order document.
func Body(size, seed int, hits bool) string {
	denied := [...]string{"password", "card_number", "api_key", "session_id"}
	names := [...]string{
		"id", "sku", "title", "quantity", "unit_price", "currency", "warehouse", "status", "carrier", "weight",
		"created_at", "updated_at", "comment", "category", "discount", "tax_rate", "gift", "region", "priority",
	}
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for n := 0; b.Len() < size-8; n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			if i%3 == 0 {
				fmt.Fprintf(&b, `%q:%d`, name, (seed+n)*17+i)
			} else {
				fmt.Fprintf(&b, `%q:"%s value %d"`, name, name, n+i)
			}
			if b.Len() > size-60 {
				break
			}
		}
		if hits {
			fmt.Fprintf(&b, `,%q:"%s-%d"`, denied[n%len(denied)], Secret, seed)
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}`)
	return b.String()
}

// userAgent is one of eight.
func userAgent(i int) string {
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/%d.0.0.0 Safari/537.36", 130+i*5%8)
}
