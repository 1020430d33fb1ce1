// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import "strings"

// MediaType returns the lower-case essence of a Content-Type value: what stands
// before the first ';', trimmed. It never fails; an unusable value gives "".
func MediaType(contentType string) string {
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return strings.ToLower(strings.TrimSpace(contentType))
}

// IsTextual reports whether content of this Content-Type is text by the rule of
// the semantic convention for http.*.body.content: the type begins with
// "text/", ends in json, xml or yaml (as subtype or structured suffix), is
// application/x-www-form-urlencoded, or the value carries a charset parameter.
func IsTextual(contentType string) bool {
	t := MediaType(contentType)
	if strings.HasPrefix(t, "text/") || t == "application/x-www-form-urlencoded" {
		return true
	}
	for _, s := range [...]string{"json", "xml", "yaml"} {
		if strings.HasSuffix(t, s) && len(t) > len(s) {
			if c := t[len(t)-len(s)-1]; c == '/' || c == '+' {
				return true
			}
		}
	}
	_, params, ok := strings.Cut(contentType, ";")
	for ok {
		var p string
		p, params, ok = strings.Cut(params, ";")
		name, _, has := strings.Cut(p, "=")
		if has && strings.EqualFold(strings.TrimSpace(name), "charset") {
			return true
		}
	}
	return false
}

// IsJSON reports whether the media type is JSON or has the +json suffix.
func IsJSON(contentType string) bool {
	t := MediaType(contentType)
	switch t {
	case "application/json", "application/x-json", "text/json", "text/x-json":
		return true
	}
	return strings.HasSuffix(t, "+json")
}
