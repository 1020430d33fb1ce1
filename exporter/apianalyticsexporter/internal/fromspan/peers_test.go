// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import "testing"

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[any]string{
		"203.0.113.7":                "203.0.113.7",
		"203.0.113.7:8080":           "203.0.113.7",
		"[2001:db8::7]:8080":         "2001:db8::7",
		"fe80::1%eth0":               "fe80::1",
		"203.0.113.7, 10.0.0.1":      "203.0.113.7",
		" \"[2001:db8::7]\" ,x":      "2001:db8::7",
		"unknown":                    "",
		"unknown, 203.0.113.7":       "",
		"-":                          "",
		"localhost":                  "",
		"/run/app.sock":              "",
		"[REDACTED]":                 "[REDACTED]",
		"hmac:k:0123456789012345678": "hmac:k:0123456789012345678",
	} {
		ex, _ := Read(resource(t, nil), newSpan(t, server, with(nil, "client.address", in)))
		if ex.ClientAddress != want {
			t.Errorf("%q: %q, want %q", in, ex.ClientAddress, want)
		}
	}
	ex, _ := Read(resource(t, nil), newSpan(t, server, with(nil, "client.address", []any{"203.0.113.7", "10.0.0.1"})))
	if ex.ClientAddress != "203.0.113.7" {
		t.Errorf("a list: %q", ex.ClientAddress)
	}
}
