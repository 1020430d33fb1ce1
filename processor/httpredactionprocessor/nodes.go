// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// node is a position in a structured value. failed is set if the engine panicked
// on the way to it: the value must go.
type node struct {
	redact.Node

	failed bool
}

func (w *walker) node(p place, key string) node {
	return w.step(p, func() redact.Node { return w.e.AttributeNode(key) })
}

func (w *walker) member(p place, n node, key string) node {
	return w.step(p, func() redact.Node {
		w.given(key)
		return w.e.Member(n.Node, key)
	})
}

func (w *walker) element(p place, n node, i int) node {
	return w.step(p, func() redact.Node { return w.e.Element(n.Node, i) })
}

func (w *walker) as(p place, n node, name string) node {
	if n.failed {
		return n
	}
	return w.step(p, func() redact.Node { return w.e.As(n.Node, name) })
}

// asArgument judges the i-th element of a list by the option before it.
func (w *walker) asArgument(p place, n node, s pcommon.Slice, i int) node {
	if n.failed {
		return n
	}
	return w.step(p, func() redact.Node {
		return w.e.AsArgument(n.Node, i, func(k int) string {
			if k < s.Len() && s.At(k).Type() == pcommon.ValueTypeStr {
				return s.At(k).Str()
			}
			return ""
		})
	})
}

func (w *walker) step(p place, f func() redact.Node) (n node) {
	defer func() {
		if recover() != nil {
			w.failed(p)
			n = node{failed: true}
		}
	}()
	return node{Node: f()}
}

func (w *walker) subtree(p place, n node) (out string, ef redact.Effect) {
	defer func() {
		if recover() != nil {
			w.failed(p)
			out, ef = "", redact.Removed
		}
	}()
	out, ef = w.e.Subtree(n.Node)
	if ef != redact.Unchanged {
		w.hit(p)
	}
	return out, ef
}

func (w *walker) leaf(p place, n node, k redact.Kind, value string) (out string, ef redact.Effect) {
	defer func() {
		if recover() != nil {
			w.failed(p)
			out, ef = "", redact.Removed
		}
	}()
	w.given(value)
	out, ef = w.e.Leaf(n.Node, k, value)
	if ef != redact.Unchanged {
		w.hit(p)
	}
	return out, ef
}

// leafBytes redacts bytes inside a structured value: as text if that is what they
// are; else by the key alone.
func (w *walker) leafBytes(p place, n node, value []byte) (out []byte, ef redact.Effect) {
	if len(value) == 0 {
		return nil, redact.Unchanged
	}
	text, ef := w.leaf(p, n, redact.String, string(value))
	if ef != redact.Changed {
		return nil, ef
	}
	return []byte(text), ef
}

func (w *walker) bodyNode(p place, side redact.Side) node {
	return w.step(p, func() redact.Node { return w.e.BodyNode(side) })
}

// bodySide says whose body the value of a key is, and false if it is none.
func (ki *keyInfo) bodySide() (side redact.Side, ok bool) {
	switch ki.canonical {
	case httpattr.RequestBody:
		return redact.Request, true
	case httpattr.ResponseBody:
		return redact.Response, true
	}
	return 0, false
}
