// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// benchExchange is an exchange with eight headers and 1 KiB of JSON a side.
func benchExchange() *exchange.Exchange {
	const record = `{"id":9007199254740993,"name":"Ada Lovelace","tags":["a","b"],"price":12.5,"active":true}`
	body := `{"items":[` + strings.Repeat(record+",", 11) + record + `]}`
	message := exchange.Message{Body: exchange.Body{Data: body, Captured: true, Size: int64(len(body))}}
	message.Headers = append(message.Headers, exchange.Header{Name: "content-type", Values: []string{"application/json"}})
	for i := range 7 {
		message.Headers = append(message.Headers, exchange.Header{
			Name: fmt.Sprintf("x-header-%d", i), Values: []string{"some value of usual length"},
		})
	}
	start := time.Date(2026, 1, 31, 10, 11, 12, 345_000_000, time.UTC)
	return &exchange.Exchange{
		ID: "5f0c2c2e-8b1a-5d3e-9a77-1f2e3d4c5b6a", Start: start, End: start.Add(44 * time.Millisecond),
		Method: "POST", Scheme: "https", Host: "api.example.com", Path: "/v1/users/7", Query: "x=1&expand=a%20b",
		Route: "/v1/users/{id}", Status: 200, Protocol: "1.1", ClientAddress: "203.0.113.7", Environment: "production",
		ConsumerID: "owlbert-api-key", ConsumerLabel: "Owlbert", Weight: 1, Request: message, Response: message,
	}
}

// The rival encodes what was decoded from our item, which spares it the building
// of the structs.
func BenchmarkAppend(b *testing.B) {
	enc := newEncoder(b, Config{APIKey: "rdme_key"})
	ex := benchExchange()
	item, _ := enc.Append(nil, ex)
	var decoded map[string]any
	if err := json.Unmarshal(item, &decoded); err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 2*len(item))
	for _, bc := range []struct {
		name string
		fn   func()
	}{
		{"floor-copy", func() { dst = append(dst[:0], item...) }},
		{"append", func() { dst, _ = enc.Append(dst[:0], ex) }},
		{"encoding-json", func() { dst, _ = json.Marshal(decoded) }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				bc.fn()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// TestAllocations: unescaping allocates once for each escaped part of the query,
// nothing else does.
func TestAllocations(t *testing.T) {
	enc := newEncoder(t, Config{APIKey: "rdme_key"})
	ex := benchExchange()
	dst, drop := enc.Append(nil, ex)
	if drop != backend.Keep {
		t.Fatalf("dropped: %s", drop)
	}
	if n := testing.AllocsPerRun(100, func() { dst, _ = enc.Append(dst[:0], ex) }); n > 1 {
		t.Errorf("%v allocations an event, want at most 1", n)
	}
}
