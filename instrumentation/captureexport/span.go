// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/internal/httpattr"
)

// captured reports whether capture has recorded something on a span that is to be
// exported.
func captured(s sdktrace.ReadOnlySpan) bool {
	if k := s.SpanKind(); k != trace.SpanKindServer && k != trace.SpanKindClient {
		return false
	}
	http, found := false, false
	attrs := s.Attributes()
	for i := range attrs {
		switch key := string(attrs[i].Key); {
		case key == httpattr.RequestMethod, key == legacyMethod:
			http = true
		case key == httpattr.Skip:
			if attrs[i].Value.AsBool() {
				return false
			}
		case httpattr.IsCaptured(key):
			found = true
		}
	}
	return http && found
}

const legacyMethod = "http.method"

// exported is a span as it leaves: with a weight, without the threshold of the trace
// sampler, with bodies cut if they must be.
type exported struct {
	sdktrace.ReadOnlySpan

	context trace.SpanContext
	attrs   []attribute.KeyValue
}

func (e *exported) SpanContext() trace.SpanContext   { return e.context }
func (e *exported) Attributes() []attribute.KeyValue { return e.attrs }

// weightSize is at least what the weight adds to a span.
var weightSize = attributeField(&weightOne)

var weightOne = attribute.Int64(httpattr.Weight, 1)

// whole turns a span into one that stands for itself alone.
func whole(s sdktrace.ReadOnlySpan) *exported {
	e := &exported{ReadOnlySpan: s, context: s.SpanContext(), attrs: s.Attributes()}
	if !weighed(e.attrs) {
		attrs := make([]attribute.KeyValue, 0, len(e.attrs)+1)
		for _, kv := range e.attrs {
			if kv.Key != httpattr.Weight {
				attrs = append(attrs, kv)
			}
		}
		e.attrs = append(attrs, weightOne)
	}
	e.context = withoutThreshold(e.context)
	return e
}

// weighed reports whether the application has set a weight. One in text is not the
// application's: processors that copy baggage write text, and baggage may be anybody's.
func weighed(attrs []attribute.KeyValue) bool {
	for i := range attrs {
		if attrs[i].Key == httpattr.Weight {
			t := attrs[i].Value.Type()
			return t == attribute.INT64 || t == attribute.FLOAT64
		}
	}
	return false
}

func hasKey(attrs []attribute.KeyValue, key attribute.Key) bool {
	for i := range attrs {
		if attrs[i].Key == key {
			return true
		}
	}
	return false
}

// withoutThreshold removes "th" from the "ot" entry of the tracestate
// (https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).
func withoutThreshold(sc trace.SpanContext) trace.SpanContext {
	ts := sc.TraceState()
	if ts.Len() == 0 {
		return sc
	}
	ot := ts.Get("ot")
	if !strings.Contains(ot, "th:") {
		return sc
	}
	kept := make([]string, 0, 4)
	for f := range strings.SplitSeq(ot, ";") {
		if !strings.HasPrefix(f, "th:") {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		return sc.WithTraceState(ts.Delete("ot"))
	}
	changed, err := ts.Insert("ot", strings.Join(kept, ";"))
	if err != nil { // cannot be: it is a part of what was valid
		changed = ts.Delete("ot")
	}
	return sc.WithTraceState(changed)
}

// bodyKeys are the attributes that may be cut, with the marks that say so.
var bodyKeys = [...]struct{ content, truncated attribute.Key }{
	{httpattr.ResponseBody, httpattr.ResponseBodyTruncated},
	{httpattr.RequestBody, httpattr.RequestBodyTruncated},
}

// cut shortens the bodies of a span so that it becomes smaller by excess bytes, the
// larger one first, and returns how many it cut. If that cannot be reached, it cuts
// as much as there is.
func (e *exported) cut(excess int) int {
	e.attrs = append(make([]attribute.KeyValue, 0, len(e.attrs)+len(bodyKeys)), e.attrs...)
	order := bodyKeys
	if e.bodyLen(order[0].content) < e.bodyLen(order[1].content) {
		order[0], order[1] = order[1], order[0]
	}
	n := 0
	for _, k := range order {
		have := e.bodyLen(k.content)
		if excess <= 0 || have == 0 {
			continue
		}
		// The mark needs room, too, and a shorter length may take fewer bytes, not more.
		want := excess
		if !hasKey(e.attrs, k.truncated) {
			want += attributeField(ptr(k.truncated.Bool(true)))
		}
		keep := max(have-want, 0)
		e.shorten(k.content, k.truncated, keep)
		excess -= have - keep
		n++
	}
	return n
}

func ptr[T any](v T) *T { return &v }

func (e *exported) bodyLen(key attribute.Key) int {
	for i := range e.attrs {
		if e.attrs[i].Key == key {
			return byteLen(e.attrs[i].Value)
		}
	}
	return 0
}

func (e *exported) shorten(content, truncated attribute.Key, keep int) {
	marked := false
	for i := range e.attrs {
		kv := &e.attrs[i]
		switch kv.Key {
		case content:
			if kv.Value.Type() == attribute.STRING {
				kv.Value = attribute.StringValue(strings.Clone(httpattr.TrimPartialRune(kv.Value.AsString()[:keep])))
			} else if b := kv.Value.AsByteSlice(); len(b) >= keep {
				kv.Value = attribute.ByteSliceValue(b[:keep])
			}
		case truncated:
			kv.Value, marked = attribute.BoolValue(true), true
		}
	}
	if !marked {
		e.attrs = append(e.attrs, truncated.Bool(true))
	}
}
