// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromspan"
)

func accessRecord(t testing.TB, body any, attrs map[string]any) plog.LogRecord {
	t.Helper()
	rec := plog.NewLogRecord()
	rec.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	if err := rec.Body().FromRaw(body); err != nil {
		t.Fatal(err)
	}
	if err := rec.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestAccessLogs reads the documented formats; words and values are our own.
func TestAccessLogs(t *testing.T) {
	t.Parallel()
	const want = "POST http://api.example.com/orders?x=1 201 203.0.113.7 250ms"
	envoy := map[string]any{
		"method": "POST", "path": "/orders?x=1", "protocol": "HTTP/1.1", "response_code": "201", "bytes_received": "4", "bytes_sent": 9,
		"authority": "api.example.com", "duration": 250, "x_forwarded_for": "198.51.100.1", "downstream_remote_address": "203.0.113.7:5", "user_agent": "u",
	}
	for name, tc := range map[string]struct {
		preset string
		body   any
		attrs  map[string]any
	}{
		"envoy attributes": {"envoy", "text", envoy},
		"envoy body":       {"envoy", envoy, nil},
		"envoy text":       {"envoy", `[2026-01-02T03:04:05.000Z] "POST /orders?x=1 HTTP/1.1" 201 - 4 9 250 248 "198.51.100.1" "u" "r-1" "api.example.com" "10.0.0.9:80"` + "\n", nil},
		"istio text":       {"envoy", `[2026-01-02T03:04:05.000Z] "POST /orders?x=1 HTTP/1.1" 201 - via_upstream - "-" 4 9 250 248 "198.51.100.1" "u" "r-1" "api.example.com" "10.0.0.9:80" outbound`, nil},
		"nginx JSON":       {"nginx", `{"request_method":"POST","request_uri":"/orders?x=1","status":"201","body_bytes_sent":"9","request_time":"0.250","remote_addr":"203.0.113.7","host":"api.example.com","scheme":"http","http_user_agent":"-"}`, nil},
		"traefik":          {"traefik", `{"RequestMethod":"POST","RequestPath":"/orders?x=1","RequestHost":"api.example.com","RequestScheme":"http","DownstreamStatus":201,"Duration":250000000,"ClientHost":"203.0.113.7","ClientPort":"5","StartUTC":"2026-01-02T03:04:05Z","request_X-A":"1","downstream_Etag":"w"}`, nil},
		"caddy": {"caddy", map[string]any{
			"request": map[string]any{"method": "POST", "uri": "/orders?x=1", "host": "api.example.com", "client_ip": "203.0.113.7", "proto": "HTTP/2.0", "headers": map[string]any{"X-A": []any{"1"}}},
			"status":  201, "duration": 0.25, "size": 9,
		}, nil},
		"kong": {"kong", map[string]any{
			"request":   map[string]any{"method": "POST", "uri": "/orders?x=1", "url": "http://api.example.com/orders", "headers": map[string]any{"x-a": "1"}},
			"response":  map[string]any{"status": 201, "headers": map[string]any{"etag": "w"}},
			"latencies": map[string]any{"request": 250}, "client_ip": "203.0.113.7", "started_at": 1767323045000, "consumer": map[string]any{"id": "c-1", "username": "ada"},
		}, nil},
	} {
		m, errs := (&Mapping{Preset: tc.preset}).Compile("from_log[0]")
		if errs != nil {
			t.Fatal(errs)
		}
		rec := accessRecord(t, tc.body, tc.attrs)
		span := ptrace.NewSpan()
		if !m.Span(rec, span) {
			t.Errorf("%s: no exchange", name)
			continue
		}
		ex, skip := fromspan.Read(pcommon.NewResource(), span)
		if skip != fromspan.Taken {
			t.Errorf("%s: %s", name, skip)
			continue
		}
		if strings.HasSuffix(name, " text") && ex.ClientAddress == "" {
			ex.ClientAddress = "203.0.113.7" // the format has only what a caller may write
		}
		if got := fmt.Sprintf("%s %s %d %s %s", ex.Method, ex.URL(), ex.Status, ex.ClientAddress, ex.End.Sub(ex.Start)); got != want {
			t.Errorf("%s: %s", name, got)
		}
		if !ex.Start.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%s starts at %v", name, ex.Start)
		}
		again := ptrace.NewSpan()
		m.Span(rec, again)
		if second, _ := fromspan.Read(pcommon.NewResource(), again); second.ID != ex.ID {
			t.Errorf("%s: another attempt has another id", name)
		}
		for other := range presets {
			if m, _ := (&Mapping{Preset: other}).Compile("x"); other != tc.preset && m.Span(rec, ptrace.NewSpan()) && other+tc.preset != "kongcaddy" && other+tc.preset != "caddykong" {
				t.Errorf("%s is taken for %s", name, other)
			}
		}
	}
	m, _ := (&Mapping{Preset: "kong"}).Compile("x")
	for _, body := range []any{"", "hello", "{", `{"request":"x"}`, 7, []any{"x"}, map[string]any{"request": map[string]any{"method": 7, "uri": "/"}}, strings.Repeat("{", 100_000)} {
		if m.Span(accessRecord(t, body, nil), ptrace.NewSpan()) {
			t.Errorf("%.20v is an exchange", body)
		}
	}
}

func TestMappingErrors(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Mapping{
		"`from_log[0]::preset` is \"apache\"":      {Preset: "apache"},
		"has no source of http.request.method":     {},
		"has \"verb\", which is no attribute":      {Preset: "kong", Fields: map[string]string{"verb": "x"}},
		"has \"apispan.redaction.policy\", which":  {Preset: "kong", Fields: map[string]string{"apispan.redaction.policy": "x"}},
		"`from_log[0]::unit` is \"minutes\"":       {Preset: "kong", Unit: "minutes"},
		"`from_log[0]::fields::user.id` is empty:": {Preset: "kong", Fields: map[string]string{"user.id": ""}},
	} {
		_, errs := m.Compile("from_log[0]")
		if !strings.Contains(fmt.Sprint(errs), want) {
			t.Errorf("%v lacks %s", errs, want)
		}
	}
	m, errs := (&Mapping{Preset: "nginx", Fields: map[string]string{"user.id": "uid"}, Unit: "ms"}).Compile("x")
	if errs != nil || m.Fields["user.id"] != "uid" || m.Unit != "ms" || presets["nginx"].Fields["user.id"] != "" {
		t.Errorf("%+v %v", m, errs)
	}
}
