// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// namespace keeps our ids apart from other uses of the same trace and span id.
const namespace = "apispan.event.id/1\x00"

// eventID returns the id of the event: the given one if it is a UUID, else one
// derived from trace and span id, so that every attempt and every backend uses
// the same. It has the shape of a version 5 UUID with the RFC 4122 variant, since
// ReadMe accepts no newer version; the hash is SHA-256, because SHA-1 is not
// available in FIPS mode. A span without ids would share its id with all others
// of the kind, so more of it is hashed.
func eventID(given string, e *exchange.Exchange) string {
	if id, ok := canonicalUUID(given); ok {
		return id
	}
	var buf [256]byte
	b := append(buf[:0], namespace...)
	b = append(b, e.TraceID[:]...)
	b = append(b, e.SpanID[:]...)
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
	sum := sha256.Sum256(b)
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], u[0:4])
	hex.Encode(out[9:13], u[4:6])
	hex.Encode(out[14:18], u[6:8])
	hex.Encode(out[19:23], u[8:10])
	hex.Encode(out[24:36], u[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
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
