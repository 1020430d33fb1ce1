// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"bytes"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

func TestEntityConformance(t *testing.T) {
	backendtest.RunEntities(t, moesiftest.Vendor, func(t testing.TB) backend.Encoder {
		return newEncoder(t, Config{ApplicationID: "app-id", SessionIDAsToken: true})
	})
}

func TestEntityGolden(t *testing.T) {
	backendtest.GoldenEntities(t, *update, newEncoder(t, Config{ApplicationID: "app-id", SessionIDAsToken: true}))
}

// TestSessionIsNotSentUnasked: the setting of the events counts for entities, too.
func TestSessionIsNotSentUnasked(t *testing.T) {
	t.Parallel()
	for kind, enc := range newEncoder(t, Config{ApplicationID: "app-id"}).Entities() {
		out, drop := enc.AppendEntity(nil, backendtest.FullEntity(kind))
		if drop != backend.Keep || bytes.Contains(out, []byte("session")) {
			t.Errorf("%s: dropped as %q: %s", kind, drop, out)
		}
	}
}
