// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redacttest

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"slices"
	"strings"

	"github.com/apispan/apispan/redact"
)

// Appears reports whether value stands in text, plainly or behind up to three
// layers of percent encoding, JSON escapes or character references, or in base64
// at any alignment (values of 9 bytes and more).
func Appears(text, value string) bool {
	if value == "" {
		return false
	}
	layer := []string{text}
	for range 4 {
		var next []string
		for _, t := range layer {
			if strings.Contains(t, value) || containsBase64(t, value) {
				return true
			}
			// In a form "+" is a blank, elsewhere it is itself.
			for _, plus := range []bool{false, true} {
				if u := html.UnescapeString(unescapeJSON(unescapePercent(t, plus))); u != t && !slices.Contains(next, u) {
					next = append(next, u)
				}
			}
		}
		layer = next
	}
	return false
}

// containsBase64 looks for the characters that value gives at the three
// alignments, without those that its neighbours influence.
func containsBase64(text, value string) bool {
	if len(value) < 9 {
		return false
	}
	for shift := range 3 {
		enc := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:shift] + value))
		head := []int{0, 2, 3}[shift]
		bits := (shift + len(value)) * 8
		core := enc[head : bits/6]
		if strings.Contains(text, core) || strings.Contains(text, strings.NewReplacer("+", "-", "/", "_").Replace(core)) {
			return true
		}
	}
	return false
}

func unescapePercent(s string, plus bool) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0:
			b.WriteByte(byte(hex(s[i+1])<<4 | hex(s[i+2])))
			i += 2
		case plus && s[i] == '+':
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unescapeJSON undoes the escapes that stand in a text which need not be JSON.
func unescapeJSON(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		n := 2
		if s[i+1] == 'u' {
			n = 6
			if i+12 <= len(s) && s[i+6] == '\\' && s[i+7] == 'u' && strings.ContainsAny(s[i+2:i+3], "dD") {
				n = 12 // a surrogate pair
			}
		}
		var one string
		if i+n > len(s) || json.Unmarshal([]byte(`"`+s[i:i+n]+`"`), &one) != nil {
			b.WriteByte(s[i])
			continue
		}
		b.WriteString(one)
		i += n - 1
	}
	return b.String()
}

// foundMark replaces what Detects finds. No detector matches it.
const foundMark = "[FOUND-BY-DETECTOR]"

// Detects reports whether the built-in detector name, which may be an alias, finds
// something in text, read in the place of the case. The detector sees the text as
// the engine does: documents inside are decoded first.
func (c *Case) Detects(name, text string) (bool, error) {
	p, err := redact.CompileConfig(redact.Config{Mask: foundMark, Patterns: map[string]string{name: "mask"}})
	if err != nil {
		return false, err
	}
	again := *c
	again.Input = "b64:" + base64.StdEncoding.EncodeToString([]byte(text))
	r, err := again.Run(p)
	if err != nil {
		return false, err
	}
	return r.Removed || r.Stats.Dropped > 0 || strings.Contains(r.Output, foundMark), nil
}
