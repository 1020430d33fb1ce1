// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package when

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/apispan/apispan/internal/confkeys"
)

// Warnings are what a condition says that is legal and will hardly ever match: a
// method or a type that nobody has registered, a field of the other message. c is one
// that Compile has no problem with.
func Warnings(c Config) []Problem {
	k := &compiler{}
	k.warn(c, "")
	return k.problems
}

func (k *compiler) warn(c Config, at string) {
	k.each(c.Method, at, "method", func(f, v string) {
		if m := strings.ToUpper(v); !slices.Contains(methods, m) {
			k.problemf(f, "%q is no method that is registered%s", v, suggestion(m, methods))
		}
	})
	k.each(c.Status, at, "status", func(f, v string) {
		if r := (&compiler{}).status(f, v); r.lo >= 600 {
			k.problemf(f, "%q is above all statuses of RFC 9110, which end at 599; write 5xx or >=500 for failures of servers", v)
		}
	})
	k.each(c.ContentType, at, "content_type", func(f, v string) {
		v = strings.ToLower(v)
		top, sub, ok := strings.Cut(v, "/")
		switch {
		case !ok || strings.Contains(top, "*"):
		case !slices.Contains(topTypes, top) && !strings.HasPrefix(top, "x-"):
			k.problemf(f, "%q: there is no type %q%s", v, top, suggestion(top, topTypes))
		case strings.ContainsAny(sub, "*+.") || slices.Contains(mediaTypes, v):
		default:
			if near := confkeys.Nearest(v, mediaTypes); near != "" && len(near) > 8 && distanceOne(v, near) {
				k.problemf(f, "%q is no type that is well known; did you mean %s?", v, near)
			}
		}
	})
	k.each(c.Tenant, at, "tenant", func(f, v string) {
		switch {
		case looksRegex(v):
			k.problemf(f, "%q looks like a regular expression and is compared as text; * stands for any characters: write %q", v, Plain(v))
		case strings.ContainsAny(v, ",|"):
			k.problemf(f, "%q is one tenant with this sign in it; write one an entry: [%s]", v, listed(v))
		}
	})
	k.warnFields(c.Header, at, "header", "response_header", answerFields)
	k.warnFields(c.ResponseHeader, at, "response_header", "header", questionFields)
	for i, n := range c.Not {
		f := fmt.Sprintf("%snot[%d]", at, i)
		k.warn(n, f+".")
		if field := n.within(&c); field != "" {
			k.problemf(f, "excludes all that %s selects, so the condition can never hold; remove one of the two", field)
		}
	}
}

// warnFields finds fields of the other message, and choices written as one value.
func (k *compiler) warnFields(all map[string][]string, at, name, other string, others []string) {
	for _, n := range slices.Sorted(maps.Keys(all)) {
		low := strings.ToLower(strings.TrimSpace(n))
		switch {
		case slices.Contains(others, low):
			k.problemf(at+name+"."+n, "is a field of the other message, which is missing in this one; write %s: {%s: …}", other, low)
		case low == "host" && name == "header":
			k.problemf(at+name+"."+n, "is rarely captured as a field; write host: %q", strings.Join(all[n], ", "))
		case strings.Contains(low, "_"):
			k.problemf(at+name+"."+n, "is an unusual name; fields are written with dashes: %s", strings.ReplaceAll(low, "_", "-"))
		}
		for _, v := range all[n] {
			if strings.Contains(v, "|") {
				k.problemf(at+name+"."+n, "%q is one value with | in it; write one an entry: [%s]", v, listed(v))
			}
		}
	}
}

// within names the only field of c, a part of a negation, if it excludes all that the
// same field of o selects.
func (c *Config) within(o *Config) string {
	a, b := reflect.ValueOf(*c), reflect.ValueOf(*o)
	found := ""
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.IsZero() || x.Len() == 0 {
			continue
		}
		name := strings.ToLower(a.Type().Field(i).Name)
		switch v := x.Interface().(type) {
		case string:
			if y.String() != v {
				return ""
			}
		case []string:
			have := y.Interface().([]string) //nolint:forcetypeassert // the same type has the same fields
			if len(have) == 0 || slices.ContainsFunc(have, func(h string) bool { return !slices.Contains(v, h) && !slices.Contains(v, "*") }) {
				return ""
			}
		default:
			return ""
		}
		found = name
	}
	return found
}

func suggestion(v string, known []string) string {
	for _, k := range known {
		if distanceOne(v, k) {
			return "; did you mean " + k + "?"
		}
	}
	if near := confkeys.Nearest(v, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; known are " + strings.Join(known[:min(len(known), 9)], ", ")
}

func listed(v string) string {
	return strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '|' }), ", ")
}

// distanceOne reports whether one letter too few, too many or another one makes b of
// a, or two that changed places.
func distanceOne(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch {
	case len(b)-len(a) > 1:
		return false
	case len(b) > len(a):
		return a[i:] == b[i+1:]
	case i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i]:
		return a[i+2:] == b[i+2:]
	}
	return i < len(a) && a[i+1:] == b[i+1:]
}

var (
	// methods are those that IANA has registered, and those of caches.
	methods = []string{
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN",
		"CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE",
		"ORDERPATCH", "PRI", "PROPFIND", "PROPPATCH", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
		"UPDATEREDIRECTREF", "VERSION-CONTROL", "PURGE", "BAN", "LIST", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH", "_OTHER",
	}
	topTypes = []string{"application", "text", "image", "audio", "video", "multipart", "message", "font", "model", "haptics", "example", "chemical"}
	// mediaTypes are the types of APIs.
	mediaTypes = []string{
		"application/json", "application/xml", "application/yaml", "application/x-yaml", "application/x-www-form-urlencoded", "multipart/form-data",
		"application/octet-stream", "application/grpc", "application/graphql", "application/x-ndjson", "application/ndjson", "application/pdf",
		"application/zip", "application/gzip", "application/javascript", "application/msgpack", "application/cbor", "application/protobuf",
		"application/x-protobuf", "application/toml", "application/jwt", "text/plain", "text/html", "text/xml", "text/csv", "text/json", "text/css",
		"text/javascript", "text/event-stream", "text/yaml", "text/markdown", "multipart/mixed", "image/png", "image/jpeg", "image/gif", "image/webp",
		"application/jose", "application/json-seq", "application/soap+xml", "application/x-tar", "application/wasm", "application/sql",
	}
	// answerFields stand in responses only, questionFields in requests only.
	answerFields = []string{
		"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "location", "etag", "last-modified", "server", "vary", "age", "expires",
		"retry-after", "accept-ranges", "content-disposition", "strict-transport-security", "x-powered-by", "access-control-allow-origin",
		"content-security-policy", "x-frame-options", "content-range", "alt-svc",
	}
	questionFields = []string{
		"authorization", "proxy-authorization", "cookie", "accept", "accept-encoding", "accept-language", "user-agent", "host", "referer", "if-match",
		"if-none-match", "if-modified-since", "if-unmodified-since", "range", "expect", "x-forwarded-for", "x-forwarded-host", "forwarded",
		"x-real-ip", "sec-fetch-mode", "sec-fetch-site", "dpop", "te", "max-forwards",
	}
)
