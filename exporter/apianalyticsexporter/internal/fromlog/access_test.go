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
		if ok, _ := m.Span(rec, span); !ok {
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
			m, _ := (&Mapping{Preset: other}).Compile("x")
			if _, whole := m.Span(rec, ptrace.NewSpan()); other != tc.preset && whole {
				t.Errorf("%s is taken for %s", name, other)
			}
		}
	}
}

// TestAccessLogsAsTheyCome: what callers and operators make of the formats.
func TestAccessLogsAsTheyCome(t *testing.T) {
	t.Parallel()
	const (
		envoy = `[2026-01-02T03:04:05.000Z] "%s" %s - 4 9 250 248 "198.51.100.1" "%s" "r-1" "api.example.com" "10.0.0.9:80"`
		nginx = `203.0.113.7 - %s [02/Jan/2026:03:04:05 +0000] "%s" %s`
	)
	for _, tc := range []struct {
		preset string
		body   any
		want   string // method, URL, status, duration; "" for no exchange
	}{
		{"envoy", fmt.Sprintf(envoy, "GET /a b c HTTP/1.1", "400", "u"), "GET http://api.example.com/a%20b%20c 400 250ms"},
		{"envoy", fmt.Sprintf(envoy, "GET /a HTTP/2", "200", `a "b" c`), "GET http://api.example.com/a 200 250ms"},
		{"envoy", fmt.Sprintf(envoy, "GET /a HTTP/2", "200", `x HTTP/1.1" 500 - 1 1 1 1 "y`), "GET http://api.example.com/a 200 250ms"},
		{"envoy", fmt.Sprintf(envoy, "GET /a HTTP/2", "0", "-"), "GET http://api.example.com/a 0 250ms"},
		{"envoy", fmt.Sprintf(envoy, "get /a HTTP/1.1", "200", "u"), "GET http://api.example.com/a 200 250ms"},
		{"envoy", fmt.Sprintf(envoy, "- - HTTP/1.1", "400", "u"), ""},
		{"envoy", fmt.Sprintf(envoy, "GET /a HTTP/1.1", "200", "u") + ` outbound|80||x 10.0.0.1:1 10.0.0.2:80 203.0.113.7:9 - default`, "GET http://api.example.com/a 200 250ms"},
		{"envoy", fmt.Sprintf(envoy, "GET /a HTTP/1.1", "200", "u") + ` "more" of our own`, "GET http://api.example.com/a 200 250ms"},
		{"nginx", fmt.Sprintf(nginx, "ada b", "GET /a HTTP/1.1", `401 9 "-" "u"`), "GET http:///a 401 0s"},
		{"nginx", fmt.Sprintf(nginx, "-", "GET /a|b HTTP/1.1", `200 - "http://x/?q=\x22|\x22" "a \x22b\x22"`), "GET http:///a%7Cb 200 0s"},
		{"nginx", fmt.Sprintf(nginx, "-", `GET /a\x22b HTTP/1.1`, `200 9 "-" "a \"b\" c" "198.51.100.2"`), "GET http:///a%5Cx22b 200 0s"},
		{"nginx", fmt.Sprintf(nginx, "-", "GET /a HTTP/1.1", "200 9"), "GET http:///a 200 0s"}, // the common format
		{"nginx", fmt.Sprintf(nginx, "-", "GET /a b HTTP/1.1", `400 9 "-" "-"`), "GET http:///a%20b 400 0s"},
		{"nginx", fmt.Sprintf(nginx, "-", "GET /", `200 9 "-" "-"`), "GET http:/// 200 0s"},
		{"nginx", fmt.Sprintf(nginx, "-", `\x16\x03\x01`, `400 9 "-" "-"`), ""},
		{"nginx", fmt.Sprintf(nginx, "-", "", `400 0 "-" "-"`), ""},
		{"nginx", map[string]any{"request": "PUT /a?b=c HTTP/1.1", "status": 200, "request_time": "0.5", "time_iso8601": "2026-01-02T03:04:05.5+00:00"}, "PUT http:///a?b=c 200 500ms"},
		{"nginx", map[string]any{"request": "PUT /a HTTP/1.1", "status": "204", "request_time": 0.5, "msec": "1767323045.500"}, "PUT http:///a 204 500ms"},
		{"nginx", map[string]any{"request": map[string]any{"method": "GET"}, "status": "204"}, ""},
		{"traefik", map[string]any{"RequestMethod": "GET", "RequestPath": "/a", "RequestHost": "h", "RequestPort": "8080", "DownstreamStatus": 200, "Duration": "3ms"}, "GET http://h:8080/a 200 3ms"},
		{"traefik", map[string]any{"RequestMethod": "GET", "RequestPath": "/a", "RequestHost": "h", "RequestPort": "-", "DownstreamStatus": 200, "Duration": -1}, "GET http://h/a 200 0s"},
		{"caddy", map[string]any{"ts": "2026-01-02T03:04:05.250Z", "request": map[string]any{"method": "GET", "uri": "/a", "host": "h"}, "status": 200, "duration": "250ms"}, "GET http://h/a 200 250ms"},
		{"caddy", map[string]any{"ts": 1767323045.25, "request": map[string]any{"method": "GET", "uri": "/a", "host": "h"}, "status": 200, "duration": 0.25}, "GET http://h/a 200 250ms"},
		{"kong", map[string]any{"request": map[string]any{"method": "GET", "uri": "/a"}, "response": map[string]any{"status": 499}, "latencies": map[string]any{"request": -1}, "client_ip": "-"}, "GET http:///a 499 0s"},
	} {
		m, errs := (&Mapping{Preset: tc.preset}).Compile("from_log[0]")
		if errs != nil {
			t.Fatal(errs)
		}
		span := ptrace.NewSpan()
		got := ""
		if ok, whole := m.Span(accessRecord(t, tc.body, nil), span); ok {
			ex, _ := fromspan.Read(pcommon.NewResource(), span)
			got = fmt.Sprintf("%s %s %d %s", ex.Method, ex.URL(), ex.Status, ex.End.Sub(ex.Start))
			if !whole || !ex.Start.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
				t.Errorf("%v: whole is %v, begins at %v", tc.body, whole, ex.Start)
			}
		}
		if got != tc.want {
			t.Errorf("%v\n got %s\nwant %s", tc.body, got, tc.want)
		}
	}
	m, _ := (&Mapping{Preset: "kong"}).Compile("x")
	for _, body := range []any{"", "hello", "{", `{"request":"x"}`, 7, []any{"x"}, map[string]any{"request": map[string]any{"method": 7, "uri": "/"}}, strings.Repeat("{", 100_000)} {
		if ok, _ := m.Span(accessRecord(t, body, nil), ptrace.NewSpan()); ok {
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
