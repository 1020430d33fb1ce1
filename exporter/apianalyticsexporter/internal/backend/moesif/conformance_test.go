// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

func TestConformance(t *testing.T) {
	backendtest.Run(t, moesiftest.Vendor, func(t testing.TB) backend.Encoder {
		return newEncoder(t, Config{ApplicationID: "app-id"})
	})
}

// FuzzAppend holds the output to the schema, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{ApplicationID: "app-id"}), moesiftest.Check)
}
