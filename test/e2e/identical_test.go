// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/processor/httpredactionprocessor"
	"github.com/apispan/apispan/redact"
	"github.com/apispan/apispan/redact/redacttest"
)

// identicalPolicy uses every kind of rule on names that the shared cases use.
const identicalPolicy = `
version: 1
defaults: true
keys:
  deny: ["*password*", token, secret]
  hmac: [user_id, email, client_ip]
  drop: [x-internal-*]
patterns:
  card: mask
  email: hmac
hmac:
  active: k1
  keys: [{id: k1, value: "0123456789abcdef0123456789abcdef"}]
`

// TestInProcessEqualsCollector sends every shared case through two instrumented
// servers: one with WithPolicy, one without but with http_redaction behind it.
// The attributes that leave must be the same, byte for byte.
func TestInProcessEqualsCollector(t *testing.T) {
	t.Parallel()
	policy, err := redact.Compile([]byte(identicalPolicy))
	if err != nil {
		t.Fatal(err)
	}
	requests := sharedRequests(t)

	inProcess := capture(t, requests, httpcapture.WithPolicy(policy))
	raw := capture(t, requests)
	processed := redacted(t, raw, identicalPolicy)

	if inProcess.SpanCount() != len(requests) || processed.SpanCount() != len(requests) {
		t.Fatalf("%d requests, %d and %d spans", len(requests), inProcess.SpanCount(), processed.SpanCount())
	}
	want, got, before := spansByCase(inProcess), spansByCase(processed), spansByCase(raw)
	differs, hit := 0, 0
	for id := range want {
		// Without a policy the wrapper masks credentials in headers and queries by
		// itself, so the collector never sees them; in-process the policy decides
		// (it keeps, say, the names of cookies).
		for key, v := range before[id] {
			if list, ok := v.([]any); ok && len(list) > 0 && list[0] == "[REDACTED]" {
				delete(want[id], key)
				delete(got[id], key)
			}
			if text, ok := v.(string); ok && key == httpattr.URLQuery && strings.Contains(text, "[REDACTED]") {
				delete(want[id], key)
				delete(got[id], key)
			}
		}
		if diff := cmp.Diff(want[id], got[id]); diff != "" {
			if differs++; differs <= 5 {
				t.Errorf("%s: in-process (-) and collector (+) differ:\n%s", id, diff)
			}
		}
		for _, key := range []string{httpattr.RequestBody, httpattr.URLQuery} {
			if v, ok := before[id][key]; ok && !cmp.Equal(want[id][key], v) {
				hit++
			}
		}
	}
	if differs > 0 {
		t.Errorf("%d of %d cases differ", differs, len(want))
	}
	if hit < len(want)/2 {
		t.Errorf("the policy changed only %d bodies and queries of %d spans: the test proves little", hit, len(want))
	}
	t.Logf("%d cases, %d bodies and queries changed by the policy", len(want), hit)
}

type sharedRequest struct {
	id, contentType, body, query string
	header                       http.Header
}

// sharedRequests turns the engine's own cases into requests whose response is the
// same text again.
func sharedRequests(t *testing.T) []sharedRequest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repoRoot(t), "redact", "testdata", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := redacttest.Load(redacttest.Strict, files...)
	if err != nil {
		t.Fatal(err)
	}
	var requests []sharedRequest
	for _, c := range cases {
		raw, err := c.Raw()
		if err != nil || len(raw) > 6000 {
			continue
		}
		r := sharedRequest{id: c.ID, header: http.Header{}}
		switch c.Where {
		case "request_body", "response_body":
			r.contentType, r.body = c.ContentType, raw
		case "query":
			if strings.ContainsAny(raw, " #\r\n\t") {
				continue
			}
			r.query = strings.TrimPrefix(raw, "?")
		case "cookie":
			r.header.Set("Cookie", strings.TrimPrefix(raw, "Set-Cookie: "))
		case "header":
			for line := range strings.SplitSeq(raw, "\r\n") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					r.header.Add(name, value)
				}
			}
		default:
			continue
		}
		requests = append(requests, r)
	}
	if len(requests) < 100 {
		t.Fatalf("only %d shared cases", len(requests))
	}
	return requests
}

// capture serves the requests with an instrumented handler and returns the spans
// as an OTLP receiver gets them.
func capture(t *testing.T, requests []sharedRequest, opts ...httpcapture.Option) ptrace.Traces {
	t.Helper()
	var mu sync.Mutex
	received := ptrace.NewTraces()
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		req := ptraceotlp.NewExportRequest()
		if err := req.UnmarshalProto(body); err != nil {
			t.Errorf("OTLP: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		req.Traces().ResourceSpans().MoveAndAppendTo(received.ResourceSpans())
	}))
	defer receiver.Close()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(receiver.URL))
	if err != nil {
		t.Fatal(err)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = 1000
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(1<<16)), sdktrace.WithRawSpanLimits(limits))
	opts = append([]httpcapture.Option{
		httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithAllHeaders(),
		httpcapture.WithContentTypes("*/*"), httpcapture.WithTracerProvider(tp),
	}, opts...)
	handler := httpcapture.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u-1", Email: "ada@example.com", Label: "4111 1111 1111 1111"})
		httpcapture.SetMetadata(r.Context(), "token", "from the handler")
		httpcapture.SetMetadata(r.Context(), "note", "plain")
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body)
	}), "identical", opts...)

	for _, r := range requests {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://shop.example.com/case/"+r.id, strings.NewReader(r.body))
		req.URL.RawQuery = r.query
		req.RequestURI = req.URL.RequestURI()
		if r.contentType != "" {
			req.Header.Set("Content-Type", r.contentType)
		}
		maps.Copy(req.Header, r.header)
		handler.ServeHTTP(httptest.NewRecorder(), req)
	}
	if err := tp.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return received
}

// redacted sends a copy of the traces through the processor.
func redacted(t *testing.T, td ptrace.Traces, policy string) ptrace.Traces {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	factory := httpredactionprocessor.NewFactory()
	cfg := factory.CreateDefaultConfig().(*httpredactionprocessor.Config)
	cfg.PolicyFile = file
	sink := &consumertest.TracesSink{}
	p, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(component.MustNewType("http_redaction")), cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	copied := ptrace.NewTraces()
	td.CopyTo(copied)
	if err := p.ConsumeTraces(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	out := ptrace.NewTraces()
	for _, batch := range sink.AllTraces() {
		batch.ResourceSpans().MoveAndAppendTo(out.ResourceSpans())
	}
	return out
}

// spansByCase returns the attributes of each span by the id at the end of its
// path, in raw form so that order and bytes count.
func spansByCase(td ptrace.Traces) map[string]map[string]any {
	spans := map[string]map[string]any{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				attrs := s.Attributes().AsRaw()
				path, _ := attrs[httpattr.URLPath].(string)
				// How often the policy acted may differ: the wrapper does not
				// count what the tracing instrumentation added later.
				delete(attrs, httpattr.RedactionCount)
				spans[path] = attrs
			}
		}
	}
	return spans
}
