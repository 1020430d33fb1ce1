// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// retrying sends every request twice, as net/http does when a kept connection
// turns out to be dead, and lets the first attempt stop half-way.
type retrying struct{ base http.RoundTripper }

func (rt retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	first := r.Body
	_, _ = io.ReadFull(first, make([]byte, 2))
	again := r.Clone(r.Context())
	b, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	again.Body = b
	_, _ = io.ReadAll(first) // a stale attempt goes on reading
	first.Close()
	return rt.base.RoundTrip(again)
}

func TestClientGetBody(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		c := newCollector(t)
		client := &http.Client{Transport: wr.wrap(c, retrying{http.DefaultTransport}, everything()...)}
		do(t, client, newRequest(t, "POST", s.URL, "abcdef", "Content-Type", "text/plain"))
		want(t, c.attrs(t), map[string]any{"http.request.body.content": "abcdef", "apispan.request.body.truncated": nil})
	})
}

func TestClientUpgrade(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	}))
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		client, c := wr.newClient(t, everything()...)
		res, err := client.Do(newRequest(t, "GET", s.URL, "", "Connection", "Upgrade", "Upgrade", "echo"))
		if err != nil {
			t.Fatal(err)
		}
		conn, ok := res.Body.(io.ReadWriteCloser)
		if !ok {
			t.Fatalf("the body of a switched connection is %T", res.Body)
		}
		fmt.Fprint(conn, "hello\n")
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "hello\n" {
			t.Errorf("%q, %v", line, err)
		}
		conn.Close()
		want(t, c.attrs(t), map[string]any{"apispan.hijacked": true, "http.response.status_code": 101, "http.response.body.content": nil})
	})
}

// TestClientFilter: a filtered call leaves the span of its caller alone, whatever
// the kind of that span.
func TestClientFilter(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	for _, kind := range []trace.SpanKind{trace.SpanKindServer, trace.SpanKindClient} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			c := newCollector(t)
			var deny atomic.Bool
			deny.Store(true)
			client := &http.Client{Transport: httpcapture.NewTransport(nil, everything(httpcapture.WithTracerProvider(c),
				otelhttp.WithFilter(func(*http.Request) bool { return !deny.Load() }))...)}
			req := newRequest(t, "POST", s.URL, "secret", "Content-Type", "text/plain")
			ctx, caller := c.Tracer("t").Start(req.Context(), "caller", trace.WithSpanKind(kind))
			do(t, client, req.WithContext(ctx))
			deny.Store(false)
			do(t, client, newRequest(t, "POST", s.URL, "seen", "Content-Type", "text/plain").WithContext(ctx))
			want(t, c.attrs(t), map[string]any{"http.request.body.content": "seen", "http.response.body.content": "seen"})
			caller.End()
			if sp := c.span(t); sp.Name() != "caller" || len(sp.Attributes()) != 0 {
				t.Errorf("span %q has %v", sp.Name(), sp.Attributes())
			}
		})
	}
}

// TestClientInsideServer: what a handler sends is recorded on its own span.
func TestClientInsideServer(t *testing.T) {
	t.Parallel()
	back := serve(t, echo)
	c := newCollector(t)
	client := &http.Client{Transport: httpcapture.NewTransport(nil, everything(httpcapture.WithTracerProvider(c))...)}
	front := serve(t, httpcapture.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := newRequest(t, "POST", back.URL, "to the back", "Content-Type", "text/plain").WithContext(r.Context())
		do(t, client, req)
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u"})
		_, _ = io.WriteString(w, "to the front")
	}), "op", everything(httpcapture.WithTracerProvider(c))...))
	do(t, http.DefaultClient, newRequest(t, "GET", front.URL, ""))
	want(t, c.attrs(t), map[string]any{"http.response.body.content": "to the back", "user.id": nil})
	want(t, c.attrs(t), map[string]any{"http.response.body.content": "to the front", "user.id": "u"})
}

// TestClientOddBase: transports that do not fill in Response.Request, or fill in
// something else, still give complete spans when the body is read.
func TestClientOddBase(t *testing.T) {
	t.Parallel()
	for name, req := range map[string]*http.Request{"nil": nil, "foreign": httptest.NewRequest(http.MethodGet, "/", nil)} {
		bothClients(t, func(t *testing.T, wr clientWrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				client := &http.Client{Transport: wr.wrap(c, roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: -1,
						Body: io.NopCloser(strings.NewReader("odd")), Request: req}, nil
				}), everything()...)}
				for _, read := range []bool{true, false} {
					res, err := client.Do(newRequest(t, "GET", "http://x.example/", ""))
					if err != nil {
						t.Fatal(err)
					}
					w := map[string]any{"http.response.header.content-type": []string{"text/plain"}}
					if read {
						_, _ = io.ReadAll(res.Body)
						w["http.response.body.content"] = "odd"
					}
					res.Body.Close()
					want(t, c.attrs(t), w)
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestClientLeavesRequestAlone: a RoundTripper must not change the request, and
// the caller may send it again.
func TestClientLeavesRequestAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		c := newCollector(t)
		rt := wr.wrap(c, http.DefaultTransport, everything()...)
		req := newRequest(t, "POST", s.URL, "x", "Authorization", "Bearer keep")
		body, ctx := req.Body, req.Context()
		res, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(res.Body)
		res.Body.Close()
		if req.Body != body || req.Context() != ctx || req.Header.Get("Authorization") != "Bearer keep" || len(req.Header) != 1 {
			t.Errorf("the request was changed: %v", req.Header)
		}
	})
}

// TestClientConcurrentClose closes while a read is under way. It is for the race
// detector.
func TestClientConcurrentClose(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("z"), 100)); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}))
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		client, c := wr.newClient(t, everything()...)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, io.NopCloser(strings.NewReader("body")))
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		started, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			buf := make([]byte, 10)
			_, _ = res.Body.Read(buf)
			close(started)
			for {
				if _, err := res.Body.Read(buf); err != nil {
					return
				}
			}
		}()
		<-started
		res.Body.Close()
		<-done
		c.span(t)
	})
}

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]httpcapture.Option{nil, {httpcapture.WithEnabled(false)}} {
		base := &idle{}
		(&http.Client{Transport: httpcapture.NewTransport(base, opts...)}).CloseIdleConnections()
		if base.closed != 1 {
			t.Errorf("closed %d times", base.closed)
		}
	}
}

type idle struct{ closed int }

func (i *idle) CloseIdleConnections() { i.closed++ }

func (*idle) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("not used") }
