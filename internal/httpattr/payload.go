// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import (
	"encoding/base64"
	"strings"
)

// Some gateways (Gravitee) put each body into an event of the span.
const (
	PayloadEvent = "payload"
	PayloadBody  = "payload.body"
	PayloadPhase = "payload.phase"
)

// IsResponsePhase reports whether a phase is that of the response.
func IsResponsePhase(phase string) bool { return strings.Contains(strings.ToLower(phase), "response") }

// EncodedBodies are where agents of hypertrace put the bodies of request and response that
// are no text, and DecodedBodies where they are read after [DecodeBody].
var (
	EncodedBodies = [2]string{"http.request.body.base64", "http.response.body.base64"}
	DecodedBodies = [2]string{"http.request.body", "http.response.body"}
)

// DecodeBody decodes such a body, and reports false if it is none.
func DecodeBody(text string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return string(b), err == nil && len(b) > 0
}
