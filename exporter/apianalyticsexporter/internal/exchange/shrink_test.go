// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"
)

func TestShrink(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		in     Body
		max    int
		want   string
		cut    bool
		marked bool
	}{
		{name: "fits", in: Body{Data: "abc"}, max: 3, want: "abc"},
		{name: "keeps an earlier mark", in: Body{Data: "abc", Truncated: true}, max: 3, want: "abc", marked: true},
		{name: "ascii", in: Body{Data: "abcdef"}, max: 4, want: "abcd", cut: true, marked: true},
		{name: "two bytes", in: Body{Data: "aé"}, max: 2, want: "a", cut: true, marked: true},
		{name: "four bytes", in: Body{Data: "a\U0001F600b"}, max: 4, want: "a", cut: true, marked: true},
		{name: "exactly behind a rune", in: Body{Data: "a\U0001F600b"}, max: 5, want: "a\U0001F600", cut: true, marked: true},
		{name: "binary is cut at the byte", in: Body{Data: "a\xc3\xa9", Binary: true}, max: 2, want: "a\xc3", cut: true, marked: true},
		{name: "to nothing", in: Body{Data: "abc"}, max: 0, want: "", cut: true, marked: true},
		{name: "negative is nothing", in: Body{Data: "abc"}, max: -1, want: "", cut: true, marked: true},
		{name: "continuation bytes only", in: Body{Data: strings.Repeat("\x80", 20)}, max: 9, want: strings.Repeat("\x80", 9), cut: true, marked: true},
	} {
		e := Exchange{Request: Message{Body: tc.in}, Response: Message{Body: tc.in}}
		if got := e.Shrink(tc.max); got != tc.cut {
			t.Errorf("%s: Shrink = %v", tc.name, got)
		}
		for _, b := range []Body{e.Request.Body, e.Response.Body} {
			if b.Data != tc.want || b.Truncated != tc.marked {
				t.Errorf("%s: got %q truncated=%v, want %q truncated=%v", tc.name, b.Data, b.Truncated, tc.want, tc.marked)
			}
		}
	}
}

func TestShrinkKeepsValidUTF8(t *testing.T) {
	t.Parallel()
	f := func(s string, n uint8) bool {
		s = strings.ToValidUTF8(s, "")
		e := Exchange{Request: Message{Body: Body{Data: s}}}
		e.Shrink(int(n))
		got := e.Request.Body.Data
		return utf8.ValidString(got) && len(got) <= int(n) && strings.HasPrefix(s, got) &&
			(len(s) <= int(n) || len(got) > int(n)-utf8.UTFMax)
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	e := Exchange{Scheme: "https", Host: "api.example.com:8443", Path: "/a%20b", Query: "x=1"}
	if got, want := e.URL(), "https://api.example.com:8443/a%20b?x=1"; got != want {
		t.Errorf("URL = %q, want %q", got, want)
	}
	e.Query = ""
	if got, want := string(e.AppendURL([]byte("u="))), "u=https://api.example.com:8443/a%20b"; got != want {
		t.Errorf("AppendURL = %q, want %q", got, want)
	}
}

func TestMessageGet(t *testing.T) {
	t.Parallel()
	m := Message{Headers: []Header{{Name: "a"}, {Name: "b", Values: []string{"1", "2"}}}}
	if m.Get("a") != "" || m.Get("b") != "1" || m.Get("c") != "" {
		t.Errorf("Get: %q %q %q", m.Get("a"), m.Get("b"), m.Get("c"))
	}
}

func TestRouteOnly(t *testing.T) {
	t.Parallel()
	for route, want := range map[string][2]string{
		"/users/{id}": {"/users/{id}", "GET /users/{id}"},
		"":            {"/", "GET"},
		"a b":         {"/a%20b", "GET a b"},
		"/ä?#":        {"/%C3%A4%3F%23", "GET /ä?#"},
	} {
		e := Exchange{Method: "GET", Path: "/users/7", Query: "x=1", Route: route, SpanName: "GET /users/7"}
		e.RouteOnly()
		if e.Path != want[0] || e.SpanName != want[1] || e.Query != "" || e.Route != route {
			t.Errorf("%q: %+v", route, e)
		}
	}
}
