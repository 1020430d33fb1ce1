// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/redact"
)

// Value redacts the value of an attribute, of whatever type, as the processor does. kept is
// false if it goes.
func Value(s *redact.Scratch, key string, v any) (out any, kept bool) {
	switch v := v.(type) {
	case string:
		text, ef := s.Attribute(key, v)
		return text, ef != redact.Removed
	case []byte:
		b, ef := s.AttributeBytes(key, v)
		return b, ef != redact.Removed
	case []any:
		k := redact.NewKey(key)
		if k.EachElement() {
			list := make([]any, 0, len(v))
			for _, e := range v {
				if one, ok := Value(s, key, e); ok {
					list = append(list, one)
				}
			}
			return list, len(list) > 0 || len(v) == 0
		}
		return node(s, s.AttributeNode(key), v)
	case map[string]any:
		return node(s, s.AttributeNode(key), v)
	case int64, float64, bool:
		text := show.Text(v)
		now, ef := s.Attribute(key, text)
		if ef == redact.Unchanged {
			return v, true
		}
		return now, ef != redact.Removed
	}
	return v, true
}

// node redacts a structured value.
func node(s *redact.Scratch, n redact.Node, v any) (any, bool) {
	leaf := func(kind redact.Kind, text string) (any, bool) {
		now, ef := s.Leaf(n, kind, text)
		if ef == redact.Unchanged {
			return v, true
		}
		return now, ef != redact.Removed
	}
	switch v := v.(type) {
	case string:
		return leaf(redact.String, v)
	case int64, float64:
		return leaf(redact.Number, show.Text(v))
	case bool:
		return leaf(redact.Literal, show.Text(v))
	case []any:
		if mask, ef := s.Subtree(n); ef != redact.Unchanged {
			return mask, ef != redact.Removed
		}
		out := make([]any, 0, len(v))
		for i, e := range v {
			if one, ok := node(s, s.Element(n, i), e); ok {
				out = append(out, one)
			}
		}
		return out, true
	case map[string]any:
		if mask, ef := s.Subtree(n); ef != redact.Unchanged {
			return mask, ef != redact.Removed
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			if one, ok := node(s, s.Member(n, k), e); ok {
				out[k] = one
			}
		}
		return out, true
	}
	return v, true
}
