// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	backendtest.Golden(t, *update, func(t testing.TB, settings []byte) backend.Encoder {
		s := Settings{APIKey: "rdme_key"}
		if err := json.Unmarshal(settings, &s); err != nil {
			t.Fatal(err)
		}
		e := newEncoder(t, s)
		// The real one names this machine's platform.
		name, _, _ := strings.Cut(e.creator, `,"comment":`)
		e.creator = name + `,"comment":"arch-os/version"}`
		return e
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
