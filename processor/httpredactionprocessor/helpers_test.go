// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"context"
	"encoding/base64"
	"flag"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/metadata"
)

var update = flag.Bool("update", false, "write golden files")

func sorted(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return out
}

func newTestRedactor(cfg *Config, s signal) (*redactor, error) {
	return newRedactor(processortest.NewNopSettings(metadata.Type), cfg, s)
}

// redactorFor makes a redactor from YAML text. tel may be nil.
func redactorFor(t testing.TB, config string, tel *componenttest.Telemetry) *redactor {
	t.Helper()
	set := processortest.NewNopSettings(metadata.Type)
	if tel != nil {
		set.TelemetrySettings = tel.NewTelemetrySettings()
	}
	r, err := newRedactor(set, mustConfig(t, config), signalTraces)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *redactor) mustTraces(t testing.TB, td ptrace.Traces) ptrace.Traces {
	t.Helper()
	out, err := r.processTraces(context.Background(), td)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *redactor) mustLogs(t testing.TB, ld plog.Logs) plog.Logs {
	t.Helper()
	out, err := r.processLogs(context.Background(), ld)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// newSpan returns traces with one SERVER span and that span.
func newSpan() (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("GET")
	span.SetKind(ptrace.SpanKindServer)
	return td, span
}

func onlySpan(t testing.TB, td ptrace.Traces) ptrace.Span {
	t.Helper()
	if td.SpanCount() != 1 {
		t.Fatalf("%d spans are left, want 1", td.SpanCount())
	}
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

// tracesText returns everything that leaves, in JSON (where byte slices are
// base64) and in protobuf (where they are not).
func tracesText(t testing.TB, td ptrace.Traces) string {
	t.Helper()
	j, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return string(j) + string(p)
}

func logsText(t testing.TB, ld plog.Logs) string {
	t.Helper()
	j, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	if err != nil {
		t.Fatal(err)
	}
	return string(j) + string(p)
}

// mustNotHold fails if text holds the secret as it is or in base64.
func mustNotHold(t testing.TB, text, secret string) {
	t.Helper()
	for shift := range 3 {
		// Base64 of a text depends on its position modulo 3: compare what is stable.
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		if core := enc[4 : len(enc)-4]; len(core) > 6 && strings.Contains(text, core) {
			t.Errorf("the output holds %q in base64", secret)
		}
	}
	if i := strings.Index(text, secret); i >= 0 {
		t.Errorf("the output holds %q: …%s…", secret, text[max(0, i-120):min(len(text), i+60)])
	}
}

// sum adds up a counter over all attribute sets.
func sum(t testing.TB, tel *componenttest.Telemetry, name string) int64 {
	t.Helper()
	return sumWhere(t, tel, name)
}

// sumWhere adds up the points of a counter that have the given attributes.
func sumWhere(t testing.TB, tel *componenttest.Telemetry, name string, kvs ...string) (n int64) {
	t.Helper()
	m, err := tel.GetMetric(name)
	if err != nil {
		return 0
	}
	data, ok := m.Data.(metricdata.Sum[int64])
	if !ok {
		t.Fatalf("%s is a %T", name, m.Data)
	}
points:
	for _, p := range data.DataPoints {
		for i := 0; i < len(kvs); i += 2 {
			if v, _ := p.Attributes.Value(attribute.Key(kvs[i])); v.AsString() != kvs[i+1] {
				continue points
			}
		}
		n += p.Value
	}
	return n
}
