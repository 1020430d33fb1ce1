// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package alertcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// behaviours are series, a minute apart, in which a rule must hold or must not, half an
// hour in. EXPORTER stands for labels that are always there.
var behaviours = []struct {
	name, alert, series string
	want                bool
}{
	{"sends nothing", "ApispanNothingSent", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 0+60x40`, true},
	{"sends nothing any more", "ApispanNothingSent", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 0+60x40
  otelcol_exporter_api_analytics_events_sent{EXPORTER} 0+60x10 600x30`, true},
	{"sends", "ApispanNothingSent", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 0+60x40
  otelcol_exporter_api_analytics_events_sent{EXPORTER} 0+60x40`, false},
	{"drops everything, as a dry run", "ApispanNothingSent", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 0+60x40
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="dry_run"} 0+60x40`, false},
	{"has nothing to send", "ApispanNothingSent", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 600x40
  otelcol_exporter_api_analytics_events_sent{EXPORTER} 600x40`, false},

	{"the first of its kind", "ApispanEventsDropped", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="rejected"} _x25 1x15`, true},
	{"one more", "ApispanEventsDropped", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="rejected"} 5x25 6x15`, true},
	{"long ago", "ApispanEventsDropped", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="rejected"} 5x40`, false},
	{"expected", "ApispanEventsDropped", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="health_check"} 0+5x40`, false},
	{"another alert's", "ApispanEventsDropped", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="unredacted"} 0+5x40`, false},
	{"everybody is masked", "ApispanEventsLack", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 0+60x40
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="no_identity"} 0+60x40`, true},
	{"a few break off", "ApispanEventsLack", `
  otelcol_exporter_api_analytics_events_translated{EXPORTER} 0+60x40
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="no_status"} 0+3x40`, false},
	{"unredacted", "ApispanUnredacted", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="unredacted"} _x25 3x15`, true},
	{"first unreadable request", "ApispanStoredRequestUnreadable", `
  otelcol_exporter_api_analytics_queue_unreadable{EXPORTER} _x25 1x15`, true},

	{"refuses us", "ApispanBackendRefusesUs", `
  otelcol_exporter_api_analytics_requests{EXPORTER, outcome="outage"} 0+1x40`, true},
	{"down", "ApispanBackendDown", `
  otelcol_exporter_api_analytics_requests{EXPORTER, outcome="no_answer"} 0+1x40
  otelcol_exporter_api_analytics_requests{EXPORTER, outcome="delivered"} 0+1x10 10x30`, true},
	{"hiccups", "ApispanBackendDown", `
  otelcol_exporter_api_analytics_requests{EXPORTER, outcome="retry"} 0+1x40
  otelcol_exporter_api_analytics_requests{EXPORTER, outcome="delivered"} 0+1x40`, false},

	{"fills", "ApispanQueueFilling", `
  otelcol_exporter_queue_size{EXPORTER, data_type="traces"} 60x40
  otelcol_exporter_queue_capacity{EXPORTER, data_type="traces"} 100x40`, true},
	{"has room", "ApispanQueueFilling", `
  otelcol_exporter_queue_size{EXPORTER, data_type="traces"} 40x40
  otelcol_exporter_queue_capacity{EXPORTER, data_type="traces"} 100x40`, false},
	{"refuses with room", "ApispanStorageRefuses", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="refused"} 0+5x40
  otelcol_exporter_queue_size{EXPORTER, data_type="traces"} 10x40
  otelcol_exporter_queue_capacity{EXPORTER, data_type="traces"} 100x40`, true},
	{"refuses because it is full", "ApispanStorageRefuses", `
  otelcol_exporter_api_analytics_events_dropped{EXPORTER, reason="refused"} 0+5x40
  otelcol_exporter_queue_size{EXPORTER, data_type="traces"} 99x40
  otelcol_exporter_queue_capacity{EXPORTER, data_type="traces"} 100x40`, false},

	{"as ever", "ApispanFailClosed", `
  otelcol_processor_http_redaction_fail_closed{job="j", instance="i", outcome="truncated", part="request_body"} 0+10x1600
  otelcol_processor_http_redaction_items{job="j", instance="i", signal="traces"} 0+60x1600`, false},
	{"much more than yesterday", "ApispanFailClosed", `
  otelcol_processor_http_redaction_fail_closed{job="j", instance="i", outcome="malformed", part="request_body"} 0+1x1450 1450+10x100
  otelcol_processor_http_redaction_items{job="j", instance="i", signal="traces"} 0+60x1600`, true},
	{"more, and still little", "ApispanFailClosed", `
  otelcol_processor_http_redaction_fail_closed{job="j", instance="i", outcome="malformed", part="request_body"} 0x1450 0+1x100
  otelcol_processor_http_redaction_items{job="j", instance="i", signal="traces"} 0+60x1600`, false},
	{"the first panic", "ApispanRedactionDefect", `
  otelcol_processor_http_redaction_fail_closed{job="j", instance="i", outcome="panic", part="request_body"} _x25 1x15`, true},
	{"truncated is no panic", "ApispanRedactionDefect", `
  otelcol_processor_http_redaction_fail_closed{job="j", instance="i", outcome="truncated", part="request_body"} 0+1x40`, false},
	{"restarts", "ApispanRestarts", `
  otelcol_process_uptime{job="j", instance="i"} 0 60 120 10 70 10 70 10 70 10+60x40`, true},
	{"one upgrade", "ApispanRestarts", `
  otelcol_process_uptime{job="j", instance="i"} 0+60x20 10+60x40`, false},
}

// TestBehaviour: the rules hold when they should, and only then, as Prometheus's own
// engine sees it.
func TestBehaviour(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(docs, "alerts", "apispan.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	rules := map[string]string{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules[r.Alert] = strings.Join(strings.Fields(r.Expr), " ")
		}
	}
	for _, b := range behaviours {
		t.Run(b.alert+" "+b.name, func(t *testing.T) {
			t.Parallel()
			if rules[b.alert] == "" {
				t.Fatal("no such rule")
			}
			at := 30 * time.Minute
			if b.alert == "ApispanFailClosed" {
				at = 1500 * time.Minute // there must be a yesterday
			}
			store := promqltest.LoadedStorage(t, "load 1m"+strings.ReplaceAll(b.series, "EXPORTER", `job="j", instance="i", exporter="api_analytics/moesif"`))
			defer store.Close()
			engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
			q, err := engine.NewInstantQuery(t.Context(), store, nil, rules[b.alert], time.Unix(0, 0).Add(at))
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			result := q.Exec(t.Context())
			if result.Err != nil {
				t.Fatal(result.Err)
			}
			v, err := result.Vector()
			if err != nil {
				t.Fatal(err)
			}
			if got := len(v) > 0; got != b.want {
				t.Errorf("fires: %v, want %v: %v", got, b.want, v)
			}
		})
	}
}
