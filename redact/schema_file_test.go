// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/apispan/apispan/redact"
)

var update = flag.Bool("update", false, "rewrite policy.schema.json")

const schemaFile = "policy.schema.json"

// Editors read the schema from the repository.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	if *update {
		if err := os.WriteFile(schemaFile, redact.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), string(redact.Schema())); diff != "" {
		t.Errorf("%s is out of date; run go test ./redact -run SchemaFile -update (-file +code):\n%s", schemaFile, diff)
	}
}

// Every shipped policy and every policy of the document is valid, and what the
// document shows as a mistake is not.
func TestSchemaAcceptsPolicies(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(redact.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	check := func(name, text string, valid bool) {
		t.Helper()
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := validate(schema, schema, v, ""); (err == nil) != valid {
			t.Errorf("%s: %v, want valid %v", name, err, valid)
		}
	}
	for _, n := range redact.PresetNames() {
		b, _ := redact.Preset(n)
		check(n, string(b), true)
	}
	doc, err := os.ReadFile(policyDoc)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(string(doc)) {
		if b.kind == "yaml" || b.kind == "yaml-error" {
			check(fmt.Sprintf("%s:%d", policyDoc, b.line), b.text, b.kind == "yaml")
		}
	}
	for _, bad := range []string{
		"version: 2", "keys: {deny: {a: b}}", "in: {moon: {}}", "in: {query: {action: truncate}}", "patterns: {card: maybe}",
		"limits: {depth: 513}", "limits: {body: 1GB}", "rules: [{when: {direction: up}}]", "hmac: {keys: [{ident: k1}]}",
		"patterns: {re: [{id: a}]}", "keys: {deny: [{name: a, lower: true}]}",
	} {
		check(bad, bad, false)
		if _, err := redact.Compile([]byte(bad)); err == nil {
			t.Errorf("%s: compiles, so that the schema is too strict", bad)
		}
	}
}

// validate knows the part of JSON schema that the policy schema uses, and fails on
// any other keyword.
func validate(root, schema map[string]any, v any, at string) error {
	for k, arg := range schema {
		ok := true
		switch k {
		case "$schema", "$id", "$defs", "title", "description", "default", "properties":
		case "$ref":
			def, _ := root["$defs"].(map[string]any)[strings.TrimPrefix(arg.(string), "#/$defs/")].(map[string]any)
			if def == nil {
				return fmt.Errorf("%s: %v leads nowhere", at, arg)
			}
			if err := validate(root, def, v, at); err != nil {
				return err
			}
		case "type":
			types, many := arg.([]any)
			if !many {
				types = []any{arg}
			}
			ok = slices.Contains(types, any(typeOf(v))) || typeOf(v) == "integer" && slices.Contains(types, any("number"))
		case "const":
			ok = fmt.Sprint(v) == fmt.Sprint(arg)
		case "enum":
			ok = slices.ContainsFunc(arg.([]any), func(a any) bool { return reflect.DeepEqual(a, v) })
		case "pattern":
			s, isText := v.(string)
			ok = !isText || regexp.MustCompile(arg.(string)).MatchString(s)
		case "maxLength":
			s, isText := v.(string)
			ok = !isText || len([]rune(s)) <= int(arg.(float64))
		case "minimum":
			i, isInt := v.(int)
			ok = !isInt || i >= int(arg.(float64))
		case "maximum":
			i, isInt := v.(int)
			ok = !isInt || i <= int(arg.(float64))
		case "required":
			m, _ := v.(map[string]any)
			for _, name := range arg.([]any) {
				if _, there := m[name.(string)]; !there {
					ok = false
				}
			}
		case "additionalProperties":
			m, _ := v.(map[string]any)
			props, _ := schema["properties"].(map[string]any)
			for name, e := range m {
				sub, known := props[name].(map[string]any)
				if !known {
					if sub, known = arg.(map[string]any); !known {
						return fmt.Errorf("%s: unknown field %s", at, name)
					}
				}
				if err := validate(root, sub, e, at+"."+name); err != nil {
					return err
				}
			}
		case "items":
			list, _ := v.([]any)
			for i, e := range list {
				if err := validate(root, arg.(map[string]any), e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
					return err
				}
			}
		case "oneOf":
			n := 0
			for _, a := range arg.([]any) {
				if validate(root, a.(map[string]any), v, at) == nil {
					n++
				}
			}
			ok = n == 1
		default:
			return fmt.Errorf("%s: the test does not know the keyword %s", at, k)
		}
		if !ok {
			return fmt.Errorf("%s: violates %s", at, k)
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case int:
		return "integer"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}
