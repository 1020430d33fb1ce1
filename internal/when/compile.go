// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package when

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Problem is a mistake in a condition: the field in it, such as "status[1]" or
// "not[0].host[0]", and what to write instead.
type Problem struct{ Field, Text string }

// Compile compiles a condition. A pattern that can never match is a problem.
func Compile(c Config) (*Matcher, []Problem) {
	k := &compiler{}
	m := k.matcher(c, "", false)
	return m, k.problems
}

type compiler struct{ problems []Problem }

func (k *compiler) problemf(field, format string, args ...any) {
	k.problems = append(k.problems, Problem{field, fmt.Sprintf(format, args...)})
}

func (k *compiler) matcher(c Config, at string, inNot bool) *Matcher {
	m := &Matcher{direction: c.Direction}
	switch c.Direction {
	case "", Incoming, Outgoing:
	default:
		hint := ""
		switch strings.ToLower(c.Direction) {
		case "server", "inbound", "in", "ingress", "request":
			hint = "; write incoming for exchanges that the service answers"
		case "client", "outbound", "out", "egress":
			hint = "; write outgoing for exchanges that the service asks for"
		}
		k.problemf(at+"direction", "%q is not known%s; write incoming or outgoing", c.Direction, hint)
	}
	k.each(c.Host, at, "host", func(f, v string) { m.hosts = append(m.hosts, k.host(f, v)) })
	k.each(c.Route, at, "route", func(f, v string) { k.route(f, v); m.routes = append(m.routes, compileRoute(v)) })
	k.each(c.Method, at, "method", func(f, v string) { m.methods = append(m.methods, k.method(f, v)) })
	k.each(c.Status, at, "status", func(f, v string) { m.statuses = append(m.statuses, k.status(f, v)) })
	k.each(c.ContentType, at, "content_type", func(f, v string) { m.types = append(m.types, k.contentType(f, v)) })
	k.each(c.Tenant, at, "tenant", func(_, v string) { m.tenants = append(m.tenants, strings.ToLower(v)) })
	m.fields = append(k.fields(c.Header, at, "header", Request), k.fields(c.ResponseHeader, at, "response_header", Response)...)
	for i, n := range c.Not {
		f := fmt.Sprintf("%snot[%d]", at, i)
		switch {
		case n.Empty():
			k.problemf(f, "is empty and selects nothing; write what is not meant, such as not: {route: /health}")
		case inNot:
			k.problemf(f, "stands under another not; write what is meant without both")
		default:
			m.not = append(m.not, k.matcher(n, f+".", true))
		}
	}
	return m
}

// each passes the entries of a list on, but for those that are no pattern at all.
func (k *compiler) each(list []string, at, name string, use func(field, v string)) {
	for i, v := range list {
		f := fmt.Sprintf("%s%s[%d]", at, name, i)
		if len(list) == 1 {
			f = at + name
		}
		short := strings.TrimSpace(v)
		switch {
		case short == "":
			k.problemf(f, "has an empty entry; remove it")
		case strings.HasPrefix(short, "!"):
			k.problemf(f, "%q: ! is no negation here, so it can never match; write not: {%s: %s}", v, name, wrap(at, strings.TrimSpace(short[1:])))
		case name != "status" && name != "tenant" && (looksRegex(short) || name == "route" && strings.Contains(short, ".*")):
			k.problemf(f, "%q looks like a regular expression, which can never match; * stands for any characters: write %q", v, Plain(short))
		default:
			use(f, short)
		}
	}
}

// wrap writes a value as it stands below a field: that of a header field has its name
// in between.
func wrap(at, v string) string {
	if strings.HasSuffix(at, "header.") {
		return fmt.Sprintf("%q} under %s", v, strings.TrimSuffix(at, "."))
	}
	return fmt.Sprintf("%q", v)
}

// looksRegex reports text that is an expression and no pattern of this language.
func looksRegex(v string) bool {
	return strings.HasPrefix(v, "^") || strings.HasPrefix(v, "(?") || strings.HasPrefix(v, "re:") || strings.HasPrefix(v, "~") ||
		strings.Contains(v, `\`) || strings.HasSuffix(v, "$")
}

// Plain is the pattern that a simple regular expression stands for.
func Plain(v string) string {
	for _, p := range []string{"re:", "regex:", "regexp:", "~"} {
		v = strings.TrimPrefix(v, p)
	}
	if strings.HasPrefix(v, "(?") {
		if _, rest, ok := strings.Cut(v, ")"); ok {
			v = rest
		}
	}
	open := !strings.HasPrefix(v, "^")
	v = strings.TrimPrefix(v, "^")
	openEnd := !strings.HasSuffix(v, "$")
	v = strings.TrimSuffix(v, "$")
	for _, r := range [][2]string{{`[^/]+`, "*"}, {`[^/]*`, "*"}, {`\d+`, "*"}, {`\w+`, "*"}, {`.+`, "*"}, {`.*`, "*"}, {`\.`, "."}, {`\/`, "/"}, {`\b`, ""}, {`\`, ""}} {
		v = strings.ReplaceAll(v, r[0], r[1])
	}
	if open && !strings.HasPrefix(v, "*") && !strings.HasPrefix(v, "/") {
		v = "*" + v
	}
	if openEnd && !strings.HasSuffix(v, "*") {
		v += "*"
	}
	return v
}

func (k *compiler) host(f, v string) string {
	if _, rest, ok := strings.Cut(v, "://"); ok {
		h, _, _ := strings.Cut(rest, "/")
		k.problemf(f, "%q is a URL, which can never match; write the host: %q", v, h)
		return v
	}
	if net, bits, ok := strings.Cut(v, "/"); ok && digitsOnly(bits) && strings.Trim(net, "0123456789.:abcdefABCDEF") == "" {
		k.problemf(f, "%q is a network, which can never match; hosts are compared as text: write %q", v, networkGlob(net, bits))
		return v
	}
	if h, _, ok := strings.Cut(v, "/"); ok {
		k.problemf(f, "%q has a path, so it can never match; write host: %q and the path under route", v, h)
		return v
	}
	if strings.HasPrefix(v, ".") {
		k.problemf(f, "%q can never match; write %q for all hosts below", v, "*"+v)
		return v
	}
	if h, port, ok := strings.Cut(v, ":"); ok && !strings.Contains(port, ":") && !strings.HasPrefix(v, "[") {
		k.problemf(f, "%q: hosts are compared without their port, so it can never match; write %q", v, h)
		return v
	}
	h, _ := Host(v)
	k.hostSigns(f, v, h)
	return h
}

// hostSigns finds signs that no host has.
func (k *compiler) hostSigns(f, v, h string) {
	_, sound := Host(strings.ReplaceAll(h, "*", "x"))
	switch {
	case strings.Contains(h, ".."):
		k.problemf(f, "%q has two dots in a row, which no host has, so it can never match; write %q", v, strings.ReplaceAll(h, "..", "."))
	case sound || strings.Contains(h, "xn--"):
	case strings.ContainsAny(v, ",| "):
		k.problemf(f, "%q can never match: no host has these signs; write one host an entry: [%s]", v,
			strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '|' || r == ' ' }), ", "))
	case strings.IndexFunc(h, func(r rune) bool { return r >= 0x80 }) >= 0:
		k.problemf(f, "%q has letters outside of ASCII, which never arrive; write the host as DNS has it, xn--… (Punycode)", v)
	default:
		k.problemf(f, "%q has signs that no host has, so it can never match; * stands for any characters: \"*.bank.test\"", v)
	}
}

func digitsOnly(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// networkGlob is the glob that comes nearest to an IPv4 network of whole bytes.
func networkGlob(net, bits string) string {
	parts := strings.Split(net, ".")
	n, err := strconv.Atoi(bits)
	if err != nil || len(parts) != 4 || n < 8 || n > 31 {
		return net
	}
	return strings.Join(parts[:n/8], ".") + ".*"
}

func (k *compiler) route(f, v string) {
	method, rest, ok := strings.Cut(v, " ")
	switch {
	case ok && method == strings.ToUpper(method) && strings.HasPrefix(strings.TrimSpace(rest), "/"):
		k.problemf(f, "%q can never match: a route has no method; write route: %q and method: %s", v, strings.TrimSpace(rest), method)
	case strings.Contains(v, "://"):
		k.problemf(f, "%q is a URL, which can never match; write the path under route and the host under host", v)
	case strings.ContainsAny(v, "?#"):
		p, _, _ := strings.Cut(v, "?")
		k.problemf(f, "%q can never match: a route has no query; write %q", v, p)
	case strings.Count(v, "{") != strings.Count(v, "}"):
		k.problemf(f, "%q has a brace without its counterpart; write a parameter as {id}", v)
	case !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "*"):
		k.problemf(f, "%q can never match: routes begin with /; write %q", v, "/"+v)
	case strings.Contains(v, "|"):
		k.problemf(f, "%q can never match: | is no choice here; write one route an entry: [%s]", v, strings.ReplaceAll(v, "|", ", "))
	case strings.Contains(v+"/", "/../"), strings.Contains(v+"/", "/./"):
		k.problemf(f, "%q has . or .. as a segment, which no route has; write %q", v, path.Clean(v))
	}
}

func (k *compiler) method(f, v string) string {
	switch strings.ToUpper(v) {
	case "ANY", "ALL":
		k.problemf(f, "%q is no method, so it can never match; leave method out for all methods", v)
		return v
	}
	for _, c := range v {
		if c <= ' ' || strings.ContainsRune("()<>@,;:\\\"/[]?={}*|", c) {
			k.problemf(f, "%q is no method, so it can never match; write one method an entry: [GET, POST]", v)
			break
		}
	}
	return strings.ToUpper(v)
}

type statusRange struct{ lo, hi int }

// status reads 404, 5xx, 500-599, >=500, <400.
func (k *compiler) status(f, v string) statusRange {
	bad := func() statusRange {
		k.problemf(f, "%q is no status; write 404, 5xx, 500-599, \">=500\" or a list of them", v)
		return statusRange{1, 0}
	}
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		return n, err == nil && n >= 100 && n <= 999
	}
	s := strings.ReplaceAll(v, " ", "")
	if l := strings.ToLower(s); len(l) == 3 && l[1:] == "xx" && l[0] >= '1' && l[0] <= '9' {
		n := int(l[0]-'0') * 100
		return statusRange{n, n + 99}
	}
	for _, op := range []string{">=", "<=", ">", "<"} {
		rest, ok := strings.CutPrefix(s, op)
		if !ok {
			continue
		}
		n, ok := number(rest)
		if !ok {
			return bad()
		}
		r := statusRange{100, n - 1}
		switch op {
		case ">=":
			r = statusRange{n, 999}
		case ">":
			r = statusRange{n + 1, 999}
		case "<=":
			r = statusRange{100, n}
		}
		if r.lo > r.hi {
			k.problemf(f, "%q can never match: a status has three digits; write \">=500\" or \"<400\"", v)
		}
		return r
	}
	if a, b, ok := strings.Cut(s, "-"); ok {
		lo, ok1 := number(a)
		hi, ok2 := number(b)
		if !ok1 || !ok2 || lo > hi {
			return bad()
		}
		return statusRange{lo, hi}
	}
	n, ok := number(s)
	if !ok {
		return bad()
	}
	return statusRange{n, n}
}

func (k *compiler) contentType(f, v string) string {
	v = strings.ToLower(v)
	t, _, params := strings.Cut(v, ";")
	switch {
	case params:
		k.problemf(f, "%q: content types are compared without parameters, so it can never match; write %q", v, strings.TrimSpace(t))
	case strings.ContainsAny(v, ", |"):
		k.problemf(f, "%q is no media type, so it can never match; write one an entry: [%s]", v,
			strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' || r == '|' }), ", "))
	case strings.HasPrefix(v, "/") || strings.HasSuffix(v, "/"):
		k.problemf(f, "%q is half of a media type, so it can never match; write %q or %q", v, "application/json", strings.Trim(v, "/")+"/*")
	case strings.Count(v, "/") == 0 && !strings.HasPrefix(v, "*") && !strings.HasPrefix("application/", v[:strings.IndexByte(v+"*", '*')]) && strings.Contains(v, "*"):
		k.problemf(f, "%q can never match: a media type begins with its type and a slash; write %q", v, "*"+strings.Trim(v, "*"))
	case strings.Count(v, "/") > 1:
		k.problemf(f, "%q has two slashes, which no media type has, so it can never match; write %q", v, strings.Join(strings.SplitN(v, "/", 3)[:2], "/"))
	case strings.Count(v, "/") != 1 && !strings.Contains(v, "*"):
		k.problemf(f, "%q is no media type, so it can never match; write %q or %q", v, "application/"+strings.TrimPrefix(v, "."), "*"+strings.TrimPrefix(v, "."))
	}
	return v
}

func (k *compiler) fields(all map[string][]string, at, name string, side Side) (out []field) {
	for _, n := range slices.Sorted(maps.Keys(all)) {
		f := at + name + "." + n
		fd := field{side: side, name: strings.ToLower(strings.TrimSpace(n))}
		if fd.name == "" || strings.ContainsAny(fd.name, " \t:*()<>@,;\\\"/[]?={}!") {
			k.problemf(f, "%q is no name of a header field, so it can never match; write one such as x-tenant", n)
		}
		if len(all[n]) == 0 {
			k.problemf(f, "has no value; write a value, or \"*\" for any")
		}
		k.each(all[n], at+name+".", n, func(_, v string) { fd.patterns = append(fd.patterns, strings.ToLower(v)) })
		out = append(out, fd)
	}
	return out
}
