// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import "unicode/utf8"

// TrimPartialRune returns s without the character at its end that a cut at a byte
// has left incomplete. All else stays, valid or not.
func TrimPartialRune(s string) string {
	for i := len(s) - 1; i >= 0 && i > len(s)-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				return s[:i]
			}
			break
		}
	}
	return s
}
