// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"math"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/redact"
)

// value redacts the value of an attribute in place. It reports whether the
// attribute must go.
func (w *walker) value(p place, key string, ki *keyInfo, v pcommon.Value) (remove bool) {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return false
	case pcommon.ValueTypeStr:
		return w.textValue(p, ki, v)
	case pcommon.ValueTypeBytes:
		return w.byteValue(p, ki, v)
	case pcommon.ValueTypeInt:
		return w.intValue(p, ki, v)
	case pcommon.ValueTypeMap:
		if ki.fields != "" {
			return w.fields(p, ki.fields, v.Map())
		}
		if side, ok := ki.bodySide(); ok {
			return w.tree(p, w.bodyNode(p, side), v, 0)
		}
		return w.tree(p, w.node(p, key), v, 0)
	case pcommon.ValueTypeSlice:
		// A list of texts is a list of values; one of structures is a parsed document.
		if side, ok := ki.bodySide(); ok && structured(v.Slice()) {
			return w.tree(p, w.bodyNode(p, side), v, 0)
		}
		if !ki.each && (ki.fields == "" || !areLines(v.Slice())) {
			return w.tree(p, w.node(p, key), v, 0)
		}
		return w.list(p, key, ki, v.Slice())
	default:
		out, ef := w.attribute(p, ki, w.scalar(v))
		return apply(v, out, ef)
	}
}

// structured reports whether a list has structures in it.
func structured(s pcommon.Slice) bool {
	for _, e := range s.All() {
		if t := e.Type(); t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice {
			return true
		}
	}
	return false
}

// areLines reports whether all elements of a list are lines "name: value". In a list in
// which names and values take turns, as Node's rawHeaders, names have no colon.
func areLines(s pcommon.Slice) bool {
	for _, e := range s.All() {
		name, _, ok := strings.Cut(e.Str(), ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\"{[") {
			return false
		}
	}
	return true
}

func (w *walker) textValue(p place, ki *keyInfo, v pcommon.Value) (remove bool) {
	value := v.Str()
	if ki.textTag == w.tag && w.tag != 0 && ki.text == value {
		return false
	}
	out, ef := w.attribute(p, ki, value)
	if ef == redact.Unchanged {
		w.remember(ki, value)
	}
	return apply(v, out, ef)
}

func (w *walker) intValue(p place, ki *keyInfo, v pcommon.Value) (remove bool) {
	value := v.Int()
	if ki.numberTag == w.tag && w.tag != 0 && ki.number == value {
		return false
	}
	out, ef := w.attribute(p, ki, w.scalar(v))
	if ef == redact.Unchanged && !ki.content {
		ki.number, ki.numberTag = value, w.tag
	}
	return apply(v, out, ef)
}

// apply writes the engine's answer. A number that was masked becomes a string.
func apply(v pcommon.Value, out string, ef redact.Effect) (remove bool) {
	switch ef {
	case redact.Changed:
		v.SetStr(out)
	case redact.Removed:
		return true
	}
	return false
}

// list redacts an array of an HTTP attribute: each element is a value of its own.
// An array from which everything was removed goes too.
func (w *walker) list(p place, key string, ki *keyInfo, s pcommon.Slice) (remove bool) {
	was := s.Len()
	s.RemoveIf(func(v pcommon.Value) bool {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			return w.textValue(p, ki, v)
		case pcommon.ValueTypeEmpty:
			return false
		case pcommon.ValueTypeBytes:
			return w.byteValue(p, ki, v)
		case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
			return w.tree(p, w.node(p, key), v, 1)
		default:
			out, ef := w.attribute(p, ki, w.scalar(v))
			return apply(v, out, ef)
		}
	})
	return was > 0 && s.Len() == 0
}

// fields redacts a map of header fields, as ECS has it.
func (w *walker) fields(p place, prefix string, m pcommon.Map) (remove bool) {
	was := m.Len()
	m.RemoveIf(func(k string, v pcommon.Value) bool {
		if w.key(k) {
			return true
		}
		key := prefix + k
		return w.value(p, key, w.lookup(key), v)
	})
	return was > 0 && m.Len() == 0
}

// byteValue redacts a byte slice. pdata hands out a copy.
func (w *walker) byteValue(p place, ki *keyInfo, v pcommon.Value) (remove bool) {
	if v.Bytes().Len() == 0 {
		return false
	}
	out, ef := w.bytes(p, ki, v.Bytes().AsRaw())
	switch ef {
	case redact.Changed:
		setBytes(v, out)
	case redact.Removed:
		return true
	}
	return false
}

// setBytes gives v a byte slice of its own. Writing into the one that is there would
// change other copies of the data: pcommon.Value.CopyTo shares it (pdata v1.61.0).
func setBytes(v pcommon.Value, b []byte) { v.SetEmptyBytes().FromRaw(b) }

// scalar writes a number or boolean into the walker's buffer. The result is valid
// until the next call, and the engine keeps no reference to what it is given, so
// that an int attribute costs no allocation.
func (w *walker) scalar(v pcommon.Value) string {
	b := w.num[:0]
	switch v.Type() {
	case pcommon.ValueTypeInt:
		b = strconv.AppendInt(b, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		// Plain digits as long as JSON writers use them, so that a card number in a
		// double is seen.
		format := byte('f')
		if a := math.Abs(v.Double()); a != 0 && (a < 1e-6 || a >= 1e21) {
			format = 'e'
		}
		b = strconv.AppendFloat(b, v.Double(), format, -1, 64)
	case pcommon.ValueTypeBool:
		b = strconv.AppendBool(b, v.Bool())
	}
	w.num = b
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// tree redacts a structured value by the rules for JSON documents: rules for keys
// reach any depth, a denied ancestor wins, and the value of a pair such as
// {"name": "password", "value": "x"} or ["password", "x"] is judged by its name.
func (w *walker) tree(p place, n node, v pcommon.Value, depth int) (remove bool) {
	if n.failed {
		return true
	}
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return false
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		if depth >= maxDepth {
			w.tally.failed(p, failure{"limit", "attribute"})
			w.changed++
			return true
		}
		if out, ef := w.subtree(p, n); ef != redact.Unchanged {
			return apply(v, out, ef)
		}
		if v.Type() == pcommon.ValueTypeMap {
			w.treeMap(p, n, v.Map(), depth)
		} else {
			w.treeSlice(p, n, v.Slice(), depth)
		}
		return false
	case pcommon.ValueTypeStr:
		out, ef := w.leaf(p, n, redact.String, v.Str())
		return apply(v, out, ef)
	case pcommon.ValueTypeBytes:
		out, ef := w.leafBytes(p, n, v.Bytes().AsRaw())
		switch ef {
		case redact.Changed:
			setBytes(v, out)
		case redact.Removed:
			return true
		}
		return false
	case pcommon.ValueTypeBool:
		out, ef := w.leaf(p, n, redact.Literal, w.scalar(v))
		return apply(v, out, ef)
	default:
		out, ef := w.leaf(p, n, redact.Number, w.scalar(v))
		return apply(v, out, ef)
	}
}

func (w *walker) treeMap(p place, n node, m pcommon.Map, depth int) {
	// The name of a pair object may stand after the value: find it first.
	name := ""
	for k, v := range m.All() {
		if v.Type() == pcommon.ValueTypeStr && w.member(p, n, k).NamesSibling() {
			name = v.Str()
		}
	}
	m.RemoveIf(func(k string, v pcommon.Value) bool {
		if w.key(k) {
			return true
		}
		c := w.member(p, n, k)
		if name != "" && c.HoldsSibling() {
			c = w.as(p, c, name)
		}
		return w.tree(p, c, v, depth+1)
	})
}

func (w *walker) treeSlice(p place, n node, s pcommon.Slice, depth int) {
	i := -1
	before := "" // the element before may be the name of this one
	s.RemoveIf(func(v pcommon.Value) bool {
		i++
		c := w.element(p, n, i)
		if before != "" {
			c = w.as(p, c, before)
		}
		option := strings.HasPrefix(before, "-")
		before = ""
		if v.Type() == pcommon.ValueTypeStr {
			if before = v.Str(); option || strings.HasPrefix(before, "-") {
				c = w.asArgument(p, c, s, i)
			}
		}
		return w.tree(p, c, v, depth+1)
	})
}
