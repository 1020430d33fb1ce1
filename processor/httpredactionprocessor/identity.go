// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/httpattr"
	"github.com/apispan/apispan/processor/httpredactionprocessor/internal/jsonfind"
)

const (
	// maxIdentity is the longest value, in bytes, that identity takes over. A
	// longer one is not an id.
	maxIdentity = 1024
	// maxToken is the longest JSON Web Token that is decoded, in bytes.
	maxToken = 16 << 10
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
	target  string
	sources []func(w *walker, attrs pcommon.Map) string
}

// newDeriver checks and compiles identity and extract; nil if there are none.
func newDeriver(c *Config) (*deriver, error) {
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
			f, err := src.compile()
			if err != nil {
				errs = append(errs, fmt.Errorf("identity.%s[%d]: %w", t, i, err))
				continue
			}
			rule.sources = append(rule.sources, f)
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

// compile turns the one source that is set into a function.
func (s SourceConfig) compile() (func(*walker, pcommon.Map) string, error) {
	var all []func(*walker, pcommon.Map) string
	add := func(f func(*walker, pcommon.Map) string) { all = append(all, f) }
	if s.Header != "" {
		name := foldedName(s.Header)
		add(func(w *walker, a pcommon.Map) string { return w.requestHeader(a, name) })
	}
	if s.Cookie != "" {
		add(func(w *walker, a pcommon.Map) string { return cookieValue(w.requestHeader(a, "cookie"), s.Cookie) })
	}
	if s.Query != "" {
		add(func(w *walker, a pcommon.Map) string { return w.queryValue(a, s.Query) })
	}
	if s.JWT != nil {
		header, claim := foldedName(s.JWT.Header), s.JWT.Claim
		if header == "" {
			header = "authorization"
		}
		if claim == "" {
			claim = "sub"
		}
		add(func(w *walker, a pcommon.Map) string { return jwtClaim(w.requestHeader(a, header), claim) })
	}
	if s.BasicUser {
		add(func(w *walker, a pcommon.Map) string { return basicUser(w.requestHeader(a, "authorization")) })
	}
	if s.Attribute != "" {
		add(func(_ *walker, a pcommon.Map) string {
			if v, ok := a.Get(s.Attribute); ok {
				return scalarText(v)
			}
			return ""
		})
	}
	if s.Resource != "" {
		add(func(w *walker, _ pcommon.Map) string {
			if v, ok := w.res.Attributes().Get(s.Resource); ok {
				return scalarText(v)
			}
			return ""
		})
	}
	for _, b := range []struct{ path, key, field string }{
		{s.JSONBody, httpattr.RequestBody, "json_body"},
		{s.ResponseJSONBody, httpattr.ResponseBody, "response_json_body"},
	} {
		if b.path == "" {
			continue
		}
		names, ok := jsonfind.ParsePath(b.path)
		if !ok {
			return nil, fmt.Errorf("%s: %q is not a path of plain names; write $.name or $.name.name", b.field, b.path)
		}
		add(func(w *walker, a pcommon.Map) string { return w.bodyValue(a, b.key, names) })
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("has %d sources; set exactly one of header, cookie, query, jwt, basic_user, json_body, response_json_body, attribute, resource", len(all))
	}
	return all[0], nil
}

// derive runs identity and extract. It reports whether attrs changed, so that
// w.infos is stale. Sources that cannot be read have no value; nothing fails.
func (w *walker) derive(attrs pcommon.Map) (changed bool) {
	d := w.r.deriver
	type setting struct{ key, value string }
	var set []setting
	for _, rule := range d.identity {
		if v, ok := attrs.Get(rule.target); ok && scalarText(v) != "" {
			continue
		}
		for _, source := range rule.sources {
			if v := source(w, attrs); v != "" && len(v) <= maxIdentity && utf8.ValidString(v) {
				set = append(set, setting{rule.target, strings.Clone(v)})
				break
			}
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

// find returns the attributes for which match is true, in order.
func (w *walker) find(attrs pcommon.Map, match func(*keyInfo) bool, f func(pcommon.Value) (found bool)) {
	i := -1
	for _, v := range attrs.All() {
		i++
		if match(w.infos[i]) && f(v) {
			return
		}
	}
}

// requestHeader returns the first value of a request header field, in whatever
// vocabulary it is.
func (w *walker) requestHeader(attrs pcommon.Map, name string) (out string) {
	w.find(attrs, func(ki *keyInfo) bool {
		return ki.header == name || ki.fields == httpattr.RequestHeaderPrefix
	}, func(v pcommon.Value) bool {
		if v.Type() != pcommon.ValueTypeMap {
			out = firstString(v)
			return out != ""
		}
		for k, field := range v.Map().All() {
			if foldedName(k) == name {
				out = firstString(field)
			}
		}
		return out != ""
	})
	return out
}

// queryValue returns the first value of a query parameter, decoded.
func (w *walker) queryValue(attrs pcommon.Map, name string) (out string) {
	w.find(attrs, func(ki *keyInfo) bool {
		return ki.canonical == httpattr.URLQuery || ki.canonical == httpattr.URLFull
	}, func(v pcommon.Value) bool {
		raw := firstString(v)
		if i := strings.IndexByte(raw, '?'); i >= 0 {
			raw = raw[i+1:]
		}
		raw, _, _ = strings.Cut(raw, "#")
		for pair := range strings.SplitSeq(raw, "&") {
			k, val, _ := strings.Cut(pair, "=")
			if k, err := url.QueryUnescape(k); err != nil || k != name {
				continue
			}
			// An error of net/url quotes its input: it is not used.
			if val, err := url.QueryUnescape(val); err == nil {
				out = val
				return out != ""
			}
		}
		return false
	})
	return out
}

// bodyValue returns a scalar out of a JSON body.
func (w *walker) bodyValue(attrs pcommon.Map, key string, path []string) (out string) {
	w.find(attrs, func(ki *keyInfo) bool { return ki.canonical == key }, func(v pcommon.Value) bool {
		doc := bodyText(v)
		if m, ok := jsonfind.Find(doc, path); ok {
			out = jsonScalar(m.Value(doc))
		}
		return out != ""
	})
	return out
}

// bodyText returns a captured body as text.
func bodyText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	default:
		return ""
	}
}

func scalarText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeSlice:
		return firstString(v)
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	default:
		return ""
	}
}

// cookieValue returns a cookie out of a Cookie header (RFC 6265, section 4.2.1).
func cookieValue(header, name string) string {
	for pair := range strings.SplitSeq(header, ";") {
		k, v, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if ok && k == name {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// basicUser returns the user of Basic credentials (RFC 7617).
func basicUser(authorization string) string {
	cred, ok := cutScheme(authorization, "basic")
	if !ok || len(cred) > maxToken {
		return ""
	}
	dec, err := base64.StdEncoding.DecodeString(cred)
	if err != nil {
		return ""
	}
	user, _, _ := strings.Cut(string(dec), ":")
	return user
}

// jwtClaim returns a claim of a JSON Web Token. The signature is not checked: the
// value is what the caller claims to be.
func jwtClaim(header, claim string) string {
	token, ok := cutScheme(header, "bearer")
	if !ok {
		token = strings.TrimSpace(header)
	}
	if len(token) > maxToken {
		return ""
	}
	_, rest, ok := strings.Cut(token, ".")
	payload, _, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return ""
	}
	dec, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return ""
	}
	doc := string(dec)
	m, ok := jsonfind.Find(doc, []string{claim})
	if !ok {
		return ""
	}
	return jsonScalar(m.Value(doc))
}

func cutScheme(value, scheme string) (rest string, ok bool) {
	value = strings.TrimSpace(value)
	s, rest, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(s, scheme) {
		return "", false
	}
	return strings.TrimSpace(rest), true
}
