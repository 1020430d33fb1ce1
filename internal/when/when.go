// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package when is the language of conditions on exchanges: "when:" of redaction
// rules, and whatever else selects exchanges by host, route, method, status,
// direction, content type, header fields or tenant.
//
// A condition has three answers, because what arrives is not always complete: a
// span may have no status, no route, a host that is no host. Which side to err on
// is the caller's business: a rule that withholds applies unless the answer is No,
// a rule that lets something through applies only if it is Yes. Negation keeps
// Unknown.
//
// Host, path, header fields and content type are what a client has sent. Spellings
// that servers take as equal (case, port, trailing dot of a host, percent-encoding
// of a path) are equal here, and what is no host or no media type is Unknown.
package when

import (
	"slices"
	"strings"
)

// Answer is what is known about a condition.
type Answer uint8

// The order matters: a conjunction is the least of its parts.
const (
	// No: the exchange is not selected.
	No Answer = iota
	// Unknown: a fact that the condition asks for is missing or unusable.
	Unknown
	// Yes: the exchange is selected.
	Yes
)

func not(a Answer) Answer { return Yes - a }

// Side says which message of the exchange a question is about.
type Side uint8

const (
	// Either is for what belongs to no message, such as the name of a span.
	Either Side = iota
	// Request is the request.
	Request
	// Response is the response.
	Response
	// Sides is how many there are.
	Sides
)

// Directions.
const (
	Incoming = "incoming"
	Outgoing = "outgoing"
)

// Fields looks a header field up. ok is false if nothing is known about it: it may
// not have been sent or not have been captured.
type Fields interface {
	Field(side Side, name string) (values []string, ok bool)
}

// Facts are what is known about an exchange. Zero values are unknown.
type Facts struct {
	Direction string // Incoming or Outgoing
	Method    string
	// Host is the host that was asked for; OtherHost is what another source says,
	// if it says something else.
	Host, OtherHost string
	// Route is the template, such as /orders/{id}, and Path the path; a Route
	// without a Path may be either.
	Route, Path string
	Status      int
	// Content types as received.
	RequestType, ResponseType string
	// Tenant is the id of the company that the caller belongs to.
	Tenant string
	Fields Fields // nil: no field is known
}

// Config is a condition. Each list is a choice, empty means any; all that is given
// must hold.
type Config struct {
	Host, Route, Method, Status, ContentType, Tenant []string
	Direction                                        string
	// Header and ResponseHeader are patterns by field name.
	Header, ResponseHeader map[string][]string
	// Not are conditions none of which may hold.
	Not []Config
}

// Empty reports whether c selects everything.
func (c *Config) Empty() bool {
	return len(c.Host)+len(c.Route)+len(c.Method)+len(c.Status)+len(c.ContentType)+len(c.Tenant)+len(c.Header)+
		len(c.ResponseHeader)+len(c.Not) == 0 && c.Direction == ""
}

// Matcher is a compiled condition. It is immutable.
type Matcher struct {
	hosts     []string
	routes    []route
	methods   []string
	statuses  []statusRange
	types     []string
	tenants   []string
	direction string
	fields    []field
	not       []*Matcher
}

type field struct {
	side     Side
	name     string
	patterns []string
}

// Sided reports whether the answer depends on the message, that is, on a content
// type.
func (m *Matcher) Sided() bool {
	return len(m.types) > 0 || slices.ContainsFunc(m.not, (*Matcher).Sided)
}

// Match answers for one message of an exchange.
func (m *Matcher) Match(f *Facts, side Side) Answer {
	a := Yes
	if m.direction != "" {
		a = min(a, known(f.Direction, m.direction == f.Direction))
	}
	if len(m.methods) > 0 {
		a = min(a, m.method(f.Method))
	}
	if len(m.statuses) > 0 {
		a = min(a, m.status(f.Status))
	}
	if len(m.hosts) > 0 {
		a = min(a, m.host(f))
	}
	if len(m.routes) > 0 {
		a = min(a, m.route(f))
	}
	if len(m.types) > 0 {
		a = min(a, m.contentType(f, side))
	}
	if len(m.tenants) > 0 {
		a = min(a, oneOf(m.tenants, f.Tenant))
	}
	for i := range m.fields {
		if a == No {
			return No
		}
		a = min(a, m.fields[i].match(f))
	}
	for _, n := range m.not {
		if a == No {
			return No
		}
		a = min(a, not(n.Match(f, side)))
	}
	return a
}

// known is the answer for a fact that is there or not.
func known(fact string, holds bool) Answer {
	switch {
	case fact == "":
		return Unknown
	case holds:
		return Yes
	}
	return No
}

func (m *Matcher) method(v string) Answer {
	v = strings.ToUpper(v)
	if v == "_OTHER" && !slices.Contains(m.methods, v) { // semconv: a method that the producer does not know
		return Unknown
	}
	return known(v, slices.Contains(m.methods, v))
}

func (m *Matcher) status(code int) Answer {
	if code < 100 || code > 999 {
		return Unknown
	}
	for _, r := range m.statuses {
		if r.lo <= code && code <= r.hi {
			return Yes
		}
	}
	return No
}

func (m *Matcher) host(f *Facts) Answer {
	a := matchHost(m.hosts, f.Host)
	if f.OtherHost != "" && matchHost(m.hosts, f.OtherHost) != a {
		return Unknown
	}
	return a
}

func matchHost(patterns []string, host string) Answer {
	h, sound := Host(host)
	for _, p := range patterns {
		if Glob(p, h) && h != "" {
			return Yes
		}
	}
	if !sound {
		return Unknown
	}
	return No
}

// Host brings a host into the form in which it is compared: lower case, without
// port, brackets and trailing dot. ok is false if the result is no host name or
// address, so that servers may take it for any.
func Host(v string) (host string, ok bool) {
	v = strings.ToLower(strings.TrimSpace(v))
	if strings.HasPrefix(v, "[") {
		if end := strings.IndexByte(v, ']'); end > 0 && strings.Contains(v[:end], ":") {
			v = v[1:end]
		}
	} else if strings.Count(v, ":") == 1 {
		v, _, _ = strings.Cut(v, ":")
	}
	v = strings.TrimSuffix(v, ".")
	ok = v != "" && !strings.HasPrefix(v, "xn--") && !strings.Contains(v, ".xn--") && !strings.Contains(v+".", "..")
	for i := range len(v) {
		switch c := v[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == ':':
		default:
			ok = false
		}
	}
	return v, ok
}

func (m *Matcher) contentType(f *Facts, side Side) Answer {
	req, res := matchType(m.types, f.RequestType), matchType(m.types, f.ResponseType)
	switch side {
	case Request:
		return req
	case Response:
		return res
	}
	if req == res {
		return req
	}
	return Unknown
}

func matchType(patterns []string, v string) Answer {
	t, _, _ := strings.Cut(strings.ToLower(v), ";")
	t = strings.TrimSpace(t)
	if strings.Count(t, "/") != 1 || strings.ContainsAny(t, ", \t\"") {
		return Unknown
	}
	for _, p := range patterns {
		if Glob(p, t) {
			return Yes
		}
	}
	return No
}

func (fd *field) match(f *Facts) Answer {
	if f.Fields == nil {
		return Unknown
	}
	values, ok := f.Fields.Field(fd.side, fd.name)
	if !ok || len(values) == 0 {
		return Unknown
	}
	a := No
	for _, v := range values {
		a = max(a, oneOf(fd.patterns, v))
	}
	return a
}

// masked begins what a redaction before this one has left.
const masked = "[REDACTED"

// oneOf compares without regard to case. What was masked before is unknown.
func oneOf(patterns []string, v string) Answer {
	v = strings.ToLower(strings.TrimSpace(v))
	for _, p := range patterns {
		if v != "" && Glob(p, v) {
			return Yes
		}
	}
	if v == "" || strings.Contains(v, strings.ToLower(masked)) {
		return Unknown
	}
	return No
}

// Glob matches text against a pattern in which * stands for any characters, also
// none.
func Glob(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	text = text[len(head):]
	for {
		mid, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, mid)
		}
		i := strings.Index(text, mid)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(mid):], next
	}
}
