// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth bounds the nesting of a metadata value; what lies deeper is left out.
const maxDepth = 16

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// scalar returns the text of a value that is no container; containers give "".
func scalar(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return validUTF8(v.Str())
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case pcommon.ValueTypeBytes:
		return validUTF8(string(v.Bytes().AsRaw()))
	default:
		return ""
	}
}

// text is scalar, or the first element of a list.
func text(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeSlice {
		if s := v.Slice(); s.Len() > 0 {
			return scalar(s.At(0))
		}
		return ""
	}
	return scalar(v)
}

// integer reads a number or a string of decimal digits.
func integer(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		d := v.Double()
		if d != math.Trunc(d) || math.Abs(d) > 1<<53 {
			return 0, false
		}
		return int64(d), true
	default:
		n, err := strconv.ParseInt(strings.TrimSpace(text(v)), 10, 64)
		return n, err == nil
	}
}

// flag reads a boolean or the string "true".
func flag(v pcommon.Value) bool {
	if v.Type() == pcommon.ValueTypeBool {
		return v.Bool()
	}
	return text(v) == "true"
}

// port returns a valid port number or 0.
func port(v pcommon.Value) int {
	n, ok := integer(v)
	if !ok || n < 1 || n > 65535 {
		return 0
	}
	return int(n)
}

// bareAddress strips a port and the brackets of an IPv6 literal.
func bareAddress(s string) string {
	s = strings.TrimSpace(s)
	if strings.Count(s, ":") == 1 || strings.HasPrefix(s, "[") {
		if host, _, err := net.SplitHostPort(s); err == nil {
			return host
		}
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
}

// metadataValue converts to the types that exchange.KeyValue allows. A value
// that none of them can hold is left out.
func metadataValue(v pcommon.Value, depth int) (any, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		if x, ok := document(v.Str()); ok && depth == 0 {
			return x, true
		}
		return validUTF8(v.Str()), true
	case pcommon.ValueTypeBool:
		return v.Bool(), true
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		d := v.Double()
		return d, !math.IsNaN(d) && !math.IsInf(d, 0)
	case pcommon.ValueTypeBytes:
		b := v.Bytes().AsRaw()
		if utf8.Valid(b) {
			return string(b), true
		}
		return base64.StdEncoding.EncodeToString(b), true
	case pcommon.ValueTypeSlice:
		if depth >= maxDepth {
			return nil, false
		}
		s := v.Slice()
		list := make([]any, 0, s.Len())
		for _, e := range s.All() {
			if x, ok := metadataValue(e, depth+1); ok {
				list = append(list, x)
			}
		}
		return list, true
	case pcommon.ValueTypeMap:
		if depth >= maxDepth {
			return nil, false
		}
		m := make(map[string]any, v.Map().Len())
		for k, e := range v.Map().All() {
			k = validUTF8(k)
			if _, dup := m[k]; dup {
				continue
			}
			if x, ok := metadataValue(e, depth+1); ok {
				m[k] = x
			}
		}
		return m, true
	default:
		return nil, false
	}
}

// document reads text that is a JSON object or array: producers whose SDK knows no maps
// write nested metadata so. Numbers keep their value: an integer that no int64 holds stays
// text, as all of the document does.
func document(s string) (any, bool) {
	if len(s) < 2 || s[0] != '{' && s[0] != '[' || !utf8.ValidString(s) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var x any
	if d.Decode(&x) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return plain(x, 0)
}

// plain turns the numbers of a document into what an exchange holds.
func plain(x any, depth int) (any, bool) {
	if depth > maxDepth {
		return nil, false
	}
	var ok bool
	switch v := x.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, true
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return f, true
		}
		return nil, false
	case map[string]any:
		for k, e := range v {
			if e == nil { // says nothing, as everywhere in metadata
				delete(v, k)
				continue
			}
			if v[k], ok = plain(e, depth+1); !ok {
				return nil, false
			}
		}
	case []any:
		v = slices.DeleteFunc(v, func(e any) bool { return e == nil })
		for i, e := range v {
			if v[i], ok = plain(e, depth+1); !ok {
				return nil, false
			}
		}
		return v, true
	}
	return x, true
}

// appendJSON appends a structure as JSON, in its own order.
func appendJSON(dst []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		if depth > 2*maxDepth {
			return append(dst, "null"...)
		}
		dst = append(dst, '{')
		n := 0
		for k, e := range v.Map().All() {
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			dst = append(appendJSONText(dst, k), ':')
			dst = appendJSON(dst, e, depth+1)
		}
		return append(dst, '}')
	case pcommon.ValueTypeSlice:
		if depth > 2*maxDepth {
			return append(dst, "null"...)
		}
		dst = append(dst, '[')
		for i, e := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e, depth+1)
		}
		return append(dst, ']')
	case pcommon.ValueTypeInt, pcommon.ValueTypeBool:
		return append(dst, scalar(v)...)
	case pcommon.ValueTypeDouble:
		b, err := json.Marshal(v.Double())
		if err != nil { // no number
			return append(dst, "null"...)
		}
		return append(dst, b...)
	case pcommon.ValueTypeEmpty:
		return append(dst, "null"...)
	default:
		return appendJSONText(dst, scalar(v))
	}
}

func appendJSONText(dst []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(validUTF8(s)) // a text always can be
	return append(dst, bytes.TrimRight(b.Bytes(), "\n")...)
}
