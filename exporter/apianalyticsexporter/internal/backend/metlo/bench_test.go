// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// benchExchange is an exchange with eight headers and a JSON body of 1 KB a side.
func benchExchange() *exchange.Exchange {
	const record = `{"id":9007199254740993,"name":"Ada Lovelace","tags":["a","b"],"price":12.5,"active":true}`
	body := `[` + strings.Repeat(record+",", 11) + record + `]`
	message := exchange.Message{Body: exchange.Body{Data: body, Captured: true, Size: int64(len(body))}}
	for i := range 8 {
		message.Headers = append(message.Headers, exchange.Header{
			Name: fmt.Sprintf("x-header-%d", i), Values: []string{"some value of usual length"},
		})
	}
	return &exchange.Exchange{
		Method: "POST", Scheme: "https", Host: "api.example.com", Path: "/v1/users/7", Query: "x=1&expand=a",
		Route: "/v1/users/{id}", Status: 200, ClientAddress: "203.0.113.7", LocalAddress: "10.0.0.5", LocalPort: 8080,
		Environment: "production", UserID: "u-1042", Weight: 1, Request: message, Response: message,
	}
}

// The rival encodes what was decoded from our item, which spares it the building of
// the structs.
func BenchmarkAppend(b *testing.B) {
	enc := newEncoder(b, Config{APIKey: "k"})
	sealed := newEncoder(b, Config{APIKey: "k", API: V2, EncryptionPublicKey: publicPEM(b, &rsaKey(b).PublicKey)})
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
		{"append-encrypted", func() { dst, _ = sealed.Append(dst[:0], ex) }},
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

// TestAllocations: the host's name is kept for a moment, nothing else is.
func TestAllocations(t *testing.T) {
	enc := newEncoder(t, Config{APIKey: "k"})
	ex := benchExchange()
	dst, drop := enc.Append(nil, ex)
	if drop != backend.Keep {
		t.Fatalf("dropped: %s", drop)
	}
	if n := testing.AllocsPerRun(100, func() { dst, _ = enc.Append(dst[:0], ex) }); n > 1 {
		t.Errorf("%v allocations an event, want at most 1", n)
	}
}
