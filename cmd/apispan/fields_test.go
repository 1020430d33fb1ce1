// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFieldsDiff: CI fails on a new field, and on what is no inventory.
func TestFieldsDiff(t *testing.T) {
	t.Parallel()
	const old = `{"rows":[{"endpoint":"GET /a","location":"query","path":"q","decision":"kept","leaves":["api_analytics/moesif"],"unchanged":true}]}`
	newer := strings.Replace(old, `"rows":[`, `"rows":[{"endpoint":"GET /a","location":"query","path":"email","decision":"kept","leaves":["api_analytics/moesif"],"unchanged":true},`, 1)
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b, broken := write("a.json", old), write("b.json", newer), write("broken.json", "{}")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/fields" || r.URL.Query().Get("window") != "168h0m0s" {
			t.Errorf("%s", r.URL)
		}
		_, _ = w.Write([]byte(newer))
	}))
	defer srv.Close()
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"fields", "diff", a, a}, exitOK, "0 differences"},
		{[]string{"fields", "diff", a, b}, exitFailed, "new: query email at GET /a"},
		{[]string{"fields", "diff", a, b, "--json"}, exitFailed, `"what":"new"`},
		{[]string{"fields", "diff", b, a}, exitOK, "1 gone"},
		{[]string{"fields", "diff", a, "--address", srv.URL}, exitFailed, "new: query email"},
		{[]string{"fields", "get", "--address", srv.URL}, exitOK, `"path":"email"`},
		{[]string{"fields", "diff", a, b, "--address", srv.URL}, exitUsage, "together"},
		{[]string{"fields", "diff", broken, a}, exitUsage, "no inventory"},
		{[]string{"fields", "diff", a, filepath.Join(dir, "none.json")}, exitUsage, "none.json"},
		{[]string{"fields"}, exitUsage, "no command given"},
		{[]string{"preset", "print", "inspect"}, exitOK, "api_inspector:"},
		{[]string{"preset", "list"}, exitOK, "inspect "},
		{[]string{"preset", "print", "nope"}, exitUsage, "there are inspect"},
		{[]string{"tail", "--expect", "some"}, exitUsage, "write none or any"},
		{[]string{"tail", "--expect", "any", "--fail-if-any"}, exitUsage, "contradict"},
		{[]string{"tail", "--for", "-1s"}, exitUsage, "durations"},
		{[]string{"tail", "--address", "ftp://x"}, exitUsage, "no URL"},
	} {
		var out bytes.Buffer
		if code := run(tc.args, nil, &out, &out); code != tc.code || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%q: %d, %s", tc.args, code, out.String())
		}
	}
}
