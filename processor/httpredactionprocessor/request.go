// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/internal/httpattr"
)

// spanRequest reads a request out of the attributes of a span, in whatever vocabulary
// they are. It is a caller.Request; w.infos must be those of attrs.
type spanRequest struct {
	w      *walker
	attrs  pcommon.Map
	values []string // reused
}

func (w *walker) request(attrs pcommon.Map) *spanRequest {
	w.req.w, w.req.attrs = w, attrs
	return &w.req
}

// find calls f for the attributes for which match is true, in order.
func (w *walker) find(attrs pcommon.Map, match func(*keyInfo) bool, f func(*keyInfo, pcommon.Value) (found bool)) {
	i := -1
	for _, v := range attrs.All() {
		i++
		if match(w.infos[i]) && f(w.infos[i], v) {
			return
		}
	}
}

// Values returns the values of a request header field. Older agents write "_" for
// "-" in names, so a field in that spelling counts, if there is none in the exact
// one: a stranger may send X_User_Id past a proxy that sets X-User-Id.
func (q *spanRequest) Values(n caller.Name) []string {
	folded := caller.Fold(n.Lower)
	q.values = q.values[:0]
	exact := false
	q.w.find(q.attrs, func(ki *keyInfo) bool {
		return ki.header == folded || ki.fields == httpattr.RequestHeaderPrefix
	}, func(ki *keyInfo, v pcommon.Value) bool {
		if ki.fields == "" {
			if exact = strings.EqualFold(ki.canonical[len(httpattr.RequestHeaderPrefix):], n.Lower); exact {
				q.values = q.values[:0]
			}
			q.take(v, exact || len(q.values) == 0)
			return exact
		}
		if v.Type() == pcommon.ValueTypeMap {
			exact = q.field(v.Map(), n)
		} else if len(q.values) == 0 {
			q.values = append(q.values, q.section(v, n)...)
		}
		return exact
	})
	return q.values
}

// field takes the values of a field out of a map of fields.
func (q *spanRequest) field(m pcommon.Map, n caller.Name) (exact bool) {
	for k, v := range m.All() {
		if strings.EqualFold(k, n.Lower) {
			q.values = q.values[:0]
			q.take(v, true)
			return true
		}
		q.take(v, len(q.values) == 0 && caller.Fold(k) == caller.Fold(n.Lower))
	}
	return false
}

// section returns the values of a field out of a header in one text or list of
// "name: value". The text as a whole is nobody's value.
func (q *spanRequest) section(v pcommon.Value, n caller.Name) []string {
	switch v.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeSlice:
		return caller.FieldIn(v.AsString(), n) // a list is written as JSON
	default:
		return nil
	}
}

// take appends the lines of a field.
func (q *spanRequest) take(v pcommon.Value, wanted bool) {
	if !wanted {
		return
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		q.values = caller.AppendLines(q.values, v.Str())
	case pcommon.ValueTypeInt:
		q.values = append(q.values, v.AsString())
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			if t := e.Type(); t == pcommon.ValueTypeStr || t == pcommon.ValueTypeInt {
				q.values = append(q.values, e.AsString())
			}
		}
	}
}

// Query returns the query string, of a URL if it does not stand alone.
func (q *spanRequest) Query() (query string) {
	q.w.find(q.attrs, func(ki *keyInfo) bool {
		return ki.canonical == httpattr.URLQuery || ki.canonical == httpattr.URLFull
	}, func(ki *keyInfo, v pcommon.Value) bool {
		raw, _, _ := strings.Cut(firstString(v), "#")
		if ki.canonical == httpattr.URLFull {
			_, raw, _ = strings.Cut(raw, "?")
		}
		query = strings.TrimPrefix(raw, "?")
		return query != ""
	})
	return query
}

// Address returns the client's address, else the peer's.
func (q *spanRequest) Address() (out string) {
	for _, key := range [...]string{httpattr.ClientAddress, httpattr.NetworkPeerAddress} {
		q.w.find(q.attrs, func(ki *keyInfo) bool { return ki.canonical == key }, func(_ *keyInfo, v pcommon.Value) bool {
			out = firstString(v)
			return out != ""
		})
		if out != "" {
			break
		}
	}
	return out
}

// Body returns a captured body.
func (q *spanRequest) Body(response bool) (doc string) {
	key := httpattr.RequestBody
	if response {
		key = httpattr.ResponseBody
	}
	q.w.find(q.attrs, func(ki *keyInfo) bool { return ki.canonical == key }, func(_ *keyInfo, v pcommon.Value) bool {
		doc = bodyText(v)
		return doc != ""
	})
	return doc
}

// Other returns an attribute of the span.
func (q *spanRequest) Other(name string) string { return textOf(q.attrs, name) }

// Resource returns an attribute of the resource, as the policy left it.
func (q *spanRequest) Resource(name string) string { return textOf(q.w.res.Attributes(), name) }

func textOf(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return scalarText(v)
	}
	return ""
}

// bodyText returns a captured body as text: one that the producer has parsed as JSON.
func bodyText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		return v.AsString()
	default:
		return ""
	}
}

func scalarText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeSlice:
		return firstString(v)
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	default:
		return ""
	}
}
