// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package gintest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/instrumentation/gincapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

func serve(t *testing.T, provider *sdktrace.TracerProvider, capture bool, opts ...httpcapture.Option) string {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Use(gin.RecoveryWithWriter(io.Discard), otelgin.Middleware("shop", otelgin.WithTracerProvider(provider)))
	if capture {
		e.Use(gincapture.Middleware(opts...))
	}
	e.Use(func(c *gin.Context) { // as others do: answers errors in one place
		c.Next()
		if err := c.Errors.Last(); err != nil && !c.Writer.Written() {
			c.JSON(http.StatusTeapot, gin.H{"error": err.Error()})
		}
	})
	e.POST("/echo/:id", func(c *gin.Context) {
		body, _ := io.ReadAll(c.Request.Body)
		adaptertest.Handle(c.Request.Context(), c.Param("id"))
		c.Header("X-Answer", "1")
		c.String(http.StatusCreated, "echo:%s", body)
	})
	e.GET("/empty", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	e.GET("/fail", func(c *gin.Context) { _ = c.Error(errors.New("teapot")) })
	e.GET("/panic", func(*gin.Context) { panic("handler") })
	e.GET("/skip", func(c *gin.Context) {
		httpcapture.Skip(c.Request.Context())
		c.String(http.StatusOK, "skipped")
	})
	stream := func(c *gin.Context) {
		c.Header("Content-Type", "text/plain")
		for _, s := range []string{"one,", "two,", "three"} {
			_, _ = c.Writer.WriteString(s)
			c.Writer.Flush()
		}
	}
	e.GET("/stream", stream)
	e.HEAD("/stream", stream)
	e.GET("/redirect", func(c *gin.Context) { c.Redirect(http.StatusFound, "/empty") })
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAdapter(t *testing.T) {
	adaptertest.Run(t, adaptertest.Adapter{Serve: serve, Route: "/echo/:id"})
}

// TestHandleContext: a request that is served again on another route is one exchange, and
// what that route answers is recorded.
func TestHandleContext(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	rec := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
	e := gin.New()
	e.Use(otelgin.Middleware("shop", otelgin.WithTracerProvider(provider)), gincapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
	e.POST("/old", func(c *gin.Context) {
		c.Request.URL.Path = "/new"
		e.HandleContext(c)
	})
	e.POST("/new", func(c *gin.Context) {
		b, _ := c.GetRawData()
		c.String(http.StatusCreated, "new: %s", b)
	})
	srv := httptest.NewServer(e)
	defer srv.Close()
	res, err := http.Post(srv.URL+"/old", "text/plain", strings.NewReader("body")) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated || string(b) != "new: body" {
		t.Errorf("%d %q", res.StatusCode, b)
	}
	srv.Close()
	var got []string
	for _, s := range rec.Ended() {
		set := attribute.NewSet(s.Attributes()...)
		if v, _ := set.Value("apispan.skip"); v.AsBool() {
			continue
		}
		status, _ := set.Value("http.response.status_code")
		in, _ := set.Value("http.request.body.content")
		out, _ := set.Value("http.response.body.content")
		got = append(got, fmt.Sprint(status.AsInt64(), " ", in.AsString(), " ", out.AsString()))
	}
	if len(got) != 1 || got[0] != "201 body new: body" {
		t.Errorf("recorded %q", got)
	}
}

// TestNotRecording costs nothing.
func TestNotRecording(t *testing.T) {
	if adaptertest.Race {
		t.Skip("allocations differ under the race detector")
	}
	gin.SetMode(gin.ReleaseMode)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	allocs := func(capture bool) float64 {
		e := gin.New()
		e.Use(otelgin.Middleware("shop", otelgin.WithTracerProvider(provider)))
		if capture {
			e.Use(gincapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders()))
		}
		e.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		return testing.AllocsPerRun(200, func() { e.ServeHTTP(w, r) })
	}
	if without, with := allocs(false), allocs(true); with > without {
		t.Errorf("%v allocations, %v without the adapter", with, without)
	}
}
