// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"strconv"
	"strings"
	"time"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// scratch is the working memory of one Append.
type scratch struct {
	hash     hasher
	custom   []byte
	response []byte
	params   []param
}

// maxScratch bounds the memory kept for reuse.
const maxScratch = 1 << 20

// Append implements [backend.Encoder]. It drops outgoing exchanges, since an event
// has no direction, and the health checks that the server leaves out.
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	dst, _, drop := e.AppendWithin(dst, ex, maxItemBytes)
	return dst, drop
}

// AppendWithin implements [backend.Shedder]. What is given up for the limit, in
// this order: the middle of the response body, the request body, the response body.
func (e *Encoder) AppendWithin(dst []byte, ex *exchange.Exchange, maxBytes int) ([]byte, bool, backend.Drop) {
	switch {
	case ex.Direction == exchange.Outgoing:
		return dst, false, backend.DropDirection
	case isHealthCheck(ex.Path):
		return dst, false, backend.DropHealthCheck
	}
	s := e.scratch.Get().(*scratch)
	start := len(dst)
	c := e.content(s, ex)
	dst = e.appendEvent(dst, s, ex, &c)
	shed := false
	for len(dst)-start > maxBytes && c.shed(len(dst)-start-maxBytes) {
		shed = true
		dst = e.appendEvent(dst[:start], s, ex, &c)
	}
	if cap(s.response)+cap(s.custom) <= maxScratch && cap(s.params) <= maxParams {
		clear(s.params[:cap(s.params)]) // they hold parts of the exchange
		e.scratch.Put(s)
	}
	return dst, shed, backend.Keep
}

// isHealthCheck reports whether the server leaves the endpoint out: by its last
// segment (the vendor's playground/stub_ingest.py).
func isHealthCheck(path string) bool {
	path = strings.TrimRight(path, "/")
	switch last := path[strings.LastIndexByte(path, '/')+1:]; len(last) {
	case 4:
		return strings.EqualFold(last, "live")
	case 5:
		return strings.EqualFold(last, "ready") || strings.EqualFold(last, "livez")
	case 6:
		return strings.EqualFold(last, "health") || strings.EqualFold(last, "readyz")
	case 7:
		return strings.EqualFold(last, "healthz")
	case 8:
		return strings.EqualFold(last, "liveness")
	case 9:
		return strings.EqualFold(last, "readiness")
	case 11:
		return strings.EqualFold(last, "healthcheck")
	case 12:
		return strings.EqualFold(last, "health_check") || strings.EqualFold(last, "health-check")
	}
	return false
}

// appendEvent appends the event with the content that c still has.
func (e *Encoder) appendEvent(dst []byte, s *scratch, ex *exchange.Exchange, c *content) []byte {
	key := e.Key()
	dst = append(dst, `{"remote_addr":`...)
	dst = s.appendRemoteAddr(dst, ex, key)
	dst = append(dst, `,"endpoint":"`...)
	dst = wire.AppendPath(dst, ex.Path)
	dst = append(dst, `","scheme":`...)
	dst = strconv.AppendBool(dst, strings.EqualFold(ex.Scheme, "https"))
	dst = append(dst, `,"method":`...)
	if ex.Method != "" {
		dst = wire.AppendString(dst, ex.Method)
	} else {
		dst = append(dst, `"_OTHER"`...) // semconv's name for it; the field is required
	}
	dst = append(dst, `,"timestamp":`...)
	dst = appendTimestamp(dst, ex.Start)
	dst = append(dst, `,"custom_data":`...)
	dst = s.appendCustomData(dst, ex, c)
	dst = append(dst, `,"headers":`...)
	dst = s.appendHeaders(dst, ex.Request.Headers, key)
	dst = append(dst, `,"query_params":`...)
	dst = s.appendQuery(dst, ex.Query)
	dst = append(dst, `,"body":`...)
	dst = c.appendBody(dst)
	dst = append(dst, `,"response_body":`...)
	dst = c.appendResponse(dst)
	dst = append(dst, `,"user_agent":`...)
	userAgent := ex.UserAgent
	if userAgent == "" {
		userAgent = ex.Request.Get("user-agent")
	}
	dst = appendCapped(dst, userAgent, maxUserAgent)
	dst = append(dst, `,"user_id":`...)
	if wire.IsMask(ex.UserID) { // it would make one user of all
		dst = append(dst, "null"...)
	} else {
		dst = appendCapped(dst, ex.UserID, maxUserID)
	}
	if ex.Status >= 100 && ex.Status <= 999 {
		dst = append(dst, `,"status_code":`...)
		dst = strconv.AppendInt(dst, int64(ex.Status), 10)
	}
	dst = append(dst, `,"latency_ms":`...)
	dst = strconv.AppendInt(dst, max(0, ex.End.Sub(ex.Start).Milliseconds()), 10)
	return append(dst, '}')
}

// appendTimestamp appends RFC 3339 with microseconds and an offset, as Python's
// isoformat does for UTC. A time that the server cannot read becomes the nearest
// that it can.
func appendTimestamp(dst []byte, t time.Time) []byte {
	t = t.UTC()
	switch year := t.Year(); {
	case year < 1:
		return append(dst, `"0001-01-01T00:00:00.000000+00:00"`...)
	case year > 9999:
		return append(dst, `"9999-12-31T23:59:59.999999+00:00"`...)
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05.000000-07:00")
	return append(dst, '"')
}

// appendCapped appends the first characters of text, or null for none.
func appendCapped(dst []byte, text string, limit int) []byte {
	if text == "" {
		return append(dst, "null"...)
	}
	if len(text) > limit {
		n := 0
		for i := range text {
			if n == limit {
				text = text[:i]
				break
			}
			n++
		}
	}
	return wire.AppendString(dst, text)
}

// appendHeaders appends a map with names in title case, as WSGI has them, or null.
func (s *scratch) appendHeaders(dst []byte, headers []exchange.Header, key string) []byte {
	start := len(dst)
	dst = append(dst, '{')
	for i := 0; i < len(headers); {
		h := &headers[i]
		next := i + 1
		// Fields of one name stand together; a map has room for one.
		for next < len(headers) && headers[next].Name == h.Name {
			next++
		}
		if h.Name != "" {
			if len(dst) > start+1 {
				dst = append(dst, ',')
			}
			dst = appendTitle(dst, h.Name)
			dst = append(dst, ':')
			dst = s.appendHeaderValue(dst, headers[i:next], key)
		}
		i = next
	}
	if len(dst) == start+1 {
		return append(dst[:start], "null"...)
	}
	return append(dst, '}')
}

func (s *scratch) appendHeaderValue(dst []byte, fields []exchange.Header, key string) []byte {
	switch fields[0].Name {
	case "cookie", "set-cookie", "x-api-key", "x-auth-token", "proxy-authorization":
		return append(dst, `"`+redacted+`"`...)
	case "authorization":
		return s.appendAuthorization(dst, fields, key)
	}
	if out, ok := s.appendAddresses(dst, fields, key); ok {
		return out
	}
	dst = append(dst, '"')
	first := true
	for i := range fields {
		for _, v := range fields[i].Values {
			if !first {
				dst = append(dst, ", "...)
			}
			dst = wire.AppendEscaped(dst, v)
			first = false
		}
	}
	return append(dst, '"')
}

// appendAuthorization appends the HMAC of the whole value, scheme included. A mask,
// with or without a scheme before it, would give all callers one hash.
func (s *scratch) appendAuthorization(dst []byte, fields []exchange.Header, key string) []byte {
	var value string
	if len(fields) == 1 && len(fields[0].Values) == 1 {
		value = fields[0].Values[0]
	} else {
		var all []string
		for i := range fields {
			all = append(all, fields[i].Values...)
		}
		value = strings.Join(all, ", ")
	}
	_, credential, _ := strings.Cut(value, " ")
	if key == "" || value == "" || wire.IsMask(value) || wire.IsMask(strings.TrimSpace(credential)) {
		return append(dst, `"`+redacted+`"`...)
	}
	if isDigest(value) {
		return wire.AppendString(dst, value)
	}
	return s.hash.appendHMAC(dst, key, value)
}

// appendTitle appends a name with each letter that follows no letter in upper
// case, as a JSON string.
func appendTitle(dst []byte, name string) []byte {
	start := len(dst)
	dst = wire.AppendString(dst, name)
	after := false
	for i := start + 1; i < len(dst)-1; i++ {
		c := dst[i]
		if c == '\\' {
			break // no letters of an escape sequence; such a name is no field name anyway
		}
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if letter && !after {
			dst[i] = c &^ 0x20
		}
		after = letter
	}
	return dst
}
