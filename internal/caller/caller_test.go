// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"strings"
	"testing"
)

// TestFieldIn reads a field out of every shape that producers give a header section.
func TestFieldIn(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"X-User-Id":"u1","Authorization":"no"}`:                                   "u1",
		`{"x-user-id":["u1","u2"]}`:                                                 "u1|u2",
		`{"x_user_id":"no","x-user-id":"u1"}`:                                       "u1",
		`{"x_user_id":"u1"}`:                                                        "u1",
		`{"x\u002duser-id":"u\u0031"}`:                                              "u1",
		`["Authorization: no","X-User-Id: u1"]`:                                     "u1",
		`[["Authorization","no"],["X-User-Id","u1"]]`:                               "u1",
		`[["X-User-Id",["u1","u2"]]]`:                                               "u1|u2",
		`[{"name":"Authorization","value":"no"},{"name":"X-User-Id","value":"u1"}]`: "u1",
		`[{"key":"X-User-Id","value":"u1"}]`:                                        "u1",
		`[{"X-User-Id":"u1"}]`:                                                      "u1",
		"Authorization: no\r\nX-User-Id: u1\r\n":                                    "u1",
		`{"X-User-Id":{"a":"b"}}`:                                                   "",
		`{"X-User":"u1"}`:                                                           "",
		`{"X-User-Id":"u1`:                                                          "",
		`"X-User-Id: u1"`:                                                           "",
		`["X-User-Id"]`:                                                             "",
		`[1,null,[],{}]`:                                                            "",
		``:                                                                          "",
		`u1`:                                                                        "",
	} {
		if got := strings.Join(FieldIn(in, NewName("X-User-Id")), "|"); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "203.0.113.7:80": "203.0.113.7", "[2001:db8::1]:80": "2001:db8::1",
		"[2001:db8::1]": "2001:db8::1", "fe80::1%eth0": "fe80::1", "::ffff:10.0.0.1": "10.0.0.1",
		" 203.0.113.7 , 10.0.0.1": "203.0.113.7", "unknown": "", "unknown, 10.0.0.1": "", "": "", "10.0.0.1.example": "",
	} {
		if got := address(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzParsers: nothing that a stranger sends makes a reader fail.
func FuzzParsers(f *testing.F) {
	f.Add(`{"a":["b"]}`, "a.b")
	f.Add("Bearer e30.eyJzdWIiOiJ1MTIifQ.", "sub")
	f.Add(`[["a","b"],{"name":"a","value":"c"},"a: d"]`, "a")
	f.Add("a=b; c=d", "c")
	f.Fuzz(func(_ *testing.T, text, name string) {
		Claim(text, name)
		FieldIn(text, NewName(name))
		basic(text)
		parameter(text, name)
		address(text)
		afterBasic(text)
		claimIn(text, name)
	})
}
