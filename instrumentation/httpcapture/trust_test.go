// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr"
)

// publicly are the ways in as a service has them that anybody may call.
var publicly = []wrapping{
	{"own spans", func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return httpcapture.NewHandler(h, "op", append(opts, httpcapture.WithTracerProvider(c), httpcapture.WithPropagators(propagation.TraceContext{}),
			httpcapture.WithPublicEndpointFn(httpcapture.AnyCaller))...)
	}},
	{"delegating", func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return httpcapture.NewHandler(h, "op", append(opts, otelhttp.WithTracerProvider(c), otelhttp.WithPropagators(propagation.TraceContext{}),
			otelhttp.WithPublicEndpointFn(httpcapture.AnyCaller))...)
	}},
	{"alongside", func(c *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return otelhttp.NewHandler(httpcapture.Handler(h, opts...), "op", otelhttp.WithTracerProvider(c), otelhttp.WithPropagators(
			httpcapture.InjectOnly(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))))
	}},
}

const claimedID = "3f2c9a54-0000-4000-8000-000000000001"

// strangers are the inputs that a remote client controls, one row for each kind of
// docs/trust.md.
var strangers = []struct {
	input  string // as in docs/trust.md
	method string
	path   string
	header []string
	change func(*http.Request)
}{
	{input: "nothing"},
	{input: "method", method: "OPTIONS"}, {input: "method", method: "HEAD"}, {input: "method", method: "TRACE"}, {input: "method", method: "PURGE"},
	{input: "method", method: "get"}, {input: "method", method: "options"}, {input: "method", method: strings.Repeat("X", 5000)},
	{input: "method", header: []string{"X-Http-Method-Override", "OPTIONS"}}, {input: "method", header: []string{"X-Http-Method", "HEAD"}},
	{input: "path", path: "/healthz/../orders/7"}, {input: "path", path: "/orders/healthz"}, {input: "path", path: "/HEALTHZ"}, {input: "path", path: "//healthz"},
	{input: "path", path: "/healthz/"}, {input: "path", path: "/orders/%FF"}, {input: "path", path: "/orders/%ff"},
	{input: "path", path: "/" + strings.Repeat("p", 200<<10)}, {input: "path", header: []string{"X-Original-Url", "/healthz", "X-Rewrite-Url", "/healthz"}},
	{input: "query", path: "/orders/7?apispan.skip=true&_method=OPTIONS"}, {input: "query", path: "/orders/7?q=" + strings.Repeat("q", 200<<10)}, {input: "query", path: "/orders/7?q=%ff;\xff"},
	{input: "Host", change: func(r *http.Request) { r.Host = "localhost" }}, {input: "Host", change: func(r *http.Request) { r.Host = strings.Repeat("h", 5000) + ":1" }},
	{input: "User-Agent", header: []string{"User-Agent", "kube-probe/1.30"}}, {input: "User-Agent", header: []string{"User-Agent", "GoogleHC/1.0"}},
	{input: "User-Agent", header: []string{"User-Agent", "ELB-HealthChecker/2.0"}}, {input: "User-Agent", header: []string{"User-Agent", "Googlebot/2.1"}},
	{input: "User-Agent", header: []string{"User-Agent", "Prometheus/2.0"}}, {input: "User-Agent", header: []string{"User-Agent", "\xff" + strings.Repeat("u", 100<<10)}},
	{input: "addresses", header: []string{"X-Forwarded-For", "6.6.6.6"}}, {input: "addresses", header: []string{"X-Forwarded-For", "\xff"}},
	{input: "addresses", header: []string{"Forwarded", "for=6.6.6.6;host=evil.example;proto=https"}}, {input: "addresses", header: []string{"X-Real-Ip", "6.6.6.6"}},
	{input: "addresses", header: []string{"True-Client-Ip", "6.6.6.6", "Cf-Connecting-Ip", "6.6.6.6", "X-Client-Ip", "6.6.6.6"}},
	{input: "addresses", header: []string{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "1"}},
	{input: "traceparent", header: []string{"Traceparent", "00-00000000000000000000000000000001-0000000000000001-00"}},
	{input: "traceparent", header: []string{"Traceparent", "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01"}},
	{input: "tracestate", header: []string{"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "ot=th:fffffffffffff0"}},
	{input: "tracestate", header: []string{"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "dd=s:-1,ot=rv:00000000000000;th:0,es=s:0"}},
	{input: "baggage", header: []string{"Baggage", "apispan.skip=true,apispan.weight=9007199254740992,user.id=root"}},
	{input: "ids", header: []string{"X-Request-Id", claimedID, "X-Correlation-Id", claimedID}}, {input: "ids", header: []string{"X-Event-Id", claimedID}},
	{input: "ids", header: []string{"X-Moesif-Transaction-Id", claimedID}}, {input: "ids", header: []string{"X-Event-Id", "\xff", "X-Amzn-Trace-Id", "Root=1-1-1;Sampled=0", "B3", "0", "X-B3-Sampled", "0"}},
	{input: "other headers", header: []string{"Dnt", "1", "Purpose", "prefetch", "Sec-Purpose", "prefetch", "X-Apispan-Skip", "true", "Apispan.skip", "true", "Cache-Control", "no-store", "X-Internal", "1"}},
	{input: "number and size of headers", change: func(r *http.Request) {
		for i := range 300 {
			r.Header.Set(fmt.Sprintf("X-%d", i), strings.Repeat("v", 1000))
		}
	}},
	{input: "number and size of headers", change: func(r *http.Request) {
		for i := range 500 {
			r.Header.Add("Cookie", fmt.Sprintf("c%d=%s", i, strings.Repeat("v", 500)))
			r.Header.Add("Accept", "text/plain")
		}
	}},
}

// TestStrangerDecidesNothing: with each input that a remote client controls an exchange
// is captured, sampled, weighed, identified, addressed and numbered as without it.
func TestStrangerDecidesNothing(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u-1"})
		if n := baggage.FromContext(r.Context()).Len(); n > 0 {
			t.Error("a stranger's baggage is in the context")
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "answer")
	})
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		for _, wr := range publicly {
			limits := sdktrace.NewSpanLimits()
			c := newCollector(t, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())), sdktrace.WithRawSpanLimits(limits))
			s := start(wr.wrap(c, handler, everything(httpcapture.WithEventIDHeader("X-Event-Id"))...))
			for _, in := range strangers {
				method, path := in.method, in.path
				if method == "" {
					method = http.MethodGet
				}
				if path == "" {
					path = "/orders/7"
				}
				req := newRequest(t, method, s.URL, "", in.header...)
				req.Header.Set("X-Expected", "1")
				p, query, _ := strings.Cut(path, "?")
				req.URL.RawQuery, req.URL.Opaque = query, strings.Replace(s.URL, "https://", "//", 1)+p
				if !strings.HasPrefix(s.URL, "https://") {
					req.URL.Opaque = "//" + req.URL.Host + p
				}
				if in.change != nil {
					in.change(req)
				}
				res, err := s.Client().Do(req)
				if err != nil {
					t.Logf("%s %s %v: the client or the server refuses: %v", wr.name, in.input, in.header, err)
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode >= 400 {
					t.Logf("%s %s %v: refused by net/http", wr.name, in.input, in.header)
					continue
				}
				name := fmt.Sprintf("%s: %s %.40s %.80s", wr.name, in.input, method+" "+path, in.header)
				undecided(t, name, c.span(t), method, res.Header.Get("X-Event-Id"))
			}
		}
	})
}

// undecided checks the decisions.
func undecided(t *testing.T, name string, sp sdktrace.ReadOnlySpan, method, told string) {
	t.Helper()
	got, sc := attrMap(sp.Attributes()), sp.SpanContext()
	id := httpattr.NewEventID(sc.TraceID(), sc.SpanID(), nil)
	body := any("answer")
	if method == http.MethodHead {
		body = nil
	}
	want(t, got, map[string]any{
		"apispan.skip": nil, "apispan.weight": nil, // captured or not, weight
		"http.response.body.content": body, "http.response.status_code": 200, "user.id": "u-1", // what survives, identity
		"http.response.header.content-type": []string{"text/plain"},
		"client.address":                    "127.0.0.1", "url.scheme": got["url.scheme"], "apispan.event.id": id, // address, id
	})
	switch {
	case !sc.IsSampled():
		t.Error("not sampled")
	case sc.TraceState().Len() > 0 || sp.Parent().IsValid():
		t.Errorf("tracestate %q, parent %v", sc.TraceState(), sp.Parent())
	case told != id:
		t.Errorf("the caller was told %s", told)
	case got["server.address"] == "evil.example":
		t.Error("the host is the claimed one")
	case sp.DroppedAttributes() > 0:
		t.Errorf("the SDK dropped %d attributes", sp.DroppedAttributes())
	}
	size := 0
	for _, kv := range sp.Attributes() {
		size += len(kv.Value.String())
		if kv.Value.Type() == attribute.STRING && !utf8.ValidString(kv.Value.AsString()) {
			t.Errorf("%s is not UTF-8: the whole batch would be lost", kv.Key)
		}
	}
	if size > 64<<10 {
		t.Errorf("%d bytes of attributes", size)
	}
	if t.Failed() {
		t.Fatal(name)
	}
}

// TestTrustTable: what the page says is what the test has.
func TestTrustTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/trust.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range strangers[1:] {
		if !strings.Contains(string(page), "| "+in.input+" |") {
			t.Errorf("docs/trust.md has no row %q", in.input)
		}
	}
}
