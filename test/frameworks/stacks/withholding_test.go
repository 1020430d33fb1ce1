// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gofiber/contrib/otelfiber/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/echocapture"
	"github.com/apispan/apispan/instrumentation/fibercapture"
	"github.com/apispan/apispan/instrumentation/gincapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

// withheld are rules that withhold, whole routes or as a router below /api sees them.
func withheld(prefix string) []httpcapture.Option {
	return []httpcapture.Option{all, httpcapture.WithRoutes(
		httpcapture.Route(prefix+"/login", httpcapture.WithBodies(httpcapture.BodiesOff)),
		httpcapture.Route(prefix+"/internal/*", httpcapture.WithEnabled(false)),
	)}
}

// secretCalls are what is asked, and what the event may have of it.
var secretCalls = []call{
	{method: "POST", path: "/api/login", body: "secret", want: attrs{reqBody: nil, resBody: nil, "apispan.skip": nil}},
	{method: "POST", path: "/api/internal/area", body: "secret", want: attrs{reqBody: nil, resBody: nil, "apispan.skip": true, "http.request.header.content-type": nil}},
	{method: "POST", path: "/api/items/7", body: "public", want: attrs{reqBody: "public", resBody: "public", "apispan.skip": nil}},
}

func plainText(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		h(w, r)
	})
}

// early reads the body before anybody has routed the request.
func early(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ctxKey{}, b)))
	})
}

func answerEarly(w http.ResponseWriter, r *http.Request) {
	b, _ := r.Context().Value(ctxKey{}).([]byte)
	if b == nil {
		b, _ = io.ReadAll(r.Body)
	}
	_, _ = w.Write(b)
}

// stating says the route from inside, of the routes below prefix.
func stating(prefix string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route := map[string]string{"/api/login": "/login", "/api/internal/area": "/internal/{area}", "/api/items/7": "/items/{id}"}[r.URL.Path]
			httpcapture.SetRoute(r.Context(), prefix+route)
			next.ServeHTTP(w, r)
		})
	}
}

// TestWithheld: what a rule withholds no stack brings to light.
func TestWithheld(t *testing.T) {
	h := plainText(answerEarly)
	ginEngine := func() http.Handler {
		e := ginOf()
		e.Group("/api").Any("/*rest", gin.WrapH(h))
		return e
	}
	echoEngine := func() http.Handler {
		e := echo.New()
		g := e.Group("/api")
		g.Any("/login", echo.WrapHandler(h))
		g.Any("/internal/:area", echo.WrapHandler(h))
		g.Any("/items/:id", echo.WrapHandler(h))
		return e
	}
	subrouter := func() http.Handler {
		r := mux.NewRouter()
		s := r.PathPrefix("/api").Subrouter()
		s.Handle("/login", h)
		s.Handle("/internal/{area}", h)
		s.Handle("/items/{id}", h)
		return r
	}
	mounted := func() http.Handler {
		r, s := chi.NewRouter(), chi.NewRouter()
		s.Handle("/login", h)
		s.Route("/internal", func(r chi.Router) { r.Handle("/{area}", h) })
		s.Handle("/items/{id}", h)
		r.Mount("/api", s)
		return r
	}
	api := func(h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle("/api/", h)
		return m
	}
	stacks := map[string]func(c middleware) http.Handler{
		"bare": func(c middleware) http.Handler { return c(h) }, "mux": func(c middleware) http.Handler { return c(api(h)) },
		"in mux": func(c middleware) http.Handler { return api(c(h)) },
		"gin":    func(c middleware) http.Handler { return c(ginEngine()) }, "echo": func(c middleware) http.Handler { return c(echoEngine()) },
		"chi": func(c middleware) http.Handler { return c(mounted()) }, "gorilla": func(c middleware) http.Handler { return c(subrouter()) },
		"chi, inside": func(c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(c)
			r.Mount("/", mounted())
			return r
		},
		"gorilla, inside": func(c middleware) http.Handler {
			r := mux.NewRouter()
			r.Use(mux.MiddlewareFunc(c))
			r.PathPrefix("/").Handler(subrouter())
			return r
		},
		"TimeoutHandler":          func(c middleware) http.Handler { return c(http.TimeoutHandler(api(h), patience, "")) },
		"TimeoutHandler outside":  func(c middleware) http.Handler { return http.TimeoutHandler(c(api(h)), patience, "") },
		"MaxBytesHandler":         func(c middleware) http.Handler { return c(http.MaxBytesHandler(api(h), 1<<10)) },
		"MaxBytesHandler outside": func(c middleware) http.Handler { return http.MaxBytesHandler(c(api(h)), 1<<10) },
		"StripPrefix":             func(c middleware) http.Handler { return c(http.StripPrefix("/api", mux2(h))) },
		"StripPrefix outside":     func(c middleware) http.Handler { return http.StripPrefix("/api", c(mux2(h))) },
		"StripPrefix, Routed":     func(c middleware) http.Handler { return c(api(http.StripPrefix("/api", httpcapture.Routed(mux2(h))))) },
		"read early":              func(c middleware) http.Handler { return c(early(api(h))) },
		"read early, chi":         func(c middleware) http.Handler { return c(early(mounted())) },
		"SetRoute":                func(c middleware) http.Handler { return c(copying(stating("/api")(h))) },
		"SetRoute, read early":    func(c middleware) http.Handler { return c(early(stating("/api")(h))) },
		"gzip outside, copying":   func(c middleware) http.Handler { return gz(c(copying(api(h)))) },
		"gzip inside, copying":    func(c middleware) http.Handler { return c(gz(copying(api(h)))) },
		"twice":                   nil,
	}
	for _, prefix := range []string{"/api", ""} {
		for protocol, h2 := range protocols {
			for way, wrap := range ways {
				for name, stack := range stacks {
					s := newSpans(t, trace.SpanKindServer)
					c := wrap(s.TracerProvider, withheld(prefix)...)
					if stack == nil {
						stack = func(c middleware) http.Handler { return c(c(h)) }
					}
					if prefix == "" && (name == "SetRoute" || name == "SetRoute, read early" || name == "StripPrefix, Routed") || prefix != "" && name == "StripPrefix outside" {
						continue // the route is stated, or the rest of it unknown
					}
					address, client := start(t, stack(c), h2)
					for _, call := range secretCalls {
						what := name + ", " + protocol + ", " + way + ", rules for " + prefix + ": " + call.path
						call.header = []string{"Content-Type", "text/plain"}
						if a := call.do(t, client, address); a.Body != call.body {
							t.Errorf("%s: answer %d %q", what, a.Status, a.Body)
						}
						if name == "twice" {
							if inner := adaptertest.Attrs(s.next(t)); inner["apispan.skip"] != true || inner[reqBody] != nil {
								t.Errorf("%s: inside %v", what, inner)
							}
						}
						adaptertest.Want(t, what, adaptertest.Attrs(s.next(t)), call.want)
					}
				}
			}
		}
	}
}

// mux2 routes what is left below /api.
func mux2(h http.Handler) http.Handler {
	m := http.NewServeMux()
	m.Handle("/login", h)
	m.Handle("/internal/{area}", h)
	m.Handle("/items/{id}", h)
	return m
}

// serveFiber serves an application on a socket.
func serveFiber(t *testing.T, app *fiber.App) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = app.Listener(lis) }()
	t.Cleanup(func() { _ = app.Shutdown(); _ = lis.Close(); <-done })
	return "http://" + lis.Addr().String()
}

// TestAdaptersWithhold is the same for groups and mounts of the adapters.
func TestAdaptersWithhold(t *testing.T) {
	apps := map[string]func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string{
		"gin": func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
			t.Helper()
			e := ginOf(otelgin.Middleware("shop", otelgin.WithTracerProvider(p)), gincapture.Middleware(opts...))
			g := e.Group("/api")
			answer := func(c *gin.Context) { b, _ := c.GetRawData(); c.Data(http.StatusOK, "text/plain", b) }
			g.POST("/login", answer)
			g.Group("/internal").POST("/:area", answer)
			g.POST("/items/:id", answer)
			address, _ := start(t, e, false)
			return address
		},
		"gin, in the group": func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
			t.Helper()
			e := ginOf(otelgin.Middleware("shop", otelgin.WithTracerProvider(p)))
			g := e.Group("/api", gincapture.Middleware(opts...))
			g.POST("/*rest", func(c *gin.Context) { b, _ := c.GetRawData(); c.Data(http.StatusOK, "text/plain", b) })
			address, _ := start(t, e, false)
			return address
		},
		"echo": func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
			t.Helper()
			e := echo.New()
			e.Use(otelecho.Middleware("shop", otelecho.WithTracerProvider(p)), echocapture.Middleware(opts...))
			g := e.Group("/api")
			answer := func(c echo.Context) error {
				b, _ := io.ReadAll(c.Request().Body)
				return c.Blob(http.StatusOK, "text/plain", b)
			}
			g.POST("/login", answer)
			g.Group("/internal").POST("/:area", answer)
			g.POST("/items/:id", answer)
			address, _ := start(t, e, false)
			return address
		},
		"echo, in the group": func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
			t.Helper()
			e := echo.New()
			g := e.Group("/api", otelecho.Middleware("shop", otelecho.WithTracerProvider(p)), echocapture.Middleware(opts...))
			g.POST("/*", func(c echo.Context) error {
				b, _ := io.ReadAll(c.Request().Body)
				return c.Blob(http.StatusOK, "text/plain", b)
			})
			address, _ := start(t, e, false)
			return address
		},
		"fiber": func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
			t.Helper()
			app := fiber.New(fiber.Config{DisableStartupMessage: true})
			app.Use(otelfiber.Middleware(otelfiber.WithTracerProvider(p)), fibercapture.Middleware(opts...))
			answer := func(c *fiber.Ctx) error {
				c.Set("Content-Type", "text/plain")
				return c.Send(c.Body())
			}
			g := app.Group("/api")
			g.Post("/login", answer)
			g.Group("/internal").Post("/:area", answer)
			g.Post("/items/:id", answer)
			return serveFiber(t, app)
		},
		"fiber, mounted": func(t *testing.T, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
			t.Helper()
			app, sub := fiber.New(fiber.Config{DisableStartupMessage: true}), fiber.New()
			app.Use(otelfiber.Middleware(otelfiber.WithTracerProvider(p)), fibercapture.Middleware(opts...))
			sub.Post("/*", func(c *fiber.Ctx) error {
				c.Set("Content-Type", "text/plain")
				return c.Send(c.Body())
			})
			app.Mount("/api", sub)
			return serveFiber(t, app)
		},
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for name, serve := range apps {
		for _, prefix := range []string{"/api", ""} {
			s := newSpans(t, trace.SpanKindServer)
			address := serve(t, s.TracerProvider, withheld(prefix)...)
			for _, call := range secretCalls {
				call.header = []string{"Content-Type", "text/plain"}
				if prefix == "" && (name == "gin" || name == "echo" || name == "fiber") {
					continue // the whole template is known, and the rules are about others
				}
				what := name + ", rules for " + prefix + ": " + call.path
				if a := call.do(t, client, address); a.Body != call.body {
					t.Errorf("%s: answer %d %q", what, a.Status, a.Body)
				}
				adaptertest.Want(t, what, adaptertest.Attrs(s.next(t)), call.want)
			}
		}
	}
}

// TestNestedRoutes: a router inside another leaves its own part of the route, which is
// neither recorded as the route nor taken for what a rule that adds is about.
func TestNestedRoutes(t *testing.T) {
	nested := func(_ testing.TB, c middleware) http.Handler {
		r := chi.NewRouter()
		r.Use(c)
		r.Handle("/{id}", text("top"))
		r.Route("/users/{id}", func(r chi.Router) { r.Handle("/{note}", text("note")) })
		r.Mount("/api", func() http.Handler {
			s := chi.NewRouter()
			s.Handle("/items/{id:[0-9]+}", text("item"))
			return s
		}())
		return r
	}
	run(t, []probe{{"chi", nested, []httpcapture.Option{
		httpcapture.WithBodies(httpcapture.BodiesOff), httpcapture.WithRoutes(httpcapture.Route("/{id}", all)),
	}, []call{
		{method: "GET", path: "/7", want: attrs{"http.route": "/{id}", resBody: "top"}},
		{method: "GET", path: "/a%2Fb", want: attrs{"http.route": "/{id}", resBody: "top"}}, // one segment to chi
		{method: "GET", path: "/users/7/8", want: attrs{"http.route": nil, resBody: nil}},
		{method: "GET", path: "/api/items/7", want: attrs{resBody: nil}},
	}, false}})
}

// TestIdentityAround: what middleware on either side says reaches the event.
func TestIdentityAround(t *testing.T) {
	says := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u", CompanyID: "c"})
			httpcapture.SetMetadata(r.Context(), "k", "v")
			next.ServeHTTP(w, r)
		})
	}
	after := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			says(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		})
	}
	type user struct{}
	authenticated := func(next http.Handler) http.Handler { // outside: the context has it
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), user{}, "u")))
		})
	}
	fromContext := httpcapture.WithIdentity(func(e httpcapture.Exchange) httpcapture.Identity {
		id, _ := e.Request.Context().Value(user{}).(string)
		return httpcapture.Identity{UserID: id, CompanyID: "c"}
	})
	said := []call{{method: "GET", path: "/a", want: attrs{"user.id": "u", "apispan.company.id": "c", "apispan.metadata.k": "v"}}}
	known := []call{{method: "GET", path: "/a", want: attrs{"user.id": "u", "apispan.company.id": "c"}}}
	h := text("hello")
	run(t, []probe{
		{"inside", func(_ testing.TB, c middleware) http.Handler { return c(says(h)) }, nil, said, false},
		{"inside, copying", func(_ testing.TB, c middleware) http.Handler { return c(copying(says(h))) }, nil, said, false},
		{"inside, afterwards", func(_ testing.TB, c middleware) http.Handler { return c(after(h)) }, nil, said, false},
		{"inside, gzip", func(_ testing.TB, c middleware) http.Handler { return c(gz(says(h))) }, nil, said, false},
		{"inside, timeout", func(_ testing.TB, c middleware) http.Handler { return c(http.TimeoutHandler(says(h), patience, "")) }, nil, said, false},
		{"in chi", func(_ testing.TB, c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(c, says)
			r.Handle("/*", h)
			return r
		}, nil, said, false},
		{"outside", func(_ testing.TB, c middleware) http.Handler { return authenticated(c(h)) }, []httpcapture.Option{fromContext}, known, false},
		{"outside, copying", func(_ testing.TB, c middleware) http.Handler { return authenticated(copying(c(h))) }, []httpcapture.Option{fromContext}, known, false},
	})
}
