// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package rules are the conditions by which the exporter leaves exchanges out, and sets
// what a producer does not say: `hosts`, `skip` and `set` of the configuration. The
// language is that of `when` in policies (internal/when).
//
// A rule acts only if its condition holds beyond doubt: a fact that is missing, masked or
// spelled so that servers may read it in two ways selects nothing. So a caller cannot
// make a call vanish by a spelling. Only what `hosts` does not name for sure is left out.
package rules

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/when"
)

// Condition selects exchanges: all that is given must hold.
type Condition struct {
	Terms `mapstructure:",squash"`

	// Not are terms none of which may hold.
	Not []Terms `mapstructure:"not"`
}

// Terms are facts of an exchange. Each list is a choice, and one value may stand alone.
type Terms struct {
	// Host is the host that was asked for, without port; * stands for any characters.
	Host []string `mapstructure:"host"`
	// Route is a pattern of the route or the path, such as /orders/{id} or /internal/*.
	Route []string `mapstructure:"route"`
	// Method is a request method.
	Method []string `mapstructure:"method"`
	// Status is a response status: 404, 5xx, 500-599, ">=500".
	Status []string `mapstructure:"status"`
	// Direction is incoming or outgoing.
	Direction string `mapstructure:"direction"`
	// ContentType is the media type of request and response.
	ContentType []string `mapstructure:"content_type"`
	// Tenant is the id of the caller's company.
	Tenant []string `mapstructure:"tenant"`
	// Header has patterns by name of a captured request header field, and
	// ResponseHeader of a response header field.
	Header         map[string][]string `mapstructure:"header"`
	ResponseHeader map[string][]string `mapstructure:"response_header"`

	problems []when.Problem // of its form
}

// Assignment says what exchanges are that a condition selects.
type Assignment struct {
	// When selects them. Default: exchanges without a route whose path fits Route.
	When Condition `mapstructure:"when"`
	// Route is the template, such as /orders/{id}. Default: it stays.
	Route string `mapstructure:"route"`
	// Direction is incoming or outgoing. Default: it stays.
	Direction string `mapstructure:"direction"`
}

// Config is what is written.
type Config struct {
	Hosts []string
	Skip  []Condition
	Set   []Assignment
}

// Reasons why an exchange is left out, as metrics name them: the keys that did it.
const (
	SkipHosts = "hosts"
	SkipRule  = "skip"
)

// Rules are compiled. They are immutable; nil leaves everything as it is.
type Rules struct {
	hosts *when.Matcher
	skip  []*when.Matcher
	set   []assignment
}

type assignment struct {
	when      *when.Matcher
	unrouted  bool // only without a route
	route     string
	direction string
}

var _ confmap.Unmarshaler = (*Condition)(nil)

// Compile checks and compiles. Each error names the key, the problem and the fix.
func Compile(cfg Config) (*Rules, []error) {
	if len(cfg.Hosts)+len(cfg.Skip)+len(cfg.Set) == 0 {
		return nil, nil
	}
	r := &Rules{}
	var errs []error
	fail := func(key string, problems []when.Problem) {
		for _, p := range problems {
			field := key
			if p.Field != "" {
				field += "::" + strings.ReplaceAll(p.Field, ".", "::")
			}
			errs = append(errs, fmt.Errorf("`%s`: %s", field, p.Text))
		}
	}
	if len(cfg.Hosts) > 0 {
		var problems []when.Problem
		r.hosts, problems = when.Compile(when.Config{Host: cfg.Hosts})
		for i := range problems {
			problems[i].Field = strings.TrimPrefix(problems[i].Field, "host")
		}
		for _, p := range problems {
			errs = append(errs, fmt.Errorf("`hosts%s`: %s", p.Field, p.Text))
		}
	}
	for i := range cfg.Skip {
		key := fmt.Sprintf("skip[%d]", i)
		m, problems := cfg.Skip[i].compile()
		fail(key, problems)
		if len(problems) == 0 && cfg.Skip[i].empty() {
			fail(key, []when.Problem{{Text: "is empty and would leave everything out; give host, route, method, status, direction, content_type, header, response_header, tenant or not"}})
		}
		r.skip = append(r.skip, m)
	}
	for i := range cfg.Set {
		a, problems := cfg.Set[i].compile()
		fail(fmt.Sprintf("set[%d]", i), problems)
		r.set = append(r.set, a)
	}
	return r, errs
}

func (a *Assignment) compile() (assignment, []when.Problem) {
	out := assignment{route: a.Route, direction: a.Direction}
	var problems []when.Problem
	if a.Route == "" && a.Direction == "" {
		return out, []when.Problem{{Text: "sets nothing; give route or direction, or write the condition under skip to leave exchanges out"}}
	}
	if a.Route != "" {
		_, p := when.Compile(when.Config{Route: []string{a.Route}})
		problems = append(problems, p...)
		if len(p) == 0 && strings.Contains(a.Route, "*") {
			problems = append(problems, when.Problem{Field: "route", Text: fmt.Sprintf("%q has *, and a template names its parameters; write such as %q", a.Route, strings.Replace(a.Route, "*", "{rest}", 1))})
		}
	}
	switch a.Direction {
	case "", when.Incoming, when.Outgoing:
	default:
		problems = append(problems, when.Problem{Field: "direction", Text: fmt.Sprintf("%q is not known; write incoming or outgoing", a.Direction)})
	}
	c := a.When
	if c.empty() && len(c.problems) == 0 {
		if a.Route == "" {
			return out, append(problems, when.Problem{Field: "when", Text: "is empty; say which exchanges are " + a.Direction})
		}
		c.Route, out.unrouted = []string{a.Route}, true
		out.when, _ = c.compile()
		return out, problems
	}
	m, p := c.compile()
	for i := range p {
		p[i].Field = strings.TrimSuffix("when."+p[i].Field, ".")
	}
	out.when = m
	return out, append(problems, p...)
}

func (c *Condition) empty() bool {
	cfg := c.config()
	return cfg.Empty()
}

func (c *Condition) config() when.Config {
	cfg := c.Terms.config()
	for i := range c.Not {
		cfg.Not = append(cfg.Not, c.Not[i].config())
	}
	return cfg
}

func (t *Terms) config() when.Config {
	return when.Config{
		Host: t.Host, Route: t.Route, Method: t.Method, Status: t.Status, ContentType: t.ContentType, Tenant: t.Tenant,
		Direction: t.Direction, Header: t.Header, ResponseHeader: t.ResponseHeader,
	}
}

func (c *Condition) compile() (*when.Matcher, []when.Problem) {
	problems := slices.Clone(c.problems)
	for i := range c.Not {
		for _, p := range c.Not[i].problems {
			problems = append(problems, when.Problem{Field: strings.TrimSuffix(fmt.Sprintf("not[%d].%s", i, p.Field), "."), Text: p.Text})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return when.Compile(c.config())
}

// Apply sets what is to be set, and returns why ex is left out, or "".
func (r *Rules) Apply(ex *exchange.Exchange) (reason string) {
	if r == nil {
		return ""
	}
	f := facts(ex)
	for i := range r.set {
		a := &r.set[i]
		if a.unrouted && ex.Route != "" || a.when.Match(&f, when.Either) != when.Yes {
			continue
		}
		if a.route != "" {
			ex.Route, f.Route = a.route, a.route
		}
		switch a.direction {
		case when.Incoming:
			ex.Direction, f.Direction = exchange.Incoming, when.Incoming
		case when.Outgoing:
			ex.Direction, f.Direction = exchange.Outgoing, when.Outgoing
		}
	}
	if r.hosts != nil && ex.Direction == exchange.Incoming && r.hosts.Match(&f, when.Either) != when.Yes {
		return SkipHosts
	}
	for _, m := range r.skip {
		if m.Match(&f, when.Either) == when.Yes {
			return SkipRule
		}
	}
	return ""
}

func facts(ex *exchange.Exchange) when.Facts {
	f := when.Facts{
		Direction: when.Incoming, Method: ex.Method, Host: ex.Host, Route: ex.Route, Path: ex.Path, Status: ex.Status,
		RequestType: ex.Request.Get("content-type"), ResponseType: ex.Response.Get("content-type"),
		Tenant: ex.CompanyID, Fields: fields{ex},
	}
	if ex.Direction == exchange.Outgoing {
		f.Direction = when.Outgoing
	}
	return f
}

type fields struct{ ex *exchange.Exchange }

// Field implements when.Fields.
func (f fields) Field(side when.Side, name string) ([]string, bool) {
	m := &f.ex.Request
	if side == when.Response {
		m = &f.ex.Response
	}
	for i := range m.Headers {
		if m.Headers[i].Name == name {
			return m.Headers[i].Values, true
		}
	}
	return nil, false
}
