// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package trial runs a policy over the exchanges in memory and tells what it would change.
// It writes nothing and reads nothing: keys that the policy names in files, variables and
// sources are replaced by one of its own, so a policy that somebody sends opens no file.
package trial

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/api"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/keep"
	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/inspect"
	"github.com/apispan/apispan/redact"
)

// Limits of a run.
const (
	// MaxTime is how long a run may take; Stopped says that it did not come to the end.
	MaxTime = 2 * time.Second
	// maxRows exchanges are shown of those that change, and maxValues values of each.
	maxRows   = 200
	maxValues = 50
)

// Run runs a policy over records until the deadline. raw says that values from before the
// redaction are there: then it runs over those, else over what the present policy has left.
func Run(policy []byte, records []*keep.Record, raw bool, deadline time.Time) api.Sandbox {
	out := api.Sandbox{Problems: []api.Problem{}, Warnings: []api.Problem{}, Rows: []api.Difference{}, Rules: []api.Rule{}, Raw: raw}
	p, dry, err := compile(policy)
	if err != nil {
		out.Problems = problems(err.Error())
		return out
	}
	out.Policy = p.Hash()
	for _, w := range p.Warnings() {
		out.Warnings = append(out.Warnings, problem(w))
	}
	if dry {
		out.Warnings = append(out.Warnings, api.Problem{Text: "dry_run is not followed here: what is shown is what the policy would do.", Remedy: "Take dry_run out before it redacts."})
	}
	s := p.NewScratch()
	defer s.Release()
	s.Track()
	s.Explain()
	t := trial{scratch: s, raw: raw, rules: map[string]*api.Rule{}}
	for _, r := range records {
		if !time.Now().Before(deadline) {
			out.Stopped = true
			break
		}
		d, ok := t.one(r)
		if !ok {
			continue
		}
		out.Looked++
		if len(d.Values) > 0 {
			if out.Changed++; len(out.Rows) < maxRows {
				out.Rows = append(out.Rows, d)
			}
		}
	}
	out.Rules = t.result(p.Hash())
	return out
}

// compile compiles a policy without its keys.
func compile(text []byte) (p *redact.Policy, dry bool, err error) {
	cfg, err := redact.ParseConfig(text)
	if err != nil {
		return nil, false, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails, see its documentation
	for i := range cfg.HMAC.Keys {
		k := &cfg.HMAC.Keys[i]
		given := 0
		for _, s := range []string{k.File, k.Env, k.Value, k.Source} {
			if s != "" {
				given++
			}
		}
		if given == 1 { // else the error is the author's to see
			k.File, k.Env, k.Source, k.Value = "", "", "", hex.EncodeToString(key[:])
		}
	}
	dry, cfg.DryRun = cfg.DryRun, false
	p, err = redact.CompileConfig(cfg)
	return p, dry, err
}

// trial is a run.
type trial struct {
	scratch *redact.Scratch
	raw     bool
	rules   map[string]*api.Rule
}

// one runs the policy over one exchange. ok is false if there is nothing of it to run over.
func (t *trial) one(r *keep.Record) (api.Difference, bool) {
	x := show.Exchange(r)
	now := r.After()
	if now == nil {
		now = spanOf(x)
	}
	from := now
	if t.raw && r.Before != nil && len(r.Stages) > 0 {
		from = r.Before
	}
	s := t.scratch
	s.Begin(exchangeOf(x, from))
	d := difference{Difference: api.Difference{ID: r.ID(), Summary: show.Summary(x), Values: []api.Value{}}}
	for _, part := range []struct {
		location  string
		from, now []inspect.Attribute
	}{
		{"", from.Attributes, now.Attributes}, {"resource", from.Resource, now.Resource}, {"event", from.Events, now.Events},
	} {
		for i := range part.from {
			a := &part.from[i]
			if httpattr.IsRedactionStamp(a.Key) {
				continue
			}
			name := a.Key
			if part.location == "event" {
				_, name, _ = strings.Cut(a.Key, "/")
			}
			before := len(s.Decisions())
			then, kept := Value(s, name, a.Value)
			why := s.Decisions()
			d.compare(part.location, a.Key, find(part.now, a.Key), then, kept, why[min(before, len(why)):], why)
		}
	}
	t.count(d.ID)
	return d.Difference, true
}

// count adds what was decided over one exchange to the rules.
func (t *trial) count(id string) {
	for _, d := range t.scratch.Decisions() {
		r := t.rules[d.Rule]
		if r == nil {
			r = &api.Rule{Component: "sandbox", Rule: d.Rule, Places: []api.Count{}, Actions: []api.Count{}}
			t.rules[d.Rule] = r
		}
		r.Hits += int64(d.N)
		r.Example = id
		r.Places = addCount(r.Places, strings.TrimSpace(d.Place+" "+d.Path), int64(d.N))
		r.Actions = addCount(r.Actions, d.Action, int64(d.N))
	}
}

func addCount(list []api.Count, name string, n int64) []api.Count {
	for i := range list {
		if list[i].Name == name {
			list[i].N += n
			return list
		}
	}
	if len(list) >= 50 {
		return list
	}
	return append(list, api.Count{Name: name, N: n})
}

// result lists the rules: those that hit, most hits first, then those of the policy that
// did not.
func (t *trial) result(hash string) []api.Rule {
	out := make([]api.Rule, 0, len(t.rules))
	for _, r := range t.rules {
		r.Policy = hash
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b api.Rule) int {
		if a.Hits != b.Hits {
			return int(min(max(b.Hits-a.Hits, -1), 1))
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	for _, h := range t.scratch.Hits() {
		if t.rules[h.ID] == nil {
			out = append(out, api.Rule{Component: "sandbox", Policy: hash, Rule: h.ID, Hits: 0, Places: []api.Count{}, Actions: []api.Count{}})
		}
	}
	return out
}

func find(list []inspect.Attribute, key string) *inspect.Attribute {
	for i := range list {
		if list[i].Key == key {
			return &list[i]
		}
	}
	return nil
}

// exchangeOf is what scoped rules ask about.
func exchangeOf(x *inspect.Exchange, span *inspect.Span) redact.Exchange {
	ex := redact.Exchange{
		Direction: redact.Incoming, Method: x.Method, Host: hostname(x.Host), Route: x.Route, Path: x.Path, Status: x.Status, Tenant: x.CompanyID,
		Fields:             fieldsOf{x},
		RequestContentType: show.Get(&x.Request, "content-type"), ResponseContentType: show.Get(&x.Response, "content-type"),
		RequestTruncated: x.Request.Body.Truncated, ResponseTruncated: x.Response.Body.Truncated,
	}
	if x.Outgoing {
		ex.Direction = redact.Outgoing
	}
	if ex.Route == "" {
		ex.Route, ex.Path = x.Path, ""
	}
	for i := range span.Attributes {
		switch a := &span.Attributes[i]; a.Key {
		case httpattr.RequestBody:
			ex.RequestTruncated = ex.RequestTruncated || cut(a)
		case httpattr.ResponseBody:
			ex.ResponseTruncated = ex.ResponseTruncated || cut(a)
		}
	}
	return ex
}

// cut reports whether an attribute is kept in part.
func cut(a *inspect.Attribute) bool {
	switch v := a.Value.(type) {
	case string:
		return len(v) < a.Len
	case []byte:
		return len(v) < a.Len
	}
	return false
}

func hostname(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

type fieldsOf struct{ x *inspect.Exchange }

// Field implements redact.Fields.
func (f fieldsOf) Field(side redact.Side, name string) ([]string, bool) {
	m := &f.x.Request
	if side == redact.Response {
		m = &f.x.Response
	}
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Values, true
		}
	}
	return nil, false
}

// spanOf is an exchange that no redaction has shown, as attributes.
func spanOf(x *inspect.Exchange) *inspect.Span {
	span := &inspect.Span{}
	add := func(key string, v any) {
		if text, ok := v.(string); !ok || text != "" {
			span.Attributes = append(span.Attributes, inspect.Attribute{Key: key, Value: v})
		}
	}
	add(httpattr.URLPath, x.Path)
	add(httpattr.URLQuery, x.Query)
	for key, v := range map[string]string{
		httpattr.ClientAddress: x.ClientAddress, httpattr.UserID: x.UserID, httpattr.UserFullName: x.UserName, httpattr.UserEmail: x.UserEmail,
		httpattr.CompanyID: x.CompanyID, httpattr.ConsumerID: x.ConsumerID, httpattr.ConsumerLabel: x.Label, httpattr.SessionID: x.SessionID,
		httpattr.SubscriptionID: x.SubscriptionID,
	} {
		add(key, v)
	}
	for k, v := range x.Metadata {
		add(httpattr.MetadataPrefix+k, v)
	}
	for _, side := range []struct {
		m            *inspect.Message
		prefix, body string
	}{{&x.Request, httpattr.RequestHeaderPrefix, httpattr.RequestBody}, {&x.Response, httpattr.ResponseHeaderPrefix, httpattr.ResponseBody}} {
		for i := range side.m.Headers {
			h := &side.m.Headers[i]
			list := make([]any, len(h.Values))
			for j, v := range h.Values {
				list[j] = v
			}
			add(side.prefix+h.Name, list)
		}
		if b := &side.m.Body; b.Binary {
			add(side.body, b.Data)
		} else {
			add(side.body, string(b.Data))
		}
	}
	return span
}
