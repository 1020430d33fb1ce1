// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/apispan/apispan/internal/httpattr"
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
	w.infos, w.foreign = w.infos[:0], false
	for k, v := range attrs.All() {
		var ki *keyInfo
		if i := len(w.infos); i < len(before) && before[i].key == k {
			ki = before[i]
		} else {
			ki = w.lookup(k)
		}
		w.infos = append(w.infos, ki)
		w.foreign = w.foreign || ki.foreign
		switch ki.fact {
		case factNone:
		case factMethod:
			ex.Method = strings.ToUpper(firstString(v))
		case factHost:
			addHost(&ex, hostOnly(firstString(v)))
		case factStatus:
			ex.Status = statusCode(v)
		case factTenant:
			if ex.Tenant == "" || ki.key == httpattr.CompanyID {
				ex.Tenant = firstString(v)
			}
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
	} else {
		ex.Path = path
	}
	if w.r.scoped {
		ex.Fields = fieldsOf{infos: w.infos, attrs: attrs}
	}
	return ex
}

// addHost notes what one more source says about the host: names of the server from
// configuration, from the client, from a proxy.
func addHost(ex *redact.Exchange, host string) {
	switch {
	case host == "" || host == ex.Host:
	case ex.Host == "":
		ex.Host = host
	default:
		ex.OtherHost = host
	}
}

// statusCode reads a status code, which old producers write as text; 0 if it is none.
func statusCode(v pcommon.Value) int {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return int(v.Int())
	case pcommon.ValueTypeDouble:
		return int(v.Double())
	}
	n, err := strconv.Atoi(strings.TrimSpace(firstString(v)))
	if err != nil {
		return 0
	}
	return n
}

// fieldsOf finds header fields among attributes that gather has classified.
type fieldsOf struct {
	infos []*keyInfo
	attrs pcommon.Map
}

func (f fieldsOf) Field(side redact.Side, name string) (values []string, ok bool) {
	i := -1
	for _, v := range f.attrs.All() {
		i++
		ki := f.infos[i]
		if ki.fields != "" && v.Type() == pcommon.ValueTypeMap && (side == redact.Response) == (ki.fields == httpattr.ResponseHeaderPrefix) {
			for k, e := range v.Map().All() {
				if foldedName(k) == name {
					values, ok = append(values, stringsOf(e)...), true
				}
			}
			continue
		}
		if side == redact.Request && ki.header == name || side == redact.Response && ki.answered == name {
			values, ok = append(values, stringsOf(v)...), true
		}
	}
	return values, ok
}

// stringsOf are the lines of a header field.
func stringsOf(v pcommon.Value) (out []string) {
	if v.Type() != pcommon.ValueTypeSlice {
		return []string{v.AsString()}
	}
	for _, e := range v.Slice().All() {
		out = append(out, e.AsString())
	}
	return out
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
