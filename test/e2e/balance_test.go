// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var eventMetric = regexp.MustCompile(`^otelcol_exporter_api_analytics_events_(translated|sent|dropped)(?:_total)?\{(.*)\} (\S+)$`)

var exporterLabel = regexp.MustCompile(`(?:^|,)exporter="([^"]+)"`)

// deliveryBalance returns nil if, for each api_analytics exporter in a Prometheus
// scrape, translated = sent + dropped and something was translated. That is the
// exporter's promise: every drop has a counter.
func deliveryBalance(scrape string) error {
	type balance struct{ translated, sent, dropped float64 }
	sums := map[string]*balance{}
	for line := range strings.Lines(scrape) {
		m := eventMetric.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		label := exporterLabel.FindStringSubmatch(m[2])
		v, err := strconv.ParseFloat(m[3], 64)
		if label == nil || err != nil {
			return fmt.Errorf("unreadable metric %q", line)
		}
		b := sums[label[1]]
		if b == nil {
			b = &balance{}
			sums[label[1]] = b
		}
		switch m[1] {
		case "translated":
			b.translated += v
		case "sent":
			b.sent += v
		case "dropped":
			b.dropped += v
		}
	}
	for _, name := range []string{"api_analytics/moesif", "api_analytics/readme"} {
		b := sums[name]
		if b == nil || b.translated == 0 {
			return fmt.Errorf("%s has translated nothing", name)
		}
		if b.translated != b.sent+b.dropped {
			return fmt.Errorf("%s: translated %v, sent %v, dropped %v", name, b.translated, b.sent, b.dropped)
		}
	}
	return nil
}

var queueMetric = regexp.MustCompile(`^otelcol_exporter_(queue_size|in_flight_requests)\{.*\} (\S+)$`)

// queuesEmpty returns nil if the queues in a scrape hold nothing.
func queuesEmpty(scrape string) error {
	seen := false
	for line := range strings.Lines(scrape) {
		m := queueMetric.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		seen = true
		if m[2] != "0" {
			return fmt.Errorf("%s is %s", m[1], m[2])
		}
	}
	if !seen {
		return errors.New("no queue metric")
	}
	return nil
}

func TestDeliveryBalance(t *testing.T) {
	t.Parallel()
	scrape := `# HELP x
otelcol_exporter_api_analytics_events_translated_total{exporter="api_analytics/moesif",otel_scope_name="a"} 10
otelcol_exporter_api_analytics_events_sent_total{exporter="api_analytics/moesif",otel_scope_name="a"} 9
otelcol_exporter_api_analytics_events_dropped_total{exporter="api_analytics/moesif",reason="rejected"} 1
otelcol_exporter_api_analytics_events_translated_total{exporter="api_analytics/readme"} 4
otelcol_exporter_api_analytics_events_sent_total{exporter="api_analytics/readme"} %d
`
	if err := deliveryBalance(fmt.Sprintf(scrape, 4)); err != nil {
		t.Error(err)
	}
	if deliveryBalance(fmt.Sprintf(scrape, 3)) == nil {
		t.Error("an event without an end was not noticed")
	}
	if deliveryBalance("") == nil {
		t.Error("an empty scrape passes")
	}
}
