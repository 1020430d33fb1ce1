// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"slices"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
)

// maxTree bounds the values of a document that is shown as a tree; what has more is shown as text.
const maxTree = 20_000

// document reads a body as a tree: JSON, or a form. It is nil for other texts.
func document(body []byte, media string) (root *jsonwalk.Node, cut bool) {
	if strings.EqualFold(media, "application/x-www-form-urlencoded") {
		root = &jsonwalk.Node{Type: "object", Text: "{}"}
		for _, p := range pairs(string(body)) {
			root.Kids = append(root.Kids, jsonwalk.Node{Key: p.name, Type: "string", Text: p.value})
		}
		return root, false
	}
	if !jsonwalk.Looks(body) && !strings.Contains(strings.ToLower(media), "json") {
		return nil, false
	}
	return jsonwalk.Tree(body, maxTree)
}

// below is the path of a kid.
func below(n *jsonwalk.Node, path []jsonwalk.Step, i int) []jsonwalk.Step {
	if n.Type == "array" {
		return append(path, jsonwalk.Step{Index: i})
	}
	return append(path, jsonwalk.Step{Key: n.Kids[i].Key, Index: -1})
}

// each calls fn for each value of a document.
func each(n *jsonwalk.Node, path []jsonwalk.Step, fn func(n *jsonwalk.Node, path []jsonwalk.Step)) {
	fn(n, path)
	for i := range n.Kids {
		each(&n.Kids[i], below(n, path, i), fn)
	}
}

// copyTree is a document as the page has it; note adds what is known of each value.
func copyTree(n *jsonwalk.Node, path []jsonwalk.Step, note func(out *api.Node, path string)) api.Node {
	out := api.Node{Key: clean(n.Key), Type: n.Type, Text: clean(n.Text)}
	if len(n.Kids) > 0 {
		out.Text, out.Kids = "", make([]api.Node, 0, len(n.Kids))
	} else if n.Type == "object" || n.Type == "array" {
		out.Text = map[string]string{"object": "{}", "array": "[]"}[n.Type] // without blanks, or its end
	}
	note(&out, clean(jsonwalk.Text(path)))
	for i := range n.Kids {
		out.Kids = append(out.Kids, copyTree(&n.Kids[i], below(n, path, i), note))
	}
	return out
}

// Tree puts a body there as a document, with what was decided over its values and what stood
// before, as far as that is known.
func Tree(out *api.Body, after, before []byte) {
	is, cut := document(after, out.Media)
	was, wasCut := document(before, out.Media)
	if is == nil {
		if was == nil {
			return
		}
		is, cut = &jsonwalk.Node{Type: "object"}, wasCut // all of it is gone
	}
	old := map[string]*jsonwalk.Node{}
	if was != nil {
		each(was, nil, func(n *jsonwalk.Node, path []jsonwalk.Step) { old[clean(jsonwalk.Text(path))] = n })
	}
	stood := func(path, kind string) *api.Side {
		n := old[path]
		if n == nil {
			return &api.Side{Type: kind}
		}
		text := clean(n.Text)
		return &api.Side{Type: n.Type, Len: len(text), Text: &text}
	}
	leaves := map[string]*api.Leaf{}
	for i := range out.Leaves {
		leaves[out.Leaves[i].Path] = &out.Leaves[i]
	}
	root := copyTree(is, nil, func(n *api.Node, path string) {
		l := leaves[path]
		if l == nil {
			return
		}
		delete(leaves, path)
		if n.Decision, n.Rule, n.New = l.Decision, l.Rule, l.New; l.Decision != Kept {
			n.Before = stood(path, l.Type)
		}
	})
	for i := range out.Leaves {
		l := &out.Leaves[i]
		if l.Decision != Dropped || leaves[l.Path] != l {
			continue
		}
		path, ok := jsonwalk.Parse(l.Path)
		if !ok && !strings.HasPrefix(l.Path, "$") { // a field of a form
			path, ok = []jsonwalk.Step{{Key: l.Path, Index: -1}}, true
		}
		if ok {
			lost(&root, path, api.Node{Type: l.Type, Decision: Dropped, Rule: l.Rule, Gone: true, Before: stood(l.Path, l.Type)})
		}
	}
	out.Tree, out.TreeCut = &root, cut
}

// lost puts a value that is gone where it stood.
func lost(at *api.Node, path []jsonwalk.Step, gone api.Node) {
	for i, s := range path {
		key, kid := clean(s.Key), -1
		switch at.Type {
		case "array":
			if s.Index < len(at.Kids) {
				kid = s.Index
			}
		case "object":
			kid = slices.IndexFunc(at.Kids, func(k api.Node) bool { return k.Key == key })
		default:
			return
		}
		at.Text = "" // it is not empty, or not any more
		if i == len(path)-1 {
			gone.Key = key
			at.Kids = append(at.Kids, gone)
			return
		}
		if kid < 0 {
			kid = len(at.Kids)
			at.Kids = append(at.Kids, api.Node{Key: key, Type: "object", Gone: true})
		}
		at = &at.Kids[kid]
	}
}

// EventTree is a body for a backend as a document: each value of the event in it has where it
// comes from.
func EventTree(body, event string, origins []api.Origin) *api.Node {
	if !jsonwalk.Looks([]byte(body)) {
		return nil
	}
	root, _ := jsonwalk.Tree([]byte(body), maxTree)
	if root == nil {
		return nil
	}
	from := map[string]string{}
	for i := range origins {
		from[origins[i].Path] = origins[i].From
	}
	event = strings.TrimSpace(event)
	var inside []jsonwalk.Step // the path of the event in the body
	found := false
	each(root, nil, func(n *jsonwalk.Node, path []jsonwalk.Step) {
		if !found && n.Text == event {
			inside, found = slices.Clone(path), true
		}
	})
	prefix := clean(jsonwalk.Text(inside))
	out := copyTree(root, nil, func(n *api.Node, path string) {
		if rest, ok := strings.CutPrefix(path, prefix); found && ok && n.Kids == nil {
			n.From = from["$"+rest]
		}
	})
	return &out
}
