// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package when

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

// route is a pattern for routes: literal text, * for any characters, and the
// parameters of a template, in the notation of any router: {id}, {rest...}, :id,
// <int:id>, [slug]. A parameter stands for one segment of a path, or for the
// parameter of a template, whatever its name.
type route struct {
	params bool
	// template has parameters where the pattern has them; filled has anything there.
	template, filled, folded *regexp.Regexp
}

// parameter is a parameter in a template.
const parameter = `(?:\{[^/]*\}|:[^/]+|<[^/]*>|\[[^/]*\]|\*)`

func compileRoute(p string) route {
	var t, f strings.Builder
	var r route
	p = strings.TrimSuffix(p, "{$}") // net/http: this path and none below
	subtree := len(p) > 1 && strings.HasSuffix(p, "/")
	p = trimSlash(p)
	for i := 0; i < len(p); {
		if n := parameterAt(p, i); n > 0 {
			r.params = true
			t.WriteString(parameter)
			if catchAll(p[i : i+n]) {
				f.WriteString(`.*`)
			} else {
				f.WriteString(`[^/]+`)
			}
			i += n
			continue
		}
		lit := p[i : i+1]
		for i+len(lit) < len(p) && p[i+len(lit)]&0xC0 == 0x80 { // the rest of a character
			lit = p[i : i+len(lit)+1]
		}
		i += len(lit)
		if lit == "*" {
			lit = `.*`
		} else {
			lit = regexp.QuoteMeta(lit)
		}
		t.WriteString(lit)
		f.WriteString(lit)
	}
	end := `$`
	if subtree { // net/http: all paths below
		end = `(?:/.*)?$`
	}
	must := func(prefix, body string) *regexp.Regexp {
		re, err := regexp.Compile(prefix + body + end)
		if err != nil { // invalid UTF-8 and the like: a pattern that matches nothing
			return regexp.MustCompile(`[^\x00-\x{10FFFF}]`)
		}
		return re
	}
	r.template, r.filled, r.folded = must(`(?s)^`, t.String()), must(`(?s)^`, f.String()), must(`(?si)^`, f.String())
	return r
}

// parameterAt is the length of the parameter at p[i:], or 0.
func parameterAt(p string, i int) int {
	start := i == 0 || p[i-1] == '/'
	var end byte
	switch c := p[i]; {
	case c == '{':
		end = '}'
	case c == '<':
		end = '>'
	case c == '[' && start:
		end = ']'
	case c == ':' && start:
		n := strings.IndexByte(p[i:], '/')
		if n < 0 {
			n = len(p) - i
		}
		if n < 2 {
			return 0
		}
		return n
	default:
		return 0
	}
	if n := strings.IndexByte(p[i:], end); n > 0 && !strings.Contains(p[i:i+n], "/") {
		return n + 1
	}
	return 0
}

// catchAll reports whether a parameter, or a template that has one, may stand for
// several segments.
func catchAll(t string) bool {
	return strings.Contains(t, "...") || strings.Contains(t, "*") || strings.Contains(t, "+}") || strings.Contains(t, "<path:") ||
		strings.HasSuffix(t, "+") || len(t) > 1 && strings.HasSuffix(t, "/")
}

func trimSlash(p string) string {
	if len(p) > 1 {
		return strings.TrimSuffix(p, "/")
	}
	return p
}

func (m *Matcher) route(f *Facts) Answer {
	if f.Route == "" && f.Path == "" {
		return Unknown
	}
	a := No
	for i := range m.routes {
		a = max(a, m.routes[i].match(f))
	}
	return a
}

func (r *route) match(f *Facts) Answer {
	a := No
	if f.Route != "" {
		switch t := trimSlash(f.Route); {
		case r.template.MatchString(t):
			return Yes
		case f.Path == "": // a template, or a path for want of one
			a = r.path(f.Route)
		case r.filled.MatchString(t):
			a = Unknown // /orders/export under /orders/{id}: likely another route
		}
	}
	if f.Path == "" || a == Yes {
		return a
	}
	b := r.path(f.Path)
	if b == Yes && r.params && f.Route != "" && !catchAll(f.Route) {
		b = Unknown // the router took another template
	}
	return max(a, b)
}

// path matches a path in all the spellings that routers take for one: Yes if it
// matches as it stands, Unknown if only another spelling of it does.
func (r *route) path(p string) Answer {
	if r.filled.MatchString(trimSlash(p)) {
		if strings.ContainsAny(p, "%;") || strings.Contains(p, "//") || strings.Contains(p, "/.") {
			return Unknown
		}
		return Yes
	}
	q := p
	for range 3 {
		if r.folded.MatchString(trimSlash(path.Clean("/" + withoutParameters(q)))) {
			return Unknown
		}
		next, err := url.PathUnescape(q)
		if err != nil || next == q {
			break
		}
		q = next
	}
	if strings.Contains(p, masked) {
		return Unknown
	}
	return No
}

// withoutParameters removes ";v=1" from each segment (RFC 3986, 3.3).
func withoutParameters(p string) string {
	if !strings.Contains(p, ";") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}
