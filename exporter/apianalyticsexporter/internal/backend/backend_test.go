// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import "testing"

func TestHeaderSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"": true, "eyJ.aZ0-_~!": true, "a:b": true,
		" ": false, "a b": false, "a\n": false, "a\r\nX: y": false, "\x00": false, "\x7f": false, "é": false, "\xff": false,
	} {
		if got := HeaderSafe(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
