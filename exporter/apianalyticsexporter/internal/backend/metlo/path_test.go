// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/quick"
)

func TestValidPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a//b": true, "/a/b/{id}": true, "/a%3Fb": true,
		"": false, "a": false, "/a//": false, "//a/": false, "/a///b": false, `/a\b`: false, "/a?b": false,
		"/a<b": false, "/a>b": false, "/a&b": false, "/a=b": false,
	} {
		if got := ValidPath(path); got != want {
			t.Errorf("ValidPath(%q) = %v", path, got)
		}
	}
}

func TestAppendPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":               "/",
		"/":              "/",
		"//":             "/",
		"a/b":            "/a/b",
		"/a//b///c/":     "/a/b/c/",
		"/a?x=1":         "/a",
		"/a#f":           "/a",
		"/a=b&c":         "/a%3Db%26c",
		`/a\b<c>`:        "/a%5Cb%3Cc%3E",
		"/a%2fb%zz":      "/a%2fb%25zz",
		"/é b":           "/%C3%A9%20b",
		"/a;v=1/(b)@c:d": "/a;v%3D1/(b)@c:d",
	} {
		if got := string(appendPath(nil, path)); got != want {
			t.Errorf("appendPath(%q) = %q, want %q", path, got, want)
		}
	}
}

// Whatever the path, the collector takes what is sent, and a path that it takes
// already stays as it is apart from characters that a URL may not have.
func TestPathIsAlwaysTaken(t *testing.T) {
	t.Parallel()
	f := func(pieces []uint8, raw string) bool {
		path := "/" + raw
		for _, p := range pieces {
			path += []string{"/", "//", "a", "?", "#", "\\", "<", ">", "&", "=", "%", "%41", "é", "\xff", `"`, "\n"}[p%16]
		}
		got := string(appendPath(nil, path))
		quoted, err := json.Marshal(got)
		if err != nil || string(quoted) != `"`+got+`"` || !ValidPath(got) {
			return false
		}
		_, err = url.ParseRequestURI(got)
		return err == nil && string(appendPath(nil, got)) == got
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
}

func TestAppendTemplate(t *testing.T) {
	t.Parallel()
	for route, want := range map[string]string{
		"/":                         "/",
		"/users/{id}":               "/users/{id}",
		"/users/:id/files/*path":    "/users/{id}/files/{path}",
		"/users/<int:user_id>/<x>/": "/users/{user_id}/{x}/",
		"/users/{id:[0-9]+}":        "/users/{id}",
		"/files/{path...}":          "/files/{path}",
		"/users/{$}":                "/users/",
		"/a.{ext}":                  "/a.{ext}",
		"/a//b":                     "/a/b",
		"/a<b>c":                    "/a%3Cb%3Ec",
		`/"x"`:                      "/%22x%22",
	} {
		if got := string(appendTemplate([]byte{'"'}, route)[1:]); got != want {
			t.Errorf("appendTemplate(%q) = %q, want %q", route, got, want)
		}
	}
}

func TestReadableAuthorization(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"":                     "",
		"Basic dXNlcjpwYXNz":   "Basic dXNlcjpwYXNz",
		"basic dXNlcjpwYXNz":   "Basic dXNlcjpwYXNz",
		"BASIC [REDACTED]":     "Basic [REDACTED]",
		"Bearer xbAsIcx":       "[REDACTED]",
		"Bearer [REDACTED]":    "Bearer [REDACTED]",
		"Bearer abc":           "Bearer abc",
		"Bearer a.b.c":         "[REDACTED]",
		"Bearer e30.e30.c2ln":  "Bearer e30.e30.c2ln",
		"Bearer e30.e30=.c2ln": "Bearer e30.e30=.c2ln",
		"Bearer e30.e3w.c2ln":  "[REDACTED]",
		"hmac:k1:AbCdEf":       "hmac:k1:AbCdEf",
		"Bearer a..c":          "Bearer a..c",
	} {
		if got := readableAuthorization(v); got != want {
			t.Errorf("readableAuthorization(%q) = %q, want %q", v, got, want)
		}
	}
}

func TestDeep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    string
		want bool
	}{
		{"", false},
		{strings.Repeat("[", maxDepth), false},
		{strings.Repeat("[", maxDepth+1), true},
		{strings.Repeat(`{"a":`, maxDepth+1), true},
		{strings.Repeat(`[]`, 4*maxDepth), false},
		{`"` + strings.Repeat(`[`, 4*maxDepth) + `"`, false},
		{`"\"` + strings.Repeat(`[`, 4*maxDepth) + `"`, false},
		{`"\\"` + strings.Repeat(`[`, 4*maxDepth), true},
	} {
		if got := deep(tt.s); got != tt.want {
			t.Errorf("deep(%.20q…) = %v", tt.s, got)
		}
	}
}
