// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

const (
	modeDropIn    = "dropin"
	modeAlongside = "alongside"
)

// instrument returns the client for outgoing calls and the wrapper for the
// routes. Both ways record the same attributes.
func instrument(mode string, tp trace.TracerProvider) (*http.Client, func(http.Handler) http.Handler, error) {
	capture := []httpcapture.Option{
		httpcapture.WithBodies(httpcapture.BodiesAll), // off unless asked for
		httpcapture.WithMaxBodySize(16 << 10),         // per body; the rest is counted, not kept
		httpcapture.WithContentTypes("*/*"),           // uploads, too; by default only text
		httpcapture.WithAllHeaders(),                  // credentials are masked
	}
	provider := httpcapture.WithTracerProvider(tp) // only because the tests use several providers

	var transport http.RoundTripper
	var wrap func(http.Handler) http.Handler
	switch mode {
	case modeDropIn:
		// The service had otelhttp, or nothing: httpcapture takes otelhttp's
		// place and its options.
		opts := append(capture, provider)
		wrap = httpcapture.NewMiddleware("shop", opts...)
		transport = httpcapture.NewTransport(http.DefaultTransport, opts...)
	case modeAlongside:
		// Something else makes the spans (here otelhttp; a router's middleware
		// does as well): httpcapture goes within it and adds to its span.
		wrap = func(h http.Handler) http.Handler {
			return otelhttp.NewHandler(httpcapture.Handler(h, capture...), "shop", provider)
		}
		transport = otelhttp.NewTransport(httpcapture.Transport(http.DefaultTransport, capture...), provider)
	default:
		return nil, nil, fmt.Errorf("-mode %q is unknown; use %s or %s", mode, modeDropIn, modeAlongside)
	}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, wrap, nil
}
