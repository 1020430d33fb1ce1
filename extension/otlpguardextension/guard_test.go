// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/apispan/apispan/extension/otlpguardextension/internal/metadata"
	"github.com/apispan/apispan/extension/otlpguardextension/internal/metadatatest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
)

type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// server is a real OTLP receiver behind the guard.
func server(t *testing.T) (overHTTP, overGRPC string, sink *consumertest.TracesSink, tel *componenttest.Telemetry) {
	t.Helper()
	tel = componenttest.NewTelemetry()
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	cfg := defaultConfig()
	cfg.MaxDecodedMiB = 32
	g, err := newGuard(set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	overHTTP, overGRPC = freeAddress(t), freeAddress(t)
	factory := otlpreceiver.NewFactory()
	rcfg := factory.CreateDefaultConfig()
	conf := map[string]any{"protocols": map[string]any{
		"http": map[string]any{"endpoint": overHTTP, "middlewares": []any{map[string]any{"id": "otlp_guard"}}},
		"grpc": map[string]any{"endpoint": overGRPC, "max_recv_msg_size_mib": 64, "middlewares": []any{map[string]any{"id": "otlp_guard"}}},
	}}
	if err := confmap.NewFromStringMap(conf).Unmarshal(rcfg); err != nil {
		t.Fatal(err)
	}
	sink = &consumertest.TracesSink{}
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), rcfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), host{map[component.ID]component.Component{component.NewID(metadata.Type): g}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown(context.Background()) })
	return overHTTP, overGRPC, sink, tel
}

func goodRequest(t *testing.T) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /users/{id}")
	s.Attributes().PutStr("http.request.body.content", strings.Repeat("x", 100_000))
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func post(t *testing.T, address, contentType string, b []byte) (int, string) {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(b)
	_ = z.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v1/traces", &buf)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Content-Encoding", "gzip")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }

func call(t *testing.T, address string, b []byte) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var answer []byte
	return conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", b, &answer, grpc.ForceCodecV2(rawCodec{}))
}

// TestRealReceiver sends what is harmless and what is not to an OTLP receiver.
func TestRealReceiver(t *testing.T) {
	overHTTP, overGRPC, sink, tel := server(t)
	spans := in(many(2<<20, field(2)), 1, 2)
	maps := in(deep(500_000, true), 1, 2, 2, 9, 2)
	nested := "{\"resourceSpans\":" + strings.Repeat("[", 1_000_000)

	for _, tt := range []struct{ name, kind, body, want string }{
		{"spans", "application/x-protobuf", string(spans), "max_decoded_mib"},
		{"maps", "application/x-protobuf", string(maps), "max_depth"},
		{"JSON", "application/json", nested, "max_depth"},
	} {
		if code, text := post(t, overHTTP, tt.kind, []byte(tt.body)); code != http.StatusBadRequest || !strings.Contains(text, tt.want) {
			t.Errorf("%s over HTTP: %d %q, want 400 and %s", tt.name, code, text, tt.want)
		}
	}
	for name, b := range map[string][]byte{"max_decoded_mib": spans, "max_depth": maps} {
		if err := call(t, overGRPC, b); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("over gRPC: %v, want %s", err, name)
		}
	}
	if n := sink.SpanCount(); n != 0 {
		t.Fatalf("%d spans came through", n)
	}
	good := goodRequest(t)
	if code, text := post(t, overHTTP, "application/x-protobuf", good); code != http.StatusOK {
		t.Errorf("a good request over HTTP: %d %s", code, text)
	}
	if err := call(t, overGRPC, good); err != nil {
		t.Errorf("a good request over gRPC: %v", err)
	}
	if n := sink.SpanCount(); n != 2 {
		t.Errorf("%d spans came through, want 2", n)
	}
	metadatatest.AssertEqualOtlpGuardRefusedRequests(t, tel, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("reason", "memory")), Value: 2},
		{Attributes: attribute.NewSet(attribute.String("reason", "depth")), Value: 3},
	}, metricdatatest.IgnoreTimestamp())
}

// TestLargeBody: the receiver's own limit is said by the receiver.
func TestLargeBody(t *testing.T) {
	overHTTP, _, sink, _ := server(t)
	if code, _ := post(t, overHTTP, "application/x-protobuf", make([]byte, 30<<20)); code < 400 || code > 499 {
		t.Errorf("a body above max_request_body_size: %d, want a refusal", code)
	}
	if sink.SpanCount() != 0 {
		t.Error("it came through")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{*defaultConfig(), ""},
		{Config{MaxDecodedMiB: 0, MaxDepth: 1}, "`max_decoded_mib` is 0"},
		{Config{MaxDecodedMiB: 1, MaxDepth: 0}, "`max_depth` is 0"},
		{Config{MaxDecodedMiB: 1, MaxDepth: 10_001}, "`max_depth` is 10001"},
	} {
		err := tt.cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 500 {
		s := spans.AppendEmpty()
		s.SetName("GET /users/{id}")
		for _, k := range []string{"http.request.method", "url.path", "http.route", "client.address", "http.request.header.accept"} {
			s.Attributes().PutStr(k, "some value")
		}
		s.Attributes().PutStr("http.request.body.content", strings.Repeat("x", 1000))
	}
	text, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if (limits{memory: 1 << 30, depth: 64}).request("traces", text) != fine {
				b.Fatal("refused")
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if err := ptraceotlp.NewExportRequest().UnmarshalProto(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
