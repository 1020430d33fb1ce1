// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package guardrules

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (c *wafCondition) compare(v string) bool {
	if len(v) > MaxValue {
		v = v[:MaxValue]
	}
	var is bool
	switch c.operator {
	case "eq":
		is = v == c.value
	case "contains":
		is = strings.Contains(v, c.value)
	case "startswith":
		is = strings.HasPrefix(v, c.value)
	case "endswith":
		is = strings.HasSuffix(v, c.value)
	}
	return is != c.not
}

func (c *wafCondition) ask(q *Request) answer {
	switch c.field {
	case wafPath:
		return truth(c.compare(strings.TrimRight(q.Path, "/")))
	case wafMethod:
		return truth(c.compare(q.Method))
	case wafStatus:
		return truth(q.Status != 0 && c.compareStatus(q.Status))
	case wafHeader:
		return truth(slices.ContainsFunc(q.Header[c.key], c.compare))
	case wafParameter:
		values, _ := url.ParseQuery(q.Query) // what can be read of it
		return truth(slices.ContainsFunc(values[c.key], c.compare))
	case wafBody:
		b, ok := q.read()
		if ok != yes {
			return ok
		}
		return truth(c.compare(string(b)))
	case wafIP:
		return truth(q.IP != "" && c.compare(q.IP))
	default:
		return truth(q.User != "" && c.compare(q.User))
	}
}

func (c *wafCondition) compareStatus(status int) bool {
	switch c.operator {
	case "lt":
		return status < c.status
	case "gt":
		return status > c.status
	}
	return status == c.status != c.not
}

func (r *wafRule) fulfilled(q *Request, closed map[string]bool) bool {
	all := yes
	for i := range r.groups {
		g := &r.groups[i]
		a := no
		if g.all {
			a = yes
		}
		for j := range g.conditions {
			if g.all {
				a = min(a, g.conditions[j].ask(q))
			} else {
				a = max(a, g.conditions[j].ask(q))
			}
		}
		all = min(all, a)
	}
	return all == yes || all == unknown && closed[r.id]
}

// decide asks the rules in order. The first that blocks decides.
func (w *waf) decide(q *Request, limits *Limits, closed map[string]bool, d *Decision) {
	now := limits.now()
	for n, r := range w.rules {
		if n%16 == 15 && q.late() {
			*d = Decision{Late: true}
			return
		}
		if r.rate {
			if limits == nil || !limits.blocked(r.key(q), now) {
				continue
			}
		} else if !r.end.IsZero() && now.After(r.end) || !r.fulfilled(q, closed) {
			continue
		}
		left, header := d.Left, d.Header
		*d = forbidden(r)
		d.Left = left
		maps.Copy(d.Header, header) // what other rules add stays
		return
	}
}

// forbidden is the answer of Metlo's agents.
func forbidden(r *wafRule) Decision {
	return Decision{
		Action: Block, Status: http.StatusForbidden, Body: []byte("Forbidden"), Rule: r.id, Name: r.tag, Source: "metlo",
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
	}
}

// key names what a rate limit counts.
func (r *wafRule) key(q *Request) string {
	n := len(r.id)
	for _, i := range r.identifiers {
		n += 1 + len(r.identifier(q, i))
	}
	b := make([]byte, 0, n)
	b = append(b, r.id...)
	for _, i := range r.identifiers {
		b = append(b, 0)
		b = append(b, r.identifier(q, i)...)
	}
	return string(b)
}

func (*wafRule) identifier(q *Request, name string) string {
	var v string
	switch name {
	case "ip":
		v = q.IP
	case "user":
		v = q.User
	default:
		v = q.Session
	}
	if len(v) > maxID {
		v = v[:maxID]
	}
	return v
}
