// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package search is the language in which exchanges are searched, the same on the page,
// in the API and in apispan tail:
//
//	method:POST route:/orders/* status:4xx,5xx ms:>250 consumer:acme -path:/health "out of stock"
//
// A blank is AND, a comma inside a term OR, a hyphen before a term NOT, an asterisk any
// text. Text is compared without regard to case. What stands in quotes is taken as it is.
// A term that cannot be used says why, and the others still hold.
package search

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a query.
const (
	MaxQuery = 4096 // bytes
	MaxTerms = 50
)

// Subject is what is searched.
type Subject interface {
	// Text returns the values of a field that is text: see Fields.
	Text(field string) []string
	// Number returns the value of a field that is a number; ok is false if it has none.
	Number(field string) (n float64, ok bool)
	// Header returns the values of a header field of both sides.
	Header(name string) []string
	// Leaves walks over the values of the body of a side, "req" or "res", until found
	// returns false.
	Leaves(side string, found func(at []Step, text string) bool)
	// Anywhere reports whether a text, in lower case, stands anywhere.
	Anywhere(text string) bool
}

// Step is a part of a path in a body.
type Step struct {
	Key   string
	Index int // of an element; -1 for a member
}

// Field is a name before a colon.
type Field struct {
	Name, Doc string
	Number    bool
	// Exact fields are compared as a whole even without asterisks; in others a text is
	// found that stands within.
	Exact bool
}

// Fields lists the fields, in the order in which help shows them.
var Fields = []Field{
	{Name: "method", Doc: "request method", Exact: true},
	{Name: "route", Doc: "route, such as /users/{id}"},
	{Name: "path", Doc: "path with query, as redacted"},
	{Name: "host", Doc: "host that was called"},
	{Name: "status", Doc: "status code: 404, 5xx, >=500, 400-499, none", Number: true},
	{Name: "ms", Doc: "duration in milliseconds: >250, <2s", Number: true},
	{Name: "bytes", Doc: "bytes of both bodies on the wire: >10k", Number: true},
	{Name: "in", Doc: "bytes of the request's body", Number: true},
	{Name: "out", Doc: "bytes of the response's body", Number: true},
	{Name: "dir", Doc: "direction: in or out", Exact: true},
	{Name: "service", Doc: "service.name"},
	{Name: "env", Doc: "environment", Exact: true},
	{Name: "operation", Doc: "GraphQL, JSON-RPC or MCP operation"},
	{Name: "consumer", Doc: "owner of the API key, else user, else company", Exact: true},
	{Name: "user", Doc: "user id, name or e-mail address", Exact: true},
	{Name: "company", Doc: "company id", Exact: true},
	{Name: "backend", Doc: "exporter or vendor that has it: moesif"},
	{Name: "outcome", Doc: "what became of it: sent, dry_run, waiting, retry, refused, dropped, gated, sampled_out", Exact: true},
	{Name: "rule", Doc: "rule of the policy that acted: *card*"},
	{Name: "redacted", Doc: "number of values redacted: >0", Number: true},
	{Name: "new", Doc: "number of new fields: >0", Number: true},
	{Name: "blocked", Doc: "the rule that refused the request"},
	{Name: "would_block", Doc: "the rule of a guard in shadow that would have refused it"},
	{Name: "trace", Doc: "begin of the trace id", Exact: true},
	{Name: "span", Doc: "begin of the span id", Exact: true},
	{Name: "is", Doc: "pinned, new, error, anonymous", Exact: true},
}

// Query is a parsed search.
type Query struct {
	Text  string
	Terms []Term
}

// Term is one condition.
type Term struct {
	// From and To are its place in the text, in bytes.
	From, To int
	// Problem says in a sentence why it is not used; empty if it is.
	Problem string

	not   bool
	match func(Subject) bool
}

// Match reports whether a term takes a subject. One with a problem takes everything.
func (t *Term) Match(s Subject) bool {
	return t.Problem != "" || t.match(s) != t.not
}

// Match reports whether all terms take a subject.
func (q *Query) Match(s Subject) bool {
	for i := range q.Terms {
		if !q.Terms[i].Match(s) {
			return false
		}
	}
	return true
}

// Empty reports whether the query takes everything.
func (q *Query) Empty() bool {
	for i := range q.Terms {
		if q.Terms[i].Problem == "" {
			return false
		}
	}
	return true
}

// Parse reads a query. It never fails: what it cannot use has a Problem.
func Parse(text string) Query {
	q := Query{Text: text}
	if len(text) > MaxQuery {
		q.Terms = []Term{{To: len(text), Problem: fmt.Sprintf("The search is longer than %d bytes. Write fewer terms.", MaxQuery)}}
		return q
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if isBlank(r) {
			i += n
			continue
		}
		tok := lex(text, i)
		i = tok.to
		if len(q.Terms) == MaxTerms {
			q.Terms = append(q.Terms, Term{From: tok.from, To: len(text), Problem: fmt.Sprintf("A search has %d terms at most. This one and those behind it are not used.", MaxTerms)})
			break
		}
		q.Terms = append(q.Terms, tok.term())
	}
	return q
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0' }

// token is a term before it is understood: name:value,value or value.
type token struct {
	from, to int
	not      bool
	name     string
	named    bool
	values   []value
	problem  string
}

type value struct {
	text   string
	quoted bool
}

// lex reads the term that begins at from.
func lex(text string, from int) token {
	t := token{from: from}
	i := from
	if text[i] == '-' && i+1 < len(text) {
		if r, _ := utf8.DecodeRuneInString(text[i+1:]); !isBlank(r) {
			t.not = true
			i++
		}
	}
	if text[i] != '"' {
		i = t.lexName(text, i)
	}
	if i < 0 {
		return t
	}
	for {
		v, end, ok := lexValue(text, i, t.named)
		if !ok {
			t.problem = "A quotation mark has no other one. Close it, or write \\\" for the character."
		}
		t.values = append(t.values, v)
		i = end
		// Only a field has several values: a comma in a free text is a comma.
		if t.named && i < len(text) && text[i] == ',' {
			i++
			continue
		}
		break
	}
	t.to = i
	return t
}

// lexName reads the name of a term if it has one, and returns where the value begins.
func (t *token) lexName(text string, i int) int {
	for _, side := range []string{"req.", "res."} {
		if len(text) >= i+len(side) && strings.EqualFold(text[i:i+len(side)], side) {
			return t.lexPath(text, i)
		}
	}
	for j := i; j < len(text); j++ {
		switch c := text[j]; {
		case c == ':' && j > i:
			t.name, t.named = strings.ToLower(text[i:j]), true
			return j + 1
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_', j > i && '0' <= c && c <= '9':
		default:
			return i
		}
	}
	return i
}

// lexPath reads req.$.a['b c']:, whose brackets may hold anything.
func (t *token) lexPath(text string, i int) int {
	inBrackets, quote := false, byte(0)
	for j := i; j < len(text); j++ {
		switch c := text[j]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case inBrackets && (c == '\'' || c == '"'):
			quote = c
		case c == '[':
			inBrackets = true
		case c == ']':
			inBrackets = false
		case inBrackets:
		case c == ':':
			t.name, t.named = text[i:j], true
			return j + 1
		case c == ' ', c == '\t', c == '"', c == ',':
			return t.noValue(text, i, j)
		}
	}
	if inBrackets {
		t.to = len(text)
		t.problem = "The path has a [ without ]."
		return -1
	}
	return t.noValue(text, i, len(text))
}

// noValue: a path alone asks whether there is such a value; what has no $ is a text.
func (t *token) noValue(text string, i, end int) int {
	if len(text) > i+4 && text[i+4] == '$' {
		t.name, t.named, t.to = text[i:end], true, end
		t.values = []value{{text: "*"}}
		return -1
	}
	return i
}

// lexValue reads a value to the next blank or, in a list, comma.
func lexValue(text string, i int, list bool) (v value, end int, ok bool) {
	if i < len(text) && text[i] == '"' {
		var b strings.Builder
		for j := i + 1; j < len(text); j++ {
			switch {
			case text[j] == '\\' && j+1 < len(text) && (text[j+1] == '"' || text[j+1] == '\\'):
				j++
				b.WriteByte(text[j])
			case text[j] == '"':
				return value{b.String(), true}, j + 1, true
			default:
				b.WriteByte(text[j])
			}
		}
		return value{b.String(), true}, len(text), false
	}
	for j := i; j < len(text); {
		r, n := utf8.DecodeRuneInString(text[j:])
		if isBlank(r) || list && r == ',' {
			return value{text: text[i:j]}, j, true
		}
		j += n
	}
	return value{text: text[i:]}, len(text), true
}

// UTF16 turns an offset in bytes into one in UTF-16 units, as browsers count.
func UTF16(text string, offset int) int {
	n := 0
	for i, r := range text {
		if i >= offset {
			break
		}
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}
