// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

// Summary is an exchange in a few words: "POST /pay 201".
func Summary(x *inspect.Exchange) string {
	s := orOther(x.Method) + " " + Target(x)
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	if x.Status > 0 {
		s += fmt.Sprintf(" %d", x.Status)
	}
	return clean(s)
}

// Text is a value of an attribute as text.
func Text(v any) string { return textOf(v) }

// Place says where an attribute stands: "request body", "request header accept".
func Place(key string) string {
	switch key {
	case httpattr.RequestBody:
		return "request body"
	case httpattr.ResponseBody:
		return "response body"
	case httpattr.URLQuery:
		return "query"
	case httpattr.URLFull:
		return "URL"
	case httpattr.URLPath:
		return "path"
	case httpattr.ClientAddress:
		return "client address"
	}
	for prefix, name := range map[string]string{
		httpattr.RequestHeaderPrefix: "request header ", httpattr.ResponseHeaderPrefix: "response header ", httpattr.MetadataPrefix: "metadata ",
	} {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			return name + rest
		}
	}
	return key
}

// Part is a value inside a document.
type Part struct{ Path, Text string }

// Parts lists the values inside an attribute; ok is false if it is no document.
func Parts(key, text string) (out []Part, ok bool) {
	body := []byte(text)
	if key == httpattr.URLQuery {
		for _, p := range pairs(text) {
			out = append(out, Part{p.name, p.value})
		}
		return out, len(out) > 0
	}
	if jsonwalk.Looks(body) && !jsonwalk.Walk(body, func(jsonwalk.Leaf) bool { return true }) {
		return nil, false // cut, or none
	}
	leaves(body, func(l jsonwalk.Leaf) bool {
		out = append(out, Part{jsonwalk.Text(l.Path), l.Text})
		return len(out) < maxLeaves
	})
	return out, len(out) > 0
}

// Selects reports whether the path of a decision is that of a value, as Text writes it, or
// of one around it.
func Selects(decided, path string) bool {
	at, ok := jsonwalk.Parse(path)
	if !ok {
		return samePath(decided, path)
	}
	return selects(decided, at)
}
