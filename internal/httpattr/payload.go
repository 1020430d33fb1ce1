// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpattr

import "strings"

// Some gateways (Gravitee) put each body into an event of the span.
const (
	PayloadEvent = "payload"
	PayloadBody  = "payload.body"
	PayloadPhase = "payload.phase"
)

// IsResponsePhase reports whether a phase is that of the response.
func IsResponsePhase(phase string) bool { return strings.Contains(strings.ToLower(phase), "response") }
