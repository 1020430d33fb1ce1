// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"net/url"
	"slices"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Members of custom_data that say what an event had to leave out.
const (
	droppedOversize = "content_dropped_oversize"
	droppedRefused  = "content_dropped_refused"
)

// blockedBy is the member for the rule that has blocked a call, which has no field of its
// own here.
const blockedBy = "blocked_by"

func named(ex *exchange.Exchange, name string) bool {
	return slices.ContainsFunc(ex.Metadata, func(kv exchange.KeyValue) bool { return kv.Key == name })
}

// maxMetrics bounds how many members are taken over from a response.
const maxMetrics = 256

// appendCustomData appends the application's metadata and then what its response
// had under metricsKey. Where both have a name, the metadata wins.
func (s *scratch) appendCustomData(dst []byte, ex *exchange.Exchange, c *content) []byte {
	dst = append(dst, '{')
	start := len(dst)
	for i := range ex.Metadata {
		kv := &ex.Metadata[i]
		if !usable(kv.Key) || i > 0 && kv.Key == ex.Metadata[i-1].Key {
			continue
		}
		mark := len(dst)
		if mark > start {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, kv.Key)
		dst = append(dst, ':')
		var ok bool
		if dst, ok = s.appendMetadata(dst, kv); !ok {
			dst = dst[:mark]
		}
	}
	if ex.BlockedBy != "" && !named(ex, blockedBy) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(append(dst, `"`+blockedBy+`":`...), ex.BlockedBy)
	}
	if c.metrics != "" && c.metrics[0] == '{' {
		dst = s.appendMetrics(dst, start, ex, c.metrics)
	}
	if c.dropped || len(ex.Shed) > 0 {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, `"`+droppedOversize+`":true`...)
	}
	return append(dst, '}')
}

func usable(key string) bool {
	return key != "" && key != droppedOversize && key != droppedRefused
}

func (s *scratch) appendMetadata(dst []byte, kv *exchange.KeyValue) ([]byte, bool) {
	if sensitive(kv.Key) {
		return append(dst, `"`+redacted+`"`...), true
	}
	switch kv.Value.(type) {
	case []any, map[string]any:
	default:
		return wire.AppendValue(dst, kv.Value)
	}
	var ok bool
	if s.custom, ok = wire.AppendValue(s.custom[:0], kv.Value); !ok {
		return dst, false
	}
	z := sanitizer{src: string(s.custom)}
	return z.value(dst, 1), true
}

// appendMetrics appends the members of a valid JSON object, each name once: the
// first, unlike a parser's last, since nobody writes one twice on purpose.
func (s *scratch) appendMetrics(dst []byte, start int, ex *exchange.Exchange, object string) []byte {
	z := sanitizer{src: object, i: 1}
	var names []string
	for {
		z.space()
		switch z.src[z.i] {
		case '}':
			return dst
		case ',':
			z.i++
			z.space()
		}
		key := z.src[z.i:z.stringEnd()]
		z.i += len(key)
		z.space()
		z.i++ // the colon
		z.space()
		name := key[1 : len(key)-1]
		if strings.IndexByte(name, '\\') >= 0 {
			name = unquote(name)
		}
		if !usable(name) || len(names) == maxMetrics || slices.Contains(names, name) ||
			named(ex, name) || name == blockedBy && ex.BlockedBy != "" {
			z.skip()
			continue
		}
		names = append(names, name)
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, name)
		dst = append(dst, ':')
		if sensitive(name) {
			dst = z.replace(dst)
			continue
		}
		dst = z.value(dst, 1)
	}
}

// param is one query parameter, decoded.
type param struct {
	name, value string
	taken       bool
}

// maxParams is how many parameters are sent; Django refuses requests with more.
const maxParams = 1000

// appendQuery appends the query as a map of strings, or of arrays where a name is
// repeated, or null.
func (s *scratch) appendQuery(dst []byte, query string) []byte {
	s.params = s.params[:0]
	for query != "" && len(s.params) < maxParams {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		s.params = append(s.params, param{name: unescape(name), value: unescape(value)})
	}
	if len(s.params) == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for i := range s.params {
		p := &s.params[i]
		if p.taken {
			continue
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, p.name)
		dst = append(dst, ':')
		mark := len(dst)
		dst = wire.AppendString(dst, p.value)
		n := 1
		for j := i + 1; j < len(s.params); j++ {
			if q := &s.params[j]; q.name == p.name {
				q.taken = true
				dst = append(dst, ',')
				dst = wire.AppendString(dst, q.value)
				n++
			}
		}
		switch {
		case sensitive(p.name):
			dst = append(dst[:mark], `"`+redacted+`"`...)
		case n > 1:
			dst = slices.Insert(dst, mark, '[')
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}

// unescape decodes as a server does: "+" is a blank, and what is no sequence stays
// as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return toUTF8(u)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return toUTF8(string(b))
}

// toUTF8 is done here, not when writing: two names must not become one.
func toUTF8(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func unhex(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
