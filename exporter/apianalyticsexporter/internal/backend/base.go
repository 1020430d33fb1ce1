// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"net/http"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// Base is what most encoders have alike: how a request says who sends it, and that a
// status means what it usually does. An encoder embeds it, and has a method of its own
// where its vendor differs.
type Base struct {
	userAgent string
	fields    map[string]string
}

// Base returns that of an encoder whose requests have these header fields besides
// User-Agent. One without a value is left out.
func (b Build) Base(fields map[string]string) Base {
	return Base{userAgent: b.UserAgent(), fields: fields}
}

// SetHeader implements [Endpoint].
func (b *Base) SetHeader(h http.Header) {
	h.Set("User-Agent", b.userAgent)
	for name, value := range b.fields {
		if value != "" {
			h.Set(name, value)
		}
	}
}

// Classify implements [Endpoint].
func (*Base) Classify(status int) Class { return ClassifyHTTP(status) }

// SelfTraffic reports whether the exchange is a call by which we have sent events: an event
// of it would cause a call, which would cause an event.
func (b *Base) SelfTraffic(ex *exchange.Exchange) bool { return ex.CallOutBy(b.userAgent) }

// Bearer returns the value of Authorization for a token, or "" if there is none.
func Bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}
