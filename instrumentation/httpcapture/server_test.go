// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func TestServerDefaults(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Secret", "s")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"ok":true}`)
		})
		s := serve(t, wr.wrap(c, mux))
		do(t, s.Client(), newRequest(t, "POST", s.URL+"/orders/7?page=2&access_token=abc", `{"a":1}`,
			"Content-Type", "application/json", "Authorization", "Bearer x", "Accept", "a", "Accept", "b"))
		got := c.attrs(t)
		want(t, got, map[string]any{
			"http.route":                           "/orders/{id}",
			"http.response.status_code":            201,
			"http.request.header.content-type":     []string{"application/json"},
			"http.request.header.accept":           []string{"a", "b"},
			"http.request.header.authorization":    nil,
			"http.response.header.content-type":    []string{"application/json"},
			"http.response.header.x-secret":        nil,
			"http.request.body.content":            nil,
			"http.response.body.content":           nil,
			"http.request.body.size":               7,
			"http.response.body.size":              11,
			"url.query":                            "page=2&access_token=[REDACTED]",
			"apispan.skip":                         nil,
			"apispan.request.body.incomplete":      nil,
			"apispan.redaction.policy":             nil,
			"http.response.header.content-length":  nil,
			"http.response.header.x-correlation-d": nil,
		})
		c.none(t)
	})
}

func TestSpanNameFollowsRoute(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {})
		s := serve(t, wr.wrap(c, mux, httpcapture.WithBodies(httpcapture.BodiesAll)))
		do(t, s.Client(), newRequest(t, "GET", s.URL+"/users/1", ""))
		if got := c.span(t).Name(); got != "GET /users/{id}" {
			t.Errorf("span name = %q", got)
		}
	})
}

func TestBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 6000) // 12000 bytes, cut at an odd byte below
	for _, tc := range []struct {
		name, contentType, body string
		chunked                 bool
		opts                    []httpcapture.Option
		want                    map[string]any
	}{
		{name: "json", contentType: "application/json", body: `{"a":1}`, want: map[string]any{
			"http.request.body.content": `{"a":1}`, "http.response.body.content": `{"a":1}`,
			"apispan.request.body.truncated": nil, "apispan.request.body.incomplete": nil,
			"apispan.response.body.truncated": nil, "apispan.response.body.incomplete": nil,
		}},
		{name: "chunked", contentType: "text/plain", body: "hello", chunked: true, want: map[string]any{
			"http.request.body.content": "hello", "http.response.body.content": "hello",
			"apispan.request.body.incomplete": nil,
		}},
		{name: "cut on a character boundary", contentType: "text/plain", body: long,
			opts: []httpcapture.Option{httpcapture.WithMaxRequestBodySize(5), httpcapture.WithMaxResponseBodySize(7)},
			want: map[string]any{
				"http.request.body.content": "éé", "http.response.body.content": "ééé",
				"apispan.request.body.truncated": true, "apispan.response.body.truncated": true,
				"apispan.request.body.incomplete": nil, "apispan.response.body.incomplete": nil,
			}},
		{name: "not UTF-8", contentType: "text/plain", body: "caf\xe9 au lait", want: map[string]any{
			"http.request.body.content": []byte("caf\xe9 au lait"),
		}},
		{name: "binary not by default", contentType: "application/octet-stream", body: "\x00\x01", want: map[string]any{
			"http.request.body.content": nil, "http.response.body.content": nil, "apispan.request.body.incomplete": nil,
		}},
		{name: "binary on demand", contentType: "image/png", body: "\x89PNG",
			opts: []httpcapture.Option{httpcapture.WithContentTypes("image/*")},
			want: map[string]any{"http.request.body.content": []byte("\x89PNG"), "http.response.body.content": []byte("\x89PNG")}},
		{name: "no content type, text", body: "just text", want: map[string]any{
			"http.request.body.content": "just text", "http.response.body.content": "just text",
		}},
		{name: "no content type, binary", body: "\x00\x01\x02", want: map[string]any{
			"http.request.body.content": nil, "http.response.body.content": nil,
		}},
		{name: "ndjson is captured as bytes", contentType: "application/x-ndjson", body: "{}\n{}\n", want: map[string]any{
			"http.request.body.content": []byte("{}\n{}\n"),
		}},
		{name: "exactly the limit", contentType: "text/plain", body: "12345678",
			opts: []httpcapture.Option{httpcapture.WithMaxBodySize(8)},
			want: map[string]any{"http.request.body.content": "12345678", "apispan.request.body.truncated": nil}},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(tc.name, func(t *testing.T) {
				c := newCollector(t)
				s := serve(t, wr.wrap(c, echo, append(tc.opts, httpcapture.WithBodies(httpcapture.BodiesAll))...))
				req := newRequest(t, "POST", s.URL, tc.body)
				if tc.contentType != "" {
					req.Header.Set("Content-Type", tc.contentType)
				}
				if tc.chunked {
					req.ContentLength = -1
				}
				_, got := do(t, s.Client(), req)
				if got != tc.body {
					t.Errorf("body on the wire changed: %d bytes, want %d", len(got), len(tc.body))
				}
				want(t, c.attrs(t), tc.want)
			})
		})
	}
}

func TestBodiesOnError(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.URL.Path == "/bad" {
				http.Error(w, "no", http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, "fine")
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithBodies(httpcapture.BodiesOnError)))
		for path, wantBodies := range map[string]map[string]any{
			"/good": {"http.request.body.content": nil, "http.response.body.content": nil},
			"/bad":  {"http.request.body.content": "in", "http.response.body.content": "no\n"},
		} {
			do(t, s.Client(), newRequest(t, "POST", s.URL+path, "in", "Content-Type", "text/plain"))
			want(t, c.attrs(t), wantBodies)
		}
	})
}

func TestAllHeadersMaskCredentials(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "a=secret-1")
			w.Header().Add("Set-Cookie", "b=secret-2")
			w.Header().Set("X-Late", "before")
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Late", "after")
			w.Header().Set("X-Later", "after")
			r.Header.Set("X-In", "changed by the handler")
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithAllHeaders()))
		for range 2 { // the second is served from caches
			do(t, s.Client(), newRequest(t, "GET", s.URL, "", "Authorization", "Bearer secret-3", "Cookie", "c=secret-4",
				"X-Api-Key", "secret-5", "X-My-Access-Token", "secret-6", "X-In", "as sent", "X-Latin", "caf\xe9"))
			sp := c.span(t)
			got := attrMap(sp.Attributes())
			want(t, got, map[string]any{
				"http.request.header.authorization":     []string{"[REDACTED]"},
				"http.request.header.cookie":            []string{"[REDACTED]"},
				"http.request.header.x-api-key":         []string{"[REDACTED]"},
				"http.request.header.x-my-access-token": []string{"[REDACTED]"},
				"http.request.header.x-in":              []string{"as sent"},
				"http.request.header.x-latin":           []string{"caf\uFFFD"},
				"http.response.header.set-cookie":       []string{"[REDACTED]"},
				"http.response.header.x-late":           []string{"before"},
				"http.response.header.x-later":          nil,
			})
			if s := fmt.Sprint(sp.Attributes()); strings.Contains(s, "secret-") {
				t.Error("a credential is on the span")
			}
		}
	})
}

// TestAttributeLimit sends more header fields than the SDK takes attributes and
// sees that what is set last, the status code, is still there.
func TestAttributeLimit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range 90 {
				w.Header().Set(fmt.Sprintf("X-Out-%d", i), "v")
				httpcapture.SetMetadata(r.Context(), fmt.Sprintf("k%d", i), i)
			}
			httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u", CompanyID: "c", SessionID: "s"})
			echo(w, r)
		})
		s := serve(t, wr.wrap(c, h, httpcapture.WithAllHeaders(), httpcapture.WithBodies(httpcapture.BodiesAll)))
		req := newRequest(t, "POST", s.URL+"/?q=1", "body", "Content-Type", "text/plain")
		for i := range 90 {
			req.Header.Set(fmt.Sprintf("X-In-%d", i), "v")
		}
		do(t, s.Client(), req)
		sp := c.span(t)
		if sp.DroppedAttributes() != 0 {
			t.Errorf("the SDK dropped %d attributes", sp.DroppedAttributes())
		}
		got := attrMap(sp.Attributes())
		want(t, got, map[string]any{
			"http.response.status_code": 200, "user.id": "u", "session.id": "s",
			"http.request.body.content": "body", "http.request.header.content-type": []string{"text/plain"},
		})
		in, out := 0, 0
		for k := range got {
			if strings.HasPrefix(k, "http.request.header.") {
				in++
			}
			if strings.HasPrefix(k, "http.response.header.") {
				out++
			}
		}
		if in > 48 || out > 48 || in == 0 {
			t.Errorf("%d request and %d response headers, want at most 48 each", in, out)
		}
	})
}

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
			"http.response.status_code": 200, "apispan.skip": nil,
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

func TestSkips(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path, agent string
		opts                      []httpcapture.Option
		skip                      bool
	}{
		{name: "options", method: "OPTIONS", path: "/x", skip: true},
		{name: "health", method: "GET", path: "/healthz", skip: true},
		{name: "posting to health", method: "POST", path: "/healthz"},
		{name: "probe", method: "GET", path: "/x", agent: "kube-probe/1.30", skip: true},
		{name: "switched off", method: "OPTIONS", path: "/x", opts: []httpcapture.Option{httpcapture.WithoutDefaultSkips()}},
		{name: "by request", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithSkipRequest(func(r *http.Request) bool { return r.URL.Path == "/a" })}},
		{name: "by outcome", method: "GET", path: "/a", skip: true, opts: []httpcapture.Option{
			httpcapture.WithSkip(func(e httpcapture.Exchange) bool { return e.StatusCode == 200 && e.Route == "/" })}},
		{name: "not by outcome", method: "GET", path: "/a", opts: []httpcapture.Option{
			httpcapture.WithSkip(func(e httpcapture.Exchange) bool { return e.StatusCode != 200 })}},
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
					_, _ = io.WriteString(w, "out")
				})
				s := serve(t, wr.wrap(c, mux, append(tc.opts, httpcapture.WithBodies(httpcapture.BodiesAll))...))
				req := newRequest(t, tc.method, s.URL+tc.path, "")
				if tc.agent != "" {
					req.Header.Set("User-Agent", tc.agent)
				}
				if res, body := do(t, s.Client(), req); body != "out" || res.StatusCode != 200 {
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

func TestIdentityAndMetadata(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// From below a child span, as code deep in an application would.
			ctx, child := trace.SpanFromContext(r.Context()).TracerProvider().Tracer("t").Start(r.Context(), "child")
			httpcapture.SetIdentity(ctx, httpcapture.Identity{UserID: "inside", CompanyID: "old"})
			httpcapture.SetIdentity(ctx, httpcapture.Identity{CompanyID: "new"})
			httpcapture.SetMetadata(ctx, "plan", "pro")
			httpcapture.SetMetadata(ctx, "items", 3)
			httpcapture.SetMetadata(ctx, "items", 4)
			httpcapture.SetMetadata(ctx, "both", "inside")
			httpcapture.SetMetadata(ctx, "panics", panicky{})
			child.End()
			_, _ = io.WriteString(w, "x")
		})
		s := serve(t, wr.wrap(c, h,
			httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromHeader("X-User")),
			httpcapture.WithIdentityFrom(httpcapture.FieldSubscriptionID, httpcapture.FromQuery("sub")),
			httpcapture.WithIdentityFrom(httpcapture.FieldSessionID, httpcapture.FromCookie("sid")),
			httpcapture.WithIdentity(func(e httpcapture.Exchange) httpcapture.Identity {
				return httpcapture.Identity{UserID: "callback", ConsumerID: e.Request.Header.Get("X-User"), Label: "L", Email: "a@b.example"}
			}),
			httpcapture.WithIdentity(func(httpcapture.Exchange) httpcapture.Identity { panic("identity") }),
			httpcapture.WithMetadata(func(e httpcapture.Exchange) map[string]any {
				return map[string]any{"status": e.StatusCode, "both": "callback", "nothing": nil}
			}),
			httpcapture.WithMetadata(func(httpcapture.Exchange) map[string]any { panic("metadata") }),
		))
		do(t, s.Client(), newRequest(t, "GET", s.URL+"/?sub=s1", "", "X-User", "header-user", "Cookie", "sid=topsecret"))
		if got := c.span(t).Name(); got != "child" {
			t.Fatalf("first span is %q", got)
		}
		want(t, c.attrs(t), map[string]any{
			"user.id": "inside", "apispan.company.id": "new", "apispan.subscription.id": "s1",
			"apispan.consumer.id": "header-user", "apispan.consumer.label": "L", "apispan.consumer.email": "a@b.example",
			"session.id":            "sha256:UzNqZ2xkwTllU7K3yS84Eg",
			"apispan.metadata.plan": "pro", "apispan.metadata.items": 4, "apispan.metadata.both": "inside",
			"apispan.metadata.status": 200, "apispan.metadata.panics": nil, "apispan.metadata.nothing": nil,
		})
	})
}

type panicky struct{}

func (panicky) String() string { panic("no") }

func TestIdentityFromBody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithIdentityFrom(httpcapture.FieldUserID, httpcapture.FromJSONBody("$.user.id"))))
		body, _ := json.Marshal(map[string]any{"a": []int{1}, "user": map[string]any{"x": map[string]int{"id": 1}, "id": 42}})
		do(t, s.Client(), newRequest(t, "POST", s.URL, string(body), "Content-Type", "application/json"))
		want(t, c.attrs(t), map[string]any{"user.id": "42", "http.request.body.content": nil, "http.response.body.content": nil,
			"apispan.request.body.incomplete": nil})
	})
}

func TestEventIDHeader(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, echo, httpcapture.WithEventIDHeader("x-event-id")))
		res, _ := do(t, s.Client(), newRequest(t, "POST", s.URL, "x"))
		id := res.Header.Get("X-Event-Id")
		if len(id) != 36 || id[14] != '5' {
			t.Errorf("id %q is not a UUID", id)
		}
		want(t, c.attrs(t), map[string]any{"apispan.event.id": id})
	})
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts   []httpcapture.Option
		header []string
		want   any
	}{
		"nothing forwarded":     {want: "127.0.0.1"},
		"forged":                {header: []string{"X-Forwarded-For", "6.6.6.6"}, want: "127.0.0.1"},
		"through a known proxy": {header: []string{"X-Forwarded-For", "6.6.6.6, 2001:db8::1"}, opts: []httpcapture.Option{httpcapture.WithTrustedProxies("127.0.0.0/8")}, want: "2001:db8::1"},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				s := serve(t, wr.wrap(c, echo, tc.opts...))
				do(t, s.Client(), newRequest(t, "GET", s.URL, "", tc.header...))
				want(t, c.attrs(t), map[string]any{"client.address": tc.want})
			})
		})
	}
}

// TestLabeler: attributes for metrics still reach otelhttp, whose Labeler the
// context node provides.
func TestLabeler(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		found := make(chan bool, 2)
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			l, ok := httpcapture.LabelerFromContext(r.Context())
			l.Add(attribute.String("a", "b"))
			again, _ := otelhttp.LabelerFromContext(r.Context())
			found <- ok && len(again.Get()) == 1
		})
		s := serve(t, wr.wrap(c, h))
		do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
		if !<-found {
			t.Error("no labeler in the context of the handler")
		}
	})
}
