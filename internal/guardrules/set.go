// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Action is what becomes of a request.
type Action uint8

const (
	// Allow: nothing.
	Allow Action = iota
	// Annotate: the request is served, and its response gets header fields.
	Annotate
	// Block: the request is answered and not served.
	Block
)

func (a Action) String() string { return [...]string{"allow", "annotate", "block"}[a] }

// Decision is what the rules say about a request.
type Decision struct {
	Action Action
	// Status, Header and Body are the answer to a request that is blocked; with
	// Annotate, Header is what is added. They must not be changed.
	Status int
	Header http.Header
	Body   []byte
	// Rule and Name are id and name of the rule that decides; of several that only
	// annotate, the one with the highest priority. Source is "moesif" or "metlo".
	Rule, Name, Source string
	// Left counts header fields that could not be sent, because a value would have made
	// them invalid.
	Left int
	// Late is true if the time was over before all rules were asked: nothing is decided.
	Late bool
}

// Request is what rules look at. Values may be of any length; conditions see the first
// MaxValue bytes.
type Request struct {
	Method string
	Host   string
	Path   string // decoded, without the query
	Query  string // raw
	Header http.Header
	// IP is the address of the client, without a port; User and Company are who calls,
	// empty if unknown.
	IP, User, Company string
	// Session is what stands for the session of Metlo's rate limits; see Set.Session.
	Session string
	// Body returns the body, or false if it cannot be looked at. It is asked at most once
	// a decision, and only if a rule needs it.
	Body func() ([]byte, bool)
	// Status is that of the response; 0 before there is one.
	Status int
	// Deadline ends the decision; zero is none.
	Deadline time.Time

	body  []byte
	bodyS answer
	asked bool
}

// MaxValue bounds what a condition sees of a value, in bytes.
const MaxValue = 64 << 10

func (q *Request) read() ([]byte, answer) {
	if !q.asked {
		q.asked, q.bodyS = true, unknown
		if q.Body != nil {
			if b, ok := q.Body(); ok {
				q.body, q.bodyS = b, yes
			}
		}
	}
	return q.body, q.bodyS
}

func (q *Request) late() bool { return !q.Deadline.IsZero() && time.Now().After(q.Deadline) }

// answer is whether a condition is fulfilled; unknown if it cannot be told.
type answer uint8

const (
	no answer = iota
	unknown
	yes
)

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

// Set is all rules that are in force. A nil Set has none.
type Set struct {
	rules     []*rule
	unlisted  [numKinds][]int32 // rules of not_matching
	unknowns  [numKinds][]int32 // rules of applied_to_unidentified
	regexes   []int32
	byID      map[string]int32
	users     members
	companies members
	waf       *waf
	bodies    bool
	addresses bool
}

// Rules is the number of rules, Members the number of users and companies that stand in
// cohorts.
func (s *Set) Rules() (n int) {
	if s == nil {
		return 0
	}
	n = len(s.rules)
	if s.waf != nil {
		n += len(s.waf.rules)
	}
	return n
}

// Members is the number of users and companies that stand in cohorts.
func (s *Set) Members() int {
	if s == nil {
		return 0
	}
	return len(s.users.of) + len(s.companies.of)
}

// NeedsBody reports whether a rule looks at bodies.
func (s *Set) NeedsBody() bool { return s != nil && s.bodies }

// NeedsAddress reports whether a rule looks at the address of the client.
func (s *Set) NeedsAddress() bool { return s != nil && s.addresses }

// NeedsStatus reports whether responses must be counted: see Limits.Count.
func (s *Set) NeedsStatus() bool { return s != nil && s.waf != nil && s.waf.limits }

// match is a rule that is fulfilled, and the values of its templates.
type match struct {
	rule   int32
	values int32 // in members.values; -1 is none
	from   *members
}

// Decide asks the rules. closed holds the ids of rules that also apply where it cannot be
// told whether they do; it may be nil. limits may be nil.
func (s *Set) Decide(q *Request, limits *Limits, closed map[string]bool) Decision {
	if s == nil {
		return Decision{}
	}
	var room [8]match
	found, late := s.moesif(q, room[:0], closed)
	if late {
		return Decision{Late: true}
	}
	d := s.merge(found)
	if d.Action != Block && s.waf != nil {
		s.waf.decide(q, limits, closed, &d)
	}
	return d
}

// MustBlock returns the block of the first rule in closed, for when nothing could be
// decided.
func (s *Set) MustBlock(closed map[string]bool) (Decision, bool) {
	if s == nil || len(closed) == 0 {
		return Decision{}, false
	}
	for i, r := range s.rules {
		if r.block && closed[r.id] {
			return s.merge([]match{{rule: int32(i), values: -1}}), true
		}
	}
	if s.waf != nil {
		for _, r := range s.waf.rules {
			if !r.rate && closed[r.id] {
				return forbidden(r), true
			}
		}
	}
	return Decision{}, false
}

// moesif collects the rules that are fulfilled, those with the highest priority first:
// user, company, regex, and in each kind as they stand in the list.
func (s *Set) moesif(q *Request, out []match, closed map[string]bool) (_ []match, late bool) {
	if out, late = s.entity(kindUser, &s.users, q.User, q, out, closed); late {
		return out, true
	}
	if out, late = s.entity(kindCompany, &s.companies, q.Company, q, out, closed); late {
		return out, true
	}
	if out, late = s.collect(s.regexes, nil, q, out, closed); late {
		return out, true
	}
	return out, q.late()
}

// collect adds the rules of a list that are fulfilled, but for those in except.
func (s *Set) collect(list []int32, except []entry, q *Request, out []match, closed map[string]bool) (_ []match, late bool) {
	for n, i := range list {
		if n%16 == 15 && q.late() {
			return out, true
		}
		if !listed(except, i) && s.rules[i].fulfilled(q, closed) {
			out = append(out, match{i, -1, nil})
		}
	}
	return out, false
}

// entity adds the rules of a kind that apply to an id.
func (s *Set) entity(k kind, m *members, id string, q *Request, out []match, closed map[string]bool) (_ []match, late bool) {
	start := len(out)
	if id == "" {
		return s.collect(s.unknowns[k], nil, q, out, closed)
	}
	entries := m.entries(id)
	for _, e := range entries {
		if e.rule < 0 {
			continue
		}
		if r := s.rules[e.rule]; !r.notMatching && r.fulfilled(q, closed) {
			out = append(out, match{e.rule, e.values, m})
		}
	}
	if out, late = s.collect(s.unlisted[k], entries, q, out, closed); late {
		return out, true
	}
	if found := out[start:]; len(found) > 1 {
		slices.SortStableFunc(found, func(a, b match) int { return int(a.rule) - int(b.rule) })
	}
	return out, false
}

func listed(entries []entry, rule int32) bool {
	for i := range entries {
		if entries[i].rule == rule {
			return true
		}
	}
	return false
}

// merge makes the decision: the block of the first rule that blocks, and the fields of all.
func (s *Set) merge(found []match) (d Decision) {
	shared := false // d.Header is that of a rule
	for i := range found {
		f := &found[i]
		r := s.rules[f.rule]
		var values []pair
		if f.from != nil && f.values >= 0 {
			values = f.from.values[f.values]
		}
		if d.Rule == "" || r.block && d.Action != Block {
			d.Rule, d.Name, d.Source = r.id, r.name, "moesif"
		}
		if r.fixed != nil && d.Header == nil {
			d.Header = r.fixed
			shared = true
		}
		for _, h := range r.headers {
			if _, set := d.Header[h.name]; set {
				continue
			}
			v := h.value.text(values)
			if !validValue(v) {
				d.Left++
				continue
			}
			if d.Header == nil || shared {
				d.Header, shared = copyOf(d.Header), false
			}
			d.Header[h.name] = []string{v}
		}
		switch {
		case d.Action == Block:
		case r.block:
			d.Action, d.Status, d.Body = Block, r.status, r.body.render(values)
		default:
			d.Action = Annotate
		}
	}
	return d
}

// copyOf copies what is to be added to.
func copyOf(h http.Header) http.Header {
	out := make(http.Header, len(h)+1)
	maps.Copy(out, h)
	return out
}

// RulesFor returns id and name of the rules whose cohorts a user and a company stand in,
// without asking their conditions.
func (s *Set) RulesFor(user, company string) (out []Applicable) {
	if s == nil {
		return nil
	}
	for _, of := range []struct {
		m  *members
		id string
	}{{&s.users, user}, {&s.companies, company}} {
		if of.id == "" {
			continue
		}
		for _, e := range of.m.entries(of.id) {
			if e.rule < 0 || s.rules[e.rule].notMatching {
				continue
			}
			r := s.rules[e.rule]
			a := Applicable{ID: r.id, Name: r.name, Kind: r.kind.String(), Block: r.block}
			if e.values >= 0 {
				a.Values = map[string]string{}
				for _, p := range of.m.values[e.values] {
					a.Values[p.name] = p.value
				}
			}
			a.Decision = s.merge([]match{{e.rule, e.values, of.m}})
			out = append(out, a)
		}
	}
	return out
}

// Applicable is a rule whose cohort somebody stands in.
type Applicable struct {
	ID, Name, Kind string
	Block          bool
	Values         map[string]string
	Decision       Decision
}
