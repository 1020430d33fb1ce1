// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// everything switches on whatever could get into a handler's way.
func everything(more ...httpcapture.Option) []httpcapture.Option {
	return append([]httpcapture.Option{
		httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders(),
	}, more...)
}

// TestStreaming: each event arrives while the handler still runs.
func TestStreaming(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(fmt.Sprint("h2=", h2), func(t *testing.T) {
				c := newCollector(t)
				step := make(chan struct{})
				h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					rc := http.NewResponseController(w)
					for i := range 3 {
						fmt.Fprintf(w, "data: %d\n\n", i)
						if err := rc.Flush(); err != nil {
							t.Error(err)
						}
						select {
						case <-step:
						case <-time.After(patience):
							t.Error("the event did not arrive while the handler ran")
							return
						}
					}
				})
				start := serve
				if h2 {
					start = serveH2
				}
				s := start(t, wr.wrap(c, h, everything()...))
				res, err := s.Client().Do(newRequest(t, "GET", s.URL, ""))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				in := bufio.NewReader(res.Body)
				for i := range 3 {
					line, err := in.ReadString('\n')
					if err != nil || line != fmt.Sprintf("data: %d\n", i) {
						t.Fatalf("event %d: %q, %v", i, line, err)
					}
					_, _ = in.ReadString('\n')
					step <- struct{}{}
				}
				want(t, c.attrs(t), map[string]any{
					"http.response.body.content":       "data: 0\n\ndata: 1\n\ndata: 2\n\n",
					"apispan.response.body.incomplete": nil,
				})
			})
		})
	}
}

// TestUpgrade takes the connection over and talks on it, as WebSocket does.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_ = rw.Flush()
			line, _ := rw.ReadString('\n')
			_, _ = rw.WriteString("echo " + line)
			_ = rw.Flush()
		})
		s := serve(t, wr.wrap(c, h, everything()...))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("%v, %v", res, err)
		}
		fmt.Fprint(conn, "hello\n")
		if line, err := in.ReadString('\n'); err != nil || line != "echo hello\n" {
			t.Errorf("%q, %v", line, err)
		}
		want(t, c.attrs(t), map[string]any{
			"apispan.hijacked": true, "http.response.body.content": nil, "http.request.header.upgrade": []string{"echo"},
		})
	})
}

// TestPanic: the panic reaches net/http as it was thrown, and what was captured is
// on the span all the same.
func TestPanic(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	for _, thrown := range []any{http.ErrAbortHandler, other, "text"} {
		for _, wrote := range []bool{false, true} {
			both(t, func(t *testing.T, wr wrapping) {
				t.Run(fmt.Sprint(thrown, wrote), func(t *testing.T) {
					c := newCollector(t)
					caught := make(chan any, 1)
					h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.ReadAll(r.Body)
						if wrote {
							w.WriteHeader(http.StatusAccepted)
							_, _ = io.WriteString(w, "partial")
							_ = http.NewResponseController(w).Flush()
						}
						panic(thrown)
					})
					wrapped := wr.wrap(c, h, everything(httpcapture.WithIdentity(func(httpcapture.Exchange) httpcapture.Identity {
						panic("callback, while another panic is under way")
					}))...)
					s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						defer func() {
							v := recover()
							caught <- v
							panic(http.ErrAbortHandler)
						}()
						wrapped.ServeHTTP(w, r)
					}))
					res, err := s.Client().Do(newRequest(t, "POST", s.URL, "in", "Content-Type", "text/plain"))
					if err == nil {
						_, err = io.ReadAll(res.Body)
						res.Body.Close()
					}
					if err == nil {
						t.Error("the client did not notice that the handler panicked")
					}
					if got := <-caught; got != thrown {
						t.Errorf("caught %v, want %v", got, thrown)
					}
					w := map[string]any{"http.request.body.content": "in", "http.response.body.content": nil}
					if wrote {
						w["http.response.body.content"], w["apispan.response.body.incomplete"] = "partial", true
					}
					want(t, c.attrs(t), w)
				})
			})
		}
	}
}

// countedBody counts what is read from and done to a body.
type countedBody struct {
	io.Reader
	read, closed int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *countedBody) Close() error {
	b.closed++
	return nil
}

// TestNothingReadNothingClosed: a body is read as far as the handler reads it and
// never closed by us.
func TestNothingReadNothingClosed(t *testing.T) {
	t.Parallel()
	for n, w := range map[int]map[string]any{
		0: {"http.request.body.content": nil, "apispan.request.body.incomplete": true},
		3: {"http.request.body.content": "012", "apispan.request.body.incomplete": true, "apispan.request.body.truncated": nil},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				c := newCollector(t)
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadFull(r.Body, make([]byte, n))
				})
				body := &countedBody{Reader: strings.NewReader("0123456789")}
				r := httptest.NewRequest("POST", "/", nil)
				r.Body, r.ContentLength = body, 10
				r.Header.Set("Content-Type", "text/plain")
				wr.wrap(c, h, everything()...).ServeHTTP(httptest.NewRecorder(), r)
				if body.read != n || body.closed != 0 {
					t.Errorf("read %d bytes, closed %d times; the handler read %d", body.read, body.closed, n)
				}
				if r.Body != body {
					t.Error("the body of the server's request is not what it was")
				}
				want(t, c.attrs(t), w)
			})
		})
	}
}

// TestExpectContinue refuses an upload before reading it. Plain otelhttp hangs
// here: the server waits for the body, the client for the answer.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	for _, accept := range []bool{false, true} {
		t.Run(fmt.Sprint("accept=", accept), func(t *testing.T) {
			t.Parallel()
			c := newCollector(t)
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if accept {
					echo(w, r)
					return
				}
				w.WriteHeader(http.StatusExpectationFailed)
				_, _ = w.Write(bytes.Repeat([]byte("no "), 3000))
				_ = http.NewResponseController(w).Flush()
			})
			s := serve(t, httpcapture.NewHandler(h, "op", everything(httpcapture.WithTracerProvider(c))...))
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			if !accept {
				if b, _ := io.ReadAll(res.Body); res.StatusCode != 417 || len(b) != 9000 {
					t.Errorf("status %d, %d bytes", res.StatusCode, len(b))
				}
				want(t, c.attrs(t), map[string]any{"http.request.body.content": nil, "apispan.request.body.incomplete": true})
				return
			}
			if res.StatusCode != 100 {
				t.Fatalf("status %d, want 100 first", res.StatusCode)
			}
			fmt.Fprint(conn, "12345")
			if res, err = http.ReadResponse(in, nil); err != nil || res.StatusCode != 200 {
				t.Fatalf("%v, %v", res, err)
			}
			want(t, c.attrs(t), map[string]any{"http.request.body.content": "12345"})
		})
	}
}

func TestLargeBody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/plain")
			block := bytes.Repeat([]byte("y"), 1000)
			for left := n; left > 0; left -= 1000 {
				_, _ = w.Write(block)
			}
		})
		s := serve(t, wr.wrap(c, h, everything()...))
		const size = 5_000_000
		_, got := do(t, s.Client(), newRequest(t, "POST", s.URL, strings.Repeat("x", size), "Content-Type", "text/plain"))
		if len(got) != size {
			t.Errorf("%d bytes arrived", len(got))
		}
		want(t, c.attrs(t), map[string]any{
			"http.request.body.content":      strings.Repeat("x", httpcapture.DefaultMaxBodySize),
			"http.response.body.content":     strings.Repeat("y", httpcapture.DefaultMaxBodySize),
			"apispan.request.body.truncated": true, "apispan.response.body.truncated": true,
			"apispan.request.body.incomplete": nil, "apispan.response.body.incomplete": nil,
			"http.request.body.size": size, "http.response.body.size": size,
		})
	})
}

// TestLateReader reads the body and calls us from goroutines that outlive the
// handler. It is for the race detector.
func TestLateReader(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		var wg sync.WaitGroup
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 2 {
				wg.Go(func() {
					buf := make([]byte, 7)
					for {
						if _, err := r.Body.Read(buf); err != nil {
							return
						}
						httpcapture.SetMetadata(r.Context(), "k", "v")
						httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u"})
					}
				})
			}
			_, _ = io.WriteString(w, "early")
		})
		wrapped := wr.wrap(c, h, everything()...)
		for range 50 {
			r := httptest.NewRequest("POST", "/", nil)
			r.Body = io.NopCloser(&lockedReader{r: strings.NewReader(strings.Repeat("z", 2000))})
			r.Header.Set("Content-Type", "text/plain")
			wrapped.ServeHTTP(httptest.NewRecorder(), r)
		}
		wg.Wait()
	})
}

type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

func TestBodylessResponses(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			switch r.URL.Path {
			case "/204":
				w.WriteHeader(http.StatusNoContent)
			case "/304":
				w.WriteHeader(http.StatusNotModified)
			}
			_, _ = io.WriteString(w, "body")
		})
		s := serve(t, wr.wrap(c, h, everything()...))
		for _, tc := range []struct{ method, path string }{{"HEAD", "/"}, {"GET", "/204"}, {"GET", "/304"}} {
			_, got := do(t, s.Client(), newRequest(t, tc.method, s.URL+tc.path, ""))
			if got != "" {
				t.Errorf("%s %s: body %q", tc.method, tc.path, got)
			}
			want(t, c.attrs(t), map[string]any{
				"http.response.body.content": nil, "apispan.response.body.incomplete": nil,
				"http.response.header.content-type": []string{"text/plain"},
			})
		}
	})
}

func TestInformationalThenFinal(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X-Final", "yes")
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK) // superfluous
			_, _ = io.WriteString(w, "gone")
		})
		s := serve(t, wr.wrap(c, h, everything(httpcapture.WithBodies(httpcapture.BodiesOnError))...))
		if res, _ := do(t, s.Client(), newRequest(t, "GET", s.URL, "")); res.StatusCode != 404 {
			t.Errorf("status %d", res.StatusCode)
		}
		want(t, c.attrs(t), map[string]any{
			"http.response.status_code": 404, "http.response.header.x-final": []string{"yes"}, "http.response.body.content": "gone",
		})
	})
}

// fileAndReader serve content through ReadFrom, in sizes around what net/http
// looks at to frame a response.
func TestReadFrom(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 100, 511, 512, 550, 700, 2047, 5000, 100_000} {
		content := strings.Repeat("a", size)
		name := filepath.Join(t.TempDir(), "f.txt")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		serveFile := func(withLength bool) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if withLength {
					http.ServeFile(w, r, name)
					return
				}
				f, err := os.Open(name)
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close()
				w.Header().Set("Content-Type", "text/plain")
				n, err := w.(io.ReaderFrom).ReadFrom(f)
				if err != nil || n != int64(size) {
					t.Errorf("ReadFrom: %d, %v", n, err)
				}
			})
		}
		for _, withLength := range []bool{false, true} {
			for _, limit := range []int{100, 8192} {
				both(t, func(t *testing.T, wr wrapping) {
					t.Run(fmt.Sprint(size, withLength, limit), func(t *testing.T) {
						c := newCollector(t)
						bare := serve(t, serveFile(withLength))
						s := serve(t, wr.wrap(c, serveFile(withLength), everything(httpcapture.WithMaxBodySize(limit))...))
						wantRes, wantBody := do(t, bare.Client(), newRequest(t, "GET", bare.URL, ""))
						gotRes, gotBody := do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
						if gotBody != wantBody || gotRes.ContentLength != wantRes.ContentLength {
							t.Errorf("%d bytes with length %d, want %d with %d", len(gotBody), gotRes.ContentLength, len(wantBody), wantRes.ContentLength)
						}
						w := map[string]any{"http.response.body.content": content[:min(size, limit)], "apispan.response.body.incomplete": nil,
							"http.response.body.size": size, "apispan.response.body.truncated": true}
						if size <= limit {
							w["apispan.response.body.truncated"] = nil
						}
						if size == 0 {
							w["http.response.body.content"], w["http.response.body.size"] = nil, nil
						}
						want(t, c.attrs(t), w)
					})
				})
			}
		}
	}
}

// TestMaxBytes: a limit on the request works from outside and from inside.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				http.Error(w, "too big", http.StatusRequestEntityTooLarge)
			}
		})
		c := newCollector(t)
		for name, wrapped := range map[string]http.Handler{
			"outside": http.MaxBytesHandler(wr.wrap(c, h, everything()...), 4),
			"inside":  wr.wrap(c, http.MaxBytesHandler(h, 4), everything()...),
		} {
			s := serve(t, wrapped)
			res, body := do(t, s.Client(), newRequest(t, "POST", s.URL, "123456", "Content-Type", "text/plain"))
			if res.StatusCode != 413 || body != "too big\n" {
				t.Errorf("%s: %d %q", name, res.StatusCode, body)
			}
			got := c.attrs(t)
			w := map[string]any{"http.response.status_code": 413, "http.response.body.content": "too big\n"}
			if name == "outside" {
				w["http.request.body.content"], w["apispan.request.body.incomplete"] = "1234", true
			}
			want(t, got, w)
		}
	})
}

func TestTimeoutHandler(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		release := make(chan struct{})
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			_, _ = io.ReadAll(r.Body)
			httpcapture.SetMetadata(r.Context(), "late", true)
			_, _ = io.WriteString(w, "late")
		})
		inside := serve(t, wr.wrap(c, http.TimeoutHandler(slow, 20*time.Millisecond, "slow"), everything()...))
		res, body := do(t, inside.Client(), newRequest(t, "POST", inside.URL, "x", "Content-Type", "text/plain"))
		if res.StatusCode != 503 || body != "slow" {
			t.Errorf("inside: %d %q", res.StatusCode, body)
		}
		want(t, c.attrs(t), map[string]any{"http.response.body.content": "slow", "http.response.status_code": 503, "apispan.metadata.late": nil})

		outside := serve(t, http.TimeoutHandler(wr.wrap(c, slow, everything()...), 20*time.Millisecond, "slow"))
		res, body = do(t, outside.Client(), newRequest(t, "POST", outside.URL, "x", "Content-Type", "text/plain"))
		if res.StatusCode != 503 || body != "slow" {
			t.Errorf("outside: %d %q", res.StatusCode, body)
		}
		close(release)
		c.span(t)
	})
}

// base is a ResponseWriter with nothing optional.
type base struct{ http.ResponseWriter }

// The optional interfaces one by one, for the test of combinations.
type (
	fl struct{}
	fe struct{ err error }
	hj struct{}
	rf struct{}
	ws struct{}
	pu struct{}
	cn struct{}
)

func (fl) Flush()                                       {}
func (f fe) FlushError() error                          { return f.err }
func (hj) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrNotSupported }
func (rf) ReadFrom(r io.Reader) (int64, error)          { return io.Copy(io.Discard, r) }
func (ws) WriteString(s string) (int, error)            { return len(s), nil }
func (pu) Push(string, *http.PushOptions) error         { return http.ErrNotSupported }
func (cn) CloseNotify() <-chan bool                     { return nil }
func ifaces(w http.ResponseWriter) (got [7]bool) {
	_, got[0] = w.(http.Flusher)
	_, got[1] = w.(interface{ FlushError() error })
	_, got[2] = w.(http.Hijacker)
	_, got[3] = w.(io.ReaderFrom)
	_, got[4] = w.(io.StringWriter)
	_, got[5] = w.(http.Pusher)
	_, got[6] = w.(http.CloseNotifier) //nolint:staticcheck // still in use
	return got
}

// TestInterfaces: the handler's writer has the optional interfaces of the server's,
// no more and no fewer.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	writers := map[string]func() http.ResponseWriter{
		"none":     func() http.ResponseWriter { return base{httptest.NewRecorder()} },
		"recorder": func() http.ResponseWriter { return httptest.NewRecorder() },
		"flush": func() http.ResponseWriter {
			return struct {
				base
				fl
			}{base: base{httptest.NewRecorder()}}
		},
		"hijack only": func() http.ResponseWriter {
			return struct {
				base
				hj
			}{base: base{httptest.NewRecorder()}}
		},
		"push and string": func() http.ResponseWriter {
			return struct {
				base
				pu
				ws
			}{base: base{httptest.NewRecorder()}}
		},
		"like HTTP/1": func() http.ResponseWriter {
			return struct {
				base
				fl
				fe
				hj
				rf
				ws
				cn
			}{base: base{httptest.NewRecorder()}}
		},
		"all": func() http.ResponseWriter {
			return struct {
				base
				fl
				fe
				hj
				rf
				ws
				pu
				cn
			}{base: base{httptest.NewRecorder()}}
		},
	}
	for name, make := range writers {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				w := make()
				wanted := ifaces(w)
				if wr.name == "alongside" { // otelhttp is outside and drops two, depending on its httpsnoop
					otelhttp.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { wanted = ifaces(w) }), "").
						ServeHTTP(make(), httptest.NewRequest("GET", "/", nil))
				}
				var got [7]bool
				wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = ifaces(w) }), everything()...).
					ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if got != wanted {
					t.Errorf("Flusher, FlushError, Hijacker, ReaderFrom, StringWriter, Pusher, CloseNotifier:\ngot  %v\nwant %v", got, wanted)
				}
			})
		})
	}
}

// TestFlushError: an error of the server's flush reaches http.ResponseController.
func TestFlushError(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	broken := errors.New("connection is gone")
	w := struct {
		base
		fl
		fe
	}{base: base{httptest.NewRecorder()}, fe: fe{broken}}
	var got error
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = http.NewResponseController(w).Flush() })
	httpcapture.NewHandler(h, "op", everything(httpcapture.WithTracerProvider(c))...).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !errors.Is(got, broken) {
		t.Errorf("Flush returned %v", got)
	}
}

// TestResponseController: what only http.ResponseController reaches is reached
// through Unwrap.
func TestResponseController(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			rc := http.NewResponseController(w)
			for _, err := range []error{
				rc.SetReadDeadline(time.Now().Add(patience)), rc.SetWriteDeadline(time.Now().Add(patience)),
				rc.EnableFullDuplex(), rc.Flush(),
			} {
				if err != nil {
					t.Error(err)
				}
			}
		})
		s := serve(t, wr.wrap(c, h, everything()...))
		do(t, s.Client(), newRequest(t, "GET", s.URL, ""))
	})
}
