// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/redact"
)

// scalarText is a scalar as the policy reads it: numbers in plain digits as long
// as JSON writers use them, so that a card number in a double is seen.
func scalarText(v attribute.Value) string {
	switch v.Type() {
	case attribute.STRING:
		return v.AsString()
	case attribute.INT64:
		return strconv.FormatInt(v.AsInt64(), 10)
	case attribute.BOOL:
		return strconv.FormatBool(v.AsBool())
	case attribute.FLOAT64:
		f := v.AsFloat64()
		format := byte('f')
		if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
			format = 'e'
		}
		return strconv.FormatFloat(f, format, -1, 64)
	}
	return v.String()
}

func kindOf(v attribute.Value) redact.Kind {
	switch v.Type() {
	case attribute.INT64, attribute.FLOAT64:
		return redact.Number
	case attribute.BOOL:
		return redact.Literal
	}
	return redact.String
}

// elements are the elements of an array of any type.
func elements(v attribute.Value) []attribute.Value {
	switch v.Type() {
	case attribute.STRINGSLICE:
		return valuesOf(v.AsStringSlice(), attribute.StringValue)
	case attribute.INT64SLICE:
		return valuesOf(v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		return valuesOf(v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.BOOLSLICE:
		return valuesOf(v.AsBoolSlice(), attribute.BoolValue)
	case attribute.SLICE:
		return v.AsSlice()
	}
	return nil
}

func valuesOf[T any](in []T, f func(T) attribute.Value) []attribute.Value {
	out := make([]attribute.Value, len(in))
	for i, e := range in {
		out[i] = f(e)
	}
	return out
}

// cleanValue makes a value fit to be a string attribute. HTTP allows bytes that
// are not UTF-8 (obs-text), OTLP does not, and one such value would cost the whole
// batch: they become U+FFFD. The length is not cut yet if a policy follows, which
// must see the whole.
func cleanValue(v string, raw bool) string {
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "\uFFFD")
	}
	if !raw {
		v = cutString(v, maxHeaderValue)
	}
	return v
}

// cutString cuts valid UTF-8 at a character boundary.
func cutString(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
