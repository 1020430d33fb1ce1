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

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The second pipeline makes tokens of addresses before the exporter sees them, under
// the same fetched key.
const cerberusConfig = `
processors:
  http_redaction:
    preset: ""
    policy: { version: 1, preset: default, in: { client_ip: { action: keep } } }
  http_redaction/tokens:
    policy:
      version: 1
      preset: default
      in: { client_ip: { action: hmac } }
      hmac: { keys: [{ id: c1, source: cerberus }] }
    key_sources:
      cerberus: { url: "%[1]s", token: sk-e2e }
exporters:
  api_analytics/cerberus:
    dry_run: false # which it is in the demo
    cerberus: { endpoint: "%[1]s", token: sk-e2e, backend_url: "%[1]s" }
  api_analytics/cerberus_websocket:
    cerberus: { endpoint: "ws%[2]s/ws/events", token: sk-e2e, client_id: shop, backend_url: "%[1]s" }
service:
  pipelines:
    traces:
      exporters: [api_analytics/cerberus]
    traces/tokens:
      receivers: [otlp]
      processors: [http_redaction/tokens]
      exporters: [api_analytics/cerberus_websocket]
`

// TestCerberus sends spans through the real collector to a fake of Cerberus, over
// HTTP and over WebSocket, with the HMAC key that the fake hands out.
func TestCerberus(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the collector")
	}
	const events = 120
	bin := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	fakes, url := startFake(ctx, t, bin, "cerberus", "-cerberus-token", "sk-e2e",
		"-cerberus-secret-key", "0123456789abcdef0123456789abcdef", "-cerberus-fault", "take,reset")
	throughCollector(ctx, t, bin, fakes, "cerberus", fmt.Sprintf(cerberusConfig, url, strings.TrimPrefix(url, "http")), cerberusSpans(events), 2*events)
	addresses := map[string]int{}
	for _, r := range fakes.Records() {
		switch r.Type {
		case "violation":
			t.Errorf("%s: %s", r.Backend, r.Message)
		case "event":
			for _, secret := range []string{"192.168.1.1", "hunter2", "sk-e2e"} {
				if strings.Contains(string(r.Event), secret) {
					t.Errorf("%s came through: %s", secret, r.Event)
				}
			}
			var e struct {
				RemoteAddr string `json:"remote_addr"`
			}
			if err := json.Unmarshal(r.Event, &e); err != nil {
				t.Fatal(err)
			}
			addresses[e.RemoteAddr]++
		}
	}
	// HMAC-SHA256 of the address, and of its token.
	for _, hash := range []string{
		"f346514f73ce6ff8daf0f753d527d965f06e2d6dcf6ec07ef4a4e12477b778a2",
		"80fea7222e6b71ee2e9a4fc366f773059058a8c8a7f0e309282138e3d3cc7e24",
	} {
		if addresses[hash] < events {
			t.Errorf("%d events with the address %s", addresses[hash], hash)
		}
	}
	if len(addresses) != 2 {
		t.Errorf("addresses: %v", addresses)
	}
}

// cerberusSpans are calls with a password in the body.
func cerberusSpans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{7, byte(i)})
		s.SetSpanID([8]byte{7, byte(i)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		a := s.Attributes()
		a.PutStr("http.request.method", "POST")
		a.PutStr("url.path", fmt.Sprintf("/orders/%d", i))
		a.PutInt("http.response.status_code", 201)
		a.PutStr("client.address", "192.168.1.1")
		a.PutEmptySlice("http.request.header.content-type").AppendEmpty().SetStr("application/json")
		a.PutStr("http.request.body.content", `{"password":"hunter2","item":17}`)
	}
	return td
}
