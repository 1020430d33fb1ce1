// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"

	"github.com/apispan/apispan/internal/jsonfind"
)

var (
	authorization = NewName("Authorization")
	cookies       = NewName("Cookie")
)

// cookie returns a cookie (RFC 6265, section 4.2.1) out of all lines of the field:
// HTTP/2 may send each cookie in a line of its own.
func cookie(r Request, name string) string {
	for _, line := range r.Values(cookies) {
		for pair := range strings.SplitSeq(line, ";") {
			k, v, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if !ok || k != name {
				continue
			}
			if n := len(v); n >= 2 && v[0] == '"' && v[n-1] == '"' {
				v = v[1 : n-1]
			}
			return v
		}
	}
	return ""
}

// parameter returns the first value of a parameter of a query string, as the URL
// standard's parser of forms reads it. One with a bad escape has none.
func parameter(query, name string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		k, v, _ := strings.Cut(pair, "=")
		if k, err := url.QueryUnescape(k); err != nil || k != name {
			continue
		}
		// An error of net/url quotes its input: it is not used.
		if v, err := url.QueryUnescape(v); err == nil {
			return v
		}
	}
	return ""
}

// basic returns the two halves of Basic credentials (RFC 7617). What has no colon is
// none.
func basic(field string) (user, password string) {
	scheme, credential, ok := strings.Cut(strings.TrimSpace(field), " ")
	if !ok || !strings.EqualFold(scheme, "basic") || len(credential) > MaxCredential {
		return "", ""
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credential))
	if err != nil {
		return "", ""
	}
	user, password, ok = strings.Cut(string(b), ":")
	if !ok {
		return "", ""
	}
	return user, password
}

// Claim returns a claim of a JSON Web Token in a header value, with a scheme before
// it or without: a string, number or boolean. The signature is not checked. A token
// in five parts is encrypted (RFC 7516) and tells nothing.
//
// A name of the claim that has dots may be one name or several, each inside the
// object of the one before; the longest name that leads to a value counts. Of two
// claims with the same name the last does (RFC 7519, section 4).
func Claim(field, claim string) string {
	token := strings.TrimSpace(field)
	if i := strings.IndexAny(token, " \t"); i >= 0 {
		token = strings.TrimLeft(token[i:], " \t")
	}
	if len(token) > MaxCredential || strings.Count(token, ".") != 2 {
		return ""
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil || !json.Valid(b) {
		return ""
	}
	return claimIn(string(b), claim)
}

// claimIn looks a name up that may be several.
func claimIn(doc, name string) string {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '.') {
		m, ok := jsonfind.Find(doc, []string{name[:end]})
		if !ok {
			continue
		}
		v := m.Value(doc)
		if end == len(name) {
			if v = jsonfind.Scalar(v); v != "" {
				return v
			}
			continue
		}
		if v = claimIn(v, name[end+1:]); v != "" {
			return v
		}
	}
	return ""
}

// FieldIn returns the values of a header field out of all of a header in one text:
// a JSON object of names, or a list of pairs, objects or lines, or the lines of HTTP
// itself. An exact name counts before one with "_" for "-".
func FieldIn(text string, n Name) []string {
	var exact, folded []string
	take := func(name, value string) {
		switch {
		case strings.EqualFold(name, n.Lower):
			exact = append(exact, value)
		case Fold(name) == Fold(n.Lower):
			folded = append(folded, value)
		}
	}
	EachField(text, take)
	if len(exact) > 0 {
		return exact
	}
	return folded
}

// EachField calls take for each field of a header in one text, in the shapes that FieldIn
// reads.
func EachField(text string, take func(name, value string)) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	switch text[0] {
	case '{':
		jsonfind.Members(text, func(name, value string) bool {
			eachScalar(value, func(v string) { take(name, v) })
			return true
		})
	case '[':
		jsonfind.Elements(text, func(e string) bool {
			pairIn(e, take)
			return true
		})
	default:
		for line := range strings.Lines(text) {
			lineIn(line, take)
		}
	}
}

// AppendLines appends a field's value to values. An array of texts in JSON is its lines.
func AppendLines(values []string, value string) []string {
	if strings.HasPrefix(value, `["`) && strings.HasSuffix(value, `"]`) {
		var lines []string
		if json.Unmarshal([]byte(value), &lines) == nil {
			return append(values, lines...)
		}
	}
	return append(values, value)
}

// eachScalar is a JSON value that is one or an array of some.
func eachScalar(value string, f func(string)) {
	if strings.HasPrefix(value, "[") {
		jsonfind.Elements(value, func(e string) bool { f(jsonfind.Scalar(e)); return true })
		return
	}
	f(jsonfind.Scalar(value))
}

// pairIn reads an element of a list of fields: "name: value", ["name", "value"],
// {"name": "x", "value": "y"} (also key) or {"x": "y"}.
func pairIn(element string, take func(name, value string)) {
	switch element[0] {
	case '"':
		lineIn(jsonfind.Scalar(element), take)
	case '[':
		name, n := "", 0
		jsonfind.Elements(element, func(e string) bool {
			if n++; n == 1 {
				name = jsonfind.Scalar(e)
				return true
			}
			eachScalar(e, func(v string) { take(name, v) })
			return false
		})
	case '{':
		for _, key := range []string{"name", "key"} {
			m, ok := jsonfind.Find(element, []string{key})
			v, has := jsonfind.Find(element, []string{"value"})
			if ok && has {
				name := jsonfind.Scalar(m.Value(element))
				eachScalar(v.Value(element), func(v string) { take(name, v) })
				return
			}
		}
		jsonfind.Members(element, func(name, value string) bool {
			eachScalar(value, func(v string) { take(name, v) })
			return true
		})
	}
}

// lineIn reads a line "name: value".
func lineIn(line string, take func(name, value string)) {
	if name, value, ok := strings.Cut(line, ":"); ok {
		take(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

// Fold is a field name as older agents' attribute keys have it, with "_" and "-"
// alike.
func Fold(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// address returns the first address of a list, without its port, or "" if it is none.
func address(s string) string {
	s, _, _ = strings.Cut(s, ",")
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone("").String()
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone("").String()
	}
	return ""
}
