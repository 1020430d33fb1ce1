// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// benchTraces is what a service sends: 256 exchanges with 8 headers a side and
// JSON bodies of the given size.
func benchTraces(bodySize int) ptrace.Traces {
	td := traces(0, 256)
	body := `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"id":12345,"name":"a thing","price":9.99},`, bodySize/43), ",") + `]}`
	for i := range 256 {
		a := spanAt(td, i).Attributes()
		a.PutStr("http.request.body.content", body)
		a.PutStr("http.response.body.content", body)
		a.PutStr("apispan.metadata.plan", "pro")
		for _, side := range []string{"request", "response"} {
			for _, name := range []string{"accept", "accept-encoding", "cache-control", "x-request-id", "etag"} {
				a.PutEmptySlice("http." + side + ".header." + name).AppendEmpty().SetStr("some value of " + name)
			}
		}
	}
	return td
}

func benchConfig(name string) *Config {
	cfg := testConfig("http://127.0.0.1:1")
	if name == "readme" {
		cfg.Moesif = createDefaultConfig().(*Config).Moesif
		cfg.ReadMe = configoptional.Some(ReadMeConfig{APIKey: "key", Development: "auto", Gates: all()})
	}
	if name == "clickhouse" {
		cfg.Moesif = createDefaultConfig().(*Config).Moesif
		cfg.ClickHouse = configoptional.Some(ClickHouseConfig{Gates: all()})
	}
	return cfg
}

// BenchmarkTranslate measures reading and encoding, per call of 256 events; the
// metrics ns/event and allocs/op ÷ 256 are the figures of the budget.
func BenchmarkTranslate(b *testing.B) {
	for _, backend := range []string{"moesif", "readme", "clickhouse"} {
		for size, name := range map[int]string{0: "empty", 1024: "1K"} {
			b.Run(backend+"/"+name, func(b *testing.B) {
				r := newRig(b, benchConfig(backend))
				td := benchTraces(size)
				n := 0
				b.ReportAllocs()
				for b.Loop() {
					req := r.exp.translator.translate(context.Background(), td)
					n += len(req.items)
					b.SetBytes(int64(req.size))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
			})
		}
	}
}

// TestTranslateAllocs holds the budget: at most 12 allocations an event.
func TestTranslateAllocs(t *testing.T) {
	for _, backend := range []string{"moesif", "readme", "clickhouse"} {
		r := newRig(t, benchConfig(backend))
		td := benchTraces(1024)
		per := testing.AllocsPerRun(20, func() { r.exp.translator.translate(context.Background(), td) }) / 256
		if per > 12 {
			t.Errorf("%s: %.1f allocations an event", backend, per)
		}
		t.Logf("%s: %.1f allocations an event", backend, per)
	}
}

// BenchmarkStore measures the stored form.
func BenchmarkStore(b *testing.B) {
	r := newRig(b, benchConfig("moesif"))
	req := r.exp.translator.translate(context.Background(), benchTraces(1024))
	b.SetBytes(int64(req.size))
	b.ReportAllocs()
	for b.Loop() {
		stored, err := requestEncoding{}.Marshal(context.Background(), req)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := (requestEncoding{}).Unmarshal(stored); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeliver measures the whole exporter against a server that only reads,
// without compression and with the default.
func BenchmarkDeliver(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer srv.Close()
	td := benchTraces(1024)
	for name, change := range map[string]func(*Config){
		"none": func(cfg *Config) { cfg.ClientConfig.Compression = "none" },
		"gzip": func(*Config) {},
	} {
		b.Run(name, func(b *testing.B) {
			cfg := testConfig(srv.URL)
			withoutQueue(cfg)
			change(cfg)
			r := newRig(b, cfg).start()
			b.ReportAllocs()
			for b.Loop() {
				if err := r.exp.ConsumeTraces(context.Background(), td); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(256*b.N), "ns/event")
			r.shutdown()
		})
	}
}
