// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest/check"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/webhook/webhooktest"
)

func TestConformance(t *testing.T) {
	for _, format := range []string{FormatNDJSON, FormatHAR} {
		t.Run(format, func(t *testing.T) {
			backendtest.Run(t, webhooktest.Vendor, func(t testing.TB) backend.Encoder {
				return newEncoder(t, Config{Format: format, BearerToken: "token"})
			})
		})
	}
}

// FuzzAppend and FuzzAppendHAR hold the output to the schemas, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{}), webhooktest.Check)
}

func FuzzAppendHAR(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, Config{Format: FormatHAR}), check.HAREntry)
}
