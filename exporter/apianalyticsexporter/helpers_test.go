// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"encoding/base64"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/metadata"
)

const (
	// marker stands in every body, header and identity that the tests send, and
	// must never reach a log, an error or a metric.
	marker = "SECRET-d41d8cd9"
	appID  = "application-id-" + marker
)

// spanStart is the start of all spans in tests.
var spanStart = time.Date(2026, 1, 31, 10, 11, 12, 0, time.UTC)

// traces returns n redacted server exchanges numbered from first.
func traces(first, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	for i := range n {
		addSpan(ss.Spans().AppendEmpty(), first+i)
	}
	return td
}

// largeTraces are traces with bodies of 12 kB, of which one cannot be compressed.
func largeTraces(first, n int) ptrace.Traces {
	td := traces(first, n)
	for i, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		noise := make([]byte, 9000)
		rng := rand.New(rand.NewPCG(uint64(first+i), 0))
		for j := range noise {
			noise[j] = byte(rng.Uint32())
		}
		s.Attributes().PutStr("http.request.body.content", `{"note":"`+base64.StdEncoding.EncodeToString(noise)+`"}`)
		s.Attributes().PutStr("http.response.body.content", `{"list":[`+strings.Repeat(`"one",`, 2000)+`"two"]}`)
	}
	return td
}

func addSpan(s ptrace.Span, number int) {
	s.SetTraceID([16]byte{1, byte(number >> 16), byte(number >> 8), byte(number)})
	s.SetSpanID([8]byte{1, byte(number >> 16), byte(number >> 8), byte(number)})
	s.SetKind(ptrace.SpanKindServer)
	s.SetName("POST /orders")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(spanStart))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(spanStart.Add(20 * time.Millisecond)))
	a := s.Attributes()
	a.PutStr("http.request.method", "POST")
	a.PutStr("url.scheme", "https")
	a.PutStr("url.path", "/orders")
	a.PutStr("http.route", "/orders")
	a.PutInt("http.response.status_code", 200)
	a.PutEmptySlice("http.request.header.host").AppendEmpty().SetStr("api.example.com")
	a.PutEmptySlice("http.request.header.content-type").AppendEmpty().SetStr("application/json")
	a.PutEmptySlice("http.request.header.x-note").AppendEmpty().SetStr(marker)
	a.PutEmptySlice("http.response.header.content-type").AppendEmpty().SetStr("application/json")
	a.PutStr("http.request.body.content", `{"note":"`+marker+`"}`)
	a.PutStr("http.response.body.content", `{"ok":true}`)
	a.PutStr("client.address", "203.0.113.7")
	a.PutStr("user.id", "user-"+marker)
	a.PutStr("apispan.consumer.id", "consumer-1")
	a.PutStr("apispan.redaction.policy", "policy-1")
}

// rig is an exporter under test with everything it reports.
type rig struct {
	t    testing.TB
	cfg  *Config
	host *testHost
	exp  *tracesExporter
	tel  *componenttest.Telemetry
	logs *observer.ObservedLogs
	set  exporter.Settings
}

// testConfig is the default configuration for Moesif at the endpoint, with
// backoff in milliseconds.
func testConfig(endpoint string) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.ClientConfig.Endpoint = endpoint
	cfg.ClientConfig.Timeout = time.Minute
	cfg.RetryConfig.InitialInterval = time.Millisecond
	cfg.RetryConfig.MaxInterval = 5 * time.Millisecond
	cfg.Moesif = configoptional.Some(MoesifConfig{
		ApplicationID: configopaque.String(appID),
		Gates:         Gates{Bodies: BodiesAll, Headers: true},
	})
	return cfg
}

// withoutQueue makes ConsumeTraces wait for the result.
func withoutQueue(cfg *Config) {
	cfg.QueueConfig = configoptional.None[exporterhelper.QueueBatchConfig]()
}

func newRig(t testing.TB, cfg *Config) *rig {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	tel := componenttest.NewTelemetry()
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	set.Logger = zap.New(core)
	set.BuildInfo.Version = "1.2.3"
	exp, err := newTracesExporter(context.Background(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	r := &rig{t: t, cfg: cfg, host: &testHost{}, exp: exp, tel: tel, logs: logs, set: set}
	if _, ok := exp.sender.transport.(*cerberus.WebSocket); ok {
		// As that of HTTP above: what a busy machine is late with is not lost.
		r.ws().AckTimeout = time.Minute
	}
	return r
}

// start starts the exporter and shuts it down at the end of the test.
func (r *rig) start() *rig {
	r.t.Helper()
	if err := r.exp.Start(context.Background(), r.host); err != nil {
		r.t.Fatal(err)
	}
	var once sync.Once
	r.t.Cleanup(func() { once.Do(func() { r.shutdown() }) })
	return r
}

// shutdown may be called more than once.
func (r *rig) shutdown() {
	r.t.Helper()
	if r.exp.stopping.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.exp.Shutdown(ctx); err != nil {
		r.t.Errorf("Shutdown: %v", err)
	}
}

// counts are the exporter's own metrics.
type counts struct {
	Translated, Sent, Retried, Truncated, Unreadable, LeftOut, Degraded, Unkeyed int64
	Dropped, Skipped, Requests                                                   map[string]int64
	RecordsSkipped                                                               map[string]int64
}

func (c counts) droppedAll() (n int64) {
	for _, v := range c.Dropped {
		n += v
	}
	return n
}

func (r *rig) counts() counts {
	r.t.Helper()
	c := counts{Dropped: map[string]int64{}, Skipped: map[string]int64{}, Requests: map[string]int64{}, RecordsSkipped: map[string]int64{}}
	sum := func(name, label string, into map[string]int64) (total int64) {
		m, err := r.tel.GetMetric("otelcol_exporter_api_analytics_" + name)
		if err != nil {
			return 0 // nothing counted yet
		}
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			total += p.Value
			if label != "" {
				v, _ := p.Attributes.Value(attribute.Key(label))
				into[v.AsString()] += p.Value
			}
		}
		return total
	}
	c.Translated = sum("events_translated", "", nil)
	c.Sent = sum("events_sent", "", nil)
	c.Retried = sum("events_retried", "", nil)
	c.Truncated = sum("events_truncated", "", nil)
	c.LeftOut = sum("events_left_out", "", nil)
	c.Degraded = sum("events_degraded", "", nil)
	c.Unreadable = sum("queue_unreadable", "", nil)
	c.Unkeyed = sum("events_unkeyed", "", nil)
	sum("events_dropped", "reason", c.Dropped)
	sum("spans_skipped", "reason", c.Skipped)
	sum("log_records_skipped", "reason", c.RecordsSkipped)
	sum("requests", "outcome", c.Requests)
	return c
}

// checkBooks checks that every translated event is accounted for.
func (r *rig) checkBooks() counts {
	r.t.Helper()
	c := r.counts()
	if c.Translated != c.Sent+c.droppedAll() {
		r.t.Errorf("translated %d != sent %d + dropped %v", c.Translated, c.Sent, c.Dropped)
	}
	return c
}

// waitFor polls until the condition holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("timeout waiting until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// testHost records component status.
type testHost struct {
	mu         sync.Mutex
	statuses   []componentstatus.Status
	errs       []error
	extensions map[component.ID]component.Component
}

func (h *testHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *testHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = append(h.statuses, e.Status())
	h.errs = append(h.errs, e.Err())
}

func (h *testHost) reported() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]componentstatus.Status(nil), h.statuses...)
}

var itemsSizer = exporterhelper.RequestSizerTypeItems

// hanging holds up requests to the path ("" means all) until release is closed.
func hanging(next http.Handler, path string, release <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path == "" || r.URL.Path == path {
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
