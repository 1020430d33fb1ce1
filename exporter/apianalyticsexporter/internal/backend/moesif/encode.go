// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package moesif

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Append implements [backend.Encoder]. It drops calls to Moesif itself and
// nothing else.
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	dst, _, drop := e.AppendWithin(dst, ex, maxItemBytes)
	return dst, drop
}

// AppendWithin implements [backend.Shedder]: bodies are cut to what Moesif keeps of
// them. The limit of the item is the exporter's to hold.
func (e *Encoder) AppendWithin(dst []byte, ex *exchange.Exchange, _ int) ([]byte, bool, backend.Drop) {
	if ex.Direction == exchange.Outgoing && toMoesif(ex) {
		return dst, false, backend.DropSelfTraffic
	}
	if len(ex.Request.Body.Data) <= maxBodyBytes && len(ex.Response.Body.Data) <= maxBodyBytes {
		return e.append(dst, ex), false, backend.Keep
	}
	cut := *ex
	cut.Shrink(maxBodyBytes)
	return e.append(dst, &cut), true, backend.Keep
}

func (e *Encoder) append(dst []byte, ex *exchange.Exchange) []byte {
	query, queryCut := limitQuery(ex.Query)
	dst = e.appendRequest(dst, ex, query)
	dst = e.appendResponse(dst, ex)
	dst = wire.AppendIdentity(dst, `,"user_id":`, ex.UserID)
	dst = wire.AppendIdentity(dst, `,"company_id":`, ex.CompanyID)
	dst = wire.AppendIdentity(dst, `,"subscription_id":`, ex.SubscriptionID)
	if e.settings.SessionIDAsToken {
		dst = wire.AppendIdentity(dst, `,"session_token":`, ex.SessionID)
	}
	dst = wire.AppendText(dst, `,"transaction_id":`, e.transactionID(ex))
	dst = appendActionName(dst, ex)
	dst = wire.AppendText(dst, `,"blocked_by":`, ex.BlockedBy)
	dst = appendTags(dst, ex)
	dst = appendSpan(dst, ex)
	if ex.Direction == exchange.Outgoing {
		dst = append(dst, `,"direction":"Outgoing"`...)
	} else {
		dst = append(dst, `,"direction":"Incoming"`...)
	}
	dst = wire.AppendInt(dst, `,"weight":`, max(ex.Weight, 1))
	dst = appendMetadata(dst, ex, queryCut)
	return append(dst, '}')
}

// toMoesif reports whether an outgoing call reports to Moesif, by host or by the
// headers of its SDKs, which also go to its proxies. Such a call would cause an
// event, which would cause a call.
func toMoesif(ex *exchange.Exchange) bool {
	host := strings.ToLower(ex.Host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if host == "moesif.net" || strings.HasSuffix(host, ".moesif.net") {
		return true
	}
	return hasHeader(&ex.Request, "x-moesif-application-id") || hasHeader(&ex.Request, "x-moesif-sdk")
}

// hasHeader reports whether a field is there, be it without a value.
func hasHeader(m *exchange.Message, name string) bool {
	for i := range m.Headers {
		if m.Headers[i].Name == name {
			return true
		}
	}
	return false
}

// limitQuery cuts a query to the number of parameters that Moesif takes.
func limitQuery(query string) (string, bool) {
	if strings.Count(query, "&") < maxQueryKeys {
		return query, false
	}
	end := 0
	for range maxQueryKeys {
		end += strings.IndexByte(query[end:], '&') + 1
	}
	return query[:end-1], true
}

func (e *Encoder) appendRequest(dst []byte, ex *exchange.Exchange, query string) []byte {
	dst = append(dst, `{"request":{"time":`...)
	dst = wire.AppendTime(dst, ex.Start)
	dst = append(dst, `,"uri":"`...)
	dst = wire.AppendBaseURL(dst, ex)
	dst = wire.AppendPath(dst, ex.Path)
	dst = wire.AppendQuery(dst, query)
	dst = append(dst, `","verb":`...)
	if ex.Method != "" {
		dst = wire.AppendString(dst, ex.Method)
	} else {
		dst = append(dst, `"_OTHER"`...) // semconv's name for it; the field is required
	}
	apiVersion := ex.APIVersion
	if apiVersion == "" {
		apiVersion = e.settings.APIVersion
	}
	if apiVersion == "" && e.settings.ServiceVersionAsAPIVersion {
		apiVersion = ex.ServiceVersion
	}
	dst = wire.AppendText(dst, `,"api_version":`, apiVersion)
	dst = append(dst, `,"ip_address":`...)
	dst = appendCallerIP(dst, ex)
	return append(appendMessage(dst, &ex.Request, ex.UserAgent), '}')
}

// appendCallerIP appends who sent the request. Left out, Moesif would record the
// sender of the event: the Collector. The peer of an outgoing call is the server.
func appendCallerIP(dst []byte, ex *exchange.Exchange) []byte {
	var ok bool
	if ex.Direction == exchange.Outgoing {
		dst, ok = wire.AppendIP(dst, ex.LocalAddress)
	} else {
		dst, ok = wire.AppendIP(dst, ex.ClientAddress, ex.PeerAddress)
	}
	if !ok {
		dst = append(dst, `"`+wire.UnknownIP+`"`...)
	}
	return dst
}

// status returns the event's status; 0 means that it has no response.
func (e *Encoder) status(ex *exchange.Exchange) int {
	return cmp.Or(ex.StatusCode(), e.settings.NoResponseStatus)
}

func (e *Encoder) appendResponse(dst []byte, ex *exchange.Exchange) []byte {
	status := e.status(ex)
	if status == 0 {
		return dst
	}
	dst = append(dst, `,"response":{"time":`...)
	dst = wire.AppendTime(dst, ex.Start.Add(ex.Duration()))
	dst = wire.AppendInt(dst, `,"status":`, int64(status))
	address := ex.LocalAddress
	if ex.Direction == exchange.Outgoing {
		address = ex.PeerAddress
	}
	mark := len(dst)
	dst = append(dst, `,"ip_address":`...)
	var ok bool
	if dst, ok = wire.AppendIP(dst, address); !ok {
		dst = dst[:mark]
	}
	return append(appendMessage(dst, &ex.Response, ""), '}')
}

// appendMessage appends headers and body, which both sides have alike. userAgent
// stands in for a header that was not captured as one.
func appendMessage(dst []byte, m *exchange.Message, userAgent string) []byte {
	const headers = `,"headers":`
	dst, mark := wire.Open(dst, headers)
	dst = wire.AppendFields(dst, m.Headers)
	if userAgent != "" && !hasHeader(m, "user-agent") {
		dst = wire.AppendString(append(dst, `,"user-agent":`...), userAgent)
	}
	if len(dst) == mark {
		dst = append(dst, '{', '}') // none is not unknown
	} else {
		dst = wire.Close(dst, headers, mark)
	}
	dst = appendBody(dst, &m.Body)
	if n := contentLength(m); n >= 0 {
		dst = wire.AppendInt(dst, `,"content_length":`, n)
	}
	return dst
}

// appendBody appends body and transfer_encoding: a complete JSON object or array
// as it is, everything else as base64, nothing for no body.
func appendBody(dst []byte, b *exchange.Body) []byte {
	switch {
	case b.Data == "":
		return dst
	case !b.Truncated && wire.Embeddable(b.Data):
		dst = append(dst, `,"body":`...)
		dst = append(dst, b.Data...)
		return append(dst, `,"transfer_encoding":"json"`...)
	}
	dst = append(dst, `,"body":`...)
	dst = wire.AppendBase64(dst, b.Data)
	return append(dst, `,"transfer_encoding":"base64"`...)
}

// contentLength returns the size of the body on the wire, or -1. A captured
// length stands in only if the capture is whole.
func contentLength(m *exchange.Message) int64 {
	if m.Body.Size >= 0 {
		return m.Body.Size
	}
	if v := m.Get("content-length"); v != "" && len(v) <= 18 {
		if n, err := strconv.ParseUint(v, 10, 63); err == nil {
			return int64(n)
		}
	}
	if m.Body.Captured && !m.Body.Truncated && !m.Body.Incomplete {
		return int64(len(m.Body.Data))
	}
	return -1
}

// transactionID returns the event's id: that which Moesif's own SDKs would
// use, else the exchange's, else none.
func (e *Encoder) transactionID(ex *exchange.Exchange) string {
	if !e.settings.IgnoreTransactionID {
		if id := ex.Request.Get("x-moesif-transaction-id"); wire.IsUUID(id) {
			return id
		}
	}
	if wire.IsUUID(ex.ID) {
		return ex.ID
	}
	return ""
}
