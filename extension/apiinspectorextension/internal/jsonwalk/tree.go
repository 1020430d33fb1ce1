// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package jsonwalk

import "strings"

// Node is a value of a document with what is in it, in document order.
type Node struct {
	// Key is its name within an object.
	Key string
	// Type is that of a Leaf, and Text too; of a container it is the text as it stands.
	Type, Text string
	// Kids are those of a container; an empty one has none.
	Kids []Node
}

// Tree reads a document whole, or several one after the other as the elements of an array.
// It keeps numbers as they are written and keys that are there twice. cut is true if the
// text ends early: then what stands before is there, also the begin of a string. It returns
// nil for what is no JSON, nests deeper than MaxDepth, or has more than limit values.
func Tree(doc []byte, limit int) (root *Node, cut bool) {
	r := reader{walker: walker{doc: doc}, text: string(doc), left: limit}
	var all []Node
	for !r.cut && r.next() != 0 {
		n, ok := r.node(0)
		if !ok {
			return nil, false
		}
		if n.Type != "" {
			all = append(all, n)
		}
	}
	switch {
	case len(all) == 0:
		return nil, false
	case len(all) == 1:
		return &all[0], r.cut
	}
	for i := range all {
		if all[i].Type != "object" && all[i].Type != "array" {
			return nil, false // words and numbers in a row are a text
		}
	}
	return &Node{Type: "array", Text: r.text, Kids: all}, r.cut
}

type reader struct {
	walker

	text string // doc; values are parts of it
	left int
	cut  bool
}

// node reads a value; it has no type if the text ends before one. ok is false if there is no
// document.
func (r *reader) node(depth int) (n Node, ok bool) {
	if r.left--; r.left < 0 || depth > MaxDepth {
		return n, false
	}
	switch c := r.next(); c {
	case 0:
		r.cut = true
		return n, true
	case '{', '[':
		return r.container(c, depth)
	case '"':
		return Node{Type: "string", Text: r.string()}, true
	}
	start := r.pos
	for r.pos < len(r.doc) && !ends(r.doc[r.pos]) {
		r.pos++
	}
	n.Text = r.text[start:r.pos]
	n.Type = scalar(n.Text)
	if r.pos == len(r.doc) && depth > 0 { // it may go on behind the cut
		r.cut = true
		return n, n.Type != "" || strings.HasPrefix("true", n.Text) || strings.HasPrefix("false", n.Text) || strings.HasPrefix("null", n.Text)
	}
	return n, n.Type != ""
}

// string reads a string at its quote, also one that is cut.
func (r *reader) string() string {
	start := r.pos
	text, whole := r.str()
	if !whole {
		r.cut, r.pos = true, len(r.doc)
		return r.text[start+1:]
	}
	return text
}

func (r *reader) container(open byte, depth int) (n Node, ok bool) {
	end := byte('}')
	if n.Type = "object"; open == '[' {
		n.Type, end = "array", ']'
	}
	start := r.pos
	r.pos++
	for !r.cut {
		c := r.next()
		if c == end {
			r.pos++
			break
		}
		if len(n.Kids) > 0 && c != 0 {
			if c != ',' {
				return n, false
			}
			r.pos++
			c = r.next()
		}
		if c == 0 {
			r.cut = true
			break
		}
		key := ""
		if open == '{' {
			if key, ok = r.key(); !ok {
				return n, false
			}
		}
		if r.cut {
			break
		}
		kid, ok := r.node(depth + 1)
		if !ok {
			return n, false
		}
		if kid.Key = key; kid.Type != "" {
			n.Kids = append(n.Kids, kid)
		}
	}
	n.Text = r.text[start:r.pos]
	return n, true
}

// key reads a name and its colon.
func (r *reader) key() (key string, ok bool) {
	if r.next() != '"' {
		return "", false
	}
	key = r.string()
	switch {
	case r.cut:
	case r.next() == ':':
		r.pos++
	case r.next() == 0:
		r.cut = true
	default:
		return "", false
	}
	return key, true
}
