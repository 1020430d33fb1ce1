// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "testing"

// TestOwnNamespaceMatchesNoRule: "apispan." in front of a key is no reason to
// redact its value, while the rest of the key and the whole key still are.
func TestOwnNamespaceMatchesNoRule(t *testing.T) {
	t.Parallel()
	p := compile(t, `{version: 1, keys: {deny: ["*pan", "apispan.company.domain", "*secret*"]}}`)
	s := p.NewScratch()
	defer s.Release()
	s.Begin(Exchange{})
	for key, want := range map[string]Effect{
		"apispan.company.id":           Unchanged,
		"apispan.metadata.seats":       Unchanged,
		"apispan.company.domain":       Changed,
		"apispan.metadata.fpan":        Changed,
		"apispan.metadata.my_secret":   Changed,
		"vendor.apispan":               Changed,
		"apispan":                      Changed,
		"apispan.metadata.apispan":     Changed,
		"http.request.header.apispan.": Changed,
	} {
		if _, got := s.Attribute(key, "value"); got != want {
			t.Errorf("%s: effect %v, want %v", key, got, want)
		}
	}
}
