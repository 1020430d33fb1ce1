// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// sdkAttributeCount is the SDK's limit of attributes a span, if the
	// environment does not say otherwise.
	sdkAttributeCount = 128
	// reservedAttributes are left for what the span's own instrumentation sets,
	// part of it after us (http.response.status_code comes last).
	reservedAttributes = 20
	// lateAttributes are those that are set after ours have been counted: the status,
	// sizes, the type of an error.
	lateAttributes = 5
	// lateBody is what the body of a response adds that comes later.
	lateBody = 3
)

// limits are the SDK's limits as far as the environment tells.
type limits struct {
	value int // bytes of one value, 0 = none
	attrs int // attributes that we may add
}

// limitsFromEnv reads the SDK's limits, because the SDK cuts and drops without
// telling (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#span-limits).
// Limits given in code to the TracerProvider are not visible here.
func limitsFromEnv() limits {
	l := limits{attrs: sdkAttributeCount - reservedAttributes}
	for _, k := range [...]string{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"} {
		if n, ok := envInt(k); ok {
			l.value = max(n, 0)
			break
		}
	}
	for _, k := range [...]string{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"} {
		if n, ok := envInt(k); ok {
			if n >= 0 {
				l.attrs = max(n-reservedAttributes, 0)
			}
			break
		}
	}
	return l
}

func envInt(key string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(os.Getenv(key)))
	return n, err == nil
}

const envPrefix = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"

// FromEnv takes the header selection from the environment, as other languages'
// instrumentations do, when the wrapper is made. Nothing is read from the
// environment without this option, but for the SDK's attribute limits.
//
//	OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST    names, comma separated
//	OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE
//	OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST
//	OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE
//	OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS   names whose values are masked as well
//
// A name may end in * or .* for any ending; * or .* alone means all. A variable
// that is set replaces the selection made so far, an unset or empty one leaves it.
func FromEnv() Option {
	return opt(func(s *settings) {
		which := "SERVER_"
		if s.side == clientSide {
			which = "CLIENT_"
		}
		if names := envList(envPrefix + which + "REQUEST"); names != nil {
			s.reqHeaders = headerSpec{names: names}
		}
		if names := envList(envPrefix + which + "RESPONSE"); names != nil {
			s.resHeaders = headerSpec{names: names}
		}
		s.sanitize = append(slices.Clip(s.sanitize), envList(envPrefix+"SANITIZE_FIELDS")...)
	})
}

func envList(key string) []string {
	var out []string
	for n := range strings.SplitSeq(os.Getenv(key), ",") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}
