// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// when reads the condition of a scope; one under not has no not itself.
func (d *decoder) when(n *yaml.Node, path string, w *When, inNot bool) {
	fieldsOf := func(dst *map[string][]string) func(*yaml.Node, string) {
		return func(n *yaml.Node, p string) {
			d.mapping(n, p, fields{}, func(k, v *yaml.Node, p string) {
				if *dst == nil {
					*dst = map[string][]string{}
				}
				var vs []string
				d.strs(v, p, &vs)
				(*dst)[strings.ToLower(k.Value)] = vs
			})
		}
	}
	f := fields{
		"host":            func(n *yaml.Node, p string) { d.strs(n, p, &w.Host) },
		"route":           func(n *yaml.Node, p string) { d.strs(n, p, &w.Route) },
		"method":          func(n *yaml.Node, p string) { d.strs(n, p, &w.Method) },
		"direction":       func(n *yaml.Node, p string) { d.str(n, p, &w.Direction) },
		"status":          func(n *yaml.Node, p string) { d.strs(n, p, &w.Status) },
		"content_type":    func(n *yaml.Node, p string) { d.strs(n, p, &w.ContentType) },
		"tenant":          func(n *yaml.Node, p string) { d.strs(n, p, &w.Tenant) },
		"header":          fieldsOf(&w.Header),
		"response_header": fieldsOf(&w.ResponseHeader),
	}
	if !inNot {
		f["not"] = func(n *yaml.Node, p string) {
			list := []*yaml.Node{n}
			if n.Kind == yaml.SequenceNode {
				list = n.Content
			}
			for i, e := range list {
				var inner When
				at := p
				if n.Kind == yaml.SequenceNode {
					at = fmt.Sprintf("%s[%d]", p, i)
				}
				d.when(d.resolve(e), at, &inner, true)
				w.Not = append(w.Not, inner)
			}
		}
	}
	d.mapping(n, path, f, nil)
}
