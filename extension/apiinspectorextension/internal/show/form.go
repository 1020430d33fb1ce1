// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"net/url"
	"strings"
	"unsafe"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/jsonwalk"
)

// asString reads bytes that nobody changes as a string.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// isForm reports whether a body looks like application/x-www-form-urlencoded.
func isForm(b []byte) bool {
	i := bytes.IndexByte(b, '=')
	if i <= 0 || len(b) > 1<<20 {
		return false
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || c == '<' || c == '{' || c == '"' {
			return false
		}
	}
	return true
}

// pair is a parameter of a query or a form.
type pair struct{ name, value string }

const maxPairs = 1000

// pairs splits a query. What cannot be decoded stays as it is.
func pairs(query string) (out []pair) {
	for query != "" && len(out) < maxPairs {
		var one string
		one, query, _ = strings.Cut(query, "&")
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		out = append(out, pair{unescape(name), unescape(value)})
	}
	return out
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func formLeaves(b []byte, leaf func(jsonwalk.Leaf) bool) {
	for _, p := range pairs(string(b)) {
		if !leaf(jsonwalk.Leaf{Path: []jsonwalk.Step{{Key: p.name, Index: -1}}, Type: "string", Text: p.value}) {
			return
		}
	}
}
