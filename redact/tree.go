// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

// Node is the position of one value in a structured attribute: what the rules say
// about it because of the keys around it. It is valid until the next Begin.
//
// OTLP has maps and arrays as attribute values and log bodies. The caller walks
// them and asks for each value, so that the same rules hold as for a JSON document
// of that shape:
//
//	n := s.AttributeNode("user")
//	if mask, ef := s.Subtree(n); ef == redact.Unchanged {
//		for k, v := range theMap {
//			out, ef := s.Leaf(s.Member(n, k), redact.String, v)
//		}
//	}
type Node struct {
	c ctx
	// path is where the value stands, if that is explained.
	path string
}

// Kind is the type of a scalar in a structured value.
type Kind uint8

const (
	// String is text.
	String Kind = iota
	// Number is a number; the value is its literal.
	Number
	// Literal is true or false.
	Literal
)

// NamesSibling reports whether the key is one of name, key, field, ...: in an
// object with such a member the member for which HoldsSibling is true is judged as
// if it stood under that name too (see As).
func (n Node) NamesSibling() bool { return n.c.v.flags&flagNameKey != 0 }

// HoldsSibling: see NamesSibling.
func (n Node) HoldsSibling() bool { return n.c.v.flags&flagValueKey != 0 }

// AttributeNode is the node of the value of an attribute.
func (s *Scratch) AttributeNode(key string) Node {
	return Node{s.keyOf(key, placeAttribute), s.below("", str(key))}
}

// BodyNode is the node of a structured body: the root that "$" paths start from.
func (s *Scratch) BodyNode(side Side) Node { return Node{s.bodyCtx(side), "$"} }

// Member is the node of the value under key in a map.
func (s *Scratch) Member(parent Node, key string) Node {
	return Node{s.child(parent.c, str(key)), s.below(parent.path, str(key))}
}

// Element is the node of the i-th element of an array.
func (s *Scratch) Element(parent Node, i int) Node {
	return Node{s.elem(parent.c, i), s.below(parent.path, nil)}
}

// As is n judged by name as well: for the value of a pair such as
// {"name": "password", "value": "x"} or ["password", "x"]. An allow rule for name
// has no effect.
func (s *Scratch) As(n Node, name string) Node {
	n.c.v = strongest(n.c.v, s.nameVerdict(n.c, str(name)))
	return n
}

// AsArgument is the node of the i-th text of a list, judged by the option of a command
// line that it is the value of: ["curl", "-u", "ada:S"].
func (s *Scratch) AsArgument(n Node, i int, text func(int) string) Node {
	option := func(i int) bool { return i >= 0 && len(text(i)) > 1 && text(i)[0] == '-' }
	own, other := option(i), option(i-1)
	if !own && !other {
		return n
	}
	first := i
	for n := 0; first > 0 && n < lineBefore; first-- {
		n += min(len(text(first-1)), lineBefore) + 1
	}
	m, last := s.mark(), 0
	for k := first; k < i; k++ {
		last = s.mark()
		t := text(k)
		s.arena = append(append(s.arena, t[max(0, len(t)-lineBefore):]...), ' ')
	}
	before := s.arena[m:]
	secret := false
	if other {
		_, secret = secretArgument(before[:last-m], str(text(i-1)), str(text(i)))
	}
	if own && !secret {
		from, _ := secretArgument(before, str(text(i)), nil)
		secret = from > 0
	}
	s.arena = s.arena[:m]
	if secret {
		n = s.As(n, "password")
	}
	return n
}

// Subtree decides over a map or an array as a whole. Unchanged: go on with its
// members. Changed: the text replaces it. Removed: it must be deleted.
func (s *Scratch) Subtree(n Node) (string, Effect) {
	if !n.c.v.act.whole() || s.opens(n.c.v) {
		return "", Unchanged
	}
	n.at(s)
	rep, ef := s.maskOf(n.c)
	s.explained(nil, numPlaces)
	if s.p.cfg.DryRun {
		return "", Unchanged
	}
	return string(rep), ef
}

// Leaf decides over a scalar.
func (s *Scratch) Leaf(n Node, k Kind, value string) (string, Effect) {
	w := (*Scratch).asLeaf
	switch k {
	case Number:
		w = (*Scratch).asNumber
	case Literal:
		w = (*Scratch).asLiteral
	}
	s.removed = false
	n.at(s)
	out, ef := s.applyString(value, n.c, w)
	if s.removed && ef == Changed {
		return "", Removed
	}
	return out, ef
}

func (s *Scratch) asNumber(src []byte, c ctx)  { s.asKind(src, c, kindNumber) }
func (s *Scratch) asLiteral(src []byte, c ctx) { s.asKind(src, c, kindLiteral) }

func (s *Scratch) asKind(src []byte, c ctx, k kind) {
	if rep, ef := s.leaf(c, src, k); ef != Unchanged {
		s.removed = ef == Removed
		s.replace(0, len(src), rep)
	}
}

// AttributeAs is AttributeOf for a key that is another spelling of the key as: the
// value is read like one of that name, and the rules for both keys hold. Use it
// for vocabularies that Attribute does not know.
func (s *Scratch) AttributeAs(key, as *Key, value string) (string, Effect) {
	if c, own := s.ownRule(key, as); own {
		s.named(key.key)
		return s.leafString(value, c)
	}
	return s.AttributeOf(as, value)
}

// AttributeBytesAs is AttributeAs for a byte slice.
func (s *Scratch) AttributeBytesAs(key, as *Key, value []byte) ([]byte, Effect) {
	if _, own := s.ownRule(key, as); own {
		plain := Key{key: key.key}
		return s.AttributeBytesOf(&plain, value)
	}
	return s.AttributeBytesOf(as, value)
}

// ownRule returns the context of key if a rule for it is stronger than any for the
// key that it stands for.
func (s *Scratch) ownRule(key, as *Key) (c ctx, own bool) {
	c = s.keyOf(key.key, placeAttribute)
	if c.v.act < actTruncate || c.v.act == actMiss {
		return c, false
	}
	other := s.keyOf(as.key, placeAttribute).v.act
	return c, other == actMiss || c.v.act > other
}
