// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
)

// AnyCaller is for WithPublicEndpointFn (here and in otelhttp) where anybody may call:
//
//	httpcapture.WithPublicEndpointFn(httpcapture.AnyCaller)
//
// Each request then begins a trace of its own, with a link to the caller's. So the
// caller's flag does not decide what is sampled, its trace id does not decide what a
// sampler by trace id keeps, and its tracestate ("ot=th:…") is no weight.
func AnyCaller(*http.Request) bool { return true }

// InjectOnly is p for services that anybody may call: it tells others what p tells, and
// takes nothing from callers, neither a trace context nor baggage. It does what AnyCaller
// does for instrumentation that has no such option (otelgin, otelecho, otelfiber), and
// keeps baggage from strangers out of the context, from where outgoing calls and span
// processors would pass it on. There are no links to callers. Nil is nothing at all.
func InjectOnly(p propagation.TextMapPropagator) propagation.TextMapPropagator {
	if p == nil {
		p = propagation.NewCompositeTextMapPropagator()
	}
	return injectOnly{p}
}

type injectOnly struct{ propagation.TextMapPropagator }

func (injectOnly) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	return ctx
}
