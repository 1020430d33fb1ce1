// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"cmp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/caller"
)

// rawHeader is a header before sorting. rewritten is true if the name had to be changed
// to be a header name, or came under an older key, so that the exact one wins over it.
type rawHeader struct {
	exchange.Header

	rewritten bool
	text      bool // it came in one text with others
}

// headerSet collects one side's headers; it is reused from span to span.
type headerSet struct {
	raw   []rawHeader
	order []int32 // indices into raw: cheaper to sort than headers
	out   []exchange.Header
}

func (h *headerSet) reset() {
	clear(h.raw)
	clear(h.out)
	h.raw, h.out = h.raw[:0], h.out[:0]
}

// addHeaders files an attribute that is a header field, or all of a header, by a name of
// its own.
func (r *Reader) addHeaders(a alias, v pcommon.Value) {
	set := &r.request
	switch a.read {
	case readRequestHeader:
		r.addHeader(set, a.header, v, true)
		return
	case readResponseHeaders:
		set = &r.response
	}
	switch v.Type() {
	case pcommon.ValueTypeMap:
		for name, value := range v.Map().All() {
			r.addHeader(set, name, value, true)
		}
	case pcommon.ValueTypeStr: // JSON, or the lines of HTTP
		r.addFields(set, v.Str())
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			r.addElement(set, e)
		}
	}
}

// addElement files an element of a list of fields: a line "name: value", a pair, or a map
// of name (or key) and value, or of one field.
func (r *Reader) addElement(set *headerSet, e pcommon.Value) {
	switch e.Type() {
	case pcommon.ValueTypeStr:
		r.addFields(set, e.Str())
	case pcommon.ValueTypeSlice:
		if s := e.Slice(); s.Len() >= 2 {
			r.addHeader(set, scalar(s.At(0)), s.At(1), true)
		}
	case pcommon.ValueTypeMap:
		m := e.Map()
		for _, key := range [...]string{"name", "key"} {
			name, ok := m.Get(key)
			value, has := m.Get("value")
			if ok && has {
				r.addHeader(set, scalar(name), value, true)
				return
			}
		}
		for name, value := range m.All() {
			r.addHeader(set, name, value, true)
		}
	}
}

// addFields files the fields of a header in one text. Lines of one name are one field.
func (r *Reader) addFields(set *headerSet, text string) {
	caller.EachField(text, func(name, value string) {
		name, _, ok := headerName(name)
		if !ok {
			return
		}
		value = validUTF8(value)
		for i := range set.raw {
			if h := &set.raw[i]; h.text && h.Name == name {
				h.Values = append(h.Values, value)
				return
			}
		}
		if len(set.raw) < maxFields {
			set.raw = append(set.raw, rawHeader{Header: exchange.Header{Name: name, Values: []string{value}}, rewritten: true, text: true})
		}
	})
}

// maxFields bounds the fields that come in one text.
const maxFields = 256

// addHeader files a header field. other is set if it came under another key than the
// current one, which wins over it.
func (r *Reader) addHeader(set *headerSet, name string, v pcommon.Value, other bool) {
	name, rewritten, ok := headerName(name)
	if !ok {
		return
	}
	rewritten = rewritten || other
	start := len(r.values)
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			switch e.Type() {
			case pcommon.ValueTypeSlice, pcommon.ValueTypeMap, pcommon.ValueTypeEmpty:
			default:
				r.values = append(r.values, scalar(e))
			}
		}
	case pcommon.ValueTypeMap, pcommon.ValueTypeEmpty:
	default:
		r.values = caller.AppendLines(r.values, scalar(v))
	}
	if len(r.values) == start {
		return
	}
	set.raw = append(set.raw, rawHeader{
		Header:    exchange.Header{Name: name, Values: r.values[start:len(r.values):len(r.values)]},
		rewritten: rewritten,
	})
}

// sorted returns the headers in name order, one entry a name.
func (h *headerSet) sorted() []exchange.Header {
	h.order = h.order[:0]
	for i := range h.raw {
		h.order = append(h.order, int32(i))
	}
	slices.SortFunc(h.order, func(i, j int32) int {
		a, b := &h.raw[i], &h.raw[j]
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		if a.rewritten != b.rewritten {
			if a.rewritten {
				return 1
			}
			return -1
		}
		return cmp.Compare(i, j)
	})
	for _, i := range h.order {
		header := h.raw[i].Header
		if n := len(h.out); n > 0 && h.out[n-1].Name == header.Name {
			continue
		}
		h.out = append(h.out, header)
	}
	if len(h.out) == 0 {
		return nil
	}
	return h.out
}

// addHost adds the Host field to captured request headers that lack it. Some servers
// keep it apart from the others (Go's net/http), and the conventions have the same
// information in server.address; backends show it among the headers.
func (r *Reader) addHost(ex *exchange.Exchange) {
	const name = "host"
	if len(ex.Request.Headers) == 0 || ex.Host == "" {
		return
	}
	at, found := slices.BinarySearchFunc(ex.Request.Headers, name, func(h exchange.Header, name string) int {
		return strings.Compare(h.Name, name)
	})
	if found {
		return
	}
	start := len(r.values)
	r.values = append(r.values, ex.Host)
	r.request.out = slices.Insert(r.request.out, at, exchange.Header{Name: name, Values: r.values[start:len(r.values):len(r.values)]})
	ex.Request.Headers = r.request.out
}

// headerName returns the lower-case name with '-' for '_' (the spelling of
// instrumentation before semantic conventions v1.21), and false if that is no
// header name (RFC 9110 section 5.1: a token).
func headerName(s string) (name string, rewritten, ok bool) {
	if s == "" {
		return "", false, false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
		case c == '_', 'A' <= c && c <= 'Z':
			rewritten = true
		case strings.IndexByte("!#$%&'*+.^`|~", c) >= 0:
		default:
			return "", false, false
		}
	}
	if !rewritten {
		return s, false, true
	}
	b := []byte(s)
	for i, c := range b {
		switch {
		case c == '_':
			b[i] = '-'
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b), true, true
}
