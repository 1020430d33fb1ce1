// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// pipeline is one way to run a Collector.
type pipeline struct {
	name string
	// processors and exporter are YAML; $SINK and $DIR are replaced.
	processors string
	exporter   string
	storage    bool
	fsync      bool
	// inspector is true if api_inspector looks on, with a page that is open.
	inspector bool
}

// The redaction of contrib looks for what ours finds by default, as far as regular
// expressions over whole values can: keys in JSON, cards, addresses, tokens.
const (
	contribRedaction = `
  redaction:
    allow_all_keys: true
    blocked_key_patterns: ['.*authorization.*', '.*cookie.*']
    blocked_values:
      - '"(password|card_number|api_key|session_id|token|secret|ssn|cvv)"\s*:\s*"[^"]*"'
      - '4[0-9]{12}(?:[0-9]{3})?'
      - '(5[1-5][0-9]{14})'
      - '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}'
      - 'eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*'
      - '[0-9]{3}-[0-9]{2}-[0-9]{4}'
`
	ourRedaction = `
  http_redaction:
    preset: default
`
	watched = `
    inspector: api_inspector
`
	queue = `
    sending_queue: { storage: file_storage, sizer: bytes, queue_size: 536870912 }
    retry_on_failure: { max_elapsed_time: 0s }
`
	memory = `
    sending_queue: { sizer: bytes, queue_size: 536870912 }
`
	moesif = `
  api_analytics:
    endpoint: $SINK
    compression: gzip
    moesif: { application_id: bench }
`
	webhook = `
  api_analytics/second:
    compression: gzip
    webhook: { endpoint: $SINK }
`
	otlp = `
  otlp_http:
    endpoint: $SINK
    compression: gzip
`
)

// manyRules are the defaults and 300 rules more.
func manyRules() string {
	var b strings.Builder
	b.WriteString("\n  http_redaction:\n    policy:\n      defaults: true\n      keys:\n        deny: [")
	for i := range 300 {
		fmt.Fprintf(&b, "field_%d, ", i)
	}
	b.WriteString("last]\n")
	return b.String()
}

// The first that is run is what all others are compared with.
var pipelines = []pipeline{
	{name: "contrib redaction, otlp_http gzip, disk queue", processors: contribRedaction, exporter: otlp + queue, storage: true},
	{name: "http_redaction, api_analytics gzip, disk queue", processors: ourRedaction, exporter: moesif + queue, storage: true},
	{name: "contrib redaction, otlp_http gzip, disk queue, fsync", processors: contribRedaction, exporter: otlp + queue, storage: true, fsync: true},
	{name: "http_redaction, api_analytics gzip, disk queue, fsync", processors: ourRedaction, exporter: moesif + queue, storage: true, fsync: true},
	{name: "otlp_http gzip, memory queue", exporter: otlp + memory},
	{name: "http_redaction, api_analytics gzip, memory queue", processors: ourRedaction, exporter: moesif + memory},
	{name: "http_redaction, api_analytics gzip, memory queue, inspector", processors: ourRedaction + watched, exporter: moesif + memory + watched, inspector: true},
	{name: "http_redaction with 300 more rules, api_analytics gzip, memory queue", processors: manyRules(), exporter: moesif + memory},
	{name: "http_redaction, two api_analytics gzip, memory queue", processors: ourRedaction, exporter: moesif + memory + webhook + memory},
	{name: "receive only", exporter: "\n  nop:\n"},
}
