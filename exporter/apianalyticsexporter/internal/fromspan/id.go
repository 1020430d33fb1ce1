// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"encoding/binary"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
	"github.com/apispan/apispan/internal/httpattr"
)

// eventID returns the id of the event: the given one if it is a UUID, else one
// derived from trace and span id. The two ends of a call may share both (Zipkin), so a
// CLIENT span's says what it is, and twin tells spans apart that share even that. A span
// without ids would share its id with all others of the kind, so more of it is hashed.
func eventID(given string, e *exchange.Exchange, twin []byte) string {
	if id, ok := canonicalUUID(given); ok {
		return id
	}
	var buf [256]byte
	b := buf[:0]
	if e.Direction == exchange.Outgoing {
		b = append(b, "client\x00"...)
	}
	b = append(b, twin...)
	if e.TraceID == [16]byte{} || e.SpanID == [8]byte{} {
		b = binary.BigEndian.AppendUint64(b, uint64(e.Start.UnixNano()))
		b = binary.BigEndian.AppendUint64(b, uint64(e.End.UnixNano()))
		b = append(b, byte(e.Direction))
		for _, s := range [...]string{
			e.Method, e.Scheme, e.Host, e.Path, e.Query, e.ServiceName, e.SpanName,
			e.ClientAddress, e.UserID, e.Request.Body.Data, e.Response.Body.Data,
		} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
			b = append(b, s...)
		}
	}
	return httpattr.NewEventID(e.TraceID, e.SpanID, b)
}

// nilUUID is what a producer without an id may send; it identifies nothing.
const nilUUID = "00000000-0000-0000-0000-000000000000"

// canonicalUUID returns s in lower case if it is a UUID in the 8-4-4-4-12 form.
func canonicalUUID(s string) (string, bool) {
	if len(s) != 36 || s == nilUUID {
		return "", false
	}
	var out [36]byte
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		case 'A' <= c && c <= 'F':
			c += 'a' - 'A'
		default:
			return "", false
		}
		out[i] = c
	}
	return string(out[:]), true
}
