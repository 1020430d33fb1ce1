// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxValueDepth bounds AppendValue. Attribute values are trees a few levels
// high; deeper ones are not worth a stack.
const maxValueDepth = 64

// UnknownIP is written where a backend would otherwise record the address of
// the connection, which is the Collector's.
const UnknownIP = "0.0.0.0"

// AppendValue appends a metadata value (see exchange.Exchange.Metadata) and
// reports whether it could be represented; if not, dst is returned unchanged.
// NaN, infinities and types outside that list cannot; inside an array they
// become null, inside an object their member is left out. Members are written in
// key order, for which it allocates.
func AppendValue(dst []byte, v any) ([]byte, bool) {
	return appendValue(dst, v, 0)
}

func appendValue(dst []byte, v any, depth int) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return AppendString(dst, v), true
	case bool:
		return strconv.AppendBool(dst, v), true
	case int64:
		return strconv.AppendInt(dst, v, 10), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64), true
	case []any:
		if depth == maxValueDepth {
			return dst, false
		}
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var ok bool
			if dst, ok = appendValue(dst, e, depth+1); !ok {
				dst = append(dst, "null"...)
			}
		}
		return append(dst, ']'), true
	case map[string]any:
		if depth == maxValueDepth {
			return dst, false
		}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		dst = append(dst, '{')
		first := true
		for _, k := range keys {
			mark := len(dst)
			if !first {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, k)
			dst = append(dst, ':')
			var ok bool
			if dst, ok = appendValue(dst, v[k], depth+1); !ok {
				dst = dst[:mark]
				continue
			}
			first = false
		}
		return append(dst, '}'), true
	}
	return dst, false
}

// AppendTime appends t as a JSON string: RFC 3339, UTC, milliseconds, "Z". A
// time that RFC 3339 cannot write becomes the nearest that it can.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	switch {
	case year < 0:
		return append(dst, `"0000-01-01T00:00:00.000Z"`...)
	case year > 9999:
		return append(dst, `"9999-12-31T23:59:59.999Z"`...)
	}
	hour, minute, sec := t.Clock()
	dst = append(dst, '"')
	dst = append2(dst, year/100)
	dst = append2(dst, year%100)
	dst = append(dst, '-')
	dst = append2(dst, int(month))
	dst = append(dst, '-')
	dst = append2(dst, day)
	dst = append(dst, 'T')
	dst = append2(dst, hour)
	dst = append(dst, ':')
	dst = append2(dst, minute)
	dst = append(dst, ':')
	dst = append2(dst, sec)
	ms := t.Nanosecond() / int(time.Millisecond)
	dst = append(dst, '.', byte('0'+ms/100))
	dst = append2(dst, ms%100)
	return append(dst, 'Z', '"')
}

func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// AppendBase64 appends data as a JSON string of standard base64 with padding.
func AppendBase64(dst []byte, data string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(data))
	return append(dst, '"')
}

// AppendHex appends b as a JSON string of lower-case hexadecimal digits.
func AppendHex(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, b)
	return append(dst, '"')
}

// AppendIP appends the first candidate that is an IP address, as a JSON string
// without port, brackets or zone, and reports whether there was one. A name, a
// socket path or a redaction token is no address.
func AppendIP(dst []byte, candidates ...string) ([]byte, bool) {
	for _, s := range candidates {
		if s == "" {
			continue
		}
		addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
		if err != nil {
			ap, err := netip.ParseAddrPort(s)
			if err != nil {
				continue
			}
			addr = ap.Addr()
		}
		dst = append(dst, '"')
		dst = addr.Unmap().WithZone("").AppendTo(dst)
		return append(dst, '"'), true
	}
	return dst, false
}

// IsUUID reports whether s has the 36-character form of a UUID, any version.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !isHex(c):
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f'
}
