// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"encoding/json"
	"strings"

	"github.com/apispan/apispan/internal/jsonfind"
)

// Slim is one step of making an encoded item smaller that a server, or a proxy before it,
// takes for too large: what is encoded cannot be encoded again with less.
type Slim []Edit

// Edit changes one member of an item, if it is there.
type Edit struct {
	// Path are the names from the item's root, which "" is; "[]" is the first element of
	// an array.
	Path string
	// Value is put in place of the member's: JSON, or "" to take the member out.
	Value string
	// Longest, where it is not 0, only cuts a string to so many bytes.
	Longest int
	// Mark adds Value, which is then one member or several, to the object.
	Mark bool
}

// Apply returns the item with less, or false if there is nothing that the step could take
// away.
func (s Slim) Apply(item string) (string, bool) {
	if item == "" || item[0] != '{' || !json.Valid([]byte(item)) {
		return item, false // not ours
	}
	out := item
	for _, e := range s {
		if less := e.apply(out, strings.Split(e.Path, ".")); !e.Mark {
			out = less
		}
	}
	if len(out) >= len(item) {
		return item, false
	}
	for _, e := range s {
		if e.Mark {
			out = e.apply(out, strings.Split(e.Path, "."))
		}
	}
	return out, true
}

func (e *Edit) apply(doc string, path []string) string {
	for i, name := range path {
		if name != "[]" {
			continue
		}
		outer, ok := jsonfind.Find(doc, path[:i])
		if !ok {
			return doc
		}
		array, first := outer.Value(doc), ""
		jsonfind.Elements(array, func(value string) bool { first = value; return false })
		at := strings.Index(array, first)
		if first == "" || at < 0 {
			return doc
		}
		at += outer.ValueStart
		return doc[:at] + e.apply(first, path[i+1:]) + doc[at+len(first):]
	}
	m, ok := jsonfind.Find(doc, path)
	if e.Path == "" {
		m, ok = jsonfind.Member{ValueEnd: len(doc)}, true
	}
	if !ok {
		return doc
	}
	value := m.Value(doc)
	switch {
	case e.Mark && strings.HasPrefix(value, "{") && !strings.HasSuffix(value, e.Value+"}"):
		end, comma := m.ValueEnd-1, ","
		if strings.TrimSpace(value[1:len(value)-1]) == "" {
			comma = ""
		}
		return doc[:end] + comma + e.Value + doc[end:]
	case e.Mark:
		return doc
	case e.Longest > 0:
		text := jsonfind.Scalar(value)
		if len(text) <= e.Longest || value[0] != '"' {
			return doc
		}
		text = strings.ToValidUTF8(text[:e.Longest], "")
		if i := strings.LastIndexByte(text, '%'); i >= 0 && i > len(text)-3 {
			text = text[:i]
		}
		short, err := json.Marshal(text)
		if err != nil {
			return doc
		}
		value = string(short)
	case e.Value == "":
		return m.Cut(doc)
	default:
		value = e.Value
	}
	return doc[:m.ValueStart] + value + doc[m.ValueEnd:]
}
