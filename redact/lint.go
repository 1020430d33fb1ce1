// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/apispan/apispan/internal/when"
	"github.com/apispan/apispan/redact/internal/fold"
)

// What a policy says and cannot mean is an error, what it hardly means a warning,
// each with the way to say it.

// maxWarnings bounds what one file can print.
const maxWarnings = 50

func (c *compiler) warnf(line int, format string, args ...any) {
	if len(c.p.warnings) >= maxWarnings {
		return
	}
	msg := fmt.Sprintf(format, args...)
	if line > 0 {
		msg = fmt.Sprintf("line %d: %s", line, msg)
	}
	c.p.warnings = append(c.p.warnings, msg)
}

// namedRule is an entry of a list.
type namedRule struct {
	where, name string
	line        int
	places      placeSet
	shipped     bool
	must        bool // without a use it is an error
	act         action
}

var (
	slashed   = regexp.MustCompile(`^/([^/]+)/[gimsuxyU]*$`)
	regexSign = regexp.MustCompile(`^\^|^\(\?|\.\+|\\|\[\^|\[[a-zA-Z]-[a-zA-Z]|\[0-9|\w\{\d`)
	elements  = regexp.MustCompile(`\[(\d*|\*)\]`)
)

// nameProblem says what is wrong with a name, glob or path as a key rule. fatal: it
// can never match.
func nameProblem(name string, places placeSet) (problem string, fatal bool) {
	n := strings.TrimSpace(name)
	if rest, ok := strings.CutPrefix(n, "!"); ok {
		return fmt.Sprintf("%q: ! is no negation here, so it can never match; write except: [%q]", name, strings.TrimSpace(rest)), true
	}
	if strings.HasPrefix(n, "$") {
		return placeWarning(name, places), false
	}
	const fields = 1<<placeRequestHeader | 1<<placeResponseHeader
	if i := strings.LastIndex(n, ".header."); i >= 0 && places&^fields == 0 {
		return fmt.Sprintf("%q is the key of an attribute, which is no name of a field, so it can never match; write %q", name, n[i+len(".header."):]), true
	}
	for _, p := range []string{"re:", "regex:", "regexp:", "glob:"} {
		if strings.HasPrefix(strings.ToLower(n), p) {
			return fmt.Sprintf("%q can never match: keys are named, not matched by expressions; write %q (values are what patterns.re is for)",
				name, when.Plain(n[len(p):])), true
		}
	}
	if m := slashed.FindStringSubmatch(n); m != nil && len(n) > 2 {
		return fmt.Sprintf("%q can never match: a name has no slashes and no flags, and case does not matter; write %q", name, when.Plain(m[1])), true
	}
	if regexSign.MatchString(n) {
		return fmt.Sprintf("%q looks like a regular expression, which can never match; * stands for any characters and case does not matter: write %q",
			name, when.Plain(n)), true
	}
	return nameWarning(name, n, places), false
}

func nameWarning(name, n string, places placeSet) string {
	const body = 1<<placeRequestBody | 1<<placeResponseBody
	path := func(s string) string {
		return `"$.` + strings.Trim(elements.ReplaceAllString(s, "[*]"), "./") + `"`
	}
	switch {
	case strings.Contains(n, "|"):
		return fmt.Sprintf("%q names one key with | in it; write one entry for each: [%s]", name, strings.ReplaceAll(n, "|", ", "))
	case strings.Contains(n, ","):
		return fmt.Sprintf("%q names one key with a comma in it; write one entry for each: [%s]", name, n)
	case strings.ContainsAny(n, `"'`):
		return fmt.Sprintf("%q names a key with quotes in it; write %s", name, strings.Trim(n, `"'`))
	case len(n) > 2 && n[0] == '%' && n[len(n)-1] == '%':
		return fmt.Sprintf("%q: %% stands for itself; * is the only wildcard: write %q", name, "*"+strings.Trim(n, "%")+"*")
	case strings.HasPrefix(strings.ToLower(n), "not "):
		return fmt.Sprintf("%q names one key of two words; to keep a key write except: [%q]", name, n[len("not "):])
	case strings.Contains(n, "->"):
		return fmt.Sprintf("%q names one key with an arrow in it; write %s for a place in a document", name, path(strings.ReplaceAll(n, "->", ".")))
	case strings.Contains(n, "?"):
		return fmt.Sprintf("%q: ? stands for itself; * is the only wildcard", name)
	case strings.HasSuffix(n, ":"):
		return fmt.Sprintf("%q names a key with a colon at its end; write %q", name, strings.TrimSuffix(n, ":"))
	case strings.HasSuffix(n, "$"):
		return fmt.Sprintf("%q names a key with $ at its end, which is no anchor here; write %q", name, strings.TrimSuffix(n, "$"))
	}
	if w := placeWarning(name, places); w != "" {
		return w
	}
	if w := valueWarning(name, n); w != "" {
		return w
	}
	switch {
	case places&body == 0:
		return ""
	case elements.MatchString(n):
		return fmt.Sprintf("%q matches a form field of that name, nothing in a document; write %s for that", name, path(n))
	case strings.Contains(n, "/") && len(n) > 1 && !strings.Contains(n, "*") && !strings.Contains(n, "."):
		return fmt.Sprintf("%q matches a key of that name, not a place in a document; write %s for that", name, path(strings.ReplaceAll(n, "/", ".")))
	}
	if head, _, ok := strings.Cut(n, "."); ok && head != "" && !strings.HasSuffix(n, ".") && !slices.Contains(namespaces, head) &&
		!slices.Contains(defaultKeys, n) && !strings.HasPrefix(n, "*") {
		last := n[strings.LastIndexByte(n, '.')+1:]
		return fmt.Sprintf("%q matches a key or attribute of that spelling (%s), not %q below another key; write %s for a place in a document, or in.attributes for an attribute",
			name, strings.ReplaceAll(n, ".", "_"), last, path(n))
	}
	return ""
}

// namespaces begin keys of attributes that nobody takes for paths into a body.
var namespaces = []string{
	"http", "url", "enduser", "client", "server", "network", "net", "db", "messaging", "rpc", "gen_ai", "mcp", "process", "exception",
	"apispan", "otel", "service", "host", "k8s", "cloud", "telemetry", "code", "session", "user_agent", "error", "peer", "aws", "faas",
}

// pathHint helps with paths in other dialects.
func pathHint(path string) string {
	switch {
	case strings.HasPrefix(path, "${"):
		return fmt.Sprintf("; write %q", strings.Trim(path, "${}"))
	case len(path) > 1 && path[1] != '.' && path[1] != '[' && path[1] != '$':
		return fmt.Sprintf("; write %q", "$."+path[1:])
	case strings.Contains(path, "[?"):
		return "; filters are not supported, name the key"
	}
	return ""
}

// lint checks rules against each other.
func (c *compiler) lint() {
	if len(c.errs) > 0 {
		return
	}
	for _, list := range c.allowed {
		c.lintAllow(list)
	}
	for _, x := range c.freed {
		c.lintExcept(x)
	}
	for _, x := range c.weaker {
		c.lintWeaker(x)
	}
	c.lintWhole()
}

// lintAllow finds names that are allowed in vain: the mistake of those who look for
// an exception.
func (c *compiler) lintAllow(list []namedRule) {
	vain, builtin := 0, 0
	var names, by []string
	for _, a := range list {
		r := c.denies(a.name, a.places, actTruncate)
		if r == nil || a.shipped || c.isFreed(a.name) {
			continue
		}
		vain++
		names, by = append(names, a.name), append(by, r.id)
		if r.builtin {
			builtin++
		}
		c.warnf(a.line, "%s: %q is denied by %s, and allow never wins over that; to keep it out of that rule write except: [%q]", a.where, a.name, r.id, a.name)
	}
	if vain == len(list) && builtin == vain {
		where := list[0].where[:strings.LastIndexByte(list[0].where, '[')]
		slices.Sort(by)
		c.errorf(list[0].line, "%s: makes an allowlist in which nothing is allowed: all of it is denied by %s, and allow never wins over that; "+
			"to keep values out of that rule and all others as they are, write except: [%s]", where, strings.Join(slices.Compact(by), ", "), quotedList(names))
	}
}

func quotedList(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(out, ", ")
}

func (c *compiler) isFreed(name string) bool {
	return slices.ContainsFunc(c.freed, func(x namedRule) bool { return x.name == name })
}

// lintExcept finds exceptions from nothing, and those that are no stronger than what
// they are to win over.
func (c *compiler) lintExcept(x namedRule) {
	if strings.Contains(lastName(x.name), "*") || lastName(x.name) == "" {
		return
	}
	const alone = 1<<placeCookie | 1<<placeSetCookie | 1<<placeClientIP
	for i := range c.p.rules {
		if r := &c.p.rules[i]; (!r.builtin || x.places&^alone == 0) && (r.whole || r.star || r.closes()) && r.places&x.places != 0 && !r.detector {
			return // there is something to keep it out of
		}
	}
	switch r := c.denies(x.name, x.places, actTruncate); {
	case r == nil && x.must:
		c.errorf(x.line, "except: %q is not an entry of the built-in list, and no rule takes a key of that name; for a cookie write in.cookies.except", x.name)
	case r == nil && !x.shipped:
		c.warnf(x.line, "%s: %q has no effect: no rule takes a key of that name", x.where, x.name)
	case r != nil && !r.builtin && r.level == levelName && !strings.HasPrefix(x.name, "$"):
		c.warnf(x.line, "%s: %q has no effect: %s is as strong; remove one of the two, or write the exception as a path", x.where, x.name, r.id)
	}
}

// lastName is the name of the key that a rule is about.
func lastName(name string) string {
	if !strings.HasPrefix(name, "$") {
		return name
	}
	steps, err := parsePath(name)
	if err != nil {
		return ""
	}
	for i := len(steps) - 1; i >= 0; i-- {
		switch steps[i].kind {
		case stepName:
			return steps[i].name
		case stepGlob:
			return "*"
		}
	}
	return ""
}

// denies returns the strongest rule by name or glob that takes a key of that name, by
// an action above the given one.
func (c *compiler) denies(name string, places placeSet, above action) (found *rule) {
	folded := fold.Key(lastName(name))
	if folded == "" || strings.Contains(lastName(name), "*") {
		return nil
	}
	try := func(i uint16) {
		r := &c.p.rules[i]
		if r.act > above && r.places&places != 0 && r.scope < 0 && (found == nil || !r.builtin && found.builtin || r.builtin == found.builtin && r.level > found.level) {
			found = r
		}
	}
	for _, i := range c.p.keys.exact[folded].rules {
		try(i)
	}
	for i := range c.p.keys.globs {
		if g := &c.p.keys.globs[i]; g.match([]byte(folded)) {
			try(g.rule)
		}
	}
	return found
}

var (
	unquotedPath = regexp.MustCompile(`(^|[\[{,:\s-])(\$[^\s"'#,{}]*?\[[^\]\s]*\][^\s"'#,{}\]]*)`)
	unquotedGlob = regexp.MustCompile(`(^|[\[{,]\s*|[:-]\s+)(\*[^\s"'#,{}\[\]]+)`)
	unquotedTag  = regexp.MustCompile(`(^|[\[{,]\s*|[:-]\s+)(![^\s"'#,{}\[\]]+)`)
	unquotedSign = regexp.MustCompile("(^|[\\[{,]\\s*|[:-]\\s+)([@%`][^\\s\"'#,{}\\[\\]]+)")
)

// yamlHint says what YAML made of a pattern that stands without quotes.
func yamlHint(src string) string {
	line := 0
	for l := range strings.SplitSeq(src, "\n") {
		line++
		if strings.HasPrefix(strings.TrimSpace(l), "#") {
			continue
		}
		if m := unquotedTag.FindStringSubmatch(l); m != nil && !strings.HasPrefix(m[2], "!!") {
			return fmt.Sprintf("; line %d: %s is a tag of YAML and no negation: write except: [%s] for a key, not: {…} in a condition", line, m[2], m[2][1:])
		}
		for _, re := range []*regexp.Regexp{unquotedPath, unquotedGlob, unquotedSign} {
			if m := re.FindStringSubmatch(l); m != nil {
				return fmt.Sprintf("; line %d: put quotes around %s, whose signs mean something else in YAML: write %q", line, m[2], m[2])
			}
		}
	}
	return ""
}
