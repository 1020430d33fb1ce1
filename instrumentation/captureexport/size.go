// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"math/bits"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Sizes of the protobuf encoding of OTLP
// (https://github.com/open-telemetry/opentelemetry-proto), field by field as the
// SDK's OTLP exporters fill it. TestSizes compares them with the real thing.

// prefixMax is the most that a tag and a length take around a message below 2 GiB.
const prefixMax = 6

// memPerSpan and memPerAttribute are what a span and an attribute hold in memory
// besides their text, in bytes: the snapshot, the entry in the queue; key and value.
const (
	memPerSpan      = 640
	memPerAttribute = 64
)

func varint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// field is a length-delimited field with a tag of one byte.
func field(n int) int { return 1 + varint(uint64(n)) + n } //nolint:gosec // lengths are not negative

func text(s string) int {
	if s == "" {
		return 0
	}
	return field(len(s))
}

func number(n int) int {
	if n <= 0 {
		return 0
	}
	return 1 + varint(uint64(n))
}

// measure returns the size of a span in an OTLP message, without the field around it,
// and about how much memory it keeps.
func measure(s sdktrace.ReadOnlySpan) (size int, mem int64) {
	sc, attrs, status := s.SpanContext(), s.Attributes(), s.Status()
	size = 18 + 10 + 6 + 2 + 9 + 9 // ids, flags, kind, times
	if s.Parent().SpanID().IsValid() {
		size += 10
	}
	if ts := sc.TraceState(); ts.Len() > 0 {
		size += text(ts.String())
	}
	size += text(s.Name())
	size += attributes(attrs)
	events, links := s.Events(), s.Links()
	for i := range events {
		e := &events[i]
		size += field(9 + text(e.Name) + attributes(e.Attributes) + number(e.DroppedAttributeCount))
	}
	for i := range links {
		l := &links[i]
		size += field(18 + 10 + 5 + attributes(l.Attributes) + number(l.DroppedAttributeCount))
	}
	size += number(s.DroppedAttributes()) + number(s.DroppedEvents()) + number(s.DroppedLinks())
	n := text(status.Description)
	if status.Code != codes.Unset {
		n += 2
	}
	size += field(n)
	return size, int64(size + memPerSpan + memPerAttribute*len(attrs))
}

// spanField is a span of this size with the field around it.
func spanField(size int) int { return field(size) }

// resourceSize and scopeSize are at least what a resource and a scope add to a
// message, besides the spans.
func resourceSize(r *resource.Resource) int {
	return prefixMax + field(attributes(r.Attributes())) + text(r.SchemaURL())
}

func scopeSize(s *instrumentation.Scope) int {
	return prefixMax + field(text(s.Name)+text(s.Version)+attributes(s.Attributes.ToSlice())) + text(s.SchemaURL)
}

func attributes(kvs []attribute.KeyValue) int {
	n := 0
	for i := range kvs {
		n += attributeField(&kvs[i])
	}
	return n
}

func attributeField(kv *attribute.KeyValue) int {
	return field(text(string(kv.Key)) + field(value(kv.Value)))
}

func value(v attribute.Value) int {
	switch v.Type() {
	case attribute.STRING:
		return field(len(v.AsString()))
	case attribute.BYTESLICE:
		return field(byteLen(v))
	case attribute.BOOL:
		return 2
	case attribute.INT64:
		return 1 + varint(uint64(v.AsInt64())) //nolint:gosec // protobuf encodes it so
	case attribute.FLOAT64:
		return 9
	case attribute.STRINGSLICE:
		n := 0
		for _, s := range v.AsStringSlice() {
			n += field(field(len(s)))
		}
		return field(n)
	case attribute.BOOLSLICE:
		return field(len(v.AsBoolSlice()) * field(2))
	case attribute.INT64SLICE:
		n := 0
		for _, i := range v.AsInt64Slice() {
			n += field(1 + varint(uint64(i))) //nolint:gosec // protobuf encodes it so
		}
		return field(n)
	case attribute.FLOAT64SLICE:
		return field(len(v.AsFloat64Slice()) * field(9))
	case attribute.SLICE:
		n := 0
		for _, e := range v.AsSlice() {
			n += field(value(e))
		}
		return field(n)
	case attribute.EMPTY:
		return 0
	default:
		return field(len("INVALID"))
	}
}

// byteLen is the length of a byte slice. AsByteSlice copies all of it; AsString does
// not, and gives the same bytes as of otel v1.44.
func byteLen(v attribute.Value) int {
	if n := len(v.AsString()); n > 0 {
		return n
	}
	return len(v.AsByteSlice())
}
