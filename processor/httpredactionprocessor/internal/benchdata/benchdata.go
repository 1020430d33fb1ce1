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
// which one key of twenty is denied if hits is set.
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
		headers(a, hits)
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
	a.PutStr("url.path", "/orders")
	a.PutStr("url.query", "page=2&sort=asc")
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("network.local.address", "10.0.0.7")
	a.PutInt("network.peer.port", int64(40000+i))
	a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
	a.PutInt("http.request.body.size", 1500)
	a.PutInt("http.response.body.size", 1500)
	a.PutStr("network.transport", "tcp")
}

func headers(a pcommon.Map, hits bool) {
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
	put("request", "accept-language", "en-US,en;q=0.9")
	put("request", auth, credential)
	put("request", "host", "shop.example")
	put("request", "user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
	put("request", "x-request-id", "6f1ed002-ab5b-4a1c-8f5e-000000000001")
	put("request", "cache-control", "no-cache")
	put("request", "content-length", "1500")
	put("response", "content-type", "application/json")
	put("response", "cache-control", "no-store")
	put("response", "date", "Fri, 20 Nov 2026 10:00:00 GMT")
	put("response", "etag", "W/x")
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
