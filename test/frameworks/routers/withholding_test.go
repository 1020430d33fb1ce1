// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package routers

import (
	"context"
	"io"
	"net/http"
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

func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(b)
}

// client shows redirects as they are.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

type key struct{}

func copying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
	})
}

// apiPaths are the routes below /api; all but items are withheld.
var apiPaths = []string{"/login", "/internal/{area}", "/users/{id}/notes", "/items/{id}"}

func chiAPI(middleware ...func(http.Handler) http.Handler) chi.Router {
	r := chi.NewRouter()
	r.Use(middleware...)
	for _, p := range apiPaths {
		r.Post(p, echo)
	}
	return r
}

// stateChi states the whole route, which chi knows when it has served.
func stateChi(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { httpcapture.SetRoute(r.Context(), chi.RouteContext(r.Context()).RoutePattern()) }()
		next.ServeHTTP(w, r)
	})
}

// stateMux is the same for gorilla/mux, which knows it before.
func stateMux(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			httpcapture.SetRoute(r.Context(), t)
		}
		next.ServeHTTP(w, r)
	})
}

func muxAPI(prefix string, middleware ...func(http.Handler) http.Handler) *mux.Router {
	r := mux.NewRouter()
	sub := r
	if prefix != "" {
		sub = r.PathPrefix(prefix).Subrouter()
	}
	for _, m := range middleware {
		sub.Use(m)
	}
	for _, p := range apiPaths {
		sub.HandleFunc(p, echo).Methods(http.MethodPost)
	}
	return r
}

func mountChi(r chi.Router, middleware ...func(http.Handler) http.Handler) chi.Router {
	outer := chi.NewRouter()
	outer.Use(middleware...)
	outer.Mount("/api", r)
	return outer
}

func servedAt(pattern string, h http.Handler) http.Handler {
	m := http.NewServeMux()
	m.Handle(pattern, h)
	return m
}

// TestWithholding: around any router, mounted any way, what rules withhold is withheld,
// and the rest is recorded.
func TestWithholding(t *testing.T) {
	middleware := []func(http.Handler) http.Handler{chimiddleware.RequestID, chimiddleware.CleanPath, chimiddleware.StripSlashes}
	handlers := map[string]http.Handler{
		"chi":                        mountChi(chiAPI()),
		"chi, copying":               mountChi(chiAPI(copying), copying),
		"chi, middleware":            mountChi(chiAPI(middleware...), middleware...),
		"chi, stated":                mountChi(chiAPI(), stateChi),
		"chi at /":                   servedAt("/", mountChi(chiAPI(copying))),
		"chi behind StripPrefix":     servedAt("/api/", http.StripPrefix("/api", chiAPI())),
		"gorilla":                    muxAPI("/api"),
		"gorilla, copying":           muxAPI("/api", copying),
		"gorilla, stated":            muxAPI("/api", stateMux),
		"gorilla at /":               servedAt("/", muxAPI("/api", copying)),
		"gorilla behind copying":     copying(muxAPI("/api")),
		"gorilla behind StripPrefix": servedAt("/api/", http.StripPrefix("/api", muxAPI(""))),
		"chi in gorilla": func() http.Handler {
			r := mux.NewRouter()
			r.PathPrefix("/api").Handler(http.StripPrefix("/api", chiAPI()))
			return r
		}(),
	}
	for _, prefix := range []string{"/api", ""} {
		opts := []httpcapture.Option{httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithRoutes(
			httpcapture.Route("POST "+prefix+"/login", httpcapture.WithBodies(httpcapture.BodiesOff)),
			httpcapture.Route(prefix+"/internal/*", httpcapture.WithEnabled(false)),
			httpcapture.Route(prefix+"/users/{id}/notes", httpcapture.WithBodies(httpcapture.BodiesOff)))}
		for name, h := range handlers {
			if prefix == "" && strings.Contains(name, "stated") {
				continue // stated is the whole route, and the rules are about others
			}
			for way, wrap := range ways {
				spans := adaptertest.NewSpans(t, sdktrace.AlwaysSample())
				address := start(t, wrap(h, spans.Provider, opts))
				for path, recorded := range map[string]any{
					"/api/login": nil, "/api/internal/x": nil, "/api/users/7/notes": nil, "/api/items/7": "secret", "/api//login": nil, "/api/login/": nil, "/api/%6cogin": nil,
				} {
					resp, err := client.Post(address+path, "text/plain", strings.NewReader("secret")) //nolint:noctx // a test
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					got := adaptertest.Attrs(spans.Next(t))
					if resp.StatusCode/100 != 2 { // not routed there
						continue
					}
					adaptertest.Want(t, way+", "+name+", rules for "+prefix+": "+path, got, map[string]any{"http.request.body.content": recorded, "http.response.body.content": recorded})
				}
			}
		}
	}
}

var ways = map[string]func(h http.Handler, p *sdktrace.TracerProvider, opts []httpcapture.Option) http.Handler{
	"own spans": func(h http.Handler, p *sdktrace.TracerProvider, opts []httpcapture.Option) http.Handler {
		return httpcapture.NewHandler(h, "shop", append(opts, httpcapture.WithTracerProvider(p))...)
	},
	"delegating": func(h http.Handler, p *sdktrace.TracerProvider, opts []httpcapture.Option) http.Handler {
		return httpcapture.NewHandler(h, "shop", append(opts, httpcapture.WithTracerProvider(p), httpcapture.WithOtelhttpSpans())...)
	},
	"alongside": func(h http.Handler, p *sdktrace.TracerProvider, opts []httpcapture.Option) http.Handler {
		return otelhttp.NewHandler(httpcapture.Handler(h, opts...), "shop", otelhttp.WithTracerProvider(p))
	},
}

// TestStated: with the route stated from inside, that and the name of the span are
// whole, and rules that add apply.
func TestStated(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"chi": mountChi(chiAPI(copying), copying, stateChi), "gorilla": copying(muxAPI("/api", stateMux, copying)),
	} {
		for way, wrap := range ways {
			spans := adaptertest.NewSpans(t, sdktrace.AlwaysSample())
			address := start(t, wrap(h, spans.Provider, []httpcapture.Option{httpcapture.WithRoutes(
				httpcapture.Route("/api/items/{id}", httpcapture.WithBodies(httpcapture.BodiesAll)))}))
			resp, err := client.Post(address+"/api/items/7", "text/plain", strings.NewReader("question")) //nolint:noctx // a test
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			span := spans.Next(t)
			adaptertest.Want(t, way+", "+name, adaptertest.Attrs(span), map[string]any{"http.route": "/api/items/{id}", "http.request.body.content": "question"})
			if span.Name() != "POST /api/items/{id}" {
				t.Errorf("%s, %s: the span is called %q", way, name, span.Name())
			}
		}
	}
}
