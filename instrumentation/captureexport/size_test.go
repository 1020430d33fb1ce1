// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	colpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// sizingClient measures what the SDK's exporter would put on the wire.
type sizingClient struct {
	request int
	spans   []int
}

func (*sizingClient) Start(context.Context) error { return nil }
func (*sizingClient) Stop(context.Context) error  { return nil }

func (c *sizingClient) UploadTraces(_ context.Context, rs []*tracepb.ResourceSpans) error {
	c.request, c.spans = proto.Size(&colpb.ExportTraceServiceRequest{ResourceSpans: rs}), nil
	for _, r := range rs {
		for _, s := range r.GetScopeSpans() {
			for _, sp := range s.GetSpans() {
				c.spans = append(c.spans, proto.Size(sp))
			}
		}
	}
	return nil
}

// TestSizes compares the estimate with the size of the real message: for a span to
// the byte, for a request never below and not much above.
func TestSizes(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	client := &sizingClient{}
	exporter := otlptrace.NewUnstarted(client)
	var ended []sdktrace.ReadOnlySpan
	for range 300 {
		ended = ended[:0]
		tp := sdktrace.NewTracerProvider(
			sdktrace.WithResource(resource.NewWithAttributes(text16(rnd), someAttributes(rnd)...)),
			sdktrace.WithSpanProcessor(collect{&ended}))
		for range rnd.IntN(6) + 1 {
			randomSpan(rnd, tp)
		}
		total := 0
		var groups []group
		for _, s := range ended {
			if err := exporter.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{s}); err != nil {
				t.Fatal(err)
			}
			size, mem := measure(s)
			if size != client.spans[0] {
				t.Fatalf("measured %d, is %d: %+v", size, client.spans[0], s)
			}
			if mem < int64(size) {
				t.Fatalf("memory %d for %d bytes", mem, size)
			}
			var more int
			groups, more = withGroup(groups, s)
			total += more + spanField(size)
		}
		if err := exporter.ExportSpans(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
		slack := len(groups) * 2 * prefixMax
		if total < client.request || total > client.request+slack {
			t.Fatalf("%d spans, %d groups: estimated %d, is %d", len(ended), len(groups), total, client.request)
		}
	}
}

type collect struct{ into *[]sdktrace.ReadOnlySpan }

func (collect) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (c collect) OnEnd(s sdktrace.ReadOnlySpan)                 { *c.into = append(*c.into, s) }
func (collect) Shutdown(context.Context) error                  { return nil }
func (collect) ForceFlush(context.Context) error                { return nil }

func text16(rnd *rand.Rand) string { return strings.Repeat("é", rnd.IntN(1<<rnd.IntN(9))) }

func randomSpan(rnd *rand.Rand, tp trace.TracerProvider) {
	ctx := context.Background()
	if rnd.IntN(2) == 0 {
		ts, _ := trace.ParseTraceState("ot=th:c;rv:00000000000001,vendor=" + strings.Repeat("v", rnd.IntN(100)+1))
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceState: ts, TraceFlags: trace.FlagsSampled,
		}))
	}
	scope := tp.Tracer([]string{"a", "b", ""}[rnd.IntN(3)], trace.WithInstrumentationVersion("v"+text16(rnd)),
		trace.WithSchemaURL(text16(rnd)), trace.WithInstrumentationAttributes(someAttributes(rnd)...))
	_, s := scope.Start(ctx, text16(rnd), trace.WithSpanKind(trace.SpanKind(rnd.IntN(6))),
		trace.WithLinks(trace.Link{SpanContext: trace.SpanContextFromContext(ctx), Attributes: someAttributes(rnd)}))
	s.SetAttributes(someAttributes(rnd)...)
	for range rnd.IntN(3) {
		s.AddEvent(text16(rnd), trace.WithAttributes(someAttributes(rnd)...))
	}
	if rnd.IntN(3) == 0 {
		s.SetStatus(codes.Error, text16(rnd))
		s.RecordError(errors.New("e" + text16(rnd)))
	}
	s.End(trace.WithTimestamp(time.Now()))
}

func someAttributes(rnd *rand.Rand) []attribute.KeyValue {
	k := func() attribute.Key { return attribute.Key("k" + text16(rnd)) }
	all := []attribute.KeyValue{
		k().String(text16(rnd)), k().Bool(true), k().Int64(rnd.Int64() - rnd.Int64()), k().Int64(-1), k().Float64(rnd.Float64()),
		k().StringSlice([]string{text16(rnd), "", "x"}), k().BoolSlice([]bool{true, false}), k().Int64Slice([]int64{0, -1, rnd.Int64()}),
		k().Float64Slice([]float64{0, 1, 2, 3, 4}), attribute.ByteSlice(string(k()), []byte(text16(rnd))), attribute.ByteSlice(string(k()), nil),
		k().String(strings.Repeat("b", rnd.IntN(40_000))), {Key: k()},
		attribute.Slice(string(k()), attribute.StringValue(text16(rnd)), attribute.SliceValue(attribute.Int64Value(3)), attribute.Value{}),
		k().StringSlice(make([]string, rnd.IntN(9))),
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:rnd.IntN(len(all)+1)]
}
