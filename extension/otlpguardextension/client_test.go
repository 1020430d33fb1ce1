// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/apispan/apispan/extension/otlpguardextension/internal/metadata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func newTestGuard(t *testing.T) (*guard, *componenttest.Telemetry) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	g, err := newGuard(set, defaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return g, tel
}

// TestHTTPClient: every status but those that speak of the data, or of the moment, is one
// that an exporter repeats, and a redirect is never followed.
func TestHTTPClient(t *testing.T) {
	t.Parallel()
	g, tel := newTestGuard(t)
	followed := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			followed = true
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", r.Header.Get("X-Kind"))
		w.Header().Set("Location", "/page")
		w.Header().Set("Retry-After", "7")
		code := 0
		for _, c := range r.URL.Query().Get("status") {
			code = code*10 + int(c-'0')
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "answer")
	}))
	defer srv.Close()
	wrap, err := g.GetHTTPRoundTripper(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rt, err := wrap(context.Background(), http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: rt}
	ask := func(status, kind string) int {
		req, _ := http.NewRequest(http.MethodPost, srv.URL+"/v1/traces?status="+status, strings.NewReader("spans"))
		req.Header.Set("X-Kind", kind)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, _ := io.ReadAll(resp.Body); status != "204" && status != "304" && string(b) != "answer" {
			t.Errorf("%s: body %q", status, b)
		}
		if resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%s: header lost", status)
		}
		return resp.StatusCode
	}
	const otlp = "application/x-protobuf"
	for status, want := range map[string]int{
		"200": 200, "202": 202, "204": 204, "400": 400, "413": 413, "429": 429, "502": 502, "503": 503, "504": 504,
		"301": 503, "302": 503, "303": 503, "304": 503, "307": 503, "308": 503,
		"401": 503, "402": 503, "403": 503, "404": 503, "405": 503, "406": 503, "407": 503, "409": 503, "410": 503, "411": 503,
		"415": 503, "418": 503, "421": 503, "422": 503, "426": 503, "431": 503, "451": 503, "499": 503,
		"500": 503, "501": 503, "505": 503, "507": 503, "511": 503, "520": 503, "599": 503,
	} {
		if got := ask(status, otlp); got != want {
			t.Errorf("%s became %d, want %d", status, got, want)
		}
	}
	for _, tc := range []struct {
		status, kind string
		want         int
	}{
		{"400", "text/plain; charset=utf-8", 503}, // HTTP at a port of TLS
		{"400", "text/html", 503},
		{"400", "", 503},
		{"400", "application/json", 400},
		{"200", "text/html; charset=utf-8", 503}, // a page that wants a login
		{"200", "application/json", 200},
		{"200", "", 200},
	} {
		if got := ask(tc.status, tc.kind); got != tc.want {
			t.Errorf("%s of type %q became %d, want %d", tc.status, tc.kind, got, tc.want)
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
	// Its body would be the connection, and whoever reads it would wait for ever.
	switching := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}))
	defer switching.Close()
	resp, err := client.Post(switching.URL, otlp, strings.NewReader("spans"))
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("101 became %v, %v", resp, err)
	}
	if b, err := io.ReadAll(resp.Body); len(b) > 0 || err != nil {
		t.Errorf("101 has the body %q, %v", b, err)
	}
	_ = resp.Body.Close()
	points, err := tel.GetMetric("otelcol_otlp_guard_kept_requests")
	if err != nil || len(points.Data.(metricdata.Sum[int64]).DataPoints) < 20 {
		t.Errorf("counted %v, %v", points, err)
	}
}

// answering is an OTLP receiver that answers one status.
type answering struct {
	ptraceotlp.UnimplementedGRPCServer

	err error
}

func (a *answering) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), a.err
}

// TestGRPCClient is TestHTTPClient for gRPC.
func TestGRPCClient(t *testing.T) {
	t.Parallel()
	g, tel := newTestGuard(t)
	opts, err := g.GetGRPCClientOptions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(answer error, server ...grpc.ServerOption) codes.Code {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := grpc.NewServer(server...)
		ptraceotlp.RegisterGRPCServer(srv, &answering{err: answer})
		go func() { _ = srv.Serve(ln) }()
		defer srv.Stop()
		conn, err := grpc.NewClient(ln.Addr().String(), append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		td := ptrace.NewTraces()
		td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("0123456789")
		_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		return status.Code(err)
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		want := codes.Unavailable
		switch code {
		case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.DataLoss, codes.InvalidArgument:
			want = code
		}
		if got := ask(status.Error(code, "no")); got != want {
			t.Errorf("%v became %v, want %v", code, got, want)
		}
	}
	if got := ask(nil); got != codes.OK {
		t.Errorf("OK became %v", got)
	}
	throttled, err := status.New(codes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(throttled.Err()); got != codes.ResourceExhausted {
		t.Errorf("a throttle became %v", got)
	}
	if got := ask(nil, grpc.MaxRecvMsgSize(5)); got != codes.ResourceExhausted {
		t.Errorf("a request above the limit became %v", got)
	}
	guarded := &guard{limits: limits{memory: 1, depth: 1}, logger: g.logger, telemetry: g.telemetry}
	if got := ask(nil, grpc.ForceServerCodecV2(codec{guard: guarded})); got != codes.Internal {
		t.Errorf("what the guard refuses became %v", got)
	}
	if got, err := tel.GetMetric("otelcol_otlp_guard_kept_requests"); err != nil || len(got.Data.(metricdata.Sum[int64]).DataPoints) < 8 {
		t.Errorf("counted %v, %v", got, err)
	}
}
