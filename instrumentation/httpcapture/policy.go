// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/redact"
)

// policyAttrs is how many attributes a policy may add.
func (c *config) policyAttrs() int {
	if c.policy == nil {
		return 0
	}
	return 4
}

// redact passes attributes through the policy, and what the span has already.
//
// The tracing instrumentation has written the URL and addresses before us; a
// stamp that did not cover them would be a lie. A span that does not let its
// attributes be read is not stamped, so that an exporter that requires redaction
// refuses it; nor is one that has an attribute of others with a secret in its key.
func (rec *record) redact(attrs []attribute.KeyValue, o *outcome) []attribute.KeyValue {
	c := rec.cfg
	readable, ok := rec.span.(interface{ Attributes() []attribute.KeyValue })
	var there []attribute.KeyValue
	if ok {
		there = readable.Attributes()
	}
	s := c.policy.NewScratch()
	defer s.Release()
	s.Begin(c.redactExchange(o, there, attrs))

	own := make(map[attribute.Key]bool, len(attrs))
	out := attrs[:0]
	for _, kv := range attrs {
		own[kv.Key] = true
		kv, effect := redactAttr(s, kv)
		if effect == redact.Unchanged {
			kv = c.maskCredential(kv)
		}
		if effect != redact.Removed {
			out = append(out, c.cut(kv))
		}
	}
	clear(attrs[len(out):])
	if !ok {
		return out
	}
	clean := true // the keys are
	for _, kv := range there {
		if own[kv.Key] || rec.stamped && httpattr.IsRedactionStamp(string(kv.Key)) {
			continue // the stamp is ours; before, somebody else has written it
		}
		switch kv, effect := redactAttr(s, kv); effect {
		case redact.Changed:
			out = append(out, kv)
		case redact.Removed: // the API cannot delete an attribute
			out = append(out, kv.Key.String(redacted))
			clean = clean && s.AttributeKey(string(kv.Key)) == redact.Unchanged
		}
	}
	if !clean {
		return out
	}
	rec.stamped = true
	return c.stamp(out, s)
}

// stamp says that the policy was applied, and how much it did, as the
// http_redaction processor does. In a dry run nothing was applied.
func (c *config) stamp(out []attribute.KeyValue, s *redact.Scratch) []attribute.KeyValue {
	if c.dryRun {
		return appendDecisions(out, httpattr.RedactionDryRun, s)
	}
	out = append(out, attribute.String(httpattr.RedactionPolicy, c.policyStamp))
	audit := c.policy.Audit()
	if audit == "off" {
		return out
	}
	if n := s.Stats().Total(); n > 0 {
		out = append(out, attribute.Int(httpattr.RedactionCount, n))
	}
	if audit != "rules" {
		return out
	}
	var rules []string
	for _, n := range s.Counts() {
		if n.Rule != "" && !slices.Contains(rules, n.Rule) {
			rules = append(rules, n.Rule)
		}
	}
	if len(rules) > 0 {
		slices.Sort(rules)
		out = append(out, attribute.StringSlice(httpattr.RedactionRules, rules))
	}
	return appendDecisions(out, httpattr.RedactionDecisions, s)
}

// appendDecisions tells what was done, where and by which rule, if the policy has
// audit: rules.
func appendDecisions(out []attribute.KeyValue, key attribute.Key, s *redact.Scratch) []attribute.KeyValue {
	ds := s.Decisions()
	if len(ds) == 0 {
		return out
	}
	texts := make([]string, len(ds))
	for i := range ds {
		texts[i] = ds[i].String()
	}
	return append(out, key.StringSlice(texts))
}

// redactExchange gathers what scoped rules ask for from attributes and not from
// the request, since that is all that a Collector has: equal results need equal
// facts.
func (c *config) redactExchange(o *outcome, lists ...[]attribute.KeyValue) redact.Exchange {
	ex := redact.Exchange{Direction: redact.Incoming, Method: o.r.Method, Host: o.r.Host}
	if c.side == clientSide {
		ex.Direction = redact.Outgoing
		if o.r.URL != nil {
			ex.Host = o.r.URL.Host
		}
	}
	if h, _, err := net.SplitHostPort(ex.Host); err == nil {
		ex.Host = h
	}
	path := ""
	if o.r.URL != nil {
		path = o.r.URL.Path
	}
	for _, list := range lists {
		for _, kv := range list {
			switch kv.Key {
			case httpattr.RequestMethod:
				ex.Method = kv.Value.AsString()
			case httpattr.ServerAddress:
				ex.Host = kv.Value.AsString()
			case httpattr.Route:
				ex.Route = kv.Value.AsString()
			case httpattr.CompanyID:
				ex.Tenant = kv.Value.AsString()
			case httpattr.RequestHeaderPrefix + "content-type":
				ex.RequestContentType = firstOf(kv)
			case httpattr.ResponseHeaderPrefix + "content-type":
				ex.ResponseContentType = firstOf(kv)
			case httpattr.RequestBodyTruncated, httpattr.RequestBodyIncomplete:
				ex.RequestTruncated = true
			case httpattr.ResponseBodyTruncated, httpattr.ResponseBodyIncomplete:
				ex.ResponseTruncated = true
			}
		}
	}
	if ex.Route == "" {
		ex.Route = path
	} else {
		ex.Path = path
	}
	ex.Host = strings.Trim(ex.Host, "[]")
	if !o.failed {
		ex.Status = o.status
	}
	if c.policyScoped {
		ex.Fields = fieldsIn(lists)
	}
	return ex
}

// fieldsIn finds header fields among attributes.
type fieldsIn [][]attribute.KeyValue

func (c fieldsIn) Field(side redact.Side, name string) (values []string, ok bool) {
	prefix := httpattr.RequestHeaderPrefix
	if side == redact.Response {
		prefix = httpattr.ResponseHeaderPrefix
	}
	for _, list := range c {
		for _, kv := range list {
			if n, header := strings.CutPrefix(string(kv.Key), prefix); header && n == name {
				values, ok = kv.Value.AsStringSlice(), true // the last one counts, as on the span
			}
		}
	}
	return values, ok
}

func firstOf(kv attribute.KeyValue) string {
	if vs := kv.Value.AsStringSlice(); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

// redactAttr applies the policy to one attribute of any type.
func redactAttr(s *redact.Scratch, kv attribute.KeyValue) (attribute.KeyValue, redact.Effect) {
	key := string(kv.Key)
	if s.AttributeKey(key) != redact.Unchanged {
		return kv, redact.Removed
	}
	switch kv.Value.Type() {
	case attribute.EMPTY:
		return kv, redact.Unchanged
	case attribute.BYTESLICE:
		v, effect := s.AttributeBytes(key, kv.Value.AsByteSlice())
		if effect == redact.Changed {
			kv = kv.Key.ByteSlice(v)
		}
		return kv, effect
	case attribute.STRINGSLICE, attribute.INT64SLICE, attribute.FLOAT64SLICE, attribute.BOOLSLICE, attribute.SLICE:
		return redactList(s, kv)
	}
	v, effect := s.Attribute(key, scalarText(kv.Value))
	if effect == redact.Changed {
		kv = kv.Key.String(v)
	}
	return kv, effect
}

// redactList judges the elements of an array one by one where each is a value of its
// own, as the lines of a header field are, and any other array by the rules for a JSON
// array.
func redactList(s *redact.Scratch, kv attribute.KeyValue) (attribute.KeyValue, redact.Effect) {
	key := string(kv.Key)
	k := redact.NewKey(key)
	each := k.EachElement()
	var n redact.Node
	if !each {
		n = s.AttributeNode(key)
		if v, effect := s.Subtree(n); effect != redact.Unchanged {
			return kv.Key.String(v), effect
		}
	}
	in := elements(kv.Value)
	out := make([]attribute.Value, 0, len(in))
	changed, texts := false, true
	before := ""
	for i, e := range in {
		var v string
		var effect redact.Effect
		text := e.Type() == attribute.STRING
		if each {
			v, effect = s.AttributeOf(&k, scalarText(e))
		} else {
			c := s.Element(n, i)
			if before != "" { // may be the name of this one
				c = s.As(c, before)
			}
			v, effect = s.Leaf(c, kindOf(e), scalarText(e))
			if before = ""; text {
				before = e.AsString()
			}
		}
		switch effect {
		case redact.Removed:
			changed = true
			continue
		case redact.Changed:
			changed, text, e = true, true, attribute.StringValue(v)
		}
		texts = texts && text
		out = append(out, e)
	}
	switch {
	case !changed:
		return kv, redact.Unchanged
	case len(out) == 0 && each:
		return kv, redact.Removed
	case texts:
		strs := make([]string, len(out))
		for i, e := range out {
			strs[i] = e.AsString()
		}
		return kv.Key.StringSlice(strs), redact.Changed
	}
	return kv.Key.Slice(out...), redact.Changed
}

// maskCredential masks a credential field that the policy left alone: those never
// leave as they are.
func (c *config) maskCredential(kv attribute.KeyValue) attribute.KeyValue {
	set, name := c.reqSet, ""
	if n, ok := strings.CutPrefix(string(kv.Key), httpattr.RequestHeaderPrefix); ok {
		name = n
	} else if n, ok := strings.CutPrefix(string(kv.Key), httpattr.ResponseHeaderPrefix); ok {
		set, name = c.resSet, n
	}
	if name == "" || !redact.Credential(name) && !set.masksName(name) {
		return kv
	}
	if vs := kv.Value.AsStringSlice(); len(vs) > 0 && !slices.ContainsFunc(vs, func(v string) bool { return v != "" }) {
		return kv
	}
	return kv.Key.StringSlice([]string{redacted})
}

// cut limits the attributes that could not be cut before the policy saw them.
func (c *config) cut(kv attribute.KeyValue) attribute.KeyValue {
	switch kv.Value.Type() {
	case attribute.STRING:
		limit := c.valueLimit
		switch kv.Key {
		case httpattr.URLQuery, httpattr.URLPath, httpattr.UserAgent:
			limit = maxHeaderValue
		}
		if v := kv.Value.AsString(); limit > 0 && len(v) > limit {
			kv = kv.Key.String(cutString(v, limit))
		}
	case attribute.STRINGSLICE:
		vs := kv.Value.AsStringSlice()
		long := false
		for i, v := range vs {
			if len(v) > maxHeaderValue {
				vs[i], long = cutString(v, maxHeaderValue), true
			}
		}
		if long {
			kv = kv.Key.StringSlice(vs)
		}
	}
	return kv
}
