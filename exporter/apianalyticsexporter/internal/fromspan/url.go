// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fromspan

import (
	"strconv"
	"strings"
)

// target is the request's URL in parts, each already cleaned.
type target struct {
	scheme, host, path, query string
	hasQuery                  bool
}

// parseURL takes an absolute URL or an origin-form target ("/path?query")
// apart. It is lenient on purpose: captured URLs are whatever a client sent.
// Credentials and the fragment are left out.
func parseURL(s string) (t target) {
	s, _, _ = strings.Cut(s, "#")
	if scheme, rest, ok := strings.Cut(s, "://"); ok && isScheme(scheme) {
		t.scheme = strings.ToLower(scheme)
		end := strings.IndexAny(rest, "/?\\")
		if end < 0 {
			end = len(rest)
		}
		authority := rest[:end]
		s = rest[end:]
		authority = authority[strings.LastIndexByte(authority, '@')+1:]
		t.host = cleanHost(authority)
	} else if !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "?") {
		return target{}
	}
	t.path, t.query, t.hasQuery = strings.Cut(s, "?")
	return t
}

func isScheme(s string) bool {
	if s == "" || len(s) > 16 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(s[i]))) {
			return false
		}
	}
	return true
}

// cleanHost returns host[:port] in lower case, or "" if s cannot be one.
func cleanHost(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 255+6 {
		return ""
	}
	upper := false
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~',
			c == ':', c == '[', c == ']', c == '%':
		case 'A' <= c && c <= 'Z':
			upper = true
		default:
			return ""
		}
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s
}

// withPort joins a host without a port to one. An IPv6 literal gets brackets.
func withPort(host string, port int) string {
	host = cleanHost(host)
	if host == "" {
		return ""
	}
	if strings.Count(host, ":") > 1 && host[0] != '[' {
		host = "[" + host + "]"
	}
	if port == 0 || hasPort(host) {
		return host
	}
	return host + ":" + strconv.Itoa(port)
}

func hasPort(host string) bool {
	i := strings.LastIndexByte(host, ':')
	return i >= 0 && i > strings.LastIndexByte(host, ']')
}

// withoutDefaultPort cuts the port that the scheme implies.
func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// escape percent-encodes what may not stand in a path or query as it is:
// control characters, space, quotes and brackets, everything beyond ASCII, and
// the delimiters in also. Existing escapes stay.
func escape(s, also string) string {
	n := 0
	for i := range len(s) {
		if mustEscape(s[i], also) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const hexDigits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; mustEscape(c, also) {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func mustEscape(c byte, also string) bool {
	switch {
	case c <= ' ', c >= 0x7f:
		return true
	case c == '"', c == '<', c == '>', c == '\\', c == '^', c == '`', c == '{', c == '|', c == '}':
		return true
	}
	return strings.IndexByte(also, c) >= 0
}
