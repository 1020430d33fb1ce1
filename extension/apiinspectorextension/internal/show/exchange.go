// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package show makes of what is kept what is looked at: rows, details with what stood
// before and after, where a vendor's bytes come from, and files to take away. All of it
// is worked out when somebody looks, so that what nobody looks at costs nothing.
package show

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

// Exchange is the exchange as an exporter has read it. If none has, it is put together of
// what the redaction has left, by the keys of the semantic conventions.
func Exchange(r *keep.Record) *inspect.Exchange {
	if r.Exchange != nil {
		return r.Exchange
	}
	span := r.After()
	if span == nil {
		span = r.Before
	}
	x := &inspect.Exchange{Summary: inspect.Summary{Key: r.Key, RequestBytes: -1, ResponseBytes: -1, Weight: 1}}
	if span == nil {
		return x
	}
	x.Outgoing = span.Kind == "client"
	x.Start, x.Duration = span.Start, max(span.End.Sub(span.Start), 0)
	for i := range span.Resource {
		switch a := &span.Resource[i]; a.Key {
		case httpattr.ServiceName:
			x.Service = textOf(a.Value)
		case httpattr.DeploymentEnv, httpattr.LegacyDeploymentEnv:
			x.Environment = textOf(a.Value)
		}
	}
	x.Request.Body.Size, x.Response.Body.Size = -1, -1
	for i := range span.Attributes {
		read(x, &span.Attributes[i])
	}
	if x.Path == "" {
		x.Path = "/"
	}
	return x
}

func read(x *inspect.Exchange, a *inspect.Attribute) {
	text := textOf(a.Value)
	for prefix, m := range map[string]*inspect.Message{httpattr.RequestHeaderPrefix: &x.Request, httpattr.ResponseHeaderPrefix: &x.Response} {
		if name, ok := strings.CutPrefix(a.Key, prefix); ok {
			m.Headers = append(m.Headers, inspect.Header{Name: name, Values: listOf(a.Value)})
			return
		}
	}
	if name, ok := strings.CutPrefix(a.Key, httpattr.MetadataPrefix); ok {
		if x.Metadata == nil {
			x.Metadata = map[string]any{}
		}
		x.Metadata[name] = a.Value
		return
	}
	switch a.Key {
	case httpattr.RequestMethod, "http.method":
		x.Method = text
	case httpattr.ResponseStatusCode, "http.status_code":
		x.Status, _ = strconv.Atoi(text)
	case httpattr.Route:
		x.Route = text
	case httpattr.URLPath:
		x.Path = text
	case httpattr.URLQuery:
		x.Query = text
	case httpattr.URLScheme:
		x.Scheme = text
	case httpattr.URLFull:
		if u, err := url.Parse(text); err == nil {
			x.Scheme, x.Host, x.Path, x.Query = u.Scheme, u.Host, u.EscapedPath(), u.RawQuery
		}
	case httpattr.ServerAddress:
		if x.Host == "" {
			x.Host = text
		}
	case httpattr.NetworkProtocolVer:
		x.Protocol = text
	case httpattr.ClientAddress:
		x.ClientAddress = text
	case httpattr.UserID, httpattr.EndUserID:
		x.UserID = text
	case httpattr.UserEmail:
		x.UserEmail = text
	case httpattr.UserName, httpattr.UserFullName:
		x.UserName = text
	case httpattr.SessionID:
		x.SessionID = text
	case httpattr.CompanyID:
		x.CompanyID = text
	case httpattr.ConsumerID:
		x.ConsumerID = text
	case httpattr.ConsumerLabel:
		x.Label = text
	case httpattr.SubscriptionID:
		x.SubscriptionID = text
	case httpattr.RedactionPolicy:
		x.RedactionPolicy = text
	case httpattr.RedactionCount:
		x.Redacted, _ = strconv.ParseInt(text, 10, 64)
	case httpattr.BlockedBy:
		x.BlockedBy = text
	case httpattr.GuardAction:
		x.GuardAction = text
	case httpattr.GuardRule:
		x.GuardRule = text
	case httpattr.RequestBody:
		fillBody(&x.Request.Body, a)
	case httpattr.ResponseBody:
		fillBody(&x.Response.Body, a)
	case httpattr.RequestBodySize:
		x.Request.Body.Size, _ = strconv.ParseInt(text, 10, 64)
		x.RequestBytes = x.Request.Body.Size
	case httpattr.ResponseBodySize:
		x.Response.Body.Size, _ = strconv.ParseInt(text, 10, 64)
		x.ResponseBytes = x.Response.Body.Size
	}
}

func fillBody(b *inspect.Body, a *inspect.Attribute) {
	b.Captured, b.Binary = true, a.Type == "bytes"
	switch v := a.Value.(type) {
	case string:
		b.Data = []byte(v)
	case []byte:
		b.Data = v
	}
}

// textOf is a value as text.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) == 1 {
			if s, ok := v[0].(string); ok {
				return s
			}
		}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it is shown as text
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// listOf is a value as the values of a header field.
func listOf(v any) []string {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil
		}
		return []string{textOf(v)}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, textOf(e))
	}
	return out
}

// clean makes text that may be put into JSON and onto a page: valid UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// URL is the absolute URL of an exchange.
func URL(x *inspect.Exchange) string {
	scheme := x.Scheme
	if scheme == "" {
		scheme = "http"
	}
	host := x.Host
	if host == "" {
		host = "unknown.invalid"
	}
	return scheme + "://" + host + Target(x)
}

// Target is path and query.
func Target(x *inspect.Exchange) string {
	path := x.Path
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	if x.Query != "" {
		path += "?" + x.Query
	}
	return path
}

// Get returns the first value of a header field.
func Get(m *inspect.Message, name string) string {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) && len(m.Headers[i].Values) > 0 {
			return m.Headers[i].Values[0]
		}
	}
	return ""
}
