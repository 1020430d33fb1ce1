// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/fromlog"
)

// TestAccessLogRecordsAreEvents: beside updates, under the gates, and only with a stamp.
func TestAccessLogRecordsAreEvents(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://127.0.0.1:1")
	cfg.FromLog = []fromlog.Mapping{{Preset: "traefik"}, {Preset: "caddy"}}
	r := newLogsRig(t, cfg)
	ld := entityLogs(
		userUpdate("u1", 1),
		update{"", map[string]any{"RequestMethod": "GET", "RequestPath": "/orders?x=1", "RequestHost": "api.example.com", "DownstreamStatus": 204}},
		update{"", map[string]any{"RequestMethod": "GET", "RequestPath": "/raw", "DownstreamStatus": 204}},
		update{"", map[string]any{"nothing": "known"}},
	)
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(2).Attributes().Remove("apispan.redaction.policy")
	req := r.exp.translator.translate(context.Background(), ld)
	if len(req.items) != 2 || len(req.streams) != 2 || req.streams[0] == "" || req.streams[1] != "" {
		t.Fatalf("%d items in streams %q", len(req.items), req.streams)
	}
	if s := string(req.items[1]); !strings.Contains(s, `"uri":"http://api.example.com/orders?x=1"`) || !strings.Contains(s, `"status":204`) {
		t.Errorf("event %s", s)
	}
	if req.size != len(req.items[0])+len(req.items[1]) {
		t.Errorf("size %d", req.size)
	}
}

// TestFromLogNeedsNoEntities: a backend without entities takes access logs, and without
// from_log says so.
func TestFromLogNeedsNoEntities(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://127.0.0.1:1")
	cfg.Moesif = configoptional.None[MoesifConfig]()
	cfg.Webhook.GetOrInsertDefault().Endpoint = "https://127.0.0.1:1/x"
	r := newRig(t, cfg)
	if _, err := newLogsExporter(context.Background(), r.set, cfg); err == nil || !strings.Contains(err.Error(), "from_log") {
		t.Errorf("error %v", err)
	}
	cfg.FromLog = []fromlog.Mapping{{Preset: "kong"}}
	if _, err := newLogsExporter(context.Background(), r.set, cfg); err != nil {
		t.Error(err)
	}
	cfg.FromLog[0].Preset = "apache"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "caddy, envoy, kong, nginx, traefik") {
		t.Errorf("error %v", err)
	}
}
