// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
)

// levo reads the shapes that only Levo's producers have, if no others brought the same:
// http_redaction leaves the usual ones of them.
func (r *Reader) levo(attrs pcommon.Map) {
	for i, set := range [...]*headerSet{&r.request, &r.response} {
		side := &httpattr.LevoSides[i]
		names, named := attrs.Get(side.Names)
		values, valued := attrs.Get(side.Values)
		if named && valued && names.Type() == pcommon.ValueTypeSlice && values.Type() == pcommon.ValueTypeSlice {
			n, v := names.Slice(), values.Slice()
			for j := range min(n.Len(), v.Len(), maxFields) {
				r.addHeader(set, scalar(n.At(j)), v.At(j), true)
			}
		}
		f := bodyFields[i][0]
		if pieces, ok := attrs.Get(side.Buffers); ok && r.have[f] == 0 {
			r.have[f], r.attr[f] = 1, joined(pieces)
		}
	}
}

// joined is a text made of its pieces.
func joined(v pcommon.Value) pcommon.Value {
	if v.Type() != pcommon.ValueTypeSlice {
		return v
	}
	var b strings.Builder
	for _, piece := range v.Slice().All() {
		if piece.Type() == pcommon.ValueTypeBytes {
			b.Write(piece.Bytes().AsRaw())
		} else {
			b.WriteString(scalar(piece))
		}
	}
	return pcommon.NewValueStr(b.String())
}

// levoRoot returns what a span is of a call in two spans, or "".
func levoRoot(span ptrace.Span) string {
	if v, ok := span.Attributes().Get(httpattr.LevoSpanType); ok {
		return v.AsString()
	}
	return ""
}

// pair makes one call of a span with the request and the next one of its scope, trace and
// parent with the response; from is the first node of the scope.
func (b *Batch) pair(from int) {
	for i := from; i < len(b.nodes); i++ {
		response := &b.nodes[i]
		if levoRoot(response.span) != httpattr.LevoResponse {
			continue
		}
		for j := from; j < i; j++ {
			request := &b.nodes[j]
			if request.part.paired || request.span.TraceID() != response.span.TraceID() || request.span.Kind() != response.span.Kind() ||
				request.span.ParentSpanID() != response.span.ParentSpanID() || levoRoot(request.span) != httpattr.LevoRequest {
				continue
			}
			request.part.paired = true
			request.part.Adds = append(request.part.Adds, response.span)
			request.part.End = response.span.EndTimestamp()
			response.part.Skip = SkipNested
			break
		}
	}
}
