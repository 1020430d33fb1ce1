// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package metlo

import "strings"

// ValidPath is the collector's rule for paths (getValidPath in
// backend/src/utils): one that breaks it ends a batch with 400, and the items
// behind it are lost.
func ValidPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, `\?<>&=`) {
		return false
	}
	empty := 0
	for token := range strings.SplitSeq(path, "/") {
		if token == "" {
			empty++
		}
	}
	return empty <= 2
}

// appendPath appends a path that the collector takes: cut at a query or fragment,
// percent-encoded wherever it must be, slashes collapsed. The bytes may stand in a
// JSON string as they are.
func appendPath(dst []byte, path string) []byte {
	dst = append(dst, '/')
	for i := range len(path) {
		c := path[i]
		switch {
		case c == '?' || c == '#':
			return dst
		case c == '/':
			if dst[len(dst)-1] != '/' {
				dst = append(dst, '/')
			}
		case plain(c), c == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
			dst = append(dst, c)
		default:
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&0xf])
		}
	}
	return dst
}

// appendTemplate is appendPath for a route: parameters are written as Metlo does,
// {name}, whatever the framework's marks are (":name", "*name", "<int:name>",
// "{name:regexp}", "{name...}").
func appendTemplate(dst []byte, route string) []byte {
	for segment := range strings.SplitSeq(strings.TrimPrefix(route, "/"), "/") {
		if segment == "{$}" {
			segment = "" // net/http's mark for the end of a path
		}
		name, ok := parameter(segment)
		if dst[len(dst)-1] != '/' {
			dst = append(dst, '/')
		}
		if ok {
			dst = append(dst, '{')
			dst = append(dst, name...)
			dst = append(dst, '}')
			continue
		}
		for i := range len(segment) {
			c := segment[i]
			if plain(c) || c == '{' || c == '}' || c == '%' {
				dst = append(dst, c)
			} else {
				dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&0xf])
			}
		}
	}
	return dst
}

// parameter returns the name of the parameter that a whole segment is.
func parameter(segment string) (name string, ok bool) {
	switch {
	case len(segment) < 2:
		return "", false
	case segment[0] == ':' || segment[0] == '*':
		name = segment[1:]
	case segment[0] == '<' && segment[len(segment)-1] == '>':
		name = segment[1 : len(segment)-1]
		name = name[strings.LastIndexByte(name, ':')+1:]
	case segment[0] == '{' && segment[len(segment)-1] == '}':
		name, _, _ = strings.Cut(segment[1:len(segment)-1], ":")
		name = strings.TrimSuffix(name, "...")
	default:
		return "", false
	}
	for i := range len(name) {
		if c := name[i]; c != '_' && c != '-' && c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'z') {
			return "", false
		}
	}
	return name, name != ""
}

// plain reports whether c may stand in a path by RFC 3986 and by Metlo's rule.
func plain(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-._~!$'()*+,;:@", c) >= 0
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }
