// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import (
	"crypto/sha256"
	"encoding/hex"
)

// eventIDSpace keeps our ids apart from other uses of the same trace and span id.
const eventIDSpace = "apispan.event.id/1\x00"

// NewEventID derives the id of an exchange from the ids of its span, so that every
// attempt, every backend and the application itself name the same one. Extra tells
// exchanges apart whose spans have no ids; it is empty otherwise.
//
// The result has the shape of a version 5 UUID with the RFC 4122 variant, since
// ReadMe accepts no newer version; the hash is SHA-256, because SHA-1 is not
// available in FIPS mode.
func NewEventID(traceID [16]byte, spanID [8]byte, extra []byte) string {
	var buf [64]byte
	b := append(buf[:0], eventIDSpace...)
	b = append(b, traceID[:]...)
	b = append(b, spanID[:]...)
	b = append(b, extra...)
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
