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
	"strings"
	"sync"
	"testing"
	"time"

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
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
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
				r := httptest.NewRequest(http.MethodPost, "/", nil)
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
				if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusExpectationFailed || len(b) != 9000 {
					t.Errorf("status %d, %d bytes", res.StatusCode, len(b))
				}
				want(t, c.attrs(t), map[string]any{"http.request.body.content": nil, "apispan.request.body.incomplete": true})
				return
			}
			if res.StatusCode != http.StatusContinue {
				t.Fatalf("status %d, want 100 first", res.StatusCode)
			}
			fmt.Fprint(conn, "12345")
			if res, err = http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%v, %v", res, err)
			}
			want(t, c.attrs(t), map[string]any{"http.request.body.content": "12345"})
		})
	}
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
			r := httptest.NewRequest(http.MethodPost, "/", nil)
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
