// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/metlo/metlotest"
)

func TestConformance(t *testing.T) {
	for name, settings := range map[string]Config{
		"v1":        {},
		"v1 single": {Single: true},
		"v2":        {API: V2},
		"redacted":  {API: V2, Gates: backend.Gates{Bodies: backend.BodiesNone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, metlotest.Vendor, func(t testing.TB) backend.Encoder {
				s := settings // the suite runs in parallel
				s.APIKey = "metlo.key"
				return newEncoder(t, s)
			})
		})
	}
}

// FuzzAppend and FuzzAppendV2 hold the output to the schema, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{APIKey: "metlo.key"}), metlotest.Check)
}

func FuzzAppendV2(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{APIKey: "metlo.key", API: V2}), metlotest.Check)
}
