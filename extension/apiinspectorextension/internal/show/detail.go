// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
)

// Env is what details need beyond the record.
type Env struct {
	Sources map[string]inspect.Source
	Version string // of the Collector
	// New reports whether a field of the exchange is a new one; may be nil.
	New func(x *inspect.Exchange, location, path string) bool
	// Raw is true if values from before the redaction are kept.
	Raw bool
}

// detail is a Detail in the making.
type detail struct {
	api.Detail

	env           *Env
	rec           *keep.Record
	x             *inspect.Exchange
	why           why
	before, after *attributes
}

// Detail makes the details of a record.
func Detail(r *keep.Record, env *Env) *api.Detail {
	x := Exchange(r)
	d := &detail{env: env, rec: r, x: x}
	d.Row = Row(r)
	d.Trace, d.Span = hex.EncodeToString(r.Key.Trace[:]), hex.EncodeToString(r.Key.Span[:])
	d.EventID, d.Environment, d.Protocol, d.URL = x.ID, clean(x.Environment), clean(x.Protocol), clean(URL(x))
	d.HasBefore, d.Raw, d.Policy = len(r.Stages) > 0, env.Raw && r.Before != nil, x.RedactionPolicy
	d.Decisions = []api.Decision{}
	for i := range r.Stages {
		st := &r.Stages[i]
		for _, w := range st.Why {
			d.why = append(d.why, w)
			d.Decisions = append(d.Decisions, api.Decision{
				Component: st.Component, Rule: w.Rule, Place: w.Place, Path: clean(w.Path), Action: w.Action, Outcome: w.Outcome, N: max(w.N, 1),
			})
		}
	}
	if r.Before != nil {
		d.before = attributesOf(r.Before.Attributes)
		d.SpanName = clean(r.Before.Name)
	}
	if a := r.After(); a != nil {
		d.after = attributesOf(a.Attributes)
		d.SpanName = clean(a.Name)
	}
	d.messages()
	d.identity()
	d.metadata()
	d.others()
	d.vendors()
	return &d.Detail
}

// value makes a value of what stood under a key before and after. If no attribute has it
// after, exporters may know it under another key: then fallback is what they read.
func (d *detail) value(location, name, key, fallback string, places ...string) (api.Value, bool) {
	b, a := side(d.before.take(key)), side(d.after.take(key))
	if a == nil && fallback != "" {
		a = textSide(fallback)
		if alias := d.alias(fallback); alias != "" {
			key = alias
			b, a = side(d.before.take(key)), side(d.after.take(key))
		}
	}
	return d.judged(location, name, key, b, a, places...)
}

func (d *detail) judged(location, name, key string, b, a *api.Side, places ...string) (api.Value, bool) {
	if b == nil && a == nil {
		return api.Value{}, false
	}
	decided, rule := d.why.find(name, places...)
	if decided == "" {
		decided, rule = d.why.find(key, "attribute", "text")
	}
	v := api.Value{Name: clean(name), Key: clean(key), Before: b, After: a, Decision: judge(b, a, decided, d.HasBefore)}
	if v.Decision != Kept && v.Decision != Added {
		v.Rule = rule
	}
	if d.env.New != nil {
		v.New = d.env.New(d.x, location, name)
	}
	return v, true
}

// alias finds the attribute of another producer that holds a text.
func (d *detail) alias(text string) string {
	if d.after == nil || len(text) < 2 {
		return ""
	}
	for i := range d.after.list {
		if s, ok := d.after.list[i].Value.(string); ok && s == text && !d.after.shown[i] {
			return d.after.list[i].Key
		}
	}
	return ""
}

func (d *detail) messages() {
	x := d.x
	version := x.Protocol
	if version == "" {
		version = "1.1"
	}
	d.Request = d.message(&x.Request, "request", httpattr.RequestHeaderPrefix, httpattr.RequestBody)
	d.Request.Start = clean(fmt.Sprintf("%s %s HTTP/%s", orOther(x.Method), Target(x), version))
	d.Response = d.message(&x.Response, "response", httpattr.ResponseHeaderPrefix, httpattr.ResponseBody)
	if d.Response.Start = "no response"; x.Status != 0 {
		d.Response.Start = strings.TrimSpace(fmt.Sprintf("HTTP/%s %d %s", clean(version), x.Status, http.StatusText(x.Status)))
	}
	d.query()
}

func orOther(method string) string {
	if method == "" {
		return "_OTHER"
	}
	return method
}

func (d *detail) message(m *inspect.Message, which, prefix, bodyKey string) api.Message {
	out := api.Message{Query: []api.Value{}, Headers: []api.Value{}}
	place := which + "_header"
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, list := range [][]*inspect.Attribute{d.before.takePrefix(prefix), d.after.takePrefix(prefix)} {
		for _, a := range list {
			add(a.Key[len(prefix):])
		}
	}
	for i := range m.Headers {
		add(m.Headers[i].Name)
	}
	slices.Sort(names)
	for _, name := range names {
		fallback := ""
		for i := range m.Headers {
			if m.Headers[i].Name == name {
				fallback = strings.Join(m.Headers[i].Values, ", ")
			}
		}
		v, ok := d.value(which+" header", name, prefix+name, fallback, place, "cookie", "set_cookie")
		if !ok {
			continue
		}
		if v.Decision == Kept || v.Decision == Masked {
			d.inside(&v, name, place)
		}
		out.Headers = append(out.Headers, v)
	}
	out.Body = d.body(&m.Body, which, bodyKey, Get(m, "content-type"))
	return out
}

// inside tells of a field with cookies what became of one of them, as they have names of
// their own.
func (d *detail) inside(v *api.Value, name, place string) {
	if v.Rule != "" || v.Decision == Kept && v.Before != nil && v.Before.Text != nil {
		return
	}
	var places []string
	switch {
	case name == "cookie":
		places = []string{"cookie"}
	case name == "set-cookie":
		places = []string{"set_cookie"}
	default:
		places = []string{place}
	}
	for i := range d.why {
		if w := &d.why[i]; slices.Contains(places, w.Place) && (place != w.Place || strings.HasPrefix(w.Path, name)) {
			if o := Outcome(w.Action, w.Outcome); o != Kept {
				v.Decision, v.Rule = o, w.Rule
				return
			}
		}
	}
}

// query shows the parameters, which have no attributes of their own.
func (d *detail) query() {
	raw := func(a *attributes) (string, *inspect.Attribute) {
		if q := a.take(httpattr.URLQuery); q != nil {
			return textOf(q.Value), q
		}
		if u := a.take(httpattr.URLFull); u != nil {
			_, q, _ := strings.Cut(textOf(u.Value), "?")
			q, _, _ = strings.Cut(q, "#")
			return q, u
		}
		return "", nil
	}
	d.before.take(httpattr.URLPath)
	d.after.take(httpattr.URLPath)
	was, a := raw(d.before)
	_, b := raw(d.after)
	before, after := pairs(was), pairs(d.x.Query)
	key := httpattr.URLQuery
	if a != nil {
		key = a.Key
	} else if b != nil {
		key = b.Key
	}
	known := a != nil && a.Value != nil
	at := 0 // in before
	for _, p := range after {
		var bs *api.Side
		if known {
			for i := at; i < len(before); i++ {
				if before[i].name == p.name {
					bs, at = textSide(before[i].value), i+1
					break
				}
			}
		}
		v, _ := d.judged("query", p.name, key, bs, textSide(p.value), "query")
		if !known { // type and length of the whole only
			if v.Decision == Added {
				v.Decision = Kept
			}
			if o, rule := d.why.find(p.name, "query"); o != "" {
				v.Decision, v.Rule = o, rule
			}
		}
		d.Request.Query = append(d.Request.Query, v)
	}
	for _, p := range before {
		if !slices.ContainsFunc(after, func(o pair) bool { return o.name == p.name }) && known {
			v, _ := d.judged("query", p.name, key, textSide(p.value), nil, "query")
			d.Request.Query = append(d.Request.Query, v)
		}
	}
}

// identity shows who called.
func (d *detail) identity() {
	x := d.x
	d.Identity = []api.Value{}
	for _, id := range []struct{ name, key, value string }{
		{"user id", httpattr.UserID, x.UserID},
		{"user id", httpattr.EndUserID, ""},
		{"user name", httpattr.UserName, ""},
		{"user name", httpattr.UserFullName, x.UserName},
		{"user e-mail", httpattr.UserEmail, x.UserEmail},
		{"company id", httpattr.CompanyID, x.CompanyID},
		{"consumer id", httpattr.ConsumerID, x.ConsumerID},
		{"consumer label", httpattr.ConsumerLabel, x.Label},
		{"consumer e-mail", httpattr.ConsumerEmail, ""},
		{"subscription id", httpattr.SubscriptionID, x.SubscriptionID},
		{"session id", httpattr.SessionID, x.SessionID},
		{"session key", httpattr.SessionKey, ""},
		{"client address", httpattr.ClientAddress, x.ClientAddress},
	} {
		if id.value != "" && slices.ContainsFunc(d.Identity, func(v api.Value) bool { return v.After != nil && v.After.Text != nil && *v.After.Text == id.value }) {
			id.value = ""
		}
		v, ok := d.value("identity", id.name, id.key, id.value, "attribute")
		if !ok {
			continue
		}
		// An address that was truncated may be as long as it was, and has no name in the policy.
		if id.key == httpattr.ClientAddress && (v.Before == nil || v.Before.Text == nil || v.Decision != Kept) {
			if o, rule := d.why.in("client_ip"); o != "" {
				v.Decision, v.Rule = o, rule
			}
		}
		d.Identity = append(d.Identity, v)
	}
}

func (d *detail) metadata() {
	d.Metadata = []api.Value{}
	names := map[string]bool{}
	for _, list := range [][]*inspect.Attribute{d.before.takePrefix(httpattr.MetadataPrefix), d.after.takePrefix(httpattr.MetadataPrefix)} {
		for _, a := range list {
			names[a.Key[len(httpattr.MetadataPrefix):]] = true
		}
	}
	for name := range d.x.Metadata {
		names[name] = true
	}
	for _, name := range sorted(names) {
		fallback := textOf(d.x.Metadata[name])
		if v, ok := d.value("metadata", name, httpattr.MetadataPrefix+name, fallback, "attribute"); ok {
			d.Metadata = append(d.Metadata, v)
		}
	}
}

func sorted(names map[string]bool) []string {
	out := make([]string, 0, len(names))
	for n := range names {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// others shows what is no part of the exchange proper.
func (d *detail) others() {
	d.Other = d.rest("attribute", d.before, d.after)
	var b, a *attributes
	var be, ae *attributes
	if s := d.rec.Before; s != nil {
		b, be = attributesOf(s.Resource), attributesOf(s.Events)
	}
	if s := d.rec.After(); s != nil {
		a, ae = attributesOf(s.Resource), attributesOf(s.Events)
	}
	d.Resource, d.Events = d.rest("resource", b, a), d.rest("event", be, ae)
}

func (d *detail) rest(location string, before, after *attributes) []api.Value {
	names := map[string]bool{}
	for _, list := range [][]*inspect.Attribute{before.rest(), after.rest()} {
		for _, a := range list {
			names[a.Key] = true
		}
	}
	out := []api.Value{}
	for _, key := range sorted(names) {
		name := key
		if location == "event" {
			_, name, _ = strings.Cut(key, "/")
		}
		b, a := side(before.take(key)), side(after.take(key))
		if v, ok := d.judged(location, key, name, b, a, "attribute", "text"); ok {
			v.Key = clean(key)
			out = append(out, v)
		}
	}
	return out
}
