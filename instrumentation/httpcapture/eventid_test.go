// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/internal/httpattr"
)

// TestForeignEventID: one call is one event, whatever id the other side states. A
// gateway that calls an upstream makes two exchanges, and two ids.
func TestForeignEventID(t *testing.T) {
	t.Parallel()
	const header, claimed = "X-Moesif-Transaction-Id", "3f2c9a54-0000-4000-8000-000000000001"
	protocols(t, func(t *testing.T, start func(http.Handler) *httptest.Server) {
		both(t, func(t *testing.T, wr wrapping) {
			for _, trust := range []bool{false, true} {
				c := newCollector(t)
				opts := []httpcapture.Option{httpcapture.WithEventIDHeader(header)}
				if trust {
					opts = append(opts, httpcapture.WithTrustedEventID())
				}
				upstream := start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set(header, claimed)
					_, _ = io.WriteString(w, "x")
				}))
				client := &http.Client{Transport: httpcapture.NewTransport(upstream.Client().Transport, append(opts, httpcapture.WithTracerProvider(c))...)}
				s := start(wr.wrap(c, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					do(t, client, newRequest(t, "GET", upstream.URL, "").WithContext(r.Context()))
				}), opts...))
				ids := map[string]bool{}
				for range 2 {
					res, _ := do(t, s.Client(), newRequest(t, "GET", s.URL, "", header, claimed))
					for _, key := range []string{"upstream", "caller"} {
						sp := c.span(t)
						attrs, sc := attrMap(sp.Attributes()), sp.SpanContext()
						id, foreign := httpattr.NewEventID(sc.TraceID(), sc.SpanID(), nil), any(claimed)
						if trust {
							id, foreign = claimed, nil
						}
						want(t, attrs, map[string]any{"apispan.event.id": id, "apispan.metadata." + key + "_event_id": foreign})
						ids[id] = true
						if key == "caller" && res.Header.Get(header) != id {
							t.Errorf("the caller was told %s, the event has %s", res.Header.Get(header), id)
						}
					}
				}
				if !trust && len(ids) != 4 {
					t.Errorf("4 exchanges have %d ids", len(ids))
				}
			}
		})
	})
}
