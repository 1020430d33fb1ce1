// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Append implements [backend.Encoder].
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	switch {
	case ex.Direction != exchange.Incoming:
		return dst, backend.DropDirection
	case ex.Method == http.MethodOptions:
		return dst, backend.DropMethod
	case ex.StatusCode() == 0:
		return dst, backend.DropNoStatus
	}
	g := groupOf(ex)
	if g.id == "" {
		return dst, backend.DropNoIdentity
	}
	dst = append(dst, '{')
	dst = appendID(dst, ex.ID)
	dst = append(dst, `"_version":3,`...)
	dst = g.append(dst)
	dst = append(dst, `,"clientIPAddress":`...)
	var ok bool
	if dst, ok = wire.AppendIP(dst, ex.ClientAddress, ex.PeerAddress); !ok {
		dst = append(dst, `"`+wire.UnknownIP+`"`...)
	}
	dst = append(dst, `,"development":`...)
	dst = strconv.AppendBool(dst, e.isDevelopment(ex.Environment))
	dst = append(dst, `,"request":{"log":{"version":"1.2","creator":`...)
	dst = append(dst, e.creator...)
	dst = append(dst, `,"entries":[`...)
	dst = e.appendEntry(dst, ex)
	return append(dst, `]}}}`...), backend.Keep
}

// appendID appends the member _id, with a version that the vendor's tests know.
func appendID(dst []byte, id string) []byte {
	if !wire.IsUUID(id) {
		return dst
	}
	const version = 14 // position of the digit in the text form
	dst = append(dst, `"_id":"`...)
	start := len(dst)
	dst = append(dst, id...)
	if v := id[version]; v < '0' || v > '5' {
		dst[start+version] = '5'
	}
	return append(dst, `",`...)
}

// group is the API consumer.
type group struct {
	id, label, email string
}

// groupOf returns the consumer of an exchange: the one that was set, else the
// user. A masked id names nobody; a token still tells consumers apart. Label and
// email are taken from where the id is from, so that one group is not shown under
// the names of several users.
func groupOf(ex *exchange.Exchange) group {
	consumer := group{ex.ConsumerID, ex.ConsumerLabel, ex.ConsumerEmail}
	user := group{ex.UserID, ex.UserName, ex.UserEmail}
	switch {
	case !wire.Identifies(consumer.id):
		if !wire.Identifies(user.id) {
			return group{}
		}
		return consumer.or(user)
	case consumer.id == user.id:
		return consumer.or(user)
	}
	return consumer.or(group{id: consumer.id})
}

// or returns the id of other, with label and email from g where g has them. What
// redaction has replaced is neither a label nor an address.
func (g group) or(other group) group {
	return group{other.id, firstClear(g.label, other.label), firstClear(g.email, other.email)}
}

func firstClear(a, b string) string {
	switch {
	case a != "" && !isRedacted(a):
		return a
	case !isRedacted(b):
		return b
	}
	return ""
}

func (g group) append(dst []byte) []byte {
	dst = append(dst, `"group":{"id":`...)
	if isMasked(g.id) {
		dst = wire.AppendString(dst, g.id)
	} else {
		dst = appendMask(dst, g.id)
	}
	if g.label != "" {
		dst = append(dst, `,"label":`...)
		dst = wire.AppendString(dst, g.label)
	}
	if g.email != "" {
		dst = append(dst, `,"email":`...)
		dst = wire.AppendString(dst, g.email)
	}
	return append(dst, '}')
}

// appendEntry appends the HAR entry.
func (e *Encoder) appendEntry(dst []byte, ex *exchange.Exchange) []byte {
	elapsed := ex.Duration().Milliseconds()
	dst = append(dst, `{"pageref":"`...)
	dst = wire.AppendBaseURL(dst, ex)
	if ex.Route != "" {
		dst = wire.AppendRoute(dst, ex.Route)
	} else {
		dst = wire.AppendPath(dst, ex.Path)
	}
	if ex.Operation != "" { // of a path that serves many
		dst = append(dst, '#')
		dst = append(dst, url.PathEscape(ex.Operation)...)
	}
	dst = append(dst, `","startedDateTime":`...)
	dst = wire.AppendTime(dst, ex.Start)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, elapsed, 10)
	dst = e.appendRequest(dst, ex)
	dst = appendResponse(dst, ex)
	dst = append(dst, `,"cache":{},"timings":{"send":0,"wait":0,"receive":`...)
	dst = strconv.AppendInt(dst, elapsed, 10)
	return append(dst, '}', '}')
}

func (e *Encoder) appendRequest(dst []byte, ex *exchange.Exchange) []byte {
	dst = append(dst, `,"request":{"method":`...)
	if ex.Method != "" {
		dst = wire.AppendString(dst, ex.Method)
	} else {
		dst = append(dst, `"_OTHER"`...) // semconv's name for it; the field is required
	}
	dst = append(dst, `,"url":"`...)
	dst = wire.AppendURL(dst, ex)
	dst = append(dst, '"')
	dst = appendVersion(dst, ex.Protocol)
	dst = appendHeaders(dst, &ex.Request, ex.UserAgent, true)
	dst = append(dst, `,"queryString":`...)
	dst = wire.AppendPairs(dst, ex.Query)
	dst = append(dst, `,"cookies":[]`...)
	dst = appendSizes(dst, &ex.Request.Body)
	dst = e.appendPostData(dst, &ex.Request)
	return append(dst, '}')
}

func appendResponse(dst []byte, ex *exchange.Exchange) []byte {
	dst = wire.AppendInt(dst, `,"response":{"status":`, int64(ex.Status))
	dst = append(dst, `,"statusText":`...)
	dst = wire.AppendString(dst, http.StatusText(ex.Status))
	dst = appendVersion(dst, ex.Protocol)
	dst = appendHeaders(dst, &ex.Response, "", false)
	dst = append(dst, `,"cookies":[],"redirectURL":""`...)
	dst = appendContent(dst, &ex.Response)
	dst = appendSizes(dst, &ex.Response.Body)
	return append(dst, '}')
}

func appendVersion(dst []byte, protocol string) []byte {
	switch protocol {
	case "1.0", "1.1", "2", "3":
	case "2.0", "3.0":
		protocol = protocol[:1]
	default:
		protocol = "1.1"
	}
	dst = append(dst, `,"httpVersion":"HTTP/`...)
	dst = append(dst, protocol...)
	return append(dst, '"')
}

// appendSizes appends headersSize and bodySize: bytes on the wire, -1 unknown.
func appendSizes(dst []byte, b *exchange.Body) []byte {
	dst = append(dst, `,"headersSize":-1,"bodySize":`...)
	return strconv.AppendInt(dst, max(b.Size, -1), 10)
}

// appendHeaders appends one entry per value. Credentials in a request that
// redaction has not replaced are masked. userAgent stands in for a header that
// was not captured as one.
func appendHeaders(dst []byte, m *exchange.Message, userAgent string, request bool) []byte {
	dst = append(dst, `,"headers":[`...)
	start := len(dst)
	for i := range m.Headers {
		h := &m.Headers[i]
		credential := request && (h.Name == "authorization" || h.Name == "proxy-authorization")
		for _, v := range h.Values {
			dst = appendHeader(dst, h.Name, v, credential && v != "" && !isRedacted(v) && !isMasked(v), start)
		}
	}
	if userAgent != "" && m.Get("user-agent") == "" {
		dst = appendHeader(dst, "user-agent", userAgent, false, start)
	}
	return append(dst, ']')
}

// appendHeader appends an entry of the list that begins at start.
func appendHeader(dst []byte, name, value string, masked bool, start int) []byte {
	if len(dst) > start {
		dst = append(dst, ',')
	}
	dst = append(dst, `{"name":`...)
	dst = wire.AppendString(dst, name)
	dst = append(dst, `,"value":`...)
	if masked {
		dst = appendMask(dst, value)
	} else {
		dst = wire.AppendString(dst, value)
	}
	return append(dst, '}')
}
