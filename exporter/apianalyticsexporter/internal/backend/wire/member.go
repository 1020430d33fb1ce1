// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// The functions of this file append a member to an object that has others before it: key
// holds the comma, the quoted name and the colon.

// AppendText leaves the member out when it is empty.
func AppendText(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendString(append(dst, key...), value)
}

// AppendIdentity leaves out a mask, too: it would make one of all who were masked.
func AppendIdentity(dst []byte, key, value string) []byte {
	if IsMask(value) {
		return dst
	}
	return AppendText(dst, key, value)
}

// AppendID appends the hexadecimal digits of an id, or nothing when it is all zeros.
func AppendID(dst []byte, key string, id []byte) []byte {
	for _, b := range id {
		if b != 0 {
			return AppendHex(append(dst, key...), id)
		}
	}
	return dst
}

// AppendInt appends a whole number.
func AppendInt(dst []byte, key string, n int64) []byte {
	return strconv.AppendInt(append(dst, key...), n, 10)
}

// AppendShed appends that something was given up because the event was too large, see
// exchange.ShedBodies and the others.
func AppendShed(dst []byte, what string) []byte {
	return append(append(append(dst, `,"shed_`...), what...), `":true`...)
}

// Direction returns what backends call the direction of an exchange that have none of their
// own words for it.
func Direction(ex *exchange.Exchange) string {
	if ex.Direction == exchange.Outgoing {
		return "outgoing"
	}
	return "incoming"
}
