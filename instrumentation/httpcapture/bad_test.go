// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// receiver is an OTLP receiver that notes attributes by the query of the request.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	spans map[string]map[string]*commonpb.AnyValue
	fault error
}

func newReceiver(t *testing.T) *receiver {
	rc := &receiver{spans: map[string]map[string]*commonpb.AnyValue{}}
	rc.Server = serve(t, rc)
	return rc
}

func (rc *receiver) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	var req collectortrace.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(b, &req) // checks UTF-8
	}
	if err != nil {
		rc.fault = err
		return
	}
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, sp := range ss.GetSpans() {
				attrs := map[string]*commonpb.AnyValue{}
				for _, kv := range sp.GetAttributes() {
					attrs[kv.GetKey()] = kv.GetValue()
				}
				rc.spans[attrs["url.query"].GetStringValue()] = attrs
			}
		}
	}
}

// hostile are requests as no decent client sends them, by name.
func hostile() map[string]string {
	var many, zip bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&many, "X-%d: v\r\n", i)
	}
	z, _ := gzip.NewWriterLevel(&zip, gzip.BestCompression)
	_, _ = io.CopyN(z, zeros{}, 20<<20)
	_ = z.Close()
	text := "Content-Type: text/plain\r\n"
	sized := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	return map[string]string{
		"obs-text":        "X-Obs: caf\xe9\xff\r\nContent-Type: text/\xff\r\n" + sized("\xff\xfe"),
		"invalid-query":   "\r\n",
		"many-fields":     many.String() + "\r\n",
		"field-bomb":      "X-Bomb: " + strings.Repeat("b", 900_000) + "\r\n\r\n",
		"values-bomb":     strings.Repeat("X-Bomb: \xff\r\n", 20_000) + "\r\n",
		"not-utf-8":       text + sized(strings.Repeat("\xff", 100)),
		"cut-character":   text + sized(strings.Repeat("€", 10_000)),
		"not-gzip":        text + "Content-Encoding: gzip\r\n" + sized("this is not gzip"),
		"gzip-bomb":       text + "Content-Encoding: gzip\r\n" + sized(zip.String()),
		"gzip-thrice":     text + "Content-Encoding: gzip, gzip\r\nContent-Encoding: gzip, deflate\r\n" + sized(zip.String()),
		"unknown-coding":  text + "Content-Encoding: br, \xff\r\n" + sized("x"),
		"too-short":       text + "Content-Length: 1000\r\n\r\nshort",
		"huge-length":     text + "Content-Length: 9000000000000000000\r\n\r\nx",
		"bad-chunk":       text + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
		"huge-chunk":      text + "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\nx",
		"endless-trailer": text + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + strings.Repeat("X-T: \xff\r\n", 1000) + "\r\n",
		"multipart-lie":   "Content-Type: multipart/form-data; boundary=\"\xff\"\r\n" + sized("--\xff\r\n"),
		"deep-json":       "Content-Type: application/json\r\n" + sized(strings.Repeat("[", 8000)),
		"bad-jwt":         "Authorization: Bearer a." + strings.Repeat("\xff", 300) + ".c\r\nCookie: s=\xff; =;;\r\n\r\n",
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestHostileRequests: each is answered, and each span is in a batch that an OTLP
// receiver takes.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		rc := newReceiver(t)
		exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(rc.URL))
		if err != nil {
			t.Fatal(err)
		}
		c := newCollector(t, sdktrace.WithBatcher(exporter))
		meters, counts := httpcapture.CountingProvider()
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			httpcapture.SetMetadata(r.Context(), "bad\xff", "v")
			httpcapture.SetMetadata(r.Context(), "bad", string(b))
			httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "\xff"})
			w.Header()["X-Back"] = []string{"\xff", "ok"}
			w.Header()["Content-Type"] = []string{"text/plain"}
			_, _ = w.Write(b)
		})
		s := serve(t, wr.wrap(c, h, everything(httpcapture.WithMeterProvider(meters), httpcapture.WithContentTypes("*/*"),
			httpcapture.WithIdentityFrom(httpcapture.FieldEmail, httpcapture.FromJWT("sub"), httpcapture.FromCookie("s"), httpcapture.FromJSONBody("a.b")))...))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		requests := hostile()
		for name, request := range requests {
			query := "n=" + name
			if name == "invalid-query" {
				query = "n=invalid-query&%zz=\xff%ff;;=&token=\xfe"
			}
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			go func() {
				_, _ = io.WriteString(conn, "POST /?"+query+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+request)
				_ = conn.(*net.TCPConn).CloseWrite()
			}()
			if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Errorf("%s: %v", name, err)
			} else {
				_, _ = io.Copy(io.Discard, res.Body)
			}
			conn.Close()
			sp := c.span(t)
			if n := len(sp.Attributes()); n > 128 || sp.DroppedAttributes() > 0 {
				t.Errorf("%s: %d attributes, %d dropped", name, n, sp.DroppedAttributes())
			}
		}
		if err := c.ForceFlush(context.Background()); err != nil {
			t.Error(err)
		}
		rc.mu.Lock()
		defer rc.mu.Unlock()
		if rc.fault != nil {
			t.Errorf("the receiver refused a batch: %v", rc.fault)
		}
		if len(rc.spans) != len(requests) {
			t.Errorf("%d spans arrived of %d", len(rc.spans), len(requests))
		}
		for query, attrs := range rc.spans {
			if !utf8.ValidString(query) || strings.Contains(query, "\xfe") {
				t.Errorf("query %q", query)
			}
			if b := attrs["http.request.body.content"]; len(b.GetStringValue())+len(b.GetBytesValue()) > httpcapture.DefaultMaxBodySize {
				t.Errorf("%s: body of %d bytes", query, len(b.GetStringValue()))
			}
		}
		if b := rc.spans["n=gzip-bomb"]["http.request.body.content"].GetStringValue(); b != strings.Repeat("\x00", httpcapture.DefaultMaxBodySize) {
			t.Errorf("the bomb unpacked to %d bytes", len(b))
		}
		if b := rc.spans["n=not-utf-8"]["http.request.body.content"]; len(b.GetBytesValue()) != 100 {
			t.Errorf("bytes that are not text: %v", b)
		}
		// The coding is decided by the bytes: what "not-gzip" says is recorded as it is.
		if b := rc.spans["n=not-gzip"]["http.request.body.content"]; b.GetStringValue() != "this is not gzip" {
			t.Errorf("text that was said to be gzip: %v", b)
		}
		if n := counts(t); n["content_coding"] != 2 || n["header_limit"] < 9000 || n["identity_limit"] == 0 || n["metadata_limit"] == 0 {
			t.Errorf("drops: %v", n)
		}
	})
}

// TestBlockingCallback: a callback that blocks keeps its own request and no other.
func TestBlockingCallback(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		blocked, release := make(chan struct{}), make(chan struct{})
		s := serve(t, wr.wrap(c, echo, everything(httpcapture.WithIdentity(func(ex httpcapture.Exchange) httpcapture.Identity {
			if ex.Request.URL.Path == "/blocked" {
				close(blocked)
				<-release
			}
			return httpcapture.Identity{UserID: "u"}
		}))...))
		done := make(chan error, 1)
		go func() {
			res, err := s.Client().Get(s.URL + "/blocked") //nolint:noctx // bounded by the test
			if err == nil {
				res.Body.Close()
			}
			done <- err
		}()
		<-blocked
		do(t, s.Client(), newRequest(t, "POST", s.URL+"/free", "x"))
		want(t, c.attrs(t), map[string]any{"user.id": "u", "url.path": "/free"})
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		want(t, c.attrs(t), map[string]any{"user.id": "u", "url.path": "/blocked"})
	})
}

// TestSpanEndedEarly: who ends the span in the handler loses what is recorded, and
// nothing else.
func TestSpanEndedEarly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		s := serve(t, wr.wrap(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			trace.SpanFromContext(r.Context()).End()
			echo(w, r)
		}), everything()...))
		if _, body := do(t, s.Client(), newRequest(t, "POST", s.URL, "hello")); body != "hello" {
			t.Errorf("body %q", body)
		}
		want(t, c.attrs(t), map[string]any{"http.request.body.content": nil})
		c.none(t)
	})
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		s := serve(t, echo)
		c := newCollector(t)
		base := &http.Transport{}
		t.Cleanup(base.CloseIdleConnections)
		client := &http.Client{Transport: wr.wrap(c, roundTripper(func(r *http.Request) (*http.Response, error) {
			trace.SpanFromContext(r.Context()).End()
			return base.RoundTrip(r)
		}), everything()...)}
		if _, body := do(t, client, newRequest(t, "POST", s.URL, "hello")); body != "hello" {
			t.Errorf("body %q", body)
		}
		c.span(t)
		c.none(t)
	})
}

// TestNilOptions: nothing that is nil is called.
func TestNilOptions(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	opts := everything(nil, httpcapture.WithIdentity(nil), httpcapture.WithMetadata(nil), httpcapture.WithSkip(nil), httpcapture.WithSkipRequest(nil),
		httpcapture.WithPolicy(nil), httpcapture.WithDecoder("br", nil), httpcapture.WithRoutes(), httpcapture.WithRoutes(httpcapture.Route("/x", nil)),
		httpcapture.WithTracerProvider(nil), httpcapture.WithMeterProvider(nil), httpcapture.WithPropagators(nil), httpcapture.WithTrustedProxies(),
		httpcapture.WithIdentityFrom(httpcapture.FieldUserID), httpcapture.WithContentTypes(), httpcapture.WithEventIDHeader(""))
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		srv := serve(t, wr.wrap(c, echo, opts...))
		do(t, srv.Client(), newRequest(t, "POST", srv.URL+"/x", "hello"))
		c.span(t)
	})
	bothClients(t, func(t *testing.T, wr clientWrapping) {
		client, c := wr.newClient(t, opts...)
		do(t, client, newRequest(t, "POST", s.URL+"/x", "hello"))
		c.span(t)
	})
}
