// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/echocapture"
	"github.com/apispan/apispan/instrumentation/gincapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func upload(size int) (body, contentType string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("name", "value")
	f, _ := m.CreateFormFile("file", "a.txt")
	_, _ = io.WriteString(f, strings.Repeat("x", size))
	_ = m.Close()
	return b.String(), m.FormDataContentType()
}

// saved answers how much of a file came; less stays in memory than comes.
func saved(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseMultipartForm(1 << 10); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f, h, err := r.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n, _ := io.Copy(io.Discard, f)
	_ = f.Close()
	fmt.Fprintf(w, "%s %s %d of %d", r.FormValue("name"), h.Filename, n, h.Size)
	if r.URL.Path == "/panics" {
		panic(http.ErrAbortHandler)
	}
}

type ctxKey struct{}

func copying(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ctxKey{}, 1)))
	})
}

// TestUploads: what a handler saves of an upload is removed when the request is over,
// where net/http does so without us.
func TestUploads(t *testing.T) {
	h := http.HandlerFunc(saved)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	body, contentType := upload(300 << 10)
	stacks := map[string]func(c middleware) http.Handler{
		"bare":           func(c middleware) http.Handler { return c(h) },
		"copying inside": func(c middleware) http.Handler { return c(copying(h)) }, "copying outside": func(c middleware) http.Handler { return copying(c(h)) },
		"limited": func(c middleware) http.Handler { return http.MaxBytesHandler(c(h), 1<<20) }, "limited inside": func(c middleware) http.Handler { return c(http.MaxBytesHandler(h, 1<<20)) },
		"timeout": func(c middleware) http.Handler { return http.TimeoutHandler(c(h), patience, "") }, "timeout inside": func(c middleware) http.Handler { return c(http.TimeoutHandler(h, patience, "")) },
		"twice": func(c middleware) http.Handler { return c(c(h)) },
		"chi": func(c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(c)
			r.Handle("/*", h)
			return r
		},
		"around chi": func(c middleware) http.Handler {
			r := chi.NewRouter()
			r.Handle("/*", h)
			return c(r)
		},
		"gorilla": func(c middleware) http.Handler {
			r := mux.NewRouter()
			r.Use(mux.MiddlewareFunc(c))
			r.PathPrefix("/").Handler(h)
			return r
		},
		"around gin": func(c middleware) http.Handler {
			e := ginOf()
			e.POST("/save", gin.WrapH(h))
			e.POST("/panics", gin.WrapH(h))
			return c(e)
		},
		"echo": func(c middleware) http.Handler {
			e := echo.New()
			e.Use(echo.WrapMiddleware(c))
			e.POST("/*", echo.WrapHandler(h))
			return e
		},
	}
	// The same through adapters.
	adapted := map[string]func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.Handler{
		"gin": func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.Handler {
			e := ginOf()
			if p != nil {
				e.Use(otelgin.Middleware("shop", otelgin.WithTracerProvider(p)), gincapture.Middleware(opts...))
			}
			e.POST("/:any", gin.WrapF(saved))
			return e
		},
		"echo": func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.Handler {
			e := echo.New()
			if p != nil {
				e.Use(otelecho.Middleware("shop", otelecho.WithTracerProvider(p)), echocapture.Middleware(opts...))
			}
			e.POST("/*", echo.WrapHandler(h))
			return e
		},
	}
	try := func(t *testing.T, h http.Handler, h2 bool, mayLeave int, wait time.Duration) (left int, answers string) {
		t.Helper()
		address, client := start(t, h, h2)
		for _, path := range []string{"/save", "/panics"} {
			a := call{method: "POST", path: path, body: body, header: []string{"Content-Type", contentType}}.do(t, client, address)
			if !a.Failed {
				answers += a.Body
			}
		}
		// net/http removes them after it has answered.
		for until := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
			files, err := os.ReadDir(tmp)
			if err != nil {
				t.Fatal(err)
			}
			if len(files) <= mayLeave || time.Now().After(until) {
				for _, f := range files {
					_ = os.Remove(tmp + "/" + f.Name())
				}
				return len(files), answers
			}
		}
	}
	compare := func(t *testing.T, what string, bare, captured http.Handler, h2 bool) {
		t.Helper()
		left, answers := try(t, bare, h2, 0, patience/100)
		leftCaptured, answersCaptured := try(t, captured, h2, left, patience/5)
		if leftCaptured > left {
			t.Errorf("%s: %d files are left, bare %d", what, leftCaptured, left)
		}
		if answers != answersCaptured || !strings.Contains(answers, "value a.txt 307200 of 307200") {
			t.Errorf("%s: %q, bare %q", what, answersCaptured, answers)
		}
	}
	for protocol, h2 := range protocols {
		for name, stack := range stacks {
			bare := stack(func(h http.Handler) http.Handler { return h })
			for way, wrap := range ways {
				s := newSpans(t, trace.SpanKindServer)
				compare(t, protocol+", "+name+", "+way, bare, stack(wrap(s.TracerProvider, all)), h2)
			}
		}
		for name, stack := range adapted {
			s := newSpans(t, trace.SpanKindServer)
			compare(t, protocol+", adapter for "+name, stack(nil), stack(s.TracerProvider, all), h2)
		}
	}
}
