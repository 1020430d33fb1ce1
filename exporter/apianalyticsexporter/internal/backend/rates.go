// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"net/http"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// RateSource is implemented by an Encoder whose backend prescribes what share of
// the exchanges it wants. The exporter fetches the prescription in the background
// with GET and the encoder's own headers, if the configuration asks for it.
type RateSource interface {
	// RatesPath is appended to the configured endpoint.
	RatesPath() string
	// RatesTag returns the version of the prescription that the header of an
	// answer names, be it to events or to the GET, or "" if it names none.
	RatesTag(h http.Header) string
	// ParseRates reads a prescription of at most MaxRatesBytes. ignored counts
	// the parts that cannot be used; err is for what is no prescription at all,
	// and quotes nothing of body.
	ParseRates(body []byte) (r Rates, ignored int, err error)
}

// MaxRatesBytes bounds a prescription; a larger one is refused.
const MaxRatesBytes = 4 << 20

// Rates is one prescription. It is safe for concurrent use.
type Rates interface {
	// Rate returns the percentage of exchanges like ex to send, 0 to 100.
	Rate(ex *exchange.Exchange) float64
}
