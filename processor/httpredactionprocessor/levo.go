// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpredactionprocessor

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/apispan/apispan/internal/httpattr"
)

// malformed stands for a header field's value whose name nobody knows.
const malformed = "[REDACTED:malformed]"

// foreign reports whether arrange has to do with key.
func foreign(key string) bool {
	return strings.HasPrefix(key, httpattr.LevoPrefix) || slices.Contains(httpattr.EncodedBodies[:], key)
}

// arrange puts what only Levo's and hypertrace's producers write into the shapes of others,
// so that a field's value is read under its name and a body in one piece. It returns how
// many values it has masked because they have no name.
func arrange(attrs pcommon.Map) (masked int64) {
	decodeBodies(attrs)
	for i := range httpattr.LevoSides {
		side := &httpattr.LevoSides[i]
		names, namesList := texts(attrs, side.Names)
		values, valuesList := texts(attrs, side.Values)
		pieces, _ := texts(attrs, side.Buffers)
		if len(names)+len(values) > 0 {
			if _, there := attrs.Get(side.Fields); !there {
				fields := attrs.PutEmptySlice(side.Fields)
				for j, value := range values {
					name := "unnamed"
					if j < len(names) && namesList && valuesList && isToken(names[j]) {
						name = names[j]
					} else {
						value = malformed
						masked++
					}
					field := fields.AppendEmpty().SetEmptySlice()
					field.AppendEmpty().SetStr(name)
					field.AppendEmpty().SetStr(value)
				}
			}
		}
		if len(pieces) > 0 {
			if _, there := attrs.Get(side.Body); !there {
				attrs.PutStr(side.Body, strings.Join(pieces, ""))
			}
		}
	}
	return masked
}

// decodeBodies puts bodies that are base64 where others are, if there are none.
func decodeBodies(attrs pcommon.Map) {
	for i, key := range httpattr.EncodedBodies {
		v, ok := attrs.Get(key)
		if _, there := attrs.Get(httpattr.DecodedBodies[i]); !ok || there || v.Type() != pcommon.ValueTypeStr {
			continue
		}
		content, ok := httpattr.DecodeBody(v.Str())
		if !ok {
			continue // redacted as the text that it is, and not read as a body
		}
		attrs.Remove(key)
		if utf8.ValidString(content) {
			attrs.PutStr(httpattr.DecodedBodies[i], content)
		} else {
			attrs.PutEmptyBytes(httpattr.DecodedBodies[i]).FromRaw([]byte(content))
		}
	}
}

// isToken reports whether s can be the name of a header field (RFC 9110 section 5.1).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// texts takes a list of texts out of attrs, and reports whether it was one.
func texts(attrs pcommon.Map, key string) (list []string, ok bool) {
	v, there := attrs.Get(key)
	if !there {
		return nil, false
	}
	if ok = v.Type() == pcommon.ValueTypeSlice; ok {
		for _, e := range v.Slice().All() {
			if e.Type() == pcommon.ValueTypeBytes {
				list = append(list, string(e.Bytes().AsRaw()))
			} else {
				list = append(list, e.AsString())
			}
		}
	} else {
		list = []string{v.AsString()}
	}
	attrs.Remove(key)
	return list, ok
}
