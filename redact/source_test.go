// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "testing"

func TestMayHide(t *testing.T) {
	t.Parallel()
	with := func(text string) *Policy {
		p, err := Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := with("version: 1\ndefaults: false\n")
	scoped := with("version: 1\nrules: [{when: {route: [/x]}, keys: {deny: [badge, $.a.b]}}]\n")
	places := with("version: 1\nin: {request_headers: {action: mask}, cookies: {action: hmac}, client_ip: {action: keep}}\nhmac: {keys: [{id: k1, env: REDACT_TEST_NONE}]}\n")
	for _, tt := range []struct {
		p     *Policy
		place string
		names []string
		want  bool
	}{
		{nil, "request_headers", []string{"X-User-Id"}, false},
		{nil, "request_headers", []string{"X-Auth-Request-Email"}, false},
		{nil, "request_headers", []string{"X-Api-Key"}, true},
		{nil, "request_headers", []string{"X_API_KEY"}, true},
		{nil, "request_headers", []string{"Cookie"}, true},
		{nil, "response_headers", []string{"Set-Cookie"}, true},
		{nil, "request_headers", []string{"X-Real-Ip"}, true},
		{places, "request_headers", []string{"X-Real-Ip"}, true}, // all fields are masked
		{places, "request_headers", []string{"X-User-Id"}, true},
		{places, "cookies", []string{"uid"}, true},
		{nil, "cookies", []string{"uid"}, false},
		{nil, "cookies", []string{"inside"}, false},
		{nil, "cookies", []string{"sid"}, true},
		{nil, "cookies", []string{"__Host-connect.sid"}, true},
		{nil, "cookies", []string{"wordpress_logged_in_abc"}, true},
		{nil, "query", []string{"code"}, true},
		{nil, "request_body", []string{"code"}, true}, // of an OAuth exchange
		{nil, "request_body", []string{"country"}, false},
		{nil, "request_body", []string{"login", "password"}, true},
		{nil, "request_body", []string{"password", "hint"}, true},
		{nil, "attributes", []string{"shop.password"}, true},
		{nil, "attributes", []string{"enduser.id"}, false},
		{plain, "query", []string{"access_token"}, true},
		{scoped, "request_headers", []string{"badge"}, true},
		{scoped, "request_body", []string{"a", "b"}, true},
		{scoped, "request_body", []string{"a", "c"}, false},
		{with("version: 1\nexcept: [pin, session]\n"), "query", []string{"pin"}, false},
		{with("version: 1\nexcept: [pin, session]\n"), "query", []string{"sig"}, true},
		{with("version: 1\nexcept: [pin, session]\n"), "cookies", []string{"session"}, false},
		{nil, "nowhere", []string{"x"}, true},
	} {
		if got := MayHide(tt.p, tt.place, tt.names...); got != tt.want {
			t.Errorf("%s %q: %v", tt.place, tt.names, got)
		}
	}
	for _, tt := range []struct {
		policy string
		want   bool
	}{
		{"version: 1\nkeys: {deny: [user.id]}\n", true},
		{"version: 1\nkeys: {deny: [user.id]}\ndry_run: true\n", false},
		{"version: 1\nrules: [{when: {route: [/x]}, keys: {deny: [user.id]}}]\n", false},
		{"version: 1\n", false},
	} {
		if got := with(tt.policy).AlwaysHides("attributes", "user.id"); got != tt.want {
			t.Errorf("%q: %v", tt.policy, got)
		}
	}
}

func TestLooksSecret(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"u-1": false, "ann@shop.example": false, "4111111111111111": false, "203.0.113.7": false, "": false,
		"sk_live_" + "51Hb0q2eZvKYlo2C8Z0aBcDeFgHiJ":                           true,
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MTIzNDUifQ.c2lnbmF0dXJlLW9mLXRva2Vu": true,
		"Bearer abcdefghijklmnop":                                              true,
	} {
		if got := LooksSecret(in); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}
