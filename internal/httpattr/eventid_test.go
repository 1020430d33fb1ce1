// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import (
	"bytes"
	"regexp"
	"testing"
)

// TestNewEventID pins the derivation: backends store these ids, so with another
// one every event in flight would become a duplicate.
func TestNewEventID(t *testing.T) {
	t.Parallel()
	trace := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	span := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for _, tc := range []struct {
		trace [16]byte
		span  [8]byte
		extra []byte
		want  string
	}{
		{trace, span, nil, "dc84a6e5-f76e-5edb-bbf2-2fd0ebdc72eb"},
		{trace, [8]byte{}, nil, "56ecd4db-2c5f-59f0-9adb-cb154a829990"},
		{[16]byte{}, span, nil, "29262ad0-4870-5cec-92a6-410ac506749f"},
		{[16]byte{}, [8]byte{}, []byte("a"), "18cfcb0e-c862-5c2d-a1d9-eac5ac97c5d6"},
		{[16]byte{}, [8]byte{}, bytes.Repeat([]byte("a"), 1000), "887c49a9-3764-5023-9668-3fe921fb4c1e"},
	} {
		got := NewEventID(tc.trace, tc.span, tc.extra)
		if got != tc.want {
			t.Errorf("%x %x: %s, want %s", tc.trace, tc.span, got, tc.want)
		}
		if !shape.MatchString(got) {
			t.Errorf("%s is no version 5 UUID", got)
		}
		if seen[got] {
			t.Errorf("%s stands for two exchanges", got)
		}
		seen[got] = true
	}
}
