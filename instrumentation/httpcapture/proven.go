// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// oldestProven and newestProven are the versions of otelhttp between which spans and
// metrics of our own are proven equal to its own: TestEqualServerSpans and
// TestEqualClientSpans pass with the one of go.mod, and with the other in "make newest".
const (
	oldestProven = "0.69.0"
	newestProven = "0.72.0"
)

// provenVersion is what our own spans and metrics state as the version of their scope:
// that of the otelhttp that the application is built with, which they follow, if that is
// proven, else the nearest that is.
var provenVersion = nearestProven(otelhttp.Version)

func nearestProven(version string) string {
	switch {
	case minor(version) < minor(oldestProven):
		return oldestProven
	case minor(version) > minor(newestProven):
		return newestProven
	}
	return version
}

// minor is the second number of a version, the one that moves while otelhttp is 0.x, and
// beyond all of them afterwards.
func minor(version string) int {
	rest, ok := strings.CutPrefix(version, "0.")
	if !ok {
		return 1 << 30
	}
	n, _, _ := strings.Cut(rest, ".")
	i, err := strconv.Atoi(n)
	if err != nil {
		return 0
	}
	return i
}

// Where otelhttp changed between them, ours does as the one it is built with.
var (
	// fromResponse: a client's protocol is that of the response, once there is one.
	fromResponse = minor(otelhttp.Version) >= 70
	// bareEvents: the events of WithMessageEvents do not say how many bytes.
	bareEvents = minor(otelhttp.Version) >= 72
	// atClose: a client's metrics wait until the body of the request is closed.
	atClose = minor(otelhttp.Version) >= 72
)

// messageEvent adds the event of one Read or Write of n bytes.
func messageEvent(span trace.Span, name string, key attribute.Key, n int) {
	if bareEvents {
		span.AddEvent(name)
		return
	}
	span.AddEvent(name, trace.WithAttributes(key.Int(n)))
}
