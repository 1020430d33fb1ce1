// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// A response body longer than both together is sent as its head and its tail.
const (
	headBytes = 24 << 10
	tailBytes = 16 << 10
)

// content is the part of an event that can be given up to keep it small.
type content struct {
	body     string // complete JSON, not yet sanitized; empty for none
	response []byte // sanitized
	skipped  string // the content coding that hid the response
	metrics  string // what the response had under metricsKey
	// head and tail are how much of a long response is sent; both 0 means all.
	head, tail int
	// dropped: something of the content was left out altogether.
	dropped bool
}

// content applies the vendor's rules: request bodies of writing methods only, JSON
// objects and arrays only, and nothing of a body that was cut, because a key that
// must be masked could be in the rest.
func (e *Encoder) content(s *scratch, ex *exchange.Exchange) content {
	var c content
	switch ex.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if b := &ex.Request.Body; !b.Truncated && isJSON(&ex.Request) && wire.Embeddable(b.Data) {
			c.body = b.Data
		}
	}
	b := &ex.Response.Body
	switch {
	case b.Truncated || b.Data == "" || !isJSON(&ex.Response):
	case wire.Embeddable(b.Data):
		z := sanitizer{src: b.Data, metrics: true}
		s.response = z.value(s.response[:0], 0)
		c.metrics = z.found
		c.response = s.response
		if len(c.response) > headBytes+tailBytes {
			c.head, c.tail = headBytes, tailBytes
		}
	default:
		// The convention wants captured bodies decoded; this one was not.
		c.skipped = contentCoding(&ex.Response)
	}
	if !e.config.ResponseBodies {
		c.response, c.skipped = nil, ""
	}
	return c
}

// isJSON reports whether the content type holds "application/json". If no header at
// all was captured, the content alone decides.
func isJSON(m *exchange.Message) bool {
	const want = "application/json"
	if len(m.Headers) == 0 {
		return true
	}
	contentType := m.Get("content-type")
	for i := 0; i+len(want) <= len(contentType); i++ {
		if strings.EqualFold(contentType[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

// contentCoding returns the content coding of a message, or "" for none.
func contentCoding(m *exchange.Message) string {
	coding := strings.ToLower(strings.TrimSpace(m.Get("content-encoding")))
	if coding == "identity" || len(coding) > 64 {
		return ""
	}
	return coding
}

// shed gives up the next piece and reports whether there was one; over is how many
// bytes the event is too long.
func (c *content) shed(over int) bool {
	const least = 2 << 10 // less of a body is not worth having
	if n := len(c.response); n > 0 {
		sum := min(n, headBytes+tailBytes)
		if c.head > 0 {
			sum = c.head + c.tail
		}
		// Quotation marks double in a string, so what is too much is no measure
		// of what to take away.
		if sum -= min(max(over, sum/8), sum/2); sum >= least {
			c.head, c.tail = sum*3/5, sum*2/5
			return true
		}
	}
	switch {
	case c.body != "":
		c.body, c.dropped = "", true
		c.head, c.tail = 0, 0 // there is room again
		if len(c.response) > headBytes+tailBytes {
			c.head, c.tail = headBytes, tailBytes
		}
		return true
	case len(c.response) > 0:
		c.response, c.dropped = nil, true
		return true
	}
	return false
}

func (c *content) appendBody(dst []byte) []byte {
	if c.body == "" {
		return append(dst, "null"...)
	}
	z := sanitizer{src: c.body}
	return z.value(dst, 0)
}

func (c *content) appendResponse(dst []byte) []byte {
	switch {
	case c.skipped != "":
		dst = append(dst, `{"body_skipped_encoding":`...)
		dst = wire.AppendString(dst, c.skipped)
		return append(dst, '}')
	case len(c.response) == 0:
		return append(dst, "null"...)
	case c.head == 0:
		return append(dst, c.response...)
	}
	n := len(c.response)
	dst = append(dst, `{"body_truncated":true,"body_bytes_total":`...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	dst = append(dst, `,"body_bytes_dropped":`...)
	dst = strconv.AppendInt(dst, int64(n-c.head-c.tail), 10)
	dst = append(dst, `,"head":"`...)
	dst = appendCut(dst, c.response[:c.head])
	dst = append(dst, `","tail":"`...)
	dst = appendCut(dst, c.response[n-c.tail:])
	return append(dst, `"}`...)
}

// appendCut appends a piece of UTF-8 text that was cut by bytes. A character cut
// through becomes one U+FFFD, however many bytes of it are left.
func appendCut(dst, piece []byte) []byte {
	lo, hi := 0, len(piece)
	for lo < hi && lo < utf8.UTFMax && !utf8.RuneStart(piece[lo]) {
		lo++
	}
	for i := hi - 1; i >= lo && i >= hi-utf8.UTFMax; i-- {
		if utf8.RuneStart(piece[i]) {
			if !utf8.FullRune(piece[i:hi]) {
				hi = i
			}
			break
		}
	}
	if lo > 0 {
		dst = append(dst, "\ufffd"...)
	}
	dst = wire.AppendEscaped(dst, string(piece[lo:hi]))
	if hi < len(piece) {
		dst = append(dst, "\ufffd"...)
	}
	return dst
}
