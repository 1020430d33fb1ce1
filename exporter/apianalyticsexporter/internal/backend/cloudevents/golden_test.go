// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cloudevents

import (
	"flag"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cloudevents/cloudeventstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	backendtest.Golden(t, *update, cloudeventstest.Vendor, func() backend.Config { return &Config{} })
}

func newEncoder(t testing.TB, c *Config) *Encoder {
	t.Helper()
	e, err := c.NewEncoder(backend.Build{Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return e.(*Encoder)
}
