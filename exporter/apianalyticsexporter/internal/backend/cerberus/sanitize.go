// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cerberus

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep containers may stand in each other before the vendor's
// clients replace them; the document itself is at depth 0.
const maxDepth = 20

// metricsKey is the member of a response in which Cerberus applications hand over
// custom data.
const metricsKey = "_cerberus_metrics"

// sensitive reports whether the vendor's clients redact the value of a key: the
// whole name in any case. "user_password" is not one.
func sensitive(key string) bool {
	if len(key) < 3 || len(key) > 3*len("authorization") {
		return false
	}
	for i := range len(key) {
		if key[i] >= utf8.RuneSelf {
			return anyFold(key, sensitiveKeys[:])
		}
	}
	switch len(key) {
	case 3:
		return anyFold(key, sensitiveKeys[:2])
	case 4:
		return anyFold(key, sensitiveKeys[2:3])
	case 5:
		return anyFold(key, sensitiveKeys[3:4])
	case 6:
		return anyFold(key, sensitiveKeys[4:8])
	case 7:
		return anyFold(key, sensitiveKeys[8:10])
	case 8:
		return anyFold(key, sensitiveKeys[10:11])
	case 10:
		return anyFold(key, sensitiveKeys[11:14])
	case 11:
		return anyFold(key, sensitiveKeys[14:18])
	case 12:
		return anyFold(key, sensitiveKeys[18:19])
	case 13:
		return anyFold(key, sensitiveKeys[19:])
	}
	return false
}

// sensitiveKeys is ordered by length.
var sensitiveKeys = [...]string{
	"cvv", "ssn", "auth", "token", "passwd", "secret", "apikey", "cookie", "api_key", "ssh_key", "password",
	"api_secret", "credential", "session_id", "credentials", "private_key", "credit_card", "card_number",
	"access_token", "refresh_token", "session_token", "authorization",
}

func anyFold(key string, words []string) bool {
	for _, w := range words {
		if strings.EqualFold(key, w) {
			return true
		}
	}
	return false
}

// sensitiveRaw is sensitive for the inside of a JSON string.
func sensitiveRaw(raw string) bool {
	if strings.IndexByte(raw, '\\') < 0 {
		return sensitive(raw)
	}
	return sensitive(unquote(raw))
}

// unquote decodes the inside of a valid JSON string.
func unquote(raw string) string {
	var s string
	_ = json.Unmarshal([]byte(`"`+raw+`"`), &s) // the document was validated
	return s
}

// sanitizer copies one JSON document without the white space between its tokens,
// with the values of sensitive keys and what nests too deep replaced. The document
// must be valid; wire.Embeddable has seen to that.
type sanitizer struct {
	src string
	i   int
	// metrics is set to take the member metricsKey out of the document.
	metrics bool
	// found is the value of that member; the last one wins, as in any parser.
	found string
}

func (z *sanitizer) space() {
	for z.i < len(z.src) && z.src[z.i] <= ' ' {
		z.i++
	}
}

// value copies the value at z.i, which stands at the given depth.
func (z *sanitizer) value(dst []byte, depth int) []byte {
	z.space()
	switch z.src[z.i] {
	case '{':
		if depth > maxDepth {
			return z.replace(dst)
		}
		return z.object(dst, depth)
	case '[':
		if depth > maxDepth {
			return z.replace(dst)
		}
		return z.array(dst, depth)
	}
	start := z.i
	if z.src[z.i] == '"' {
		z.i = z.stringEnd()
	} else {
		z.skip()
	}
	return append(dst, z.src[start:z.i]...)
}

func (z *sanitizer) array(dst []byte, depth int) []byte {
	dst = append(dst, '[')
	z.i++
	for first := true; ; first = false {
		z.space()
		switch z.src[z.i] {
		case ']':
			z.i++
			return append(dst, ']')
		case ',':
			z.i++
		}
		if !first {
			dst = append(dst, ',')
		}
		dst = z.value(dst, depth+1)
	}
}

func (z *sanitizer) object(dst []byte, depth int) []byte {
	dst = append(dst, '{')
	z.i++
	empty := len(dst)
	for {
		z.space()
		switch z.src[z.i] {
		case '}':
			z.i++
			return append(dst, '}')
		case ',':
			z.i++
			z.space()
		}
		key := z.src[z.i:z.stringEnd()]
		z.i += len(key)
		z.space()
		z.i++ // the colon
		inner := key[1 : len(key)-1]
		if z.metrics && depth == 0 && (inner == metricsKey || strings.IndexByte(inner, '\\') >= 0 && unquote(inner) == metricsKey) {
			z.space()
			start := z.i
			z.skip()
			z.found = z.src[start:z.i]
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = append(dst, key...)
		dst = append(dst, ':')
		if sensitiveRaw(inner) {
			z.space()
			dst = z.replace(dst)
			continue
		}
		dst = z.value(dst, depth+1)
	}
}

// replace skips the value at z.i and writes the mask.
func (z *sanitizer) replace(dst []byte) []byte {
	z.skip()
	return append(dst, `"`+redacted+`"`...)
}

// skip moves behind the value at z.i, however deep it is.
func (z *sanitizer) skip() {
	depth := 0
	for {
		switch c := z.src[z.i]; c {
		case '"':
			z.i = z.stringEnd()
		case '{', '[':
			depth++
			z.i++
		case '}', ']':
			depth--
			z.i++
		case ',', ':', ' ', '\t', '\r', '\n':
			z.i++
			continue
		default:
			// A number or a name; what ends it is below the letters or a bracket.
			for z.i++; z.i < len(z.src); z.i++ {
				if c := z.src[z.i]; c <= ',' && c != '+' || c == ']' || c == '}' {
					break
				}
			}
		}
		if depth == 0 {
			return
		}
	}
}

// stringEnd returns the index behind the string at z.i.
func (z *sanitizer) stringEnd() int {
	i := z.i + 1
	// Most strings are short, so a call to find the end costs more than looking.
	for end := min(i+16, len(z.src)); i < end && z.src[i] != '\\'; i++ {
		if z.src[i] == '"' {
			return i + 1
		}
	}
	for {
		i += strings.IndexByte(z.src[i:], '"')
		back := i
		for z.src[back-1] == '\\' {
			back--
		}
		if (i-back)%2 == 0 {
			return i + 1
		}
		i++
	}
}
