// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// capture records the exchanges of h for ReadMe Metrics. docsURL is the address of
// the project's documentation; with one, each answer links its own log there.
func capture(h http.Handler, tp trace.TracerProvider, docsURL string) http.Handler {
	opts := []httpcapture.Option{
		httpcapture.WithTracerProvider(tp),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithMaxBodySize(64 << 10),
		httpcapture.WithContentTypes("*/*"), // uploads, too
		// All but Authorization, which identify records in ReadMe's masked form.
		httpcapture.WithRequestHeaders("Accept*", "Connection", "Content-*", "Origin", "Referer", "User-Agent", "X-*"),
		httpcapture.WithResponseHeaders("Cache-Control", "Content-*", "Etag", "Location", "X-*"),
	}
	if docsURL != "" {
		opts = append(opts,
			httpcapture.WithEventIDHeader("X-Documentation-Url"),
			httpcapture.WithEventIDPrefix(strings.TrimRight(docsURL, "/")+"/logs/"))
	}
	return httpcapture.NewHandler(identify(h), "readme-metrics", opts...)
}

// identify says whose API key a call was made with: ReadMe's "group". A real service
// looks the key up; this one has a single customer.
//
// The key and the Authorization header are masked here, as ReadMe's SDKs mask them,
// so that neither leaves the process. (The exporter masks a key that is not; it
// cannot mask an Authorization header that redaction has removed before.)
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := "owlbert-api-key"
		if k := cmp.Or(r.Header.Get("X-Api-Key"), r.URL.Query().Get("api_key")); k != "" {
			key = k
		}
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{
			ConsumerID: mask(key), Label: "Owlbert", Email: "owlbert@example.com",
		})
		if v := r.Header.Get("Authorization"); v != "" {
			trace.SpanFromContext(r.Context()).SetAttributes(
				attribute.StringSlice("http.request.header.authorization", []string{mask(v)}))
		}
		next.ServeHTTP(w, r)
	})
}

// mask is what ReadMe's SDKs make of a credential: a hash that tells keys apart, and
// the last four characters for its owner to recognise. A short key keeps those, too.
func mask(secret string) string {
	sum := sha512.Sum512([]byte(secret))
	tail := ""
	if len(secret) >= 8 {
		tail = secret[len(secret)-4:]
	}
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:]) + "?" + tail
}
