// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"fmt"
	"strings"
)

// RouteRule is one entry of WithRoutes.
type RouteRule struct {
	pattern string
	opts    []Option
}

// Route says what to change for requests that match a pattern: "[METHOD ]/path".
// The path is compared with the route template (http.Request.Pattern without
// method and host) if a router has set one, else with the path of the URL. A
// trailing * matches any ending; anything else is literal, so "/users/{id}"
// matches the template of that name.
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
	path, wild := strings.CutSuffix(path, "*")
	return route{method: method, path: path, wild: wild, plan: p}
}

func splitPattern(p string) (method, path string) {
	p = strings.TrimSpace(p)
	if i := strings.IndexAny(p, " \t"); i >= 0 {
		return strings.ToUpper(p[:i]), strings.TrimLeft(p[i:], " \t")
	}
	return "", p
}

// route is a compiled rule.
type route struct {
	method, path string
	wild         bool
	plan         plan
}

func (r *route) matches(method, path string) bool {
	if r.method != "" && r.method != method && (method != "" || r.method != "GET") {
		return false
	}
	if r.wild {
		return strings.HasPrefix(path, r.path)
	}
	return path == r.path
}

// routeOf is the template of a ServeMux pattern, "[METHOD ][HOST]/path".
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}
