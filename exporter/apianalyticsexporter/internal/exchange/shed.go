// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// What may be given up of an exchange whose event is too large, in this order. The
// values stand in events and metrics.
const (
	ShedBodies   = "bodies"
	ShedHeaders  = "headers"
	ShedURL      = "url"
	ShedMetadata = "metadata"
	ShedFields   = "fields"
)

// KeepHeaders leaves the shortest fields that together have at most so many bytes, of
// both messages, and reports whether any was left out.
func (e *Exchange) KeepHeaders(budget int) bool {
	type field struct{ message, index, size int }
	messages := [...]*Message{&e.Request, &e.Response}
	var fields []field
	for m, message := range messages {
		for i := range message.Headers {
			fields = append(fields, field{m, i, message.Headers[i].size()})
		}
	}
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(a.size, b.size) })
	n := 0
	for n < len(fields) && fields[n].size <= budget {
		budget -= fields[n].size
		n++
	}
	if n == len(fields) {
		return false
	}
	kept := fields[:n]
	slices.SortFunc(kept, func(a, b field) int {
		return cmp.Or(cmp.Compare(a.message, b.message), cmp.Compare(a.index, b.index))
	})
	var headers [len(messages)][]Header // others may hold the old ones
	for _, f := range kept {
		headers[f.message] = append(headers[f.message], messages[f.message].Headers[f.index])
	}
	e.Request.Headers, e.Response.Headers = headers[0], headers[1]
	return true
}

// HeaderBytes returns the bytes of all names and values.
func (e *Exchange) HeaderBytes() (n int) {
	for _, m := range []*Message{&e.Request, &e.Response} {
		for i := range m.Headers {
			n += m.Headers[i].size()
		}
	}
	return n
}

func (h *Header) size() int {
	n := len(h.Name) + 1
	for _, v := range h.Values {
		n += len(v) + 1
	}
	return n
}

// CutURL cuts path, query and what is made of them to at most so many bytes each, a query
// between two parameters.
func (e *Exchange) CutURL(most int) {
	e.Path = cutEscaped(e.Path, most)
	if len(e.Query) > most {
		e.Query = cutEscaped(e.Query, most)
		e.Query = e.Query[:max(0, strings.LastIndexByte(e.Query, '&'))]
	}
	for _, s := range []*string{&e.Host, &e.Route, &e.SpanName, &e.Operation} {
		*s = cut(*s, most)
	}
}

// CutFields cuts every other text to at most so many bytes, and drops longer lists.
func (e *Exchange) CutFields(most int) {
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString(cut(f.String(), most))
		}
	}
	for _, list := range []*[]string{&e.RedactionRules, &e.RedactionDecisions, &e.RedactionUpstream.Policies, &e.RedactionUpstream.Rules} {
		if n := len(strings.Join(*list, "")); n > most || len(*list) > most {
			*list = nil
		}
	}
}

func cut(s string, most int) string { return s[:RuneBoundary(s, most)] }

// cutEscaped does not cut a percent-encoded byte.
func cutEscaped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = cut(s, most)
	if i := strings.LastIndexByte(s, '%'); i >= 0 && i > len(s)-3 {
		s = s[:i]
	}
	return s
}
