// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// overBoth runs a test for all ways in over HTTP/1.1 and HTTP/2.
func overBoth(t *testing.T, f func(t *testing.T, w wrapping, start func(testing.TB, http.Handler) *httptest.Server)) {
	t.Helper()
	both(t, func(t *testing.T, w wrapping) {
		for name, start := range map[string]func(testing.TB, http.Handler) *httptest.Server{"HTTP/1.1": serve, "HTTP/2": serveH2} {
			t.Run(name, func(t *testing.T) { f(t, w, start) })
		}
	})
}

// recoverer answers panics as the recoverers of frameworks do: 500, if nothing was
// sent, and http.ErrAbortHandler is passed on.
func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// TestPanicOutside: whoever recovers a panic outside answers it, and the exchange has
// the status that the client sees.
func TestPanicOutside(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		status  any
	}{
		{"at once", func(http.ResponseWriter, *http.Request) { panic("x") }, 500},
		{"an error", func(http.ResponseWriter, *http.Request) { panic(errors.New("x")) }, 500},
		{"of the runtime", func(_ http.ResponseWriter, r *http.Request) { var p *string; r.Host = *p }, 500},
		{"in a header", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) }, 500},
		{"in a large header", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) }, 500},
		{"after 201", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated); panic("x") }, 201},
		{"after a write", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "part"); panic("x") }, 200},
		{"after a 103", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints); panic("x") }, 500},
		{"abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil},
		{"abort after 202", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 202},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, w wrapping, start func(testing.TB, http.Handler) *httptest.Server) {
				c := newCollector(t)
				seen := 0
				s := start(t, recoverer(w.wrap(c, tc.handler, httpcapture.WithSkip(func(ex httpcapture.Exchange) bool {
					seen = ex.StatusCode
					return false
				}))))
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				res, err := s.Client().Do(newRequest(t, "GET", s.URL, ""))
				if err == nil {
					_ = res.Body.Close()
					if tc.status != res.StatusCode {
						t.Errorf("the client got %d", res.StatusCode)
					}
				} else if tc.status == 500 {
					t.Fatal(err)
				}
				span := c.span(t)
				want(t, attrMap(span.Attributes()), map[string]any{"http.response.status_code": tc.status})
				if span.Status().Code != codes.Error {
					t.Errorf("the span's status is %v", span.Status())
				}
				if status, _ := tc.status.(int); seen != status {
					t.Errorf("callbacks see %d", seen)
				}
			})
		})
	}
}

// TestPanicMetrics: spans of our own come with the metrics, too.
func TestPanicMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	l := &lab{reader: reader}
	c := newCollector(t)
	s := serve(t, recoverer(httpcapture.NewHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") }), "op",
		httpcapture.WithTracerProvider(c), httpcapture.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))))
	do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
	c.span(t)
	for name, points := range l.metrics(t) {
		if strings.Contains(name, "duration") && len(points) == 1 && strings.Contains(points[0], "http.response.status_code=500") {
			return
		}
	}
	t.Errorf("metrics: %v", l.metrics(t))
}

// TestDyingBackend: a proxy whose backend dies has sent a status, and it stays.
func TestDyingBackend(t *testing.T) {
	t.Parallel()
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "first part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	target, _ := url.Parse(backend.URL)
	overBoth(t, func(t *testing.T, w wrapping, start func(testing.TB, http.Handler) *httptest.Server) {
		c := newCollector(t)
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.FlushInterval = -1
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		s := start(t, w.wrap(c, proxy, httpcapture.WithBodies(httpcapture.BodiesAll)))
		res, err := s.Client().Do(newRequest(t, "GET", s.URL, ""))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(res.Body)
		_ = res.Body.Close()
		want(t, c.attrs(t), map[string]any{
			"http.response.status_code": 201, "http.response.body.content": "first part", "apispan.response.body.incomplete": true,
		})
	})
}

// TestUploadsLeaveNoFiles: what ParseMultipartForm puts on disk is removed when the
// request is over, whoever copied the request in between.
func TestUploadsLeaveNoFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, name := range []string{"a", "b"} {
		f, _ := form.CreateFormFile(name, name+".bin")
		_, _ = f.Write(bytes.Repeat([]byte("z"), 100<<10))
	}
	_ = form.Close()
	upload := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 10); err != nil {
			panic(err)
		}
		if r.FormValue("panic") != "" {
			panic("x")
		}
		if files, _ := filepath.Glob(dir + "/*"); len(files) == 0 {
			panic("the test needs files")
		}
		_, _ = io.WriteString(w, "done")
	})
	for _, wr := range wrappings {
		for name, start := range map[string]func(testing.TB, http.Handler) *httptest.Server{"HTTP/1.1": serve, "HTTP/2": serveH2} {
			for _, query := range []string{"", "?panic=1"} {
				for i, opts := range [][]httpcapture.Option{{httpcapture.WithBodies(httpcapture.BodiesAll)}, {httpcapture.WithSkipRequest(func(*http.Request) bool { return true })}} {
					if wr.name == "alongside" && i == 1 {
						continue // we keep out, and otelhttp of this version leaves them
					}
					c := newCollector(t)
					s := start(t, recoverer(wr.wrap(c, upload, opts...)))
					do(t, s.Client(), newRequest(t, "POST", s.URL+query, body.String(), "Content-Type", form.FormDataContentType()))
					c.span(t)
					if !waitForNone(dir) {
						t.Fatalf("%s, %s, %q, %d: files are left", wr.name, name, query, i)
					}
					s.Close()
				}
			}
		}
	}
}

func waitForNone(dir string) bool {
	for range 100 {
		if files, _ := filepath.Glob(dir + "/*"); len(files) == 0 {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// TestUpgradeStatus: whoever takes over a connection to switch protocols writes the
// status by hand, and it is 101.
func TestUpgradeStatus(t *testing.T) {
	t.Parallel()
	byHand := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_ = rw.Flush()
		_ = conn.Close()
	})
	backend := serve(t, byHand)
	target, _ := url.Parse(backend.URL)
	for name, h := range map[string]http.Handler{"by hand": byHand, "ReverseProxy": httputil.NewSingleHostReverseProxy(target)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, w wrapping) {
				if w.name == "alongside" {
					t.Skip("otelhttp says 200: see the README")
				}
				c := newCollector(t)
				logged := &lines{}
				s := httptest.NewUnstartedServer(w.wrap(c, h))
				s.Config.ErrorLog = log.New(logged, "", 0)
				s.Start()
				t.Cleanup(s.Close)
				conn, err := net.Dial("tcp", s.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
				got := make([]byte, 12)
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != "HTTP/1.1 101" {
					t.Fatalf("%q, %v", got, err)
				}
				_ = conn.Close()
				want(t, c.attrs(t), map[string]any{"http.response.status_code": 101, "apispan.hijacked": true})
				if all := logged.String(); all != "" {
					t.Errorf("the server logged %q", all)
				}
			})
		})
	}
}

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLogNamesTheCaller: what net/http logs of calls that come too late is what it logs
// for the bare handler, the line of the caller included.
func TestLogNamesTheCaller(t *testing.T) {
	t.Parallel()
	handlers := map[string]http.HandlerFunc{
		"superfluous": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			w.WriteHeader(http.StatusAccepted)
		},
		"after write": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "x")
			w.WriteHeader(http.StatusAccepted)
		},
		"after flush": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(http.StatusNoContent)
		},
		"after copy": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader("x"))
			w.WriteHeader(http.StatusAccepted)
		},
		"empty copy": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader(""))
			w.WriteHeader(http.StatusAccepted)
		},
		"informational": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusOK)
			w.WriteHeader(http.StatusEarlyHints)
		},
		"http.Error twice": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "a", http.StatusBadRequest)
			http.Error(w, "b", http.StatusInternalServerError)
		},
		"hijacked": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte("x"))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play := func(t *testing.T, h http.Handler) (logged string, status int, body string) {
				t.Helper()
				out := &lines{}
				s := httptest.NewUnstartedServer(h)
				s.Config.ErrorLog = log.New(out, "", 0)
				s.Start()
				res, body := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
				s.Close()
				return out.String(), res.StatusCode, body
			}
			wantLog, wantStatus, wantBody := play(t, h)
			both(t, func(t *testing.T, w wrapping) {
				c := newCollector(t)
				logged, status, body := play(t, w.wrap(c, h, httpcapture.WithBodies(httpcapture.BodiesAll)))
				if logged != wantLog || status != wantStatus || body != wantBody {
					t.Errorf("got  %s %d %q\nwant %s %d %q", logged, status, body, wantLog, wantStatus, wantBody)
				}
				if name != "hijacked" {
					want(t, c.attrs(t), map[string]any{"http.response.status_code": wantStatus})
				}
			})
		})
	}
}

// TestEventHeaderOnce: the response has the id once and always the one recorded,
// through a proxy whose backend answers with an id of its own, and after a 103.
func TestEventHeaderOnce(t *testing.T) {
	t.Parallel()
	const name = "X-Event-Id"
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(name, "another")
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "hello")
	}))
	target, _ := url.Parse(backend.URL)
	for which, h := range map[string]http.Handler{
		"ReverseProxy": httputil.NewSingleHostReverseProxy(target),
		"cleared":      http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()); w.WriteHeader(http.StatusNoContent) }),
		"added": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add(name, "another")
			_, _ = io.Copy(w, strings.NewReader("x"))
		}),
		"cleared, nothing written": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()) }),
	} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, w wrapping, start func(testing.TB, http.Handler) *httptest.Server) {
				c := newCollector(t)
				s := start(t, w.wrap(c, h, httpcapture.WithEventIDHeader(name)))
				res, _ := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
				id := c.attrs(t)["apispan.event.id"]
				if got := res.Header.Values(name); len(got) != 1 || got[0] != id {
					t.Errorf("the response says %q, the span %v", got, id)
				}
			})
		})
	}
}

// TestUnannouncedTrailer: net/http puts trailers that were not announced on its own
// request only; the handler sees them none the less.
func TestUnannouncedTrailer(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w wrapping) {
		if w.name == "alongside" {
			t.Skip("otelhttp hands on a copy")
		}
		c := newCollector(t)
		got := make(chan string, 1)
		s := serve(t, w.wrap(c, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			got <- r.Trailer.Get("X-Sum")
		})))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 17\r\n\r\n")
		if v := <-got; v != "17" {
			t.Errorf("the trailer is %q", v)
		}
	})
}

// TestLengthOfWhatIsNotRecorded: a body that is not recorded, or only in part, says how
// long it was.
func TestLengthOfWhatIsNotRecorded(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("q", 3000)
	for _, tc := range []struct {
		name string
		read int
		opts []httpcapture.Option
	}{
		{"unread", 0, []httpcapture.Option{httpcapture.WithBodies(httpcapture.BodiesAll)}},
		{"partly read", 100, []httpcapture.Option{httpcapture.WithBodies(httpcapture.BodiesAll)}},
		{"on error only", 3000, []httpcapture.Option{httpcapture.WithBodies(httpcapture.BodiesOnError)}},
		{"on error only, unread", 0, []httpcapture.Option{httpcapture.WithBodies(httpcapture.BodiesOnError)}},
		{"no bodies, unread", 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, w wrapping, start func(testing.TB, http.Handler) *httptest.Server) {
				c := newCollector(t)
				s := start(t, w.wrap(c, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadFull(r.Body, make([]byte, tc.read))
				}), tc.opts...))
				do(t, s.Client(), newRequest(t, "POST", s.URL, text, "Content-Type", "text/plain"))
				got := c.attrs(t)
				want(t, got, map[string]any{"http.request.header.content-length": []string{"3000"}})
				if tc.read == 100 && w.name != "drop-in" {
					return // otelhttp says how much was read
				}
				want(t, got, map[string]any{"http.request.body.size": 3000})
			})
		})
	}
}

// TestHostOfTheRequest: spans of otelgin and its like name the service where the host
// should be.
func TestHostOfTheRequest(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := c.Tracer("t").Start(r.Context(), "x", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("server.address", "shop")))
		defer span.End()
		httpcapture.Handler(echo).ServeHTTP(w, r.WithContext(ctx))
	}))
	do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
	want(t, c.attrs(t), map[string]any{"server.address": "127.0.0.1", "server.port": s.Listener.Addr().(*net.TCPAddr).Port})
}
