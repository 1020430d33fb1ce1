// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/internal/httpattr"
)

// healthPaths are skipped by default.
var healthPaths = map[string]bool{
	"/health": true, "/healthz": true, "/healthcheck": true, "/health-check": true, "/health_check": true,
	"/health/live": true, "/health/liveness": true, "/health/ready": true, "/health/readiness": true,
	"/live": true, "/livez": true, "/liveness": true, "/ready": true, "/readyz": true, "/readiness": true,
	"/-/healthy": true, "/-/ready": true, "/ping": true, "/_health": true, "/heartbeat": true,
	"/actuator/health": true,
}

// proberAgents are the user agents of WithProbePeers.
var proberAgents = [...]string{"kube-probe/", "GoogleHC/", "ELB-HealthChecker/"}

// relayHeaders tell a request that a load balancer passes on from one of its own, with
// addressHeaders. The client cannot take them away, as the load balancer adds them: not
// all of them, and some can be told to leave out the address.
var relayHeaders = [...]string{
	"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Via", "X-Amzn-Trace-Id",
	"X-Cloud-Trace-Context", "X-Envoy-External-Address",
}

// skipsRequest decides what is skipped before the exchange begins. What a client
// says of itself (User-Agent) is no reason; what it asked for is one only where
// nothing but a health check is there to be asked for.
func (c *config) skipsRequest(r *http.Request) bool {
	if c.defaultSkips {
		switch r.Method {
		case http.MethodOptions:
			if c.side == clientSide {
				return true // we ask; of what is asked of us, see answersOptions
			}
		case http.MethodGet, http.MethodHead, "":
			if r.URL != nil && healthPaths[r.URL.Path] {
				return true
			}
		}
	}
	if len(c.probePeers) > 0 && c.isProbe(r) {
		return true
	}
	for _, f := range c.skipRequest {
		skip := true
		c.guard(func() { skip = f(r) })
		if skip {
			return true
		}
	}
	return false
}

func (c *config) isProbe(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	agent := r.UserAgent()
	if !slices.ContainsFunc(proberAgents[:], func(p string) bool { return strings.HasPrefix(agent, p) }) {
		return false
	}
	if isRelayed(r.Header) {
		return false
	}
	peer, ok := parseHop(r.RemoteAddr)
	return ok && contains(c.probePeers, peer)
}

func isRelayed(h http.Header) bool {
	there := func(name string) bool { return len(h[name]) > 0 }
	return slices.ContainsFunc(relayHeaders[:], there) || slices.ContainsFunc(addressHeaders[:], there)
}

// skipMark is shared by all: SetAttributes does not change what it is given.
var skipMark = []attribute.KeyValue{attribute.Bool(httpattr.Skip, true)}

// markSkipped leaves the exchange of a span out of everything but tracing.
func (c *config) markSkipped(span trace.Span, r *http.Request) {
	if c.side == serverSide {
		if mended := c.appendMended(nil, r, false); len(mended) > 0 {
			span.SetAttributes(mended...)
		}
	}
	span.SetAttributes(skipMark...)
}

// markDisabled leaves all spans of a wrapper out of everything but tracing. To a
// backend every span of an exchange is one, captured or not.
func markDisabled() Option { return otelhttp.WithSpanOptions(trace.WithAttributes(skipMark...)) }

// disable marks the span in the context of r, unless it is that of a wrapper outside,
// which has a say of its own.
func (c *config) disable(r *http.Request, kind trace.SpanKind) {
	span := trace.SpanFromContext(r.Context())
	if span.IsRecording() && spanKindIs(span, kind) && captureOutside(r.Context(), c.side, r) == nil {
		span.SetAttributes(skipMark...)
	}
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// answersOptions reports whether an answer is one to an OPTIONS request (RFC 9110,
// section 9.3.7; CORS preflight), or a refusal. A handler that does not look at the
// method serves it as any other call, and then it is one.
func answersOptions(h http.Header, status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return len(h["Allow"]) > 0 || len(h["Access-Control-Allow-Methods"]) > 0 || len(h["Access-Control-Allow-Headers"]) > 0
}
