// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func TestNotRecording(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t, sdktrace.WithSampler(sdktrace.NeverSample()))
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u"})
			httpcapture.SetMetadata(r.Context(), "k", 1)
			httpcapture.Skip(r.Context())
			echo(w, r)
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithEventIDHeader("X-Event-Id")))
		res, got := do(t, s.Client(), newRequest(t, "POST", s.URL, "hello"))
		if got != "hello" || res.Header.Get("X-Event-Id") != "" {
			t.Errorf("body %q, event id %q", got, res.Header.Get("X-Event-Id"))
		}
		c.none(t)
	})
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithEnabled(false), httpcapture.WithBodies(httpcapture.BodiesAll)))
		do(t, s.Client(), newRequest(t, "POST", s.URL, "hello", "Content-Type", "text/plain"))
		want(t, c.attrs(t), map[string]any{
			"http.request.body.content": nil, "http.request.header.content-type": nil,
			"http.response.status_code": 200, "apispan.skip": true, // to a backend any span of a call is a call
		})
	})
}

// TestFilter: what a filter keeps out of tracing must not end up on the span of
// somebody further out.
func TestFilter(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	h := httpcapture.NewHandler(echo, "inner", httpcapture.WithTracerProvider(c), httpcapture.WithAllHeaders(),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		otelhttp.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/private" }))
	s := serve(t, otelhttp.NewHandler(h, "outer", otelhttp.WithTracerProvider(c)))
	do(t, s.Client(), newRequest(t, "POST", s.URL+"/private", "secret", "Content-Type", "text/plain"))
	want(t, c.attrs(t), map[string]any{"http.request.body.content": nil, "http.request.header.content-type": nil})
	c.none(t)
}

// TestAlongsideNeedsServerSpan: any other span in the context is not ours to fill.
func TestAlongsideNeedsServerSpan(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	h := httpcapture.Handler(echo, httpcapture.WithBodies(httpcapture.BodiesAll))
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := c.Tracer("t").Start(r.Context(), "internal")
		defer span.End()
		h.ServeHTTP(w, r.WithContext(ctx))
	}))
	do(t, s.Client(), newRequest(t, "POST", s.URL, "x", "Content-Type", "text/plain"))
	want(t, c.attrs(t), map[string]any{"http.request.body.content": nil})
}

// TestRelayedProbes: what a load balancer passes on is no check of its own, whatever it
// leaves of the address.
func TestRelayedProbes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithProbePeers("127.0.0.1", "::ffff:127.0.0.1")))
		for _, field := range []string{
			"", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-Ip", "X-Amzn-Trace-Id", "X-Client-Ip",
			"Cf-Connecting-Ip", "True-Client-Ip", "X-Envoy-External-Address", "X-Cloud-Trace-Context",
		} {
			req := newRequest(t, "GET", s.URL, "", "User-Agent", "ELB-HealthChecker/2.0")
			if field != "" {
				req.Header.Set(field, "x")
			}
			do(t, s.Client(), req)
			if got := c.attrs(t)["apispan.skip"]; (got == true) != (field == "") {
				t.Errorf("with %q: apispan.skip is %v", field, got)
			}
		}
	})
}

func TestSkips(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path, agent string
		opts                      []httpcapture.Option
		skip                      bool
	}{
		{name: "options", method: "OPTIONS", path: "/options", skip: true},
		{name: "options served as another method", method: "OPTIONS", path: "/x"},
		{name: "health", method: "GET", path: "/healthz", skip: true},
		{name: "posting to health", method: "POST", path: "/healthz"},
		{name: "called a probe", method: "GET", path: "/x", agent: "kube-probe/1.30"},
		{name: "probe", method: "GET", path: "/x", agent: "kube-probe/1.30", skip: true, opts: []httpcapture.Option{
			httpcapture.WithProbePeers("127.0.0.1", "::1")}},
		{name: "probe elsewhere", method: "GET", path: "/x", agent: "kube-probe/1.30", opts: []httpcapture.Option{
			httpcapture.WithProbePeers("10.0.0.0/8")}},
		{name: "posting probe", method: "POST", path: "/x", agent: "kube-probe/1.30", opts: []httpcapture.Option{
			httpcapture.WithProbePeers("127.0.0.1", "::1")}},
		{name: "switched off", method: "OPTIONS", path: "/options", opts: []httpcapture.Option{httpcapture.WithoutDefaultSkips()}},
		{name: "by request", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithSkipRequest(func(r *http.Request) bool { return r.URL.Path == "/a" })}},
		{name: "by outcome", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithSkip(func(e httpcapture.Exchange) bool { return e.StatusCode == http.StatusOK && e.Route == "/" })}},
		{name: "not by outcome", method: "GET", path: "/a", opts: []httpcapture.Option{
			httpcapture.WithSkip(func(e httpcapture.Exchange) bool { return e.StatusCode != http.StatusOK })}},
		{name: "panic means skip", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithSkip(func(httpcapture.Exchange) bool { panic("x") })}},
		{name: "panic means skip, early", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithSkipRequest(func(*http.Request) bool { panic("x") })}},
		{name: "from inside", method: "GET", path: "/skip-me", skip: true},
		{name: "route off", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithRoutes(httpcapture.Route("GET /", httpcapture.WithEnabled(false)))}},
		{name: "plain", method: "GET", path: "/a"},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(tc.name, func(t *testing.T) {
				c := newCollector(t)
				mux := http.NewServeMux()
				mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/skip-me" {
						httpcapture.Skip(r.Context())
					}
					if r.URL.Path == "/options" {
						w.Header().Set("Allow", "GET, OPTIONS")
					}
					_, _ = io.WriteString(w, "out")
				})
				s := serve(t, wr.wrap(c, mux, append(tc.opts, httpcapture.WithBodies(httpcapture.BodiesAll))...))
				req := newRequest(t, tc.method, s.URL+tc.path, "")
				if tc.agent != "" {
					req.Header.Set("User-Agent", tc.agent)
				}
				if res, body := do(t, s.Client(), req); body != "out" || res.StatusCode != http.StatusOK {
					t.Errorf("got %d %q", res.StatusCode, body)
				}
				w := map[string]any{"apispan.skip": nil, "http.response.body.content": "out", "http.response.status_code": 200}
				if tc.skip {
					w["apispan.skip"], w["http.response.body.content"] = true, nil
				}
				want(t, c.attrs(t), w)
			})
		})
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /login", echo)
		mux.HandleFunc("POST /items/{id}", echo)
		mux.HandleFunc("/", echo)
		s := serve(t, wr.wrap(c, mux,
			httpcapture.WithBodies(httpcapture.BodiesAll),
			httpcapture.WithRoutes(
				httpcapture.Route("POST /login", httpcapture.WithBodies(httpcapture.BodiesOff), httpcapture.WithRequestHeaders("X-Only")),
				httpcapture.Route("/items/{id}", httpcapture.WithMaxBodySize(2)),
			)))
		for path, w := range map[string]map[string]any{
			"/login": {"http.request.body.content": nil, "http.response.body.content": nil, "apispan.request.body.incomplete": nil,
				"http.request.header.content-type": nil, "http.request.header.x-only": []string{"1"}},
			"/items/9": {"http.request.body.content": "se", "http.response.body.content": "se", "apispan.request.body.truncated": true,
				"http.request.header.x-only": nil},
			"/other": {"http.request.body.content": "secret", "http.response.body.content": "secret"},
		} {
			do(t, s.Client(), newRequest(t, "POST", s.URL+path, "secret", "Content-Type", "text/plain", "X-Only", "1"))
			want(t, c.attrs(t), w)
		}
	})
}
