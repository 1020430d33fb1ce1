// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package echotest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/echocapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

func serve(t *testing.T, provider *sdktrace.TracerProvider, capture bool, opts ...httpcapture.Option) string {
	t.Helper()
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(middleware.Recover(), otelecho.Middleware("shop", otelecho.WithTracerProvider(provider)))
	if capture {
		e.Use(echocapture.Middleware(opts...))
	}
	e.POST("/echo/:id", func(c echo.Context) error {
		body, _ := io.ReadAll(c.Request().Body)
		adaptertest.Handle(c.Request().Context(), c.Param("id"))
		c.Response().Header().Set("X-Answer", "1")
		return c.String(http.StatusCreated, "echo:"+string(body))
	})
	e.GET("/empty", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.GET("/fail", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "teapot") })
	e.GET("/panic", func(echo.Context) error { panic("handler") })
	e.GET("/skip", func(c echo.Context) error {
		httpcapture.Skip(c.Request().Context())
		return c.String(http.StatusOK, "skipped")
	})
	stream := func(c echo.Context) error {
		c.Response().Header().Set("Content-Type", "text/plain")
		for _, s := range []string{"one,", "two,", "three"} {
			_, _ = io.WriteString(c.Response(), s)
			c.Response().Flush()
		}
		return nil
	}
	e.GET("/stream", stream)
	e.HEAD("/stream", stream)
	e.GET("/redirect", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/empty") })
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAdapter(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Serve: serve, Route: "/echo/:id"})
}

// TestNotRecording costs what a middleware of echo costs: the handler function it makes.
func TestNotRecording(t *testing.T) {
	if adaptertest.Race {
		t.Skip("allocations differ under the race detector")
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	allocs := func(second echo.MiddlewareFunc) float64 {
		e := echo.New()
		e.Use(otelecho.Middleware("shop", otelecho.WithTracerProvider(provider)), second)
		e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		return testing.AllocsPerRun(200, func() { e.ServeHTTP(w, r) })
	}
	empty := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return next(c) }
	}
	ours := echocapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders())
	if without, with := allocs(empty), allocs(ours); with > without {
		t.Errorf("%v allocations, %v with an empty middleware", with, without)
	}
}
