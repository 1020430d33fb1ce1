// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

// maxFixtures bounds the cases of one exchange.
const maxFixtures = 500

// Fixture is the exchange as cases for `apispan redact`, one a line. If values from before
// the redaction are kept, those are the inputs, and what was taken out must not come out;
// else the inputs are what the redaction has left, and must stay as they are.
func Fixture(r *keep.Record, env *Env) []byte {
	x := Exchange(r)
	f := fixture{x: x, raw: env.Raw && r.Before != nil}
	if f.raw {
		f.after = attributesOf(nil)
		if a := r.After(); a != nil {
			f.after = attributesOf(a.Attributes)
		}
		for i := range r.Before.Attributes {
			f.attribute(&r.Before.Attributes[i])
		}
		return f.out.Bytes()
	}
	for i := range x.Request.Headers {
		h := &x.Request.Headers[i]
		for _, v := range h.Values {
			f.field("header", h.Name, v, v)
		}
	}
	if x.Query != "" {
		f.add("query", "", x.Query, x.Query, false)
	}
	f.body("request_body", &x.Request)
	for i := range x.Response.Headers {
		h := &x.Response.Headers[i]
		for _, v := range h.Values {
			f.field("response_header", h.Name, v, v)
		}
	}
	f.body("response_body", &x.Response)
	return f.out.Bytes()
}

type fixture struct {
	x     *inspect.Exchange
	raw   bool
	after *attributes
	out   bytes.Buffer
	n     int
}

func (f *fixture) body(where string, m *inspect.Message) {
	if len(m.Body.Data) > 0 {
		f.add(where, Get(m, "content-type"), string(m.Body.Data), string(m.Body.Data), m.Body.Truncated)
	}
}

// attribute makes a case of what stood in an attribute before the redaction.
func (f *fixture) attribute(a *inspect.Attribute) {
	was := listOf(a.Value)
	if b, ok := a.Value.([]byte); ok {
		was = []string{string(b)}
	}
	is := []string{}
	if now := f.after.take(a.Key); now != nil {
		is = listOf(now.Value)
	}
	if name, ok := strings.CutPrefix(a.Key, httpattr.RequestHeaderPrefix); ok {
		f.fields("header", name, was, is)
		return
	}
	if name, ok := strings.CutPrefix(a.Key, httpattr.ResponseHeaderPrefix); ok {
		f.fields("response_header", name, was, is)
		return
	}
	var where, contentType string
	truncated := false
	switch a.Key {
	case httpattr.RequestBody:
		where, contentType, truncated = "request_body", Get(&f.x.Request, "content-type"), f.x.Request.Body.Truncated
	case httpattr.ResponseBody:
		where, contentType, truncated = "response_body", Get(&f.x.Response, "content-type"), f.x.Response.Body.Truncated
	case httpattr.URLQuery:
		where = "query"
	case httpattr.URLFull:
		where = "url"
	case httpattr.ClientAddress:
		where = "client_ip"
	default:
		if a.Type == "string" {
			f.fields("attribute", a.Key, was, is)
		}
		return
	}
	f.add(where, contentType, strings.Join(was, ","), strings.Join(is, ","), truncated)
}

func (f *fixture) fields(where, name string, was, is []string) {
	for i, v := range was {
		now := ""
		if i < len(is) {
			now = is[i]
		}
		f.field(where, name, v, now)
	}
}

// field makes a case of one line, "name: value".
func (f *fixture) field(where, name, was, is string) {
	if is != "" {
		is = oneLine(is)
	}
	f.put(where, "", oneLine(name)+": "+oneLine(was), oneLine(was), is, false)
}

// vanished are the values of a text that are not in what was left of it.
func vanished(was, is string) (out []string) {
	add := func(v string) {
		if len(v) >= 4 && !strings.Contains(is, v) && !slices.Contains(out, v) && len(out) < 20 {
			out = append(out, v)
		}
	}
	if jsonwalk.Looks([]byte(was)) {
		jsonwalk.Walk([]byte(was), func(l jsonwalk.Leaf) bool { add(l.Text); return true })
		return out
	}
	for _, v := range strings.FieldsFunc(was, func(r rune) bool { return strings.ContainsRune("&=;, \t\r\n\"'<>", r) }) {
		add(v)
	}
	return out
}

func (f *fixture) add(where, contentType, input, output string, truncated bool) {
	f.put(where, contentType, input, input, output, truncated)
}

// put writes a case: input is what goes in, was the value in it and output what is left.
func (f *fixture) put(where, contentType, input, was, output string, truncated bool) {
	if f.n >= maxFixtures {
		return
	}
	f.n++
	var o, ex object
	o.put("id", f.x.Method+" "+clean(Target(f.x))+" "+where)
	o.put("where", where)
	if contentType != "" {
		o.put("content_type", clean(contentType))
	}
	if utf8.ValidString(input) {
		o.put("input", input)
	} else {
		o.put("input", "b64:"+base64.StdEncoding.EncodeToString([]byte(input)))
	}
	if truncated {
		o.put("truncated", true)
	}
	ex.text("method", f.x.Method)
	ex.text("host", f.x.Host)
	ex.text("route", f.x.Route)
	ex.text("path", f.x.Path)
	ex.put("direction", map[bool]string{false: "incoming", true: "outgoing"}[f.x.Outgoing])
	if f.x.Status > 0 {
		ex.put("status", f.x.Status)
	}
	o.put("exchange", &ex)
	switch gone := vanished(was, output); {
	case f.raw && len(gone) > 0:
		o.put("must_not_contain", gone)
	case f.raw || !utf8.ValidString(output) || output == "":
	case strings.Contains(output, "hmac:"), strings.Contains(output, "enc:"): // which are made anew
	default:
		o.put("must_contain", []string{output})
	}
	b, _ := o.MarshalJSON()
	f.out.Write(append(b, '\n'))
}
