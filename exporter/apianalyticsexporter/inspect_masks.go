// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
)

// masks are the texts that the inspector is never given: the credentials of an exporter,
// in every form in which they may stand in what is sent, or come back, or have been
// captured. The longest come first.
type masks struct {
	secrets []string
	// begins has the first two bytes of each secret, so that a text without any costs one
	// pass. short is true if one has a single byte.
	begins [1 << 16 / 64]uint64
	short  bool
}

// minMask is the shortest configured value that is taken out wherever it stands. The
// backend's own credential always is; a header that says "eu" is no secret worth every
// "eu" in a page, and in the request it is hidden anyway.
const minMask = 8

func newMasks(e *core) masks {
	var m masks
	m.add(e.choice.Secret, 1)
	for _, s := range opaque(reflect.ValueOf(e.choice.config), nil) {
		m.add(s, minMask)
	}
	for _, s := range opaque(reflect.ValueOf(e.cfg.ClientConfig), nil) {
		m.add(s, minMask)
	}
	for _, s := range e.senders {
		h := make(http.Header)
		s.enc.SetHeader(h)
		for name, values := range h {
			if slices.Contains(shownHeaders, name) {
				continue
			}
			for _, v := range values {
				m.add(v, minMask)
				_, token, _ := strings.Cut(v, " ")
				m.add(token, minMask)
			}
		}
		m.addURL(s.client.Endpoint)
	}
	slices.SortFunc(m.secrets, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	m.secrets = slices.Compact(m.secrets)
	for _, s := range m.secrets {
		if len(s) < 2 {
			m.short = true
			continue
		}
		at := uint16(s[0])<<8 | uint16(s[1])
		m.begins[at/64] |= 1 << (at % 64)
	}
	return m
}

// add adds a secret of at least least bytes.
func (m *masks) add(secret string, least int) {
	if len(secret) < max(least, 1) {
		return
	}
	quoted, _ := json.Marshal(secret)
	raw := []byte(secret)
	m.secrets = append(m.secrets, secret,
		string(quoted[1:len(quoted)-1]), url.QueryEscape(secret), url.PathEscape(secret))
	if len(secret) >= minMask {
		m.secrets = append(m.secrets,
			base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
			base64.StdEncoding.EncodeToString(append(raw, ':')))
	}
}

// addURL adds the parts of an endpoint that may be one: what is long in its path, and the
// values of its query.
func (m *masks) addURL(endpoint string) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if strings.ContainsAny(part, "0123456789") {
			m.add(part, minMask)
		} else {
			m.add(part, 2*minMask) // shorter ones are words
		}
	}
	for _, values := range u.Query() {
		for _, v := range values {
			m.add(v, minMask)
		}
	}
	if pw, ok := u.User.Password(); ok {
		m.add(pw, 1)
	}
}

// opaque collects the values of type configopaque.String below v.
func opaque(v reflect.Value, out []string) []string {
	if v.IsValid() && v.Type() == reflect.TypeFor[configopaque.String]() {
		return append(out, v.String())
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			out = opaque(v.Elem(), out)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out = opaque(v.Field(i), out)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			out = opaque(v.Index(i), out)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			out = opaque(v.MapIndex(k), out)
		}
	}
	return out
}

func (m *masks) in(s string) bool { return anyIn(m, s) }

// anyIn reports whether a secret stands in s.
func anyIn[T string | []byte](m *masks, s T) bool {
	if m.short {
		return slices.ContainsFunc(m.secrets, func(secret string) bool { return strings.Contains(string(s), secret) })
	}
	for i := 1; i < len(s); i++ {
		at := uint16(s[i-1])<<8 | uint16(s[i])
		if m.begins[at/64]&(1<<(at%64)) == 0 {
			continue
		}
		for _, secret := range m.secrets {
			if len(s)-i+1 >= len(secret) && string(s[i-1:i-1+len(secret)]) == secret {
				return true
			}
		}
	}
	return false
}

func (m *masks) text(s string) string {
	if !anyIn(m, s) {
		return s
	}
	for _, secret := range m.secrets {
		if len(s) >= len(secret) && strings.Contains(s, secret) {
			s = strings.ReplaceAll(s, secret, hidden)
		}
	}
	return s
}

// bytes returns a copy without secrets.
func (m *masks) bytes(b []byte) []byte {
	b = bytes.Clone(b)
	if !anyIn(m, b) {
		return b
	}
	for _, secret := range m.secrets {
		if len(b) >= len(secret) && bytes.Contains(b, []byte(secret)) {
			b = bytes.ReplaceAll(b, []byte(secret), []byte(hidden))
		}
	}
	return b
}

// value is text for a value of metadata, and a copy.
func (m *masks) value(v any) any {
	switch v := v.(type) {
	case string:
		return m.text(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = m.value(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[m.text(k)] = m.value(e)
		}
		return out
	}
	return v
}
