// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
)

// TestConsumeContract runs the Collector's own contract check. It sends spans
// that hold nothing but test_id, so both ends are adapted: the exporter's spans
// become exchanges with the id as metadata, and the receiver makes spans of the
// events it gets.
func TestConsumeContract(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()

	cfg := testConfig("http://" + addr)
	cfg.ClientConfig.Compression = "none"
	cfg.ClientConfig.DisableKeepAlives = true // the receiver is restarted for each scenario
	withoutQueue(cfg)
	cfg.RequireRedaction = false
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T:                    t,
		NumberOfTestElements: 10,
		Signal:               pipeline.SignalTraces,
		ExporterFactory: exporter.NewFactory(typ, createDefaultConfig,
			exporter.WithTraces(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
				e, err := createTraces(ctx, set, cfg)
				return contractExporter{e}, err
			}, component.StabilityLevelAlpha)),
		ExporterConfig: cfg,
		ReceiverFactory: receiver.NewFactory(typ, func() component.Config { return &struct{}{} },
			receiver.WithTraces(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Traces) (receiver.Traces, error) {
				return &contractReceiver{addr: addr, next: next}, nil
			}, component.StabilityLevelAlpha)),
		ReceiverConfig: &struct{}{},
	})
}

type contractExporter struct{ exporter.Traces }

func (e contractExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	done := make(chan struct{})
	defer close(done)
	go func() {
		other := ptrace.NewTraces()
		span := other.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.Attributes().PutStr("test_id", vouch)
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				_ = e.consume(ctx, other)
			}
		}
	}()
	return e.consume(ctx, td)
}

func (e contractExporter) consume(ctx context.Context, td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				s.SetKind(ptrace.SpanKindServer)
				s.Attributes().PutStr("http.request.method", "GET")
				if id, ok := s.Attributes().Get("test_id"); ok {
					s.Attributes().PutStr("apispan.metadata.test_id", id.Str())
				}
			}
		}
	}
	return e.Traces.ConsumeTraces(ctx, td)
}

type contractReceiver struct {
	addr string
	next consumer.Traces
	srv  *http.Server
	// refused are the events for which the check wanted a permanent error: a verdict
	// about an event, which is the same when the event comes again.
	refused sync.Map
}

// vouch is an event that the receiver takes and the check does not see: an event that
// is refused is dropped only when another one is taken.
const vouch = "vouch"

func (r *contractReceiver) Start(context.Context, component.Host) error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.srv.Serve(l) }()
	return nil
}

func (r *contractReceiver) Shutdown(ctx context.Context) error { return r.srv.Shutdown(ctx) }

func (r *contractReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var events []struct {
		Metadata struct {
			TestID string `json:"test_id"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(req.Body).Decode(&events); err != nil {
		http.Error(w, "", http.StatusTeapot)
		return
	}
	if events[0].Metadata.TestID == vouch {
		w.WriteHeader(http.StatusCreated)
		return
	}
	if _, again := r.refused.Load(events[0].Metadata.TestID); again && len(events) == 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, e := range events {
		spans.AppendEmpty().Attributes().PutStr("test_id", e.Metadata.TestID)
	}
	switch err := r.next.ConsumeTraces(req.Context(), td); {
	case err == nil:
		w.WriteHeader(http.StatusCreated)
	case consumererror.IsPermanent(err):
		r.refused.Store(events[0].Metadata.TestID, true)
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
