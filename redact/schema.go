// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"maps"
)

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
	ref := func(name string) object { return object{"$ref": "#/$defs/" + name} }
	text := object{"type": "string"}
	flag := object{"type": "boolean", "default": false}
	enum := func(vs ...string) object { return object{"enum": vs} }
	bounded := func(least, most int) object { return object{"type": "integer", "minimum": least, "maximum": most} }
	list := func(of object) object { return object{"type": "array", "items": of} }
	oneOrMany := func(of object) object { return object{"oneOf": []object{of, list(of)}} }
	rule := func(options object) object {
		props := object{"name": ref("name")}
		maps.Copy(props, options)
		return object{"oneOf": []object{ref("name"), list(object{"oneOf": []object{ref("name"), strict(props, "name")}})}}
	}
	keys := func(more object) object {
		props := object{
			"deny": ref("mask_rules"), "drop": ref("rules"), "encrypt": ref("rules"), "allow": ref("rules"), "hmac": ref("token_rules"),
			"truncate": ref("address_rules"), "except": ref("rules"),
		}
		maps.Copy(props, more)
		return strict(props)
	}
	in := object{}
	for _, name := range Places() {
		in[name] = ref("place")
	}
	in["client_ip"] = ref("client_ip")
	placeAction := enum("keep", "mask", "drop", "hmac", "encrypt")
	keep := object{"keep_first": bounded(0, maxKeep), "keep_last": bounded(0, maxKeep)}
	own := object{"id": text, "regex": text, "action": ref("action")}
	maps.Copy(own, keep)
	patterns := object{"re": list(strict(own, "id", "regex"))}
	detector := object{"action": enum("mask")}
	maps.Copy(detector, keep)
	for _, d := range Detectors() {
		patterns[d.Name] = object{"oneOf": []object{ref("action"), ref("kept")}, "description": d.Doc}
	}
	top := strict(object{
		"preset":       enum(PresetNames()...),
		"version":      object{"const": 1},
		"defaults":     object{"type": "boolean", "default": true},
		"except":       oneOrMany(text),
		"mask":         object{"type": "string", "maxLength": 64, "default": "[REDACTED]"},
		"mask_by_type": object{"type": "boolean", "default": false},
		"keys":         ref("keys"),
		"in":           ref("in"),
		"rules": list(strict(object{
			"when": ref("when"),
			"keys": ref("keys"), "in": ref("in"),
		})),
		// Other names are aliases of detectors.
		"patterns": object{"type": "object", "properties": patterns, "additionalProperties": object{"oneOf": []object{ref("action"), ref("kept")}}},
		"hmac": strict(object{
			"active": text, "rotate": text,
			"keys": list(strict(object{"id": text, "file": text, "env": text, "value": text, "source": text})),
		}),
		"on_unparsable": enum("redact", "text"),
		"limits": strict(object{
			"depth": bounded(1, maxDepth), "nested": bounded(1, maxNested),
			"body": object{"oneOf": []object{{"type": "integer"}, {"type": "string", "pattern": `^[0-9]+ *(KiB|MiB)$`}}},
		}),
		"audit":   enum("off", "counts", "rules"),
		"dry_run": object{"type": "boolean", "default": false},
	})
	for name, text := range fieldDocs {
		if p, ok := top["properties"].(object)[name].(object); ok {
			p["description"] = text
		}
	}
	top["$defs"] = object{
		"name":          object{"type": []string{"string", "number"}, "description": "a key, a glob with *, or a path that begins with $"},
		"rules":         rule(nil),
		"mask_rules":    rule(keep),
		"address_rules": rule(object{"v4": bounded(1, 32), "v6": bounded(1, 128)}),
		"token_rules":   rule(object{"lower": flag, "scope": text}),
		"keys":          keys(nil),
		"place":         keys(object{"action": placeAction}),
		"client_ip": keys(object{
			"action":   placeAction,
			"truncate": object{"oneOf": []object{strict(object{"v4": bounded(0, 32), "v6": bounded(0, 128)}), ref("address_rules")}},
		}),
		"when":   whenSchema(true),
		"in":     strict(in),
		"action": enum("mask", "drop", "hmac", "encrypt", "truncate", "report", "off"),
		"kept":   strict(detector),
	}
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["$id"] = "https://raw.githubusercontent.com/apispan/apispan/main/redact/policy.schema.json"
	top["title"] = "apispan redaction policy"
	return top
}

// whenSchema is the schema of a condition; conditions under not have no not.
func whenSchema(not bool) object {
	oneOrMany := func(of object) object { return object{"oneOf": []object{of, {"type": "array", "items": of}}} }
	patterns := oneOrMany(object{"type": "string"})
	byName := object{"type": "object", "additionalProperties": patterns}
	props := object{
		"host": patterns, "route": patterns, "method": patterns, "content_type": patterns, "tenant": patterns,
		"direction": object{"enum": []string{"incoming", "outgoing"}}, "header": byName, "response_header": byName,
		"status": oneOrMany(object{"type": []string{"string", "integer"}}),
	}
	if not {
		props["not"] = oneOrMany(whenSchema(false))
	}
	return strict(props)
}

// fieldDocs are what editors show for the top-level fields.
var fieldDocs = map[string]string{
	"preset":        "the shipped policy that this file is written over",
	"version":       "version of the language",
	"defaults":      "the built-in key lists, the default detectors, cookie values masked, client addresses tokenised or truncated",
	"except":        "entries of the built-in lists that do not hold, also cookie, set-cookie, client_ip; and names, globs and paths of values that stay",
	"mask":          "the text that replaces a value; no digits, nothing that needs escaping",
	"mask_by_type":  "masks tell the JSON type: [REDACTED:number]",
	"keys":          "rules for every place, by action; names are folded, * is a glob, $ begins a path",
	"in":            "rules for one place, in addition to keys",
	"rules":         "rules for the exchanges that when selects; what is not known of an exchange matches",
	"patterns":      "value detectors by name, and own expressions under re",
	"hmac":          "the keys of the hmac and encrypt actions, 32 bytes and more each",
	"on_unparsable": "a body that is not what its type says: redact it whole, or read it as text",
	"limits":        "bounds of the work on one value",
	"audit":         "what spans say about their redaction",
	"dry_run":       "count and change nothing",
}

// strict is an object schema that knows all its fields.
func strict(props object, required ...string) object {
	o := object{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}
