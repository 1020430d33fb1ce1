// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package httpcapture_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// exampleProvider is what a program sets up anyway, here with a channel for an
// exporter.
func exampleProvider() (*sdktrace.TracerProvider, func(keys ...attribute.Key)) {
	ended := make(chanProcessor, 8)
	show := func(keys ...attribute.Key) {
		attrs := attribute.NewSet((<-ended).Attributes()...)
		for _, k := range keys {
			v, ok := attrs.Value(k)
			if !ok {
				fmt.Printf("%s is not recorded\n", k)
				continue
			}
			fmt.Printf("%s: %s\n", k, v.String())
		}
	}
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ended)), show
}

// A server: the import path changes from otelhttp, and options are added.
func ExampleNewHandler() {
	provider, show := exampleProvider()

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		httpcapture.SetIdentity(r.Context(), httpcapture.Identity{UserID: "u-17"})
		_, _ = io.Copy(w, r.Body)
	})
	handler := httpcapture.NewHandler(mux, "shop",
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll))

	server := httptest.NewServer(handler)
	defer server.Close()
	res, err := http.Post(server.URL+"/orders/7", "application/json", strings.NewReader(`{"qty":2}`))
	if err != nil {
		panic(err)
	}
	res.Body.Close()
	show("http.route", "http.request.body.content", "user.id")
	// Output:
	// http.route: /orders/{id}
	// http.request.body.content: {"qty":2}
	// user.id: u-17
}

// A client.
func ExampleNewTransport() {
	provider, show := exampleProvider()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"paid":true}`)
	}))
	defer server.Close()

	client := &http.Client{Transport: httpcapture.NewTransport(http.DefaultTransport,
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll))}

	res, err := client.Get(server.URL)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	show("http.response.body.content")
	// Output:
	// http.response.body.content: {"paid":true}
}

// Alongside: another package makes the span.
func ExampleHandler() {
	provider, show := exampleProvider()
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })

	handler := otelhttp.NewHandler(
		httpcapture.Handler(hello, httpcapture.WithBodies(httpcapture.BodiesAll)),
		"shop", otelhttp.WithTracerProvider(provider))

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	show("http.response.body.content")
	// Output:
	// http.response.body.content: hello
}

// Single routes can be captured differently.
func ExampleWithRoutes() {
	provider, show := exampleProvider()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })

	handler := httpcapture.NewHandler(mux, "shop",
		httpcapture.WithTracerProvider(provider),
		httpcapture.WithBodies(httpcapture.BodiesAll),
		httpcapture.WithRoutes(
			httpcapture.Route("POST /login", httpcapture.WithBodies(httpcapture.BodiesOff)),
			httpcapture.Route("/internal/*", httpcapture.WithEnabled(false)),
		))

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("password=x")))
	show("http.route", "http.request.body.content")
	// Output:
	// http.route: /login
	// http.request.body.content is not recorded
}
