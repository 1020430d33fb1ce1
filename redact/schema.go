// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "encoding/json"

// object is a JSON object of a schema.
type object = map[string]any

// Schema returns the JSON schema (draft 2020-12) of the policy language, for
// editors and linters. Compile is stricter: it also checks what a schema cannot.
func Schema() []byte {
	b, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil { // a constant value: cannot fail
		return nil
	}
	return append(b, '\n')
}

func schema() object {
	text := object{"type": "string"}
	flag := object{"type": "boolean"}
	enum := func(vs ...string) object { return object{"enum": vs} }
	// A name, or a list of names, or of objects with one.
	rules := func(options object) object {
		props := object{"name": text}
		for k, v := range options {
			props[k] = v
		}
		one := object{"oneOf": []object{text, strict(props, "name")}}
		return object{"oneOf": []object{text, {"type": "array", "items": one}}}
	}
	strs := object{"oneOf": []object{text, {"type": "array", "items": text}}}
	keys := func() object {
		return object{
			"deny": rules(nil), "drop": rules(nil), "encrypt": rules(nil), "allow": rules(nil),
			"hmac": rules(object{"lower": flag, "scope": text}),
		}
	}
	in := object{}
	for _, name := range Places() {
		p := keys()
		p["action"] = enum("keep", "mask", "drop", "hmac", "encrypt")
		if name == "client_ip" {
			bits := func(most int) object { return object{"type": "integer", "minimum": 0, "maximum": most} }
			p["truncate"] = strict(object{"v4": bits(32), "v6": bits(128)})
		}
		in[name] = strict(p)
	}
	action := enum("mask", "drop", "hmac", "encrypt", "report", "off")
	patterns := object{"re": object{"type": "array", "items": strict(object{"id": text, "regex": text, "action": action}, "id", "regex", "action")}}
	for _, d := range Detectors() {
		patterns[d.Name] = object{"enum": action["enum"], "description": d.Doc}
	}
	key := strict(object{"id": text, "file": text, "env": text, "value": text})
	size := object{"oneOf": []object{{"type": "integer"}, {"type": "string", "pattern": `^[0-9]+ *(KiB|MiB)$`}}}
	top := strict(object{
		"preset":       object{"enum": PresetNames(), "description": "the shipped policy that this file starts from"},
		"version":      object{"const": 1},
		"defaults":     object{"type": "boolean", "default": true, "description": "the built-in key list and the default detectors"},
		"except":       strs,
		"mask":         object{"type": "string", "maxLength": 64, "default": "[REDACTED]"},
		"mask_by_type": flag,
		"keys":         strict(keys()),
		"in":           strict(in),
		"rules": object{"type": "array", "items": strict(object{
			"when": strict(object{"host": strs, "route": strs, "method": strs, "direction": enum("incoming", "outgoing")}),
			"keys": strict(keys()), "in": strict(in),
		})},
		"patterns":      object{"type": "object", "properties": patterns, "additionalProperties": action},
		"hmac":          strict(object{"active": text, "rotate": text, "keys": object{"type": "array", "items": key}}),
		"on_unparsable": enum("redact", "text"),
		"limits": strict(object{
			"depth": object{"type": "integer", "minimum": 1, "maximum": maxDepth}, "nested": object{"type": "integer", "minimum": 1, "maximum": maxNested},
			"body": size,
		}),
		"audit":   enum("off", "counts", "rules"),
		"dry_run": flag,
	})
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "apispan redaction policy"
	return top
}

// strict is an object schema that knows all its fields.
func strict(props object, required ...string) object {
	o := object{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}
