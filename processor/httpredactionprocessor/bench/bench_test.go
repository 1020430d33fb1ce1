// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package bench

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/attributesprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/processor/httpredactionprocessor"
	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/benchdata"
	"github.com/apispan/apispan/redact"
)

// contender is one processor with one configuration.
type contender struct {
	name    string
	factory processor.Factory
	config  string
}

// jsonKeys is what users of regular expressions write for JSON keys.
const jsonKeys = `"(password|card_number|api_key|session_id|token|secret|ssn|cvv)"\s*:\s*"[^"]*"`

func contenders() []contender {
	ours := httpredactionprocessor.NewFactory()
	redaction := redactionprocessor.NewFactory()
	transform := transformprocessor.NewFactory()
	keys, _ := redact.DefaultKeys()
	return []contender{
		{"http_redaction, keys", ours, "policy: {version: 1, defaults: false, keys: {deny: ['" + strings.Join(keys, "', '") + "']}}"},
		{"http_redaction, keys to HMAC tokens", ours, "policy: {version: 1, defaults: false, keys: {hmac: ['" + strings.Join(keys, "', '") + "']}, hmac: {keys: [{id: k1}]}}\n" +
			"hmac_keys: {k1: 0123456789abcdef0123456789abcdef}"},
		{"http_redaction, default policy (keys and detectors)", ours, "preset: default"},
		{"redaction, 6 key patterns", redaction, `
allow_all_keys: true
blocked_key_patterns: [".*token.*", ".*api_key.*", ".*password.*", ".*secret.*", ".*authorization.*", ".*cookie.*"]
`},
		{"redaction, 6 key patterns, hmac-sha256", redaction, `
allow_all_keys: true
blocked_key_patterns: [".*token.*", ".*api_key.*", ".*password.*", ".*secret.*", ".*authorization.*", ".*cookie.*"]
hash_function: hmac-sha256
hmac_key: 0123456789abcdef0123456789abcdef
`},
		{"redaction, 5 value patterns", redaction, "allow_all_keys: true\nblocked_values:\n" + values()},
		{"redaction, JSON key pattern, 5 value patterns, all types", redaction,
			"allow_all_keys: true\nredact_all_types: true\nblocked_key_patterns: ['.*authorization.*', '.*cookie.*']\nblocked_values:\n  - '" + jsonKeys + "'\n" + values()},
		{"transform, replace_pattern with a JSON key pattern", transform, `
error_mode: ignore
trace_statements:
  - context: span
    statements:
      - replace_pattern(attributes["http.request.body.content"], "` + strings.ReplaceAll(strings.ReplaceAll(jsonKeys, `\`, `\\`), `"`, `\"`) + `", "[REDACTED]")
      - replace_pattern(attributes["http.response.body.content"], "` + strings.ReplaceAll(strings.ReplaceAll(jsonKeys, `\`, `\\`), `"`, `\"`) + `", "[REDACTED]")
      - delete_key(attributes, "http.request.header.authorization")
`},
		{"transform, ParseJSON and delete_matching_keys", transform, `
error_mode: ignore
trace_statements:
  - context: span
    statements:
      - set(cache["q"], ParseJSON(attributes["http.request.body.content"]))
      - delete_matching_keys(cache["q"], "(?i)password|card_number|api_key|session_id|token|secret")
      - set(attributes["http.request.body.content"], String(cache["q"]))
      - set(cache["p"], ParseJSON(attributes["http.response.body.content"]))
      - delete_matching_keys(cache["p"], "(?i)password|card_number|api_key|session_id|token|secret")
      - set(attributes["http.response.body.content"], String(cache["p"]))
      - delete_key(attributes, "http.request.header.authorization")
`},
		{"attributes, hash 3 keys (bodies become a digest)", attributesprocessor.NewFactory(), `
actions:
  - { key: http.request.body.content, action: hash }
  - { key: http.response.body.content, action: hash }
  - { key: http.request.header.authorization, action: delete }
`},
	}
}

func values() string {
	return `  - '4[0-9]{12}(?:[0-9]{3})?'
  - '(5[1-5][0-9]{14})'
  - '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}'
  - 'eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*'
  - '[0-9]{3}-[0-9]{2}-[0-9]{4}'
`
}

func build(t testing.TB, c contender, next *consumertest.TracesSink) processor.Traces {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(c.config), &raw); err != nil {
		t.Fatal(err)
	}
	cfg := c.factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	if err := confmap.Validate(cfg); err != nil {
		t.Fatal(err)
	}
	var p processor.Traces
	var err error
	set := processortest.NewNopSettings(c.factory.Type())
	if next != nil {
		p, err = c.factory.CreateTraces(t.Context(), set, cfg, next)
	} else {
		p, err = c.factory.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p
}

// BenchmarkProcessors measures each contender in CPU time per span.
func BenchmarkProcessors(b *testing.B) {
	for _, size := range []int{1500, 16 << 10} {
		for _, c := range contenders() {
			b.Run(fmt.Sprintf("%dB/%s", size, c.name), func(b *testing.B) {
				measure(b, build(b, c, nil), size)
			})
		}
	}
}

func measure(b *testing.B, p processor.Traces, size int) {
	source := benchdata.Batch(size, true)
	// Copies are made ahead, outside the clock, because processors change what they
	// are given; few at a time, so that they are still in the CPU's cache.
	const group = 4
	var batches [group]ptrace.Traces
	// A Collector at work holds some memory, so that its garbage collector runs now
	// and then; without it, it would run all the time.
	held := make([]byte, 64<<20)
	defer runtime.KeepAlive(held)
	b.SetBytes(int64((&ptrace.ProtoMarshaler{}).TracesSize(source)))
	b.ReportAllocs()
	var cpu int64
	b.ResetTimer()
	for done := 0; done < b.N; done += group {
		n := min(group, b.N-done)
		b.StopTimer()
		for j := range n {
			batches[j] = ptrace.NewTraces()
			source.CopyTo(batches[j])
		}
		b.StartTimer()
		from := cpuTime()
		for j := range n {
			if err := p.ConsumeTraces(context.Background(), batches[j]); err != nil {
				b.Fatal(err)
			}
		}
		cpu += cpuTime() - from
	}
	spans := float64(benchdata.Size) * float64(b.N)
	b.ReportMetric(spans/(float64(cpu)/1e9), "spans/cpu-s")
	b.ReportMetric(float64(cpu)/spans, "cpu-ns/span")
}

// TestWhatIsLeft says for each contender which secrets of the benchmark's spans are
// still there. What is measured is only comparable with this beside it.
func TestWhatIsLeft(t *testing.T) {
	source := benchdata.Batch(1500, true)
	for _, c := range contenders() {
		td := ptrace.NewTraces()
		source.CopyTo(td)
		sink := new(consumertest.TracesSink)
		if err := build(t, c, sink).ConsumeTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
		wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(sink.AllTraces()[0])
		if err != nil {
			t.Fatal(err)
		}
		body := strings.Contains(string(wire), benchdata.Secret)
		header := strings.Contains(string(wire), benchdata.Credential)
		t.Logf("%-60s body: %-8s authorization header: %s", c.name, left(body), left(header))
		if strings.HasPrefix(c.name, "http_redaction") && (body || header) {
			t.Errorf("%s left a secret", c.name)
		}
	}
}

func left(is bool) string {
	if is {
		return "LEFT"
	}
	return "gone"
}
