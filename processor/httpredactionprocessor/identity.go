// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/caller"
	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/internal/jsonfind"
	"github.com/apispan/apispan/redact"
)

// identityTargets are the attributes that identity may set, besides metadata.
var identityTargets = []string{
	httpattr.UserID, httpattr.UserName, httpattr.UserEmail, httpattr.UserFullName, httpattr.EndUserID,
	httpattr.SessionID, httpattr.CompanyID, httpattr.SubscriptionID, httpattr.ConsumerID,
	httpattr.ConsumerLabel, httpattr.ConsumerEmail, httpattr.APIVersion,
}

// deriver makes attributes from others, before redaction. It is immutable.
type deriver struct {
	identity []identityRule
	extract  []extractRule
}

type identityRule struct {
	target string
	plan   caller.Plan
}

// newDeriver checks and compiles identity and extract; nil if there are none. The
// policy says which sources may not become an identity as they are.
func newDeriver(c *Config, policy *redact.Policy) (*deriver, error) {
	var errs []error
	d := &deriver{}
	targets := make([]string, 0, len(c.Identity))
	for t := range c.Identity {
		targets = append(targets, t)
	}
	slices.Sort(targets)
	for _, t := range targets {
		if !slices.Contains(identityTargets, t) && (!strings.HasPrefix(t, httpattr.MetadataPrefix) || t == httpattr.MetadataPrefix) {
			errs = append(errs, fmt.Errorf("identity: %q cannot be set; use one of %s or %s<key>", t, strings.Join(identityTargets, ", "), httpattr.MetadataPrefix))
			continue
		}
		rule := identityRule{target: t}
		if len(c.Identity[t]) == 0 {
			errs = append(errs, fmt.Errorf("identity.%s: has no source; add a list such as [{header: x-user-id}]", t))
		}
		for i, src := range c.Identity[t] {
			step, err := c.step(t, src, policy)
			if err != nil {
				errs = append(errs, fmt.Errorf("identity.%s[%d]: %w", t, i, err))
				continue
			}
			rule.plan = append(rule.plan, step)
		}
		d.identity = append(d.identity, rule)
	}
	for i, e := range c.Extract {
		rule, err := e.compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("extract[%d]: %w", i, err))
			continue
		}
		d.extract = append(d.extract, rule)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(d.identity)+len(d.extract) == 0 {
		return nil, nil //nolint:nilnil // no deriver is a valid answer
	}
	return d, nil
}

// step compiles a source of an identity and says what becomes of its values.
func (c *Config) step(target string, sc SourceConfig, policy *redact.Policy) (step caller.Step, err error) {
	source, field, err := sc.compile()
	if err != nil {
		return step, err
	}
	step.Source = source
	place, names := source.Judged()
	switch {
	case target == httpattr.SessionID:
		step.How = caller.Digested
	case place == "" || !redact.MayHide(policy, place, names...), policy.AlwaysHides("attributes", target):
	case c.SessionKey == nil:
		return step, fmt.Errorf("%s: %s holds a credential, or what the policy hides, which would become %s in clear; "+
			"add session_key, whose key then makes a pseudonym of it, put %s under policy.keys.hmac, or read who it belongs to, with jwt or another source", field, source.Name(), target, target)
	default:
		step.How = caller.Hidden
	}
	return step, nil
}

// compile turns the one source that is set into one of package caller. field is its
// key.
func (s SourceConfig) compile() (source caller.Source, field string, err error) {
	n := 0
	set := func(is bool, key string, f func() (caller.Source, error)) {
		if !is {
			return
		}
		n, field = n+1, key
		var e error
		if source, e = f(); e != nil {
			err = fmt.Errorf("%s: %w", key, e)
		}
	}
	named := func(name string, f func(string) caller.Source) func() (caller.Source, error) {
		return func() (caller.Source, error) { return f(name), nil }
	}
	set(s.Header != "", "header", named(s.Header, caller.Header))
	set(s.Cookie != "", "cookie", named(s.Cookie, caller.Cookie))
	set(s.Query != "", "query", named(s.Query, caller.Query))
	set(s.JWT != nil, "jwt", func() (caller.Source, error) {
		return caller.JWT(cmp.Or(s.JWT.Claim, "sub"), cmp.Or(s.JWT.Header, "authorization")), nil
	})
	set(s.BasicUser, "basic_user", func() (caller.Source, error) { return caller.BasicUser(), nil })
	set(s.Attribute != "", "attribute", func() (caller.Source, error) { return attributeSource(s.Attribute) })
	set(s.Resource != "", "resource", named(s.Resource, caller.Resource))
	set(s.JSONBody != "", "json_body", func() (caller.Source, error) { return bodySource(false, s.JSONBody) })
	set(s.ResponseJSONBody != "", "response_json_body", func() (caller.Source, error) { return bodySource(true, s.ResponseJSONBody) })
	if n != 1 {
		return source, field, fmt.Errorf("has %d sources; set exactly one of header, cookie, query, jwt, basic_user, json_body, response_json_body, attribute, resource", n)
	}
	return source, field, err
}

func bodySource(response bool, path string) (caller.Source, error) {
	names, ok := jsonfind.ParsePath(path)
	if !ok {
		return caller.Source{}, fmt.Errorf("%q is not a path of plain names; write $.name or $.name.name", path)
	}
	return caller.Body(response, names), nil
}

// attributeSource is an attribute as a source. A header field is read as one, so that
// the same rules hold for it; what holds many values is none.
func attributeSource(key string) (caller.Source, error) {
	ki := newVocabulary(vocabularyNames(), nil).info(key)
	switch {
	case ki.header != "":
		return caller.Header(ki.header), nil
	case ki.fields != "":
		return caller.Source{}, fmt.Errorf("%q holds all header fields; write header: <name> to read one", key)
	case ki.place == placeBody:
		return caller.Source{}, fmt.Errorf("%q holds a body; write json_body or response_json_body with a path", key)
	case ki.place == placeURL && ki.canonical != httpattr.URLPath:
		return caller.Source{}, fmt.Errorf("%q holds a URL or a query; write query: <parameter>", key)
	}
	if name, ok := strings.CutPrefix(ki.canonical, httpattr.ResponseHeaderPrefix); ok {
		return caller.Other(key, "response_headers", name), nil
	}
	return caller.Other(key, "attributes", key), nil
}

// derive runs identity and extract. It reports whether attrs changed, so that
// w.infos is stale. Sources that cannot be read have no value; nothing fails.
func (w *walker) derive(attrs pcommon.Map) (changed bool) {
	d := w.r.deriver
	req := w.request(attrs)
	type setting struct{ key, value string }
	var set []setting
	for _, rule := range d.identity {
		if v, ok := attrs.Get(rule.target); ok && scalarText(v) != "" {
			continue
		}
		v, out := rule.plan.Read(req, w.r.sessions.secret(), redact.LooksSecret, nil)
		switch out {
		case caller.OK, caller.Unfit:
		case caller.NoKey:
			w.tally.fail(failure{"no_key", "identity"}, 1)
		case caller.Masked:
			w.tally.fail(failure{"unsupported", "identity"}, 1)
		}
		if v != "" {
			set = append(set, setting{rule.target, strings.Clone(v)})
		}
	}
	for _, rule := range d.extract {
		if rule.run(w, attrs) {
			changed = true
			w.gather(attrs)
		}
	}
	for _, s := range set {
		attrs.PutStr(s.key, s.value)
	}
	return changed || len(set) > 0
}
