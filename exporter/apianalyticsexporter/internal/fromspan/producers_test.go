// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"encoding/json"
	cmdflag "flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

var update = cmdflag.Bool("update", false, "rewrite the golden files")

// TestProducers reads what each producer writes, in OTLP's JSON: names and shapes as it
// documents them, words and values our own.
func TestProducers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/producers/*.otlp.json")
	if err != nil || len(files) < 8 {
		t.Fatal("no producers", err)
	}
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(in)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var b Batch
		b.Read(td, &Options{Nested: true, InnerIdentity: true})
		var r Reader
		var out []any
		i := 0
		for _, rs := range td.ResourceSpans().All() {
			r.SetResource(rs.Resource())
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					ex, skip := r.ReadPart(span, b.Part(i))
					i++
					if skip == Taken {
						out = append(out, summary(ex))
					}
				}
			}
		}
		got, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		golden := strings.TrimSuffix(file, ".otlp.json") + ".exchange.json"
		if *update {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", file, got, want)
		}
	}
}

func summary(ex *exchange.Exchange) map[string]any {
	m := map[string]any{"request": ex.Method + " " + ex.URL(), "status": ex.Status}
	put := func(key, value string) {
		if value != "" {
			m[key] = value
		}
	}
	put("route", ex.Route)
	put("operation", ex.Operation)
	put("user", ex.UserID)
	put("client", ex.ClientAddress)
	put("request_body", ex.Request.Body.Data)
	put("response_body", ex.Response.Body.Data)
	for side, message := range map[string]*exchange.Message{"request_headers": &ex.Request, "response_headers": &ex.Response} {
		var lines []string
		for _, h := range message.Headers {
			lines = append(lines, h.Name+": "+strings.Join(h.Values, " | "))
		}
		if lines != nil {
			m[side] = lines
		}
	}
	for _, kv := range ex.Metadata {
		m["metadata."+kv.Key] = kv.Value
	}
	return m
}
