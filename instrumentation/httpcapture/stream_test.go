// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// streamSize is the bytes of one stream: APISPAN_STREAM_BYTES=10737418240 for 10 GiB.
func streamSize(t *testing.T) int64 {
	t.Helper()
	if v := os.Getenv("APISPAN_STREAM_BYTES"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 64 << 20
}

// TestLongStream sends a body up and down through wrapped client and server. The
// memory in use, looked at while the streams run, stays far below their length.
func TestLongStream(t *testing.T) {
	size := streamSize(t)
	const allowed = 12 << 20
	for _, h2 := range []bool{false, true} {
		for i, wr := range wrappings {
			t.Run(fmt.Sprintf("HTTP%d/%s", 1+b2i(h2), wr.name), func(t *testing.T) {
				c := newCollector(t)
				before, peak := heapInUse(), uint64(0)
				watch := &watched{every: size / 16, seen: func() { peak = max(peak, heapInUse()) }}
				s := httptest.NewUnstartedServer(wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/plain")
					_ = http.NewResponseController(w).EnableFullDuplex()
					if _, err := io.Copy(w, r.Body); err != nil {
						t.Error(err)
					}
				}), everything()...))
				base := &http.Transport{}
				if h2 {
					s.Config.Protocols, base.Protocols = h2c(), h2c()
				}
				s.Start()
				defer s.Close()
				defer base.CloseIdleConnections()
				client := &http.Client{Transport: clientWrappings[min(i, 1)].wrap(c, base, everything()...)}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, io.LimitReader(zeros{}, size))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "text/plain")
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				n, err := io.Copy(watch, res.Body)
				if err != nil || n != size {
					t.Errorf("%d bytes of %d: %v", n, size, err)
				}
				if grown := int64(peak) - int64(before); grown > allowed {
					t.Errorf("memory grew by %d bytes", grown)
				}
				for range 2 { // the server's and the client's
					want(t, c.attrs(t), map[string]any{
						"http.request.body.content":      strings.Repeat("\x00", httpcapture.DefaultMaxBodySize),
						"http.response.body.content":     strings.Repeat("\x00", httpcapture.DefaultMaxBodySize),
						"apispan.request.body.truncated": true, "apispan.response.body.truncated": true,
					})
				}
			})
		}
	}
}

// watched counts what is written and calls seen from time to time.
type watched struct {
	n, next, every int64
	seen           func()
}

func (w *watched) Write(p []byte) (int, error) {
	if w.n += int64(len(p)); w.n >= w.next {
		w.next = w.n + w.every
		w.seen()
	}
	return len(p), nil
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// fileConn notes from what the server lets the kernel copy.
type fileConn struct {
	*net.TCPConn

	note func(string)
}

func (c *fileConn) ReadFrom(r io.Reader) (int64, error) {
	from := fmt.Sprintf("%T", r)
	if l, ok := r.(*io.LimitedReader); ok {
		from = fmt.Sprintf("%T", l.R)
	}
	c.note(from)
	return c.TCPConn.ReadFrom(r)
}

type fileListener struct {
	net.Listener

	note func(string)
}

func (l fileListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &fileConn{c.(*net.TCPConn), l.note}, nil
}

// TestSendfile: a file goes to the connection as a file, so that the kernel copies
// it: the whole if it is not captured, else what is beyond the limit.
func TestSendfile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file, want string
		opts       []httpcapture.Option
	}{
		{"f.png", "[*os.File]", everything()},
		{"f.txt", "[*os.File]", nil},
		{"f.txt", "[*httpcapture.tee *os.File]", everything()},
	} {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(tc.file+tc.want, func(t *testing.T) {
				name := filepath.Join(t.TempDir(), tc.file)
				if err := os.WriteFile(name, []byte(strings.Repeat("a", 100_000)), 0o600); err != nil {
					t.Fatal(err)
				}
				c := newCollector(t)
				var mu sync.Mutex
				var from []string
				s := httptest.NewUnstartedServer(wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					http.ServeFile(w, r, name)
				}), tc.opts...))
				s.Listener = fileListener{s.Listener, func(f string) {
					mu.Lock()
					defer mu.Unlock()
					from = append(from, f)
				}}
				s.Start()
				defer s.Close()
				if _, body := do(t, s.Client(), newRequest(t, "GET", s.URL, "")); len(body) != 100_000 {
					t.Errorf("%d bytes", len(body))
				}
				c.span(t)
				mu.Lock()
				defer mu.Unlock()
				if got := fmt.Sprint(from); got != tc.want {
					t.Errorf("copied from %s, want %s", got, tc.want)
				}
			})
		})
	}
}
