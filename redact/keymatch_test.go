// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"
)

// TestKeyThatRepeats asks the matcher about keys that repeat the literals of its
// patterns: each rule is offered once, however often, or time grows with the square.
func TestKeyThatRepeats(t *testing.T) {
	p := mustPolicy(t, keysOnly())
	s := p.NewScratch()
	defer s.Release()
	p.exempts = true // then offers are kept
	offered := 0
	for _, g := range p.keys.globs {
		key := []byte(strings.Repeat(g.head+strings.Join(g.mid, "")+g.tail, 50))
		s.judged, s.judgedKey, s.offered = key, key, s.offered[:0]
		var best verdict
		p.keys.find(s, key, placeRequestBody, partWhole, &best)
		times := map[uint16]int{}
		for _, o := range s.offered {
			if offered++; times[o.rule] > 0 {
				t.Fatalf("pattern %d is offered again for a key that repeats %q", o.rule, key[:len(key)/50])
			}
			times[o.rule]++
		}
	}
	if offered == 0 {
		t.Error("no rule was offered")
	}
}
