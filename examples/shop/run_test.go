// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// receiver is an OTLP endpoint that counts server spans by route.
type receiver struct {
	coltracepb.UnimplementedTraceServiceServer

	mu     sync.Mutex
	routes map[string]int
	names  map[string]bool // service.name
}

func newReceiver() *receiver {
	return &receiver{routes: map[string]int{}, names: map[string]bool{}}
}

func (r *receiver) Export(_ context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range req.GetResourceSpans() {
		for _, kv := range rs.GetResource().GetAttributes() {
			if kv.GetKey() == "service.name" {
				r.names[kv.GetValue().GetStringValue()] = true
			}
		}
		for _, ss := range rs.GetScopeSpans() {
			for _, sp := range ss.GetSpans() {
				for _, kv := range sp.GetAttributes() {
					if kv.GetKey() == "http.route" {
						r.routes[kv.GetValue().GetStringValue()]++
					}
				}
			}
		}
	}
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, "gzip", http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	var in coltracepb.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(b, &in) != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	out, _ := r.Export(req.Context(), &in)
	w.Header().Set("Content-Type", "application/x-protobuf")
	b, _ = proto.Marshal(out)
	_, _ = w.Write(b)
}

// listen serves OTLP on a free port until the test ends.
func (r *receiver) listen(t *testing.T, protocol string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	switch protocol {
	case "grpc":
		s := grpc.NewServer()
		coltracepb.RegisterTraceServiceServer(s, r)
		go s.Serve(l)
		t.Cleanup(s.Stop)
	default:
		s := &http.Server{Handler: r, ReadHeaderTimeout: time.Second}
		go s.Serve(l)
		t.Cleanup(func() { _ = s.Close() })
	}
	return "http://" + l.Addr().String()
}

// TestRun starts the whole program, makes calls, and ends it at once: what was
// queued must arrive nevertheless.
func TestRun(t *testing.T) {
	for _, c := range []struct{ protocol, mode string }{
		{"http/protobuf", modeDropIn},
		{"grpc", modeAlongside},
	} {
		t.Run(c.protocol, func(t *testing.T) {
			r := newReceiver()
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", c.protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.listen(t, c.protocol))
			t.Setenv("OTEL_SERVICE_NAME", "shop-under-test")

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			pr, pw := io.Pipe()
			done := make(chan error, 1)
			go func() { done <- run(ctx, "127.0.0.1:0", c.mode, "", pw) }()
			var ready struct{ Msg, Addr, Mode string }
			output := bufio.NewReader(pr)
			line, err := output.ReadBytes('\n')
			if err != nil || json.Unmarshal(line, &ready) != nil || ready.Addr == "" || ready.Mode != c.mode {
				t.Fatalf("first line %q, %v", line, err)
			}
			const calls = 50
			s := &running{url: "http://" + ready.Addr}
			for range calls {
				if status, _ := s.do(t, "GET", "/products", "", ""); status != http.StatusOK {
					t.Fatalf("status %d", status)
				}
			}
			cancel() // as SIGTERM does
			var stopped struct {
				Msg       string
				Exchanges int
			}
			line, err = output.ReadBytes('\n')
			if err != nil || json.Unmarshal(line, &stopped) != nil || stopped.Msg != "stopped" || stopped.Exchanges != calls {
				t.Errorf("last line %q, %v; want %d exchanges", line, err, calls)
			}
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("run: %v", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("the program did not end")
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.routes["/products"] != calls {
				t.Errorf("%d of %d spans arrived", r.routes["/products"], calls)
			}
			if !r.names["shop-under-test"] {
				t.Errorf("service.name is %v: the environment must have the last word", r.names)
			}
		})
	}
}

func TestRunRefusesBadSettings(t *testing.T) {
	t.Run("protocol", func(t *testing.T) {
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
		err := run(t.Context(), "127.0.0.1:0", modeDropIn, "", io.Discard)
		if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_PROTOCOL") {
			t.Errorf("error %v does not name the variable", err)
		}
	})
	t.Run("mode", func(t *testing.T) {
		if err := run(t.Context(), "127.0.0.1:0", "x", "", io.Discard); err == nil || !strings.Contains(err.Error(), "-mode") {
			t.Errorf("error %v does not name the flag", err)
		}
	})
	t.Run("address", func(t *testing.T) {
		if err := run(t.Context(), "127.0.0.1:http:", modeDropIn, "", io.Discard); err == nil {
			t.Error("a bad address was accepted")
		}
	})
}

// refusing is an exporter whose collector is away for the first n exports.
type refusing struct {
	tracetest.InMemoryExporter

	left int
}

func (e *refusing) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if e.left > 0 {
		e.left--
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return e.InMemoryExporter.ExportSpans(ctx, spans)
}

func TestExportWaitsForCollector(t *testing.T) {
	t.Parallel()
	spans := tracetest.SpanStubs{{Name: "one"}}.Snapshots()
	e := &refusing{left: 2}
	if err := (&patientExporter{e}).ExportSpans(t.Context(), spans); err != nil || len(e.GetSpans()) != 1 {
		t.Errorf("error %v, %d spans; want the third try to deliver", err, len(e.GetSpans()))
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (&patientExporter{&refusing{left: 1 << 30}}).ExportSpans(ctx, spans); err == nil {
		t.Error("no error although the collector never came")
	}
}
