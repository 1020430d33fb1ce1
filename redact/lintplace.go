// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/apispan/apispan/redact/internal/fold"
)

// What a rule says about the wrong place, or in vain.

const (
	fieldPlaces = 1<<placeRequestHeader | 1<<placeResponseHeader
	treePlaces  = 1<<placeRequestBody | 1<<placeResponseBody | 1<<placeQuery
)

// placeWarning says what is wrong with a name for the places that its rule holds in.
func placeWarning(name string, places placeSet) string {
	n := strings.TrimSpace(name)
	if strings.HasPrefix(n, "$") {
		return pathWarning(n, places)
	}
	if w := ownPlace(n, places); w != "" {
		return w
	}
	switch low := strings.ToLower(strings.Trim(n, "*")); {
	case places == 1<<placeRequestHeader && slices.Contains(answerFields, low):
		return fmt.Sprintf("%q is a field of responses; write it under in.response_headers or in.headers", name)
	case places == 1<<placeResponseHeader && slices.Contains(questionFields, low):
		return fmt.Sprintf("%q is a field of requests; write it under in.request_headers or in.headers", name)
	case places == 1<<placePath && strings.Contains(n, "/"):
		return fmt.Sprintf("%q never matches: a path is read segment by segment, and the value is what stands behind the segment of that name: write the one name, or a rule with when: {route: …}", name)
	}
	return ""
}

// answerFields and questionFields are those that people write about and that stand in
// one message only.
var (
	answerFields   = []string{"set-cookie", "www-authenticate", "proxy-authenticate", "location", "etag", "server", "retry-after", "x-powered-by", "last-modified"}
	questionFields = []string{"authorization", "proxy-authorization", "cookie", "accept", "accept-language", "user-agent", "host", "referer", "x-forwarded-for", "if-none-match"}
)

// exchangeParts are what begins a path of those who take the exchange for its root.
var exchangeParts = []string{"request_body", "response_body", "requestbody", "responsebody", "request.body", "response.body", "request.headers", "response.headers", "request.query"}

func pathWarning(path string, places placeSet) string {
	low := strings.ToLower(strings.TrimLeft(path, "$."))
	for _, part := range exchangeParts {
		if low == part || strings.HasPrefix(low, part+".") {
			rest := strings.TrimPrefix(low[len(part):], ".")
			return fmt.Sprintf("%q looks for a key %q in the body: the root of a path is the body itself; write %q, under in.request_body or in.response_body if it is for one",
				path, strings.Split(part, ".")[0], "$."+rest)
		}
	}
	if places&treePlaces == 0 {
		return fmt.Sprintf("%q is looked for in documents within the values of this place only; to name a field, a cookie or an attribute write %q", path, nameOfPath(path))
	}
	steps, err := parsePath(path)
	if err != nil {
		return ""
	}
	for _, st := range steps {
		if st.kind == stepName && st.name != "" && strings.Trim(st.name, "0123456789") == "" {
			return fmt.Sprintf("%q looks for a key %q; an element of an array is [%s]", path, st.name, st.name)
		}
	}
	return ""
}

// nameOfPath is the name at the end of a path.
func nameOfPath(path string) string {
	path = strings.TrimRight(path, "]'\".")
	return path[strings.LastIndexAny(path, ".['\"$]")+1:]
}

// ownPlace finds keys of attributes whose values have a place of their own, in which
// they are not known by that key.
func ownPlace(name string, places placeSet) string {
	if places&(1<<placeAttribute) == 0 || !strings.Contains(name, ".") {
		return ""
	}
	for _, p := range [...]string{"http.request.header.", "http.response.header."} {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), p); ok && rest != "" {
			side := strings.Split(p, ".")[1]
			return fmt.Sprintf("%q can never match: what is in this attribute is read as a header field; write %q under keys, in.headers or in.%s_headers", name, rest, side)
		}
	}
	if strings.Contains(name, "*") {
		return ""
	}
	k := NewKey(name)
	switch k.class {
	case classBody:
		side := "request"
		if k.side == Response {
			side = "response"
		}
		return fmt.Sprintf("%q can never match: what is in this attribute is read as a body; write in: {%s_body: {action: mask}}, or the keys in it", name, side)
	case classClientIP, classPeerIP:
		return fmt.Sprintf("%q can never match: what is in this attribute is read as the address of the client; write in: {client_ip: {action: mask}}", name)
	}
	return ""
}

// valueWarning finds values where names are asked for, and signs that no name has.
func valueWarning(name, n string) string {
	switch i := strings.IndexByte(n, '@'); {
	case i > 0 && strings.Contains(n[i:], "."):
		return fmt.Sprintf("%q looks like a value, and keys are named here; to find addresses write patterns: {email: mask}", name)
	case len(n) >= 8 && strings.Trim(n, "0123456789- ") == "":
		return fmt.Sprintf("%q looks like a value, and keys are named here; values are what patterns are for", name)
	case n[0] == '[' || strings.ContainsAny(n, "{}<>()"):
		return fmt.Sprintf("%q: brackets stand for themselves; name the key without them: %q", name, strings.Trim(n, "${}<>()[]"))
	}
	for _, sign := range [...]string{"=", ": ", "+"} {
		if head, _, ok := strings.Cut(n, sign); ok && head != "" {
			return fmt.Sprintf("%q names a key with %q in it; write the key only: %q", name, strings.TrimSpace(sign), head)
		}
	}
	return ""
}

// lintWeaker finds values that are to become tokens, ciphertexts or prefixes, and that
// a stronger rule masks.
func (c *compiler) lintWeaker(x namedRule) {
	r := c.denies(x.name, x.places, max(x.act, actEncrypt))
	if r == nil || x.shipped || c.isFreed(x.name) {
		return
	}
	c.warnf(x.line, "%s: %q is denied by %s, which is stronger than %s; to keep it out of that rule write keys: {except: [%q]} too", x.where, x.name, r.id, x.act, x.name)
}

// lintPlace finds rules for a place that say nothing, or one in vain.
func (c *compiler) lintPlace(where string, r *PlaceRules) {
	k := &r.Keys
	if r.shipped {
		return
	}
	n := len(k.Deny) + len(k.Drop) + len(k.HMAC) + len(k.Encrypt) + len(k.Truncate) + len(k.Except)
	switch {
	case n+len(k.Allow) == 0 && r.Action == "" && r.TruncateV4+r.TruncateV6 == 0:
		c.warnf(r.line, "%s: has no effect; give it deny, drop, hmac, encrypt, truncate, allow, except or action", where)
	case len(k.Allow) > 0 && r.Action != "" && r.Action != "keep":
		c.warnf(r.line, "%s: allow has no effect beside action: %s, which is stronger; write except instead, or allow without action", where, r.Action)
	case len(k.Allow) > 0 && r.Action == "keep":
		c.warnf(r.line, "%s: allow makes an allowlist and action: keep keeps all; write one of the two", where)
	case r.TruncateV4 == 32 && r.TruncateV6 == 128:
		c.warnf(r.line, "%s.truncate: leaves all of each address; write {v4: 24, v6: 48}, or action: keep", where)
	}
}

// lintWhole finds a policy that selects nothing.
func (c *compiler) lintWhole() {
	if len(c.p.rules) == 1 && len(c.p.cfg.Regex) == 0 {
		c.warnf(0, "defaults: false and no rule: nothing is redacted; remove defaults: false, or write keys, in, rules or patterns")
	}
}

var (
	slashedRegex = regexp.MustCompile(`^/([^/]+)/[gimsuxy]*$`)
	twoSlashes   = regexp.MustCompile(`\\\\[dwsbDWSB.]`)
)

// lintRegex finds expressions that can never match.
func (c *compiler) lintRegex(where string, line int, expr string) {
	if m := slashedRegex.FindStringSubmatch(expr); m != nil {
		c.errorf(line, "%s.regex: the slashes of %q are a part of it, so it matches next to nothing; write %q, and (?i) in front for any case", where, expr, m[1])
		return
	}
	if strings.ContainsFunc(expr, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }) {
		c.errorf(line, "%s.regex: has a control character: \\b in double quotes is a backspace in YAML; put the expression in single quotes", where)
		return
	}
	if twoSlashes.MatchString(expr) {
		c.warnf(line, "%s.regex: %q asks for a backslash; in single quotes YAML keeps each: write one", where, expr)
	}
	if re, err := syntax.Parse(expr, syntax.Perl); err == nil && never(re.Simplify()) {
		c.errorf(line, "%s.regex: %q can never match: something stands behind $ or before ^, or a class has no character", where, expr)
	}
}

// never reports whether re can match no text: it has a part that matches nothing, or
// something that takes a character before the begin or behind the end of the text.
func never(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch:
		return true
	case syntax.OpCharClass:
		return len(re.Rune) == 0
	case syntax.OpCapture, syntax.OpPlus:
		return never(re.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !never(s) })
	case syntax.OpConcat:
		ended, taken := false, false
		for _, s := range re.Sub {
			switch {
			case never(s), s.Op == syntax.OpBeginText && taken:
				return true
			case s.Op == syntax.OpEndText:
				ended = true
			case s.Op == syntax.OpLiteral || s.Op == syntax.OpCharClass || s.Op == syntax.OpPlus || s.Op == syntax.OpAnyChar || s.Op == syntax.OpAnyCharNotNL:
				if ended {
					return true
				}
				taken = true
			}
		}
	}
	return false
}

// foldedTwice finds names of one list that are the same key.
func (c *compiler) foldedTwice(list []namedRule) {
	seen := map[string]string{}
	for _, x := range list {
		if x.shipped || strings.HasPrefix(x.name, "$") || strings.Contains(x.name, "*") {
			continue
		}
		f := fold.Key(x.name)
		if first, ok := seen[f]; ok {
			c.warnf(x.line, "%s: %q is the same key as %q: case and separators do not matter; remove one", x.where, x.name, first)
			continue
		}
		seen[f] = x.name
	}
}
