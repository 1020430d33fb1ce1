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
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
)

// TestLogsConsumeContract is TestConsumeContract for updates of users.
func TestLogsConsumeContract(t *testing.T) {
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
		Signal:               pipeline.SignalLogs,
		ExporterFactory: exporter.NewFactory(typ, createDefaultConfig,
			exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				e, err := createLogs(ctx, set, cfg)
				return logsContractExporter{e}, err
			}, component.StabilityLevelAlpha)),
		ExporterConfig: cfg,
		ReceiverFactory: receiver.NewFactory(typ, func() component.Config { return &struct{}{} },
			receiver.WithLogs(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				return &logsContractReceiver{addr: addr, next: next}, nil
			}, component.StabilityLevelAlpha)),
		ReceiverConfig: &struct{}{},
	})
}

// logsContractExporter makes updates of the records, which hold test_id only.
type logsContractExporter struct{ exporter.Logs }

func (e logsContractExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	done := make(chan struct{})
	defer close(done)
	go func() {
		other := plog.NewLogs()
		rec := other.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		rec.Attributes().PutStr("test_id", vouch)
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				_ = e.consume(ctx, other)
			}
		}
	}()
	return e.consume(ctx, ld)
}

func (e logsContractExporter) consume(ctx context.Context, ld plog.Logs) error {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				rec.SetEventName("apispan.user.update")
				if id, ok := rec.Attributes().Get("test_id"); ok {
					rec.Attributes().PutStr("user.id", id.Str())
				}
			}
		}
	}
	return e.Logs.ConsumeLogs(ctx, ld)
}

// logsContractReceiver makes records of the updates that it gets.
type logsContractReceiver struct {
	addr string
	next consumer.Logs
	srv  *http.Server
	// refused is as in contractReceiver.
	refused sync.Map
}

func (r *logsContractReceiver) Start(context.Context, component.Host) error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.srv.Serve(l) }()
	return nil
}

func (r *logsContractReceiver) Shutdown(ctx context.Context) error { return r.srv.Shutdown(ctx) }

func (r *logsContractReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var users []struct {
		UserID string `json:"user_id"`
	}
	if err := json.NewDecoder(req.Body).Decode(&users); err != nil {
		http.Error(w, "", http.StatusTeapot)
		return
	}
	if users[0].UserID == vouch {
		w.WriteHeader(http.StatusCreated)
		return
	}
	if _, again := r.refused.Load(users[0].UserID); again && len(users) == 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, u := range users {
		records.AppendEmpty().Attributes().PutStr("test_id", u.UserID)
	}
	switch err := r.next.ConsumeLogs(req.Context(), ld); {
	case err == nil:
		w.WriteHeader(http.StatusCreated)
	case consumererror.IsPermanent(err):
		r.refused.Store(users[0].UserID, true)
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
