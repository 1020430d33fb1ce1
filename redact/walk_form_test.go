// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"testing"

	"github.com/apispan/apispan/redact/internal/form"
)

// FuzzPlainValue checks that what plainValue passes over has no structure when it
// is decoded.
func FuzzPlainValue(f *testing.F) {
	for _, s := range []string{"hello%20world+again", "a%3Db", "%7B%22", "a%253D", "x%", "e%79J"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		if len(b) > 0 && form.HasEscape(b, true) && plainValue(b, true) && structured(form.Unescape(nil, b, true)) {
			t.Errorf("%q", s)
		}
	})
}
