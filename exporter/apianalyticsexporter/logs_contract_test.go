// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
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
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, u := range users {
		records.AppendEmpty().Attributes().PutStr("test_id", u.UserID)
	}
	switch err := r.next.ConsumeLogs(req.Context(), ld); {
	case err == nil:
		w.WriteHeader(http.StatusCreated)
	case consumererror.IsPermanent(err):
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
