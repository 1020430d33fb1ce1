// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"strconv"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

const maxOrigins = 1000

// vendors shows what became of the exchange at each exporter.
func (d *detail) vendors() {
	d.Vendors = make([]api.Vendor, 0, len(d.rec.Backends))
	for i := range d.rec.Backends {
		b := &d.rec.Backends[i]
		src := d.env.Sources[b.Component]
		v := api.Vendor{Component: b.Component, Backend: src.Backend, Target: src.Target, Origins: []api.Origin{}, Attempts: []api.Attempt{}}
		v.State, v.Reason = State(b)
		var event string
		if b.Event != nil {
			event = clean(string(b.Event.Bytes()))
			v.EventID, v.Media, v.Cut, v.Event = b.Event.ID, b.Event.Media, b.Event.Cut || b.Event.Short > 0, event
			v.Origins = d.origins(event)
		}
		for _, a := range b.Attempts {
			v.Attempts = append(v.Attempts, attempt(a, event))
		}
		if n := len(v.Attempts); n > 0 {
			v.Attempts[n-1].Tree = EventTree(v.Attempts[n-1].Body, event, v.Origins)
		} else {
			v.Tree = EventTree(event, event, v.Origins)
		}
		d.Vendors = append(d.Vendors, v)
	}
}

func attempt(a *keep.Attempt, event string) api.Attempt {
	out := api.Attempt{
		Time: a.At.UTC(), Method: a.Method, URL: clean(a.URL), Headers: []api.Header{}, Body: clean(a.Prefix) + event + clean(a.Suffix), Events: a.Events,
		Bytes: a.Bytes, Encoded: a.Encoded, Coding: a.Coding, DryRun: a.DryRun, Status: a.Status, Outcome: a.Outcome, Problem: clean(a.Problem),
		Took: Millis(a.Took), Answer: clean(string(a.Answer)),
	}
	for i := range a.Headers {
		for _, v := range a.Headers[i].Values {
			out.Headers = append(out.Headers, api.Header{Name: clean(a.Headers[i].Name), Value: clean(v)})
		}
	}
	return out
}

// origins tells where each value of an event comes from, by equal values; what is equal to
// nothing was derived.
func (d *detail) origins(event string) []api.Origin {
	from := d.places()
	out := []api.Origin{}
	jsonwalk.Walk([]byte(event), func(l jsonwalk.Leaf) bool {
		out = append(out, api.Origin{Path: clean(jsonwalk.Text(l.Path)), From: from.of(l)})
		return len(out) < maxOrigins
	})
	return out
}

// places are the values of an exchange and where they stand.
type places struct {
	byText map[string][]place
}

type place struct {
	from string
	name string // the last part of it, to tell equal values apart
}

func (p *places) add(text, from, name string) {
	if text == "" {
		return
	}
	if len(p.byText[text]) < 8 {
		p.byText[text] = append(p.byText[text], place{from, name})
	}
}

// of finds the place of a value: of several that are equal, the one with the same name.
// Small numbers and the like are equal to too much, so they need the name.
func (p *places) of(l jsonwalk.Leaf) string {
	last := ""
	for i := len(l.Path) - 1; i >= 0 && last == ""; i-- {
		last = l.Path[i].Key
	}
	all := p.byText[l.Text]
	for _, at := range all {
		if strings.EqualFold(at.name, last) {
			return at.from
		}
	}
	if len(all) > 0 && l.Type == "string" && len(l.Text) >= 3 {
		return all[0].from
	}
	return "derived"
}

func (d *detail) places() *places {
	x := d.x
	p := &places{byText: map[string][]place{}}
	p.add(x.Method, httpattr.RequestMethod, "verb")
	p.add(x.Method, httpattr.RequestMethod, "method")
	p.add(x.Route, httpattr.Route, "route")
	p.add(URL(x), httpattr.URLFull, "uri")
	p.add(Target(x), httpattr.URLPath, "path")
	p.add(x.Path, httpattr.URLPath, "path")
	p.add(x.Query, httpattr.URLQuery, "query")
	p.add(x.Host, httpattr.ServerAddress, "host")
	if x.Status > 0 {
		p.add(strconv.Itoa(x.Status), httpattr.ResponseStatusCode, "status")
	}
	p.add(x.Service, httpattr.ServiceName, "service")
	p.add(x.Environment, httpattr.DeploymentEnv, "environment")
	p.add(x.ID, "trace and span id", "id")
	p.add(d.Trace, "trace id", "trace_id")
	p.add(d.Span, "span id", "span_id")
	p.add(d.SpanName, "span name", "span_name")
	p.add(x.RedactionPolicy, httpattr.RedactionPolicy, "policy")
	for i := range d.Identity {
		if v := &d.Identity[i]; v.After != nil && v.After.Text != nil {
			p.add(*v.After.Text, v.Key, v.Name)
		}
	}
	for i := range d.Metadata {
		if v := &d.Metadata[i]; v.After != nil && v.After.Text != nil {
			p.add(*v.After.Text, v.Key, v.Name)
		}
	}
	for name, v := range x.Metadata {
		p.nested(v, httpattr.MetadataPrefix+name, name)
	}
	for _, q := range pairs(x.Query) {
		p.add(q.value, httpattr.URLQuery+" "+q.name, q.name)
	}
	p.message(&x.Request, httpattr.RequestHeaderPrefix, httpattr.RequestBody)
	p.message(&x.Response, httpattr.ResponseHeaderPrefix, httpattr.ResponseBody)
	return p
}

// nested adds the values within an array or a map.
func (p *places) nested(v any, from, name string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			p.nested(e, from, name)
		}
	case map[string]any:
		for k, e := range v {
			p.nested(e, from, k)
		}
	default:
		p.add(textOf(v), from, name)
	}
}

func (p *places) message(m *inspect.Message, prefix, bodyKey string) {
	for i := range m.Headers {
		for _, v := range m.Headers[i].Values {
			p.add(v, prefix+m.Headers[i].Name, m.Headers[i].Name)
		}
		p.add(strings.Join(m.Headers[i].Values, ", "), prefix+m.Headers[i].Name, m.Headers[i].Name)
	}
	if len(m.Body.Data) == 0 {
		return
	}
	p.add(string(m.Body.Data), bodyKey, "body")
	n := 0
	leaves(m.Body.Data, func(l jsonwalk.Leaf) bool {
		name := ""
		for i := len(l.Path) - 1; i >= 0 && name == ""; i-- {
			name = l.Path[i].Key
		}
		p.add(l.Text, bodyKey+" "+jsonwalk.Text(l.Path), name)
		n++
		return n < maxLeaves
	})
}
