// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestIndexRare compares with bytes.Index over few letters, where nothing is rare.
func TestIndexRare(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	word := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ae1-X"[r.IntN(5)]
		}
		return b
	}
	found := 0
	for range 50_000 {
		src, w := word(r.IntN(300)), word(1+r.IntN(5))
		want := bytes.Index(src, w)
		if got := indexRare(src, w, rarest(w)); got != want {
			t.Fatalf("%s in %s: %d, want %d", w, src, got, want)
		}
		if want >= 0 {
			found++
		}
	}
	if found < 1_000 {
		t.Errorf("only %d were found", found)
	}
}
