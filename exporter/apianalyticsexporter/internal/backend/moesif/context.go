// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// ownMetadata is the metadata member that holds what the event has no field
// for. An application's metadata of that name is left out.
const ownMetadata = "apispan"

// appendActionName appends "METHOD /route", which has few different values, with the
// operation of a path that has many, or the span's name where no route is known.
func appendActionName(dst []byte, ex *exchange.Exchange) []byte {
	if ex.Route == "" {
		name := ex.SpanName
		if ex.Operation != "" && !strings.Contains(name, ex.Operation) {
			name = strings.TrimSpace(name + " " + ex.Operation)
		}
		return wire.AppendText(dst, `,"action_name":`, name)
	}
	dst = append(dst, `,"action_name":"`...)
	dst = wire.AppendEscaped(dst, ex.Method)
	dst = append(dst, ' ')
	dst = wire.AppendEscaped(dst, ex.Route)
	if ex.Operation != "" {
		dst = append(dst, ' ')
		dst = wire.AppendEscaped(dst, ex.Operation)
	}
	return append(dst, '"')
}

// appendTags appends the metadata entry "tags" as the field of that name, a list
// separated by commas. The documentation has dropped the field, the SDKs still send
// it; the entry stays in the metadata, too.
func appendTags(dst []byte, ex *exchange.Exchange) []byte {
	for i := range ex.Metadata {
		if ex.Metadata[i].Key != "tags" {
			continue
		}
		switch v := ex.Metadata[i].Value.(type) {
		case string:
			return wire.AppendText(dst, `,"tags":`, v)
		case []any:
			start := len(dst)
			dst = append(dst, `,"tags":"`...)
			empty := len(dst)
			for _, e := range v {
				tag, ok := e.(string)
				if !ok || tag == "" {
					continue
				}
				if len(dst) > empty {
					dst = append(dst, ',')
				}
				dst = wire.AppendEscaped(dst, tag)
			}
			if len(dst) == empty {
				return dst[:start]
			}
			return append(dst, '"')
		}
		return dst
	}
	return dst
}

// appendSpan appends trace_id and span. The documentation's table says parent_id
// and its example parent_span_id, so both are sent.
func appendSpan(dst []byte, ex *exchange.Exchange) []byte {
	dst = wire.AppendID(dst, `,"trace_id":`, ex.TraceID[:])
	if ex.SpanID == [8]byte{} {
		return dst
	}
	dst = wire.AppendID(dst, `,"span":{"id":`, ex.SpanID[:])
	dst = wire.AppendID(dst, `,"parent_id":`, ex.ParentSpanID[:])
	dst = wire.AppendID(dst, `,"parent_span_id":`, ex.ParentSpanID[:])
	return append(dst, '}')
}

// appendMetadata appends the application's metadata and, under ownMetadata, the
// service, the trace (trace_id and span are documented, but in no SDK) and what
// is known to be missing from this event.
func appendMetadata(dst []byte, ex *exchange.Exchange, queryCut bool) []byte {
	const metadata, own = `,"metadata":`, `,"` + ownMetadata + `":`
	dst, mark := wire.Open(dst, metadata)
	dst = wire.AppendMetadata(dst, ex.Metadata, func(dst []byte, kv *exchange.KeyValue) ([]byte, bool) {
		if kv.Key == ownMetadata {
			return dst, false
		}
		return wire.AppendNamed(dst, kv)
	})
	dst, inner := wire.Open(dst, own)
	dst = wire.Close(appendOwn(dst, ex, queryCut), own, inner)
	return wire.Close(dst, metadata, mark)
}

// appendOwn appends members, each with a comma before it.
func appendOwn(dst []byte, ex *exchange.Exchange, queryCut bool) []byte {
	dst = wire.AppendText(dst, `,"service_name":`, ex.ServiceName)
	dst = wire.AppendText(dst, `,"service_version":`, ex.ServiceVersion)
	dst = wire.AppendText(dst, `,"environment":`, ex.Environment)
	dst = wire.AppendText(dst, `,"route":`, ex.Route)
	dst = wire.AppendText(dst, `,"protocol":`, ex.Protocol)
	dst = wire.AppendID(dst, `,"trace_id":`, ex.TraceID[:])
	dst = wire.AppendID(dst, `,"span_id":`, ex.SpanID[:])
	dst = appendFlag(dst, `,"query_truncated":true`, queryCut)
	dst = appendFlag(dst, `,"request_body_truncated":true`, ex.Request.Body.Truncated)
	dst = appendFlag(dst, `,"request_body_incomplete":true`, ex.Request.Body.Incomplete)
	dst = appendFlag(dst, `,"response_body_truncated":true`, ex.Response.Body.Truncated)
	dst = appendFlag(dst, `,"response_body_incomplete":true`, ex.Response.Body.Incomplete)
	for _, what := range ex.Shed {
		dst = wire.AppendShed(dst, what)
	}
	dst = wire.AppendText(dst, `,"redaction_policy":`, ex.RedactionPolicy)
	if ex.RedactionCount > 0 {
		dst = wire.AppendInt(dst, `,"redaction_count":`, ex.RedactionCount)
	}
	return dst
}

func appendFlag(dst []byte, member string, set bool) []byte {
	if set {
		return append(dst, member...)
	}
	return dst
}

// slim makes an encoded event smaller.
var slim = []backend.Slim{
	{
		{Path: "request.body"}, {Path: "request.transfer_encoding"},
		{Path: "response.body"}, {Path: "response.transfer_encoding"},
		{Path: "metadata." + ownMetadata, Value: `"shed_bodies":true`, Mark: true},
	},
	{
		{Path: "request.headers", Value: "{}"}, {Path: "response.headers", Value: "{}"},
		{Path: "metadata." + ownMetadata, Value: `"shed_headers":true`, Mark: true},
	},
	{{Path: "request.uri", Longest: 1024}, {Path: "metadata"}},
}
