// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// benchExchange is the complete shared case with JSON bodies of about size bytes.
func benchExchange(tb testing.TB, size int) *exchange.Exchange {
	const record = `{"id":9007199254740993,"name":"Ada Lovelace","tags":["a","b"],"price":12.5,"active":true}`
	ex := *backendtest.SharedCases(tb)["full"]
	body := `{"items":[` + strings.Repeat(record+",", size/(len(record)+1)) + record + `]}`
	ex.Request.Body.Data, ex.Response.Body.Data = body, body
	return &ex
}

// BenchmarkAppend: "copy" is the floor, "encoding-json" the rival: it decodes both
// bodies, which the masking by key needs, and encodes the event.
func BenchmarkAppend(b *testing.B) {
	enc := newEncoder(b, Config{Token: "t", SecretKey: parityKey, ResponseBodies: true})
	for name, size := range map[string]int{"1K": 1 << 10, "16K": 16 << 10} {
		ex := benchExchange(b, size)
		item, _ := enc.Append(nil, ex)
		dst := make([]byte, 0, 2*len(item))
		run := func(what string, fn func()) {
			b.Run(name+"/"+what, func(b *testing.B) {
				b.SetBytes(int64(len(item)))
				b.ReportAllocs()
				for b.Loop() {
					fn()
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
		run("floor-copy", func() { dst = append(dst[:0], item...) })
		run("append", func() { dst, _ = enc.Append(dst[:0], ex) })
		run("encoding-json", func() {
			var event map[string]any
			_ = json.Unmarshal(item, &event)
			dst, _ = json.Marshal(naive(event, 0))
		})
	}
}

// TestAllocs holds the budget of 12 allocations an event.
func TestAllocs(t *testing.T) {
	enc := newEncoder(t, Config{Token: "t", SecretKey: parityKey, ResponseBodies: true})
	ex := benchExchange(t, 1<<10)
	var item []byte
	if n := testing.AllocsPerRun(100, func() { item, _ = enc.Append(item[:0], ex) }); n > 12 {
		t.Errorf("%v allocations an event", n)
	}
}
