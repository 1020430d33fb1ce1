// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/redact"
)

// lab is a world in which one of the wrappers runs: ids are counted, so that
// equal worlds make equal spans.
type lab struct {
	provider *sdktrace.TracerProvider
	ended    chanProcessor
	meters   *sdkmetric.MeterProvider
	reader   *sdkmetric.ManualReader
	seq      uint64
	limited  bool // the SDK drops attributes
}

func (l *lab) NewIDs(ctx context.Context) (id trace.TraceID, _ trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], l.seq+1)
	return id, l.NewSpanID(ctx, id)
}

func (l *lab) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	l.seq++
	binary.BigEndian.PutUint64(id[:], l.seq)
	return id
}

// nameSampler drops by what only a sampler sees.
type nameSampler struct{ sdktrace.Sampler }

func (s nameSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	res := s.Sampler.ShouldSample(p)
	res.Attributes = []attribute.KeyValue{attribute.String("sampler.saw", fmt.Sprint(p.Name, p.Kind, len(p.Attributes), len(p.Links)))}
	if len(p.Attributes)%7 == 0 {
		res.Decision = sdktrace.RecordOnly
	}
	return res
}

func newLab(rnd *rand.Rand) *lab {
	l := &lab{ended: make(chanProcessor, 64), reader: sdkmetric.NewManualReader()}
	limits := sdktrace.NewSpanLimits()
	if l.limited = chance(rnd, 6); l.limited {
		limits.AttributeCountLimit, limits.EventCountLimit = 12, 2
	}
	l.provider = sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(l), sdktrace.WithSpanProcessor(l.ended), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSampler(pick[sdktrace.Sampler](rnd, sdktrace.AlwaysSample(), sdktrace.AlwaysSample(), sdktrace.NeverSample(),
			nameSampler{sdktrace.AlwaysSample()}, sdktrace.ParentBased(sdktrace.AlwaysSample()))))
	l.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(l.reader))
	return l
}

// options generates options; those for capture mean nothing to otelhttp.
func (l *lab) options(t *testing.T, rnd *rand.Rand, client bool) (opts []httpcapture.Option, policy bool) {
	may := func(n int, o httpcapture.Option) {
		if chance(rnd, n) {
			opts = append(opts, o)
		}
	}
	if !chance(rnd, 5) {
		opts = append(opts, httpcapture.WithTracerProvider(l.provider))
	}
	if !chance(rnd, 4) {
		opts = append(opts, httpcapture.WithMeterProvider(l.meters))
	}
	if !chance(rnd, 4) {
		opts = append(opts, httpcapture.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})))
	}
	may(4, httpcapture.WithServerName(pick(rnd, "primary", "primary:81", "primary:443", "primary:0", ":9", "")))
	may(4, httpcapture.WithPublicEndpointFn(func(r *http.Request) bool {
		return r.Method == http.MethodGet && trace.SpanContextFromContext(r.Context()).IsValid()
	}))
	may(4, httpcapture.WithFilter(func(r *http.Request) bool { return r.Method != http.MethodPut }))
	may(4, httpcapture.WithMessageEvents(httpcapture.ReadEvents))
	may(4, httpcapture.WithMessageEvents(httpcapture.WriteEvents))
	may(4, httpcapture.WithSpanNameFormatter(func(op string, r *http.Request) string { return op + r.Method + r.Pattern }))
	if !client { // otelhttp's transport panics on the first; delegating, only spans of kind client are captured
		may(8, httpcapture.WithSpanNameFormatter(nil))
		may(6, httpcapture.WithSpanOptions(trace.WithSpanKind(trace.SpanKindConsumer)))
	}
	may(4, httpcapture.WithClientTrace(func(context.Context) *httptrace.ClientTrace { return &httptrace.ClientTrace{} }))
	may(4, httpcapture.WithSpanOptions(trace.WithAttributes(attribute.String("fixed", "1"), attribute.String("url.scheme", "fixed"))))
	may(6, httpcapture.WithSpanOptions(trace.WithLinks(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})})))
	may(8, httpcapture.WithSpanOptions(trace.WithNewRoot()))
	may(4, httpcapture.WithMetricAttributesFn(func(r *http.Request) []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("pattern", r.Pattern)}
	}))

	may(2, httpcapture.WithBodies(pick(rnd, httpcapture.BodiesAll, httpcapture.BodiesOnError)))
	if !l.limited { // which headers are dropped depends on the order of a map
		may(2, httpcapture.WithAllHeaders())
	}
	may(6, httpcapture.WithSkip(func(ex httpcapture.Exchange) bool { return ex.StatusCode == http.StatusNotFound }))
	may(6, httpcapture.WithRoutes(httpcapture.Route("/route/1", httpcapture.WithEnabled(false))))
	may(6, httpcapture.WithEventIDHeader("X-Event-Id"))
	may(4, httpcapture.WithMaxBodySize(1000))
	if policy = chance(rnd, 8); policy {
		opts = append(opts, httpcapture.WithPolicy(compilePolicy(t, testPolicy)))
	}
	return opts, policy
}

// story is all that can be told apart about one exchange.
type story struct {
	Spans   []told
	Wire    []string
	Panic   string
	Partial bool // the request body was not read to its end
	Mended  bool // the handler panicked, or took over a tunnel: we know the status better
}

type told struct {
	Name, Kind, Status, Scope string
	Context, Parent           string
	Attributes                map[string]string
	Events, Links             []string
	Children                  int
	Dropped                   [3]int
	Early                     bool
}

func (l *lab) tell(t *testing.T, s sdktrace.ReadOnlySpan) told {
	out := told{
		Name: s.Name(), Kind: s.SpanKind().String(), Status: fmt.Sprint(s.Status()), Scope: fmt.Sprint(s.InstrumentationScope()),
		Context: fmt.Sprint(s.SpanContext()), Parent: fmt.Sprint(s.Parent()), Attributes: texts(s.Attributes()), Children: s.ChildSpanCount(),
		Dropped: [3]int{s.DroppedAttributes(), s.DroppedEvents(), s.DroppedLinks()},
		Early:   time.Since(s.StartTime()) > early/2,
	}
	for _, e := range s.Events() {
		out.Events = append(out.Events, fmt.Sprint(e.Name, texts(e.Attributes), e.DroppedAttributeCount))
		if e.Time.Before(s.StartTime()) {
			t.Error("an event before the start")
		}
	}
	for _, k := range s.Links() {
		out.Links = append(out.Links, fmt.Sprint(k.SpanContext, k.Attributes))
	}
	if age := time.Since(s.EndTime()); age < 0 || age > patience || s.EndTime().Before(s.StartTime()) {
		t.Errorf("ended %v ago, started %v ago", age, time.Since(s.StartTime()))
	}
	return out
}

func texts(kvs []attribute.KeyValue) map[string]string {
	m := make(map[string]string, len(kvs))
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.Type().String() + " " + kv.Value.String()
		if kv.Key == "url.full" { // otelhttp leaves the credentials in it
			sc := redact.Credentials().NewScratch()
			v, _ := sc.URL(kv.Value.String())
			sc.Release()
			m[string(kv.Key)] = kv.Value.Type().String() + " " + v
		}
	}
	return m
}

// counted is a body that counts what is read of it.
type counted struct {
	io.ReadCloser

	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}

type wrapper func(http.Handler, string, ...otelhttp.Option) http.Handler

// exchange runs one generated exchange.
func (l *lab) exchange(t *testing.T, seed uint64, wrap wrapper, opts []otelhttp.Option) (s story) {
	rnd := rand.New(rand.NewPCG(2, seed))
	r := request(rnd)
	w, out := writer(rnd)
	todo := steps(rnd)
	ctx, end := around(rnd, l.provider)
	r = r.WithContext(ctx)
	body := r.Body
	var seen string
	read := &counted{}
	if body != nil && body != http.NoBody {
		read.ReadCloser, body = body, read
		r.Body = read
	}
	h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, labeled := otelhttp.LabelerFromContext(r.Context())
		seen = fmt.Sprint(trace.SpanFromContext(r.Context()).SpanContext(), labeled, r.Body == nil, r.Body == http.NoBody)
		for _, do := range todo {
			do(w, r)
		}
	}), "op", opts...)
	func() {
		defer func() { s.Panic = fmt.Sprint(recover()) }()
		h.ServeHTTP(w, r)
	}()
	end()
	if r.Body != body {
		t.Error("the server's request has another body")
	}
	s.Partial = r.ContentLength > read.n
	s.Mended = s.Panic != "<nil>" || r.Method == http.MethodConnect && slices.Contains(out.calls, "hijack")
	s.Wire = append(out.calls, fmt.Sprint(out.status, " ", out.body.Len()), seen)
	for len(l.ended) > 0 {
		s.Spans = append(s.Spans, l.tell(t, <-l.ended))
	}
	// Where a handler leaves 200 implicit, so may ours; otelhttp says it.
	s.Wire = slices.DeleteFunc(s.Wire, func(call string) bool { return call == "header 200" })
	return s
}

// metrics tells the metrics of otelhttp's scope.
func (l *lab) metrics(t *testing.T) map[string][]string {
	var all metricdata.ResourceMetrics
	if err := l.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, s := range all.ScopeMetrics {
		if s.Scope.Name != otelhttp.ScopeName {
			continue
		}
		for _, m := range s.Metrics {
			name := fmt.Sprint(s.Scope.Version, m.Name, m.Description, m.Unit)
			switch d := m.Data.(type) {
			case metricdata.Histogram[int64]:
				for _, p := range d.DataPoints {
					text := fmt.Sprint(p.Attributes.Encoded(attribute.DefaultEncoder()), d.Temporality, p.Count, p.Sum, p.Bounds, p.BucketCounts)
					for _, e := range p.Exemplars { // of several in a bucket the SDK takes one by chance
						i, _ := slices.BinarySearch(p.Bounds, float64(e.Value))
						if p.BucketCounts[i] == 1 {
							text += fmt.Sprintf(" %d %x %v", e.Value, e.SpanID, e.FilteredAttributes)
						}
					}
					out[name] = append(out[name], text)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints { // a duration: only early starts make a difference
					out[name] = append(out[name], fmt.Sprint(p.Attributes.Encoded(attribute.DefaultEncoder()), d.Temporality, p.Count, p.Bounds, math.Round(p.Sum/early.Seconds())))
				}
			default:
				t.Fatalf("unexpected metric %s", m.Name)
			}
		}
	}
	return out
}

// TestEqualServerSpans runs generated exchanges through plain otelhttp, through
// NewHandler, and through NewHandler WithOtelhttpSpans. The latter two must tell
// the same in every respect; and they must tell what otelhttp tells, but for what
// is documented to differ.
func TestEqualServerSpans(t *testing.T) {
	t.Parallel()
	delegating := func(h http.Handler, op string, opts ...otelhttp.Option) http.Handler {
		return httpcapture.NewHandler(h, op, append(opts, httpcapture.WithOtelhttpSpans())...)
	}
	wrappers := [3]wrapper{otelhttp.NewHandler, httpcapture.NewHandler, delegating}
	compareAll(t, false, func(l *lab, seed uint64, i int, opts []otelhttp.Option) story {
		return l.exchange(t, seed, wrappers[i], opts)
	})
}

var sorted = cmp.Transformer("sorted", func(in []string) map[string]int {
	out := map[string]int{}
	for _, s := range in {
		out[s]++
	}
	return out
})

// sameBothWays: the two differ where otelhttp alone could do something: it counts only what
// was read of a request body, and after a panic it counts nothing.
func sameBothWays(t *testing.T, name string, delegating, own story) {
	t.Helper()
	for i := range min(len(delegating.Spans), len(own.Spans)) {
		a, b := &delegating.Spans[i], &own.Spans[i]
		if own.Partial && b.Dropped[0]+a.Dropped[0] > 0 {
			return // the length took the place of another
		}
		unlikePanic(own, a, b)
	}
	if diff := cmp.Diff(delegating, own); diff != "" {
		t.Fatalf("%s (-delegating +own):\n%s", name, diff)
	}
}

// unlikePanic takes out what only we say of an exchange that panicked, and the length of
// a body that was not read to its end.
func unlikePanic(s story, a, b *told) {
	const size = "http.request.body.size"
	if x, y := a.Attributes[size], b.Attributes[size]; x != y && s.Partial {
		delete(a.Attributes, size)
		delete(b.Attributes, size)
	}
	if !s.Mended || a.Kind != "server" && a.Kind != "consumer" {
		return
	}
	for _, k := range []string{size, "http.response.body.size", "http.response.status_code"} {
		delete(a.Attributes, k)
		delete(b.Attributes, k)
	}
	a.Name, a.Status, a.Dropped = b.Name, b.Status, b.Dropped
}

// sameAsOtelhttp takes out what we add, and what we are documented to mend.
func sameAsOtelhttp(t *testing.T, name string, plain, ours story) {
	t.Helper()
	limited := false
	for i := range min(len(plain.Spans), len(ours.Spans)) {
		a, b := &plain.Spans[i], &ours.Spans[i]
		limited = limited || b.Dropped[0] > 0
		for k := range b.Attributes {
			_, there := a.Attributes[k]
			added := strings.HasPrefix(k, "http.request.header.") || strings.HasPrefix(k, "http.response.header.") ||
				strings.HasPrefix(k, "apispan.") || strings.HasSuffix(k, ".body.content") || k == "url.query" ||
				k == "http.response.body.size" || k == "http.request.body.size" // of ReadFrom, and as announced
			if !there && added {
				delete(b.Attributes, k)
			}
		}
		delete(a.Attributes, "http.route") // as it is at the end
		delete(b.Attributes, "http.route")
		delete(a.Attributes, "client.address") // X-Forwarded-For is not believed
		delete(b.Attributes, "client.address")
		if !utf8.ValidString(a.Attributes["url.path"]) { // otelhttp lets it through, and a batch is lost
			delete(a.Attributes, "url.path")
			delete(b.Attributes, "url.path")
		}
		unlikePanic(ours, a, b)
	}
	if limited {
		return // ours took the place of others
	}
	if diff := cmp.Diff(plain, ours); diff != "" {
		t.Fatalf("%s (-otelhttp +ours):\n%s", name, diff)
	}
}
