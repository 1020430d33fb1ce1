// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import "strings"

// headerPrefix is what RequestHeaderPrefix and ResponseHeaderPrefix, and the keys of
// bodies, have in common.
const headerPrefix = "http.re"

// IsCaptured reports whether an attribute is one that capture sets and tracing alone
// does not: a header field, the content of a body, or a key of ours.
func IsCaptured(key string) bool {
	switch {
	case strings.HasPrefix(key, headerPrefix):
		return IsHeader(key) || key == RequestBody || key == ResponseBody
	case strings.HasPrefix(key, OwnPrefix):
		return true
	}
	return false
}

// IsHeader reports whether an attribute holds a header field.
func IsHeader(key string) bool {
	return strings.HasPrefix(key, RequestHeaderPrefix) || strings.HasPrefix(key, ResponseHeaderPrefix)
}

// IsIdentity reports whether an attribute says who called, by a key of the semantic
// conventions.
func IsIdentity(key string) bool {
	switch key {
	case UserID, UserName, UserEmail, UserFullName, EndUserID, SessionID:
		return true
	}
	return false
}
