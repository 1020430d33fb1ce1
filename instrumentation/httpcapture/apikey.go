// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/apispan/apispan/internal/caller"
)

// maxAPIKey is the longest API key that is looked at, in bytes.
const maxAPIKey = 4 << 10

// FromAPIKey finds the API key of the call where keys usually stand, as ReadMe's SDKs
// do: a Bearer token, the user name of Basic authentication, a header field with
// "api-key" in its name, the query parameters api_key and apiKey. The first that is
// there counts.
//
// The value is never the key, but ReadMe's mask of it: "sha512-", the SHA-512 in
// base64, "?" and the last four characters (of keys of eight characters and more), by
// which its owner recognises it. ReadMe Metrics groups calls by it like those that its
// own SDKs report. The hash has no secret, so it hides random keys, but no short or
// guessable ones: prefer SetIdentity with the public id of the key where it is known.
//
//	httpcapture.WithIdentityFrom(httpcapture.FieldConsumerID, httpcapture.FromAPIKey())
func FromAPIKey() Source {
	return Source{call: "FromAPIKey()", from: caller.Key(func(r caller.Request) string {
		if q, ok := r.(*request); ok {
			return maskedAPIKey(q.r)
		}
		return ""
	})}
}

// maskedAPIKey returns "" if the request has no key.
func maskedAPIKey(r *http.Request) string {
	key := apiKey(r)
	if key == "" || len(key) > maxAPIKey {
		return ""
	}
	sum := sha512.Sum512([]byte(key))
	mask := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]) + "?"
	if utf8.ValidString(key) && utf8.RuneCountInString(key) >= 8 {
		runes := []rune(key)
		mask += string(runes[len(runes)-4:])
	}
	return mask
}

func apiKey(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		if token = strings.TrimSpace(token); token != "" {
			return token
		}
	}
	if user, _, ok := r.BasicAuth(); ok && user != "" {
		return user
	}
	name, key := "", ""
	for n, values := range r.Header { // the first by name, as a map has no order
		if (name == "" || n < name) && len(values) > 0 && values[0] != "" && isAPIKeyField(n) {
			name, key = n, values[0]
		}
	}
	if key != "" || r.URL == nil || r.URL.RawQuery == "" {
		return key
	}
	q, _ := url.ParseQuery(r.URL.RawQuery) // what could be parsed is there
	if key = q.Get("api_key"); key == "" {
		key = q.Get("apiKey")
	}
	return key
}

// isAPIKeyField reports whether a canonical name holds "api-key" in any case.
func isAPIKeyField(name string) bool {
	const part = "api-key"
	for i := 0; i+len(part) <= len(name); i++ {
		if strings.EqualFold(name[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
