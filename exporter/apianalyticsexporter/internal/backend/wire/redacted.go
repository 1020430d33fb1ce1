// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// IsMask reports whether s is what redaction leaves of a masked value:
// "[REDACTED]", a variant with a short reason such as "[REDACTED:malformed]", or
// asterisks. A mask identifies nobody, so as an id it would make one user of all.
// A mask text of the operator's own is not recognised.
//
// The forms leave no room for a secret, so it does no harm that a client can
// send them.
func IsMask(s string) bool {
	if inner, ok := strings.CutPrefix(s, "[REDACTED"); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && (inner == "" || len(inner) <= 24 && (inner[0] == ':' || inner[0] == ' ') && wordChars(inner[1:]))
	}
	return len(s) >= 3 && strings.Trim(s, "*") == ""
}

// Identifies reports whether s may be an id: it is there, and no mask.
func Identifies(s string) bool { return s != "" && !IsMask(s) }

// IsToken reports whether s has the form of a redaction token,
// "hmac:<key id>:<22 characters>". Equal values have equal tokens, so a token
// still tells users apart.
func IsToken(s string) bool {
	token, ok := strings.CutPrefix(s, "hmac:")
	if !ok {
		return false
	}
	id, mac, ok := strings.Cut(token, ":")
	return ok && len(id) > 0 && len(id) <= 32 && len(mac) == 22 && wordChars(id) && wordChars(mac)
}

func wordChars(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '_' && c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
