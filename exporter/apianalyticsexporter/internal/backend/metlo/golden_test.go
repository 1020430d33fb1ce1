// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"encoding/json"
	"flag"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	backendtest.Golden(t, *update, func(t testing.TB, settings []byte) backend.Encoder {
		s := Settings{APIKey: "metlo.key"}
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
