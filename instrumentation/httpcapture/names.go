// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"strings"

	"github.com/apispan/apispan/redact"
)

// redacted replaces the value of a credential field.
const redacted = "[REDACTED]"

// defaultRequestHeaders and defaultResponseHeaders are recorded unless an option
// says otherwise: what tells formats apart and ties logs together, nothing that
// names a person.
var (
	defaultRequestHeaders = []string{
		"Accept", "Content-Encoding", "Content-Length", "Content-Type", "X-Correlation-Id", "X-Request-Id",
	}
	defaultResponseHeaders = []string{
		"Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "Retry-After",
		"X-Correlation-Id", "X-Request-Id",
	}
)

// commonHeaders are cached from the start, so that a caller who sends many
// invented names cannot push them out, and are kept first if there are too many.
// Sorted.
var commonHeaders = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges",
	"Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
	"Access-Control-Request-Headers", "Access-Control-Request-Method", "Age", "Allow", "Authorization",
	"Baggage", "Cache-Control", "Connection", "Content-Disposition", "Content-Encoding",
	"Content-Language", "Content-Length", "Content-Location", "Content-Range", "Content-Security-Policy",
	"Content-Type", "Cookie", "Date", "Dnt", "Etag", "Expect", "Expires", "Forwarded", "From", "Host",
	"Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
	"If-Unmodified-Since", "Keep-Alive", "Last-Modified", "Link", "Location", "Max-Forwards", "Origin",
	"Pragma", "Prefer", "Priority", "Proxy-Authenticate", "Proxy-Authorization", "Range", "Referer",
	"Referrer-Policy", "Retry-After", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform",
	"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Sec-Websocket-Accept",
	"Sec-Websocket-Key", "Sec-Websocket-Protocol", "Sec-Websocket-Version", "Server", "Server-Timing",
	"Set-Cookie", "Strict-Transport-Security", "Te", "Traceparent", "Tracestate", "Trailer",
	"Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via", "Warning",
	"Www-Authenticate", "X-Amzn-Trace-Id", "X-Api-Key", "X-Auth-Token", "X-Cache",
	"X-Content-Type-Options", "X-Correlation-Id", "X-Csrf-Token", "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Port", "X-Forwarded-Proto", "X-Frame-Options", "X-Powered-By", "X-Ratelimit-Limit",
	"X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Real-Ip", "X-Request-Id", "X-Requested-With",
}

// Where no policy is set the built-in lists of package redact decide what is a
// credential: the same names in header fields, cookies, queries and URLs as in the
// Collector.

// maskQuery masks the credentials in a query string, as the semantic convention
// for url.query asks.
func maskQuery(raw string) string {
	return maskedBy(raw, (*redact.Scratch).Query)
}

// maskURL masks the credentials in a URL: user information, parameters, fragment.
func maskURL(raw string) string {
	if !strings.ContainsAny(raw, "?#@") {
		return raw
	}
	return maskedBy(raw, (*redact.Scratch).URL)
}

// maskURLField is maskURL for a field with a URL in it, alone or with parameters
// round it (Link, Refresh).
func maskURLField(name, value string) string {
	if !strings.ContainsAny(value, "?#@") {
		return value
	}
	return maskedBy(value, func(s *redact.Scratch, v string) (string, redact.Effect) { return s.Header(redact.Request, name, v) })
}

func maskedBy(raw string, mask func(*redact.Scratch, string) (string, redact.Effect)) string {
	if raw == "" {
		return raw
	}
	s := redact.Credentials().NewScratch()
	defer s.Release()
	out, effect := mask(s, raw)
	if effect == redact.Removed {
		return redacted
	}
	return out
}

// validFieldName reports whether name is a token (RFC 9110, section 5.6.2).
// net/http sends no other, so no other is recorded: this also keeps trailer keys
// ("Trailer:X") and bytes that are not UTF-8 out of attribute keys.
func validFieldName(name string) bool {
	if name == "" || len(name) > maxHeaderName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}
