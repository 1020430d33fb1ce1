// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// ownWays are the ways in where nothing but our code stands between the server and the
// handler, so that nothing at all may differ from a bare handler.
var ownWays = map[string]func(t *testing.T, h http.Handler) http.Handler{
	"bare": func(_ *testing.T, h http.Handler) http.Handler { return h },
	"own": func(t *testing.T, h http.Handler) http.Handler {
		return httpcapture.NewHandler(h, "op", everything(httpcapture.WithTracerProvider(newCollector(t)))...)
	},
	"not recording": func(_ *testing.T, h http.Handler) http.Handler {
		return httpcapture.NewHandler(h, "op", everything(httpcapture.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))))...)
	},
}

// asBare compares what f gives for all of them.
func asBare(t *testing.T, f func(t *testing.T, wrap func(http.Handler) http.Handler) string) {
	t.Helper()
	var bare string
	for _, way := range []string{"bare", "own", "not recording"} {
		t.Run(way, func(t *testing.T) {
			got := f(t, func(h http.Handler) http.Handler { return ownWays[way](t, h) })
			if way == "bare" {
				bare = got
			}
			if got != bare {
				t.Errorf("got\n%s\nwithout us\n%s", got, bare)
			}
		})
	}
}

type ownKey struct{}

// leavings is what a handler may leave on its request, by path.
var leavings = map[string]http.HandlerFunc{
	"/rewritten": func(_ http.ResponseWriter, r *http.Request) {
		u := *r.URL
		u.Path = "/other"
		r.URL, r.Method, r.Host, r.RemoteAddr, r.RequestURI = &u, http.MethodPut, "other.example", "192.0.2.7:1", "/other"
		r.Header = http.Header{"X": {"new"}}
	},
	"/form": func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm() },
	"/body": func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
	},
	"/context": func(_ http.ResponseWriter, r *http.Request) {
		*r = *r.WithContext(context.WithValue(r.Context(), ownKey{}, "inner")) //nolint:contextcheck // as older middleware does
	},
	"/read": func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) },
	"/panic": func(_ http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.7:1"
		panic(http.ErrAbortHandler)
	},
	"/": func(http.ResponseWriter, *http.Request) {},
}

// TestRequestGivenBack: whoever stands outside finds on the request what the handler has
// left there: the route and its values, a form, another body, what a middleware has
// rewritten.
func TestRequestGivenBack(t *testing.T) {
	t.Parallel()
	inner := http.NewServeMux()
	inner.HandleFunc("GET /api/users/{id}", func(http.ResponseWriter, *http.Request) {})
	inner.HandleFunc("POST /api/users/{id}/{rest...}", func(_ http.ResponseWriter, r *http.Request) { r.SetPathValue("extra", "e") })
	requests := []string{
		"GET /api/users/7", "POST /api/users/7/a/b", "POST /api/users/7/a/b chunked", "GET /api/none",
		"GET /rewritten", "POST /rewritten", "POST /rewritten chunked", "GET /form?q=1", "POST /form?q=1", "POST /form chunked",
		"POST /body", "POST /body chunked", "GET /context", "POST /context", "POST /read", "POST /read chunked", "GET /panic", "GET /",
	}
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		for _, line := range requests {
			t.Run(line, func(t *testing.T) {
				asBare(t, func(t *testing.T, wrap func(http.Handler) http.Handler) string {
					mux := http.NewServeMux()
					mux.Handle("/api/", wrap(inner))
					for path, h := range leavings {
						mux.Handle(path, wrap(h))
					}
					seen := make(chan string, 1)
					s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						defer func() {
							b, err := io.ReadAll(r.Body)
							r.Header.Del("User-Agent")
							seen <- fmt.Sprintln(r.Method, r.URL, strings.HasPrefix(r.Host, "127."), strings.HasPrefix(r.RemoteAddr, "127."), r.RequestURI, r.Header, r.ContentLength,
								r.Form, r.PostForm, r.Pattern, r.PathValue("id"), r.PathValue("rest"), r.Context().Value(ownKey{}), r.Trailer, string(b), err)
						}()
						mux.ServeHTTP(w, r)
					}))
					method, path, _ := strings.Cut(line, " ")
					path, chunked := strings.CutSuffix(path, " chunked")
					req := newRequest(t, method, s.URL+path, "")
					if method == http.MethodPost {
						req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
						req.Body, req.ContentLength = io.NopCloser(strings.NewReader("a=b")), 3
						if chunked {
							req.ContentLength, req.Trailer = -1, http.Header{"X-Sum": {"17"}}
						}
					}
					if res, err := s.Client().Do(req); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						_ = res.Body.Close()
					}
					return <-seen
				})
			})
		}
	})
}

// TestAbandoned: middleware that does not wait for the handler may look at the request,
// as the server does, while that is still at work; the race detector would tell.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "body"} {
		asBare(t, func(t *testing.T, wrap func(http.Handler) http.Handler) string {
			answered, over := make(chan struct{}), make(chan struct{})
			h := wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answered }))
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				go func() {
					defer close(over)
					h.ServeHTTP(httptest.NewRecorder(), r)
				}()
				w.WriteHeader(http.StatusGatewayTimeout)
			}))
			res, _ := do(t, s.Client(), newRequest(t, "POST", s.URL, body))
			close(answered)
			<-over
			return res.Status
		})
	}
}

// oddBody cannot be compared with another.
type oddBody struct {
	io.ReadCloser

	close []func()
}

// TestUncomparableBody: a body of any type is left in its place.
func TestUncomparableBody(t *testing.T) {
	t.Parallel()
	asBare(t, func(t *testing.T, wrap func(http.Handler) http.Handler) string {
		h := wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/replace" {
				r.Body = oddBody{ReadCloser: r.Body}
			}
		}))
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = oddBody{ReadCloser: r.Body, close: []func(){}}
			h.ServeHTTP(w, r)
			fmt.Fprintf(w, "%T", r.Body)
		}))
		_, a := do(t, s.Client(), newRequest(t, "POST", s.URL, "x"))
		_, b := do(t, s.Client(), newRequest(t, "POST", s.URL+"/replace", "x"))
		return a + b
	})
}

// TestUnannouncedTrailerGivenBack: trailers that were not announced are there, inside and
// outside, recorded or not.
func TestUnannouncedTrailerGivenBack(t *testing.T) {
	t.Parallel()
	asBare(t, func(t *testing.T, wrap func(http.Handler) http.Handler) string {
		seen := make(chan string, 2)
		h := wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			seen <- r.Trailer.Get("X-Sum")
		}))
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			seen <- r.Trailer.Get("X-Sum")
		}))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 17\r\n\r\n")
		return <-seen + " " + <-seen
	})
}

// firstWrite adds a header field at the first Write, as some middleware does.
type firstWrite struct {
	http.ResponseWriter

	begun bool
}

func (f *firstWrite) Write(p []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.Header().Set("X-First", string(p))
	}
	return f.ResponseWriter.Write(p)
}

// compressing is the compressor of many a tutorial: it finds the type at the first Write.
type compressing struct {
	io.Writer
	http.ResponseWriter
}

func (g compressing) Write(p []byte) (int, error) {
	if g.Header().Get("Content-Type") == "" {
		g.Header().Set("Content-Type", http.DetectContentType(p))
	}
	return g.Writer.Write(p)
}

// TestImplicitHeader: the first Write or Flush of a handler that states no status does not
// become a WriteHeader where that means more: a writer outside may still add fields, and a
// recorder, which adapters and tests use, looks for the type.
func TestImplicitHeader(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"write":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"string": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"copy":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("<html>")) },
		"flush": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write([]byte("<html>"))
		},
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
	} {
		t.Run(name, func(t *testing.T) {
			asBare(t, func(t *testing.T, wrap func(http.Handler) http.Handler) string {
				rec := httptest.NewRecorder()
				wrap(h).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
				s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					wrap(h).ServeHTTP(&firstWrite{ResponseWriter: w}, r)
				}))
				res, body := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
				s = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					defer z.Close()
					wrap(h).ServeHTTP(compressing{z, w}, r)
				}))
				packed, text := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
				return fmt.Sprintln(packed.StatusCode, packed.Header.Get("Content-Type"), text, rec.Code, rec.Header(), rec.Flushed, res.StatusCode, res.Header.Get("X-First"), res.Header.Get("Content-Type"), body)
			})
		})
	}
}

// TestDeadlinesByAssertion: what the server's writer has besides the usual interfaces is
// there for who asserts it, too.
func TestDeadlinesByAssertion(t *testing.T) {
	t.Parallel()
	type deadlines interface {
		SetReadDeadline(t time.Time) error
		SetWriteDeadline(t time.Time) error
		EnableFullDuplex() error
	}
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		asBare(t, func(t *testing.T, wrap func(http.Handler) http.Handler) string {
			s := start(wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				d, ok := w.(deadlines)
				if !ok {
					fmt.Fprint(w, "none")
					return
				}
				at := time.Now().Add(patience)
				fmt.Fprint(w, d.SetReadDeadline(at), d.SetWriteDeadline(at), d.EnableFullDuplex())
			})))
			_, body := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
			return body
		})
	})
}
