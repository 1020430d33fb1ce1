// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package readme

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
)

const (
	maskPrefix = "sha512-"
	// maskHashLen is the length of a SHA-512 sum in padded base64.
	maskHashLen = (sha512.Size + 2) / 3 * 4
	// minTail is how many characters a value must have for its last four to be
	// shown.
	minTail = 8
	tailLen = 4
)

// appendMask appends value as the SDKs mask it, as a JSON string: "sha512-", the
// SHA-512 of the value in base64, "?" and its last four characters.
func appendMask(dst []byte, value string) []byte {
	sum := sha512.Sum512([]byte(value))
	dst = append(dst, '"')
	dst = append(dst, maskPrefix...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	dst = append(dst, '?')
	if utf8.RuneCountInString(value) >= minTail {
		tail := len(value)
		for range tailLen {
			_, size := utf8.DecodeLastRuneInString(value[:tail])
			tail -= size
		}
		dst = wire.AppendEscaped(dst, value[tail:])
	}
	return append(dst, '"')
}

// isMasked reports whether value has been masked by the application already.
func isMasked(value string) bool {
	hash, ok := strings.CutPrefix(value, maskPrefix)
	if !ok || len(hash) <= maskHashLen || hash[maskHashLen] != '?' ||
		utf8.RuneCountInString(hash[maskHashLen+1:]) > tailLen {
		return false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(hash[:maskHashLen])
	return err == nil && len(sum) == sha512.Size
}

// isRedacted reports whether redaction has left nothing of value but what stands
// for it: a mask or a token, with a known scheme before it or not.
func isRedacted(value string) bool {
	if scheme, rest, ok := strings.Cut(value, " "); ok && isScheme(scheme) {
		value = rest
	}
	return wire.IsMask(value) || wire.IsToken(value)
}

// isScheme reports whether s is an authentication scheme in common use (IANA's
// registry and the usual private ones).
func isScheme(s string) bool {
	for _, scheme := range [...]string{"Bearer", "Basic", "Digest", "DPoP", "Negotiate", "Token", "ApiKey", "Api-Key", "JWT"} {
		if strings.EqualFold(s, scheme) {
			return true
		}
	}
	return false
}
