// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
)

func TestConformance(t *testing.T) {
	backendtest.Run(t, cerberustest.Vendor, func(t testing.TB) backend.Encoder {
		return newEncoder(t, Config{Token: "sk_test", SecretKey: parityKey, ResponseBodies: true})
	})
}

// FuzzAppend holds the output to the schema, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{Token: "sk_test", SecretKey: parityKey, ResponseBodies: true}), cerberustest.Check)
}
