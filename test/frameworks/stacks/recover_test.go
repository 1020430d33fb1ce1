// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/contrib/otelfiber/v2"
	"github.com/gofiber/fiber/v2"
	fiberrecover "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/echocapture"
	"github.com/apispan/apispan/instrumentation/fibercapture"
	"github.com/apispan/apispan/instrumentation/gincapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

// panics are routes that panic, and the status that the event has: what the client saw.
var panics = map[string]struct {
	h      func(w http.ResponseWriter)
	status any
}{
	"/at-once":   {func(http.ResponseWriter) { panic("x") }, int64(500)},
	"/error":     {func(http.ResponseWriter) { panic(errors.New("x")) }, int64(500)},
	"/hint":      {func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints); panic("x") }, int64(500)},
	"/abort":     {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, nil},
	"/created":   {func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated); w.(http.Flusher).Flush(); panic("x") }, int64(201)},
	"/written":   {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "part"); panic("x") }, int64(200)},
	"/not-found": {func(w http.ResponseWriter) { http.Error(w, "no", http.StatusNotFound); panic("x") }, int64(404)},
}

func panicking(w http.ResponseWriter, r *http.Request) { panics[r.URL.Path].h(w) }

func withLogEntry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, chimiddleware.WithLogEntry(r, nothing{}))
	})
}

// nothing logs nothing.
type nothing struct{ chimiddleware.LogEntry }

func (nothing) Panic(any, []byte) {}

// TestRecoverersOutside: whoever recovers outside answers, and the event says what.
func TestRecoverersOutside(t *testing.T) {
	var calls []call
	for path, p := range panics {
		calls = append(calls, call{method: "POST", path: path, want: attrs{status: p.status}}) // GET is sent again after an abort
	}
	withoutHint := calls[:0:0]
	for _, c := range calls {
		if c.path != "/hint" { // echo takes it for the answer
			withoutHint = append(withoutHint, c)
		}
	}
	h := http.HandlerFunc(panicking)
	run(t, []probe{
		{"chi", func(_ testing.TB, c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(withLogEntry, chimiddleware.Recoverer, c)
			r.Handle("/*", h)
			return r
		}, nil, calls, false},
		{"chi around all", func(_ testing.TB, c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(withLogEntry, chimiddleware.Recoverer)
			r.Handle("/*", c(h))
			return r
		}, nil, calls, false},
		{"echo", func(_ testing.TB, c middleware) http.Handler {
			e := echo.New()
			e.Logger.SetOutput(io.Discard)
			e.Use(echomiddleware.Recover(), echo.WrapMiddleware(c))
			e.POST("/*", func(c echo.Context) error { panicking(c.Response(), c.Request()); return nil })
			return e
		}, nil, withoutHint, false},
	})
}

// framework is an application with a recoverer outside, tracing and the adapter, the
// order of their READMEs.
var frameworks = map[string]func(t testing.TB, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string{
	"gin": func(t testing.TB, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
		t.Helper()
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(gin.RecoveryWithWriter(io.Discard))
		if p != nil {
			e.Use(otelgin.Middleware("shop", otelgin.WithTracerProvider(p)), gincapture.Middleware(opts...))
		}
		for path := range panics {
			e.POST(path, func(c *gin.Context) { panicking(c.Writer, c.Request) })
		}
		address, _ := start(t, e, false)
		return address
	},
	"echo": func(t testing.TB, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
		t.Helper()
		e := echo.New()
		e.Logger.SetOutput(io.Discard)
		e.Use(echomiddleware.Recover())
		if p != nil {
			e.Use(otelecho.Middleware("shop", otelecho.WithTracerProvider(p)), echocapture.Middleware(opts...))
		}
		for path := range panics {
			e.POST(path, func(c echo.Context) error { panicking(c.Response(), c.Request()); return nil })
		}
		address, _ := start(t, e, false)
		return address
	},
	"fiber": func(t testing.TB, p *sdktrace.TracerProvider, opts ...httpcapture.Option) string {
		t.Helper()
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Use(fiberrecover.New())
		if p != nil {
			app.Use(otelfiber.Middleware(otelfiber.WithTracerProvider(p)), fibercapture.Middleware(opts...))
		}
		app.Post("/at-once", func(*fiber.Ctx) error { panic("x") })
		app.Post("/error", func(*fiber.Ctx) error { panic(errors.New("x")) })
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = app.Listener(lis) }()
		t.Cleanup(func() { _ = app.Shutdown(); _ = lis.Close(); <-done })
		return "http://" + lis.Addr().String()
	},
}

// TestAdaptersRecovered is the same for the adapters.
func TestAdaptersRecovered(t *testing.T) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	for name, serve := range frameworks {
		t.Run(name, func(t *testing.T) {
			s := newSpans(t, trace.SpanKindServer)
			bare, captured := serve(t, nil), serve(t, s.TracerProvider, all)
			for path, p := range panics {
				c := call{method: "POST", path: path}
				want := c.do(t, client, bare)
				if want.Status == http.StatusNotFound && path != "/not-found" || name == "echo" && path == "/hint" {
					continue // the framework has no such thing, or takes it for the answer
				}
				if diff := cmp.Diff(want, c.do(t, client, captured)); diff != "" {
					t.Errorf("%s (-bare +captured):\n%s", path, diff)
				}
				span := s.next(t)
				if path != "/abort" && int64(want.Status) != p.status {
					t.Errorf("%s: the client got %d", path, want.Status)
				}
				key := status
				if name == "fiber" && path == "/not-found" {
					key = "http.status_code" // otelfiber's, which has seen it before us
				}
				adaptertest.Want(t, path, adaptertest.Attrs(span), attrs{key: p.status})
				if span.Status().Code != codes.Error && want.Status >= 500 {
					t.Errorf("%s: the span's status is %v", path, span.Status())
				}
			}
		})
	}
}

// backends answer as the servers behind a proxy do.
func backend(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Event-Id", "another")
	w.Header().Set("Content-Type", "text/plain")
	switch r.URL.Path {
	case "/dies":
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "first part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/dies-sized":
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "first part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/dies-at-once":
		panic(http.ErrAbortHandler)
	case "/hint":
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		_, _ = io.WriteString(w, "hello")
	case "/trailer":
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-Sum", "17")
	case "/zipped":
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zipped(mixed))
	default:
		echoBody(w, r)
	}
}

// TestReverseProxy: the event is that of the client of the proxy.
func TestReverseProxy(t *testing.T) {
	calls := []call{
		{method: "GET", path: "/dies", want: attrs{status: int64(201), resBody: "first part", "apispan.response.body.incomplete": true}},
		{method: "GET", path: "/dies-sized", want: attrs{status: int64(200), resBody: "first part", "apispan.response.body.incomplete": true}},
		{method: "GET", path: "/dies-at-once", want: attrs{status: int64(502), resBody: nil}},
		{method: "GET", path: "/hint", want: attrs{status: int64(200), resBody: "hello", "apispan.response.body.incomplete": nil}},
		{method: "GET", path: "/trailer", want: attrs{status: int64(200), resBody: "hello"}},
		{method: "GET", path: "/zipped", header: []string{"Accept-Encoding", "gzip"}, want: attrs{resBody: strings.ToValidUTF8(mixed[:8192], ""), status: int64(200), "apispan.response.body.truncated": true}},
		{method: "POST", path: "/echo", body: "question", header: []string{"Content-Type", "text/plain"}, want: attrs{reqBody: "question", resBody: "question", status: int64(200)}},
		{method: "POST", path: "/echo", body: long, header: []string{"Content-Type", "text/plain"}, want: attrs{reqBody: long[:8192], "apispan.request.body.truncated": true, status: int64(200)}},
	}
	proxy := func(flush time.Duration) func(t testing.TB, capture middleware) http.Handler {
		return func(t testing.TB, capture middleware) http.Handler {
			t.Helper()
			address, _ := start(t, http.HandlerFunc(backend), false)
			target, _ := url.Parse(address)
			p := httputil.NewSingleHostReverseProxy(target)
			p.FlushInterval, p.ErrorLog = flush, quiet
			return capture(p)
		}
	}
	run(t, []probe{
		{"flushing", proxy(-1), nil, calls, false},
		{"buffering", proxy(0), nil, calls[2:], false},
	})
}

// TestEventIDThroughProxies: the id is on the response once, and is the event's.
func TestEventIDThroughProxies(t *testing.T) {
	address, _ := start(t, http.HandlerFunc(backend), false)
	target, _ := url.Parse(address)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = quiet
	stacks := map[string]func(capture middleware) http.Handler{
		"proxy":               func(c middleware) http.Handler { return c(proxy) },
		"proxy, gzip outside": func(c middleware) http.Handler { return chain(proxy, gz, c) },
		"proxy, gzip inside":  func(c middleware) http.Handler { return chain(proxy, c, gz) },
		"twice":               func(c middleware) http.Handler { return c(c(proxy)) },
		"gin": func(c middleware) http.Handler {
			e := ginOf()
			e.NoRoute(gin.WrapH(proxy))
			return c(e)
		},
	}
	for name, stack := range stacks {
		for protocol, h2 := range protocols {
			for way, wrap := range ways {
				s := newSpans(t, trace.SpanKindServer)
				address, client := start(t, stack(wrap(s.TracerProvider, httpcapture.WithEventIDHeader("X-Event-Id"))), h2)
				for _, path := range []string{"/hint", "/dies-at-once", "/echo", "/trailer"} {
					what := name + ", " + protocol + ", " + way + ": " + path
					got := call{method: "GET", path: path}.do(t, client, address).Header["X-Event-Id"]
					var ids []any
					for _, span := range append([]sdktrace.ReadOnlySpan{s.next(t)}, more(s, name == "twice", t)...) {
						if id := adaptertest.Attrs(span)["apispan.event.id"]; id != nil {
							ids = append(ids, id)
						}
					}
					if len(got) != 1 || len(ids) != 1 || got[0] != ids[0] {
						t.Errorf("%s: the response says %q, the events %v", what, got, ids)
					}
				}
			}
		}
	}
}

// more is the span of the inner one of two.
func more(s *spans, is bool, t *testing.T) []sdktrace.ReadOnlySpan {
	t.Helper()
	if !is {
		return nil
	}
	return []sdktrace.ReadOnlySpan{s.next(t)}
}
