// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTrimPartialRune(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                  "",
		"a":                 "a",
		"é":                 "é",
		"a\xc3":             "a",
		"a\xe2\x82":         "a",
		"\xf0\x9f\x98":      "",
		"a\xf0\x9f\x98\x80": "a\U0001F600",
		"a\xff":             "a\xff",     // no beginning of a character
		"a\x80\x80":         "a\x80\x80", // only the middle of one
		"\xffa\xc3":         "\xffa",     // the rest is not judged
		"\xe2\x28":          "\xe2\x28",  // cut by something else
		"\x80\x80\x80\x80":  "\x80\x80\x80\x80",
	} {
		if got := TrimPartialRune(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	const text = "aé€😀"
	for n := range len(text) + 1 {
		got := TrimPartialRune(text[:n])
		if !utf8.ValidString(got) || !strings.HasPrefix(text, got) || n-len(got) >= utf8.UTFMax {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}
