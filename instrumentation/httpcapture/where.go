// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/apispan/apispan/internal/httpattr"
)

// where is what a request says about its route before any router has seen it. Rules
// that withhold go by that, too: a router may be given a copy of the request, so that
// what it decides is not seen here, and whatever stands before it may have changed the
// method or the path.
type where struct {
	known  bool
	method string
	// paths are those of the URL, and of the request line, which may have had a prefix
	// more: canonical, and as a router reads them to whom an escaped slash is none and a
	// dot is a name; then empty if that makes no difference.
	paths [4]string
	// overridden says that the request asks to be treated as one of another method.
	overridden bool
}

func (w *where) note(r *http.Request) {
	w.known, w.method = true, r.Method
	w.paths[0] = pathOf(r)
	w.paths[1] = w.paths[0]
	line, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(line, "/") && r.URL != nil {
		line = r.URL.EscapedPath()
	}
	if line != "" && !plainPath(line) {
		w.paths[2] = literalPath(line)
		line = path.Clean("/" + line) // to some routers an escaped slash is none
	}
	w.paths[1] = canonicalPath(line)
	if r.URL != nil && (r.URL.RawPath != "" || r.URL.Path != "" && !plainPath(r.URL.Path)) {
		w.paths[3] = literalPath(r.URL.EscapedPath())
	}
	w.overridden = overridesMethod(r)
}

func pathOf(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	if o := r.URL.Opaque; o != "" { // net/http sends it as it is, as a URL without its scheme or a path
		if host, ok := strings.CutPrefix(o, "//"); ok {
			o = host[max(strings.IndexByte(host, '/'), 0):]
		}
		o, _, _ = strings.Cut(o, "?")
		return canonicalPath(o)
	}
	return canonicalPath(r.URL.Path)
}

// literalPath is an escaped path with the escapes undone, but for those of slashes.
func literalPath(p string) string {
	u, err := url.PathUnescape(slashEscapes.Replace(p))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u, "/")
}

var slashEscapes = strings.NewReplacer("%2F", "%00", "%2f", "%00")

// overridesMethod reports whether a middleware of the kind that is called method
// override might serve r as another method.
func overridesMethod(r *http.Request) bool {
	for _, name := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	if r.URL != nil && r.URL.RawQuery != "" {
		for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
			name, _, _ := strings.Cut(pair, "=")
			if u, err := url.QueryUnescape(name); err == nil && strings.Contains(u, "_method") {
				return true
			}
		}
	}
	if r.Method != http.MethodPost {
		return false
	}
	ct, _ := contentType(r.Header) // the field _method of a form
	switch httpattr.MediaType(ct) {
	case "application/x-www-form-urlencoded", "multipart/form-data":
		return true
	}
	return false
}

// canonicalPath is a path as every router or server behind it might read it: escapes
// undone, as often as anybody may undo them, parameters of segments taken away,
// backslashes turned, // and .. resolved, without a slash at the end. The case is left:
// comparisons fold it.
func canonicalPath(p string) string {
	if p == "" || p == "/" {
		return ""
	}
	if !plainPath(p) {
		for range 3 {
			u, err := url.PathUnescape(p)
			if err != nil || u == p {
				break
			}
			p = u
		}
		p = strings.ReplaceAll(p, `\`, "/")
		for {
			i := strings.IndexByte(p, ';')
			if i < 0 {
				break
			}
			rest := p[i:]
			if j := strings.IndexByte(rest, '/'); j >= 0 {
				rest = rest[j:]
			} else {
				rest = ""
			}
			p = p[:i] + rest
		}
		p = path.Clean("/" + p)
	}
	return strings.TrimSuffix(p, "/")
}

// plainPath reports whether a path needs no cleaning, but for a slash at its end.
func plainPath(p string) bool {
	if p[0] != '/' || strings.ContainsAny(p, `%\;`) {
		return false
	}
	return !strings.Contains(p, "//") && !strings.Contains(p, "/.")
}

// mayMean reports whether a rule may be meant for a request whose template is not
// template, or unknown.
func (r *route) mayMean(rq *http.Request, w *where, template string, client bool) bool {
	if !r.mayMeanMethod(rq, w) {
		return false
	}
	if r.matches(template, asTemplate) && template != "" {
		return true // but for the method
	}
	now := pathOf(rq)
	for i, p := range [...]string{w.paths[0], w.paths[1], now, w.paths[2], w.paths[3]} {
		if i > 0 && (p == w.paths[0] || i > 2 && p == "") {
			continue
		}
		switch {
		case client:
			if r.matches(p, asAny) {
				return true
			}
		case isOpen(template):
			if r.matchesEnd(p) {
				return true
			}
		case r.literal && r.matches(p, asAny):
			return true
		}
	}
	return false
}

func (r *route) mayMeanMethod(rq *http.Request, w *where) bool {
	if r.isMethod(w.method) || r.isMethod(rq.Method) || w.overridden {
		return true
	}
	return strings.EqualFold(r.method, w.method) || strings.EqualFold(r.method, rq.Method)
}

// isMethod compares methods; GET stands for HEAD, too, as in ServeMux.
func (r *route) isMethod(method string) bool {
	switch r.method {
	case "", method:
		return true
	case http.MethodGet:
		return method == "" || method == http.MethodHead
	}
	return false
}

// isMeant reports whether a rule is meant for a request for certain.
func (r *route) isMeant(rq *http.Request, template string, client bool) bool {
	if !r.isMethod(rq.Method) {
		return false
	}
	if template != "" && r.matches(template, asTemplate) {
		return true
	}
	if rq.URL == nil {
		return r.raw == "*"
	}
	// Of a path that a router may read otherwise than it is written nothing is certain.
	p := rq.URL.Path
	if p != "/" && strings.TrimSuffix(p, "/") != canonicalPath(p) {
		return false
	}
	return (client || r.literal && isOpen(template)) && r.matches(p, asPath)
}

// template is the route of the exchange, as far as it is known.
func (rec *record) template(r *http.Request) string {
	if rec.cfg.side == clientSide {
		return "" // a request that is passed on has the pattern of the one that came
	}
	if rec.stated.Load() {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return routeOf(rec.route)
	}
	if t := routeOf(r.Pattern); rec.isWhole(t, r) {
		return t
	}
	return ""
}

// isWhole reports whether a template is about the path of the request from its
// beginning: a router inside another one, as chi mounts them, leaves only its own part.
func (rec *record) isWhole(template string, r *http.Request) bool {
	if template == "" {
		return false
	}
	for _, rq := range [...]*http.Request{rec.req0, r} {
		if rq.URL != nil && (isAbout(template, rq.URL.Path) || isAbout(template, rq.URL.EscapedPath()) || isAbout(template, pathOf(rq))) {
			return true
		}
	}
	line, _, _ := strings.Cut(r.RequestURI, "?")
	return isAbout(template, line) || isAbout(template, canonicalPath(line))
}

// isAbout reports whether a path has the segments of a template.
func isAbout(template, path string) bool {
	for template != "" && template != "/" {
		var want, got string
		if want, template = segment(template, true); want == "{$}" {
			break
		}
		if strings.HasPrefix(want, "*") || strings.HasSuffix(want, "...}") {
			return true
		}
		if got, path = segment(path, false); got == "" || !strings.ContainsAny(want, "{:*+") && !strings.EqualFold(got, want) {
			return false
		}
	}
	return path == "" || path == "/" || template == "/"
}

// routeFor is the template that is recorded: as the router has left it, unless that is
// for certain a part of it only, which would stand for the routes of others, too.
func (rec *record) routeFor(r *http.Request) string {
	t := routeOf(r.Pattern)
	if rec.stated.Load() || rec.isWhole(t, r) || strings.ContainsAny(t, "?+(*") || strings.Contains(t, "{") && strings.Contains(t, ":") {
		return t
	}
	return ""
}

// planFor returns the plan for the exchange, by what is known of its route now.
func (rec *record) planFor(r *http.Request) *plan {
	c := rec.cfg
	if len(c.routes) == 0 {
		return &c.plan
	}
	template, client := rec.template(r), c.side == clientSide
	p := &c.plan
	var less []*restriction
	for i := range c.routes {
		rule := &c.routes[i]
		if rule.isMeant(r, template, client) {
			p = &rule.plan
			break
		}
		if rule.less.any() && rule.mayMean(r, rec.where, template, client) {
			less = append(less, &rule.less)
		}
	}
	if len(less) == 0 {
		return p
	}
	q := *p
	for _, l := range less {
		q = q.within(l)
	}
	return &q
}

// mayWant reports whether a body may have to be recorded, and how much of it at most.
// While a router may still decide, it is enough that one rule that may be meant wants
// it; what is kept then is judged by the plan at the end.
func (rec *record) mayWant(r *http.Request, request bool) (limit int, want bool) {
	c := rec.cfg
	try := func(p *plan) {
		if request && rec.wantsRequest(p) {
			limit, want = max(limit, p.reqMax), true
		}
		if !request && wantsBody(p, rec.resType, rec.resKnown) {
			limit, want = max(limit, p.resMax), true
		}
	}
	if len(c.routes) == 0 || c.side == clientSide {
		try(rec.planFor(r))
		return limit, want
	}
	template := rec.template(r)
	if !isOpen(template) {
		try(rec.planFor(r))
		return limit, want
	}
	try(&c.plan)
	for i := range c.routes {
		if rule := &c.routes[i]; rule.isMeant(r, template, false) || rule.mayMean(r, rec.where, template, false) {
			try(&rule.plan)
		}
	}
	return limit, want
}

// SetRoute states the route of the exchange that ctx belongs to: the template
// ("/users/{id}"), or "METHOD template". It becomes http.route, the name of the span,
// and what WithRoutes goes by. The ServeMux that NewHandler is given needs no such help;
// routers do that hand on a copy of the request (chi, gorilla/mux), and a ServeMux behind
// something that does (r.WithContext, http.StripPrefix): see Routed. The last call wins.
// Like SetIdentity it works until the handler returns.
func SetRoute(ctx context.Context, route string) {
	if rec := recordFrom(ctx); rec != nil {
		rec.setRoute(route, true)
	}
}

func (rec *record) setRoute(route string, replace bool) {
	if routeOf(route) == "" {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.finished || rec.route != "" && !replace {
		return
	}
	rec.route = route
	rec.stated.Store(true)
}

// Routed states the route that h, a http.ServeMux, chooses, as SetRoute does, where
// something between the wrapper and h hands on a copy of the request. It puts the part
// of the route in front that http.StripPrefix has taken away:
//
//	api.Handle("/v1/", http.StripPrefix("/v1", httpcapture.Routed(users)))
func Routed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := recordFrom(r.Context())
		if rec == nil || r.URL == nil {
			h.ServeHTTP(w, r)
			return
		}
		outer, inner := r.Pattern, r.URL.Path
		r.Pattern = "" // so that it is h's afterwards
		defer func() {
			if r.Pattern == "" {
				r.Pattern = outer
				return
			}
			rec.setRoute(strings.TrimSuffix(rec.mountedAt(routeOf(outer), inner), "/")+routeOf(r.Pattern), false)
		}()
		h.ServeHTTP(w, r)
	})
}

// mountedAt is the route of what was taken off the path of the request before inner
// was left: the template of the router outside if it is about that, else the text.
func (rec *record) mountedAt(outer, inner string) string {
	if rec.req0.URL == nil {
		return ""
	}
	prefix, ok := strings.CutSuffix(rec.req0.URL.Path, inner)
	if !ok {
		return ""
	}
	outer = strings.TrimSuffix(outer, "/")
	if i := strings.LastIndexByte(outer, '/'); i >= 0 && isOpen(outer) {
		outer = outer[:i] // /{rest...}
	}
	if outer != "" && strings.Count(outer, "/") == strings.Count(prefix, "/") {
		return outer
	}
	return prefix
}
