// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

// wrapper hides what a ResponseWriter can do besides, as many a logger does.
type wrapper struct {
	http.ResponseWriter

	status int
}

func (w *wrapper) WriteHeader(status int) { w.status = status; w.ResponseWriter.WriteHeader(status) }

// unwrapping is the same with Unwrap.
type unwrapping struct{ wrapper }

func (w *unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func wrapped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&wrapper{ResponseWriter: w}, r) })
}

func unwrapped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&unwrapping{wrapper{ResponseWriter: w}}, r)
	})
}

// recovering answers 500 inside.
func recovering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if e := recover(); e != nil && e != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				http.Error(w, "recovered", http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// abilities answers which interfaces the writer has, by type and by controller.
func abilities(w http.ResponseWriter, r *http.Request) {
	var has []string
	for name, is := range map[string]bool{
		"Flusher": is[http.Flusher](w), "Hijacker": is[http.Hijacker](w), "Pusher": is[http.Pusher](w),
		"ReaderFrom": is[io.ReaderFrom](w), // io.StringWriter is lost to otelhttp's writer
	} {
		if is {
			has = append(has, name)
		}
	}
	rc := http.NewResponseController(w)
	for name, err := range map[string]error{
		"read deadline": rc.SetReadDeadline(time.Now().Add(time.Minute)), "write deadline": rc.SetWriteDeadline(time.Now().Add(time.Minute)),
		"full duplex": rc.EnableFullDuplex(), "flush": rc.Flush(),
	} {
		if err == nil {
			has = append(has, name)
		}
	}
	b, _ := json.Marshal(sorted(has))
	_, _ = w.Write(b)
}

func is[T any](w any) bool { _, ok := w.(T); return ok }

func sorted(s []string) map[string]bool {
	m := map[string]bool{}
	for _, v := range s {
		m[v] = true
	}
	return m
}

// odd are handlers that public bug reports are about, each told from the others by its
// path.
var odd = map[string]http.HandlerFunc{
	"/abilities": abilities,
	"/no-content-type": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	},
	"/late-header": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "accepted")
	},
	"/trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "body")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "17")
	},
	"/zero": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) },
	"/1000": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) },
	"/204-with-body": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "no"); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(fmt.Sprint("no ErrBodyNotAllowed: ", err))
		}
	},
	"/too-long": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "3")
		if _, err := io.WriteString(w, "four"); !errors.Is(err, http.ErrContentLength) {
			panic(fmt.Sprint("no ErrContentLength: ", err))
		}
	},
	"/read-twice": func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b)) // for whoever comes next
		again, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(again)
	},
	"/closed": func(w http.ResponseWriter, r *http.Request) {
		_ = r.Body.Close()
		_, err := r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, errors.Is(err, http.ErrBodyReadAfterClose))
	},
	"/limited": func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4)
		_, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			http.Error(w, fmt.Sprint("too large: ", tooLarge.Limit), http.StatusRequestEntityTooLarge)
		}
	},
	"/unread": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
	"/form": func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		_ = json.NewEncoder(w).Encode(r.Form)
	},
	"/buffered": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		b := bufio.NewWriter(w)
		_, _ = b.ReadFrom(strings.NewReader(mixed))
		_ = b.Flush()
	},
	"/multi": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.Copy(w, io.MultiReader(strings.NewReader("a"), bytes.NewReader([]byte("b")), io.LimitReader(strings.NewReader("ccc"), 1)))
	},
	"/empty-writes": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(nil)
		_, _ = io.Copy(w, strings.NewReader(""))
		w.WriteHeader(http.StatusTeapot) // too late
	},
	"/empty-copy": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(""))
		w.WriteHeader(http.StatusTeapot)
	},
	"/canceled": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Context().Err(), r.Context().Value(http.ServerContextKey) != nil, r.Context().Value(http.LocalAddrContextKey) != nil)
	},
	"/pattern": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Pattern, r.PathValue("id"), r.RequestURI, r.URL.Path, r.Host != "", r.Proto)
	},
	"/hints": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusProcessing)
		w.Header().Set("Content-Type", "text/plain")
		http.Error(w, "gone", http.StatusGone)
	},
	"/panics":   func(http.ResponseWriter, *http.Request) { panic("x") },
	"/sse":      sse,
	"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a?b=c", http.StatusFound) },
	"/not-modified": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusNotModified)
	},
	"/reset": func(w http.ResponseWriter, r *http.Request) {
		*r = *r.WithContext(context.WithValue(r.Context(), ctxKey{}, 1))
		fmt.Fprint(w, "ok")
	},
	"/header-cleared": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1")
		clear(w.Header())
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "ok")
	},
}

func sse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 3 {
		fmt.Fprintf(w, "data: %d\n\n", i)
		_ = http.NewResponseController(w).Flush()
	}
}

func oddities(w http.ResponseWriter, r *http.Request) {
	if h := odd[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	http.NotFound(w, r)
}

// TestOddities: every odd handler in every stack answers as without us, and the event
// says the status that the client saw.
func TestOddities(t *testing.T) {
	h := http.HandlerFunc(oddities)
	stacks := map[string]func(c middleware) http.Handler{
		"bare": func(c middleware) http.Handler { return c(h) }, "twice": nil,
		"wrapped inside": func(c middleware) http.Handler { return c(wrapped(h)) }, "wrapped outside": func(c middleware) http.Handler { return wrapped(c(h)) },
		"unwrapped inside": func(c middleware) http.Handler { return c(unwrapped(h)) }, "unwrapped outside": func(c middleware) http.Handler { return unwrapped(c(h)) },
		"recovered inside": func(c middleware) http.Handler { return c(recovering(h)) }, "recovered outside": func(c middleware) http.Handler { return recovering(c(h)) },
		"chi": func(c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(chimiddleware.RequestID, chimiddleware.RealIP, withLogEntry, chimiddleware.Recoverer, c, chimiddleware.Timeout(patience), chimiddleware.NoCache)
			r.Handle("/*", h)
			return r
		},
		"around chi": func(c middleware) http.Handler {
			r := chi.NewRouter()
			r.Use(withLogEntry, chimiddleware.Recoverer, chimiddleware.Compress(5), chimiddleware.GetHead)
			r.Handle("/*", h)
			return c(r)
		},
		"gorilla": func(c middleware) http.Handler {
			r := mux.NewRouter()
			r.Use(mux.MiddlewareFunc(recovering), mux.MiddlewareFunc(c))
			r.PathPrefix("/").Handler(h)
			return r
		},
		"around gin": func(c middleware) http.Handler {
			e := ginOf(gin.RecoveryWithWriter(io.Discard))
			e.NoRoute(func(c *gin.Context) { c.Status(http.StatusOK); oddities(c.Writer, c.Request) })
			return c(e)
		},
		"echo": func(c middleware) http.Handler {
			e := echo.New()
			e.Logger.SetOutput(io.Discard)
			e.Use(echomiddleware.Recover(), echo.WrapMiddleware(c), echomiddleware.BodyLimit("1M"), echomiddleware.RequestID())
			e.Any("/*", echo.WrapHandler(h))
			return e
		},
		"around echo": func(c middleware) http.Handler {
			e := echo.New()
			e.Logger.SetOutput(io.Discard)
			e.Use(echomiddleware.Recover(), echomiddleware.Gzip())
			e.Any("/*", echo.WrapHandler(h))
			return c(e)
		},
		"timeout inside":  func(c middleware) http.Handler { return recovering(c(http.TimeoutHandler(h, patience, ""))) },
		"timeout outside": func(c middleware) http.Handler { return http.TimeoutHandler(recovering(c(h)), patience, "") },
		"limit inside":    func(c middleware) http.Handler { return c(http.MaxBytesHandler(h, 8)) }, "limit outside": func(c middleware) http.Handler { return http.MaxBytesHandler(c(h), 8) },
		"mux": func(c middleware) http.Handler {
			m := http.NewServeMux()
			m.Handle("/", h)
			m.Handle("GET /pattern", h)
			return c(m)
		},
	}
	for name, stack := range stacks {
		if stack == nil {
			stack = func(c middleware) http.Handler { return c(c(h)) }
		}
		for protocol, h2 := range protocols {
			bareAddress, bareClient := start(t, stack(func(h http.Handler) http.Handler { return h }), h2)
			for way, wrap := range ways {
				s := newSpans(t, trace.SpanKindServer)
				address, client := start(t, stack(wrap(s.TracerProvider, all)), h2)
				if !h2 { // net/http sends again what fails on a connection that was used before
					bareClient.Transport.(*http.Transport).DisableKeepAlives = true
					client.Transport.(*http.Transport).DisableKeepAlives = true
				}
				for path := range odd {
					for _, method := range []string{"GET", "POST", "HEAD"} {
						c := call{method: method, path: path + "?a=b", header: []string{"Content-Type", "application/x-www-form-urlencoded"}}
						if method == "POST" {
							c.body = "c=d&e=f&g=h"
						}
						what := strings.Join([]string{name, protocol, way, method, path}, ", ")
						want, got := c.do(t, bareClient, bareAddress), c.do(t, client, address)
						for _, a := range []*answer{&want, &got} {
							a.Header.Del("X-Request-ID")
						}
						if fmt.Sprint(want) != fmt.Sprint(got) {
							t.Errorf("%s:\nbare     %.300v\ncaptured %.300v", what, want, got)
						}
						var ended []attrs
						for {
							select {
							case span := <-s.ended:
								ended = append(ended, adaptertest.Attrs(span))
								continue
							case <-time.After(func() time.Duration {
								if len(ended) == 0 || name == "twice" && len(ended) < 2 {
									return patience
								}
								return 0
							}()):
							}
							break
						}
						if last := ended[len(ended)-1]; !want.Failed && !strings.HasPrefix(name, "timeout outside") && last[status] != int64(want.Status) {
							t.Errorf("%s: the client saw %d, the event says %v", what, want.Status, last[status])
						}
					}
				}
			}
		}
	}
}

// TestFiles: what http.FileServer sends is what the client gets, in ranges and parts.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	h := http.FileServer(http.Dir(dir))
	cut := long[:8192]
	run(t, []probe{{"files", func(_ testing.TB, c middleware) http.Handler { return c(h) }, nil, []call{
		{method: "GET", path: "/a.txt", want: attrs{status: int64(200), resBody: cut, "http.response.body.size": int64(len(long)), "apispan.response.body.truncated": true}},
		{method: "GET", path: "/a.txt", header: []string{"Range", "bytes=1-3"}, want: attrs{status: int64(206), resBody: "123", "http.response.body.size": int64(3)}},
		{method: "GET", path: "/a.txt", header: []string{"Range", "bytes=99999999-"}, want: attrs{status: int64(416)}},
		{method: "HEAD", path: "/a.txt", want: attrs{status: int64(200), resBody: nil}},
		{method: "GET", path: "/missing", want: attrs{status: int64(404), resBody: "404 page not found\n"}},
	}, false}})
}

// TestExpectations: a client that waits for 100 gets it when the body is read, and the
// answer where it is not.
func TestExpectations(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			http.Error(w, strings.Repeat("no", 4096), http.StatusForbidden)
			_ = http.NewResponseController(w).Flush()
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		echoBody(w, r)
	})
	expect := []string{"Expect", "100-continue", "Content-Type", "text/plain"}
	run(t, []probe{{"expecting", func(_ testing.TB, c middleware) http.Handler { return c(h) }, nil, []call{
		{method: "POST", path: "/", body: "hello", header: expect, want: attrs{status: int64(200), reqBody: "hello"}},
		{method: "POST", path: "/refuse", body: long, header: expect, want: attrs{status: int64(403), reqBody: nil}},
	}, false}})
}
