// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package jsonwalk reads the leaves of a JSON document with their paths, in document
// order and without building the document. The document may be cut: what stands before
// the cut is read. It never fails; Walk says whether it came to the end.
package jsonwalk

import (
	"encoding/json"
	"strconv"
	"strings"
)

// MaxDepth is how deep containers may nest. What is deeper is skipped.
const MaxDepth = 64

// Step is a part of a path: a key, or an index if Index is not negative.
type Step struct {
	Key   string
	Index int
}

// Leaf is a scalar, or an empty container.
type Leaf struct {
	// Path is valid during the call only.
	Path []Step
	// Type is "string", "number", "boolean", "null", "object" or "array".
	Type string
	// Text is the value: of a string without quotes and escapes, else as it is written.
	Text string
}

// Looks reports whether a text begins like a document with members or elements.
func Looks(doc []byte) bool {
	i := blank(doc, 0)
	return i < len(doc) && (doc[i] == '{' || doc[i] == '[')
}

// Walk calls leaf for each leaf until that returns false, and reports whether the whole
// document was read.
func Walk(doc []byte, leaf func(Leaf) bool) bool {
	w := walker{doc: doc, leaf: leaf, path: make([]Step, 0, 8)}
	if !w.value() {
		return false
	}
	return blank(doc, w.pos) == len(doc)
}

type walker struct {
	doc  []byte
	pos  int
	path []Step
	leaf func(Leaf) bool
}

func blank(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\t' || doc[i] == '\r') {
		i++
	}
	return i
}

func (w *walker) next() byte {
	w.pos = blank(w.doc, w.pos)
	if w.pos == len(w.doc) {
		return 0
	}
	return w.doc[w.pos]
}

func (w *walker) emit(kind, text string) bool {
	return w.leaf(Leaf{Path: w.path, Type: kind, Text: text})
}

func (w *walker) value() bool {
	switch c := w.next(); c {
	case 0:
		return false
	case '{', '[':
		if len(w.path) >= MaxDepth {
			return false
		}
		return w.container(c)
	case '"':
		text, ok := w.str()
		return ok && w.emit("string", text)
	default:
		start := w.pos
		for w.pos < len(w.doc) && !ends(w.doc[w.pos]) {
			w.pos++
		}
		if w.pos == len(w.doc) && len(w.path) > 0 { // a number may go on behind the cut
			return false
		}
		text := string(w.doc[start:w.pos])
		kind := scalar(text)
		return kind != "" && w.emit(kind, text)
	}
}

// scalar is the type of a value that is neither a string nor a container; empty if it is none.
func scalar(text string) string {
	switch {
	case text == "true", text == "false":
		return "boolean"
	case text == "null":
		return "null"
	case text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9'):
		return "number"
	}
	return ""
}

// ends reports whether a byte ends a number or a literal.
func ends(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\n', '\r', '\t', ':', '"':
		return true
	}
	return false
}

func (w *walker) container(open byte) bool {
	end, kind := byte('}'), "object"
	if open == '[' {
		end, kind = ']', "array"
	}
	w.pos++
	if w.next() == end {
		w.pos++
		return w.emit(kind, string([]byte{open, end}))
	}
	w.path = append(w.path, Step{Index: -1})
	last := len(w.path) - 1
	for i := 0; ; i++ {
		if open == '[' {
			w.path[last].Index = i
		} else {
			if w.next() != '"' {
				return false
			}
			key, ok := w.str()
			if !ok || w.next() != ':' {
				return false
			}
			w.pos++
			w.path[last].Key = key
		}
		if !w.value() {
			return false
		}
		w.path = w.path[:last+1]
		switch w.next() {
		case ',':
			w.pos++
		case end:
			w.pos++
			w.path = w.path[:last]
			return true
		default:
			return false
		}
	}
}

// str reads a string at its quote.
func (w *walker) str() (string, bool) {
	start, escaped := w.pos, false
	for i := start + 1; i < len(w.doc); i++ {
		switch w.doc[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			w.pos = i + 1
			raw := w.doc[start+1 : i]
			if !escaped {
				return string(raw), true
			}
			var s string
			if json.Unmarshal(w.doc[start:i+1], &s) != nil {
				return string(raw), true
			}
			return s, true
		}
	}
	return "", false
}

// Text writes a path as the policy language does: $.user.items[0].sku, and ['a key']
// for keys that have other characters.
func Text(path []Step) string {
	b := make([]byte, 1, 64)
	b[0] = '$'
	for _, s := range path {
		switch {
		case s.Index >= 0:
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.Index), 10)
			b = append(b, ']')
		case plain(s.Key):
			b = append(b, '.')
			b = append(b, s.Key...)
		default:
			b = append(b, "['"...)
			b = append(b, s.Key...)
			b = append(b, "']"...)
		}
	}
	return string(b)
}

// plain reports whether a key needs no brackets.
func plain(key string) bool {
	return key != "" && !strings.ContainsAny(key, ".[]*'\" \t\n")
}

// Parse reads what Text writes; ok is false for other texts.
func Parse(path string) (out []Step, ok bool) {
	rest, ok := strings.CutPrefix(path, "$")
	for ok && rest != "" {
		switch {
		case strings.HasPrefix(rest, "['"):
			var key string
			if key, rest, ok = strings.Cut(rest[2:], "']"); ok {
				out = append(out, Step{Key: key, Index: -1})
			}
		case rest[0] == '[':
			var n string
			n, rest, ok = strings.Cut(rest[1:], "]")
			i, err := strconv.Atoi(n)
			ok = ok && err == nil && i >= 0
			out = append(out, Step{Index: i})
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			out = append(out, Step{Key: rest[1 : 1+end], Index: -1})
			rest = rest[1+end:]
		default:
			return nil, false
		}
	}
	return out, ok
}

// Shape is Text for all values of the same kind: elements are [*], and keys that look
// like data are *, so that the paths of one endpoint are few and hold names only.
func Shape(path []Step) string {
	b := make([]byte, 1, 64)
	b[0] = '$'
	for _, s := range path {
		switch {
		case s.Index >= 0:
			b = append(b, "[*]"...)
		case Name(s.Key):
			b = append(b, '.')
			b = append(b, s.Key...)
		default:
			b = append(b, ".*"...)
		}
	}
	return string(b)
}

// Name reports whether a key is one that a program would write: decisions of a redaction
// have "*" for all others.
func Name(key string) bool {
	digits := 0
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_', c == '-', c == '.', c == ':', c == '$', c == '@' && i == 0, c == '[', c == ']':
		case '0' <= c && c <= '9':
			digits++
		default:
			return false
		}
	}
	return key != "" && len(key) <= 64 && digits <= 4
}
