// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package echocapture_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/instrumentation/echocapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func Example() {
	recorder := tracetest.NewSpanRecorder() // in a program: captureexport.NewSpanProcessor(exporter)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))

	e := echo.New()
	e.Use(middleware.Recover())
	e.Use(otelecho.Middleware("shop", otelecho.WithTracerProvider(provider)))
	e.Use(echocapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
	e.GET("/orders/:id", func(c echo.Context) error {
		httpcapture.SetIdentity(c.Request().Context(), httpcapture.Identity{UserID: "u-17"})
		return c.String(http.StatusOK, "order "+c.Param("id"))
	})
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orders/7", nil))

	for _, kv := range recorder.Ended()[0].Attributes() {
		switch kv.Key {
		case "http.route", "user.id", "http.response.body.content":
			fmt.Println(kv.Key, kv.Value.AsString())
		}
	}
	// Unordered output:
	// http.route /orders/:id
	// user.id u-17
	// http.response.body.content order 7
}
