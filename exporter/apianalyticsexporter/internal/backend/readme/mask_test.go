// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"encoding/json"
	"strings"
	"testing"
)

// The first two are from readmeio/metrics-sdks test/integration-metrics.test.js.
func TestMask(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"owlbert-api-key":          "sha512-u2GbQ83jIqNa+a8v110+8IDztQQr4joL1xSE+wFH51zSOA1qQKPwOC8t2n2LWJQA1mX4ZLZ45SEokITzLed/ow==?-key",
		"Bearer: a-random-api-key": "sha512-7S+L0vUE8Fn6HI3836rtz4b6fVf6H4JFur6SGkOnL3bFpC856+OSZkpIHphZ0ipNO+kUw1ePb5df2iYrNQCpXw==?-key",
		"":                         "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==?",
	} {
		var got string
		if err := json.Unmarshal(appendMask(nil, value), &got); err != nil || got != want {
			t.Errorf("mask of %q: %q, %v; want %q", value, got, err, want)
		}
		if !isMasked(want) {
			t.Errorf("%q is not recognised as masked", want)
		}
	}
}

func TestMaskTail(t *testing.T) {
	t.Parallel()
	for value, tail := range map[string]string{
		"1234567":        "",
		"12345678":       "5678",
		"ключ-ключ":      "ключ",
		"seven😀😀":        "",
		"twelve😀😀😀😀😀😀":   "😀😀😀😀",
		`12345"\` + "\n": "5\"\\\n",
	} {
		var got string
		if err := json.Unmarshal(appendMask(nil, value), &got); err != nil {
			t.Fatal(err)
		}
		if _, after, _ := strings.Cut(got, "?"); after != tail {
			t.Errorf("mask of %q ends in %q, want %q", value, after, tail)
		}
	}
}

func TestIsMasked(t *testing.T) {
	t.Parallel()
	const hash = "sha512-u2GbQ83jIqNa+a8v110+8IDztQQr4joL1xSE+wFH51zSOA1qQKPwOC8t2n2LWJQA1mX4ZLZ45SEokITzLed/ow=="
	for value, want := range map[string]bool{
		hash + "?": true, hash + "?a": true, hash + "?abcd": true, hash + "?кл": true,
		hash: false, hash + "?abcde": false, hash + "abcd?": false, "sha512-?abcd": false, "": false,
		"sha512-" + strings.Repeat("!", 88) + "?": false, strings.Replace(hash, "512", "256", 1) + "?": false,
	} {
		if got := isMasked(value); got != want {
			t.Errorf("isMasked(%q) = %v, want %v", value, got, want)
		}
	}
}

// What passes as redacted is sent in clear, so a credential must not.
func TestIsRedacted(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"[REDACTED]": true, "[REDACTED:malformed]": true, "[REDACTED 24]": true, "Bearer [REDACTED]": true, "***": true,
		"*****": true, "hmac:k1:AbCdEfGhIjKlMnOpQrStUv": true, "Basic hmac:k_1:AbCdEfGhIjKlMnOpQrSt-_": true,
		"": false, "**": false, "Bearer abc": false, "[REDACTED] abc": false, "abc [REDACTED] def": false, "[REDACTED": false,
		"hunter [REDACTED]": false, "[REDACTED:" + strings.Repeat("a", 30) + "]": false, "[REDACTED!x]": false,
		"[REDACTED: a b]": false, "hmac:k1:short": false, "hmac::AbCdEfGhIjKlMnOpQrStUv": false, "hmac:k1": false,
		"hmac:k1:AbCdEfGhIjKlMnOpQrStUv=": false, "***secret***": false,
	} {
		if got := isRedacted(value); got != want {
			t.Errorf("isRedacted(%q) = %v, want %v", value, got, want)
		}
	}
}
