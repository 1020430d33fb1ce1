// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

func TestConformance(t *testing.T) {
	backendtest.Run(t, func(t testing.TB) backend.Encoder {
		return newEncoder(t, Settings{APIKey: "rdme_key"})
	})
}

// FuzzAppend holds the output to the schema, whatever the exchange.
func FuzzAppend(f *testing.F) {
	enc := newEncoder(f, Settings{APIKey: "rdme_key"})
	for i := range 32 {
		seed := make([]byte, 400)
		for j := range seed {
			seed[j] = byte(i * (j + 7))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ex := backendtest.Hostile(data)
		out, drop := enc.Append(nil, ex)
		if drop != backend.Keep {
			if len(out) > 0 {
				t.Errorf("dropped as %s, yet %d bytes", drop, len(out))
			}
			return
		}
		for _, problem := range backendtest.CheckReadMe(out) {
			t.Errorf("%s\n%s", problem, out)
		}
	})
}
