// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net"
	"net/http"
	"strconv"
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
	return 2
}

// redact passes attributes through the policy, and what the span has already.
func (rec *record) redact(attrs []attribute.KeyValue, o *outcome, route string, req, res *body) []attribute.KeyValue {
	c := rec.cfg
	s := c.policy.NewScratch()
	defer s.Release()
	s.Begin(redactExchange(c, o, route, req, res))

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

	// The tracing instrumentation has written the URL and addresses before us. A
	// stamp that did not cover them would be a lie.
	readable, ok := rec.span.(interface{ Attributes() []attribute.KeyValue })
	if !ok {
		return out
	}
	for _, kv := range readable.Attributes() {
		if own[kv.Key] {
			continue
		}
		switch kv, effect := redactAttr(s, kv); effect {
		case redact.Changed:
			out = append(out, kv)
		case redact.Removed: // the API cannot delete an attribute
			out = append(out, kv.Key.String(redacted))
		}
	}
	out = append(out, attribute.String(httpattr.RedactionPolicy, c.policyStamp))
	if n := s.Stats().Total(); n > 0 {
		out = append(out, attribute.Int(httpattr.RedactionCount, n))
	}
	return out
}

func redactExchange(c *config, o *outcome, route string, req, res *body) redact.Exchange {
	ex := redact.Exchange{
		Direction:           redact.Incoming,
		Method:              o.r.Method,
		Host:                o.r.Host,
		Route:               route,
		RequestContentType:  req.contentType,
		ResponseContentType: res.contentType,
		RequestTruncated:    req.truncated || req.incomplete,
		ResponseTruncated:   res.truncated || res.incomplete,
	}
	if c.side == clientSide {
		ex.Direction = redact.Outgoing
	}
	if ex.Method == "" {
		ex.Method = http.MethodGet
	}
	if o.r.URL != nil {
		if ex.Route == "" {
			ex.Route = o.r.URL.Path
		}
		if c.side == clientSide || ex.Host == "" {
			ex.Host = o.r.URL.Host
		}
	}
	if h, _, err := net.SplitHostPort(ex.Host); err == nil {
		ex.Host = h
	}
	return ex
}

// redactAttr applies the policy to one attribute of any type.
func redactAttr(s *redact.Scratch, kv attribute.KeyValue) (attribute.KeyValue, redact.Effect) {
	key := string(kv.Key)
	if chosenKey(key) && s.AttributeKey(key) != redact.Unchanged {
		return kv, redact.Removed
	}
	switch kv.Value.Type() {
	case attribute.STRING:
		v, effect := s.Attribute(key, kv.Value.AsString())
		if effect == redact.Changed {
			kv = kv.Key.String(v)
		}
		return kv, effect
	case attribute.BYTESLICE:
		v, effect := s.AttributeBytes(key, kv.Value.AsByteSlice())
		if effect == redact.Changed {
			kv = kv.Key.ByteSlice(v)
		}
		return kv, effect
	case attribute.STRINGSLICE:
		return redactStrings(s, kv)
	case attribute.INT64:
		return redactText(s, kv, strconv.FormatInt(kv.Value.AsInt64(), 10))
	case attribute.FLOAT64:
		return redactText(s, kv, strconv.FormatFloat(kv.Value.AsFloat64(), 'f', -1, 64))
	case attribute.BOOL:
		return kv, redact.Unchanged
	default:
		// Slices of numbers and the like: their text stands for them.
		return redactText(s, kv, kv.Value.Emit())
	}
}

func redactText(s *redact.Scratch, kv attribute.KeyValue, text string) (attribute.KeyValue, redact.Effect) {
	v, effect := s.Attribute(string(kv.Key), text)
	if effect == redact.Changed {
		kv = kv.Key.String(v)
	}
	return kv, effect
}

func redactStrings(s *redact.Scratch, kv attribute.KeyValue) (attribute.KeyValue, redact.Effect) {
	vs := kv.Value.AsStringSlice()
	changed := redact.Unchanged
	out := vs[:0]
	for _, v := range vs {
		nv, effect := s.Attribute(string(kv.Key), v)
		switch effect {
		case redact.Removed:
			changed = redact.Changed
			continue
		case redact.Changed:
			changed, v = redact.Changed, nv
		}
		out = append(out, v)
	}
	if len(out) == 0 && len(vs) > 0 {
		return kv, redact.Removed
	}
	if changed == redact.Changed {
		kv = kv.Key.StringSlice(out)
	}
	return kv, changed
}

// chosenKey reports whether a part of the key was chosen by the caller or the
// application and so may itself be a secret.
func chosenKey(key string) bool {
	return strings.HasPrefix(key, httpattr.RequestHeaderPrefix) ||
		strings.HasPrefix(key, httpattr.ResponseHeaderPrefix) ||
		strings.HasPrefix(key, httpattr.MetadataPrefix)
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
	if name != "" && (isCredential(name) || set.masksName(name)) {
		return kv.Key.StringSlice([]string{redacted})
	}
	return kv
}

// cut limits the attributes that could not be cut before the policy saw them.
func (c *config) cut(kv attribute.KeyValue) attribute.KeyValue {
	switch kv.Value.Type() {
	case attribute.STRING:
		limit := c.valueLimit
		if kv.Key == httpattr.URLQuery {
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
