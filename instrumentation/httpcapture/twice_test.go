// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// TestTwice: of two wrappers around one handler the outer one captures, and what
// the handler says reaches it.
func TestTwice(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u"})
		httpcapture.SetMetadata(r.Context(), "k", "v")
		echo(w, r)
	})
	alongside := func(_ *collector, h http.Handler, opts ...httpcapture.Option) http.Handler {
		return httpcapture.Handler(h, opts...)
	}
	for _, outside := range wrappings {
		for _, inside := range append(slices.Clip(wrappings), wrapping{"Handler", alongside}) {
			t.Run(inside.name+" in "+outside.name, func(t *testing.T) {
				t.Parallel()
				c := newCollector(t)
				mux := http.NewServeMux()
				mux.Handle("/a/", http.StripPrefix("/a", inside.wrap(c, h, everything()...)))
				s := serve(t, outside.wrap(c, mux, everything()...))
				_, body := do(t, s.Client(), newRequest(t, "POST", s.URL+"/a/b", "hello", "Content-Type", "text/plain"))
				if body != "hello" {
					t.Errorf("body %q", body)
				}
				if inside.name != "Handler" {
					want(t, c.attrs(t), map[string]any{"apispan.skip": true, "http.request.body.content": nil, "user.id": nil})
				}
				want(t, c.attrs(t), map[string]any{
					"apispan.skip": nil, "user.id": "u", "apispan.metadata.k": "v",
					"http.request.body.content": "hello", "http.response.body.content": "hello",
				})
				c.none(t)
			})
		}
	}
}

// TestTwiceOtherRequest: a request that is served under the context of another one
// is an exchange of its own.
func TestTwiceOtherRequest(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, wr wrapping) {
		c := newCollector(t)
		part := wr.wrap(c, echo, everything()...)
		batch := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sub := newRequest(t, "POST", "/part", "part", "Content-Type", "text/plain").WithContext(r.Context())
			part.ServeHTTP(w, sub)
		})
		s := serve(t, wr.wrap(c, batch, everything()...))
		do(t, s.Client(), newRequest(t, "POST", s.URL+"/batch", "batch", "Content-Type", "text/plain"))
		want(t, c.attrs(t), map[string]any{"apispan.skip": nil, "http.request.body.content": "part"})
		want(t, c.attrs(t), map[string]any{"apispan.skip": nil, "http.response.body.content": "part"})
	})
}

func TestClientTwice(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	alongside := func(_ *collector, rt http.RoundTripper, opts ...httpcapture.Option) http.RoundTripper {
		return httpcapture.Transport(rt, opts...)
	}
	for _, outside := range clientWrappings {
		for _, inside := range append(slices.Clip(clientWrappings), clientWrapping{"Transport", alongside}) {
			t.Run(inside.name+" in "+outside.name, func(t *testing.T) {
				t.Parallel()
				c := newCollector(t)
				base := &http.Transport{}
				t.Cleanup(base.CloseIdleConnections)
				// Something in between asks elsewhere under the same context: that is captured.
				within := inside.wrap(c, base, everything()...)
				login := roundTripper(func(r *http.Request) (*http.Response, error) {
					req, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, s.URL+"/login", nil)
					res, err := (&http.Client{Transport: otelhttp.NewTransport(httpcapture.Transport(base, everything()...), otelhttp.WithTracerProvider(c))}).Do(req)
					if err != nil {
						return nil, err
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					return within.RoundTrip(r)
				})
				client := &http.Client{Transport: outside.wrap(c, login, everything()...)}
				do(t, client, newRequest(t, "POST", s.URL+"/a", "hello", "Content-Type", "text/plain"))
				want(t, c.attrs(t), map[string]any{"apispan.skip": nil, "http.response.header.content-length": []string{"0"}})
				if inside.name != "Transport" {
					want(t, c.attrs(t), map[string]any{"apispan.skip": true, "http.request.body.content": nil, "http.response.body.content": nil})
				}
				want(t, c.attrs(t), map[string]any{"apispan.skip": nil, "http.request.body.content": "hello", "http.response.body.content": "hello"})
				c.none(t)
			})
		}
	}
}
