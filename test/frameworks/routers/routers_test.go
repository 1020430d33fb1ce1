// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package routers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

type handlers map[string]http.HandlerFunc

// routes are those of the battery; param finds the value of {id}.
func routes(param func(r *http.Request) string) handlers {
	stream := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for _, s := range []string{"one,", "two,", "three"} {
			_, _ = io.WriteString(w, s)
			_ = http.NewResponseController(w).Flush()
		}
	}
	return handlers{
		"POST /echo/{id}": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			adaptertest.Handle(r.Context(), param(r))
			w.Header().Set("X-Answer", "1")
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "echo:"+string(body))
		},
		"GET /empty": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"GET /fail":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "teapot", http.StatusTeapot) },
		"GET /panic": func(http.ResponseWriter, *http.Request) { panic("handler") },
		"GET /skip": func(w http.ResponseWriter, r *http.Request) {
			httpcapture.Skip(r.Context())
			_, _ = io.WriteString(w, "skipped")
		},
		"GET /stream": stream, "HEAD /stream": stream,
		"GET /redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/empty", http.StatusFound) },
	}
}

// recovered answers panics.
func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func newChi(inside ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID)
	r.Use(inside...)
	for pattern, h := range routes(func(r *http.Request) string { return chi.URLParam(r, "id") }) {
		r.HandleFunc(pattern, h)
	}
	return r
}

func newMux(inside ...func(http.Handler) http.Handler) http.Handler {
	r := mux.NewRouter()
	// gorilla/mux does not fill http.Request.Pattern, as net/http and chi do. Where the
	// route is wanted on the span, this does, in front of httpcapture.Handler.
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if t, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
				r.Pattern = t
			}
			next.ServeHTTP(w, r)
		})
	})
	for _, m := range inside {
		r.Use(m)
	}
	for pattern, h := range routes(func(r *http.Request) string { return mux.Vars(r)["id"] }) {
		method, path, _ := strings.Cut(pattern, " ")
		r.HandleFunc(path, h).Methods(method)
	}
	return r
}

// inside starts a router with a middleware, the last one before the routes.
func inside(router func(...func(http.Handler) http.Handler) http.Handler, dropIn bool) func(*testing.T, *sdktrace.TracerProvider, bool, ...httpcapture.Option) string {
	return func(t *testing.T, provider *sdktrace.TracerProvider, capture bool, opts ...httpcapture.Option) string {
		t.Helper()
		tp := otelhttp.WithTracerProvider(provider)
		traced := otelhttp.NewMiddleware("shop", tp)
		switch {
		case !capture:
			return start(t, router(traced))
		case dropIn:
			return start(t, router(httpcapture.NewMiddleware("shop", append(opts, tp)...)))
		}
		return start(t, router(traced, func(next http.Handler) http.Handler { return httpcapture.Handler(next, opts...) }))
	}
}

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(recovered(h))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestDropIn(t *testing.T) {
	t.Run("chi", func(t *testing.T) {
		adaptertest.Run(t, adaptertest.Adapter{Serve: inside(newChi, true), Route: "/echo/{id}"})
	})
	t.Run("gorilla", func(t *testing.T) {
		adaptertest.Run(t, adaptertest.Adapter{Serve: inside(newMux, true), Route: "/echo/{id}", UnroutedUntraced: true})
	})
}

func TestAlongside(t *testing.T) {
	t.Run("chi", func(t *testing.T) {
		adaptertest.Run(t, adaptertest.Adapter{Serve: inside(newChi, false), Route: "/echo/{id}"})
	})
	t.Run("gorilla", func(t *testing.T) {
		adaptertest.Run(t, adaptertest.Adapter{Serve: inside(newMux, false), Route: "/echo/{id}", UnroutedUntraced: true})
	})
}

// TestAround: around the router everything works but the template, since both routers
// hand a copy of the request on and the template is in the copy.
func TestAround(t *testing.T) {
	for name, router := range map[string]func(...func(http.Handler) http.Handler) http.Handler{"chi": newChi, "gorilla": newMux} {
		spans := adaptertest.NewSpans(t, sdktrace.AlwaysSample())
		address := start(t, httpcapture.NewHandler(router(), "shop",
			httpcapture.WithTracerProvider(spans.Provider), httpcapture.WithBodies(httpcapture.BodiesAll)))
		resp, err := http.Post(address+"/echo/7", "text/plain", strings.NewReader("question")) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		adaptertest.Want(t, name, adaptertest.Attrs(spans.Next(t)), map[string]any{
			"http.request.body.content": "question", "http.response.body.content": "echo:question", "user.id": "user-7", "http.route": nil,
		})
	}
}
