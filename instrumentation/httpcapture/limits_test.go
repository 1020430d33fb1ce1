// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// TestEssentialsFirst: however many header fields a client sends, and however full the
// span is already, what an event cannot do without is there, and we drop, not the SDK.
func TestEssentialsFirst(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			for _, tc := range []struct {
				there, fields, limit int
			}{{0, 60, 128}, {62, 60, 128}, {90, 200, 128}, {62, 3, 128}, {20, 60, 64}} {
				limits := sdktrace.NewSpanLimits()
				limits.AttributeCountLimit = tc.limit
				c := newCollector(t, sdktrace.WithRawSpanLimits(limits))
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for i := range tc.there {
						trace.SpanFromContext(r.Context()).SetAttributes(attribute.Int(fmt.Sprintf("app.%d", i), i))
					}
					httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u", CompanyID: "c"})
					httpcapture.SetMetadata(r.Context(), "k", "v")
					for i := range tc.fields {
						w.Header().Set(fmt.Sprintf("X-Res-%d", i), "v")
					}
					echo(w, r)
				})
				s := start(wr.wrap(c, h, everything(httpcapture.WithEventIDHeader("X-Id"))...))
				req := newRequest(t, "POST", s.URL+"/p?q=1", "body", "Content-Type", "text/plain")
				for i := range tc.fields {
					req.Header.Set(fmt.Sprintf("X-Req-%d", i), "v")
				}
				do(t, s.Client(), req)
				sp := c.span(t)
				got := attrMap(sp.Attributes())
				for _, key := range []string{"http.request.method", "http.response.status_code", "url.path", "url.query", "user.id", "apispan.company.id", "apispan.metadata.k",
					"http.request.body.content", "http.response.body.content", "apispan.event.id"} {
					if got[key] == nil {
						t.Errorf("%v: %s is gone", tc, key)
					}
				}
				if sp.DroppedAttributes() > 0 && tc.limit == 128 {
					t.Errorf("%v: the SDK dropped %d", tc, sp.DroppedAttributes())
				}
			}
		})
	})
}

// TestHeaderBytes: a client cannot make a span so large that it costs others their
// place, and what was asked for by name survives what it invents.
func TestHeaderBytes(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			c := newCollector(t)
			s := start(wr.wrap(c, echo, httpcapture.WithRequestHeaders("X-Tenant", "*")))
			path := "/" + strings.Repeat("p", 100<<10)
			req := newRequest(t, "GET", s.URL+path+"?q="+strings.Repeat("q", 100<<10), "", "X-Tenant", "acme", "User-Agent", strings.Repeat("u", 100<<10), "Accept", "text/plain")
			for i := range 100 {
				req.Header.Set(fmt.Sprintf("A-%d", i), strings.Repeat("v", 4<<10))
			}
			do(t, s.Client(), req)
			attrs := c.span(t).Attributes()
			size := 0
			for _, kv := range attrs {
				size += len(kv.Key) + len(kv.Value.String())
			}
			if size > 64<<10 {
				t.Errorf("the span has %d bytes", size)
			}
			want(t, attrMap(attrs), map[string]any{"http.request.header.x-tenant": []string{"acme"}, "http.request.header.accept": []string{"text/plain"}})
		})
	})
}
