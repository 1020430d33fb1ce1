// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// TestClientLabeler: what goes to the Labeler of a client is on the client's metrics,
// whoever makes the spans and whichever otelhttp is built in, over a real connection.
func TestClientLabeler(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(server.Close)
	for name, opts := range map[string][]otelhttp.Option{"own": nil, "delegating": {httpcapture.WithOtelhttpSpans()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(rand.New(rand.NewPCG(1, 1)))
			transport := httpcapture.NewTransport(nil, append(opts, httpcapture.WithTracerProvider(l.provider), httpcapture.WithMeterProvider(l.meters))...)
			var labeler httpcapture.Labeler
			labeler.Add(attribute.String("tenant", "blue"))
			// Longer than what is sent in one piece, and without a length.
			body := struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 100_000))}
			r, err := http.NewRequestWithContext(httpcapture.ContextWithClientLabeler(t.Context(), &labeler), http.MethodPost, server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			res, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			for key, points := range l.metrics(t) {
				if len(points) != 1 || !strings.Contains(points[0], "tenant=blue") {
					t.Errorf("%s: %q", key, points)
				}
				if strings.Contains(key, "request.body.size") && !strings.Contains(points[0], " 1 100000 ") {
					t.Errorf("%s: not all of the body: %q", key, points)
				}
			}
			if n := len(l.metrics(t)); n != 2 {
				t.Errorf("%d metrics", n)
			}
		})
	}
}
