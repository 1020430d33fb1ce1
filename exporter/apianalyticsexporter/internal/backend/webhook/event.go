// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"strconv"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Append implements [backend.Encoder].
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	if e.SelfTraffic(ex) {
		return dst, backend.DropSelfTraffic
	}
	if e.har {
		return appendEntry(dst, ex), backend.Keep
	}
	return appendEvent(dst, ex), backend.Keep
}

// appendEvent appends the neutral event.
func appendEvent(dst []byte, ex *exchange.Exchange) []byte {
	dst = append(dst, `{"schema":"apispan.event/1","id":`...)
	dst = wire.AppendString(dst, ex.ID)
	dst = append(dst, `,"direction":`...)
	dst = wire.AppendString(dst, wire.Direction(ex))
	dst = append(dst, `,"start":`...)
	dst = wire.AppendTime(dst, ex.Start)
	dst = append(dst, `,"duration_ms":`...)
	dst = appendMillis(dst, ex)
	dst = append(dst, `,"method":`...)
	dst = wire.AppendString(dst, method(ex))
	dst = append(dst, `,"url":"`...)
	dst = wire.AppendURL(dst, ex)
	dst = append(dst, '"')
	dst = wire.AppendText(dst, `,"protocol":`, ex.Protocol)
	dst = append(dst, `,"request":`...)
	dst = appendMessage(dst, &ex.Request)
	if status := ex.StatusCode(); status != 0 {
		dst = wire.AppendInt(dst, `,"status":`, int64(status))
		dst = append(dst, `,"response":`...)
		dst = appendMessage(dst, &ex.Response)
	}
	dst = appendContext(dst, ex)
	return append(dst, '}')
}

// appendContext appends what both formats say about an exchange beyond its two
// messages, each member with a comma before it.
func appendContext(dst []byte, ex *exchange.Exchange) []byte {
	dst = wire.AppendText(dst, `,"route":`, ex.Route)
	dst = appendPeer(dst, `,"client":`, ex.ClientAddress, ex.ClientPort)
	dst = appendPeer(dst, `,"peer":`, ex.PeerAddress, ex.PeerPort)
	dst = appendPeer(dst, `,"local":`, ex.LocalAddress, ex.LocalPort)
	dst = wire.AppendText(dst, `,"user_agent":`, ex.UserAgent)

	dst, mark := wire.Open(dst, `,"user":`)
	dst = wire.AppendIdentity(dst, `,"id":`, ex.UserID)
	dst = wire.AppendIdentity(dst, `,"name":`, ex.UserName)
	dst = wire.AppendIdentity(dst, `,"email":`, ex.UserEmail)
	dst = wire.Close(dst, `,"user":`, mark)
	dst = wire.AppendIdentity(dst, `,"session_id":`, ex.SessionID)
	dst = wire.AppendIdentity(dst, `,"company_id":`, ex.CompanyID)
	dst = wire.AppendIdentity(dst, `,"subscription_id":`, ex.SubscriptionID)
	dst, mark = wire.Open(dst, `,"consumer":`)
	dst = wire.AppendIdentity(dst, `,"id":`, ex.ConsumerID)
	dst = wire.AppendIdentity(dst, `,"label":`, ex.ConsumerLabel)
	dst = wire.AppendIdentity(dst, `,"email":`, ex.ConsumerEmail)
	dst = wire.Close(dst, `,"consumer":`, mark)

	dst = wire.AppendText(dst, `,"api_version":`, ex.APIVersion)
	dst = wire.AppendText(dst, `,"blocked_by":`, ex.BlockedBy)
	dst = wire.AppendInt(dst, `,"weight":`, max(ex.Weight, 1))
	dst = appendMetadata(dst, ex)
	for _, what := range ex.Shed {
		dst = wire.AppendShed(dst, what)
	}

	dst, mark = wire.Open(dst, `,"service":`)
	dst = wire.AppendText(dst, `,"name":`, ex.ServiceName)
	dst = wire.AppendText(dst, `,"version":`, ex.ServiceVersion)
	dst = wire.AppendText(dst, `,"environment":`, ex.Environment)
	dst = wire.Close(dst, `,"service":`, mark)

	dst, mark = wire.Open(dst, `,"trace":`)
	dst = wire.AppendID(dst, `,"trace_id":`, ex.TraceID[:])
	dst = wire.AppendID(dst, `,"span_id":`, ex.SpanID[:])
	dst = wire.AppendID(dst, `,"parent_span_id":`, ex.ParentSpanID[:])
	dst = wire.AppendText(dst, `,"span_name":`, ex.SpanName)
	dst = wire.Close(dst, `,"trace":`, mark)

	dst, mark = wire.Open(dst, `,"redaction":`)
	dst = wire.AppendText(dst, `,"policy":`, ex.RedactionPolicy)
	if ex.RedactionCount > 0 {
		dst = wire.AppendInt(dst, `,"count":`, ex.RedactionCount)
	}
	dst = appendTexts(dst, `,"rules":`, ex.RedactionRules)
	dst = appendTexts(dst, `,"decisions":`, ex.RedactionDecisions)
	up := &ex.RedactionUpstream
	dst, inner := wire.Open(dst, `,"upstream":`)
	dst = appendTexts(dst, `,"policies":`, up.Policies)
	if up.Count > 0 {
		dst = wire.AppendInt(dst, `,"count":`, up.Count)
	}
	dst = appendTexts(dst, `,"rules":`, up.Rules)
	dst = wire.Close(dst, `,"upstream":`, inner)
	return wire.Close(dst, `,"redaction":`, mark)
}

// method returns the request's method, or semconv's name for an unknown one, as
// receivers expect something.
func method(ex *exchange.Exchange) string {
	if ex.Method == "" {
		return "_OTHER"
	}
	return ex.Method
}

// appendMillis appends the duration in milliseconds with up to three decimals.
func appendMillis(dst []byte, ex *exchange.Exchange) []byte {
	return strconv.AppendFloat(dst, float64(ex.Duration().Microseconds())/1000, 'f', -1, 64)
}

// appendMessage appends headers, size and body of one side.
func appendMessage(dst []byte, m *exchange.Message) []byte {
	dst = append(dst, `{"headers":{`...)
	start := len(dst)
	for i := 0; i < len(m.Headers); {
		name := m.Headers[i].Name
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, name)
		dst = append(dst, ':', '[')
		values := len(dst)
		// Fields of one name stand together; a map has room for one.
		for ; i < len(m.Headers) && m.Headers[i].Name == name; i++ {
			for _, v := range m.Headers[i].Values {
				if len(dst) > values {
					dst = append(dst, ',')
				}
				dst = wire.AppendString(dst, v)
			}
		}
		dst = append(dst, ']')
	}
	dst = append(dst, '}')
	if m.Body.Size >= 0 {
		dst = wire.AppendInt(dst, `,"size":`, m.Body.Size)
	}
	return append(appendBody(dst, &m.Body), '}')
}

// appendBody appends the member body: a complete JSON object or array as it is,
// other text as a string, other content in base64; nothing if nothing was captured.
func appendBody(dst []byte, b *exchange.Body) []byte {
	if !b.Captured && b.Data == "" {
		return dst
	}
	switch {
	case !b.Truncated && wire.Embeddable(b.Data):
		dst = append(dst, `,"body":{"json":`...)
		start := len(dst)
		dst = append(dst, b.Data...)
		oneLine(dst[start:])
	case utf8.ValidString(b.Data):
		dst = append(dst, `,"body":{"text":`...)
		dst = wire.AppendString(dst, b.Data)
	default:
		dst = append(dst, `,"body":{"base64":`...)
		dst = wire.AppendBase64(dst, b.Data)
	}
	if b.Truncated {
		dst = append(dst, `,"truncated":true`...)
	}
	if b.Incomplete {
		dst = append(dst, `,"incomplete":true`...)
	}
	return append(dst, '}')
}

// oneLine turns the line breaks of a JSON text into blanks. They stand between
// tokens only: within a string they are escaped.
func oneLine(doc []byte) {
	for i, c := range doc {
		if c == '\n' || c == '\r' {
			doc[i] = ' '
		}
	}
}

func appendPeer(dst []byte, key, address string, port int) []byte {
	dst, mark := wire.Open(dst, key)
	dst = wire.AppendText(dst, `,"address":`, address)
	if port > 0 && port <= 65535 {
		dst = wire.AppendInt(dst, `,"port":`, int64(port))
	}
	return wire.Close(dst, key, mark)
}

func appendMetadata(dst []byte, ex *exchange.Exchange) []byte {
	const key = `,"metadata":`
	dst, mark := wire.Open(dst, key)
	dst = wire.AppendMetadata(dst, ex.Metadata, func(dst []byte, kv *exchange.KeyValue) ([]byte, bool) {
		return wire.AppendValue(dst, kv.Value)
	})
	return wire.Close(dst, key, mark)
}

// appendTexts appends an array of strings that is left out when empty.
func appendTexts(dst []byte, key string, values []string) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(append(dst, key...), '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendString(dst, v)
	}
	return append(dst, ']')
}
