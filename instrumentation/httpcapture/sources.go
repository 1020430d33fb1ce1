// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"fmt"
	"net/http"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/internal/jsonfind"
	"github.com/apispan/apispan/redact"
)

// Source is a place in a request from which WithIdentityFrom reads.
//
// A source that holds a credential gives no identity: FromHeader("X-Api-Key"), a
// session cookie, anything that a rule of the policy or its built-in list is about.
// With WithSessionKey the identity is the pseudonym of the value, which that key
// makes; FieldSessionID is a digest, and a field that the policy always hides is left
// to the policy. Else it is an error (see Validate), and the source is not read. A
// value that has the form of a credential, whatever it is called, is treated alike,
// and dropped with reason identity_credential if there is no key.
type Source struct {
	from caller.Source
	call string // as it was written, for errors
	err  error
}

// FromHeader reads the first value of a header field.
func FromHeader(name string) Source {
	return Source{from: caller.Header(name), call: fmt.Sprintf("FromHeader(%q)", name)}
}

// FromCookie reads a cookie.
func FromCookie(name string) Source {
	return Source{from: caller.Cookie(name), call: fmt.Sprintf("FromCookie(%q)", name)}
}

// FromQuery reads the first value of a query parameter.
func FromQuery(name string) Source {
	return Source{from: caller.Query(name), call: fmt.Sprintf("FromQuery(%q)", name)}
}

// FromJWT reads a claim of a JSON Web Token in one of the header fields; without
// one, in Authorization. The claim is a name at the top level or a path with dots.
// The token is decoded, not verified: what it says is what the caller claims. A token
// that is encrypted (five parts) says nothing.
// Prefer SetIdentity from the code that verified it.
func FromJWT(claim string, headers ...string) Source {
	if len(headers) == 0 {
		headers = []string{"Authorization"}
	}
	s := Source{from: caller.JWT(claim, headers...), call: fmt.Sprintf("FromJWT(%q)", claim)}
	if claim == "" {
		s.err = fmt.Errorf("httpcapture: FromJWT: the claim is empty; write for example \"sub\"")
	}
	return s
}

// FromBasicUser reads the user name of Basic authentication. The password is not
// looked at, but a user name without one is an API key.
func FromBasicUser() Source { return Source{from: caller.BasicUser(), call: "FromBasicUser()"} }

// FromJSONBody reads a string, number or boolean of a JSON request body by a path
// of member names with dots, "$.user.id" or "user.id". The part of the body
// within WithMaxBodySize is held for it even if bodies are not recorded. A value
// that the limit cut is not taken. Names that hold dots, and array elements,
// cannot be reached.
func FromJSONBody(path string) Source {
	names, ok := jsonfind.ParsePath(path)
	s := Source{from: caller.Body(false, names), call: fmt.Sprintf("FromJSONBody(%q)", path)}
	if !ok {
		s.err = fmt.Errorf("httpcapture: FromJSONBody: path %q is not one of plain names; write for example \"user.id\"", path)
	}
	return s
}

// credentialFix ends errors about sources with credentials.
const credentialFix = "; add WithSessionKey, whose key then makes a pseudonym of it, or read who it belongs to: FromJWT, SetIdentity"

// plans compiles the sources, and refuses those whose values must not become an
// identity.
func (s *settings) plans() (plans [numFields]caller.Plan) {
	for f, sources := range s.resolvers {
		field := IdentityField(f)
		for _, src := range sources {
			how, ok := s.how(field, src)
			if !ok {
				s.errs = append(s.errs, fmt.Errorf("httpcapture: WithIdentityFrom: %s holds a credential, or what the policy hides, which would become %s in clear%s", src.call, identityKeys[f], credentialFix))
				continue
			}
			plans[f] = append(plans[f], caller.Step{Source: src.from, How: how})
		}
	}
	return plans
}

// how says what becomes of the values of a source.
func (s *settings) how(f IdentityField, src Source) (how caller.How, ok bool) {
	if f == FieldSessionID {
		return caller.Digested, true
	}
	place, names := src.from.Judged()
	switch {
	case place == "" || !redact.MayHide(s.policy, place, names...):
		return caller.AsIs, true
	case s.policy != nil && s.policy.AlwaysHides("attributes", string(identityKeys[f])):
		return caller.AsIs, true
	}
	return caller.Hidden, s.sessionKey != ""
}

// inBody selects the sources that read the body, which is there at the end only.
func inBody(p caller.Place) bool { return p == caller.InBody }

func notInBody(p caller.Place) bool { return p != caller.InBody }

// resolve fills the fields of id that are empty from the declared sources.
func (c *config) resolve(id *Identity, r *http.Request, jsonBody string, when func(caller.Place) bool) {
	req := request{c: c, r: r, body: jsonBody}
	for f := range numFields {
		p := id.field(f)
		if *p != "" || len(c.resolvers[f]) == 0 {
			continue
		}
		v, out := c.resolvers[f].Read(&req, c.sessionKey, redact.LooksSecret, when)
		*p = v
		switch out {
		case caller.OK:
		case caller.Unfit:
			c.drops.add(reasonIdentityLimit, 1)
		default:
			c.drops.add(reasonIdentityCredential, 1)
		}
	}
}

// request is a caller.Request.
type request struct {
	c    *config
	r    *http.Request
	body string
}

func (q *request) Values(n caller.Name) []string { return q.r.Header[n.Canonical] }

func (q *request) Query() string {
	if q.r.URL == nil {
		return ""
	}
	return q.r.URL.RawQuery
}

func (q *request) Address() string { return q.c.address(q.r) }

func (q *request) Body(response bool) string {
	if response {
		return ""
	}
	return q.body
}

func (q *request) Other(string) string { return "" }

func (q *request) Resource(string) string { return "" }
