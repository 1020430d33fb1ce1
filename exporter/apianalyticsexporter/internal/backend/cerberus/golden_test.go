// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"flag"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cerberus/cerberustest"
)

// parityKey is the key of the vendor's test vectors (parity-fixtures/hash_pii.yaml).
const parityKey = "cerberus-parity-test-key-v1"

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	backendtest.Golden(t, *update, cerberustest.Vendor, func() backend.Config { return &Config{Token: "sk_test", SecretKey: parityKey, ResponseBodies: true} })
}

func newEncoder(t testing.TB, c Config) *Encoder {
	t.Helper()
	return newEncoderFor(t, "https://h", c)
}

func newEncoderFor(t testing.TB, endpoint string, c Config) *Encoder {
	t.Helper()
	e, err := c.NewEncoder(backend.Build{Endpoint: endpoint, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return e.(*Encoder)
}
