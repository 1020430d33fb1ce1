// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package jsonfind

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindAndCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		doc, path, value, cut string
		missing               bool
	}{
		{doc: `{"a":1}`, path: "$.a", value: `1`, cut: `{}`},
		{doc: `{"a":1,"b":2}`, path: "a", value: `1`, cut: `{"b":2}`},
		{doc: `{"a":1,"b":2}`, path: "b", value: `2`, cut: `{"a":1}`},
		{doc: "{ \"a\" : 1 ,\n\"b\" : {\"c\":[1,\"}\"]} , \"d\":3}", path: "b", value: `{"c":[1,"}"]}`, cut: "{ \"a\" : 1  , \"d\":3}"},
		{doc: `{"x":{"a":"\"q\\"},"a":"no"}`, path: "$.x.a", value: `"\"q\\"`, cut: `{"x":{},"a":"no"}`},
		{doc: `{"a":1,"a":2}`, path: "a", value: `2`, cut: `{"a":1}`},
		// A document that was cut: only what is surely complete is found.
		{doc: `{"a":12`, path: "a", missing: true},
		{doc: `{"a":12,"b":"x`, path: "a", value: `12`, cut: `{"b":"x`},
		{doc: `{"a":12,"b":"x`, path: "b", missing: true},
		{doc: `{"a":{"b":1`, path: "a.b", missing: true},
		{doc: `{"a":{"b":1}`, path: "a", missing: true},
		// Not an object, not there, not JSON.
		{doc: `[{"a":1}]`, path: "a", missing: true},
		{doc: `{"a":1}`, path: "b", missing: true},
		{doc: `{"a":[1]}`, path: "a.b", missing: true},
		{doc: `{a:1}`, path: "a", missing: true},
		{doc: `{"a" 1}`, path: "a", missing: true},
		{doc: `{"a":}`, path: "a", missing: true},
		{doc: `{"a":1 "b":2}`, path: "b", missing: true},
		{doc: `{"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `,"b":1}`, path: "b", missing: true},
		{doc: ``, path: "a", missing: true},
	} {
		names, ok := ParsePath(tt.path)
		if !ok {
			t.Fatalf("ParsePath(%q) failed", tt.path)
		}
		m, ok := Find(tt.doc, names)
		if ok == tt.missing {
			t.Errorf("Find(%q, %q) found = %v", tt.doc, tt.path, ok)
			continue
		}
		if !ok {
			continue
		}
		if got := m.Value(tt.doc); got != tt.value {
			t.Errorf("Find(%q, %q) = %q, want %q", tt.doc, tt.path, got, tt.value)
		}
		if got := m.Cut(tt.doc); got != tt.cut {
			t.Errorf("Find(%q, %q) cut = %q, want %q", tt.doc, tt.path, got, tt.cut)
		}
	}
}

func TestParsePath(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "$", "$.", "a..b", "$.a[0]", "$.*", "a."} {
		if _, ok := ParsePath(bad); ok {
			t.Errorf("ParsePath(%q) was accepted", bad)
		}
	}
	if got, _ := ParsePath("$.a.b-c"); !cmp.Equal(got, []string{"a", "b-c"}) {
		t.Errorf("ParsePath = %q", got)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	ok := Members(` {"a": 1, "b":{"c":2} ,"d":"x"} `, func(n, v string) bool { got[n] = v; return true })
	want := map[string]string{"a": "1", "b": `{"c":2}`, "d": `"x"`}
	if !ok || !cmp.Equal(got, want) {
		t.Errorf("Members = %v, %v", got, ok)
	}
	for _, bad := range []string{`[1]`, `{"a":1`, `{"a":1,`, ``} {
		if Members(bad, func(string, string) bool { return true }) {
			t.Errorf("Members(%q) was accepted", bad)
		}
	}
}

// FuzzCut checks the one promise that matters: of a valid document what is left
// after a cut is valid, and the value that was cut is valid too.
func FuzzCut(f *testing.F) {
	f.Add(`{"a":1,"b":{"a":2},"c":[{"a":3}]}`, "a")
	f.Add(`{"x":"\"","a":null}`, "a")
	f.Add(`{ "a" : true , "b":2}`, "b")
	f.Fuzz(func(t *testing.T, doc, name string) {
		m, ok := Find(doc, []string{name})
		if !ok || !json.Valid([]byte(doc)) {
			return
		}
		if !json.Valid([]byte(m.Value(doc))) {
			t.Errorf("value %q of %q is not JSON", m.Value(doc), doc)
		}
		if !json.Valid([]byte(m.Cut(doc))) {
			t.Errorf("%q without %q is not JSON: %q", doc, name, m.Cut(doc))
		}
	})
}
