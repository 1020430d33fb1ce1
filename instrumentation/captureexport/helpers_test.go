// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	colpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // drops are reported; tests make many
	goleak.VerifyTestMain(m)
}

const patience = time.Minute

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// started ends a processor with the test.
func started(t testing.TB, exporter sdktrace.SpanExporter, opts ...Option) *SpanProcessor {
	t.Helper()
	p := NewSpanProcessor(exporter, opts...)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = p.Shutdown(ctx)
	})
	return p
}

// provider is one whose spans go to the processors, whatever the sampler says.
func provider(t testing.TB, processors ...sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	t.Helper()
	opts := []sdktrace.TracerProviderOption{sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample()))}
	for _, p := range processors {
		opts = append(opts, sdktrace.WithSpanProcessor(p))
	}
	return sdktrace.NewTracerProvider(opts...)
}

// exchange makes a captured span with a response body of n bytes.
func exchange(tp trace.TracerProvider, n int, more ...attribute.KeyValue) {
	_, span := tp.Tracer("test").Start(context.Background(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
	span.SetAttributes(
		attribute.String("http.request.method", "GET"),
		attribute.String("http.response.body.content", strings.Repeat("x", n)))
	span.SetAttributes(more...)
	span.End()
}

// books checks that sent = exported + dropped, after Shutdown.
func checkBooks(t testing.TB, p *SpanProcessor, received int64) {
	t.Helper()
	s := p.Stats()
	sum := s.Exported
	for _, n := range s.Dropped {
		sum += n
	}
	if s.Received != received || sum != received || s.QueueBytes != 0 {
		t.Errorf("sent %d, but %+v", received, s)
	}
}

// fakeExporter answers as a function says.
type fakeExporter struct {
	mu     sync.Mutex
	calls  [][]sdktrace.ReadOnlySpan
	answer func(call int, spans []sdktrace.ReadOnlySpan) error
	block  chan struct{} // if set, an export waits for it or for its context
	down   int
}

func (e *fakeExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	e.calls = append(e.calls, spans)
	n, answer, block := len(e.calls), e.answer, e.block
	e.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if answer == nil {
		return nil
	}
	return answer(n, spans)
}

func (e *fakeExporter) Shutdown(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down++
	return nil
}

func (e *fakeExporter) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.calls)
}

// last returns the only span of the last call.
func (e *fakeExporter) last(t testing.TB) sdktrace.ReadOnlySpan {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.calls) == 0 || len(e.calls[len(e.calls)-1]) != 1 {
		t.Fatalf("no last call with one span: %d calls", len(e.calls))
	}
	return e.calls[len(e.calls)-1][0]
}

func attrMap(kvs []attribute.KeyValue) map[string]any {
	m := make(map[string]any, len(kvs))
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// store is what a receiver got.
type store struct {
	mu       sync.Mutex
	spans    map[string]*tracepb.Span // by span id
	requests int
	repeats  int
	largest  int
}

func (s *store) add(req *colpb.ExportTraceServiceRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spans == nil {
		s.spans = map[string]*tracepb.Span{}
	}
	s.requests++
	s.largest = max(s.largest, proto.Size(req))
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, sp := range ss.GetSpans() {
				if s.spans[string(sp.GetSpanId())] != nil {
					s.repeats++
				}
				s.spans[string(sp.GetSpanId())] = sp
			}
		}
	}
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spans)
}

// receiver is an OTLP receiver that can be stopped and started at the same address.
type receiver struct {
	store

	grpc   bool
	addr   string
	answer func(http.ResponseWriter) bool // HTTP only; true if it has answered
	stop   func()
}

func newReceiver(t testing.TB, useGRPC bool) *receiver {
	t.Helper()
	r := &receiver{grpc: useGRPC, addr: "127.0.0.1:0"}
	r.start(t)
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *receiver) start(t testing.TB) {
	t.Helper()
	var lis net.Listener
	eventually(t, "the port is free", func() bool {
		var err error
		lis, err = net.Listen("tcp", r.addr)
		return err == nil
	})
	r.addr = lis.Addr().String()
	done := make(chan struct{})
	if r.grpc {
		srv := grpc.NewServer() // with its default of 4 MiB
		colpb.RegisterTraceServiceServer(srv, grpcService{r: r})
		go func() { defer close(done); _ = srv.Serve(lis) }()
		r.stop = sync.OnceFunc(func() { srv.Stop(); <-done })
		return
	}
	srv := &http.Server{Handler: r, ReadHeaderTimeout: patience}
	go func() { defer close(done); _ = srv.Serve(lis) }()
	r.stop = sync.OnceFunc(func() { _ = srv.Close(); <-done })
}

type grpcService struct {
	colpb.UnimplementedTraceServiceServer

	r *receiver
}

func (s grpcService) Export(_ context.Context, req *colpb.ExportTraceServiceRequest) (*colpb.ExportTraceServiceResponse, error) {
	s.r.add(req)
	return &colpb.ExportTraceServiceResponse{}, nil
}

// httpLimit is that of the Collector's OTLP/HTTP receiver.
const httpLimit = 20 << 20

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, httpLimit))
	var m colpb.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &m) != nil {
		http.Error(w, "request body too large", http.StatusBadRequest)
		return
	}
	if r.answer != nil && r.answer(w) {
		return
	}
	r.add(&m)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

var errPassing = errors.New("unavailable")

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
