// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package gincapture_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/apispan/apispan/instrumentation/gincapture"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

func Example() {
	recorder := tracetest.NewSpanRecorder() // in a program: captureexport.NewSpanProcessor(exporter)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.Use(otelgin.Middleware("shop", otelgin.WithTracerProvider(provider)))
	r.Use(gincapture.Middleware(httpcapture.WithBodies(httpcapture.BodiesAll)))
	r.POST("/orders/:id", func(c *gin.Context) {
		httpcapture.SetIdentity(c.Request.Context(), httpcapture.Identity{UserID: "u-17"})
		c.JSON(http.StatusOK, gin.H{"order": c.Param("id")})
	})

	request := httptest.NewRequest(http.MethodPost, "/orders/7", strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	r.ServeHTTP(httptest.NewRecorder(), request)

	for _, kv := range recorder.Ended()[0].Attributes() {
		switch kv.Key {
		case "http.route", "user.id", "http.response.body.content":
			fmt.Println(kv.Key, kv.Value.AsString())
		}
	}
	// Unordered output:
	// http.route /orders/:id
	// user.id u-17
	// http.response.body.content {"order":"7"}
}
