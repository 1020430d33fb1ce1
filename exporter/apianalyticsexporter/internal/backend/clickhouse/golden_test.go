// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"flag"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/clickhouse/clickhousetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	backendtest.Golden(t, *update, clickhousetest.Vendor, func() backend.Config { return testConfig() })
}

func TestGoldenEntities(t *testing.T) {
	backendtest.GoldenEntities(t, *update, newEncoder(t, testConfig()))
}

func testConfig() *Config { return &Config{Key: "a-key"} }

func newEncoder(t testing.TB, c *Config) backend.Encoder {
	t.Helper()
	e, err := c.NewEncoder(backend.Build{Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// An event allocates nothing but for lists and objects in its metadata.
func TestAllocations(t *testing.T) {
	enc, ex := newEncoder(t, testConfig()), backendtest.SharedCases(t)["full"]
	dst := make([]byte, 0, maxItemBytes)
	if n := testing.AllocsPerRun(100, func() { enc.Append(dst, ex) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
