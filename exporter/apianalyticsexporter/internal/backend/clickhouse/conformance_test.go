// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/clickhousetest"
)

func TestConformance(t *testing.T) {
	newEncoder := func(t testing.TB) backend.Encoder { return newEncoder(t, testConfig()) }
	backendtest.Run(t, clickhousetest.Vendor, newEncoder)
	backendtest.RunEntities(t, clickhousetest.Vendor, newEncoder)
}

// FuzzAppend holds the rows to the table's types, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, testConfig()), clickhousetest.Check)
}
