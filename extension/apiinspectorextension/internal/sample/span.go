// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/trial"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
)

// Calls as spans, before and after the redaction.

func attr(key string, v any) inspect.Attribute {
	a := inspect.Attribute{Key: key, Value: v}
	switch v := v.(type) {
	case string:
		a.Type, a.Len = "string", len(v)
		a.Value = v[:min(len(v), inspect.MaxValue)]
	case []byte:
		a.Type, a.Len = "bytes", len(v)
	case int64:
		a.Type, a.Len = "int", 8
	case bool:
		a.Type, a.Len = "bool", 1
	case []any:
		a.Type, a.Len = "array", len(v)
	case map[string]any:
		a.Type, a.Len = "map", len(v)
	}
	return a
}

// attributes are those that httpcapture sets.
func (k *call) attributes() (out []inspect.Attribute) {
	add := func(key string, v any) { out = append(out, attr(key, v)) }
	text := func(key, v string) {
		if v != "" {
			add(key, v)
		}
	}
	add(httpattr.RequestMethod, k.method)
	text(httpattr.Route, k.route)
	if k.out {
		full := "https://" + k.host + k.path
		if k.query != "" {
			full += "?" + k.query
		}
		add(httpattr.URLFull, full)
	} else {
		add(httpattr.URLPath, k.path)
		text(httpattr.URLQuery, k.query)
		add(httpattr.URLScheme, "https")
	}
	add(httpattr.ServerAddress, k.host)
	if k.status > 0 {
		add(httpattr.ResponseStatusCode, int64(k.status))
	}
	add(httpattr.NetworkProtocolVer, "1.1")
	text(httpattr.ClientAddress, k.addr)
	text(httpattr.UserID, k.user)
	text(httpattr.UserFullName, k.userName)
	text(httpattr.UserEmail, k.email)
	text(httpattr.CompanyID, k.company)
	text(httpattr.ConsumerID, k.consumer)
	text(httpattr.ConsumerLabel, k.label)
	text(httpattr.BlockedBy, k.blockedBy)
	for key, v := range k.meta {
		add(httpattr.MetadataPrefix+key, v)
	}
	for _, s := range []struct {
		side              *side
		prefix, body, cut string
	}{
		{&k.request, httpattr.RequestHeaderPrefix, httpattr.RequestBody, httpattr.RequestBodyTruncated},
		{&k.response, httpattr.ResponseHeaderPrefix, httpattr.ResponseBody, httpattr.ResponseBodyTruncated},
	} {
		for _, h := range s.side.headers {
			add(s.prefix+h[0], []any{h[1]})
		}
		if len(s.side.body) > 0 {
			if s.side.binary {
				add(s.body, s.side.body)
			} else {
				add(s.body, string(s.side.body))
			}
		}
		if s.side.truncated {
			add(s.cut, true)
		}
	}
	add("code.function.name", "shop/internal/http.(*Server).handle")
	return out
}

// before takes values away unless they may be shown.
func (m *maker) before(s inspect.Span) *inspect.Span {
	if m.sink.Raw() {
		return &s
	}
	for _, list := range []*[]inspect.Attribute{&s.Resource, &s.Attributes, &s.Events} {
		out := make([]inspect.Attribute, len(*list))
		copy(out, *list)
		for i := range out {
			out[i].Value = nil
		}
		*list = out
	}
	return &s
}

// redact runs the engine over the span, as the sandbox does.
func (m *maker) redact(k *call, span inspect.Span) (inspect.Span, []inspect.Decision) {
	s := m.policy.NewScratch()
	defer s.Release()
	s.Explain()
	contentType := func(s *side) string {
		for _, h := range s.headers {
			if h[0] == "content-type" {
				return h[1]
			}
		}
		return ""
	}
	dir := redact.Incoming
	if k.out {
		dir = redact.Outgoing
	}
	s.Begin(redact.Exchange{
		Direction: dir, Method: k.method, Host: k.host, Route: k.route, Path: k.path, Status: k.status, Tenant: k.company,
		RequestContentType: contentType(&k.request), ResponseContentType: contentType(&k.response),
		RequestTruncated: k.request.truncated, ResponseTruncated: k.response.truncated,
	})
	walk := func(list []inspect.Attribute, trim bool) (out []inspect.Attribute) {
		for _, a := range list {
			key := a.Key
			if trim {
				_, key, _ = strings.Cut(key, "/")
			}
			if v, keep := trial.Value(s, key, a.Value); keep {
				out = append(out, attr(a.Key, v))
			}
		}
		return out
	}
	span.Resource, span.Attributes, span.Events = walk(span.Resource, false), walk(span.Attributes, false), walk(span.Events, true)
	var why []inspect.Decision
	for _, d := range s.Decisions() {
		why = append(why, inspect.Decision{Rule: d.Rule, Place: d.Place, Path: d.Path, Action: d.Action, Outcome: d.Outcome, N: d.N})
	}
	return span, why
}
