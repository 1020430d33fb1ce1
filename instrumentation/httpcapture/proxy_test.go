// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// protocols runs a test over HTTP/1.1 and HTTP/2.
func protocols(t *testing.T, f func(t *testing.T, start func(http.Handler) *httptest.Server)) {
	t.Helper()
	for name, start := range map[string]func(testing.TB, http.Handler) *httptest.Server{"HTTP1": serve, "HTTP2": serveH2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, func(h http.Handler) *httptest.Server { return start(t, h) })
		})
	}
}

// TestReverseProxy: the transport of a proxy reads the body of the request in a
// goroutine of its own, and may go on when the handler has returned.
func TestReverseProxy(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			c := newCollector(t)
			back := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/refuse" { // without reading: the proxy is still sending
					w.WriteHeader(http.StatusForbidden)
					return
				}
				w.Header().Set("Trailer", "X-Sum")
				echo(w, r)
				w.Header().Set("X-Sum", "42")
			}))
			target, _ := url.Parse(back.URL)
			proxy := httputil.NewSingleHostReverseProxy(target)
			base := &http.Transport{}
			t.Cleanup(base.CloseIdleConnections)
			proxy.Transport = httpcapture.NewTransport(base, everything(httpcapture.WithTracerProvider(newCollector(t)))...)
			proxy.ErrorLog = log.New(io.Discard, "", 0)
			s := start(wr.wrap(c, proxy, everything()...))
			res, body := do(t, s.Client(), newRequest(t, "POST", s.URL+"/echo", "through", "Content-Type", "text/plain"))
			if body != "through" || res.Trailer.Get("X-Sum") != "42" {
				t.Errorf("%q, trailer %v", body, res.Trailer)
			}
			want(t, c.attrs(t), map[string]any{"http.request.body.content": "through", "http.response.body.content": "through"})
			for range 5 {
				req := newRequest(t, "POST", s.URL+"/refuse", strings.Repeat("x", 3<<20), "Content-Type", "text/plain")
				if res, err := s.Client().Do(req); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				c.span(t)
			}
		})
	})
}

// TestAbortedUpload: the handler sees the error, and what came is recorded.
func TestAbortedUpload(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			c := newCollector(t)
			arrived, failed := make(chan struct{}), make(chan error, 1)
			s := start(wr.wrap(c, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadFull(r.Body, make([]byte, 4))
				close(arrived)
				_, err := io.ReadAll(r.Body)
				failed <- err
			}), everything()...))
			ctx, cancel := context.WithCancel(t.Context())
			body, send := io.Pipe()
			go func() {
				_, _ = send.Write([]byte("half"))
				<-arrived
				cancel()
				_ = send.CloseWithError(context.Canceled)
			}()
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, body)
			req.Header.Set("Content-Type", "text/plain")
			if res, err := s.Client().Do(req); err == nil {
				res.Body.Close()
				t.Error("the client got an answer")
			} else if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			select {
			case err := <-failed:
				if err == nil {
					t.Error("the handler read to an end")
				}
			case <-time.After(patience):
				t.Fatal("the handler did not notice")
			}
			want(t, c.attrs(t), map[string]any{"http.request.body.content": "half", "apispan.request.body.incomplete": true})
		})
	})
}

// TestMultipart: forms are parsed as without us, and recorded if asked for.
func TestMultipart(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			var form bytes.Buffer
			m := multipart.NewWriter(&form)
			_ = m.WriteField("name", "größer")
			f, _ := m.CreateFormFile("file", "f.bin")
			_, _ = f.Write([]byte{0xff, 0xfe})
			_ = m.Close()
			for _, types := range [][]string{nil, {"multipart/*"}} {
				c := newCollector(t)
				opts := everything()
				var content any
				if types != nil {
					opts, content = append(opts, httpcapture.WithContentTypes(types...)), form.Bytes()
				}
				s := start(wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					file, head, err := r.FormFile("file")
					if err != nil {
						t.Error(err)
						return
					}
					defer file.Close()
					b, _ := io.ReadAll(file)
					fmt.Fprint(w, r.FormValue("name"), head.Filename, b)
				}), opts...))
				_, body := do(t, s.Client(), newRequest(t, "POST", s.URL, form.String(), "Content-Type", m.FormDataContentType()))
				if body != "größerf.bin[255 254]" {
					t.Errorf("%q", body)
				}
				want(t, c.attrs(t), map[string]any{"http.request.body.content": content})
			}
		})
	})
}

// TestDeadlines: those that a handler sets work.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			c := newCollector(t)
			got := make(chan error, 1)
			s := start(wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
					t.Error(err)
				}
				_, err := io.ReadAll(r.Body)
				got <- err
				http.Error(w, "slow", http.StatusRequestTimeout)
			}), everything()...))
			body, send := io.Pipe()
			defer send.Close()
			req := newRequest(t, "POST", s.URL, "", "Content-Type", "text/plain")
			req.Body, req.ContentLength = body, -1
			res, err := s.Client().Do(req)
			if err == nil {
				res.Body.Close()
			}
			var ne net.Error
			if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) && !(errors.As(err, &ne) && ne.Timeout()) {
				t.Errorf("read: %v", err)
			}
			want(t, c.attrs(t), map[string]any{"http.response.status_code": 408, "apispan.request.body.incomplete": true})
		})
	})
}

// TestCodings: bodies are recorded without their content codings, and arrive with
// them.
func TestCodings(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("plain ", 20)
	deflated := func(open func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		z := open(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	bodies := map[string]string{
		"gzip":    zipped(text),
		"deflate": deflated(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"Deflate": deflated(func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 5); return z }),
		"rot0":    text, // by a decoder of the application, as br and zstd
	}
	rot0 := httpcapture.WithDecoder("rot0", func(r io.Reader) (io.Reader, error) { return r, nil })
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			c := newCollector(t)
			s := start(wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", r.Header.Get("Content-Encoding"))
				echo(w, r)
			}), everything(rot0)...))
			client := &http.Client{Transport: httpcapture.NewTransport(s.Client().Transport, everything(rot0, httpcapture.WithTracerProvider(c))...)}
			for coding, body := range bodies {
				_, got := do(t, client, newRequest(t, "POST", s.URL, body, "Content-Type", "text/plain", "Content-Encoding", coding, "Accept-Encoding", coding))
				if got != body {
					t.Errorf("%s: the body changed", coding)
				}
				for range 2 {
					want(t, c.attrs(t), map[string]any{"http.request.body.content": text, "http.response.body.content": text})
				}
			}
		})
	})
}

// TestRedirectResends: net/http takes the body of a redirected request from GetBody.
func TestRedirectResends(t *testing.T) {
	t.Parallel()
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
				return
			}
			echo(w, r)
		}))
		bothClients(t, func(t *testing.T, wr clientWrapping) {
			c := newCollector(t)
			client := &http.Client{Transport: wr.wrap(c, s.Client().Transport, everything()...)}
			if _, body := do(t, client, newRequest(t, "POST", s.URL, "again", "Content-Type", "text/plain")); body != "again" {
				t.Errorf("%q", body)
			}
			want(t, c.attrs(t), map[string]any{"http.response.status_code": 307})
			want(t, c.attrs(t), map[string]any{"http.response.status_code": 200, "http.request.body.content": "again", "http.response.body.content": "again"})
		})
	})
}
