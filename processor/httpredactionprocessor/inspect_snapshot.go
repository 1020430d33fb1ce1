// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/inspect"
)

// maxSnapshot is how many attributes of one place are shown, and how many values of one
// array or map.
const maxSnapshot = 1024

func head(span ptrace.Span) *inspect.Span {
	return &inspect.Span{
		Kind:  strings.ToLower(span.Kind().String()),
		Start: span.StartTimestamp().AsTime(), End: span.EndTimestamp().AsTime(),
	}
}

// events are the attributes of the events. Without values they are named by their own
// keys, and one without a key ends those of an event: see hideKeys.
func events(span ptrace.Span, values bool) (out []inspect.Attribute) {
	for _, ev := range span.Events().All() {
		if !values {
			out = append(snapshot(out, "", ev.Attributes(), false), inspect.Attribute{})
			continue
		}
		out = snapshot(out, ev.Name()+"/", ev.Attributes(), true)
	}
	return out
}

// snapshot appends copies of attributes to out, with their values or without.
func snapshot(out []inspect.Attribute, prefix string, attrs pcommon.Map, values bool) []inspect.Attribute {
	if out == nil {
		out = make([]inspect.Attribute, 0, min(attrs.Len(), maxSnapshot))
	}
	n := 0
	for k, v := range attrs.All() {
		if n++; n > maxSnapshot {
			break
		}
		if k == "" {
			k = hiddenKey // none has an empty one
		}
		a := inspect.Attribute{Key: prefix + cutText(k)}
		a.Type, a.Len = typeOf(v)
		if values {
			left := inspect.MaxValue
			a.Value = valueOf(v, &left)
		}
		out = append(out, a)
	}
	return out
}

func typeOf(v pcommon.Value) (typ string, n int) {
	switch v.Type() {
	case pcommon.ValueTypeBytes:
		return "bytes", v.Bytes().Len()
	case pcommon.ValueTypeInt:
		return "int", 8
	case pcommon.ValueTypeDouble:
		return "double", 8
	case pcommon.ValueTypeBool:
		return "bool", 1
	case pcommon.ValueTypeSlice:
		return "array", v.Slice().Len()
	case pcommon.ValueTypeMap:
		return "map", v.Map().Len()
	default:
		return "string", len(v.Str())
	}
}

// valueOf copies a value as far as left bytes go.
func valueOf(v pcommon.Value, left *int) any {
	switch v.Type() {
	case pcommon.ValueTypeBytes:
		b := v.Bytes().AsRaw()
		b = b[:min(len(b), max(*left, 0))]
		*left -= len(b)
		return bytes.Clone(b)
	case pcommon.ValueTypeInt:
		*left -= 8
		return v.Int()
	case pcommon.ValueTypeDouble:
		*left -= 8
		return v.Double()
	case pcommon.ValueTypeBool:
		*left--
		return v.Bool()
	case pcommon.ValueTypeSlice:
		out := make([]any, 0, min(v.Slice().Len(), maxSnapshot))
		for _, e := range v.Slice().All() {
			if *left <= 0 || len(out) == maxSnapshot {
				break
			}
			out = append(out, valueOf(e, left))
		}
		return out
	case pcommon.ValueTypeMap:
		out := make(map[string]any, min(v.Map().Len(), maxSnapshot))
		for k, e := range v.Map().All() {
			if *left <= 0 || len(out) == maxSnapshot {
				break
			}
			*left -= len(k)
			out[cutText(k)] = valueOf(e, left)
		}
		return out
	default:
		s := cut(v.Str(), max(*left, 0))
		*left -= len(s)
		return s
	}
}

func cutText(s string) string { return cut(s, inspect.MaxValue) }

// cut returns at most n bytes of s, without half a character at its end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
