// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package adaptertest is what every framework adapter of httpcapture must pass: the
// same requests through an application with and without it, over a real server. The
// bytes that the client sees are equal; the spans say what happened.
package adaptertest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr"
)

// Adapter says how an application is built. Its routes:
//
//	POST /echo/{id}  reads the body, calls Handle, answers 201 text/plain, X-Answer: 1, "echo:" and the body
//	GET  /empty      204
//	GET  /fail       the framework's own error: 418, message "teapot"
//	GET  /panic      panics; the framework's recovery stands outside and answers 500
//	GET  /skip       httpcapture.Skip, answers "skipped"
//	GET  /stream     "one,", "two,", "three", each flushed, text/plain
//	GET  /redirect   302 to /empty
type Adapter struct {
	// Serve starts the application and returns its address, http://127.0.0.1:port. Its
	// spans are made by provider; unless capture is true, the adapter stays out.
	Serve func(t *testing.T, provider *sdktrace.TracerProvider, capture bool, opts ...httpcapture.Option) string
	// Route is the template of /echo/{id} as the framework writes it.
	Route string
	// NoErrorBody is set if the framework writes the answer to an error where the
	// adapter cannot see it, NoStream if streams are not recorded.
	NoErrorBody, NoStream bool
	// UnroutedUntraced is set if middleware does not run for requests without a route.
	UnroutedUntraced bool
}

// Handle is what the handler of /echo/{id} calls with its context.
func Handle(ctx context.Context, id string) {
	httpcapture.SetIdentity(ctx, httpcapture.Identity{UserID: "user-" + id})
	httpcapture.SetMetadata(ctx, "length", len(id))
}

const patience = 10 * time.Second

// Run runs the battery.
func Run(t *testing.T, a Adapter) {
	t.Helper()
	t.Run("wire", func(t *testing.T) { a.wire(t) })
	t.Run("spans", func(t *testing.T) { a.spans(t) })
	t.Run("same spans", func(t *testing.T) { a.sameSpans(t) })
	t.Run("concurrent", func(t *testing.T) { a.concurrent(t) })
	t.Run("routes", func(t *testing.T) { a.routes(t) })
	t.Run("withholding", func(t *testing.T) { a.withholding(t) })
	t.Run("event id", func(t *testing.T) { a.eventID(t) })
}

type call struct{ method, path, body string }

var calls = []call{
	{"POST", "/echo/7", "question"}, {"POST", "/echo/8", ""}, {"POST", "/echo/9", strings.Repeat("long ", 20_000)},
	{"GET", "/empty", ""}, {"GET", "/fail", ""}, {"GET", "/panic", ""}, {"GET", "/skip", ""}, {"GET", "/stream", ""},
	{"GET", "/redirect", ""}, {"GET", "/missing", ""}, {"HEAD", "/stream", ""}, {"PUT", "/echo/7", "x"},
}

// wire compares what a client sees.
func (a Adapter) wire(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{"recording": sdktrace.AlwaysSample(), "not recording": sdktrace.NeverSample()} {
		spans := NewSpans(t, sampler)
		bare := a.Serve(t, spans.Provider, false)
		captured := a.Serve(t, spans.Provider, true, httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders())
		for _, c := range calls {
			if diff := cmp.Diff(c.do(t, bare), c.do(t, captured)); diff != "" {
				t.Errorf("%s: %s %s (-bare +captured):\n%s", name, c.method, c.path, diff)
			}
		}
	}
}

// answer is what a client sees.
type answer struct {
	Status  int
	Length  int64
	Coding  []string
	Header  http.Header
	Trailer http.Header
	Body    string
}

var client = &http.Client{
	Timeout:       patience,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c call) do(t testing.TB, address string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, address+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("X-Question", "yes")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	resp.Header.Del("Date")
	return answer{resp.StatusCode, resp.ContentLength, resp.TransferEncoding, resp.Header, resp.Trailer, string(body)}
}

// spans checks what is recorded.
func (a Adapter) spans(t *testing.T) {
	spans := NewSpans(t, sdktrace.AlwaysSample())
	address := a.Serve(t, spans.Provider, true, httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithRequestHeaders("X-Question"), httpcapture.WithResponseHeaders("X-Answer", "Content-Type"))
	const req, res = "http.request.body.content", "http.response.body.content"
	type attrs = map[string]any
	teapot := any(Contains("teapot"))
	if a.NoErrorBody {
		teapot = nil
	}
	stream, cut := any("one,two,three"), any(nil)
	if a.NoStream {
		stream, cut = nil, true
	}
	for _, tc := range []struct {
		call

		want attrs
	}{
		{call{"POST", "/echo/7", "question"}, attrs{
			req: "question", res: "echo:question", "http.route": a.Route, "user.id": "user-7", "apispan.metadata.length": int64(1),
			"http.request.header.x-question": []string{"yes"}, "http.response.header.x-answer": []string{"1"},
			"http.response.header.content-type": Contains("text/plain"),
			"apispan.request.body.truncated":    nil, "apispan.request.body.incomplete": nil, "apispan.response.body.incomplete": nil,
		}},
		{call{"POST", "/echo/9", strings.Repeat("x", 20_000)}, attrs{
			req: strings.Repeat("x", 8192), res: "echo:" + strings.Repeat("x", 8187),
			"apispan.request.body.truncated": true, "apispan.response.body.truncated": true,
		}},
		{call{"GET", "/empty", ""}, attrs{req: nil, res: nil, "http.route": "/empty"}},
		{call{"GET", "/fail", ""}, attrs{res: teapot}},
		{call{"GET", "/panic", ""}, attrs{res: nil, "http.request.header.x-question": []string{"yes"}}},
		{call{"GET", "/skip", ""}, attrs{res: nil, "apispan.skip": true, "http.request.header.x-question": nil}},
		{call{"GET", "/stream", ""}, attrs{res: stream, "apispan.response.body.incomplete": cut}},
	} {
		tc.do(t, address)
		Want(t, tc.method+" "+tc.path, Attrs(spans.Next(t)), tc.want)
	}
	if len(spans.ended) != 0 {
		t.Errorf("%d spans too many", len(spans.ended))
	}
}

// sameSpans: apart from what is recorded, the tracing middleware writes the same span,
// and three things that an event must have right are as mended says.
func (a Adapter) sameSpans(t *testing.T) {
	spans := NewSpans(t, sdktrace.AlwaysSample())
	bare := a.Serve(t, spans.Provider, false)
	captured := a.Serve(t, spans.Provider, true, httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders())
	for _, c := range calls {
		if a.UnroutedUntraced && (c.path == "/missing" || c.method == "PUT") {
			continue
		}
		c.do(t, bare)
		want := tracingPart(spans.Next(t))
		c.do(t, captured)
		got := tracingPart(spans.Next(t))
		if want["http.route"] == nil { // the adapter may know more
			delete(got, "http.route")
		}
		for key, value := range c.mended(captured, want) {
			if got[key] != value {
				t.Errorf("%s %s: %s = %v, want %v", c.method, c.path, key, got[key], value)
			}
			delete(got, key)
			delete(want, key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-bare +captured):\n%s", c.method, c.path, diff)
		}
	}
}

// mended is what capture changes on the span of tracing, where an event would be wrong
// without it, and what it must be then:
//   - the host is the one that the client used: some put the name of the service there,
//     older ones have it under another name;
//   - a panic that is recovered outside is an error, answered with 500, though tracing
//     sees neither;
//   - a body that nobody has read is as long as announced.
func (c call) mended(address string, plain map[string]any) map[string]any {
	m := map[string]any{}
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), ":")
	if c.path != "/skip" && plain["server.address"] != any(host) { // a skipped call is no event
		m["server.address"] = host
	}
	if c.path == "/panic" {
		m["status"] = fmt.Sprint(sdktrace.Status{Code: codes.Error})
		m["http.response.status_code"] = int64(http.StatusInternalServerError)
	}
	if c.method == http.MethodPut && plain["http.request_content_length"] == nil { // fiber reads all bodies
		m["http.request.body.size"] = int64(len(c.body))
	}
	return m
}

// tracingPart is a span without what capture records and what differs from one
// connection to the next.
func tracingPart(s sdktrace.ReadOnlySpan) map[string]any {
	m := Attrs(s)
	for key := range m {
		if httpattr.IsCaptured(key) || httpattr.IsIdentity(key) || strings.HasSuffix(key, "port") || key == "http.url" ||
			strings.HasSuffix(key, "host.name") || strings.HasSuffix(key, "http.host") {
			delete(m, key)
		}
	}
	m["name"], m["status"], m["scope"] = s.Name(), fmt.Sprint(s.Status()), s.InstrumentationScope().Name
	for _, e := range s.Events() {
		m["event "+e.Name] = fmt.Sprint(e.Attributes)
	}
	m["events"] = len(s.Events())
	return m
}

// concurrent mixes many exchanges; frameworks reuse memory.
func (a Adapter) concurrent(t *testing.T) {
	spans := NewSpans(t, sdktrace.AlwaysSample())
	address := a.Serve(t, spans.Provider, true, httpcapture.WithBodies(httpcapture.BodiesAll))
	const workers, each = 8, 40
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				call{"POST", "/echo/" + id, "body " + id}.do(t, address)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for range workers * each {
		got := Attrs(spans.Next(t))
		id := strings.TrimPrefix(fmt.Sprint(got["user.id"]), "user-")
		seen[id] = true
		Want(t, id, got, map[string]any{
			"http.request.body.content": "body " + id, "http.response.body.content": "echo:body " + id,
			"apispan.metadata.length": int64(len(id)), "http.route": a.Route,
		})
	}
	if len(seen) != workers*each {
		t.Errorf("%d different exchanges, want %d", len(seen), workers*each)
	}
}

// routes: rules of WithRoutes go by the framework's template.
func (a Adapter) routes(t *testing.T) {
	spans := NewSpans(t, sdktrace.AlwaysSample())
	address := a.Serve(t, spans.Provider, true, httpcapture.WithRoutes(
		httpcapture.Route("POST "+a.Route, httpcapture.WithBodies(httpcapture.BodiesAll))))
	call{"POST", "/echo/7", "question"}.do(t, address)
	Want(t, "echo", Attrs(spans.Next(t)), map[string]any{
		"http.request.body.content": "question", "http.response.body.content": "echo:question",
	})
	call{"GET", "/stream", ""}.do(t, address)
	Want(t, "stream", Attrs(spans.Next(t)), map[string]any{"http.response.body.content": nil, "apispan.response.body.incomplete": nil})
}

// withholding checks that rules that withhold apply, with the template written as the
// framework writes it or otherwise, and to paths that may be meant.
func (a Adapter) withholding(t *testing.T) {
	for _, rule := range []string{"POST " + a.Route, "/echo/{name}", "/echo/:name", "/echo/*", "/ECHO/7"} {
		spans := NewSpans(t, sdktrace.AlwaysSample())
		address := a.Serve(t, spans.Provider, true, httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithRoutes(
			httpcapture.Route(rule, httpcapture.WithBodies(httpcapture.BodiesOff)), httpcapture.Route("/fail", httpcapture.WithEnabled(false))))
		for _, path := range []string{"/echo/7", "/ECHO/7", "/echo/7/", "//echo/7", "/%65cho/7"} {
			call{"POST", path, "question"}.do(t, address) // a redirect may have no span
		}
		call{"GET", "/fail", ""}.do(t, address)
		for skipped := false; !skipped; {
			got := Attrs(spans.Next(t))
			Want(t, rule, got, map[string]any{"http.request.body.content": nil, "http.response.body.content": nil})
			skipped = got["apispan.skip"] == true
		}
	}
	spans := NewSpans(t, sdktrace.AlwaysSample())
	address := a.Serve(t, spans.Provider, true, httpcapture.WithEnabled(false))
	call{"POST", "/echo/7", "question"}.do(t, address)
	Want(t, "disabled", Attrs(spans.Next(t)), map[string]any{"apispan.skip": true})
}

func (a Adapter) eventID(t *testing.T) {
	spans := NewSpans(t, sdktrace.AlwaysSample())
	address := a.Serve(t, spans.Provider, true, httpcapture.WithEventIDHeader("X-Event-Id"))
	got := call{"POST", "/echo/7", "question"}.do(t, address).Header.Get("X-Event-Id")
	if len(got) != 36 {
		t.Errorf("event id %q", got)
	}
	Want(t, "event id", Attrs(spans.Next(t)), map[string]any{"apispan.event.id": got})
}

// Spans is a provider whose server spans can be waited for.
type Spans struct {
	Provider *sdktrace.TracerProvider

	ended chan sdktrace.ReadOnlySpan
}

// NewSpans makes a provider.
func NewSpans(t *testing.T, sampler sdktrace.Sampler) *Spans {
	t.Helper()
	s := &Spans{ended: make(chan sdktrace.ReadOnlySpan, 4096)}
	s.Provider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(chanProcessor(s.ended)))
	t.Cleanup(func() { _ = s.Provider.Shutdown(context.Background()) })
	return s
}

// Next waits for the next server span to end.
func (s *Spans) Next(t *testing.T) sdktrace.ReadOnlySpan {
	t.Helper()
	select {
	case span := <-s.ended:
		return span
	case <-time.After(patience):
		t.Fatal("no span ended")
		return nil
	}
}

type chanProcessor chan sdktrace.ReadOnlySpan

func (chanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (p chanProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanKind() == trace.SpanKindServer {
		p <- s
	}
}
func (chanProcessor) Shutdown(context.Context) error   { return nil }
func (chanProcessor) ForceFlush(context.Context) error { return nil }

// Attrs are the attributes of a span.
func Attrs(s sdktrace.ReadOnlySpan) map[string]any {
	m := map[string]any{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// Contains is a wanted value of which only a part is known.
type Contains string

// Want checks single attributes; nil means absent.
func Want(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		g, there := got[key]
		switch w := want[key].(type) {
		case nil:
			if there {
				t.Errorf("%s: %s = %.200v, want it absent", what, key, g)
			}
		case Contains:
			if !strings.Contains(fmt.Sprint(g), string(w)) {
				t.Errorf("%s: %s = %.200v, want %q in it", what, key, g, w)
			}
		default:
			if diff := cmp.Diff(w, g); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", what, key, diff)
			}
		}
	}
}
