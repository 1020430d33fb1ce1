// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// BenchmarkAppend is the encoder beside that of Moesif, for the same event with two JSON
// bodies of 1 kB, and without.
func BenchmarkAppend(b *testing.B) {
	rival, err := (&moesif.Config{ApplicationID: "an-id", IgnoreTransactionID: true}).NewEncoder(backend.Build{Version: "1.2.3"})
	if err != nil {
		b.Fatal(err)
	}
	ex := *backendtest.SharedCases(b)["full"]
	body := `{"items":[` + strings.Repeat(`{"id":9007199254740993,"name":"Ada"},`, 28) + `{}]}`
	with := ex
	with.Request.Body = exchange.Body{Data: body, Captured: true, Size: int64(len(body))}
	with.Response.Body = with.Request.Body
	for name, ex := range map[string]*exchange.Exchange{"small": &ex, "bodies": &with} {
		for of, enc := range map[string]backend.Encoder{"clickhouse": newEncoder(b, testConfig()), "moesif": rival} {
			b.Run(name+"/"+of, func(b *testing.B) {
				item, _ := enc.Append(nil, ex)
				b.SetBytes(int64(len(item)))
				b.ReportAllocs()
				for b.Loop() {
					item, _ = enc.Append(item[:0], ex)
				}
			})
		}
	}
}
