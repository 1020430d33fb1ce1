// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"context"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

const (
	own        = "own spans"
	delegating = "delegating"
	alongside  = "alongside"

	reqBody = "http.request.body.content"
	resBody = "http.response.body.content"
	status  = "http.response.status_code"

	patience = time.Minute
)

type (
	attrs      = map[string]any
	middleware = func(http.Handler) http.Handler
)

// ways are the three ways in, for servers.
var ways = map[string]func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) middleware{
	own: func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) middleware {
		return httpcapture.NewMiddleware("shop", append(opts, httpcapture.WithTracerProvider(p))...)
	},
	delegating: func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) middleware {
		return httpcapture.NewMiddleware("shop", append(opts, httpcapture.WithTracerProvider(p), httpcapture.WithOtelhttpSpans())...)
	},
	alongside: func(p *sdktrace.TracerProvider, opts ...httpcapture.Option) middleware {
		return func(h http.Handler) http.Handler {
			return otelhttp.NewHandler(httpcapture.Handler(h, opts...), "shop", otelhttp.WithTracerProvider(p))
		}
	},
}

// spans is a provider whose spans of one kind can be waited for.
type spans struct {
	*sdktrace.TracerProvider

	ended chan sdktrace.ReadOnlySpan
}

type ofKind struct {
	kind  trace.SpanKind
	ended chan sdktrace.ReadOnlySpan
}

func (ofKind) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (ofKind) Shutdown(context.Context) error                  { return nil }
func (ofKind) ForceFlush(context.Context) error                { return nil }
func (k ofKind) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanKind() == k.kind {
		k.ended <- s
	}
}

func newSpans(t testing.TB, kind trace.SpanKind) *spans {
	t.Helper()
	ended := make(chan sdktrace.ReadOnlySpan, 1024)
	s := &spans{sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ofKind{kind, ended})), ended}
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

func (s *spans) next(t testing.TB) sdktrace.ReadOnlySpan {
	t.Helper()
	select {
	case span := <-s.ended:
		return span
	case <-time.After(patience):
		t.Fatal("no span ended")
		return nil
	}
}

// none checks that there was one span an exchange.
func (s *spans) none(t testing.TB) {
	t.Helper()
	if n := len(s.ended); n > 0 {
		t.Errorf("%d spans too many", n)
	}
}

// start serves h over HTTP/1.1, or HTTP/2 with TLS, and returns a client for it that
// shows what is on the wire.
func start(t testing.TB, h http.Handler, h2 bool) (address string, c *http.Client) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = quiet
	if srv.EnableHTTP2 = h2; h2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	c = srv.Client()
	c.Timeout = patience
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	tr := c.Transport.(*http.Transport)
	tr.DisableCompression = true
	t.Cleanup(tr.CloseIdleConnections)
	return srv.URL, c
}

var quiet = log.New(io.Discard, "", 0)

var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2": true}

// call is one exchange and what its span must say; but is what differs for one way.
type call struct {
	method, path, body string
	header             []string // pairs
	want               attrs
	but                map[string]attrs
}

func (c call) wanted(way string) attrs {
	all := maps.Clone(c.want)
	maps.Copy(all, c.but[way])
	return all
}

// answer is what a client sees.
type answer struct {
	Failed  bool // no response, or not all of it
	Status  int
	Length  int64
	Coding  []string
	Header  http.Header
	Trailer http.Header
	Body    string
}

func (c call) do(t testing.TB, client *http.Client, address string) (a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, address+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(c.header); i += 2 {
		req.Header.Add(c.header[i], c.header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{Failed: true}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	return answer{err != nil, resp.StatusCode, resp.ContentLength, resp.TransferEncoding, resp.Header, resp.Trailer, string(body)}
}

// probe is a stack with capture somewhere in it.
type probe struct {
	name  string
	stack func(t testing.TB, capture middleware) http.Handler
	opts  []httpcapture.Option
	calls []call
	h1    bool // over HTTP/1.1 only
}

var all = httpcapture.WithBodies(httpcapture.BodiesAll)

// run compares each stack with the bare one, over both protocols, in all ways in.
func run(t *testing.T, probes []probe) {
	t.Helper()
	for _, p := range probes {
		for protocol, h2 := range protocols {
			if h2 && p.h1 {
				continue
			}
			address, client := start(t, p.stack(t, func(h http.Handler) http.Handler { return h }), h2)
			var bare []answer
			for _, c := range p.calls {
				bare = append(bare, c.do(t, client, address))
			}
			for way, wrap := range ways {
				t.Run(p.name+"/"+protocol+"/"+way, func(t *testing.T) {
					s := newSpans(t, trace.SpanKindServer)
					address, client := start(t, p.stack(t, wrap(s.TracerProvider, append([]httpcapture.Option{all}, p.opts...)...)), h2)
					for i, c := range p.calls {
						what := c.method + " " + c.path
						if diff := cmp.Diff(bare[i], c.do(t, client, address)); diff != "" {
							t.Errorf("%s (-bare +captured):\n%s", what, diff)
						}
						adaptertest.Want(t, what, adaptertest.Attrs(s.next(t)), c.wanted(way))
					}
					s.none(t)
				})
			}
		}
	}
}
