// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"github.com/apispan/apispan/internal/when"
)

// scopeSet has a bit for each scope of a policy. may are the scopes that are not
// excluded, sure those that are selected beyond doubt. A rule that withholds applies
// under the former, one that lets something through under the latter. Both depend on
// the message that a value belongs to.
type scopeSet struct{ may, sure [when.Sides]uint64 }

// maxScopeSets bounds the combinations of scopes that the caches tell apart.
const maxScopeSets = 1 << 12

// sides says which message the values of a place belong to.
var sides = [numPlaces]when.Side{
	placeRequestHeader: when.Request, placeCookie: when.Request, placeQuery: when.Request, placePath: when.Request,
	placeRequestBody: when.Request, placeClientIP: when.Request,
	placeResponseHeader: when.Response, placeSetCookie: when.Response, placeResponseBody: when.Response,
}

// facts are what conditions ask about.
func (ex *Exchange) facts() when.Facts {
	f := when.Facts{
		Method: ex.Method, Host: ex.Host, OtherHost: ex.OtherHost, Route: ex.Route, Path: ex.Path, Status: ex.Status,
		RequestType: ex.RequestContentType, ResponseType: ex.ResponseContentType, Tenant: ex.Tenant,
	}
	switch ex.Direction {
	case Incoming:
		f.Direction = when.Incoming
	case Outgoing:
		f.Direction = when.Outgoing
	}
	if ex.Fields != nil {
		f.Fields = headerFields{ex.Fields}
	}
	return f
}

// headerFields speaks the language of package when.
type headerFields struct{ Fields }

func (f headerFields) Field(side when.Side, name string) ([]string, bool) {
	if side == when.Response {
		return f.Fields.Field(Response, name)
	}
	return f.Fields.Field(Request, name)
}

func (p *Policy) scopesOf(ex Exchange) (set scopeSet) {
	if len(p.scopes) == 0 {
		return set
	}
	facts := ex.facts()
	for i, m := range p.scopes {
		bit := uint64(1) << uint(i)
		for side := range when.Sides {
			a := m.Match(&facts, side)
			if a == when.No {
				continue
			}
			set.may[side] |= bit
			if a == when.Yes {
				set.sure[side] |= bit
			}
			if side == when.Either && !m.Sided() {
				set.may[when.Request], set.may[when.Response] = set.may[when.Request]|bit, set.may[when.Response]|bit
				if a == when.Yes {
					set.sure[when.Request], set.sure[when.Response] = set.sure[when.Request]|bit, set.sure[when.Response]|bit
				}
				break
			}
		}
	}
	return set
}

// selectScopes finds the scopes of an exchange and the verdicts that hold for all
// values of a place.
func (s *Scratch) selectScopes(ex Exchange) {
	set := s.p.scopesOf(ex)
	if len(s.scopeSets) > 0 && set == s.scopes {
		return
	}
	s.scopes = set
	id := -1
	for i := range s.scopeSets {
		if s.scopeSets[i] == set {
			id = i
		}
	}
	if id < 0 {
		if len(s.scopeSets) >= maxScopeSets {
			s.scopeSets = s.scopeSets[:0]
			s.clearCaches()
		}
		id = len(s.scopeSets)
		s.scopeSets = append(s.scopeSets, set)
	}
	s.scopeID = uint16(id)
	for pl := range s.roots {
		s.frees[pl] = s.freesIn(place(pl))
		s.roots[pl] = s.rootOf(place(pl))
	}
}

// active reports whether rule r applies in the place under the selected scopes.
func (s *Scratch) active(r *rule, pl place) bool {
	if r.places&(1<<pl) == 0 {
		return false
	}
	if r.scope < 0 {
		return true
	}
	bit := uint64(1) << uint(r.scope)
	switch {
	case r.act != actAllow:
		return s.scopes.may[sides[pl]]&bit != 0
	case r.whole || r.except:
		return s.scopes.sure[sides[pl]]&bit != 0
	}
	return s.frees[pl]&bit != 0
}

// closes reports whether r makes its place an allowlist.
func (r *rule) closes() bool { return r.act == actAllow && !r.whole && !r.except && !r.detector }

// freesIn returns the scopes whose allow rules free a value in the place: those that
// are selected beyond doubt, and one that is not if nothing else closes the place,
// since without it everything would be free.
func (s *Scratch) freesIn(pl place) uint64 {
	sure, may := s.scopes.sure[sides[pl]], s.scopes.may[sides[pl]]
	if may == sure {
		return sure
	}
	var closing uint64
	for i := range s.p.rules {
		r := &s.p.rules[i]
		if !r.closes() || r.places&(1<<pl) == 0 {
			continue
		}
		if r.scope < 0 {
			return sure
		}
		closing |= 1 << uint(r.scope) & may
	}
	if closing&(closing-1) == 0 { // at most one
		return sure | closing
	}
	return sure
}

func (s *Scratch) rootOf(pl place) verdict {
	v := verdict{}
	closed := false // values that no key rule frees are masked
	for i := range s.p.rules {
		r := &s.p.rules[i]
		if r.closes() && r.places&(1<<pl) != 0 && (r.scope < 0 || s.scopes.may[sides[pl]]&(1<<uint(r.scope)) != 0) {
			closed = true
		}
		if !s.active(r, pl) {
			continue
		}
		if r.whole && r.act > v.act {
			v = verdict{act: r.act, rule: uint16(i), flags: r.flags}
			if r.act != actAllow {
				v.flags |= flagPlace
			}
			if r.act == actMask && (pl == placeRequestBody || pl == placeResponseBody) {
				v.act = actMiss // every value goes, the structure stays
			}
		}
		if r.star && r.act > actAllow {
			closed = true
		}
	}
	if closed && v.act == actNone {
		v.act = actMiss
	}
	return v
}

// config turns the condition of a policy into one of package when.
func (w *When) config() when.Config {
	c := when.Config{
		Host: w.Host, Route: w.Route, Method: w.Method, Status: w.Status, ContentType: w.ContentType, Tenant: w.Tenant,
		Direction: w.Direction, Header: w.Header, ResponseHeader: w.ResponseHeader,
	}
	for i := range w.Not {
		c.Not = append(c.Not, w.Not[i].config())
	}
	return c
}

// empty reports whether a rule says nothing.
func (r *ScopedRules) empty() bool {
	k := &r.Keys
	return len(r.In) == 0 && len(k.Deny)+len(k.Drop)+len(k.HMAC)+len(k.Encrypt)+len(k.Truncate)+len(k.Allow)+len(k.Except) == 0
}

func (c *compiler) scoped(path string, r ScopedRules) {
	w := r.When.config()
	if w.Empty() {
		c.errorf(r.line, "%s.when: is empty; give host, route, method, direction, status, content_type, header, response_header, tenant or not, or move the rules to keys", path)
	}
	m, problems := when.Compile(w)
	for _, p := range problems {
		c.errorf(r.line, "%s.when.%s: %s", path, p.Field, p.Text)
	}
	if len(c.p.scopes) == maxScopes {
		c.errorf(r.line, "%s: more than %d scopes", path, maxScopes)
		return
	}
	if len(problems) == 0 {
		for _, p := range when.Warnings(w) {
			c.warnf(r.line, "%s.when.%s: %s", path, p.Field, p.Text)
		}
	}
	if r.empty() {
		c.warnf(r.line, "%s: selects exchanges and has no effect; give it keys or in", path)
	}
	scope := len(c.p.scopes)
	c.p.scopes = append(c.p.scopes, m)
	c.keyRules(path+".keys", r.Keys, allPlaces, scope)
	c.places(path+".in", r.In, scope)
}
