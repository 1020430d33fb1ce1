// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// jsonSchema is the part of JSON Schema 2020-12 that our own schemas use. A keyword
// that is not here is an error, so that a schema cannot demand what nobody checks.
type jsonSchema struct {
	Type                 any                    `json:"type"` // string or list of strings
	Const                any                    `json:"const"`
	Enum                 []any                  `json:"enum"`
	Pattern              string                 `json:"pattern"`
	MinLength            int                    `json:"minLength"`
	Minimum              *float64               `json:"minimum"`
	Maximum              *float64               `json:"maximum"`
	Items                *jsonSchema            `json:"items"`
	Properties           map[string]*jsonSchema `json:"properties"`
	Required             []string               `json:"required"`
	MinProperties        int                    `json:"minProperties"`
	AdditionalProperties json.RawMessage        `json:"additionalProperties"` // false or a schema
	OneOf                []*jsonSchema          `json:"oneOf"`
	Ref                  string                 `json:"$ref"`
	Defs                 map[string]*jsonSchema `json:"$defs"`

	SchemaURI   string `json:"$schema"`
	ID          string `json:"$id"`
	Title       string `json:"title"`
	Description string `json:"description"`

	pattern *regexp.Regexp
	rest    *jsonSchema // of AdditionalProperties
	closed  bool
}

// parseSchema reads a schema of ours.
func parseSchema(text []byte) (*jsonSchema, error) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	root := &jsonSchema{}
	if err := dec.Decode(root); err != nil {
		return nil, err
	}
	return root, root.prepare()
}

func (s *jsonSchema) prepare() (err error) {
	if s == nil {
		return nil
	}
	if s.Pattern != "" {
		if s.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return err
		}
	}
	switch text := string(s.AdditionalProperties); text {
	case "":
	case "false":
		s.closed = true
	default:
		if s.rest, err = parseSchema(s.AdditionalProperties); err != nil {
			return err
		}
	}
	children := append([]*jsonSchema{s.Items}, s.OneOf...)
	for _, m := range []map[string]*jsonSchema{s.Properties, s.Defs} {
		for _, k := range sortedKeys(m) {
			children = append(children, m[k])
		}
	}
	for _, child := range children {
		if err = child.prepare(); err != nil {
			return err
		}
	}
	return nil
}

// check makes a check out of the schema.
func (s *jsonSchema) check(root *jsonSchema) func(*checker, string, json.RawMessage) {
	return func(c *checker, path string, v json.RawMessage) { s.run(root, c, path, v) }
}

func (s *jsonSchema) run(root *jsonSchema, c *checker, path string, v json.RawMessage) {
	if s.Ref != "" {
		target := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		if target == nil {
			c.fail(path, "the schema refers to nothing")
			return
		}
		target.run(root, c, path, v)
	}
	kind := kindOf(v)
	if s.Type != nil && !s.allows(kind) {
		c.fail(path, fmt.Sprintf("is %s, not %v", kind, s.Type))
		return
	}
	if s.Const != nil || s.Enum != nil {
		var got any
		_ = json.Unmarshal(v, &got)
		if s.Const != nil && got != s.Const || s.Enum != nil && !slices.Contains(s.Enum, got) {
			c.fail(path, "not one of the values of the schema")
		}
	}
	switch kind {
	case "string":
		text, _ := c.text(path, v)
		if utf8.RuneCountInString(text) < s.MinLength {
			c.fail(path, "too short")
		}
		if s.pattern != nil && !s.pattern.MatchString(text) {
			c.fail(path, "does not match "+s.Pattern)
		}
	case "number", "integer":
		var n float64
		_ = json.Unmarshal(v, &n)
		if s.Minimum != nil && n < *s.Minimum || s.Maximum != nil && n > *s.Maximum {
			c.fail(path, "out of range")
		}
	case "array":
		if s.Items != nil {
			array(0, 1<<20, s.Items.check(root))(c, path, v)
		}
	case "object":
		s.object(root, c, path, v)
	}
	if len(s.OneOf) > 0 {
		fits := 0
		for _, alternative := range s.OneOf {
			trial := &checker{}
			alternative.run(root, trial, path, v)
			if len(trial.problems) == 0 {
				fits++
			}
		}
		if fits != 1 {
			c.fail(path, fmt.Sprintf("fits %d of the alternatives, not one", fits))
		}
	}
}

func (s *jsonSchema) object(root *jsonSchema, c *checker, path string, v json.RawMessage) {
	if s.Properties == nil && s.Required == nil && s.MinProperties == 0 && s.rest == nil {
		return // any object, duplicate members and all
	}
	got, ok := c.members(path, v)
	if !ok {
		return
	}
	for _, name := range s.Required {
		if _, present := got[name]; !present {
			c.fail(join(path, name), "missing")
		}
	}
	if len(got) < s.MinProperties {
		c.fail(path, "too few members")
	}
	for _, name := range sortedKeys(got) {
		switch property := s.Properties[name]; {
		case property != nil:
			property.run(root, c, join(path, name), got[name])
		case s.rest != nil:
			s.rest.run(root, c, join(path, name), got[name])
		case s.closed:
			c.fail(path, fmt.Sprintf("unknown field %.40q", name))
		}
	}
}

func (s *jsonSchema) allows(kind string) bool {
	allowed, ok := s.Type.([]any)
	if !ok {
		allowed = []any{s.Type}
	}
	return slices.Contains(allowed, any(kind)) || kind == "integer" && slices.Contains(allowed, any("number"))
}

func kindOf(v json.RawMessage) string {
	switch first(v) {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if strings.ContainsAny(string(v), ".eE") {
		return "number"
	}
	return "integer"
}
