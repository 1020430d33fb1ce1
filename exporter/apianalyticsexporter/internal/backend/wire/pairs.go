// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/url"
	"strings"
)

// AppendPairs appends the decoded pairs of a query or form as HAR has them: a list of
// {"name", "value"} in order, repeated names as separate entries. A part with a bad
// escape stays as it is. It allocates for escaped parts.
func AppendPairs(dst []byte, s string) []byte {
	dst = append(dst, '[')
	first := true
	for s != "" {
		var pair string
		pair, s, _ = strings.Cut(s, "&")
		if pair == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		name, value, _ := strings.Cut(pair, "=")
		dst = append(dst, `{"name":`...)
		dst = AppendString(dst, unescape(name))
		dst = append(dst, `,"value":`...)
		dst = AppendString(dst, unescape(value))
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
