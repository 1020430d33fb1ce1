// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// FuzzAppend is the body of a backend's fuzz target: whatever the exchange, an item
// passes the backend's schema check, and a drop leaves nothing behind.
func FuzzAppend(f *testing.F, enc backend.Encoder, check func(event []byte) []string) {
	f.Helper()
	for i := range 32 {
		seed := make([]byte, 400)
		for j := range seed {
			seed[j] = byte(i * (j + 7))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, drop := enc.Append(nil, Hostile(data))
		if drop != backend.Keep {
			if len(out) > 0 {
				t.Errorf("dropped as %s, yet %d bytes", drop, len(out))
			}
			return
		}
		for _, problem := range check(out) {
			t.Errorf("%s\n%s", problem, out)
		}
	})
}
