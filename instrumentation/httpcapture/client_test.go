// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// clientWrapping is one way in on the client.
type clientWrapping struct {
	name string
	wrap func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper
}

var clientWrappings = []clientWrapping{
	{"drop-in", func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.NewTransport(base, append(opts, httpcapture.WithTracerProvider(c))...)
	}},
	{"alongside", func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return otelhttp.NewTransport(httpcapture.Transport(base, opts...), otelhttp.WithTracerProvider(c))
	}},
}

func bothClients(t *testing.T, f func(t *testing.T, w clientWrapping)) {
	t.Helper()
	for _, w := range clientWrappings {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f(t, w)
		})
	}
}

// newClient returns a client over real connections and what a test needs of it.
func (w clientWrapping) newClient(t testing.TB, opts ...httpcapture.Option) (*http.Client, *collector) {
	t.Helper()
	c := newCollector(t)
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: w.wrap(c, base, opts...)}, c
}

func TestClientBodies(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	for _, chunked := range []bool{false, true} {
		bothClients(t, func(t *testing.T, wr clientWrapping) {
			t.Run(fmt.Sprint("chunked=", chunked), func(t *testing.T) {
				client, c := wr.newClient(t, everything()...)
				req := newRequest(t, "POST", s.URL+"/p?q=1", `{"a":1}`, "Content-Type", "application/json", "Authorization", "Bearer secret")
				if chunked {
					req.ContentLength = -1
				}
				if _, body := do(t, client, req); body != `{"a":1}` {
					t.Errorf("body %q", body)
				}
				want(t, c.attrs(t), map[string]any{
					"http.request.body.content": `{"a":1}`, "http.response.body.content": `{"a":1}`,
					"http.request.header.authorization": []string{"[REDACTED]"},
					"http.response.header.content-type": []string{"application/json"},
					"apispan.request.body.incomplete":   nil, "apispan.response.body.incomplete": nil,
					"apispan.response.body.truncated": nil, "http.response.status_code": 200, "http.route": nil,
				})
				c.none(t)
			})
		})
	}
}

// TestClientEndings reads a response in the ways callers do; the span is complete
// in each.
func TestClientEndings(t *testing.T) {
	t.Parallel()
	const doc = `{"name":"n"}`
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/chunked" {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, doc)
	}))
	for name, tc := range map[string]struct {
		read       func(b io.ReadCloser)
		content    any
		incomplete any
	}{
		"all":     {func(b io.ReadCloser) { _, _ = io.ReadAll(b); b.Close() }, doc, nil},
		"decoder": {func(b io.ReadCloser) { var v any; _ = json.NewDecoder(b).Decode(&v); b.Close() }, doc, nil},
		"part":    {func(b io.ReadCloser) { _, _ = io.ReadFull(b, make([]byte, 5)); b.Close() }, doc[:5], true},
		"close":   {func(b io.ReadCloser) { b.Close(); b.Close() }, nil, true},
		"read, never closed": {func(b io.ReadCloser) {
			_, _ = io.ReadAll(b)
		}, doc, nil},
	} {
		for _, path := range []string{"/length", "/chunked"} {
			bothClients(t, func(t *testing.T, wr clientWrapping) {
				t.Run(name+path, func(t *testing.T) {
					client, c := wr.newClient(t, everything(httpcapture.WithIdentity(func(e httpcapture.Exchange) httpcapture.Identity {
						return httpcapture.Identity{UserID: e.ResponseHeader.Get("Content-Type")}
					}))...)
					res, err := client.Do(newRequest(t, "GET", s.URL+path, ""))
					if err != nil {
						t.Fatal(err)
					}
					tc.read(res.Body)
					w := map[string]any{
						"http.response.header.content-type": []string{"application/json"}, "user.id": "application/json",
						"http.response.body.content": tc.content, "apispan.response.body.incomplete": tc.incomplete,
					}
					if name == "decoder" && path == "/chunked" { // a decoder need not read to the end of the stream
						delete(w, "apispan.response.body.incomplete")
					}
					if wr.name == "alongside" && (tc.incomplete != nil || name == "decoder") {
						// otelhttp has ended the span before it closes what is inside it.
						delete(w, "http.response.body.content")
						delete(w, "apispan.response.body.incomplete")
					}
					want(t, c.attrs(t), w)
				})
			})
		}
	}
}

// TestClientStreaming: what the server sends is there at once.
func TestClientStreaming(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		step := make(chan struct{})
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n", i)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-step:
				case <-time.After(patience):
					t.Error("the client did not see the event")
					return
				}
			}
		}))
		client, c := wr.newClient(t, everything()...)
		res, err := client.Do(newRequest(t, "GET", s.URL, ""))
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(res.Body)
		for i := range 3 {
			if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("%q, %v", line, err)
			}
			step <- struct{}{}
		}
		_, _ = io.ReadAll(in)
		res.Body.Close()
		want(t, c.attrs(t), map[string]any{"http.response.body.content": "data: 0\ndata: 1\ndata: 2\n"})
	})
}

func TestClientBodyless(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if r.URL.Path == "/204" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if r.URL.Path != "/empty" {
			_, _ = io.WriteString(w, "body")
		}
	}))
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		client, c := wr.newClient(t, everything()...)
		for _, tc := range [][2]string{{"HEAD", "/"}, {"GET", "/204"}, {"GET", "/empty"}} {
			do(t, client, newRequest(t, tc[0], s.URL+tc[1], ""))
			want(t, c.attrs(t), map[string]any{
				"http.response.header.content-type": []string{"text/plain"}, "http.response.body.content": nil,
				"apispan.response.body.incomplete": nil,
			})
		}
	})
}

func TestClientError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		var seen atomic.Bool
		client, c := wr.newClient(t, everything(httpcapture.WithBodies(httpcapture.BodiesOnError),
			httpcapture.WithMetadata(func(e httpcapture.Exchange) map[string]any {
				seen.Store(e.Err != nil && e.StatusCode == 0 && e.Outgoing)
				return nil
			}))...)
		if _, err := client.Do(newRequest(t, "POST", "http://"+addr+"/", "x", "Content-Type", "text/plain")); err == nil {
			t.Fatal("no error")
		}
		want(t, c.attrs(t), map[string]any{"http.request.header.content-type": []string{"text/plain"}, "http.response.status_code": nil})
		if !seen.Load() {
			t.Error("the callback did not see the error")
		}
	})
}

// TestClientRedirect: a body that is sent again through GetBody is recorded with
// each request that carried it.
func TestClientRedirect(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusTemporaryRedirect)
		}
	}))
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		client, c := wr.newClient(t, everything()...)
		do(t, client, newRequest(t, "POST", s.URL+"/a", "again", "Content-Type", "text/plain"))
		for range 2 {
			want(t, c.attrs(t), map[string]any{"http.request.body.content": "again", "apispan.request.body.incomplete": nil})
		}
	})
}

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
	for name, req := range map[string]*http.Request{"nil": nil, "foreign": httptest.NewRequest("GET", "/", nil)} {
		bothClients(t, func(t *testing.T, wr clientWrapping) {
			t.Run(name, func(t *testing.T) {
				c := newCollector(t)
				client := &http.Client{Transport: wr.wrap(c, roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: -1,
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

func TestClientCompressed(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "unpacked")
		_ = z.Close()
	}))
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		client, c := wr.newClient(t, everything()...)
		for _, ask := range []bool{false, true} { // by the transport itself; by the caller
			req := newRequest(t, "GET", s.URL, "")
			if ask {
				req.Header.Set("Accept-Encoding", "gzip")
			}
			do(t, client, req)
			want(t, c.attrs(t), map[string]any{"http.response.body.content": "unpacked"})
		}
	})
}

func TestClientNotRecording(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	c := newCollector(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	client := &http.Client{Transport: httpcapture.NewTransport(nil, everything(httpcapture.WithTracerProvider(c))...)}
	if _, b := do(t, client, newRequest(t, "POST", s.URL, "x")); b != "x" {
		t.Errorf("body %q", b)
	}
	c.none(t)
}

func TestClientOptions(t *testing.T) {
	t.Parallel()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Event-Id", "3f2c9a54-0000-4000-8000-000000000001")
		_, _ = io.WriteString(w, "x")
	}))
	client, c := clientWrappings[0].newClient(t, httpcapture.WithEventIDHeader("X-Event-Id"),
		httpcapture.WithIdentityFrom(httpcapture.FieldConsumerID, httpcapture.FromBasicUser()),
		httpcapture.WithRoutes(httpcapture.Route("/off/*", httpcapture.WithEnabled(false))))
	req := newRequest(t, "GET", s.URL+"/on", "")
	req.SetBasicAuth("key-1", "password")
	do(t, client, req)
	want(t, c.attrs(t), map[string]any{"apispan.event.id": "3f2c9a54-0000-4000-8000-000000000001", "apispan.consumer.id": "key-1"})
	for _, m := range []string{"OPTIONS", "GET"} {
		do(t, client, newRequest(t, m, s.URL+"/off/1", ""))
		want(t, c.attrs(t), map[string]any{"apispan.skip": true, "apispan.event.id": nil})
	}
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
		req, _ := http.NewRequestWithContext(ctx, "POST", s.URL, io.NopCloser(strings.NewReader("body")))
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

func (i *idle) CloseIdleConnections()                         { i.closed++ }
func (*idle) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("not used") }
