// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/redact"
)

// gather looks every attribute key up once, remembers the result in w.infos for
// the walk that follows, and returns what scoped rules and the engine need to
// know about the exchange.
func (w *walker) gather(attrs pcommon.Map) redact.Exchange {
	var ex redact.Exchange
	var url, path string
	// Spans of one batch mostly have the same keys in the same order: what the one
	// before had at this position is tried first.
	before := w.infos
	w.infos = w.infos[:0]
	for k, v := range attrs.All() {
		var ki *keyInfo
		if i := len(w.infos); i < len(before) && before[i].key == k {
			ki = before[i]
		} else {
			ki = w.lookup(k)
		}
		w.infos = append(w.infos, ki)
		switch ki.fact {
		case factNone:
		case factMethod:
			ex.Method = strings.ToUpper(firstString(v))
		case factHost:
			ex.Host = hostOnly(firstString(v))
		case factRoute:
			ex.Route = firstString(v)
		case factPath:
			path = firstString(v)
		case factURL:
			url = firstString(v)
		case factRequestType:
			ex.RequestContentType = firstString(v)
		case factResponseType:
			ex.ResponseContentType = firstString(v)
		case factRequestCut:
			ex.RequestTruncated = ex.RequestTruncated || isTrue(v)
		case factResponseCut:
			ex.ResponseTruncated = ex.ResponseTruncated || isTrue(v)
		}
	}
	if url != "" && (ex.Host == "" || (ex.Route == "" && path == "")) {
		host, p := splitURL(url)
		if ex.Host == "" {
			ex.Host = hostOnly(host)
		}
		if path == "" {
			path = p
		}
	}
	if ex.Route == "" {
		ex.Route = path
	}
	return ex
}

// direction follows the span kind: who started the exchange.
func direction(kind ptrace.SpanKind) redact.Direction {
	switch kind {
	case ptrace.SpanKindServer, ptrace.SpanKindConsumer:
		return redact.Incoming
	case ptrace.SpanKindClient, ptrace.SpanKindProducer:
		return redact.Outgoing
	default:
		return 0
	}
}

// firstString returns a string value or the first string of an array.
func firstString(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeSlice:
		if s := v.Slice(); s.Len() > 0 && s.At(0).Type() == pcommon.ValueTypeStr {
			return s.At(0).Str()
		}
	}
	return ""
}

// isTrue errs on the side of true: a flag of an unknown type is taken as set.
func isTrue(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeStr:
		return !strings.EqualFold(v.Str(), "false")
	case pcommon.ValueTypeInt:
		return v.Int() != 0
	default:
		return true
	}
}

// hostOnly removes a port. It does not check the host.
func hostOnly(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if strings.IndexByte(host, ':') == i || strings.HasPrefix(host, "[") {
			host = host[:i]
		}
	}
	return strings.Trim(host, "[]")
}

// splitURL finds host[:port] and path of an absolute or origin-form URL without
// allocating and without failing. It is for scoping only; the engine reads the
// URL by itself.
func splitURL(url string) (host, path string) {
	rest := url
	if i := strings.Index(rest, "://"); i >= 0 && !strings.ContainsAny(rest[:i], "/?#") {
		rest = rest[i+3:]
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		host, rest = rest[:end], rest[end:]
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			host = host[at+1:]
		}
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	return host, rest
}
