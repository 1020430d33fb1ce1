// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"encoding/json"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
)

// Degrade implements [backend.Degrader]: it takes away the bodies and the query,
// in which the firewall in front of Cerberus may have seen an attack. Headers,
// metadata and path stay.
func (e *Encoder) Degrade(dst, item []byte) ([]byte, bool) {
	if !json.Valid(item) || item[0] != '{' {
		return dst, false // not ours
	}
	out, ok := degrade(dst, item, true)
	if len(out)-len(dst) > max(len(item), maxItemBytes) {
		// What says that something is missing must not make the event too large.
		return degrade(dst, item, false)
	}
	return out, ok
}

func degrade(dst, item []byte, flag bool) ([]byte, bool) {
	mark := len(dst)
	z := sanitizer{src: string(item), i: 1}
	dst = append(dst, '{')
	changed := false
	for {
		z.space()
		switch z.src[z.i] {
		case '}':
			if !changed {
				return dst[:mark], false
			}
			return append(dst, '}'), true
		case ',':
			z.i++
			z.space()
		}
		key := z.src[z.i:z.stringEnd()]
		z.i += len(key)
		z.space()
		z.i++ // the colon
		z.space()
		start := z.i
		z.skip()
		value := z.src[start:z.i]
		if len(dst) > mark+1 {
			dst = append(dst, ',')
		}
		dst = append(dst, key...)
		dst = append(dst, ':')
		switch key {
		case `"body"`, `"response_body"`, `"query_params"`:
			changed = changed || value != "null"
			value = "null"
		case `"custom_data"`:
			if flag {
				dst = appendFlagged(dst, value)
				continue
			}
		}
		dst = append(dst, value...)
	}
}

// appendFlagged appends an object with the member droppedRefused.
func appendFlagged(dst []byte, object string) []byte {
	const flag = `"` + droppedRefused + `":true}`
	if !strings.HasPrefix(object, "{") || strings.HasSuffix(object, flag) {
		return append(dst, object...)
	}
	dst = append(dst, object[:len(object)-1]...)
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, flag...)
}

// slim makes an encoded event smaller.
var slim = []backend.Slim{
	{
		{Path: "body", Value: "null"}, {Path: "response_body", Value: "null"},
		{Path: "custom_data", Value: `"` + droppedOversize + `":true`, Mark: true},
	},
	{{Path: "headers", Value: "null"}},
	{{Path: "query_params", Value: "null"}, {Path: "endpoint", Longest: 1024}, {Path: "custom_data", Value: `{"` + droppedOversize + `":true}`}},
}
