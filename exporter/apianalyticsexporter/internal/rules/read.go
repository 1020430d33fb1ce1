// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/internal/confkeys"
	"github.com/apispan/apispan/internal/when"
)

// Unmarshal implements confmap.Unmarshaler: a value may stand in place of a list, and a
// status is a number or a text, which the decoder refuses. What is wrong is kept, so that
// it is told with its full key, together with everything else.
func (c *Condition) Unmarshal(conf *confmap.Conf) error {
	raw := conf.ToStringMap()
	if not, ok := raw["not"]; ok {
		delete(raw, "not")
		c.readNot(not)
	}
	c.read(raw)
	return nil
}

// synonyms are names that people write for keys of a condition.
var synonyms = map[string]string{
	"hosts": "host", "server": "host", "server_name": "host", "path": "route", "paths": "route", "routes": "route", "url": "route", "uri": "route",
	"methods": "method", "verb": "method", "status_code": "status", "code": "status", "kind": "direction", "headers": "header",
	"request_header": "header", "response_headers": "response_header", "company": "tenant", "company_id": "tenant", "media_type": "content_type",
}

func (c *Terms) problemf(field, format string, args ...any) {
	c.problems = append(c.problems, when.Problem{Field: field, Text: fmt.Sprintf(format, args...)})
}

func (c *Terms) read(raw map[string]any) {
	lists := map[string]*[]string{
		"host": &c.Host, "route": &c.Route, "method": &c.Method, "status": &c.Status, "content_type": &c.ContentType, "tenant": &c.Tenant,
	}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		v := raw[key]
		switch list := lists[key]; {
		case list != nil:
			*list = c.list(key, v)
		case key == "direction":
			c.Direction, _ = v.(string)
			if c.Direction == "" {
				c.problemf(key, "has no value; write incoming or outgoing")
			}
		case key == "header":
			c.Header = c.fields(key, v)
		case key == "response_header":
			c.ResponseHeader = c.fields(key, v)
		case key == "not":
			c.problemf(key, "stands under another not; write what is meant without both")
		default:
			known := confkeys.Keys(reflect.TypeFor[Condition]())
			near := synonyms[key]
			if near == "" {
				near = confkeys.Nearest(key, known)
			}
			if near != "" {
				c.problemf(key, "is not known; did you mean %s?", near)
			} else {
				c.problemf(key, "is not known; known are %s", strings.Join(known, ", "))
			}
		}
	}
}

func (c *Condition) readNot(v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			c.problemf(fmt.Sprintf("not[%d]", i), "is no condition; write such as not: {route: /health}")
			continue
		}
		var n Terms
		n.read(m)
		c.Not = append(c.Not, n)
	}
}

// list reads one value or a list of them.
func (c *Terms) list(key string, v any) (out []string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		switch e := e.(type) {
		case string:
			out = append(out, e)
		case int, int64, uint64, float64, bool:
			out = append(out, fmt.Sprint(e))
		default:
			c.problemf(key, "has a value that is no text; write one value or a list of them")
			return nil
		}
	}
	if len(out) == 0 {
		c.problemf(key, "is an empty list; remove it, or write what it is to be")
	}
	return out
}

func (c *Terms) fields(key string, v any) map[string][]string {
	m, ok := v.(map[string]any)
	if !ok {
		c.problemf(key, "is no map of header fields; write such as %s: {x-internal: \"*\"}", key)
		return nil
	}
	out := make(map[string][]string, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out[name] = c.list(key+"."+name, m[name])
	}
	return out
}
