// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// Statements of SQL often come with their values apart: {"query": "UPDATE u SET
// password = $1 WHERE id = $2", "params": ["S", 7]}. A value that stands for a denied
// column goes by the name of that column.

const (
	// maxParameters bounds the parameters of a document's statements that are known,
	// maxStatements its statements, maxStatement the bytes of one.
	maxParameters = 64
	maxStatements = 8
	maxStatement  = 8 << 10
)

// parametersOf reports whether a statement of the document gives a parameter by its
// position to a denied column; those that it gives by name are in docBound.
func (s *Scratch) parametersOf(c ctx) bool {
	s.asked++
	if s.docs>>docParameters&3 == 0 {
		s.docParams = s.docParams[:0]
		s.bindParameters(s.doc, ctx{place: c.place})
		s.docs |= 1 << docParameters
		for _, v := range s.docParams {
			if v.strong() {
				s.docs |= 2 << docParameters
			}
		}
	}
	return s.yes(docParameters)
}

// bindParameters finds the statements of a document.
func (s *Scratch) bindParameters(doc []byte, c ctx) {
	if !bytes.ContainsAny(doc, "?$:@%") {
		return
	}
	words := [...]string{"INSERT ", "insert ", "UPDATE ", "update ", "SELECT ", "select ", "DELETE ", "delete ", "REPLACE ", "MERGE "}
	var at [len(words)]int
	for k := range at {
		at[k] = -1
	}
	for pos, n := 0, 0; n < maxStatements && pos < len(doc); n++ {
		first := len(doc)
		for k, w := range words {
			if at[k] < pos { // each is searched through the document once
				if at[k] = bytes.Index(doc[pos:], str(w)); at[k] < 0 {
					at[k] = len(doc)
				} else {
					at[k] += pos
				}
			}
			first = min(first, at[k])
		}
		if first == len(doc) {
			return
		}
		pos = first + s.parameters(doc[first:min(len(doc), first+maxStatement)], c)
	}
}

// sqlReader reads one statement.
type sqlReader struct {
	columns [maxTableColumns][]byte // of the last list in brackets
	n       int
	depth   int
	tuple   int // where in the list of VALUES, -1 = not in it
	values  bool
	name    []byte // the column in front of the operator
	op      bool
	seq     int
}

// parameters reads the statement at the begin of b and returns its length.
func (s *Scratch) parameters(b []byte, c ctx) int {
	json := firstNonBlank(s.doc) == '{' || firstNonBlank(s.doc) == '['
	r := sqlReader{tuple: -1}
	i := 0
	for i < len(b) {
		switch x := b[i]; {
		case x == '"' && json:
			return i
		case x == '\\':
			i += 2
		case x == '\'':
			for i++; i < len(b) && b[i] != '\'' && (b[i] != '"' || !json); i++ {
			}
			i++
			r.op = false
		case nameByte(x) && x-'0' > 9:
			end := i
			for end < len(b) && nameByte(b[end]) {
				end++
			}
			r.word(b[i:end], end < len(b) && b[end] == '(')
			i = end
		case x == '=' || x == '<' || x == '>' || x == '~':
			r.op, i = true, i+1
		case x == '(':
			r.open()
			i++
		case x == ')':
			r.close()
			i++
		case x == ',':
			r.comma()
			i++
		default:
			name, end := placeholderAt(b, i)
			if end == i {
				i++
				break
			}
			s.bindParameter(&r, name, c)
			i = end
		}
	}
	return i
}

func (r *sqlReader) word(w []byte, call bool) {
	switch {
	case len(w) == 6 && hasFold(w, "values"):
		r.values, r.depth = true, 0
	case len(w) == 4 && hasFold(w, "like"), len(w) == 5 && hasFold(w, "ilike"), len(w) == 2 && hasFold(w, "in"):
		r.op = true
	case r.op:
		if !call { // a = b, but a = crypt(?, …)
			r.name, r.op = nil, false
		}
	case call && r.depth > 0:
	default:
		r.name = w
		if r.depth == 1 && !r.values && r.n > 0 {
			r.columns[r.n-1] = w
		}
	}
}

func (r *sqlReader) open() {
	r.depth++
	switch {
	case r.values && r.depth == 1:
		r.tuple = 0
	case !r.values && r.depth == 1 && !r.op:
		r.n = 1
		r.columns[0] = nil
	}
}

func (r *sqlReader) close() {
	if r.depth--; r.depth <= 0 {
		r.depth, r.tuple = 0, -1
		r.op = false
	}
}

func (r *sqlReader) comma() {
	switch {
	case r.values && r.depth == 1 && r.tuple >= 0:
		r.tuple++
	case !r.values && r.depth == 1 && !r.op && r.n > 0 && r.n < len(r.columns):
		r.columns[r.n] = nil
		r.n++
	case r.depth == 0:
		r.op, r.name = false, nil
	}
}

// column is the one that a placeholder stands for.
func (r *sqlReader) column() []byte {
	switch {
	case r.tuple >= 0 && r.tuple < r.n:
		return r.columns[r.tuple]
	case r.op:
		return r.name
	}
	return nil
}

// placeholderAt reads a placeholder at i: ? ?1 $1 :1 %s by position, :name @name
// %(name)s by name. end is i if there is none.
func placeholderAt(b []byte, i int) (name []byte, end int) {
	start := i + 1
	switch b[i] {
	case '?', '$', ':', '@':
	case '%':
		if start < len(b) && b[start] == 's' {
			return nil, start + 1
		}
		if start++; start >= len(b) || b[start-1] != '(' {
			return nil, i
		}
	default:
		return nil, i
	}
	for end = start; end < len(b) && nameByte(b[end]); {
		end++
	}
	if end == start && b[i] != '?' {
		return nil, i
	}
	return b[start:end], end
}

// bindParameter notes that a placeholder stands for the column that r is at.
func (s *Scratch) bindParameter(r *sqlReader, name []byte, c ctx) {
	position, numbered := index(name)
	switch {
	case numbered:
		position--
	case len(name) == 0:
		position = r.seq
		r.seq++
	}
	var v verdict
	if col := r.column(); len(col) > 0 {
		v = s.nameVerdict(c, col)
	}
	if !r.values || r.depth <= 1 {
		r.op = false
	}
	if !v.strong() {
		return
	}
	if len(name) > 0 && !numbered {
		if len(s.docBound) < 2*maxVariables {
			s.docBound = append(s.docBound, boundVariable{name, v})
		}
		return
	}
	if position < 0 || position >= maxParameters {
		return
	}
	for len(s.docParams) <= position {
		s.docParams = append(s.docParams, verdict{})
	}
	s.docParams[position] = strongest(s.docParams[position], v)
}

// sqlParameter is what is known about the i-th parameter.
func (s *Scratch) sqlParameter(i int) (v verdict) {
	if i < len(s.docParams) {
		v = s.docParams[i]
	}
	return v
}

// besideStatement reports whether an array that nothing is around stands behind a
// statement in a text, as logs have it.
func (s *Scratch) besideStatement(c ctx) bool {
	return (c.nest > 0 || firstNonBlank(s.doc) != '[') && s.parametersOf(c)
}
