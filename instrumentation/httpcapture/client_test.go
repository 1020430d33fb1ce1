// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr"
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
	{"drop-in, otelhttp's spans", func(c *collector, base http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.NewTransport(base, append(opts, httpcapture.WithTracerProvider(c), httpcapture.WithOtelhttpSpans())...)
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
	sp := c.span(t)
	sc := sp.SpanContext()
	want(t, attrMap(sp.Attributes()), map[string]any{
		"apispan.event.id":                   httpattr.NewEventID(sc.TraceID(), sc.SpanID(), nil),
		"apispan.metadata.upstream_event_id": "3f2c9a54-0000-4000-8000-000000000001",
		"apispan.consumer.id":                "key-1",
	})
	for _, m := range []string{"OPTIONS", "GET"} {
		do(t, client, newRequest(t, m, s.URL+"/off/1", ""))
		want(t, c.attrs(t), map[string]any{"apispan.skip": true, "apispan.event.id": nil})
	}
}
