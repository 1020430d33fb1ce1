// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

const metloConfig = `
processors:
  http_redaction:
    session_key:
      key: test-encryption-key
      sources: [{ basic: true }]
exporters:
  api_analytics/metlo:
    dry_run: false # which it is in the demo
    metlo: { endpoint: "%s", api_key: metlo.key, api: v2 }
  api_analytics/metlo_v1:
    metlo: { endpoint: "%s", api_key: metlo.key }
service:
  pipelines:
    traces:
      exporters: [api_analytics/metlo, api_analytics/metlo_v1]
`

// TestMetlo sends spans through the real collector to a fake of Metlo's, over both
// interfaces. The session is that of the credential, and the credential is gone.
func TestMetlo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	const events = 120
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	fakes, url := startMetlo(ctx, t, bin)
	throughCollector(ctx, t, bin, fakes, "metlo", fmt.Sprintf(metloConfig, url, url), metloSpans(events), 2*events)
	sessions := 0
	for _, r := range fakes.Records() {
		switch {
		case r.Type == "violation":
			t.Errorf("%s: %s", r.Backend, r.Message)
		case r.Type == "event":
			if strings.Contains(string(r.Event), "dXNlcjpwYXNz") {
				t.Error("a credential came through")
			}
			var e struct {
				SessionMeta *struct{ UniqueSessionKey, AuthType string }
			}
			if err := json.Unmarshal(r.Event, &e); err != nil {
				t.Fatal(err)
			}
			if s := e.SessionMeta; s != nil {
				sessions++
				if s.UniqueSessionKey != "Qr3GKrgByxezgsNJEYvgT9qi0cgj3+782ZaPwByVw3E=" || s.AuthType != "basic" {
					t.Errorf("session %+v", *s)
				}
			}
		}
	}
	if sessions != events {
		t.Errorf("%d traces have a session, want the %d of v2", sessions, events)
	}
}

// metloSpans are calls with Basic authentication. Every third path is one that
// Metlo's collector would fail on.
func metloSpans(n int) ptrace.Traces {
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{2, byte(i)})
		span.SetSpanID([8]byte{2, byte(i)})
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(1_760_000_000_000_000_000)
		span.SetEndTimestamp(1_760_000_000_001_000_000)
		a := span.Attributes()
		a.PutStr("http.request.method", "POST")
		a.PutStr("url.path", []string{"/users/7", "//users//7", `/users/a=b&c\d`}[i%3])
		a.PutStr("http.route", "/users/{id}")
		a.PutInt("http.response.status_code", 200)
		a.PutEmptySlice("http.request.header.authorization").AppendEmpty().SetStr("Basic dXNlcjpwYXNz")
		a.PutEmptySlice("http.request.header.content-type").AppendEmpty().SetStr("application/json")
		a.PutStr("http.request.body.content", `{"name":"Ada","password":"dXNlcjpwYXNz"}`)
	}
	return traces
}
