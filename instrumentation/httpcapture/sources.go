// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Source is a place in a request from which WithIdentityFrom reads.
type Source struct {
	kind    sourceKind
	name    string
	path    []string
	headers []string
	err     error
}

type sourceKind uint8

const (
	fromHeader sourceKind = iota
	fromCookie
	fromQuery
	fromJWT
	fromBasicUser
	fromJSONBody
	fromAPIKey
)

// maxJWT is the longest token that is looked into, in bytes.
const maxJWT = 16 << 10

// FromHeader reads the first value of a header field.
func FromHeader(name string) Source {
	return Source{kind: fromHeader, name: http.CanonicalHeaderKey(name)}
}

// FromCookie reads a cookie.
func FromCookie(name string) Source { return Source{kind: fromCookie, name: name} }

// FromQuery reads the first value of a query parameter.
func FromQuery(name string) Source { return Source{kind: fromQuery, name: name} }

// FromJWT reads a claim of a JSON Web Token in one of the header fields; without
// one, in Authorization. The claim is a name at the top level or a path with dots.
// The token is decoded, not verified: what it says is what the caller claims.
// Prefer SetIdentity from the code that verified it.
func FromJWT(claim string, headers ...string) Source {
	if len(headers) == 0 {
		headers = []string{"Authorization"}
	}
	s := Source{kind: fromJWT, name: claim, path: strings.Split(claim, ".")}
	for _, h := range headers {
		s.headers = append(s.headers, http.CanonicalHeaderKey(h))
	}
	if claim == "" {
		s.err = fmt.Errorf("httpcapture: FromJWT: the claim is empty; write for example \"sub\"")
	}
	return s
}

// FromBasicUser reads the user name of Basic authentication. The password is not
// looked at.
func FromBasicUser() Source { return Source{kind: fromBasicUser} }

// FromJSONBody reads a string, number or boolean of a JSON request body by a path
// of member names with dots, "$.user.id" or "user.id". The part of the body
// within WithMaxBodySize is held for it even if bodies are not recorded. A value
// that the limit cut is not taken. Names that hold dots, and array elements,
// cannot be reached.
func FromJSONBody(path string) Source {
	p := strings.TrimPrefix(strings.TrimPrefix(path, "$"), ".")
	s := Source{kind: fromJSONBody, path: strings.Split(p, ".")}
	for _, step := range s.path {
		if step == "" {
			s.err = fmt.Errorf("httpcapture: FromJSONBody: path %q has an empty step; write for example \"user.id\"", path)
		}
	}
	return s
}

// read returns "" if the source has no value.
func (s *Source) read(r *http.Request, jsonBody string) string {
	switch s.kind {
	case fromHeader:
		return r.Header.Get(s.name)
	case fromCookie:
		if c, err := r.Cookie(s.name); err == nil {
			return c.Value
		}
	case fromQuery:
		if r.URL != nil && r.URL.RawQuery != "" {
			q, _ := url.ParseQuery(r.URL.RawQuery) // what could be parsed is there
			return q.Get(s.name)
		}
	case fromJWT:
		for _, h := range s.headers {
			if v := s.claim(r.Header.Get(h)); v != "" {
				return v
			}
		}
	case fromBasicUser:
		user, _, _ := r.BasicAuth()
		return user
	case fromJSONBody:
		if jsonBody != "" {
			return jsonScalar(jsonBody, s.path)
		}
	case fromAPIKey:
		return maskedAPIKey(r)
	}
	return ""
}

// claim reads a claim out of "Bearer a.b.c" or "a.b.c".
func (s *Source) claim(token string) string {
	if _, t, ok := strings.Cut(token, " "); ok {
		token = strings.TrimSpace(t)
	}
	if len(token) > maxJWT || strings.Count(token, ".") != 2 {
		return ""
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return ""
	}
	if v := jsonScalar(string(b), []string{s.name}); v != "" || len(s.path) == 1 {
		return v
	}
	return jsonScalar(string(b), s.path)
}

// jsonScalar finds a scalar by member names in a document that may be cut. It
// reads tokens, so it neither builds the document nor needs its end.
func jsonScalar(doc string, path []string) string {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	for _, step := range path {
		if t, err := d.Token(); err != nil || t != json.Delim('{') {
			return ""
		}
		if !seekMember(d, step) {
			return ""
		}
	}
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return ""
	}
	raw = bytes.TrimSpace(raw)
	if d.InputOffset() == int64(len(doc)) && len(raw) > 0 && raw[0] != '"' {
		return "" // a number at the very end may have been cut
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(raw)
}

// seekMember moves behind the name of a member of the object that was opened.
func seekMember(d *json.Decoder, name string) bool {
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if t == name {
			return true
		}
		if !skipValue(d) {
			return false
		}
	}
	return false
}

func skipValue(d *json.Decoder) bool {
	depth := 0
	for {
		t, err := d.Token()
		if err != nil {
			return err == io.EOF && depth == 0
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return true
		}
	}
}

// resolve fills the fields of id that are empty from the declared sources.
func (c *config) resolve(id *Identity, r *http.Request, jsonBody string, body bool) {
	for f := range numFields {
		p := id.field(f)
		for i := 0; i < len(c.resolvers[f]) && *p == ""; i++ {
			src := &c.resolvers[f][i]
			if (src.kind == fromJSONBody) != body {
				continue
			}
			if *p = src.read(r, jsonBody); *p != "" && f == FieldSessionID {
				*p = digest(*p)
			}
		}
	}
}

// digest makes a session token unusable. It needs no key: such tokens are long
// and random, or they would be no credentials.
func digest(v string) string {
	sum := sha256.Sum256([]byte(v))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}
