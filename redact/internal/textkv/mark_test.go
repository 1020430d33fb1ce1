// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"encoding/binary"
	"testing"
)

// TestMarked puts each byte at each place among dull ones.
func TestMarked(t *testing.T) {
	t.Parallel()
	dullOnes := 0
	for c := range 256 {
		for at := range 8 {
			word := []byte("some wor")
			word[at] = byte(c)
			m := marked(binary.LittleEndian.Uint64(word))
			if class[c] != dull && m>>(8*at+7)&1 == 0 {
				t.Errorf("byte %#x at %d is not marked", c, at)
			}
			if m&^(1<<(8*at+7)) != 0 && at == 7 {
				t.Errorf("byte %#x at %d marks a byte before it", c, at)
			}
			if class[c] == dull && m != 0 && c < 0x80 {
				dullOnes++
			}
		}
	}
	if dullOnes > 8*16 {
		t.Errorf("%d dull bytes are marked", dullOnes)
	}
}
