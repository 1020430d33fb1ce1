// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

const (
	// maxLeaves bounds the values of one body.
	maxLeaves = 5000
	// maxHex bounds what is shown of a binary body, in bytes.
	maxHex = 4096
)

// body shows one body. which is "request" or "response".
func (d *detail) body(b *inspect.Body, which, key, contentType string) api.Body {
	out := api.Body{
		Captured: b.Captured || len(b.Data) > 0, Media: clean(httpattr.MediaType(contentType)), Binary: b.Binary || !utf8.Valid(b.Data),
		Truncated: b.Truncated, Incomplete: b.Incomplete, Size: b.Size, Leaves: []api.Leaf{},
	}
	was, is := d.before.take(key), d.after.take(key)
	if is == nil && len(b.Data) > 0 && d.after != nil { // of a producer with other keys
		for i := range d.after.list {
			if a := &d.after.list[i]; !d.after.shown[i] && bytes.Equal(bytesOf(a.Value), b.Data) {
				is, was = d.after.take(a.Key), d.before.take(a.Key)
			}
		}
	}
	out.Before = side(was)
	switch {
	case len(b.Data) > 0:
		out.After = &api.Side{Type: "string", Len: len(b.Data), Cut: b.Truncated}
	case is != nil:
		out.After = side(is)
		out.Captured = true
	case b.Captured && was == nil:
		out.After = textSide("")
	}
	if was != nil {
		out.Captured = true
	}
	switch {
	case len(b.Data) == 0:
	case out.Binary:
		out.After.Type = "bytes"
		out.Hex = base64.StdEncoding.EncodeToString(b.Data[:min(len(b.Data), maxHex)])
		out.After.Cut = out.After.Cut || len(b.Data) > maxHex
	default:
		text := string(b.Data)
		out.After.Text = &text
	}
	d.leaves(&out, b, which, was)
	if was != nil {
		Tree(&out, b.Data, bytesOf(was.Value))
	} else {
		Tree(&out, b.Data, nil)
	}
	return out
}

func bytesOf(v any) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	return nil
}

// leaves lists the values inside a body with what was decided over each.
func (d *detail) leaves(out *api.Body, b *inspect.Body, which string, was *inspect.Attribute) {
	place, location := which+"_body", which+" body"
	raw := map[string]string{}
	if was != nil {
		leaves(bytesOf(was.Value), func(l jsonwalk.Leaf) bool {
			raw[jsonwalk.Text(l.Path)] = l.Text
			return len(raw) < maxLeaves
		})
	}
	used := make([]bool, len(d.why))
	leaves(b.Data, func(l jsonwalk.Leaf) bool {
		leaf := api.Leaf{Path: clean(jsonwalk.Text(l.Path)), Type: l.Type, Decision: Kept}
		for i := range d.why {
			w := &d.why[i]
			if w.Place != place || !selects(w.Path, l.Path) {
				continue
			}
			used[i] = true
			if o := Outcome(w.Action, w.Outcome); o != Kept && (o != Dropped || len(raw) == 0) {
				leaf.Decision, leaf.Rule = o, w.Rule
			}
		}
		// What was there before is the better witness: under one path some values may be
		// redacted and others not.
		if before, ok := raw[leaf.Path]; ok {
			delete(raw, leaf.Path)
			if before == l.Text {
				leaf.Decision, leaf.Rule = Kept, ""
			} else if leaf.Decision == Kept {
				leaf.Decision = Masked
			}
		} else if leaf.Decision == Kept {
			leaf.Decision = Already(l.Text)
		}
		if d.env.New != nil {
			leaf.New = d.env.New(d.x, location, jsonwalk.Shape(l.Path))
		}
		out.Leaves = append(out.Leaves, leaf)
		return len(out.Leaves) < maxLeaves
	})
	for i := range d.why {
		w := &d.why[i]
		if o := Outcome(w.Action, w.Outcome); w.Place == place && !used[i] && o != Kept && w.Path != "" {
			out.Leaves = append(out.Leaves, api.Leaf{Path: clean(w.Path), Type: "", Decision: o, Rule: w.Rule})
		}
	}
}

// selects reports whether the path of a decision is that of a value, or of one around it.
func selects(decided string, at []jsonwalk.Step) bool {
	rest, ok := strings.CutPrefix(decided, "$")
	if !ok {
		rest = "." + decided // of a form
	}
	for i, s := range at {
		switch {
		case rest == "", rest == "…":
			return i > 0
		case s.Index >= 0:
			if rest, ok = strings.CutPrefix(rest, "[*]"); !ok {
				return false
			}
		case strings.HasPrefix(rest, ".*") && !jsonwalk.Name(s.Key):
			rest = rest[2:]
		default:
			after, ok := strings.CutPrefix(rest, "."+s.Key)
			if !ok || after != "" && after[0] != '.' && after[0] != '[' && !strings.HasPrefix(after, "…") {
				return false
			}
			rest = after
		}
	}
	return rest == ""
}
