// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"net/http"
	"runtime"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// TestHandlerCost: there may be a wrapper for every route of an application.
func TestHandlerCost(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	next := http.NotFoundHandler()
	for name, wrap := range map[string]func() any{
		"NewHandler": func() any { return httpcapture.NewHandler(next, "op", httpcapture.WithBodies(httpcapture.BodiesAll)) },
		"NewHandler, a MeterProvider": func() any {
			return httpcapture.NewHandler(next, "op", httpcapture.WithBodies(httpcapture.BodiesAll), httpcapture.WithMeterProvider(meters))
		},
		"delegating":   func() any { return httpcapture.NewHandler(next, "op", httpcapture.WithOtelhttpSpans()) },
		"Handler":      func() any { return httpcapture.Handler(next, httpcapture.WithAllHeaders()) },
		"NewTransport": func() any { return httpcapture.NewTransport(nil, httpcapture.WithAllHeaders()) },
		"Transport":    func() any { return httpcapture.Transport(nil) },
		"otelhttp itself": func() any {
			return otelhttp.NewHandler(next, "op", otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()))
		},
	} {
		var last any
		n, bytes := allocations(func() { last = wrap() })
		runtime.KeepAlive(last)
		t.Logf("%s: %.0f allocations, %.0f bytes", name, n, bytes)
		if name == "delegating" {
			bytes -= 856 // of otelhttp's handler inside it
		}
		if name != "otelhttp itself" && (n > 40 || bytes > 2048) {
			t.Errorf("%s: %.0f allocations and %.0f bytes, budget is 40 and 2048", name, n, bytes)
		}
	}
}

var meters = sdkmetric.NewMeterProvider()
