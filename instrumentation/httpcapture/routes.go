// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// RouteRule is one entry of WithRoutes.
type RouteRule struct {
	pattern string
	opts    []Option
}

// Route says what to change for requests that match a pattern: "[METHOD ]/path".
//
// The path is compared with the route template that a router has set
// (http.Request.Pattern without method and host, or SetRoute); wildcards match each
// other whatever their names and syntax ({id}, :id). Until a template is known that
// leaves nothing open (it is none, or that of a subtree), the path of the URL
// counts for rules without wildcards. A trailing * matches any ending. GET stands for
// HEAD, too.
//
// What a rule withholds (WithEnabled(false), fewer or smaller bodies, fewer header
// fields or types) it withholds from every request that may be meant: the path of the
// URL is compared as well, however it is written (case, escapes, //, .., a slash at the
// end); and while no template is known that leaves nothing open, {id} stands for any
// segment, a pattern that ends in / for all below it, and the path may have a prefix in
// front, as what is mounted behind http.StripPrefix has. See docs/trust.md.
func Route(pattern string, opts ...Option) RouteRule {
	return RouteRule{pattern: pattern, opts: opts}
}

// check compiles a rule to find its mistakes.
func (r RouteRule) check(s *settings) []error {
	var errs []error
	_, path := splitPattern(r.pattern)
	if !strings.HasPrefix(path, "/") && path != "*" {
		errs = append(errs, fmt.Errorf("httpcapture: Route: pattern %q must be a path that begins with /, or a method, a blank and such a path", r.pattern))
	}
	if open := strings.Count(path, "{"); open != strings.Count(path, "}") || strings.Contains(path, "{}") || strings.Contains(path, "}{") {
		errs = append(errs, fmt.Errorf("httpcapture: Route: pattern %q has a brace without its other half, or none between: write {name} for a segment", r.pattern))
	}
	before := *s
	r.lay(s)
	errs = append(errs, s.errs...)
	if len(s.skip) != len(before.skip) || len(s.skipRequest) != len(before.skipRequest) ||
		len(s.identity) != len(before.identity) || len(s.metadata) != len(before.metadata) ||
		s.forwarding.any() != before.forwarding.any() || len(s.forwarding.proxies) != len(before.forwarding.proxies) ||
		len(s.forwarding.headers) != len(before.forwarding.headers) || len(s.probePeers) != len(before.probePeers) ||
		s.trustEventID != before.trustEventID || len(s.routes) != len(before.routes) ||
		len(s.decoders) != len(before.decoders) || s.policy != before.policy || s.budget != before.budget ||
		s.eventHeader != before.eventHeader || s.eventPrefix != before.eventPrefix || s.defaultSkips != before.defaultSkips {
		errs = append(errs, fmt.Errorf("httpcapture: Route: %q has an option that cannot be changed for a route", r.pattern))
	}
	return errs
}

// lay applies the options of the rule.
func (r RouteRule) lay(s *settings) {
	for _, o := range r.opts {
		if our, ok := o.(*option); ok && our != nil {
			our.apply(s)
		}
	}
}

func (r RouteRule) compile(p plan) route {
	method, path := splitPattern(r.pattern)
	out := route{method: method, raw: path, plan: p, literal: true}
	rest, wild := strings.CutSuffix(path, "*")
	for rest != "" {
		var seg string
		if seg, rest = segment(rest, true); rest == "" && wild {
			out.partial = seg // "" after a slash
			break
		}
		switch {
		case rest == "" && seg == "":
			out.tail = tailSlash
		case rest == "" && (strings.HasSuffix(seg, "...}") || strings.HasPrefix(seg, "*")):
			wild = true
		case rest == "" && seg == "{$}":
		case isWildcard(seg):
			out.segs, out.literal = append(out.segs, ""), false
		default:
			out.segs = append(out.segs, seg)
		}
	}
	if wild {
		out.tail = tailAny
	}
	return out
}

func splitPattern(p string) (method, path string) {
	p = strings.TrimSpace(p)
	if i := strings.IndexAny(p, " \t"); i >= 0 {
		return strings.ToUpper(p[:i]), strings.TrimLeft(p[i:], " \t")
	}
	return "", p
}

// segment takes the first segment off a path. Braces of a template may hold a slash,
// in a regular expression of gorilla's or chi's.
func segment(path string, template bool) (seg, rest string) {
	path = strings.TrimPrefix(path, "/")
	depth := 0
	for i := range len(path) {
		switch path[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '/':
			if depth <= 0 || !template {
				return path[:i], path[i:]
			}
		}
	}
	return path, ""
}

// isWildcard reports whether a segment of a template stands for others: {id} and
// {id:[0-9]+}, :id, *path.
func isWildcard(seg string) bool {
	return strings.IndexByte(seg, '{') >= 0 || strings.HasPrefix(seg, ":") || strings.HasPrefix(seg, "*")
}

type tail uint8

const (
	tailNone  tail = iota // the path ends here
	tailSlash             // with a slash; in ServeMux a subtree
	tailAny               // whatever follows
)

// route is a compiled rule.
type route struct {
	method  string
	raw     string   // the pattern without its method
	segs    []string // "" stands for any one
	tail    tail
	partial string // how the segment after segs begins
	literal bool   // no wildcard but at the end
	plan    plan
	less    restriction // than the plan of the wrapper
}

// comparison is how a rule is compared with a path.
type comparison uint8

const (
	asTemplate comparison = iota // the template of a router
	asPath                       // a path, to the letter
	asAny                        // a canonical path, in whatever case
	asSubtree                    // the same, and what ends in a slash stands for all below
)

// matches compares the rule with all of a path.
func (r *route) matches(path string, how comparison) bool {
	if how == asTemplate && path == r.raw {
		return true
	}
	for _, want := range r.segs {
		if path == "" {
			return false
		}
		var got string
		got, path = segment(path, how == asTemplate)
		switch {
		case want == "":
			if got == "" || how == asTemplate && !isWildcard(got) {
				return false
			}
		case how >= asAny:
			if !strings.EqualFold(got, want) {
				return false
			}
		case got != want:
			return false
		}
	}
	switch r.tail {
	case tailSlash:
		return how == asSubtree || path == "/" || how == asAny && path == ""
	case tailAny:
		got, _ := segment(path, how == asTemplate)
		n := len(r.partial)
		switch {
		case n == 0:
			return path != "" || how >= asAny || r.raw == "*"
		case len(got) < n:
			return false
		case how >= asAny:
			return strings.EqualFold(got[:n], r.partial)
		}
		return got[:n] == r.partial
	}
	return path == ""
}

// matchesEnd is matches for the path, or any end of it that begins with a segment.
func (r *route) matchesEnd(path string) bool {
	for {
		if r.matches(path, asSubtree) {
			return true
		}
		if path == "" {
			return false
		}
		_, path = segment(path, false)
	}
}

// routeOf is the template of a ServeMux pattern, "[METHOD ][HOST]/path".
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}

// isOpen reports whether a template leaves open what it stands for: there is none yet,
// or behind it another router decides.
func isOpen(template string) bool {
	if template == "" || strings.HasSuffix(template, "/") || strings.HasSuffix(template, "...}") {
		return true
	}
	return strings.HasPrefix(template[strings.LastIndexByte(template, '/')+1:], "*")
}

// restriction is what a rule withholds of what the wrapper records.
type restriction struct {
	off            bool
	bodies         BodyMode
	reqMax, resMax int
	types          typeSet    // nil: all
	reqSet, resSet *headerSet // nil: all
}

// less compares the settings of a rule, and its plan, with those of the wrapper.
func (s *settings) less(p *plan, base *settings, bp *plan) restriction {
	r := restriction{off: bp.enabled && !p.enabled, bodies: BodiesAll, reqMax: math.MaxInt, resMax: math.MaxInt}
	if p.bodies < bp.bodies {
		r.bodies = p.bodies
	}
	if p.reqMax < bp.reqMax {
		r.reqMax = p.reqMax
	}
	if p.resMax < bp.resMax {
		r.resMax = p.resMax
	}
	if s.types != nil && !slices.Equal(s.types, base.types) {
		r.types = p.types
	}
	if !s.reqHeaders.covers(base.reqHeaders) {
		r.reqSet = p.reqSet
	}
	if !s.resHeaders.covers(base.resHeaders) {
		r.resSet = p.resSet
	}
	return r
}

// covers reports whether all that o selects is selected here.
func (h headerSpec) covers(o headerSpec) bool {
	if h.all {
		return true
	}
	return !o.all && !slices.ContainsFunc(o.names, func(n string) bool { return !slices.Contains(h.names, n) })
}

// any reports whether anything is withheld.
func (r *restriction) any() bool {
	return r.off || r.bodies != BodiesAll || r.reqMax != math.MaxInt || r.resMax != math.MaxInt ||
		r.types != nil || r.reqSet != nil || r.resSet != nil
}

// within is p without what r withholds.
func (p plan) within(r *restriction) plan {
	p.enabled = p.enabled && !r.off
	p.bodies = min(p.bodies, r.bodies)
	p.reqMax, p.resMax = min(p.reqMax, r.reqMax), min(p.resMax, r.resMax)
	p.less = append(slices.Clip(p.less), r)
	return p
}
