// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
)

// What stands for content that is not sent. None of them is JSON, so the collector
// finds no fields in them.
const (
	notText   = "[not sent: binary]"
	notYAML   = "[not sent: YAML with aliases]"
	tooDeep   = "[not sent: nested too deeply]"
	notLegacy = "[REDACTED]"
)

// maxDepth is how deep JSON in a body or value may nest. The collector walks it by
// recursion, and a stack that overflows there fails the request.
const maxDepth = 512

// parameters appends the decoded pairs of a query in order, one entry an
// occurrence. A part with a bad escape stays as it is.
func (w *writer) parameters(query string) {
	w.raw("[")
	if w.e.redacted {
		query = ""
	}
	start := len(w.dst)
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		w.pair(start, "reqQuery", unescape(name), unescape(value))
	}
	w.raw("]")
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// pair appends an entry of the list that begins at start.
func (w *writer) pair(start int, place, name, value string) {
	if len(w.dst) > start {
		w.raw(",")
	}
	w.raw(`{"name":`)
	w.sensitive(place, text(name))
	w.raw(`,"value":`)
	if deep(value) {
		value = tooDeep
	}
	w.sensitive(place, text(value))
	w.raw(`}`)
}

// text makes s fit for the collector's database, which takes no NUL.
func text(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\ufffd")
	}
	return s
}

// headers appends one entry a field, its values joined by a comma. userAgent
// stands in for a field that was not captured.
func (w *writer) headers(m *exchange.Message, place, userAgent string) {
	w.raw("[")
	start := len(w.dst)
	if w.e.redacted {
		w.raw("]")
		return
	}
	hasAgent := userAgent == ""
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.Name == "" {
			continue // the collector calls a method of the name
		}
		hasAgent = hasAgent || h.Name == "user-agent"
		value := joined(h.Values)
		if h.Name == "authorization" && !w.e.v2 {
			value = readableAuthorization(value)
		}
		w.pair(start, place, h.Name, value)
	}
	if !hasAgent {
		w.pair(start, place, "user-agent", userAgent)
	}
	w.raw("]")
}

func joined(values []string) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	}
	return strings.Join(values, ",")
}

// readableAuthorization returns a value with which the session extraction of v1
// does not fail (backend/src/services/authentication-config): for a host with Basic
// authentication it splits every value that contains "basic" in any case at
// "Basic", and for one with JSON Web Tokens it parses what stands between the first
// two dots. A value that redaction has replaced is none of the two.
func readableAuthorization(v string) string {
	if at := indexBasic(v); at >= 0 && !strings.Contains(v, "Basic") {
		if at > 0 {
			return notLegacy
		}
		v = "Basic" + v[len("basic"):]
	}
	if _, rest, ok := strings.Cut(v, "."); ok {
		payload, _, _ := strings.Cut(rest, ".")
		payload = strings.TrimRight(payload, "=")
		doc, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil || len(doc) > 0 && !json.Valid(doc) {
			return notLegacy
		}
	}
	return v
}

// indexBasic returns where "basic" stands in any case, or -1.
func indexBasic(v string) int {
	const word = "basic"
	for i := 0; i+len(word) <= len(v); i++ {
		if strings.EqualFold(v[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// body appends content as a string, never an object and never null.
func (w *writer) body(m *exchange.Message, place string) {
	if w.e.redacted {
		w.raw(`""`)
		return
	}
	w.sensitive(place, w.e.content(m))
}

// content returns the body as the collector may have it.
func (e *Encoder) content(m *exchange.Message) string {
	data := m.Body.Data
	if m.Body.Truncated {
		data = httpattr.TrimPartialRune(data)
	}
	switch {
	case data == "":
		return ""
	case !isText(data):
		var ok bool
		if data, ok = textParts(m.Get("content-type"), data); !ok {
			return notText
		}
	}
	switch {
	case deep(data):
		return tooDeep
	case !e.v2 && yamlAliases(m, data):
		return notYAML
	}
	return data
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// textParts returns a multipart body (RFC 2046, 5.1) in which notText stands for the
// content of the parts that are no text. ok is false if the body is no multipart.
func textParts(contentType, data string) (string, bool) {
	media, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || !strings.HasPrefix(media, "multipart/") || boundary == "" || !isText(boundary) {
		return "", false
	}
	parts := strings.Split(data, "--"+boundary)
	if len(parts) < 2 {
		return "", false
	}
	const blank = "\r\n\r\n"
	for i, part := range parts {
		if isText(part) {
			continue
		}
		end := "\r\n"
		if i == len(parts)-1 {
			end = "" // it was cut
		}
		head, _, ok := strings.Cut(part, blank)
		if !ok || !isText(head) {
			head = ""
		}
		parts[i] = head + blank + notText + end
	}
	return strings.Join(parts, "--"+boundary), true
}

// deep reports whether s nests more than maxDepth arrays and objects, as far as it
// can be JSON. Brackets in strings do not count.
func deep(s string) bool {
	if len(s) <= maxDepth || strings.Count(s, "[")+strings.Count(s, "{") <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// yamlAliases reports whether v1 would parse the body as YAML and might find
// aliases in it: a cycle cannot be turned into JSON again, which fails the request,
// and a few lines can unfold to gigabytes.
func yamlAliases(m *exchange.Message, data string) bool {
	contentType := m.Get("content-type")
	for i := 0; i+4 <= len(contentType); i++ {
		if strings.EqualFold(contentType[i:i+4], "yaml") {
			return strings.IndexByte(data, '&') >= 0 && strings.IndexByte(data, '*') >= 0
		}
	}
	return false
}
