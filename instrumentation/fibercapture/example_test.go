// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package fibercapture_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gofiber/contrib/otelfiber/v2"
	"github.com/gofiber/fiber/v2"
	fiberrecover "github.com/gofiber/fiber/v2/middleware/recover"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/instrumentation/fibercapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func Example() {
	recorder := tracetest.NewSpanRecorder() // in a program: captureexport.NewSpanProcessor(exporter)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))

	app := fiber.New()
	app.Use(fiberrecover.New())
	app.Use(otelfiber.Middleware(otelfiber.WithTracerProvider(provider)))
	app.Use(fibercapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
	app.Get("/orders/:id", func(c *fiber.Ctx) error {
		httpcapture.SetIdentity(c.UserContext(), httpcapture.Identity{UserID: "u-17"})
		return c.SendString("order " + c.Params("id"))
	})
	resp, err := app.Test(httptest.NewRequest(http.MethodGet, "/orders/7", nil))
	if err != nil {
		panic(err)
	}
	_ = resp.Body.Close()

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
