// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"net/textproto"
	"strings"

	"github.com/apispan/apispan/internal/jsonfind"
)

const (
	// MaxValue is the longest identity, in bytes. What is longer is no id, and a cut
	// one would name somebody else.
	MaxValue = 512
	// MaxCredential is the longest token or header value that is looked into, in bytes.
	MaxCredential = 16 << 10
)

// Request is what a caller is read out of. What a method returns is valid until the
// next call of one.
type Request interface {
	// Values returns the values of a request header field, in the order of the
	// request.
	Values(n Name) []string
	// Query returns the query string as it was sent, without "?".
	Query() string
	// Address returns the caller's address as the exchange records it, which is not
	// what a stranger wrote into a header.
	Address() string
	// Body returns the JSON text of a body as far as it was captured.
	Body(response bool) string
	// Other returns a value that is no part of the request, and Resource one of the
	// service, after redaction: for the sources of these names.
	Other(name string) string
	Resource(name string) string
}

// Name is the name of a header field in the spellings that it is looked up by.
type Name struct {
	// Canonical is the form of net/http, X-User-Id.
	Canonical string
	// Lower is the form of HTTP/2 and of attribute keys, x-user-id.
	Lower string
}

// NewName returns the spellings of a field name.
func NewName(s string) Name {
	s = strings.TrimSpace(s)
	return Name{Canonical: textproto.CanonicalMIMEHeaderKey(s), Lower: strings.ToLower(s)}
}

// Place is where a source reads. It tells what rules its name is judged by.
type Place uint8

// The places.
const (
	InHeader Place = iota
	InCookie
	InQuery
	InToken // a claim
	InBasic // the user name
	InBody
	InResponseBody
	InOther // an attribute
	InResource
	InKey // an API key, wherever it is; what is read is a mask of it
)

// Source is one place in a request. The zero value reads nothing.
type Source struct {
	place  Place
	name   string
	field  Name
	path   []string
	fields []Name // of a token

	judgedIn string // of Other
	read     func(Request) string
}

// Header is a header field: the first value, without the blanks round it.
func Header(name string) Source {
	return Source{place: InHeader, name: name, field: NewName(name)}
}

// Cookie is a request cookie.
func Cookie(name string) Source { return Source{place: InCookie, name: name} }

// Query is a query parameter: the first value, decoded.
func Query(name string) Source { return Source{place: InQuery, name: name} }

// JWT is a claim of a JSON Web Token in one of the fields: a name at the top level,
// or names with dots between them.
func JWT(claim string, fields ...string) Source {
	s := Source{place: InToken, name: claim}
	for _, f := range fields {
		s.fields = append(s.fields, NewName(f))
	}
	return s
}

// BasicUser is the user name of Basic authentication (RFC 7617).
func BasicUser() Source { return Source{place: InBasic, name: "authorization"} }

// Body is a string, number or boolean of a JSON body, by the names that lead to it.
func Body(response bool, path []string) Source {
	s := Source{place: InBody, path: path, name: "$." + strings.Join(path, ".")}
	if response {
		s.place = InResponseBody
	}
	return s
}

// Other is a value that the Request knows by a name of its own. It is judged as a
// value under judged in a place, one of the policy's.
func Other(name, place, judged string) Source {
	return Source{place: InOther, name: name, judgedIn: place, path: []string{judged}}
}

// Resource is a fact of the service. It was redacted already, and is no caller's.
func Resource(name string) Source { return Source{place: InResource, name: name} }

// Key is what read makes of an API key: a mask by which its owner knows it.
func Key(read func(Request) string) Source { return Source{place: InKey, read: read} }

// Place says where the source reads.
func (s *Source) Place() Place { return s.place }

// Name is what the source reads there: a field, cookie or parameter, a claim, a path.
func (s *Source) Name() string { return s.name }

// value reads the source. secret is set if the value is a credential by itself,
// whatever it is called.
func (s *Source) value(r Request) (v string, secret bool) {
	switch s.place {
	case InHeader:
		return strings.Trim(first(r.Values(s.field)), " \t"), false
	case InCookie:
		return cookie(r, s.name), false
	case InQuery:
		return parameter(r.Query(), s.name), false
	case InToken:
		for _, f := range s.fields {
			if v := Claim(first(r.Values(f)), s.name); v != "" {
				return v, false
			}
		}
	case InBasic:
		user, password := basic(first(r.Values(authorization)))
		// A user name without a password is an API key.
		return user, password == ""
	case InBody, InResponseBody:
		doc := r.Body(s.place == InResponseBody)
		if doc == "" {
			return "", false
		}
		if m, ok := jsonfind.Find(doc, s.path); ok {
			return jsonfind.Scalar(m.Value(doc)), false
		}
	case InOther:
		return r.Other(s.name), false
	case InResource:
		return r.Resource(s.name), false
	case InKey:
		return s.read(r), false
	}
	return "", false
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Judged says which rules a source is judged by: the place, in the words of the
// policy, and the names that lead to the value. "" stands for none: what is read is no
// credential by its place.
func (s *Source) Judged() (place string, names []string) {
	switch s.place {
	case InHeader:
		return "request_headers", []string{s.name}
	case InCookie:
		return "cookies", []string{s.name}
	case InQuery:
		return "query", []string{s.name}
	case InToken:
		return "attributes", []string{s.name}
	case InBody:
		return "request_body", s.path
	case InResponseBody:
		return "response_body", s.path
	case InOther:
		return s.judgedIn, s.path
	default:
		return "", nil
	}
}
