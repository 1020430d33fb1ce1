// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// base is a ResponseWriter with nothing optional.
type base struct{ http.ResponseWriter }

func (fl) Flush() {}

func (f fe) FlushError() error { return f.err }

func (hj) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrNotSupported }

func (rf) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

func (ws) WriteString(s string) (int, error) { return len(s), nil }

func (pu) Push(string, *http.PushOptions) error { return http.ErrNotSupported }

func (cn) CloseNotify() <-chan bool { return nil }

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
	for name, newWriter := range writers {
		both(t, func(t *testing.T, wr wrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				w := newWriter()
				wanted := ifaces(w)
				if wr.name == "alongside" { // otelhttp is outside and drops two, depending on its httpsnoop
					otelhttp.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { wanted = ifaces(w) }), "").
						ServeHTTP(newWriter(), httptest.NewRequest(http.MethodGet, "/", nil))
				}
				var got [7]bool
				wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = ifaces(w) }), everything()...).
					ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
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
	httpcapture.NewHandler(h, "op", everything(httpcapture.WithTracerProvider(c))...).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
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
