// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package confkeys

import (
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	t.Parallel()
	base := URL{Example: "https://api.example.com", Schemes: []string{"ws", "wss"}, Credentials: "; use `auth`", Appended: "; a path is appended"}
	whole := base
	whole.Whole = true
	for _, tc := range []struct {
		rule URL
		url  string
		want string
	}{
		{base, "https://api.example.com:8443/a/", ""},
		{base, "wss://api.example.com", ""},
		{base, "HTTP://[::1]:80", ""},
		{whole, "https://api.example.com/a?tenant=SECRET", ""},
		{URL{User: true}, "http://u:SECRET@h:3128", ""},
		{base, "https://h:65535", ""},
		{base, "https://h:0", "has a port above 65535 or of 0: write an absolute URL such as https://api.example.com"},
		{base, "https://h:65536", "has a port above 65535 or of 0: write an absolute URL such as https://api.example.com"},
		{base, "", "does not begin with http:// or https:// or ws:// or wss://: write an absolute URL such as https://api.example.com"},
		{URL{Example: "https://x"}, "wss://SECRET", "does not begin with http:// or https://: write an absolute URL such as https://x"},
		{base, "SECRET.example.com", "does not begin with http:// or https:// or ws:// or wss://: write an absolute URL such as https://api.example.com"},
		{base, "https://SECRET example.com", "is no URL: write an absolute URL such as https://api.example.com"},
		{base, "https://host:SECRET", "is no URL: write an absolute URL such as https://api.example.com"},
		{base, "https:///SECRET", "has no host: write an absolute URL such as https://api.example.com"},
		{base, "https://:443", "has no host: write an absolute URL such as https://api.example.com"},
		{base, "https://SECRET@h", "holds a user or password: remove it; use `auth`"},
		{whole, "https://u:SECRET@h", "holds a user or password: remove it; use `auth`"},
		{base, "https://h/?SECRET", "holds a query or a fragment: remove it; a path is appended"},
		{base, "https://h/?", "holds a query or a fragment: remove it; a path is appended"},
		{base, "https://h/#SECRET", "holds a query or a fragment: remove it; a path is appended"},
		{whole, "https://h/#SECRET", "holds a fragment, which is never sent: remove it"},
	} {
		err := tc.rule.Check(tc.url)
		switch {
		case err == nil && tc.want != "" || err != nil && err.Error() != tc.want:
			t.Errorf("%s: %v, want %q", tc.url, err, tc.want)
		case err != nil && strings.Contains(err.Error(), "SECRET"):
			t.Errorf("%s: the error holds the value", tc.url)
		}
	}
}

func TestClearText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"https://h": false, "http://h": true, "ws://192.0.2.1:80/x": true, "wss://h": false,
		"http://localhost:1": false, "http://127.0.0.2": false, "http://[::1]:1/x": false, "http://localhost.example.com": true, ":": false, "\x00": false, "ws://127.0.0.1": false, "http://10.0.0.1": true,
	} {
		if got := ClearText(in); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}
