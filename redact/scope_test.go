// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "testing"

// A scope that cannot be decided applies if its rules withhold, and does not if they
// let something through.
func TestScopesThatCannotBeDecided(t *testing.T) {
	t.Parallel()
	const in = `{"a":"1","b":"2"}`
	in500, in200 := Exchange{Status: 500}, Exchange{Status: 200}
	for i, tt := range []struct {
		yaml string
		ex   Exchange
		want string
	}{
		{"defaults: false\nrules: [{when: {status: 5xx}, keys: {deny: [a]}}]", in500, `{"a":"[REDACTED]","b":"2"}`},
		{"defaults: false\nrules: [{when: {status: 5xx}, keys: {deny: [a]}}]", in200, in},
		{"defaults: false\nrules: [{when: {status: 5xx}, keys: {deny: [a]}}]", Exchange{}, `{"a":"[REDACTED]","b":"2"}`},
		{"defaults: false\nrules: [{when: {not: {status: 5xx}}, keys: {deny: [a]}}]", Exchange{}, `{"a":"[REDACTED]","b":"2"}`},
		{"defaults: false\nrules: [{when: {not: {status: 5xx}}, keys: {deny: [a]}}]", in500, in},
		// An allowlist closes its place when in doubt, and frees its own keys.
		{"defaults: false\nrules: [{when: {status: 5xx}, keys: {allow: [a]}}]", Exchange{}, `{"a":"1","b":"[REDACTED]"}`},
		// It adds nothing to another one.
		{"defaults: false\nkeys: {allow: [b]}\nrules: [{when: {status: 5xx}, keys: {allow: [a]}}]", Exchange{}, `{"a":"[REDACTED]","b":"2"}`},
		{"defaults: false\nkeys: {allow: [b]}\nrules: [{when: {status: 5xx}, keys: {allow: [a]}}]", in500, in},
		{"defaults: false\nrules: [{when: {status: 5xx}, keys: {allow: [a]}}, {when: {host: h}, keys: {allow: [b]}}]", Exchange{}, `{"a":"[REDACTED]","b":"[REDACTED]"}`},
		{"defaults: false\nrules: [{when: {status: 5xx}, keys: {allow: [a]}}, {when: {host: h}, keys: {allow: [b]}}]", in200, `{"a":"[REDACTED]","b":"2"}`},
		// The client's spelling of the host.
		{"defaults: false\nrules: [{when: {host: bank.test}, keys: {deny: [a]}}]", Exchange{Host: "bank.test."}, `{"a":"[REDACTED]","b":"2"}`},
		{"defaults: false\nrules: [{when: {route: '/orders/{id}'}, keys: {deny: [a]}}]", Exchange{Route: "/orders/17"}, `{"a":"[REDACTED]","b":"2"}`},
		{"defaults: false\nrules: [{when: {route: '/orders/{id}'}, keys: {deny: [a]}}]", Exchange{Route: "/users/17"}, in},
		{"defaults: false\nrules: [{when: {route: '/orders/{id}'}, keys: {allow: [a]}}]", Exchange{}, `{"a":"1","b":"[REDACTED]"}`},
	} {
		s := compile(t, tt.yaml).NewScratch()
		tt.ex.RequestContentType = "application/json"
		s.Begin(tt.ex)
		if got, _ := s.Body(Request, in); got != tt.want {
			t.Errorf("%d: %s: %s, want %s", i, tt.yaml, got, tt.want)
		}
		s.Release()
	}
}

// A content type is that of the message.
func TestScopeOfOneMessage(t *testing.T) {
	t.Parallel()
	s := compile(t, "defaults: false\nrules: [{when: {content_type: text/html}, in: {body: {action: drop}}}]").NewScratch()
	defer s.Release()
	s.Begin(Exchange{RequestContentType: "application/json", ResponseContentType: "text/html"})
	if got, ef := s.Body(Request, `{"a":1}`); ef != Unchanged {
		t.Errorf("request: %q", got)
	}
	if got, ef := s.Body(Response, `<p>a</p>`); ef != Removed {
		t.Errorf("response: %q", got)
	}
}
