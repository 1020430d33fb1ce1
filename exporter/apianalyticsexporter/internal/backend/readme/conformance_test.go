// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/readme/readmetest"
)

func TestConformance(t *testing.T) {
	backendtest.Run(t, readmetest.Vendor, func(t testing.TB) backend.Encoder {
		return newEncoder(t, Config{APIKey: "rdme_key"})
	})
}

// FuzzAppend holds the output to the schema, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{APIKey: "rdme_key"}), readmetest.Check)
}
