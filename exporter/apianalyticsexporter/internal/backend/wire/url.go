// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// UnknownHost stands where no usable host is known, because backends demand an
// absolute URL. The name is reserved (RFC 6761), so it can be nobody's.
const UnknownHost = "unknown.invalid"

// Byte classes of RFC 3986. Bytes outside the class of their place are written
// as %XX, which leaves ASCII that needs no escaping in a JSON string.
const (
	inHost = 1 << iota
	inPath
	inQuery
	inRoute // inPath and what frameworks mark parameters with
)

var urlClass = func() (t [256]uint8) {
	for c := range 128 {
		switch b := byte(c); {
		case b >= '0' && b <= '9', b|0x20 >= 'a' && b|0x20 <= 'z',
			strings.IndexByte("-._~!$&'()*+,;=", b) >= 0:
			t[c] = inHost | inPath | inQuery | inRoute
		case b == ':' || b == '@' || b == '/':
			t[c] = inPath | inQuery | inRoute
		case b == '?':
			t[c] = inQuery
		case strings.IndexByte("{}<>[]^|", b) >= 0:
			t[c] = inRoute
		}
	}
	return t
}()

// AppendURL appends the absolute URL of the request without quotation marks.
// The bytes are ASCII, parse as a URL and may stand in a JSON string as they
// are. Percent-encoding that is already there is kept.
func AppendURL(dst []byte, ex *exchange.Exchange) []byte {
	dst = AppendBaseURL(dst, ex)
	dst = AppendPath(dst, ex.Path)
	return AppendQuery(dst, ex.Query)
}

// AppendBaseURL appends scheme, "://" and host[:port] of the request.
func AppendBaseURL(dst []byte, ex *exchange.Exchange) []byte {
	if strings.EqualFold(ex.Scheme, "https") {
		dst = append(dst, "https://"...)
	} else {
		dst = append(dst, "http://"...)
	}
	return appendHost(dst, ex.Host)
}

// AppendPath appends a path; one that does not begin with "/" gets it.
func AppendPath(dst []byte, path string) []byte {
	if path == "" || path[0] != '/' {
		dst = append(dst, '/')
	}
	return appendURLPart(dst, path, inPath)
}

// AppendQuery appends "?" and a raw query, or nothing for an empty one.
func AppendQuery(dst []byte, query string) []byte {
	if query == "" {
		return dst
	}
	dst = append(dst, '?')
	return appendURLPart(dst, query, inQuery)
}

// AppendRoute appends a route template like AppendPath; marks of parameters such
// as "{id}" and "<int:id>" stay readable.
func AppendRoute(dst []byte, route string) []byte {
	if route == "" || route[0] != '/' {
		dst = append(dst, '/')
	}
	return appendURLPart(dst, route, inRoute)
}

func appendURLPart(dst []byte, s string, class uint8) []byte {
	start := 0
	for i := range len(s) {
		c := s[i]
		if urlClass[c]&class != 0 || c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&0xf])
		start = i + 1
	}
	return append(dst, s[start:]...)
}

// appendHost appends host[:port]. An IPv6 address gets its brackets and loses
// its zone, which means nothing elsewhere; letters beyond ASCII are
// percent-encoded (RFC 3986 §3.2.2).
func appendHost(dst []byte, host string) []byte {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && digits(host[i+1:]) &&
		(host[0] == '[' || strings.IndexByte(host, ':') == i) {
		name, port = host[:i], host[i:]
	}
	if len(port) == 1 {
		port = ""
	}
	if strings.IndexByte(name, ':') >= 0 {
		bare, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), "%")
		addr, err := netip.ParseAddr(bare)
		if err != nil {
			return append(dst, UnknownHost...)
		}
		dst = append(dst, '[')
		dst = addr.AppendTo(dst)
		dst = append(dst, ']')
		return append(dst, port...)
	}
	if name == "" || !utf8.ValidString(name) {
		return append(dst, UnknownHost...)
	}
	for i := range len(name) {
		if name[i] < utf8.RuneSelf && urlClass[name[i]]&inHost == 0 {
			return append(dst, UnknownHost...)
		}
	}
	dst = appendURLPart(dst, name, inHost)
	return append(dst, port...)
}

// digits reports whether s could be a port; an empty one is allowed by RFC 3986.
func digits(s string) bool {
	if len(s) > 5 {
		return false
	}
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}
