// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fold

// Cookie strips the prefixes that browsers give a meaning to (`__Host-`,
// `__Secure-`, `__Http-`, `__Host-Http-`; RFC 6265bis section 4.1.3), in any case,
// from a cookie name.
func Cookie(name []byte) []byte {
	for _, p := range [...]string{"__host-http-", "__host-", "__secure-", "__http-"} {
		if len(name) > len(p) && equalLower(name[:len(p)], p) {
			return name[len(p):]
		}
	}
	return name
}

func equalLower(b []byte, lower string) bool {
	for i, c := range b {
		if c >= 0x80 || lowered[c] != lower[i] {
			return false
		}
	}
	return true
}

// CookieStem cuts the chunk number off the name of a cookie that was split for
// its size: `session.0`, `session_1`, `session-2`, and ASP.NET's `NameC1`. ok is
// false when there is none.
func CookieStem(name []byte) (stem []byte, ok bool) {
	i := len(name)
	for i > 0 && '0' <= name[i-1] && name[i-1] <= '9' {
		i--
	}
	if i == len(name) || i < 2 || len(name)-i > 3 {
		return name, false
	}
	switch name[i-1] {
	case '.', '_', '-', 'C':
		return name[: i-1 : i-1], true
	}
	return name, false
}
