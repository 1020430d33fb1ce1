// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

const (
	typeText    = "text/plain"
	typeBinary  = "application/octet-stream"
	typeUnknown = "x-unknown" // as browsers have it
)

// appendEntry appends an entry of a HAR log. What HAR has no place for stands in
// _apispan and _id: a name that begins with an underscore is a private one
// (HAR 1.2, "Custom Fields").
func appendEntry(dst []byte, ex *exchange.Exchange) []byte {
	dst = append(dst, `{"startedDateTime":`...)
	dst = wire.AppendTime(dst, ex.Start)
	dst = append(dst, `,"time":`...)
	dst = appendMillis(dst, ex)
	dst = append(dst, `,"request":{"method":`...)
	dst = wire.AppendString(dst, method(ex))
	dst = append(dst, `,"url":"`...)
	dst = wire.AppendURL(dst, ex)
	dst = append(dst, '"')
	dst = appendVersion(dst, ex)
	dst = appendFields(dst, &ex.Request)
	dst = append(dst, `,"queryString":`...)
	dst = wire.AppendPairs(dst, ex.Query)
	dst = appendSizes(dst, &ex.Request.Body)
	dst = appendPostData(dst, &ex.Request)

	code := ex.StatusCode()
	dst = append(dst, `},"response":{"status":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"statusText":`...)
	dst = wire.AppendString(dst, http.StatusText(code))
	dst = appendVersion(dst, ex)
	dst = appendFields(dst, &ex.Response)
	dst = append(dst, `,"redirectURL":`...)
	dst = wire.AppendString(dst, ex.Response.Get("location"))
	dst = appendSizes(dst, &ex.Response.Body)
	dst = appendContent(dst, &ex.Response)

	dst = append(dst, `},"cache":{},"timings":{"send":0,"wait":`...)
	dst = appendMillis(dst, ex)
	dst = append(dst, `,"receive":0}`...)
	if addr, ok := wire.AppendIP(append(dst, `,"serverIPAddress":`...), serverAddress(ex)); ok {
		dst = addr
	}
	dst = append(dst, `,"_id":`...)
	dst = wire.AppendString(dst, ex.ID)
	dst = append(dst, `,"_apispan":{"direction":`...)
	dst = wire.AppendString(dst, wire.Direction(ex))
	dst = appendContext(dst, ex)
	return append(dst, '}', '}')
}

func serverAddress(ex *exchange.Exchange) string {
	if ex.Direction == exchange.Outgoing {
		return ex.PeerAddress
	}
	return ex.LocalAddress
}

// appendVersion appends httpVersion, HTTP/1.1 if none is known: HAR demands one.
func appendVersion(dst []byte, ex *exchange.Exchange) []byte {
	version := ex.Protocol
	if version == "" {
		version = "1.1"
	}
	dst = append(dst, `,"httpVersion":"HTTP/`...)
	dst = wire.AppendEscaped(dst, version)
	return append(dst, '"')
}

// appendFields appends cookies and headers. Cookies stay in their header field.
func appendFields(dst []byte, m *exchange.Message) []byte {
	dst = append(dst, `,"cookies":[],"headers":[`...)
	start := len(dst)
	for i := range m.Headers {
		for _, v := range m.Headers[i].Values {
			if len(dst) > start {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"name":`...)
			dst = wire.AppendString(dst, m.Headers[i].Name)
			dst = append(dst, `,"value":`...)
			dst = wire.AppendString(dst, v)
			dst = append(dst, '}')
		}
	}
	return append(dst, ']')
}

// appendSizes appends headersSize and bodySize: bytes on the wire, -1 unknown.
func appendSizes(dst []byte, b *exchange.Body) []byte {
	dst = append(dst, `,"headersSize":-1,"bodySize":`...)
	return strconv.AppendInt(dst, max(b.Size, -1), 10)
}

// appendPostData appends the request's content as text. HAR has no encoding for it,
// so other content is base64 with a private member that says so.
func appendPostData(dst []byte, m *exchange.Message) []byte {
	if m.Body.Data == "" {
		return dst
	}
	dst = append(dst, `,"postData":{"mimeType":`...)
	dst = wire.AppendString(dst, mimeType(m))
	dst, encoding := wire.AppendContent(append(dst, `,"text":`...), m.Body.Data)
	if encoding == "base64" {
		dst = append(dst, `,"_encoding":"base64"`...)
	}
	return append(appendMarks(dst, &m.Body), '}')
}

// appendContent appends the response's content; without one, its type only.
func appendContent(dst []byte, m *exchange.Message) []byte {
	b := &m.Body
	size := int64(len(b.Data))
	if (b.Truncated || b.Incomplete || !b.Captured) && b.Size > size {
		size = b.Size
	}
	dst = append(dst, `,"content":{"size":`...)
	dst = strconv.AppendInt(dst, size, 10)
	dst = append(dst, `,"mimeType":`...)
	dst = wire.AppendString(dst, mimeType(m))
	if b.Captured || b.Data != "" {
		var encoding string
		if dst, encoding = wire.AppendContent(append(dst, `,"text":`...), b.Data); encoding == "base64" {
			dst = append(dst, `,"encoding":"base64"`...)
		}
	}
	return append(appendMarks(dst, b), '}')
}

func appendMarks(dst []byte, b *exchange.Body) []byte {
	if b.Truncated {
		dst = append(dst, `,"_truncated":true`...)
	}
	if b.Incomplete {
		dst = append(dst, `,"_incomplete":true`...)
	}
	return dst
}

func mimeType(m *exchange.Message) string {
	if t := strings.TrimSpace(m.Get("content-type")); t != "" {
		return t
	}
	switch {
	case m.Body.Data == "":
		return typeUnknown
	case utf8.ValidString(m.Body.Data):
		return typeText
	}
	return typeBinary
}
