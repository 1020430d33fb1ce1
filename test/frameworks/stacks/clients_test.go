// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"io"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// clientWays are the three ways in, for clients.
var clientWays = map[string]func(base http.RoundTripper, p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.RoundTripper{
	own: func(base http.RoundTripper, p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.NewTransport(base, append(opts, httpcapture.WithTracerProvider(p))...)
	},
	delegating: func(base http.RoundTripper, p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.NewTransport(base, append(opts, httpcapture.WithTracerProvider(p), httpcapture.WithOtelhttpSpans())...)
	},
	alongside: func(base http.RoundTripper, p *sdktrace.TracerProvider, opts ...httpcapture.Option) http.RoundTripper {
		return otelhttp.NewTransport(httpcapture.Transport(base, opts...), otelhttp.WithTracerProvider(p))
	},
}

// text answers with a text.
func text(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, body)
	})
}
