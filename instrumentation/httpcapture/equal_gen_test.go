// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// This file generates what TestEqualServerSpans compares: requests, handlers and
// the server's ResponseWriter. The same seed gives the same exchange.

func pick[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

// chance is true in one of n cases.
func chance(rnd *rand.Rand, n int) bool { return rnd.IntN(n) == 0 }

type failingBody struct {
	io.Reader

	err error
}

func (b *failingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

func (*failingBody) Close() error { return nil }

const parentHeader = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"

// request generates a request as the server would have parsed it.
func request(rnd *rand.Rand) *http.Request {
	r := &http.Request{
		Method: pick(rnd, "GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "get", "Post", "PURGE", "", "_OTHER", "HTTP"),
		Host: pick(rnd, "shop.example", "shop.example:80", "shop.example:443", "shop.example:8080", "", "[::1]", "[::1]:8080", "[::1", "[a]b", ":80",
			"a:b:c", "h:99999", "h:", "h:-1", "h:0", "::1", "[fe80::1%eth0]:81", "x]:1", "h:http"),
		RemoteAddr: pick(rnd, "192.0.2.1:1234", "192.0.2.1", "[2001:db8::1]:99", "@", "", "pipe", "10.0.0.1:0"),
		Proto:      pick(rnd, "HTTP/1.1", "HTTP/1.1", "HTTP/2.0", "HTTP/1.0", "QUIC/1", "SPDY/3", "HTTP", "", "Foo/9/8"),
		URL: &url.URL{Path: pick(rnd, "/", "/orders/17", "/healthz", "", "/a b", "/caf\xe9"),
			RawQuery: pick(rnd, "", "", "q=1", "sort=name&x=2")},
		Header:  http.Header{},
		Pattern: pick(rnd, "", "", "", "/preset", "GET shop.example/preset/{id}", "nonsense"),
	}
	if chance(rnd, 20) {
		r.URL = nil
	}
	if chance(rnd, 3) {
		r.TLS = &tls.ConnectionState{}
	}
	for _, values := range [][]string{
		{"User-Agent", "bench/1.0", "", "kube-probe/1"},
		{"X-Forwarded-For", "203.0.113.9", "203.0.113.9, 10.0.0.1", "", "unknown", ","},
		{"Traceparent", parentHeader + "01", parentHeader + "00", "garbage"},
		{"Baggage", "k=v"},
		{"Content-Type", "application/json", "text/plain", "image/png"},
	} {
		if v := pick(rnd, values[1:]...); chance(rnd, 2) {
			r.Header.Set(values[0], v)
		}
	}
	text := strings.Repeat("0123456789", rnd.IntN(3000))
	switch rnd.IntN(5) {
	case 0: // nil
	case 1:
		r.Body = http.NoBody
	case 2:
		r.Body, r.ContentLength = &failingBody{strings.NewReader(text), errors.New("cut off")}, int64(len(text)+1)
	default:
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), pick(rnd, int64(len(text)), -1)
	}
	return r
}

// sink stands for the server's ResponseWriter.
type sink struct {
	header http.Header
	status int
	body   bytes.Buffer
	limit  int // bytes after which Write fails
	calls  []string
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", code))
	}
	if code >= 100 && code <= 199 && code != http.StatusSwitchingProtocols {
		s.calls = append(s.calls, fmt.Sprint("informational ", code))
	} else if s.status == 0 {
		s.calls = append(s.calls, fmt.Sprint("header ", code))
		s.status = code
	}
}

func (s *sink) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	room := s.limit - s.body.Len()
	if len(p) > room {
		s.body.Write(p[:room])
		return room, errors.New("gone")
	}
	return s.body.Write(p)
}

// sink1 has the methods of net/http's writer for HTTP/1, sink2 those for HTTP/2.
type sink1 struct{ *sink }

func (s sink1) Flush() { _ = s.FlushError() }
func (s sink1) FlushError() error {
	_, err := s.Write(nil)
	s.calls = append(s.calls, "flush")
	return err
}
func (s sink1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s.calls = append(s.calls, "hijack")
	return nil, nil, nil
}
func (s sink1) ReadFrom(r io.Reader) (int64, error)  { return io.Copy(struct{ io.Writer }{s.sink}, r) }
func (s sink1) WriteString(text string) (int, error) { return s.Write([]byte(text)) }
func (s sink1) CloseNotify() <-chan bool             { return nil }

type sink2 struct{ *sink }

func (s sink2) Flush() { _ = s.FlushError() }
func (s sink2) FlushError() error {
	_, err := s.Write(nil)
	s.calls = append(s.calls, "flush")
	return err
}
func (s sink2) WriteString(text string) (int, error) { return s.Write([]byte(text)) }
func (s sink2) CloseNotify() <-chan bool             { return nil }
func (s sink2) Push(target string, _ *http.PushOptions) error {
	s.calls = append(s.calls, "push "+target)
	return nil
}

func writer(rnd *rand.Rand) (http.ResponseWriter, *sink) {
	s := &sink{header: http.Header{}, limit: pick(rnd, 1<<20, 1<<20, 1000)}
	return pick[http.ResponseWriter](rnd, s, sink1{s}, sink1{s}, sink2{s}), s
}

type step func(w http.ResponseWriter, r *http.Request)

// steps generates what a handler does. One thing it never does is to set a status
// after a ReadFrom that sent the header: see docs/adr/0007.
func steps(rnd *rand.Rand) []step {
	var out []step
	copied := false
	for range rnd.IntN(9) {
		n := rnd.IntN(4000)
		text := strings.Repeat("y", n)
		// Invalid codes are left out: net/http refuses them, and otelhttp takes note of them all
		// the same, which is mended here, with its spans too. The stacks of test/frameworks hold it.
		code := pick(rnd, 200, 201, 204, 304, 400, 404, 500, 503, 599, 600, 999, 100, 103, 101)
		switch rnd.IntN(20) {
		case 0, 1:
			out = append(out, func(_ http.ResponseWriter, r *http.Request) {
				if r.Body != nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
			})
		case 2:
			out = append(out, func(_ http.ResponseWriter, r *http.Request) {
				if r.Body != nil {
					_, _ = r.Body.Read(make([]byte, n))
					_ = r.Body.Close()
				}
			})
		case 3, 4, 5:
			if !copied {
				out = append(out, func(w http.ResponseWriter, _ *http.Request) {
					defer func() { _ = recover() }()
					w.WriteHeader(code)
				})
			}
		case 6, 7, 8:
			out = append(out, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
		case 9:
			out = append(out, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
		case 10:
			out = append(out, func(w http.ResponseWriter, _ *http.Request) {
				if f, ok := w.(http.Flusher); ok {
					f.Flush()
				}
			})
		case 11:
			out = append(out, func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() })
		case 12:
			copied = true
			out = append(out, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.Copy(w, struct{ io.Reader }{strings.NewReader(text)})
			})
		case 13:
			out = append(out, func(w http.ResponseWriter, _ *http.Request) { _, _, _ = http.NewResponseController(w).Hijack() })
		case 14:
			out = append(out, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", pick(rand.New(rand.NewPCG(1, uint64(n))), "text/plain", "application/json", "image/png"))
			})
		case 15:
			out = append(out, func(_ http.ResponseWriter, r *http.Request) {
				l, found := otelhttp.LabelerFromContext(r.Context())
				l.Add(attribute.Bool("label.found", found), attribute.Int("label.n", n%3), attribute.String("url.scheme", "mine"))
			})
		case 16:
			out = append(out, func(_ http.ResponseWriter, r *http.Request) {
				span := trace.SpanFromContext(r.Context())
				span.SetAttributes(attribute.Int("n", n), attribute.String("http.response.status_code", "mine"))
				span.AddEvent("mine", trace.WithAttributes(attribute.Int("n", n)))
				span.SetStatus(pick(rand.New(rand.NewPCG(1, uint64(n))), codes.Ok, codes.Error), "mine")
				_, child := span.TracerProvider().Tracer("child").Start(r.Context(), "child")
				child.End()
			})
		case 17:
			out = append(out, func(_ http.ResponseWriter, r *http.Request) { r.Pattern = fmt.Sprintf("GET /route/%d", n%3) })
		case 18:
			if n%4 == 0 {
				out = append(out, func(http.ResponseWriter, *http.Request) {
					panic(pick[any](rand.New(rand.NewPCG(1, uint64(n))), "text", http.ErrAbortHandler, 7))
				})
			}
		case 19:
			if n%8 == 0 {
				out = append(out, func(_ http.ResponseWriter, r *http.Request) { trace.SpanFromContext(r.Context()).End() })
			}
		}
	}
	return out
}

// context generates what stands around the handler: a span, a Labeler, a time.
func around(rnd *rand.Rand, p trace.TracerProvider) (context.Context, func()) {
	ctx, end := context.Background(), func() {}
	if chance(rnd, 3) {
		var span trace.Span
		ctx, span = p.Tracer("outer").Start(ctx, "outer")
		end = func() { span.End() }
	}
	if chance(rnd, 4) {
		l := &otelhttp.Labeler{}
		l.Add(attribute.String("outer", "label"))
		ctx = otelhttp.ContextWithLabeler(ctx, l)
	}
	if chance(rnd, 4) {
		ctx = otelhttp.ContextWithStartTime(ctx, time.Now().Add(-early))
	}
	return ctx, end
}

// early is how long before its arrival a request may have begun, long enough to
// be told apart from any delay of the test.
const early = 1000 * time.Second
