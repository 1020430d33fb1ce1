// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/shape"
)

// proseValue reports whether what stands behind "key:" in a text is a sentence, as in
// titles and log lines: several words, none of which may be a secret. Behind a word
// for password anything is one, since people use sentences for those.
func proseValue(key, value []byte) bool {
	if len(value) > 1024 || bytes.IndexByte(value, '\n') >= 0 || bytes.IndexByte(value, '"') >= 0 {
		return false
	}
	if shape.Sentence(value) {
		return true
	}
	for _, w := range [...]string{"password", "passwd", "pwd", "pass", "passphrase", "passcode", "phrase", "mnemonic"} {
		if n := len(key) - len(w); n >= 0 && hasFold(key[n:], w) {
			return w == "pass" && n <= 1 && (testResult(value) || bytes.Count(value, str(" ")) >= 2 && shape.Prose(value)) || shape.Remark(value)
		}
	}
	words, plain := 0, 0
	for len(value) > 0 {
		i := bytes.IndexByte(value, ' ')
		if i < 0 {
			i = len(value)
		}
		if w := bytes.Trim(value[:i], ".,;:!?()'"); len(w) > 0 {
			words++
			switch n := digitsOf(w); {
			case n == 0:
				plain++
			case n >= 6 && !shape.Time(w), n >= 4 && n == len(w):
				return false
			}
			if len(w) >= 24 || shape.Mixed(w) || bytes.IndexByte(w, '=') >= 0 {
				return false
			}
		}
		value = bytes.TrimLeft(value[i:], " ")
	}
	return words >= 2 && plain > 0
}

func digitsOf(b []byte) (n int) {
	for _, c := range b {
		if c-'0' < 10 {
			n++
		}
	}
	return n
}

// codeOfSentence is the length of the one-time code that v begins with if a sentence
// follows it: "482113. Do not share it."
func codeOfSentence(v []byte) int {
	n := 0
	for n < len(v) && v[n]-'0' < 10 {
		n++
	}
	if n < 4 || n > 8 || n+12 > len(v) || v[n] != '.' && v[n] != ',' || v[n+1] != ' ' || v[n+2]|0x20 < 'a' || v[n+2]|0x20 > 'z' {
		return 0
	}
	digits := 0
	for _, c := range v[n:] {
		if digits++; c-'0' > 9 {
			digits = 0
		}
		if digits > 2 {
			return 0
		}
	}
	return n
}

// testResult reports whether what stands behind "pass:" is a count or the name of a
// test.
func testResult(value []byte) bool {
	for _, w := range [...]string{"Test", "Example", "Benchmark", "test_"} {
		if bytes.HasPrefix(value, str(w)) {
			return true
		}
	}
	first, rest, _ := bytes.Cut(value, str(" "))
	return shape.Few(bytes.TrimRight(first, ","), 5) && len(rest) > 0
}

// permission reports whether "key:value" is the name of a permission, such as
// "secrets:read".
func permission(value []byte) bool {
	if bytes.IndexByte(value, ':') > 0 && shape.Words(value) { // token:software:totp
		return true
	}
	for _, w := range [...]string{
		"read", "write", "admin", "manage", "create", "delete", "update", "list", "get", "view", "edit", "all", "*", "reset", "rotate",
		"revoke", "use", "execute", "own", "readonly", "read_only", "readwrite",
	} {
		if string(value) == w {
			return true
		}
	}
	return false
}
