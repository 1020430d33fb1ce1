// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

type ctxKey struct{}

// copying hands on a copy of the request, as most middleware does that puts something
// into the context.
func copying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ctxKey{}, 1)))
	})
}

// readsFirst reads the body before anybody has decided on a route.
func readsFirst(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
		next.ServeHTTP(w, r)
	})
}

// apiMux has the routes of the tests, below a prefix.
func apiMux(prefix string) *http.ServeMux {
	mux := http.NewServeMux()
	for _, p := range []string{"/login", "/internal/{area}", "/users/{id}/notes", "/items/{id}", "/users/{id}/orders"} {
		mux.Handle(prefix+p, echo)
	}
	return mux
}

func under(pattern string, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(pattern, h)
	return mux
}

// byHand is a router that leaves no trace of what it decided.
var byHand = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	apiMux("").ServeHTTP(w, r.Clone(r.Context()))
})

// mountings are ways to put a mux behind a wrapper.
var mountings = []struct {
	name, prefix string
	h            http.Handler // a prefix that its mux knows of is in the name
}{
	{"mux", "", apiMux("")},
	{"copy, mux", "", copying(apiMux(""))},
	{"mux at /", "", under("/", apiMux(""))},
	{"copy, mux at /", "", copying(under("/", apiMux("")))},
	{"mux at /, copy", "", under("/", copying(apiMux("")))},
	{"handler func", "", byHand},
	{"handler func at /", "", under("/", byHand)},
	{"TimeoutHandler", "", http.TimeoutHandler(apiMux(""), time.Minute, "")},
	{"MaxBytesHandler", "", http.MaxBytesHandler(apiMux(""), 1<<20)},
	{"StripPrefix", "/api", http.StripPrefix("/api", apiMux(""))},
	{"mux, StripPrefix", "/api", under("/api/", http.StripPrefix("/api", apiMux("")))},
	{"mux, mux of /api", "/api", under("/api/", apiMux("/api"))},
	{"mux, copy, mux of /api", "/api", under("/api/", copying(apiMux("/api")))},
	{"rest, StripPrefix", "/api", under("/api/{rest...}", http.StripPrefix("/api", apiMux("")))},
	{"reads", "", readsFirst(apiMux(""))},
	{"reads, copies", "", readsFirst(copying(apiMux("")))},
	{"copies, reads", "", copying(readsFirst(apiMux("")))},
	{"two StripPrefix", "/v1/api", http.StripPrefix("/v1", under("/api/", http.StripPrefix("/api", copying(apiMux("")))))},
}

// withheld are rules that withhold, by the routes of apiMux.
func withheld(prefix string) []httpcapture.Option {
	return []httpcapture.Option{httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithRoutes(
		httpcapture.Route("POST "+prefix+"/login", httpcapture.WithBodies(httpcapture.BodiesOff)),
		httpcapture.Route(prefix+"/internal/*", httpcapture.WithEnabled(false)),
		httpcapture.Route(prefix+"/users/{id}/notes", httpcapture.WithBodies(httpcapture.BodiesOff)),
	)}
}

// TestWithholding: what a rule withholds is withheld however the mux is mounted,
// whether the rule is written as that mux knows the route or as clients do.
func TestWithholding(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			for _, m := range mountings {
				for _, prefix := range []string{"", m.prefix} {
					if prefix == "" && strings.HasSuffix(m.name, "/api") {
						continue // its routes are others
					}
					c := newCollector(t)
					s := start(wr.wrap(c, m.h, withheld(prefix)...))
					for path, recorded := range map[string]any{"/login": nil, "/users/7/notes": nil, "/internal/x": nil, "/items/7": "secret", "/users/7/orders": "secret"} {
						if _, got := do(t, s.Client(), newRequest(t, "POST", s.URL+m.prefix+path, "secret", "Content-Type", "text/plain")); got != "secret" {
							t.Fatalf("%s %s: %q", m.name, path, got)
						}
						skip := any(nil)
						if path == "/internal/x" {
							skip = true
						}
						got := c.attrs(t)
						want(t, got, map[string]any{"http.request.body.content": recorded, "http.response.body.content": recorded, "apispan.skip": skip})
						if t.Failed() {
							t.Fatalf("%s %s, rules with prefix %q", m.name, path, prefix)
						}
					}
				}
			}
		})
	})
}

// TestWithholdingPaths: a path that a router might take for the one that a rule is
// about is withheld however it is written.
func TestWithholdingPaths(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			anything := copying(echo)
			for _, h := range []http.Handler{anything, under("/", anything), under("/{rest...}", echo), under("/{x}/{y}/{z...}", echo)} {
				c := newCollector(t)
				s := start(wr.wrap(c, h, withheld("")...))
				for _, path := range []string{
					"/login", "//login", "/login/", "/%6cogin", "/%256cogin", "/x/../login", "/./login", "/LOGIN", "/Login/.", "/login;a=b", "/x/%2e%2e/login",
					"/login//", "/x/..%2flogin", "/%2flogin", "/x/..%5clogin", "/login/%2e", "/a//../login", "/users/7/notes", "/users/7/NOTES", "/users//7/notes/", "/users/a%2fb/../7/notes",
					"/users/a%2Fb/notes", "/users/a%252fb/notes", "/users/a%5Cb/notes", "/users/a;b/notes", "/users/./notes", "/users/%2e/notes", "/users/../notes", "/users/%2e%2E/notes/",
				} {
					req := newRequest(t, "POST", s.URL, "secret", "Content-Type", "text/plain")
					req.URL.Opaque = path
					if strings.HasPrefix(path, "//") {
						req.URL.Opaque = req.URL.Scheme + "://" + req.URL.Host + path
					}
					if res, _ := do(t, noRedirects(s.Client()), req); res.StatusCode == http.StatusNotFound {
						continue // not routed anywhere
					}
					want(t, c.attrs(t), map[string]any{"http.request.body.content": nil, "http.response.body.content": nil})
					if t.Failed() {
						t.Fatal(path)
					}
				}
			}
		})
	})
}

func noRedirects(c *http.Client) *http.Client {
	n := *c
	n.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &n
}

// TestWithholdingMethods: a rule of one method is not evaded by asking for another that
// a middleware then makes it of.
func TestWithholdingMethods(t *testing.T) {
	t.Parallel()
	override := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m := r.Header.Get("X-Http-Method-Override")
			if m == "" {
				m = r.FormValue("_method")
			}
			if m != "" {
				r = r.Clone(r.Context())
				r.Method = m
			}
			next.ServeHTTP(w, r)
		})
	}
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		mux := http.NewServeMux()
		mux.Handle("PUT /secret", echo)
		mux.Handle("POST /secret", echo)
		s := serve(t, wr.wrap(c, override(mux), httpcapture.WithBodies(httpcapture.BodiesAll),
			httpcapture.WithRoutes(httpcapture.Route("PUT /secret", httpcapture.WithBodies(httpcapture.BodiesOff)))))
		for _, tc := range []struct {
			method, query, body string
			header              []string
			recorded            any
		}{
			{"POST", "", "x", nil, "x"}, {"PUT", "", "x", nil, nil},
			{"POST", "", "x", []string{"X-HTTP-Method-Override", "PUT"}, nil},
			{"POST", "?_method=PUT", "x", nil, nil}, {"POST", "?a&%5Fmethod=PUT", "x", nil, nil}, {"POST", "?%zz=1&%5f%6Dethod=PUT", "x", nil, nil},
			{"POST", "?a=_method", "x", nil, "x"},
			{"POST", "", "_method=PUT", []string{"Content-Type", "application/x-www-form-urlencoded"}, nil},
			{"POST", "", "_method=PUT", []string{"Content-Type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"}, nil},
			{"POST", "", "--b\r\nContent-Disposition: form-data; name=_method\r\n\r\nPUT\r\n--b--\r\n", []string{"Content-Type", "Multipart/FORM-data; boundary=b"}, nil},
		} {
			if tc.header = append([]string(nil), tc.header...); len(tc.header) == 0 || tc.header[0] != "Content-Type" {
				tc.header = append(tc.header, "Content-Type", "text/plain")
			}
			do(t, s.Client(), newRequest(t, tc.method, s.URL+"/secret"+tc.query, tc.body, tc.header...))
			if got := c.attrs(t); got["http.request.body.content"] != tc.recorded {
				t.Errorf("%s%s, %s: recorded %v", tc.method, tc.query, tc.header, got["http.request.body.content"])
			}
		}
	})
}

// TestWithholdingOpaque: on a client it does not matter how the URL says the path.
func TestWithholdingOpaque(t *testing.T) {
	t.Parallel()
	allTransports(t, echo, func(t *testing.T, way, base string, c *collector, tr *http.Transport) {
		rt := transports[way](c, tr, withheld("")...)
		for opaque, recorded := range map[string]any{
			"/login": nil, "/login?x=1": nil, "//HOST/login": nil, "//HOST/users/7/notes": nil, "/internal/x": nil, "//HOST/items/7": "secret",
		} {
			req := newRequest(t, "POST", base, "secret", "Content-Type", "text/plain")
			req.URL.Path, req.URL.Opaque = "", strings.Replace(opaque, "HOST", req.URL.Host, 1)
			res, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if got := c.attrs(t); got["http.request.body.content"] != recorded {
				t.Errorf("%s: recorded %v", opaque, got["http.request.body.content"])
			}
		}
	})
}

// TestAdding: a rule that adds works though the body was read before the route was
// known, and adds nothing elsewhere.
func TestAdding(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			for name, h := range map[string]http.Handler{
				"mux": apiMux(""), "reads": readsFirst(apiMux("")), "mux, reads": under("/", readsFirst(apiMux(""))),
				"stated": copying(readsFirst(httpcapture.Routed(apiMux("")))),
			} {
				c := newCollector(t)
				s := start(wr.wrap(c, h, httpcapture.WithRoutes(
					httpcapture.Route("/items/{id}", httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithMaxBodySize(3)))))
				for path, recorded := range map[string]any{"/items/7": "sec", "/login": nil, "/users/7/notes": nil} {
					do(t, s.Client(), newRequest(t, "POST", s.URL+path, "secret", "Content-Type", "text/plain"))
					want(t, c.attrs(t), map[string]any{"http.request.body.content": recorded, "http.response.body.content": recorded})
					if t.Failed() {
						t.Fatal(name, path)
					}
				}
			}
		})
	})
}

// TestWholeRoute: routes and names of spans are whole where muxes are nested and
// requests copied, if somebody says so.
func TestWholeRoute(t *testing.T) {
	t.Parallel()
	stating := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		httpcapture.SetRoute(r.Context(), "POST /stated/{id}")
	})
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			for _, tc := range []struct {
				name, path, route string
				h                 http.Handler
			}{
				{"mux", "/items/7", "/items/{id}", apiMux("")},
				{"mux, mux", "/api/items/7", "/api/items/{id}", under("/api/", apiMux("/api"))},
				{"copy, mux", "/items/7", "/items/{id}", copying(httpcapture.Routed(apiMux("")))},
				{"strip", "/api/items/7", "/api/items/{id}", http.StripPrefix("/api", httpcapture.Routed(apiMux("")))},
				{"mux, strip", "/api/items/7", "/api/items/{id}", under("/api/", http.StripPrefix("/api", httpcapture.Routed(apiMux(""))))},
				{"all stated", "/api/items/7", "/api/items/{id}", copying(httpcapture.Routed(under("/api/", http.StripPrefix("/api", copying(httpcapture.Routed(apiMux("")))))))},
				{"template in front", "/t/acme/items/7", "/t/{tenant}/items/{id}", under("/t/{tenant}/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					http.StripPrefix("/t/"+r.PathValue("tenant"), httpcapture.Routed(apiMux(""))).ServeHTTP(w, r)
				}))},
				{"from inside", "/x", "/stated/{id}", copying(stating)},
				{"from inside a mux", "/x/y", "/stated/{id}", under("/x/", stating)},
			} {
				c := newCollector(t)
				s := start(wr.wrap(c, tc.h))
				do(t, s.Client(), newRequest(t, "POST", s.URL+tc.path, "x"))
				sp := c.span(t)
				want(t, attrMap(sp.Attributes()), map[string]any{"http.route": tc.route})
				if sp.Name() != "POST "+tc.route {
					t.Errorf("%s: the span is called %q", tc.name, sp.Name())
				}
			}
		})
	})
}
