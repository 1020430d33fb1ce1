// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"encoding/json"
	"flag"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

// parityKey is the key of the vendor's test vectors (parity-fixtures/hash_pii.yaml).
const parityKey = "cerberus-parity-test-key-v1"

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	backendtest.Golden(t, *update, func(t testing.TB, settings []byte) backend.Encoder {
		s := Settings{Token: "sk_test", SecretKey: parityKey}
		if err := json.Unmarshal(settings, &s); err != nil {
			t.Fatal(err)
		}
		return newEncoder(t, s)
	})
}

func newEncoder(t testing.TB, s Settings) *Encoder {
	t.Helper()
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
