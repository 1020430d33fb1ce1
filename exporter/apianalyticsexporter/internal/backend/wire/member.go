// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strconv"
	"unicode/utf8"

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

// Open begins a member that is an object whose members have a comma before each, and returns
// where they begin.
func Open(dst []byte, key string) (out []byte, mark int) {
	dst = append(dst, key...)
	return dst, len(dst)
}

// Close ends the object, or takes the member back if the object has none.
func Close(dst []byte, key string, mark int) []byte {
	if len(dst) == mark {
		return dst[:mark-len(key)]
	}
	dst[mark] = '{' // the comma of the first member
	return append(dst, '}')
}

// AppendMetadata appends the entries that value appends, each name once.
func AppendMetadata(dst []byte, list []exchange.KeyValue, value func([]byte, *exchange.KeyValue) ([]byte, bool)) []byte {
	for i := range list {
		kv := &list[i]
		if i > 0 && kv.Key == list[i-1].Key {
			continue
		}
		mark := len(dst)
		dst = append(AppendString(append(dst, ','), kv.Key), ':')
		var ok bool
		if dst, ok = value(dst, kv); !ok {
			dst = dst[:mark]
		}
	}
	return dst
}

// AppendFields appends header fields. The values of a name are one text, joined by ", "
// (RFC 9110 §5.3). What has no name is no field.
func AppendFields(dst []byte, list []exchange.Header) []byte {
	first := true // of the values of a name, which stand together
	for i := range list {
		name := list[i].Name
		switch {
		case name == "":
			continue
		case i > 0 && list[i-1].Name == name:
			dst = dst[:len(dst)-1]
		default:
			dst = append(AppendString(append(dst, ','), name), ':', '"')
			first = true
		}
		for _, v := range list[i].Values {
			if !first {
				dst = append(dst, ", "...)
			}
			dst = AppendEscaped(dst, v)
			first = false
		}
		dst = append(dst, '"')
	}
	return dst
}

// AppendContent appends a body as a JSON string, as it is if it is text, and returns which
// encoding that is, "text" or "base64".
func AppendContent(dst []byte, data string) (out []byte, encoding string) {
	if utf8.ValidString(data) {
		return AppendString(dst, data), "text"
	}
	return AppendBase64(dst, data), "base64"
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
