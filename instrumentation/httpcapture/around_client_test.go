// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// transports are the ways in of a client.
var transports = map[string]func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper{
	"own": func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.NewTransport(base, append(opts, httpcapture.WithTracerProvider(c))...)
	},
	"delegating": func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.NewTransport(base, append(opts, httpcapture.WithTracerProvider(c), httpcapture.WithOtelhttpSpans())...)
	},
	"alongside": func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return otelhttp.NewTransport(httpcapture.Transport(base, opts...), otelhttp.WithTracerProvider(c))
	},
}

// allTransports runs a test for all of them over HTTP/1.1 and HTTP/2.
func allTransports(t *testing.T, h http.HandlerFunc, f func(t *testing.T, way, url string, c *collector, base *http.Transport)) {
	t.Helper()
	for _, h2 := range []bool{false, true} {
		for way := range transports {
			name := way + ", HTTP/1.1"
			start := serve
			if h2 {
				name, start = way+", HTTP/2", serveH2
			}
			t.Run(name, func(t *testing.T) {
				s := start(t, h)
				base := s.Client().Transport.(*http.Transport).Clone()
				t.Cleanup(base.CloseIdleConnections)
				f(t, way, s.URL, newCollector(t), base)
			})
		}
	}
}

// TestSameRequestTwice: a request can be sent again as often as without us: under the
// context of its response, while that is being read, and after a failure.
func TestSameRequestTwice(t *testing.T) {
	t.Parallel()
	answer := strings.Repeat("a", 100<<10)
	allTransports(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}, func(t *testing.T, way, url string, c *collector, base *http.Transport) {
		rt := transports[way](c, base, httpcapture.WithBodies(httpcapture.BodiesAll))
		req := newRequest(t, "POST", url, "", "Content-Type", "text/plain")
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("body")), 4
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("body")), nil }
		first, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		again := first.Request.Clone(first.Request.Context())
		again.Body, _ = req.GetBody()
		second, err := rt.RoundTrip(again)
		if err != nil {
			t.Fatal(err)
		}
		for _, res := range []*http.Response{second, first} {
			if b, err := io.ReadAll(res.Body); err != nil || string(b) != answer {
				t.Fatal(len(b), err)
			}
			_ = res.Body.Close()
			want(t, c.attrs(t), map[string]any{"apispan.skip": nil, "http.request.body.content": "body"})
		}
	})
}

// TestFailedRequestAgain: a round trip that sent nothing has taken nothing from the body.
func TestFailedRequestAgain(t *testing.T) {
	t.Parallel()
	allTransports(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	}, func(t *testing.T, way, url string, c *collector, base *http.Transport) {
		dial, failing := base.DialContext, true
		if dial == nil {
			dial = (&net.Dialer{}).DialContext
		}
		base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if failing {
				failing = false
				return nil, &net.OpError{Op: "dial", Err: io.ErrClosedPipe}
			}
			return dial(ctx, network, addr)
		}
		rt := transports[way](c, base, httpcapture.WithBodies(httpcapture.BodiesAll))
		req := newRequest(t, "POST", url, "hello")
		if _, err := rt.RoundTrip(req); err == nil {
			t.Fatal("no error")
		}
		res, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); string(b) != "hello" {
			t.Errorf("%q", b)
		}
	})
}

// TestTrailersFilledLate: trailers that the caller fills while the body is read are sent.
func TestTrailersFilledLate(t *testing.T) {
	t.Parallel()
	allTransports(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Trailer.Get("X-Sum"))
	}, func(t *testing.T, way, url string, c *collector, base *http.Transport) {
		if way == "alongside" {
			t.Skip("otelhttp clones them before we see the request")
		}
		rt := transports[way](c, base, httpcapture.WithBodies(httpcapture.BodiesAll))
		req := newRequest(t, "POST", url, "")
		req.Trailer = http.Header{"X-Sum": nil}
		req.Body = io.NopCloser(io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
			req.Trailer.Set("X-Sum", "17")
			return 0, io.EOF
		})))
		req.ContentLength = -1
		_, body := do(t, &http.Client{Transport: rt}, req)
		if body != "17" {
			t.Errorf("the server got %q", body)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPoorRoundTrippers: what net/http's Client puts up with, we do.
func TestPoorRoundTrippers(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]*http.Response{
		"nothing at all":         nil,
		"no body":                {StatusCode: 200, Header: http.Header{}},
		"no header":              {StatusCode: 200, Body: io.NopCloser(strings.NewReader("x"))},
		"a bare one":             {},
		"no body and no request": {StatusCode: 200, Header: http.Header{}},
	} {
		for way, wrap := range transports {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				play := func(rt func(http.RoundTripper) http.RoundTripper) (string, string) {
					base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
						if res == nil {
							return nil, nil //nolint:nilnil // the case
						}
						out := *res
						if out.Request = r; strings.HasSuffix(name, "no request") {
							out.Request = nil
						}
						if res.Body != nil {
							out.Body = io.NopCloser(strings.NewReader("x"))
						}
						return &out, nil
					})
					req, _ := http.NewRequest(http.MethodGet, "http://x.example", nil) //nolint:noctx // never sent
					got, err := rt(base).RoundTrip(req)
					if err != nil || got == nil {
						return "none", "none"
					}
					if got.Body == nil {
						return "nil", ""
					}
					b, _ := io.ReadAll(got.Body)
					_ = got.Body.Close()
					return "a body", string(b)
				}
				kind, body := play(func(rt http.RoundTripper) http.RoundTripper { return rt })
				c := newCollector(t)
				gotKind, gotBody := play(func(rt http.RoundTripper) http.RoundTripper { return wrap(c, rt) })
				if way == "alongside" {
					gotKind = kind // otelhttp makes one; and would panic without a response
				}
				if gotKind != kind || gotBody != body {
					t.Errorf("got %s %q, want %s %q", gotKind, gotBody, kind, body)
				}
				c.span(t)
			})
		}
	}
}

// countingConn counts writes.
type countingConn struct {
	net.Conn

	n *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(p)
}

// TestOneWrite: net/http sends a small body that is in memory together with the header;
// and it is recorded and counted as ever.
func TestOneWrite(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	for way, wrap := range transports {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			if way == "alongside" {
				t.Skip("otelhttp hides the body")
			}
			var n atomic.Int64
			base := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return countingConn{conn, &n}, err
			}}
			t.Cleanup(base.CloseIdleConnections)
			c := newCollector(t)
			client := &http.Client{Transport: wrap(c, base, httpcapture.WithBodies(httpcapture.BodiesAll))}
			for i, text := range []string{"hello", strings.Repeat("x", 3000)} {
				_, body := do(t, client, newRequest(t, "POST", s.URL, text, "Content-Type", "text/plain"))
				if got := n.Load(); body != text || got != int64(i+1) {
					t.Errorf("%d writes, answer %.20q", got, body)
				}
				want(t, c.attrs(t), map[string]any{"http.request.body.content": text, "apispan.request.body.incomplete": nil})
			}
			long := strings.Repeat("y", 10000)
			_, body := do(t, client, newRequest(t, "POST", s.URL, long, "Content-Type", "text/plain"))
			if body != long {
				t.Error("a long body")
			}
			want(t, c.attrs(t), map[string]any{"http.request.body.content": long[:httpcapture.DefaultMaxBodySize]})
		})
	}
}

// TestEarlyClose: what was read of a response that the caller closes before its end is
// recorded, whoever made the span; and a response read to its end is complete.
func TestEarlyClose(t *testing.T) {
	t.Parallel()
	const line = `{"a":1}`
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	h := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/empty" {
			_, _ = io.WriteString(w, line)
		}
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/endless" {
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}
	}
	allTransports(t, h, func(t *testing.T, way, url string, c *collector, base *http.Transport) {
		client := &http.Client{Transport: transports[way](c, base, httpcapture.WithBodies(httpcapture.BodiesAll))}
		res, err := client.Do(newRequest(t, "GET", url+"/endless", ""))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		want(t, c.attrs(t), map[string]any{"http.response.body.content": line, "apispan.response.body.incomplete": true})
		do(t, client, newRequest(t, "GET", url+"/once", ""))
		got := c.attrs(t)
		want(t, got, map[string]any{"http.response.body.content": line})
		if got["apispan.response.body.incomplete"] == true {
			t.Error("a whole body is called incomplete")
		}
		do(t, client, newRequest(t, "GET", url+"/empty", "")) // its end is all there is
		want(t, c.attrs(t), map[string]any{"http.response.body.content": nil, "apispan.response.body.incomplete": nil})
		if res, err = client.Do(newRequest(t, "GET", url+"/once", "")); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		want(t, c.attrs(t), map[string]any{"http.response.body.content": nil, "apispan.response.body.incomplete": true})
	})
}
