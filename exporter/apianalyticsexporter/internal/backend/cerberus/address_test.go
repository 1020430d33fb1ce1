// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"strings"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// TestNoRawAddressInHeaders: an address leaves hashed or not at all, under whatever name.
func TestNoRawAddressInHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip", "forwarded", "x-some-name"} {
		for _, value := range []string{"203.0.113.7", "203.0.113.7, 10.0.0.1", "203.0.113.7:443", "2001:db8::7", "[2001:db8::7]:1", "for=203.0.113.7;proto=https"} {
			if name == "x-some-name" && strings.HasPrefix(value, "for") {
				continue
			}
			for _, key := range []string{"", "k"} {
				var s scratch
				got := string(s.appendHeaderValue(nil, []exchange.Header{{Name: name, Values: []string{value}}}, key))
				if strings.Contains(got, "203.0.113") || strings.Contains(got, "2001:") || strings.Contains(got, "10.0.0.1") {
					t.Errorf("%s: %s with key %q: %s", name, value, key, got)
				}
				if hashed := key != "" && !strings.HasPrefix(value, "for"); hashed == strings.Contains(got, redacted) {
					t.Errorf("%s: %s with key %q: %s", name, value, key, got)
				}
			}
		}
	}
	var s scratch
	one := string(s.appendHeaderValue(nil, []exchange.Header{{Name: "x-real-ip", Values: []string{"203.0.113.7"}}}, "k"))
	ex := &exchange.Exchange{ClientAddress: "203.0.113.7"}
	if addr := string(s.appendRemoteAddr(nil, ex, "k")); addr != one {
		t.Errorf("the same address is %s and %s", addr, one)
	}
	for name, value := range map[string]string{"host": "203.0.113.7", "accept": "a, b", "x-version": "12", "x-empty": ""} {
		if got := string(s.appendHeaderValue(nil, []exchange.Header{{Name: name, Values: []string{value}}}, "")); got != `"`+value+`"` {
			t.Errorf("%s: %s became %s", name, value, got)
		}
	}
	for _, addr := range []string{"unknown", "-", "host.example", "/run/x.sock"} {
		if got := string(s.appendRemoteAddr(nil, &exchange.Exchange{ClientAddress: addr}, "k")); got != "null" {
			t.Errorf("%q is hashed: %s", addr, got)
		}
	}
}
