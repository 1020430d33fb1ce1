// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The fields of each mapping of the schema are those that the decoder knows: a
// field that cannot exist makes it list them.
func TestSchemaKnowsTheFieldsOfTheDecoder(t *testing.T) {
	t.Parallel()
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for path, yaml := range map[string]string{
		"":                      "nope: 1",
		"keys":                  "keys: {nope: 1}",
		"keys.hmac":             "keys: {hmac: [{nope: 1}]}",
		"keys.deny":             "keys: {deny: [{nope: 1}]}",
		"in":                    "in: {nope: 1}",
		"in.query":              "in: {query: {nope: 1}}",
		"in.client_ip":          "in: {client_ip: {nope: 1}}",
		"in.client_ip.truncate": "in: {client_ip: {truncate: {nope: 1}}}",
		"rules":                 "rules: [{nope: 1}]",
		"rules.when":            "rules: [{when: {nope: 1}}]",
		"patterns.re":           "patterns: {re: [{nope: 1}]}",
		"hmac":                  "hmac: {nope: 1}",
		"hmac.keys":             "hmac: {keys: [{nope: 1}]}",
		"limits":                "limits: {nope: 1}",
	} {
		_, err := ParseConfig([]byte(yaml))
		if err == nil {
			t.Fatalf("%s: no error", yaml)
		}
		_, known, ok := strings.Cut(err.Error(), "known here: ")
		if !ok {
			t.Fatalf("%s: %v", yaml, err)
		}
		known, _, _ = strings.Cut(known, "\n")
		want := strings.Split(known, ", ")
		if diff := cmp.Diff(want, propertiesAt(t, s, path)); diff != "" {
			t.Errorf("%s: decoder and schema differ (-decoder +schema):\n%s", path, diff)
		}
	}
}

// propertiesAt descends into properties, array items and alternatives.
func propertiesAt(t *testing.T, s any, path string) []string {
	t.Helper()
	defs, _ := s.(map[string]any)["$defs"].(map[string]any)
	at := settle(s, defs)
	if path != "" {
		for p := range strings.SplitSeq(path, ".") {
			props, ok := at["properties"].(map[string]any)
			if !ok {
				t.Fatalf("%s: no properties at %s", path, p)
			}
			at = settle(props[p], defs)
		}
	}
	props, _ := at["properties"].(map[string]any)
	var out []string
	for k := range props {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// settle finds the object behind references, items and alternatives.
func settle(s any, defs map[string]any) map[string]any {
	m, _ := s.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return settle(defs[strings.TrimPrefix(ref, "#/$defs/")], defs)
	}
	if _, ok := m["properties"]; ok {
		return m
	}
	if i, ok := m["items"]; ok {
		return settle(i, defs)
	}
	alts, _ := m["oneOf"].([]any)
	for _, a := range alts {
		if r := settle(a, defs); r["properties"] != nil {
			return r
		}
	}
	return m
}

func TestSchemaEnumsCompile(t *testing.T) {
	t.Parallel()
	for _, d := range Detectors() {
		for _, a := range []string{"mask", "drop", "report", "off"} {
			if _, err := Compile([]byte(fmt.Sprintf("patterns: {%s: %s}", d.Name, a))); err != nil {
				t.Errorf("%s: %s: %v", d.Name, a, err)
			}
		}
	}
}
