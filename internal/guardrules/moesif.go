// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// kind is whom a rule is about.
type kind uint8

const (
	kindUser kind = iota
	kindCompany
	numKinds
)

const kindRegex = numKinds

func (k kind) String() string { return [...]string{"user", "company", "regex"}[k] }

// rule is one of Moesif's rules, as it is applied.
type rule struct {
	id, name     string
	kind         kind
	block        bool
	notMatching  bool
	unidentified bool
	groups       [][]condition // one of them must be fulfilled; none: always
	status       int
	headers      []field
	fixed        http.Header // headers, if none has a placeholder
	body         document
}

type field struct {
	name  string // canonical
	value template
}

// where is what a condition looks at.
type where uint8

const (
	whereMethod where = iota
	whereRoute
	whereIP
	whereHeader
	whereBody
	whereNever
)

type condition struct {
	where   where
	name    string // of a field, canonical, or of a member
	pattern pattern
	broken  bool // the pattern could not be compiled: never fulfilled
}

// fulfilled reports whether the conditions are.
func (r *rule) fulfilled(q *Request, closed map[string]bool) bool {
	if len(r.groups) == 0 {
		return true
	}
	doubt := false
	for _, g := range r.groups {
		all := yes
		for i := range g {
			all = min(all, g[i].ask(q))
			if all == no {
				break
			}
		}
		if all == yes {
			return true
		}
		doubt = doubt || all == unknown
	}
	return doubt && closed[r.id]
}

func (c *condition) ask(q *Request) answer {
	if c.broken {
		return no
	}
	switch c.where {
	case whereMethod:
		return truth(c.pattern.match(q.Method))
	case whereRoute:
		return truth(c.pattern.match(q.Path))
	case whereIP:
		return truth(q.IP != "" && c.pattern.match(q.IP))
	case whereHeader:
		return truth(slices.ContainsFunc(q.Header[c.name], c.pattern.match))
	case whereBody:
		return c.askBody(q)
	default:
		return no
	}
}

// askBody looks at a member at the top of a JSON object, or for query at a GraphQL
// document.
func (c *condition) askBody(q *Request) answer {
	media, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	graphql := media == "application/graphql" && c.name == "query"
	if !graphql && media != "application/json" && !strings.HasSuffix(media, "+json") {
		return no
	}
	b, ok := q.read()
	if ok != yes {
		return ok
	}
	if graphql {
		return truth(c.pattern.match(string(b)))
	}
	v, ok := member(b, c.name)
	if ok != yes {
		return ok
	}
	return truth(c.pattern.match(v))
}

// member returns a member of an object as text: a string without quotes, everything else
// as it is written. Of several the last counts, as for the handler.
func member(doc []byte, name string) (string, answer) {
	var top map[string]json.RawMessage
	if len(bytes.TrimSpace(doc)) == 0 {
		return "", no
	}
	if json.Unmarshal(doc, &top) != nil {
		return "", unknown
	}
	raw, ok := top[name]
	if !ok || string(raw) == "null" {
		return "", no
	}
	var s string
	if raw[0] == '"' {
		if json.Unmarshal(raw, &s) != nil {
			return "", unknown
		}
		return s, yes
	}
	return string(raw), yes
}

// vendorRule is a rule as the vendor writes it.
type vendorRule struct {
	ID           string `json:"_id"`
	Name         string `json:"name"`
	Type         string `json:"type"`
	Block        bool   `json:"block"`
	AppliedTo    string `json:"applied_to"`
	Unidentified bool   `json:"applied_to_unidentified"`
	Groups       []struct {
		Conditions []struct {
			Path  string `json:"path"`
			Value string `json:"value"`
		} `json:"conditions"`
	} `json:"regex_config"`
	Response *struct {
		Status  *int            `json:"status"`
		Headers map[string]any  `json:"headers"`
		Body    json.RawMessage `json:"body"`
	} `json:"response"`
}

// defaultStatus answers for a rule that states none.
const defaultStatus = http.StatusForbidden

// Limits of one rule.
const (
	maxID         = 512
	maxGroups     = 1000
	maxHeaders    = 64
	maxHeaderSize = 8 << 10
)

// fault is what is wrong with a rule.
type fault struct{ field, text string }

func compileRule(raw json.RawMessage) (r *rule, id string, faults []fault, ok bool) {
	var v vendorRule
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, idOf(raw), []fault{{fieldOf(err), "has another type than the vendor's format: " + typeOf(err)}}, false
	}
	refuse := func(field, format string, args ...any) (*rule, string, []fault, bool) {
		return nil, v.ID, append(faults, fault{field, fmt.Sprintf(format, args...)}), false
	}
	r = &rule{id: v.ID, name: v.Name, block: v.Block, unidentified: v.Unidentified, status: defaultStatus}
	switch v.Type {
	case "user":
		r.kind = kindUser
	case "company":
		r.kind = kindCompany
	case "regex":
		r.kind = kindRegex
	default:
		return refuse("type", "is none that is known: user, company or regex")
	}
	switch v.AppliedTo {
	case "", "matching":
	case "not_matching":
		r.notMatching = true
	default:
		return refuse("applied_to", "is neither matching nor not_matching")
	}
	if v.ID == "" || len(v.ID) > maxID {
		return refuse("_id", "has %d bytes: 1 to %d", len(v.ID), maxID)
	}
	if len(v.Groups) > maxGroups {
		return refuse("regex_config", "has %d groups: %d at most", len(v.Groups), maxGroups)
	}
	for i, g := range v.Groups {
		conditions := make([]condition, 0, len(g.Conditions))
		for j, c := range g.Conditions {
			at := fmt.Sprintf("regex_config[%d].conditions[%d]", i, j)
			k, problem := compileCondition(c.Path, c.Value)
			if problem != "" {
				faults = append(faults, fault{at, problem + "; the condition is never fulfilled"})
			}
			conditions = append(conditions, k)
		}
		r.groups = append(r.groups, conditions)
	}
	if v.Response == nil {
		return r, v.ID, faults, true
	}
	f := r.respond(v.Response.Status, v.Response.Headers, v.Response.Body)
	return r, v.ID, append(faults, f...), len(f) == 0
}

// respond compiles the answer.
func (r *rule) respond(status *int, headers map[string]any, body json.RawMessage) (faults []fault) {
	if status != nil && *status != 0 {
		if *status < 200 || *status > 599 {
			return []fault{{"response.status", fmt.Sprintf("%d is no status of a final response: 200 to 599", *status)}}
		}
		r.status = *status
	}
	if len(headers) > maxHeaders {
		return []fault{{"response.headers", fmt.Sprintf("%d fields: %d at most", len(headers), maxHeaders)}}
	}
	placeholders, size := 0, 0
	for name, v := range headers {
		at := "response.headers"
		text, ok := scalar(v)
		switch {
		case !validName(name):
			return []fault{{at, "holds a name that is none of a header field (RFC 9110, section 5.1)"}}
		case framing[textproto.CanonicalMIMEHeaderKey(name)]:
			return []fault{{at + "." + name, "belongs to the connection and cannot be set by a rule"}}
		case !ok:
			return []fault{{at + "." + name, "is no text"}}
		case !validValue(text):
			return []fault{{at + "." + name, "holds a control character, which no field value may"}}
		}
		t, n := parseTemplate(text)
		placeholders, size = placeholders+n, size+len(text)
		r.headers = append(r.headers, field{textproto.CanonicalMIMEHeaderKey(name), t})
	}
	if size > maxHeaderSize || placeholders > maxPlaceholders {
		return []fault{{"response.headers", fmt.Sprintf("%d bytes and %d placeholders: %d and %d at most", size, placeholders, maxHeaderSize, maxPlaceholders)}}
	}
	if placeholders == 0 && len(r.headers) > 0 {
		r.fixed = make(http.Header, len(r.headers))
		for _, h := range r.headers {
			r.fixed[h.name] = []string{h.value.text(nil)}
		}
	}
	if len(body) == 0 || string(body) == "null" {
		return nil
	}
	var problem string
	if r.body, problem = parseDocument(body); problem != "" {
		return []fault{{"response.body", problem}}
	}
	return nil
}

// framing are fields that say how a message is sent, not what it says.
var framing = map[string]bool{
	"Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Keep-Alive": true, "Upgrade": true,
	"Trailer": true, "Te": true, "Proxy-Connection": true, "Content-Encoding": true, "Date": true,
}

func compileCondition(path, value string) (c condition, problem string) {
	switch name, _ := strings.CutPrefix(path, "request."); {
	case path == "request.verb":
		c.where = whereMethod
	case path == "request.route":
		c.where = whereRoute
	case path == "request.ip_address", path == "request.ip":
		c.where = whereIP
	case strings.HasPrefix(name, "headers."):
		c.where, c.name = whereHeader, textproto.CanonicalMIMEHeaderKey(name[len("headers."):])
	case strings.HasPrefix(name, "body.") && !strings.Contains(name[len("body."):], "."):
		c.where, c.name = whereBody, name[len("body."):]
	case strings.HasPrefix(name, "body."):
		c.broken = true
		return c, "the path names a member below the top of the body, which is not looked at"
	case strings.HasPrefix(path, "response."):
		c.where = whereNever // there is no response yet, which is no mistake
		return c, ""
	default:
		c.broken = true
		return c, "the path is none that is known: request.verb, request.route, request.ip_address, request.headers.NAME, request.body.NAME"
	}
	if c.pattern, problem = compilePattern(value); problem != "" {
		c.broken = true
	}
	return c, problem
}

// scalar returns a string, number or boolean as text.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool, float64, json.Number:
		b, err := json.Marshal(v)
		return string(b), err == nil
	}
	return "", false
}

// idOf reads the id of a rule that does not fit.
func idOf(raw json.RawMessage) string {
	var v struct {
		ID   any `json:"_id"`
		UUID any `json:"uuid"`
	}
	_ = json.Unmarshal(raw, &v)
	for _, id := range []any{v.ID, v.UUID} {
		if s, ok := id.(string); ok && len(s) <= maxID {
			return s
		}
	}
	return ""
}

func fieldOf(err error) string {
	if e, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // Unmarshal returns it as it is
		return e.Field
	}
	return ""
}

func typeOf(err error) string {
	if e, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // Unmarshal returns it as it is
		return "a " + e.Value + " where " + e.Type.Kind().String() + " is expected"
	}
	return "it is no object"
}
