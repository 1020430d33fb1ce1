// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apispan/apispan/redact"
)

// TestPathMatchesAsPolicy holds Path to what a policy with the same path selects: every
// leaf of a document is masked by the one where it matches the other.
func TestPathMatchesAsPolicy(t *testing.T) {
	t.Parallel()
	leaves := []struct {
		doc string
		at  []redact.PathStep
	}{
		{`{"a":{"b":"SECRET"}}`, []redact.PathStep{{"a", -1}, {"b", -1}}},
		{`{"a":{"c":{"b":"SECRET"}}}`, []redact.PathStep{{"a", -1}, {"c", -1}, {"b", -1}}},
		{`{"a":[{"b":"SECRET"}]}`, []redact.PathStep{{"a", -1}, {"", 0}, {"b", -1}}},
		{`{"a":[{"z":1},"SECRET"]}`, []redact.PathStep{{"a", -1}, {"", 1}}},
		{`{"a":[["SECRET"]]}`, []redact.PathStep{{"a", -1}, {"", 0}, {"", 0}}},
		{`{"A-B":"SECRET"}`, []redact.PathStep{{"A-B", -1}}},
		{`{"abcdef":{"x":"SECRET"}}`, []redact.PathStep{{"abcdef", -1}, {"x", -1}}},
		{`[{"b":"SECRET"}]`, []redact.PathStep{{"", 0}, {"b", -1}}},
	}
	for _, path := range []string{"$.a", "$.a.b", "$.a.*", "$.a[*]", "$.a[1]", "$.a[*].b", "$..b", "$.a..b", "$.a_b", "$['a b']", "$.abc*", "$.*f.x", "$[*].b", "$.b", "$.a[*][*]", "$.a.."} {
		p, err := redact.ParsePath(path)
		if err != nil {
			t.Fatal(path, err)
		}
		pol, err := redact.Compile([]byte("version: 1\ndefaults: false\nkeys: { deny: [\"" + path + "\"] }\n"))
		if err != nil {
			t.Fatal(path, err)
		}
		for _, l := range leaves {
			s := pol.NewScratch()
			s.Begin(redact.Exchange{RequestContentType: "application/json"})
			out, _ := s.Body(redact.Request, l.doc)
			s.Release()
			if got, want := p.Match(l.at), !strings.Contains(out, "SECRET"); got != want {
				t.Errorf("%s at %s: %v, the policy says %v", path, fmt.Sprint(l.at), got, want)
			}
		}
	}
	for _, bad := range []string{"", "a.b", "$", "$.a[", "$...a", "$.a[x]"} {
		if _, err := redact.ParsePath(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
