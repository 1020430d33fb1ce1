// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter"
	"github.com/apispan/apispan/instrumentation/captureexport"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// quarter samples every fourth request and says so, as a consistent sampler would.
type quarter struct{ n *int }

func (s quarter) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	ts, _ := trace.SpanContextFromContext(p.ParentContext).TraceState().Insert("ot", "th:c")
	*s.n++
	if *s.n%4 != 0 {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: ts}
}

func (quarter) Description() string { return "Quarter" }

// TestWeights adds up what a backend is told: with AlwaysRecord every exchange arrives
// and stands for itself, without it a quarter arrives and stands for all.
func TestWeights(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sampler func(sdktrace.Sampler) sdktrace.Sampler
		opts    []captureexport.Option
		want    map[string]int
	}{
		"every exchange": {sdktrace.AlwaysRecord, nil, map[string]int{"1": 20}},
		"sampled only": {
			func(s sdktrace.Sampler) sdktrace.Sampler { return s },
			[]captureexport.Option{captureexport.WithSampledOnly()}, map[string]int{"4": 5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			got := map[string]int{}
			for _, m := range regexp.MustCompile(`"weight":(\d+)`).FindAllStringSubmatch(moesifRequests(t, tc.sampler(quarter{&n}), tc.opts), -1) {
				got[m[1]]++
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("weights (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRatioSamplerStatesNoThreshold keeps docs/sampling.md true: the SDK's ratio sampler
// does not say what it left out, so what arrives counts once. Should an upgrade of the
// SDK break this, numbers have become right, and the page is to be changed.
func TestRatioSamplerStatesNoThreshold(t *testing.T) {
	t.Parallel()
	sampler := sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.9))
	weights := regexp.MustCompile(`"weight":(\d+)`).FindAllStringSubmatch(
		moesifRequests(t, sampler, []captureexport.Option{captureexport.WithSampledOnly()}), -1)
	if len(weights) == 0 {
		t.Fatal("nothing arrived")
	}
	for _, m := range weights {
		if m[1] != "1" {
			t.Errorf("weight %s", m[1])
		}
	}
}

// moesifRequests sends 20 requests to a server and their spans through the exporter.
func moesifRequests(t *testing.T, sampler sdktrace.Sampler, opts []captureexport.Option) string {
	t.Helper()
	factory := apianalyticsexporter.NewFactory()
	cfg := factory.CreateDefaultConfig().(*apianalyticsexporter.Config)
	cfg.RequireRedaction, cfg.DryRun, cfg.DryRunFile = false, true, filepath.Join(t.TempDir(), "requests")
	cfg.Moesif = configoptional.Some(apianalyticsexporter.MoesifConfig{ApplicationID: "id"})
	exporter, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		req := ptraceotlp.NewExportRequest()
		if req.UnmarshalProto(body) != nil || exporter.ConsumeTraces(r.Context(), req.Traces()) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer receiver.Close()

	otlp, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(receiver.URL+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler),
		sdktrace.WithSpanProcessor(captureexport.NewSpanProcessor(otlp, opts...)))
	h := httpcapture.NewHandler(http.NotFoundHandler(), "op", httpcapture.WithTracerProvider(provider))
	for range 20 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/a", nil))
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := exporter.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(cfg.DryRunFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(written)
}
