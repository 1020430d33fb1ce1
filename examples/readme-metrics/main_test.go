// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// The vectors are from readmeio/metrics-sdks test/integration-metrics.test.js.
func TestMask(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]string{
		"owlbert-api-key":          "sha512-u2GbQ83jIqNa+a8v110+8IDztQQr4joL1xSE+wFH51zSOA1qQKPwOC8t2n2LWJQA1mX4ZLZ45SEokITzLed/ow==?-key",
		"Bearer: a-random-api-key": "sha512-7S+L0vUE8Fn6HI3836rtz4b6fVf6H4JFur6SGkOnL3bFpC856+OSZkpIHphZ0ipNO+kUw1ePb5df2iYrNQCpXw==?-key",
	} {
		if got := mask(secret); got != want {
			t.Errorf("mask of %q: %s", secret, got)
		}
	}
	if got := mask("short"); !strings.HasSuffix(got, "?") {
		t.Errorf("a short key leaks: %s", got)
	}
}

// TestCredentialsStayHere: what leaves the process has the masks and no key.
func TestCredentialsStayHere(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	t.Cleanup(func() { _ = tp.Shutdown(t.Context()) })
	s := httptest.NewServer(capture(routes(), tp, "https://docs.example.com/"))
	t.Cleanup(s.Close)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/users/7", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer: a-random-api-key")
	req.Header.Set("X-Api-Key", "another-secret-key")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()

	got := make(map[attribute.Key]string)
	for _, a := range spans.GetSpans()[0].Attributes {
		got[a.Key] = a.Value.String()
		if strings.Contains(a.Value.String(), "another-secret") || strings.Contains(a.Value.String(), "a-random") {
			t.Errorf("%s holds a key", a.Key)
		}
	}
	if v := got["apispan.consumer.id"]; v != mask("another-secret-key") {
		t.Errorf("consumer %s", v)
	}
	if v := got["http.request.header.authorization"]; v != `["`+mask("Bearer: a-random-api-key")+`"]` {
		t.Errorf("authorization %s", v)
	}
	if want := "https://docs.example.com/logs/" + got["apispan.event.id"]; resp.Header.Get("X-Documentation-Url") != want {
		t.Errorf("link %q, want %q", resp.Header.Get("X-Documentation-Url"), want)
	}
	if got["http.route"] != "/users/{id}" {
		t.Errorf("route %q", got["http.route"])
	}
}
